//! Counters that requests and threads add to.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::access::AccessCounters;
use tsdb_core::model::{AppendReport, Rejected};

/// Upper bounds of the request durations, in seconds.
const DURATION_BOUNDS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];

/// By which way samples came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum WriteSource {
    /// Remote write.
    RemoteWrite,
    /// Imports of any format.
    Import,
    /// The JSON of M3's nodes.
    NodeJson,
    /// Single samples in JSON, as M3's coordinator takes them.
    JsonWrite,
}

impl WriteSource {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::RemoteWrite => "remote_write",
            Self::Import => "import",
            Self::NodeJson => "node_json",
            Self::JsonWrite => "json_write",
        }
    }
}

/// Durations of the requests of one route.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Durations {
    pub(super) buckets: [u64; DURATION_BOUNDS.len()],
    pub(super) sum_seconds: f64,
    pub(super) count: u64,
}

impl Durations {
    fn add(&mut self, seconds: f64) {
        let bounds = DURATION_BOUNDS.iter().zip(&mut self.buckets);
        bounds
            .filter(|(bound, _)| seconds <= **bound)
            .for_each(|(_, bucket)| *bucket += 1);
        self.sum_seconds += seconds;
        self.count += 1;
    }

    /// Each bound and how many took no longer.
    pub(super) fn buckets(&self) -> Vec<(f64, u64)> {
        DURATION_BOUNDS.into_iter().zip(self.buckets).collect()
    }
}

/// Requests by route and status, and samples by what became of them.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) requests: BTreeMap<(String, u16), u64>,
    pub(super) durations: BTreeMap<String, Durations>,
    pub(super) stored: BTreeMap<WriteSource, u64>,
    pub(super) rejected: BTreeMap<(WriteSource, &'static str), u64>,
    pub(super) queries: BTreeMap<&'static str, u64>,
    pub(super) query_durations: Durations,
}

/// All counters of the server. They start at zero with the process.
#[derive(Debug, Default)]
pub(crate) struct Telemetry {
    tables: Mutex<Tables>,
    pub(super) exemplars_stored: AtomicU64,
    pub(super) exemplars_dropped: AtomicU64,
    pub(super) exemplars_rejected: AtomicU64,
    pub(super) histograms_stored: AtomicU64,
    pub(super) metadata_stored: AtomicU64,
    pub(super) metadata_refused: AtomicU64,
    pub(super) rejected_series: AtomicU64,
    pub(super) import_lines: AtomicU64,
    pub(super) import_lines_refused: AtomicU64,
    pub(super) export_series: AtomicU64,
    pub(super) export_samples: AtomicU64,
    pub(super) export_samples_left_out: AtomicU64,
    pub(super) answers_below_level: AtomicU64,
    pub(super) query_series: AtomicU64,
    pub(super) query_samples: AtomicU64,
    pub(crate) reopenings: AtomicU64,
    pub(super) maintenance_failures: AtomicU64,
    pub(crate) panics: AtomicU64,
    /// Of TLS and authentication.
    pub(crate) access: AccessCounters,
}

impl Telemetry {
    /// No table is left half changed under the lock, so a panic elsewhere does not matter here.
    pub(super) fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request was answered; `route` is the pattern it matched, not what the client sent.
    pub(crate) fn request(&self, route: &str, status: u16, took: Duration) {
        let seconds = took.as_secs_f64();
        let mut tables = self.tables();
        *tables
            .requests
            .entry((route.to_owned(), status))
            .or_default() += 1;
        let durations = tables.durations.entry(route.to_owned()).or_default();
        durations.add(seconds);
    }

    /// A query ended, which read so many series and samples.
    pub(crate) fn query(&self, outcome: &'static str, took: Duration, series: u64, samples: u64) {
        let mut tables = self.tables();
        *tables.queries.entry(outcome).or_default() += 1;
        tables.query_durations.add(took.as_secs_f64());
        drop(tables);
        add(&self.query_series, series);
        add(&self.query_samples, samples);
    }

    /// A batch was stored, or as much of it as could be.
    pub(crate) fn stored(&self, source: WriteSource, report: &AppendReport) {
        let mut tables = self.tables();
        *tables.stored.entry(source).or_default() += report.appended;
        let mut listed = 0;
        let samples = |one: &&Rejected| one.reason.rule() != "invalid_exemplar";
        for rejected in report.rejected.iter().filter(samples) {
            *tables
                .rejected
                .entry((source, rejected.reason.rule()))
                .or_default() += rejected.samples;
            listed += rejected.samples;
        }
        // The report lists the first refusals and counts the rest.
        if let Some(unlisted) = report
            .rejected_samples
            .checked_sub(listed)
            .filter(|unlisted| *unlisted > 0)
        {
            *tables.rejected.entry((source, "unlisted")).or_default() += unlisted;
        }
        drop(tables);
        add(&self.rejected_series, report.rejected_series);
        add(&self.histograms_stored, report.appended_histograms);
        add(&self.exemplars_stored, report.appended_exemplars);
        add(&self.exemplars_dropped, report.dropped_exemplars);
        add(&self.exemplars_rejected, report.rejected_exemplars);
    }

    /// What came with samples and was stored or refused.
    pub(crate) fn extras(&self, metadata: u64, refused_metadata: u64) {
        add(&self.metadata_stored, metadata);
        add(&self.metadata_refused, refused_metadata);
    }

    /// Lines of an import were read.
    pub(crate) fn imported(&self, lines: u64, refused: u64) {
        add(&self.import_lines, lines);
        add(&self.import_lines_refused, refused);
    }

    /// Series were exported to their end, but for samples that their format has no text for.
    pub(crate) fn exported(&self, series: u64, samples: u64, left_out: u64) {
        add(&self.export_series, series);
        add(&self.export_samples, samples);
        add(&self.export_samples_left_out, left_out);
    }

    /// An answer missed the level that was asked for, and says so.
    pub(crate) fn answered_below_level(&self) {
        add(&self.answers_below_level, 1);
    }

    /// How many did.
    #[cfg(test)]
    pub(crate) fn answers_below_level(&self) -> u64 {
        self.answers_below_level.load(Ordering::Relaxed)
    }

    /// A poisoned database was opened anew.
    pub(crate) fn reopened(&self) {
        add(&self.reopenings, 1);
    }

    /// A step of maintenance failed.
    pub(crate) fn maintenance_failed(&self) {
        add(&self.maintenance_failures, 1);
    }

    /// A job panicked.
    pub(crate) fn panicked(&self) {
        add(&self.panics, 1);
    }
}

fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}
