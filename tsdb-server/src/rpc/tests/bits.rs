//! What comes is what went, bit for bit, and labels go once.

use std::sync::Arc;

use tsdb_cluster::Batch;
use tsdb_cluster::message::Want;
use tsdb_cluster::message::{Found, ShardVerdict};
use tsdb_cluster::transport::Transport as _;
use tsdb_core::{BucketSpan, Exemplar, Histogram, HistogramCounts, Labels, Sample, TimeRange};

use super::support::*;
use crate::rpc::RpcClientOptions;

/// Values that a careless way changes.
const BITS: [u64; 7] = [
    0x7ff0_0000_0000_0002,
    0x7ff8_dead_beef_0001,
    0xfff8_0000_0000_0001,
    0x8000_0000_0000_0000,
    0x0000_0000_0000_0001,
    0x7ff0_0000_0000_0000,
    0xffef_ffff_ffff_ffff,
];

fn histogram(number: i64) -> Histogram {
    Histogram {
        schema: 3,
        zero_threshold: 1e-128,
        sum: f64::from_bits(BITS[1]),
        start_timestamp: BEGIN_MS - 1,
        positive_spans: vec![BucketSpan {
            offset: -2,
            length: 2,
        }],
        counts: HistogramCounts::Integer {
            count: 7,
            zero_count: 1,
            positive: vec![number, 6 - 2 * number],
            negative: Vec::new(),
        },
        ..Histogram::default()
    }
}

fn bytes_of(histogram: &Histogram) -> Vec<u8> {
    let mut bytes = Vec::new();
    histogram.put_bytes(&mut bytes);
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floats_histograms_and_exemplars_come_bit_for_bit() {
    let machine = Machine::start("a").await;
    let client = client(&[&machine], RpcClientOptions::default());
    let mut batch = Batch::default();
    batch.begin(entry(0));
    for (at, bits) in (0i64..).zip(BITS) {
        batch.sample(Sample::new(BEGIN_MS + at, f64::from_bits(bits)));
    }
    batch.begin(entry(1));
    for at in 0..3 {
        batch.histogram(BEGIN_MS + at, histogram(at));
    }
    let exemplar = Exemplar {
        labels: Labels::from_pairs([("trace_id", "1f")]).expect("labels"),
        value: f64::from_bits(BITS[2]),
        timestamp: BEGIN_MS,
    };
    batch.begin(entry(2));
    batch.sample(Sample::new(BEGIN_MS, 1.0));
    batch.exemplar(exemplar.clone());
    let request = write(&machine, &Arc::new(batch));
    let reply = client.write(&machine.id, request).await.expect("a reply");
    let stored = |(_, verdict): &(u32, ShardVerdict)| *verdict == ShardVerdict::Stored;
    assert!(reply.shards.iter().all(stored) && reply.shards.len() == SHARDS as usize);
    let report = reply.report;
    let counts = (
        report.appended,
        report.appended_histograms,
        report.appended_exemplars,
    );
    assert_eq!(counts, (8, 3, 1));

    let all = everything(&client, &machine).await.expect("a read");
    let bits: Vec<_> = all[0]
        .values()
        .iter()
        .map(|value| value.to_bits())
        .collect();
    assert_eq!(bits, BITS);
    let came: Vec<_> = all[1]
        .histograms()
        .iter()
        .map(|(_, one)| bytes_of(one))
        .collect();
    let went: Vec<_> = (0..3).map(|at| bytes_of(&histogram(at))).collect();
    assert_eq!(came, went);
    let namespace = machine.db().find("default").expect("it is there");
    let found = namespace.exemplars(TimeRange::ALL, &[]).expect("exemplars");
    assert_eq!(found[0].labels, entry(2).labels);
    let kept = &found[0].exemplars[0];
    assert_eq!((&kept.labels, kept.timestamp), (&exemplar.labels, BEGIN_MS));
    assert_eq!(kept.value.to_bits(), BITS[2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn labels_go_once_a_stream_and_names_and_values_come_back() {
    let machine = Machine::start("a").await;
    let client = client(&[&machine], RpcClientOptions::default());
    let entries: Vec<_> = (0..1_000).map(entry).collect();
    let mut sent = Vec::new();
    for round in 0..4 {
        let before = client.figures().bytes_sent();
        let request = write(&machine, &batch(&entries, BEGIN_MS + round * 15_000));
        client.write(&machine.id, request).await.expect("a reply");
        sent.push(client.figures().bytes_sent() - before);
    }
    assert!(sent[0] > 5_000, "the labels and values: {sent:?}");
    // Values and intervals are as before: bits and runs are left, and the envelope.
    assert!(sent[3] < 200, "no labels: {sent:?}");
    assert_eq!(machine.figures.streams_of_writes(), 1);
    until("all that was sent has come", || {
        machine.figures.bytes_received() == client.figures().bytes_sent()
    })
    .await;

    let mut request = read(&machine, Want::Values("instance".to_owned()));
    request.limit = 999;
    let (reply, found) = client.read(&machine.id, request).await.expect("values");
    assert!(reply.is_truncated && reply.refusals.is_empty(), "{reply:?}");
    let found: Vec<_> = futures_util::TryStreamExt::try_collect(found)
        .await
        .expect("pieces");
    assert_eq!(found.iter().map(Vec::len).sum::<usize>(), 999);
    let (_, names) = client
        .read(&machine.id, read(&machine, Want::Names))
        .await
        .expect("names");
    let names: Vec<_> = futures_util::TryStreamExt::try_collect(names)
        .await
        .expect("pieces");
    let names = names.iter().flatten().map(|one| match one {
        Found::Text(text) => text.as_ref(),
        other => panic!("names were asked for, not {other:?}"),
    });
    assert_eq!(names.collect::<Vec<_>>(), ["__name__", "instance", "job"]);
}

/// Series whose coordinator gave them no key are told apart all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn series_without_a_key_are_told_apart() {
    let machine = Machine::start("a").await;
    let client = client(&[&machine], RpcClientOptions::default());
    let nameless = |number| {
        let named = entry(number);
        Arc::new(tsdb_cluster::SeriesEntry {
            labels: named.labels.clone(),
            shard: named.shard,
            key: 0,
        })
    };
    let entries: Vec<_> = (0..5).map(nameless).collect();
    for round in 0..3 {
        let request = write(&machine, &batch(&entries, BEGIN_MS + round));
        client.write(&machine.id, request).await.expect("a reply");
    }
    let all = everything(&client, &machine).await.expect("a read");
    assert_eq!(all.len(), 5);
    for (number, series) in (0u32..).zip(&all) {
        assert_eq!(series.values(), [f64::from(number); 3]);
    }
}
