//! The page of metrics: every family, its meaning and where its value comes from.

use std::sync::atomic::{AtomicU64, Ordering};

use tsdb_core::{NamespaceStats, OpeningPhase, OpeningState, Stats};

use super::access;
use super::counters::{DURATION_BOUNDS, Telemetry};
use super::exposition::FamilyKind::{Counter, Gauge, Histogram};
use super::exposition::{Exposition, count_as_value};
use crate::machine::ProcessUsage;
use crate::store::Figures;

/// The page of everything counted; `inflight_bytes` are the bytes of requests in flight and their limit.
#[must_use]
pub(crate) fn render(
    telemetry: &Telemetry,
    figures: &Figures,
    inflight_bytes: (u64, u64),
    usage: Option<ProcessUsage>,
) -> String {
    let mut page = Exposition::new();
    server(&mut page, figures, inflight_bytes);
    requests(&mut page, telemetry);
    samples(&mut page, telemetry);
    plain_counters(&mut page, telemetry);
    exemplar_counters(&mut page, telemetry);
    access::families(&mut page, &telemetry.access);
    if let Some(stats) = &figures.database {
        database(&mut page, stats);
        database_state(&mut page, stats);
        namespaces(&mut page, &stats.namespaces);
    }
    opening(&mut page, figures.opening);
    recovery(&mut page, figures);
    if let Some(usage) = usage {
        process(&mut page, usage);
    }
    page.finish()
}

fn truth(value: bool) -> f64 {
    f64::from(u8::from(value))
}

fn size(value: usize) -> f64 {
    count_as_value(value as u64)
}

fn read(counter: &AtomicU64) -> f64 {
    count_as_value(counter.load(Ordering::Relaxed))
}

fn server(page: &mut Exposition, figures: &Figures, inflight_bytes: (u64, u64)) {
    page.family("tsdb_build_info", Gauge, "The running version; always 1.")
        .sample(&[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    page.single(
        "tsdb_ready",
        Gauge,
        "Whether reads and writes are right, as /ready says.",
        truth(figures.not_ready.is_none()),
    );
    let (queued, queue_limit) = figures.writes_queued;
    page.single(
        "tsdb_write_queue_length",
        Gauge,
        "Writes that wait for a store thread.",
        size(queued),
    );
    page.single(
        "tsdb_write_queue_limit",
        Gauge,
        "Writes that may wait; further ones get 503.",
        size(queue_limit),
    );
    let (running, query_limit) = figures.queries_running;
    page.single(
        "tsdb_queries_running",
        Gauge,
        "Queries that run, remote reads included.",
        size(running),
    );
    page.single(
        "tsdb_queries_limit",
        Gauge,
        "Queries that may run at a time; further ones wait.",
        size(query_limit),
    );
    let (inflight, inflight_limit) = inflight_bytes;
    page.single(
        "tsdb_request_inflight_bytes",
        Gauge,
        "Bytes held by remote write and read requests in flight.",
        count_as_value(inflight),
    );
    page.single(
        "tsdb_request_inflight_limit_bytes",
        Gauge,
        "Bytes they may hold; further requests get 503.",
        count_as_value(inflight_limit),
    );
}

fn opening(page: &mut Exposition, state: OpeningState) {
    page.family(
        "tsdb_opening_phase",
        Gauge,
        "What opening does at the moment: 1 for its phase, 0 for the others.",
    );
    for phase in OpeningPhase::ALL {
        page.sample(&[("phase", phase.name())], truth(phase == state.phase));
    }
    let logs = [
        (
            "tsdb_opening_logs",
            "Logs that opening has to replay.",
            state.logs,
        ),
        (
            "tsdb_opening_logs_replayed",
            "Logs that it replayed.",
            state.logs_replayed,
        ),
        (
            "tsdb_opening_log_bytes",
            "Bytes of logs that opening has to replay.",
            state.log_bytes,
        ),
        (
            "tsdb_opening_log_bytes_replayed",
            "Bytes of logs that it replayed.",
            state.log_bytes_replayed,
        ),
    ];
    for (name, meaning, value) in logs {
        page.single(name, Gauge, meaning, count_as_value(value));
    }
}

fn requests(page: &mut Exposition, telemetry: &Telemetry) {
    let tables = telemetry.tables();
    page.family(
        "tsdb_http_requests_total",
        Counter,
        "HTTP requests answered, by route and status.",
    );
    for ((route, status), count) in &tables.requests {
        page.sample(
            &[("route", route), ("code", &status.to_string())],
            count_as_value(*count),
        );
    }
    page.family(
        "tsdb_http_request_duration_seconds",
        Histogram,
        "Time from a request's headers to its answer's headers.",
    );
    for (route, durations) in &tables.durations {
        let buckets: Vec<(f64, u64)> = DURATION_BOUNDS.into_iter().zip(durations.buckets).collect();
        page.histogram(
            &[("route", route)],
            &buckets,
            durations.sum_seconds,
            durations.count,
        );
    }
}

fn samples(page: &mut Exposition, telemetry: &Telemetry) {
    let tables = telemetry.tables();
    page.family(
        "tsdb_samples_stored_total",
        Counter,
        "Samples stored, those that were there already included.",
    );
    for (source, count) in &tables.stored {
        page.sample(&[("source", source.name())], count_as_value(*count));
    }
    page.family("tsdb_samples_rejected_total", Counter, "Samples refused, by reason; \"unlisted\" are those beyond the first 100 refusals of a request.");
    for ((source, reason), count) in &tables.rejected {
        page.sample(
            &[("source", source.name()), ("reason", reason)],
            count_as_value(*count),
        );
    }
}

/// Name, meaning and value of a family.
type Family<T> = (&'static str, &'static str, fn(&T) -> f64);

/// Name, meaning and value of a limit that a namespace may have.
type LimitFamily = (
    &'static str,
    &'static str,
    fn(&NamespaceStats) -> Option<u64>,
);

fn exemplar_counters(page: &mut Exposition, telemetry: &Telemetry) {
    let counters: [(&'static str, &str, &AtomicU64); 3] = [
        (
            "tsdb_exemplars_stored_total",
            "Exemplars stored, those that were there already included.",
            &telemetry.exemplars_stored,
        ),
        (
            "tsdb_exemplars_dropped_total",
            "Exemplars not stored, as none are kept.",
            &telemetry.exemplars_dropped,
        ),
        (
            "tsdb_exemplars_rejected_total",
            "Exemplars refused, by themselves or with their series.",
            &telemetry.exemplars_rejected,
        ),
    ];
    for (name, help, counter) in counters {
        page.single(name, Counter, help, read(counter));
    }
}

fn plain_counters(page: &mut Exposition, telemetry: &Telemetry) {
    let counters: [(&'static str, &str, &AtomicU64); 11] = [
        (
            "tsdb_series_rejected_total",
            "Series refused as a whole.",
            &telemetry.rejected_series,
        ),
        (
            "tsdb_native_histograms_stored_total",
            "Native histograms stored, those that were there already included.",
            &telemetry.histograms_stored,
        ),
        (
            "tsdb_metadata_stored_total",
            "Metadata entries of metrics stored.",
            &telemetry.metadata_stored,
        ),
        (
            "tsdb_metadata_rejected_total",
            "Metadata entries refused, as they are not UTF-8.",
            &telemetry.metadata_refused,
        ),
        (
            "tsdb_import_lines_total",
            "Lines read by /api/v1/import.",
            &telemetry.import_lines,
        ),
        (
            "tsdb_import_lines_rejected_total",
            "Lines of imports that are malformed.",
            &telemetry.import_lines_refused,
        ),
        (
            "tsdb_export_series_total",
            "Series written by /api/v1/export.",
            &telemetry.export_series,
        ),
        (
            "tsdb_export_samples_total",
            "Samples written by /api/v1/export.",
            &telemetry.export_samples,
        ),
        (
            "tsdb_reopenings_total",
            "Times the database was reopened after a failed write or sync.",
            &telemetry.reopenings,
        ),
        (
            "tsdb_maintenance_failures_total",
            "Failed steps of cutting, flushing, merging and expiring.",
            &telemetry.maintenance_failures,
        ),
        (
            "tsdb_panics_total",
            "Jobs that ended in a panic, which is a bug.",
            &telemetry.panics,
        ),
    ];
    for (name, help, counter) in counters {
        page.single(name, Counter, help, read(counter));
    }
}

fn database(page: &mut Exposition, stats: &Stats) {
    let counters: [(&'static str, &str, u64); 10] = [
        (
            "tsdb_log_commits_total",
            "Group commits of the log since it was opened.",
            stats.log.commits,
        ),
        (
            "tsdb_log_frames_total",
            "Frames written to the log since it was opened.",
            stats.log.frames,
        ),
        (
            "tsdb_log_written_bytes_total",
            "Bytes written to the log since it was opened.",
            stats.log.bytes,
        ),
        (
            "tsdb_log_syncs_total",
            "Times the log was synced since it was opened.",
            stats.log.syncs,
        ),
        (
            "tsdb_flushes_total",
            "Generations flushed to runs since opening.",
            stats.flushes,
        ),
        (
            "tsdb_merges_total",
            "Merges of runs since opening.",
            stats.merges,
        ),
        (
            "tsdb_series_forgotten_total",
            "Series that left memory since opening: only blocks name them.",
            stats.series_forgotten,
        ),
        (
            "tsdb_series_files_rewritten_total",
            "Rewrites of series files since opening.",
            stats.series_files_rewritten,
        ),
        (
            "tsdb_files_refused_total",
            "Times a run or block could not be taken into use when it was first needed.",
            stats.files_refused,
        ),
        (
            "tsdb_runs_expired_total",
            "Runs dropped by retention since opening.",
            stats.runs_expired,
        ),
    ];
    for (name, help, value) in counters {
        page.single(name, Counter, help, count_as_value(value));
    }
}

fn database_state(page: &mut Exposition, stats: &Stats) {
    page.single(
        "tsdb_log_open_bytes",
        Gauge,
        "Bytes of the log being written.",
        count_as_value(stats.log_open_bytes),
    );
    page.single(
        "tsdb_generations_unflushed",
        Gauge,
        "Closed generations that wait to be flushed.",
        size(stats.generations_closed),
    );
    page.family("tsdb_memory_bytes", Gauge, "Memory accounted for, by use.")
        .sample(&[("use", "series")], size(stats.series_memory_bytes))
        .sample(&[("use", "buffers")], size(stats.buffer_memory_bytes))
        .sample(&[("use", "appends")], size(stats.append_memory_bytes))
        .sample(&[("use", "files")], size(stats.file_memory_bytes))
        .sample(&[("use", "upkeep")], size(stats.upkeep_memory_bytes))
        .sample(&[("use", "exemplars")], size(stats.exemplar_memory_bytes))
        .sample(&[("use", "log_queue")], size(stats.queue_memory_bytes));
    page.single(
        "tsdb_memory_budget_bytes",
        Gauge,
        "Memory the database may use; writes beyond it get 503.",
        count_as_value(stats.memory_budget_bytes),
    );
    page.single(
        "tsdb_clock_suspended",
        Gauge,
        "Whether expiry is suspended, and the limit max_future with a clock that is behind, as the clock jumped.",
        truth(stats.expiry_suspended),
    );
    readers(page, stats);
    page.single(
        "tsdb_poisoned",
        Gauge,
        "Whether writes are refused until the database is reopened.",
        truth(stats.poisoned),
    );
}

fn readers(page: &mut Exposition, stats: &Stats) {
    page.single(
        "tsdb_readers",
        Gauge,
        "Selects that are being read.",
        size(stats.readers),
    );
    page.single(
        "tsdb_readers_overtaken",
        Gauge,
        "Of which hold files or memory that were replaced since they began.",
        size(stats.readers_overtaken),
    );
    page.single(
        "tsdb_readers_refused_total",
        Counter,
        "Selects refused since opening, as they held too much of that, or for too long.",
        count_as_value(stats.readers_refused),
    );
    page.single(
        "tsdb_pinned_files",
        Gauge,
        "Removed files that selects still read.",
        size(stats.pinned_files),
    );
    page.single(
        "tsdb_pinned_bytes",
        Gauge,
        "Bytes on disk of those.",
        count_as_value(stats.pinned_bytes),
    );
    page.single(
        "tsdb_pinned_memory_bytes",
        Gauge,
        "Memory that only selects hold: what was replaced since they began, and what they have read and not given out.",
        size(stats.pinned_memory_bytes),
    );
}

fn namespaces(page: &mut Exposition, namespaces: &[NamespaceStats]) {
    let families: [Family<NamespaceStats>; 7] = [
        ("tsdb_series", "Series in memory.", |n| size(n.series)),
        ("tsdb_exemplars", "Exemplars kept just now.", |n| {
            size(n.exemplars.held)
        }),
        (
            "tsdb_buffered_samples",
            "Samples in memory that are not in runs, duplicates included.",
            |n| count_as_value(n.buffered_samples),
        ),
        (
            "tsdb_series_file_bytes",
            "Bytes of series files, as far as they are durable.",
            |n| count_as_value(n.series_file_bytes),
        ),
        ("tsdb_runs", "Live runs on disk.", |n| size(n.runs)),
        ("tsdb_run_bytes", "Bytes of live runs.", |n| {
            count_as_value(n.run_bytes)
        }),
        (
            "tsdb_run_samples",
            "Samples of live runs; one that lies in several counts in each.",
            |n| count_as_value(n.run_samples),
        ),
    ];
    for (name, help, value) in families {
        page.family(name, Gauge, help);
        for namespace in namespaces {
            page.sample(&[("namespace", &namespace.name)], value(namespace));
        }
    }
    namespace_memory(page, namespaces);
}

fn namespace_memory(page: &mut Exposition, namespaces: &[NamespaceStats]) {
    let limits: [LimitFamily; 2] = [
        (
            "tsdb_namespace_memory_max_bytes",
            "Memory that a namespace may hold, where its options limit it.",
            |namespace| namespace.memory_max,
        ),
        (
            "tsdb_namespace_series_max",
            "Series that a namespace may hold, where its options limit it.",
            |namespace| namespace.series_max,
        ),
    ];
    for (name, help, limit) in limits {
        page.family(name, Gauge, help);
        for namespace in namespaces {
            if let Some(limit) = limit(namespace) {
                let labels = [("namespace", namespace.name.as_str())];
                page.sample(&labels, count_as_value(limit));
            }
        }
    }
    let help = "Memory accounted for, by namespace and use.";
    page.family("tsdb_namespace_memory_bytes", Gauge, help);
    for namespace in namespaces {
        let used = &namespace.memory;
        let uses = [
            ("registry", used.registry),
            ("rebuild", used.rebuild),
            ("readers", used.readers),
            ("index", used.index),
            ("series_file", used.series_file),
            ("metadata", used.metadata),
            ("open_buffers", used.open_buffers),
            ("closed_buffers", used.closed_buffers),
            ("appends", used.appends),
            ("files", used.files),
            ("upkeep", used.upkeep),
            ("exemplars", used.exemplars),
        ];
        for (name, bytes) in uses {
            let labels = [("namespace", namespace.name.as_str()), ("use", name)];
            page.sample(&labels, size(bytes));
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds of an opening fit a float"
)]
fn recovery(page: &mut Exposition, figures: &Figures) {
    let found = &figures.recovery;
    page.single(
        "tsdb_recovery_duration_seconds",
        Gauge,
        "Time that opening the database took at the start.",
        found.duration_ms as f64 / 1000.0,
    );
    page.single(
        "tsdb_recovery_frames",
        Gauge,
        "Log frames replayed at the start.",
        count_as_value(found.frames),
    );
    page.single(
        "tsdb_recovery_samples",
        Gauge,
        "Samples replayed at the start.",
        count_as_value(found.samples),
    );
    let torn = found.torn.iter().map(|tail| tail.bytes).sum();
    page.single(
        "tsdb_recovery_torn_bytes",
        Gauge,
        "Bytes cut off the ends of files at the start; none of them was acked.",
        count_as_value(torn),
    );
}

fn process(page: &mut Exposition, usage: ProcessUsage) {
    page.single(
        "process_cpu_seconds_total",
        Counter,
        "CPU used by this process, user and system.",
        usage.cpu_seconds,
    );
    page.single(
        "process_resident_memory_bytes",
        Gauge,
        "Memory held by this process.",
        count_as_value(usage.resident_bytes),
    );
    page.single(
        "process_virtual_memory_bytes",
        Gauge,
        "Address space of this process.",
        count_as_value(usage.virtual_bytes),
    );
    page.single(
        "process_open_fds",
        Gauge,
        "Open file descriptors of this process.",
        count_as_value(usage.open_fds),
    );
    page.single(
        "process_start_time_seconds",
        Gauge,
        "Start of this process, since the epoch.",
        usage.start_seconds,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_names_every_family_and_no_other() {
        let figures = Figures {
            database: Some(Stats::default()),
            ..Figures::default()
        };
        let page = render(
            &Telemetry::default(),
            &figures,
            (0, 0),
            Some(ProcessUsage::default()),
        );
        let families = page
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
        let documented = include_str!("../../../docs/server.md")
            .lines()
            .filter_map(|line| {
                let name = line.strip_prefix("| `")?.split('`').next()?;
                ["tsdb_", "process_"]
                    .iter()
                    .any(|prefix| name.starts_with(prefix))
                    .then_some(name)
            });
        let (mut families, mut documented): (Vec<_>, Vec<_>) =
            (families.collect(), documented.collect());
        families.sort_unstable();
        documented.sort_unstable();
        assert_eq!(families, documented);
    }
}
