//! What is kept beside samples: written with the shards it belongs to, and read from them.

use std::num::NonZeroU32;

use tsdb_core::{Exemplar, Labels, MetricMetadata};

use super::support::{BEGIN_MS, SHARDS, Three, entry, everything};
use crate::message::Want;
use crate::topology::{ReadLevel, WriteLevel};
use crate::{Batch, shard_of_metric};

fn metadata(names: &[&str], help: &str) -> Batch {
    let mut batch = Batch::default();
    for name in names {
        let shard = shard_of_metric(name, NonZeroU32::new(SHARDS).expect("not 0"));
        let one = MetricMetadata {
            metric: (*name).to_owned(),
            help: help.to_owned(),
            ..MetricMetadata::default()
        };
        batch.metadata(shard, one);
    }
    batch
}

/// Names and texts that are answered.
fn told(three: &Three, metric: Option<&str>, limit: usize) -> (Vec<(String, String)>, bool) {
    let want = Want::Metadata(metric.map(str::to_owned));
    let mut query = everything(want, ReadLevel::Majority);
    query.limit = limit;
    let answer = three.read(query).expect("a read");
    let told = answer
        .metadata
        .into_iter()
        .map(|one| (one.metric, one.help));
    (told.collect(), answer.is_truncated)
}

#[test]
fn metadata_is_acknowledged_by_a_majority_and_read_from_any() {
    let three = Three::new();
    let names = ["a_total", "b_seconds", "c_bytes", "d_total", "e_ratio"];
    three.away(&["a"]);
    three.write(metadata(&names, "first"), WriteLevel::Majority);
    let expected: Vec<_> = names
        .map(|name| (name.to_owned(), "first".to_owned()))
        .into();
    for away in ["a", "b", "c"] {
        three.away(&[away]);
        assert_eq!(told(&three, None, 5), (expected.clone(), false), "{away}");
        assert_eq!(told(&three, None, 2), (expected[..2].to_vec(), true));
        assert_eq!(told(&three, Some("c_bytes"), 5).0, expected[2..3]);
        assert_eq!(told(&three, Some("f"), 5), (Vec::new(), false));
    }
    // What two of three have been told since stands against what one has.
    three.away(&[]);
    three.write(metadata(&names, "first"), WriteLevel::All);
    three.away(&["c"]);
    three.write(metadata(&["b_seconds"], "again"), WriteLevel::Majority);
    three.away(&[]);
    let mut query = everything(Want::Metadata(Some("b_seconds".to_owned())), ReadLevel::All);
    query.limit = 1;
    let answer = three.read(query).expect("a read");
    assert_eq!(answer.metadata[0].help, "again");
}

#[test]
fn exemplars_that_any_replica_has_come_once_and_in_order() {
    let three = Three::new();
    let exemplar = |at: i64| Exemplar {
        labels: Labels::from_pairs([("trace_id", &at.to_string())]).expect("labels"),
        value: 0.5,
        timestamp: BEGIN_MS + at,
    };
    let write = |number: u32, times: &[i64]| {
        let mut batch = Batch::default();
        batch.begin(entry(number));
        times.iter().for_each(|at| batch.exemplar(exemplar(*at)));
        three.write(batch, WriteLevel::Majority);
    };
    write(1, &[10, 20]);
    write(2, &[5]);
    three.away(&["c"]);
    write(1, &[30]);
    for away in ["a", "b", "c"] {
        three.away(&[away]);
        let query = everything(Want::Exemplars, ReadLevel::Majority);
        let found = three.read(query).expect("a read").exemplars;
        let found: Vec<_> = found
            .iter()
            .map(|series| (&series.labels, series.exemplars.clone()))
            .collect();
        let (one, two) = (entry(1), entry(2));
        let expected = [
            (&one.labels, [10, 20, 30].map(exemplar).to_vec()),
            (&two.labels, vec![exemplar(5)]),
        ];
        assert_eq!(found, expected, "{away}");
    }
}
