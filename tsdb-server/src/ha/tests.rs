use std::time::Duration;

use tokio::time::{Instant, advance};
use tsdb_core::{Labels, Sample, WriteBatch};

use super::election::{Election, Judgement};
use super::{Claim, Claimed, HaFigures, HaOptions, HaPairs, Verdict};

const FAILOVER: Duration = Duration::from_secs(15);
/// A time of samples in the past of any clock.
const T: i64 = 1_600_000_000_000;

#[tokio::test(start_paused = true)]
async fn one_counts_until_it_is_silent_and_nothing_is_left_out_between_them() {
    let start = Instant::now();
    let mut election = Election::of("a", start);
    let judge = |election: &mut Election, replica, ms, seconds: u64| {
        let now = start + Duration::from_secs(seconds);
        election.judge(replica, T + ms, FAILOVER, now)
    };
    let delivered = |election: &mut Election, replica, ms, seconds: u64| {
        let now = start + Duration::from_secs(seconds);
        election.delivered(replica, T + ms, T + 1_000_000, now);
    };
    let all = Judgement::Store {
        newer_than_ms: None,
    };
    let until = |seconds| Judgement::Wait {
        until: start + Duration::from_secs(seconds),
    };
    assert_eq!(judge(&mut election, "a", 5, 1), all);
    assert_eq!(
        judge(&mut election, "b", 5, 1),
        until(16),
        "nothing is durable yet"
    );
    delivered(&mut election, "a", 5, 2);
    assert_eq!(judge(&mut election, "b", 5, 3), Judgement::Duplicate);
    assert_eq!(judge(&mut election, "b", 6, 3), until(17));
    // An old sample of the elected one, which comes late, is stored and moves nothing back.
    assert_eq!(judge(&mut election, "a", 1, 4), all);
    delivered(&mut election, "a", 1, 4);
    assert_eq!(judge(&mut election, "b", 5, 4), Judgement::Duplicate);
    // It is silent.
    assert_eq!(judge(&mut election, "b", 9, 18), until(19));
    let rest = Judgement::Store {
        newer_than_ms: Some(T + 5),
    };
    assert_eq!(judge(&mut election, "b", 9, 19), rest);
    assert_eq!(
        judge(&mut election, "b", 4, 20),
        rest,
        "still for what comes later"
    );
    delivered(&mut election, "b", 9, 20);
    // And comes back.
    assert_eq!(judge(&mut election, "a", 9, 21), Judgement::Duplicate);
    assert_eq!(judge(&mut election, "a", 10, 21), until(35));
    delivered(&mut election, "a", 10, 21);
    assert_eq!(
        judge(&mut election, "a", 10, 21),
        until(35),
        "only the elected one delivers"
    );
}

#[tokio::test(start_paused = true)]
async fn a_sample_from_the_future_keeps_nobody_out() {
    let now = Instant::now();
    let mut election = Election::of("a", now);
    election.delivered("a", T + 3_600_000, T, now);
    assert_eq!(election.judge("b", T, FAILOVER, now), Judgement::Duplicate);
    let judged = election.judge("b", T + 1, FAILOVER, now);
    assert!(matches!(judged, Judgement::Wait { .. }), "{judged:?}");
}

fn pairs(waiting_max_bytes: u64) -> HaPairs {
    HaPairs::new(HaOptions {
        replica_label: "__replica__".into(),
        cluster_label: "cluster".into(),
        failover: FAILOVER,
        waiting_max_bytes,
    })
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    let name = [("__name__", "up")];
    Labels::from_pairs(name.iter().chain(pairs).copied()).expect("labels")
}

fn claimed(pairs: &HaPairs, namespace: &str, labels: &Labels, ms: i64) -> Claimed {
    let mut batch = WriteBatch::new();
    batch.push(labels, Sample::new(T + ms, 1.0));
    pairs.claim(namespace, &batch)
}

fn claim(pairs: &HaPairs, replica: &str, ms: i64) -> Claim {
    let labels = labels(&[("__replica__", replica), ("cluster", "c")]);
    match claimed(pairs, "n", &labels, ms) {
        Claimed::Claim(claim) => claim,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_goes_on_when_the_elected_one_delivers_or_is_silent() {
    let pairs = pairs(100);
    let (first, second) = (claim(&pairs, "a", 10), claim(&pairs, "b", 12));
    assert_eq!(
        first.judge(1),
        Verdict::Store {
            newer_than_ms: None
        }
    );
    assert_eq!(second.judge(1), Verdict::Wait);
    let waiting = tokio::spawn({
        let second = second.clone();
        async move { second.wait(60).await }
    });
    tokio::task::yield_now().await;
    assert_eq!(pairs.figures().waiting, 1);
    assert!(
        !claim(&pairs, "b", 13).wait(41).await,
        "no room for so much more"
    );
    first.delivered();
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished(), "2 ms are missing");
    let third = claim(&pairs, "a", 12);
    assert_eq!(
        third.judge(1),
        Verdict::Store {
            newer_than_ms: None
        }
    );
    third.delivered();
    assert!(waiting.await.expect("a task"));
    assert_eq!(second.judge(7), Verdict::Duplicate);

    let late = claim(&pairs, "b", 20);
    assert_eq!(late.judge(1), Verdict::Wait);
    let before = Instant::now();
    assert!(late.wait(1).await);
    assert_eq!(before.elapsed(), FAILOVER);
    let expected = Verdict::Store {
        newer_than_ms: Some(T + 12),
    };
    assert_eq!(late.judge(1), expected);
    advance(Duration::from_secs(1)).await;
    assert_eq!(claim(&pairs, "a", 21).judge(1), Verdict::Wait);
    let figures = HaFigures {
        clusters: 1,
        waiting: 0,
        takeovers: 1,
        duplicate_samples: 7,
    };
    assert_eq!(pairs.figures(), figures);
}

#[tokio::test(start_paused = true)]
async fn clusters_and_namespaces_know_nothing_of_each_other_and_others_make_no_claim() {
    let pairs = pairs(100);
    for (namespace, cluster, replica) in [
        ("n", "c", "a"),
        ("n", "d", "b"),
        ("m", "c", "b"),
        ("n", "", "z"),
    ] {
        let labels = labels(&[("__replica__", replica), ("cluster", cluster)]);
        let Claimed::Claim(claim) = claimed(&pairs, namespace, &labels, 1) else {
            panic!("{labels}")
        };
        assert_eq!(
            claim.judge(1),
            Verdict::Store {
                newer_than_ms: None
            },
            "{labels}"
        );
    }
    assert_eq!(pairs.figures().clusters, 4);
    let labels = labels(&[("cluster", "c")]);
    assert!(matches!(claimed(&pairs, "n", &labels, 1), Claimed::Nothing));
    assert!(matches!(
        pairs.claim("n", &WriteBatch::new()),
        Claimed::Nothing
    ));
}
