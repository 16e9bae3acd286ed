//! What a copy costs.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tsdb_cluster::Batch;
use tsdb_cluster::transport::Transport as _;
use tsdb_core::Sample;

use super::support::*;
use crate::rpc::RpcClientOptions;

/// Requests as remote write sends them: a scrape of counters and gauges, every 15 seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_steady_request_takes_few_bytes_a_sample() {
    let machine = Machine::start("a").await;
    let client = client(&[&machine], RpcClientOptions::default());
    let entries: Vec<_> = (0..10_000).map(entry).collect();
    let rounds = 12i64;
    let (mut bytes, mut took, mut samples) = (0, Duration::ZERO, 0);
    for round in 0..rounds {
        let mut batch = Batch::with_capacity(entries.len(), entries.len());
        for (number, entry) in (0i64..).zip(&entries) {
            batch.begin(Arc::clone(entry));
            // A third stands still, a third counts, a third moves.
            let value = match number % 3 {
                0 => 1.0,
                1 => (number * 1_000 + round * (number % 97)) as f64,
                _ => ((number * 7 + round * 13) % 1_000) as f64 / 10.0,
            };
            batch.sample(Sample::new(BEGIN_MS + round * 15_000, value));
        }
        let request = write(&machine, &Arc::new(batch));
        let (before, begun) = (client.figures().bytes_sent(), Instant::now());
        let reply = client.write(&machine.id, request).await.expect("a reply");
        assert_eq!(reply.report.appended, 10_000);
        // The first two tell labels and intervals.
        if round >= 2 {
            took += begun.elapsed();
            bytes += client.figures().bytes_sent() - before;
            samples += 10_000;
        }
    }
    let (bytes, nanos) = (bytes as f64 / samples as f64, took.as_nanos() / samples);
    eprintln!("{bytes:.2} bytes and {nanos} ns a sample, encoded, sent, decoded, made durable");
    assert!(bytes < 3.5, "{bytes} bytes a sample");
}
