//! What the suites share: series to write, values of every sort, an oracle, whole reads.

mod histograms;
mod history;
mod read;

pub(crate) use histograms::{coded, coded_chunks, histogram_code, push};
pub(crate) use history::{Covered, History, Loss, Place};
pub(crate) use read::{Contents, read_all};

use std::fmt::{Debug, Display};
use std::num::NonZeroU32;
use std::sync::Arc;

use tsdb_core::clock::ManualClock;
use tsdb_core::model::ProtocolRules;
use tsdb_core::vfs::SplitMix64;
use tsdb_core::{
    Db, DbOptions, Labels, Matcher, STALE_NAN_BITS, ShardSet, TimeRange, Vfs, shard_of,
};

/// Where the wall clock of every suite starts.
pub(crate) const START: i64 = 1_700_000_000_000;

/// Series in the order of their labels, so that a series' number is its rank.
#[derive(Debug)]
pub(crate) struct Universe {
    pub(crate) series: Vec<Labels>,
}

impl Universe {
    pub(crate) fn new(hosts: usize) -> Self {
        let mut series = Vec::new();
        for host in 0..hosts {
            for name in ["up", "cpu_seconds_total", "memory_bytes"] {
                let (host, zone) = (format!("host{host}"), ["a", "b", ""][host % 3]);
                let pairs = [("__name__", name), ("host", &host), ("zone", zone)];
                series.push(Labels::from_pairs(pairs).unwrap());
            }
        }
        series.sort();
        Self { series }
    }

    /// The ranks of the series that match.
    pub(crate) fn matching(&self, matchers: &[Matcher]) -> Vec<usize> {
        let matches = |rank: &usize| {
            let labels = &self.series[*rank];
            matchers.iter().all(|matcher| match matcher.shard_set() {
                Some(set) => set.contains(shard_of(labels, set.of())),
                None => matcher.matches(labels.get(matcher.name()).unwrap_or("")),
            })
        };
        (0..self.series.len()).filter(matches).collect()
    }

    /// Something to delete of what lies in the `spread_ms` before `now`.
    pub(crate) fn to_delete(
        &self,
        random: &mut SplitMix64,
        namespace: usize,
        (now, spread_ms): (i64, i64),
    ) -> (Vec<Matcher>, Covered) {
        let host = format!("host{}", random.below(8));
        let matchers = match random.below(8) {
            0 => vec![
                Matcher::equal("host", host),
                Matcher::equal("__name__", "up"),
            ],
            1 => vec![Matcher::regex("__name__", "up|cpu.*").unwrap()],
            2 => vec![Matcher::not_equal("host", host)],
            3 => vec![Matcher::not_regex("zone", "a|").unwrap()],
            4 => Vec::new(),
            5 => vec![some_shards(random)],
            6 => vec![Matcher::not_equal("zone", "a"), some_shards(random)],
            _ => vec![Matcher::equal("host", host)],
        };
        let range = match random.below(4) {
            0 => TimeRange::ALL,
            1 => TimeRange::inclusive(i64::MIN, now - random.between(0, spread_ms)).unwrap(),
            _ => {
                let from = now - random.between(0, spread_ms);
                TimeRange::inclusive(from, from + random.between(0, spread_ms)).unwrap()
            }
        };
        let ranks = self.matching(&matchers);
        let covered = Covered {
            namespace,
            ranks,
            range,
        };
        (matchers, covered)
    }

    pub(crate) fn rank(&self, labels: &Labels) -> Option<usize> {
        self.series.binary_search(labels).ok()
    }
}

/// Matches the series of some placement shards; seldom of all, or none.
pub(crate) fn some_shards(random: &mut SplitMix64) -> Matcher {
    let of = 1 + random.below(8) as u32;
    let shards: Vec<u32> = (0..of).filter(|_| random.coin()).collect();
    Matcher::shards(ShardSet::new(NonZeroU32::new(of).unwrap(), shards).unwrap())
}

/// A value of any sort, also a histogram; most are unlike all others, so that a wrong one is
/// noticed.
pub(crate) fn value(random: &mut SplitMix64) -> u64 {
    match random.below(16) {
        0 => STALE_NAN_BITS,
        1 => f64::NAN.to_bits() | random.below(1 << 20),
        2 => (-0.0f64).to_bits(),
        3 => f64::INFINITY.to_bits(),
        4..=6 => (random.below(4) as f64).to_bits(),
        7 => random.next_u64() >> 1,
        8 | 9 => histogram_code(random),
        _ => (random.below(1 << 40) as f64 / 8.0).to_bits(),
    }
}

/// Options under which a few dozen samples already fill a log.
pub(crate) fn small_options(mut rules: ProtocolRules) -> DbOptions {
    rules.replay_in_large_batches = false;
    let mut options = DbOptions {
        log_cap_bytes: 4096,
        runs_max: 3,
        open_threads: 2,
        fingerprint_key: Some([7; 16]),
        rules,
        ..DbOptions::default()
    };
    options.limits.max_future = None;
    options
}

/// Opens a disk at a moment of its own clock.
pub(crate) fn open_at(
    vfs: &(impl Vfs + Clone + 'static),
    now_ms: i64,
    rules: ProtocolRules,
) -> Result<Db, tsdb_core::Error> {
    let clock = Arc::new(ManualClock::new(now_ms));
    Db::open_with(Arc::new(vfs.clone()), clock, small_options(rules))
}

/// Deletes what a test chose to.
pub(crate) fn delete(
    namespace: &tsdb_core::Namespace,
    range: TimeRange,
    matchers: &[Matcher],
) -> Result<tsdb_core::DeleteReport, tsdb_core::Error> {
    if matchers.is_empty() {
        namespace.delete_all_series(range)
    } else {
        namespace.delete(range, matchers)
    }
}

/// An error with all its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

/// Ends a test with the seed that brought it down.
pub(crate) fn must<T, E: Display>(seed: impl Debug, what: Result<T, E>) -> T {
    what.unwrap_or_else(|violation| panic!("seed {seed:?}: {violation}"))
}
