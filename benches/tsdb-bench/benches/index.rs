//! The inverted index at a million series of ten labels, and at a million values of one label:
//! CPU time of the thread, best of some runs, and bytes a series. Linux only.
//!
//! `cargo bench -p tsdb-bench --bench index`; with `-- --test` each part runs once on little.
#![expect(clippy::expect_used, reason = "a benchmark may panic")]
#![expect(clippy::print_stdout, reason = "a benchmark says what it measured")]

use std::hint::black_box;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use tsdb_bench::is_tiny;
use tsdb_core::index::{IndexReader, IndexWriter, MemIndex};
use tsdb_core::vfs::{File, MemVfs, Vfs, write_all_at};
use tsdb_core::{Labels, Matcher, ShardSet, shard_of};

/// Series of a target.
const TARGET: usize = 1000;
const NAMES: [&str; 12] = [
    "node_cpu_seconds_total",
    "container_memory_working_set_bytes",
    "http_request_duration_seconds_bucket",
    "kube_pod_container_status_restarts_total",
    "go_gc_duration_seconds",
    "process_resident_memory_bytes",
    "container_network_receive_bytes_total",
    "apiserver_request_duration_seconds_bucket",
    "node_filesystem_avail_bytes",
    "grpc_server_handled_total",
    "etcd_disk_wal_fsync_duration_seconds_bucket",
    "rest_client_requests_total",
];

/// SplitMix64's finalizer: a number as good as random for each input.
fn mix(input: u64) -> u64 {
    let mut z = input.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A name as a pod of a deployment has it.
fn pod(number: usize) -> String {
    let chance = mix(number as u64);
    let (set, own) = (chance >> 32, chance & 0xf_ffff);
    format!("app-{}-{set:08x}-{own:05x}", number % 400)
}

/// Series `number` of a fleet of targets that arrive whole, as scrapes do.
fn fleet_labels(number: usize) -> Labels {
    let (target, kind) = (number / TARGET, number % TARGET);
    let instance = format!(
        "10.{}.{}.{}:9100",
        target / 65_536,
        target / 256 % 256,
        target % 256
    );
    Labels::from_pairs([
        (
            "__name__",
            NAMES.get(kind / 84).copied().unwrap_or("up").to_owned(),
        ),
        ("cluster", "prod-eu-west-1a".to_owned()),
        ("container", format!("app-{}", target % 40)),
        ("endpoint", "http-metrics".to_owned()),
        ("instance", instance),
        ("job", format!("service-{}", target % 40)),
        ("le", format!("{}", (kind % 84) as f64 * 0.025)),
        ("namespace", format!("team-{}-production", target % 25)),
        ("pod", pod(target)),
        ("service", format!("service-{}", target % 40)),
    ])
    .expect("labels")
}

/// Series that each have a pod of their own.
fn pod_labels(number: usize) -> Labels {
    let pairs = [("__name__", "up"), ("pod", &pod(number))];
    Labels::from_pairs(pairs).expect("labels")
}

/// Nanoseconds this thread was on a processor.
fn cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux counts it");
    let first = text.split_whitespace().next();
    first.and_then(|ns| ns.parse().ok()).expect("a number")
}

/// Shorter work is repeated until it took so long: the kernel counts in steps.
const LONG_ENOUGH_NS: u64 = 200_000_000;

/// The least CPU time of some runs, in nanoseconds, and the last result.
fn best<T>(runs: usize, mut run: impl FnMut() -> T) -> (f64, T) {
    let mut result = black_box(run());
    let mut least = f64::INFINITY;
    for _ in 0..if is_tiny() { 1 } else { runs } {
        let start = cpu_ns();
        let mut count = 0.0;
        loop {
            result = black_box(run());
            count += 1.0;
            let took = cpu_ns() - start;
            if is_tiny() || took >= LONG_ENOUGH_NS {
                least = least.min(took as f64 / count);
                break;
            }
        }
    }
    (least, result)
}

fn say(what: &str, value: f64, unit: &str) {
    println!("{what:<58} {value:>10.2} {unit}");
}

fn index_of(series: &[Labels]) -> MemIndex {
    let mut index = MemIndex::new();
    for (slot, labels) in (0..).zip(series) {
        index.add(slot, labels);
    }
    index
}

fn regex(name: &str, pattern: &str) -> Matcher {
    Matcher::regex(name, pattern).expect("a pattern")
}

fn queries(what: &str, cases: &[(&str, Vec<Matcher>)], matches: impl Fn(&[Matcher]) -> u64) {
    for (name, matchers) in cases {
        let (ns, found) = best(5, || matches(matchers));
        say(&format!("{what}: {name} -> {found} series"), ns / 1e6, "ms");
    }
}

/// Writes an index as block files hold it, and opens it.
fn on_disk(series: &[Labels]) -> (IndexReader, f64, usize) {
    let (ns, bytes) = best(2, || {
        let mut writer = IndexWriter::new();
        for (row, labels) in (0..).zip(series) {
            writer.add(row, labels);
        }
        let mut out = Vec::new();
        writer.finish(&mut out);
        out
    });
    let file = MemVfs::new().create(Path::new("index")).expect("a file");
    write_all_at(&*file, &bytes, 0).expect("writing to memory");
    let file: Arc<dyn File> = Arc::from(file);
    let reader = IndexReader::open(file, 0, bytes.len() as u64).expect("an index");
    (reader, ns, bytes.len())
}

/// What is made of an index, or told of it, as a whole.
fn again(index: &MemIndex) {
    let (ns, bytes) = best(2, || {
        let mut bytes = Vec::new();
        index.write_snapshot(&mut bytes);
        bytes
    });
    say("memory: snapshot, write", ns / 1e6, "ms");
    let size = bytes.len() as f64 / index.len() as f64;
    say("memory: snapshot, size", size, "B a series");
    let (ns, read) = best(3, || MemIndex::read_snapshot(&bytes).expect("a snapshot"));
    assert_eq!(read.len(), index.len());
    say("memory: snapshot, load", ns / 1e6, "ms");
    let (ns, _) = best(3, || index.retain(|slot| slot % 10 != 0).0);
    say("memory: rebuild with nine of ten series", ns / 1e6, "ms");
    let (ns, found) = best(3, || index.cardinality(20, Some("pod")));
    say(
        &format!("memory: cardinality of {} pairs", found.label_pairs),
        ns / 1e6,
        "ms",
    );
}

/// A third of the shards of a cluster, as a node of three has them.
fn some_shards() -> ShardSet {
    let of = NonZeroU32::new(64).expect("more than none");
    ShardSet::new(of, (0..64).step_by(3)).expect("shards")
}

/// What it takes to tell the shard of a series.
fn placement(series: &[Labels]) {
    let of = NonZeroU32::new(64).expect("more than none");
    let bytes: usize = series.iter().map(|one| one.as_bytes().len()).sum();
    let each = series.len() as f64;
    let sum = || {
        series
            .iter()
            .map(|one| u64::from(shard_of(one, of)))
            .sum::<u64>()
    };
    let (ns, _) = best(3, sum);
    say("placement: labels of a series", bytes as f64 / each, "B");
    say("placement: shard of a series", ns / each, "ns a series");
}

fn fleet(count: usize) {
    let series: Vec<Labels> = (0..count).map(fleet_labels).collect();
    let each = count as f64;
    println!("\n{count} series of ten labels");
    let (ns, index) = best(3, || index_of(&series));
    say("memory: add", ns / each, "ns a series");
    say(
        "memory: held",
        index.heap_bytes() as f64 / each,
        "B a series",
    );
    let cases = [
        (
            "equal and equal",
            vec![
                Matcher::equal("__name__", "http_request_duration_seconds_bucket"),
                Matcher::equal("job", "service-7"),
            ],
        ),
        ("prefix", vec![regex("pod", "app-1.*"), regex("le", "0.*")]),
        ("general", vec![regex("instance", ".*\\.7:9.*")]),
        (
            "negative",
            vec![
                Matcher::equal("job", "service-7"),
                Matcher::not_equal("le", "0"),
            ],
        ),
        ("shards", vec![Matcher::shards(some_shards())]),
        (
            "equal and shards",
            vec![
                Matcher::equal("job", "service-7"),
                Matcher::shards(some_shards()),
            ],
        ),
    ];
    placement(&series);
    queries("memory", &cases, |matchers| index.matches(matchers).len());
    again(&index);
    let (reader, ns, bytes) = on_disk(&series);
    say("disk: add and write", ns / each, "ns a series");
    say("disk: size", bytes as f64 / each, "B a series");
    queries("disk", &cases, |matchers| {
        reader.matches(matchers).expect("a sound index").len()
    });
    let (ns, _) = best(3, || {
        let mut bytes = 0;
        let each = |_, labels: Labels| bytes += labels.as_bytes().len();
        reader.labels_many(0..reader.rows(), each).expect("labels");
        bytes
    });
    say("disk: labels of all rows", ns / each, "ns a row");
    say("disk: parts kept", reader.heap_bytes() as f64 / 1e3, "kB");
}

fn values(count: usize) {
    let series: Vec<Labels> = (0..count).map(pod_labels).collect();
    let each = count as f64;
    println!("\n{count} values of one label");
    let (ns, index) = best(3, || index_of(&series));
    say("memory: add", ns / each, "ns a series");
    say(
        "memory: held",
        index.heap_bytes() as f64 / each,
        "B a series",
    );
    let cases = [
        ("equal", vec![Matcher::equal("pod", pod(count / 2))]),
        ("set", vec![regex("pod", &format!("{}|{}", pod(1), pod(2)))]),
        ("prefix", vec![regex("pod", "app-17-0.*")]),
        ("prefix of many", vec![regex("pod", "app-1.*")]),
        ("general", vec![regex("pod", ".*-0[0-9]+[a-f]-.*1")]),
        ("literal inside", vec![regex("pod", ".*-00.*")]),
        (
            "general negative",
            vec![Matcher::not_regex("pod", ".*-0[0-9]+[a-f]-.*1").expect("a pattern")],
        ),
    ];
    queries("memory", &cases, |matchers| index.matches(matchers).len());
    for (what, limit) in [("1,000", 1000), ("all", usize::MAX)] {
        let (ns, found) = best(3, || index.label_values("pod", None, limit).0.len());
        say(
            &format!("memory: label_values, {what} -> {found}"),
            ns / 1e6,
            "ms",
        );
    }
    let (reader, ns, bytes) = on_disk(&series);
    say("disk: add and write", ns / each, "ns a series");
    say("disk: size", bytes as f64 / each, "B a series");
    queries("disk", &cases, |matchers| {
        reader.matches(matchers).expect("a sound index").len()
    });
    for (what, limit) in [("1,000", 1000), ("all", usize::MAX)] {
        let (ns, found) = best(3, || {
            let found = reader.label_values("pod", None, limit);
            found.expect("a sound index").0.len()
        });
        say(
            &format!("disk: label_values, {what} -> {found}"),
            ns / 1e6,
            "ms",
        );
    }
}

/// What an index costs where the labels are those of real exporters.
fn capture(count: usize) {
    let capture = tsdb_bench::Capture::load().expect("the committed capture");
    let fleet = tsdb_bench::Fleet::new(capture, count, 1).expect("a fleet");
    let series = fleet.labels();
    let each = series.len() as f64;
    println!("\n{} series of real exporters", series.len());
    let index = index_of(series);
    say(
        "memory: held",
        index.heap_bytes() as f64 / each,
        "B a series",
    );
    let (_, _, bytes) = on_disk(series);
    say("disk: size", bytes as f64 / each, "B a series");
}

/// One step alone, over and over, for a profiler.
fn step(part: &str, count: usize) {
    let fleet = || -> Vec<Labels> { (0..count).map(fleet_labels).collect() };
    let pods = || -> Vec<Labels> { (0..count).map(pod_labels).collect() };
    let ns = match part {
        "add" => {
            let series = fleet();
            best(20, || index_of(&series)).0
        }
        "load" => {
            let mut bytes = Vec::new();
            index_of(&fleet()).write_snapshot(&mut bytes);
            best(20, || MemIndex::read_snapshot(&bytes).expect("a snapshot")).0
        }
        "scan" => {
            let index = index_of(&pods());
            let matchers = [regex("pod", ".*-0[0-9]+[a-f]-.*1")];
            best(20, || index.matches(&matchers).len()).0
        }
        "all" => {
            let index = index_of(&pods());
            best(20, || index.label_values("pod", None, usize::MAX).0.len()).0
        }
        "disk-scan" => {
            let (reader, ..) = on_disk(&pods());
            let matchers = [regex("pod", ".*-0[0-9]+[a-f]-.*1")];
            best(20, || reader.matches(&matchers).expect("an index").len()).0
        }
        "disk-all" => {
            let (reader, ..) = on_disk(&pods());
            best(20, || {
                reader
                    .label_values("pod", None, usize::MAX)
                    .expect("an index")
                    .0
                    .len()
            })
            .0
        }
        _ => return,
    };
    say(part, ns / 1e6, "ms");
}

fn main() {
    let count = if is_tiny() { 2_000 } else { 1_000_000 };
    // `-- fleet` and the like run one part only.
    let parts: Vec<String> = std::env::args().skip(1).collect();
    let is_asked = |part: &str| {
        parts.iter().all(|other| other.starts_with("--")) || parts.iter().any(|one| one == part)
    };
    if is_asked("capture") {
        capture(2_131.min(count));
        capture(count / 10);
    }
    if is_asked("fleet") {
        fleet(count);
    }
    if is_asked("values") {
        values(count);
    }
    if let [part] = parts.as_slice()
        && !part.starts_with("--")
    {
        step(part, count);
    }
}
