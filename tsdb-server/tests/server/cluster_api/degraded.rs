//! Two of three nodes are dead: what is answered says so, and what may not be is refused.

use serde_json::Value;

use super::calls::{reads, writes};
use super::{Target, cluster};
use crate::support::{Answer, Etcd};

const LEVEL: &str = "M3-Read-Consistency-Level";
const LIMITED: &str = "m3-results-limited";
const BELOW: &str = "read_consistency_below_majority";

fn is_marked(answer: &Answer) -> bool {
    let header = answer.headers.get(LIMITED);
    header.is_some_and(|value| value.to_str().expect("text").contains(BELOW))
}

/// In M3's words. Two that are dead may be known before the third has answered.
fn is_refused(answer: &Answer) -> bool {
    let of_three = |successes: u8| {
        format!("failed to meet consistency level majority with {successes}/3 success")
    };
    let text = answer.text();
    (0..2).any(|successes| text.contains(&of_three(successes)))
}

#[tokio::test]
async fn an_answer_of_one_of_three_says_so_and_a_majority_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(etcd) = Etcd::start(folder.path()).await else {
        return;
    };
    let (mut members, targets) = cluster(folder.path(), &etcd, "unstrict_majority", &[]).await;
    let target: &Target = &targets[0];
    // Durable at all three, as a write at level all would be: a majority may have left one out.
    for call in writes() {
        target.answer(&call).await;
    }
    let mut before = Vec::new();
    for call in reads() {
        let answer = target.answer(&call).await;
        assert!(!is_marked(&answer), "{call:?}: {}", answer.text());
        before.push((call, answer.status));
    }
    let server = || members[0].server.as_ref().expect("it runs");
    let counter = "tsdb_answers_below_level_total";
    assert_eq!(server().metric(counter).await, 0.0);
    members[1].kill();
    // One dead: a majority is there, and nothing is to be said.
    for (call, status) in &before {
        let answer = target.answer(call).await;
        assert_eq!(answer.status, *status, "{call:?}: {}", answer.text());
        assert!(!is_marked(&answer), "{call:?}");
    }
    members[2].kill();
    let mut answered = 0;
    for (call, status) in &before {
        let answer = target.answer(call).await;
        assert_eq!(answer.status, *status, "{call:?}: {}", answer.text());
        if *status != 200 {
            continue;
        }
        answered += 1;
        assert!(is_marked(&answer), "{call:?}: {:?}", answer.headers);
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if body["status"] == "success" {
            let warnings = body["warnings"].as_array().expect("warnings");
            let says = |text: &Value| {
                text.as_str()
                    .is_some_and(|text| text.contains("fewer than"))
            };
            assert!(warnings.iter().any(says), "{call:?}: {warnings:?}");
        }
        let strict = call.clone().with(&[(LEVEL, "majority")]);
        if strict.address == super::Address::Api {
            let refused = target.answer(&strict).await;
            assert_eq!(refused.status, 503, "{call:?}: {}", refused.text());
            assert!(is_refused(&refused), "{}", refused.text());
            let one = call.clone().with(&[(LEVEL, "one")]);
            let answer = target.answer(&one).await;
            assert_eq!(
                (answer.status, is_marked(&answer)),
                (200, false),
                "{call:?}"
            );
        }
    }
    assert!(answered > 30, "{answered}");
    // Those that fail for a limit of their own were read below the level before.
    let counted = members[0].server.as_ref().expect("it runs");
    let counted = counted.metric(counter).await;
    assert!(counted >= f64::from(answered), "{counted} of {answered}");
    let write = target.answer(&writes()[0]).await;
    assert_eq!(write.status, 503, "{}", write.text());
    assert!(is_refused(&write), "{}", write.text());
}
