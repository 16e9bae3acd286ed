//! The inverted index: adding series, and finding them by matchers.
#![expect(clippy::expect_used, reason = "a benchmark may panic")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tsdb_bench::{Fleet, bench_fleet};
use tsdb_core::Matcher;
use tsdb_core::index::MemIndex;

fn index_of(fleet: &Fleet) -> MemIndex {
    let mut index = MemIndex::new();
    for (slot, labels) in (0..).zip(fleet.labels()) {
        index.add(slot, labels);
    }
    index
}

fn postings(c: &mut Criterion) {
    let fleet = bench_fleet().expect("a fleet");
    let mut group = c.benchmark_group("postings");
    group.throughput(Throughput::Elements(fleet.labels().len() as u64));
    group.bench_function("add", |b| b.iter(|| index_of(&fleet).len()));
    group.finish();

    let index = index_of(&fleet);
    let regex = |name: &str, pattern: &str| Matcher::regex(name, pattern).expect("a pattern");
    let queries = [
        ("equal", vec![Matcher::equal("__name__", "up")]),
        (
            "equal and equal",
            vec![
                Matcher::equal("job", "node"),
                Matcher::equal("__name__", "node_load1"),
            ],
        ),
        (
            "set",
            vec![regex("__name__", "up|node_load1|go_goroutines")],
        ),
        (
            "prefix",
            vec![regex("__name__", "node_.*"), Matcher::equal("job", "node")],
        ),
        ("automaton", vec![regex("__name__", ".*_(total|count)")]),
        (
            "not equal",
            vec![
                Matcher::equal("job", "node"),
                Matcher::not_equal("instance", "localhost:9100"),
            ],
        ),
        (
            "absent",
            vec![Matcher::equal("job", "node"), Matcher::equal("device", "")],
        ),
    ];
    let mut group = c.benchmark_group("postings");
    for (name, matchers) in queries {
        assert!(
            !index.matches(&matchers).is_empty() || tsdb_bench::is_tiny(),
            "{name}"
        );
        group.bench_function(name, |b| b.iter(|| index.matches(&matchers).len()));
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = postings
}
criterion_main!(benches);
