//! Long answers: read to their end, or given up; and digests.

use std::num::NonZeroU32;
use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _};
use tsdb_cluster::Batch;
use tsdb_cluster::message::{DigestOf, DigestRequest, NodeError, Want};
use tsdb_cluster::transport::Transport as _;
use tsdb_core::{Sample, TimeRange};

use super::support::*;
use crate::rpc::{Call, Outcome, RpcClientOptions};

const SERIES: u64 = 12;
const SAMPLES: i64 = 80_000;

/// A value that no codec makes short.
fn value(series: u64, at: i64) -> f64 {
    let mixed = (series << 32 | at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    f64::from_bits(mixed >> 2 | 1 << 61)
}

/// One series alone has more chunks than a message holds, and all together more than may be under
/// way unread.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_answer_comes_whole_and_one_that_is_dropped_ends_at_the_node() {
    let machine = Machine::start("a").await;
    let client = client(&[&machine], RpcClientOptions::default());
    for number in 0..SERIES {
        let mut batch = Batch::default();
        batch.begin(entry(number));
        for at in 0..SAMPLES {
            batch.sample(Sample::new(BEGIN_MS + at * 1_000, value(number, at)));
        }
        let request = write(&machine, &Arc::new(batch));
        client.write(&machine.id, request).await.expect("a reply");
    }
    let before = machine.figures.bytes_sent();
    let all = everything(&client, &machine).await.expect("a read");
    let whole = machine.figures.bytes_sent() - before;
    assert!(
        whole > 5 << 20,
        "{whole} bytes are too few to show anything"
    );
    assert_eq!(all.len(), SERIES as usize);
    for series in &all {
        let instance = series.labels().get("instance").expect("a label");
        let number: u64 = instance.parse().expect("a number");
        assert_eq!(series.values().len(), SAMPLES as usize);
        let mut values = series.values().iter().zip(0..);
        assert!(values.all(|(found, at)| found.to_bits() == value(number, at).to_bits()));
    }
    until("the read has ended", || {
        machine.figures.reads_under_way() == 0
    })
    .await;

    let before = machine.figures.bytes_sent();
    let request = read(&machine, Want::Samples);
    let (_, mut found) = client.read(&machine.id, request).await.expect("a read");
    found.next().await.expect("a piece").expect("no error");
    assert_eq!(machine.figures.reads_under_way(), 1);
    drop(found);
    until("the read has ended", || {
        machine.figures.reads_under_way() == 0
    })
    .await;
    let sent = machine.figures.bytes_sent() - before;
    assert!(sent < whole, "{sent} of {whole} bytes were sent");
    client
        .status(&machine.id)
        .await
        .expect("the connection goes on");

    // A limit of the query is told as one, wherever it is reached.
    let mut request = read(&machine, Want::Samples);
    request.max_samples = 100_000;
    let limited = match client.read(&machine.id, request).await {
        Ok((_, found)) => found.try_collect::<Vec<_>>().await.expect_err("a limit"),
        Err(error) => error,
    };
    assert!(matches!(limited, NodeError::Limit(_)), "{limited}");

    // A node that dies among pieces is no end of them.
    let request = read(&machine, Want::Samples);
    let (_, mut found) = client.read(&machine.id, request).await.expect("a read");
    found.next().await.expect("a piece").expect("no error");
    machine.kill().await;
    let cut = found.try_collect::<Vec<_>>().await.expect_err("a cut");
    assert!(matches!(cut, NodeError::Unreachable(_)), "{cut}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn digests_are_those_of_the_node() {
    let machine = Machine::start("a").await;
    let client = client(&[&machine], RpcClientOptions::default());
    let entries: Vec<_> = (0..20).map(entry).collect();
    let request = write(&machine, &batch(&entries, BEGIN_MS));
    client.write(&machine.id, request).await.expect("a reply");
    let request = |of| DigestRequest {
        namespace: "default".into(),
        incarnation: machine.incarnation(),
        epochs: epochs(),
        shards: NonZeroU32::new(SHARDS).expect("not 0"),
        deletes_seen: 0,
        range: TimeRange::ALL,
        of,
    };
    let windows = |window_ms| DigestOf::Windows { window_ms };
    let series = |after, limit| DigestOf::Series { after, limit };
    let third = Some(entry(3).labels.clone());
    for (of, found) in [
        (windows(3_600_000), 0),
        (series(None, 7), 7),
        (series(third, usize::MAX), 6),
    ] {
        let told = client.digest(&machine.id, request(of.clone())).await;
        let told = told.expect("digests");
        let own = machine.node.digest(request(of)).await.expect("digests");
        assert_eq!(told.series.len(), found);
        assert_eq!(told.windows.is_empty(), found > 0);
        assert_eq!((told.windows, told.series), (own.windows, own.series));
        assert_eq!((told.deletes_applied, told.refusals), (0, Vec::new()));
    }
    let mut ahead = request(windows(3_600_000));
    ahead.deletes_seen = 1;
    let missing = client.digest(&machine.id, ahead).await;
    let missing = missing.expect_err("a delete is missing");
    assert_eq!(missing, NodeError::DeletesMissing { applied: 0 });
    let refused = client.digest(&machine.id, request(windows(0))).await;
    let refused = refused.expect_err("no window").to_string();
    assert!(refused.contains("at least one millisecond"), "{refused}");
    assert_eq!(client.figures().answers(Call::Digest, Outcome::Done), 3);
}
