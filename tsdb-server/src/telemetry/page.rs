//! The page of metrics: where the value of every family comes from.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tsdb_core::{NamespaceStats, OpeningPhase, OpeningState, Stats};

use super::access::access;
use super::cluster::cluster;
use super::counters::Telemetry;
use super::exposition::{Exposition, count_as_value};
use super::families::{self, Family};
use crate::cluster::ClusterFigures;
use crate::ha::HaFigures;
use crate::machine::ProcessUsage;
use crate::store::{DiskUse, Figures};

/// Figures of those who share the server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Senders {
    /// Tenants, and how many of their writes were refused for coming too fast.
    pub(crate) tenants: Vec<(Arc<str>, u64)>,
    /// Pairs of senders; nothing where they are not told apart.
    pub(crate) pairs: HaFigures,
}

/// Requests of remote write and read in flight.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Inflight {
    /// Bytes that they hold.
    pub(crate) bytes: u64,
    /// Bytes that they may hold.
    pub(crate) limit_bytes: u64,
    /// Those refused, as others of their sender hold its share.
    pub(crate) beyond_share: u64,
}

/// The page of everything counted.
#[must_use]
pub(crate) fn render(
    telemetry: &Telemetry,
    figures: &Figures,
    inflight: Inflight,
    senders: &Senders,
    of_cluster: Option<&ClusterFigures>,
    usage: Option<ProcessUsage>,
) -> String {
    let mut page = Exposition::new();
    server(&mut page, figures, inflight);
    disk(&mut page, figures.disk);
    requests(&mut page, telemetry);
    queries(&mut page, telemetry);
    samples(&mut page, telemetry);
    share(&mut page, senders);
    plain_counters(&mut page, telemetry);
    exemplar_counters(&mut page, telemetry);
    access(&mut page, &telemetry.access);
    if let Some(stats) = &figures.database {
        database(&mut page, stats);
        database_state(&mut page, stats);
        namespaces(&mut page, &stats.namespaces);
    }
    opening(&mut page, figures.opening);
    recovery(&mut page, figures);
    if let Some(figures) = of_cluster {
        cluster(&mut page, figures);
    }
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

fn server(page: &mut Exposition, figures: &Figures, inflight: Inflight) {
    page.family(&families::BUILD_INFO)
        .sample(&[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    page.single(&families::READY, truth(figures.not_ready.is_none()));
    let (queued, queue_limit) = figures.writes_queued;
    page.single(&families::WRITE_QUEUE_LENGTH, size(queued));
    page.single(&families::WRITE_QUEUE_LIMIT, size(queue_limit));
    let (running, query_limit) = figures.queries_running;
    page.single(&families::QUERIES_RUNNING, size(running));
    page.single(&families::QUERIES_LIMIT, size(query_limit));
    let held = count_as_value(inflight.bytes);
    page.single(&families::REQUEST_INFLIGHT_BYTES, held);
    page.single(
        &families::REQUEST_INFLIGHT_LIMIT_BYTES,
        count_as_value(inflight.limit_bytes),
    );
    let refused = count_as_value(inflight.beyond_share);
    page.single(&families::REQUESTS_BEYOND_SHARE, refused);
}

/// Room on the disk of the data folder; no samples when the disk does not say.
fn disk(page: &mut Exposition, use_of_disk: Option<DiskUse>) {
    let space = use_of_disk.map(|disk| disk.space);
    let values = [
        (
            &families::DISK_FREE_BYTES,
            space.map(|space| count_as_value(space.free_bytes)),
        ),
        (
            &families::DISK_SIZE_BYTES,
            space.map(|space| count_as_value(space.size_bytes)),
        ),
        (
            &families::DISK_HIGH_WATER_RATIO,
            use_of_disk.map(|disk| f64::from(disk.high_water_percent) / 100.0),
        ),
    ];
    for (family, value) in values {
        page.family(family);
        if let Some(value) = value {
            page.sample(&[], value);
        }
    }
}

fn share(page: &mut Exposition, senders: &Senders) {
    page.family(&families::TENANT_WRITES_REFUSED);
    for (tenant, refused) in &senders.tenants {
        page.sample(&[("tenant", tenant)], count_as_value(*refused));
    }
    let HaFigures {
        clusters,
        waiting,
        takeovers,
        duplicate_samples,
    } = senders.pairs;
    page.single(&families::HA_CLUSTERS, count_as_value(clusters));
    page.single(&families::HA_REQUESTS_WAITING, count_as_value(waiting));
    page.single(&families::HA_TAKEOVERS, count_as_value(takeovers));
    page.single(
        &families::HA_DUPLICATE_SAMPLES,
        count_as_value(duplicate_samples),
    );
}

fn opening(page: &mut Exposition, state: OpeningState) {
    page.family(&families::OPENING_PHASE);
    for phase in OpeningPhase::ALL {
        page.sample(&[("phase", phase.name())], truth(phase == state.phase));
    }
    let logs = [
        (&families::OPENING_LOGS, state.logs),
        (&families::OPENING_LOGS_REPLAYED, state.logs_replayed),
        (&families::OPENING_LOG_BYTES, state.log_bytes),
        (
            &families::OPENING_LOG_BYTES_REPLAYED,
            state.log_bytes_replayed,
        ),
    ];
    for (family, value) in logs {
        page.single(family, count_as_value(value));
    }
}

fn requests(page: &mut Exposition, telemetry: &Telemetry) {
    let tables = telemetry.tables();
    page.family(&families::HTTP_REQUESTS);
    for ((route, status), count) in &tables.requests {
        page.sample(
            &[("route", route), ("code", &status.to_string())],
            count_as_value(*count),
        );
    }
    page.family(&families::HTTP_REQUEST_DURATION_SECONDS);
    for (route, durations) in &tables.durations {
        let (sum, count) = (durations.sum_seconds, durations.count);
        page.histogram(&[("route", route)], &durations.buckets(), sum, count);
    }
}

fn queries(page: &mut Exposition, telemetry: &Telemetry) {
    let tables = telemetry.tables();
    page.family(&families::EXPRESSIONS);
    for (outcome, count) in &tables.queries {
        page.sample(&[("outcome", outcome)], count_as_value(*count));
    }
    let durations = &tables.query_durations;
    let (sum, count) = (durations.sum_seconds, durations.count);
    page.family(&families::EXPRESSION_DURATION_SECONDS);
    page.histogram(&[], &durations.buckets(), sum, count);
    let series = read(&telemetry.query_series);
    page.single(&families::EXPRESSION_SERIES, series);
    let samples = read(&telemetry.query_samples);
    page.single(&families::EXPRESSION_SAMPLES, samples);
}

fn samples(page: &mut Exposition, telemetry: &Telemetry) {
    let tables = telemetry.tables();
    page.family(&families::SAMPLES_STORED);
    for (source, count) in &tables.stored {
        page.sample(&[("source", source.name())], count_as_value(*count));
    }
    page.family(&families::SAMPLES_REJECTED);
    for ((source, reason), count) in &tables.rejected {
        page.sample(
            &[("source", source.name()), ("reason", reason)],
            count_as_value(*count),
        );
    }
}

/// A family and where its value comes from.
type Sourced<T> = (&'static Family, fn(&NamespaceStats) -> T);

fn exemplar_counters(page: &mut Exposition, telemetry: &Telemetry) {
    let counters: [(&Family, &AtomicU64); 3] = [
        (&families::EXEMPLARS_STORED, &telemetry.exemplars_stored),
        (&families::EXEMPLARS_DROPPED, &telemetry.exemplars_dropped),
        (&families::EXEMPLARS_REJECTED, &telemetry.exemplars_rejected),
    ];
    for (family, counter) in counters {
        page.single(family, read(counter));
    }
}

fn plain_counters(page: &mut Exposition, telemetry: &Telemetry) {
    let counters: [(&Family, &AtomicU64); 13] = [
        (&families::SERIES_REJECTED, &telemetry.rejected_series),
        (
            &families::NATIVE_HISTOGRAMS_STORED,
            &telemetry.histograms_stored,
        ),
        (&families::METADATA_STORED, &telemetry.metadata_stored),
        (&families::METADATA_REJECTED, &telemetry.metadata_refused),
        (&families::IMPORT_LINES, &telemetry.import_lines),
        (
            &families::IMPORT_LINES_REJECTED,
            &telemetry.import_lines_refused,
        ),
        (&families::EXPORT_SERIES, &telemetry.export_series),
        (&families::EXPORT_SAMPLES, &telemetry.export_samples),
        (
            &families::EXPORT_SAMPLES_LEFT_OUT,
            &telemetry.export_samples_left_out,
        ),
        (
            &families::ANSWERS_BELOW_LEVEL,
            &telemetry.answers_below_level,
        ),
        (&families::REOPENINGS, &telemetry.reopenings),
        (
            &families::MAINTENANCE_FAILURES,
            &telemetry.maintenance_failures,
        ),
        (&families::PANICS, &telemetry.panics),
    ];
    for (family, counter) in counters {
        page.single(family, read(counter));
    }
}

fn database(page: &mut Exposition, stats: &Stats) {
    let counters: [(&Family, u64); 12] = [
        (&families::LOG_COMMITS, stats.log.commits),
        (&families::LOG_FRAMES, stats.log.frames),
        (&families::LOG_WRITTEN_BYTES, stats.log.bytes),
        (&families::LOG_SYNCS, stats.log.syncs),
        (&families::FLUSHES, stats.flushes),
        (&families::MERGES, stats.merges),
        (&families::SERIES_FORGOTTEN, stats.series_forgotten),
        (
            &families::SERIES_FILES_REWRITTEN,
            stats.series_files_rewritten,
        ),
        (&families::FILES_REFUSED, stats.files_refused),
        (&families::RUNS_EXPIRED, stats.runs_expired),
        (&families::COMPACTIONS, stats.compactions),
        (&families::BLOCKS_EXPIRED, stats.blocks_expired),
    ];
    for (family, value) in counters {
        page.single(family, count_as_value(value));
    }
}

fn database_state(page: &mut Exposition, stats: &Stats) {
    page.single(
        &families::LOG_OPEN_BYTES,
        count_as_value(stats.log_open_bytes),
    );
    page.single(
        &families::GENERATIONS_UNFLUSHED,
        size(stats.generations_closed),
    );
    page.family(&families::MEMORY_BYTES)
        .sample(&[("use", "series")], size(stats.series_memory_bytes))
        .sample(&[("use", "buffers")], size(stats.buffer_memory_bytes))
        .sample(&[("use", "appends")], size(stats.append_memory_bytes))
        .sample(&[("use", "files")], size(stats.file_memory_bytes))
        .sample(&[("use", "upkeep")], size(stats.upkeep_memory_bytes))
        .sample(&[("use", "exemplars")], size(stats.exemplar_memory_bytes))
        .sample(&[("use", "log_queue")], size(stats.queue_memory_bytes));
    page.single(
        &families::MEMORY_BUDGET_BYTES,
        count_as_value(stats.memory_budget_bytes),
    );
    page.single(&families::CLOCK_SUSPENDED, truth(stats.expiry_suspended));
    readers(page, stats);
    page.single(&families::POISONED, truth(stats.poisoned));
}

fn readers(page: &mut Exposition, stats: &Stats) {
    page.single(&families::READERS, size(stats.readers));
    page.single(&families::READERS_OVERTAKEN, size(stats.readers_overtaken));
    page.single(
        &families::READERS_REFUSED,
        count_as_value(stats.readers_refused),
    );
    page.single(&families::PINNED_FILES, size(stats.pinned_files));
    page.single(&families::PINNED_BYTES, count_as_value(stats.pinned_bytes));
    page.single(
        &families::PINNED_MEMORY_BYTES,
        size(stats.pinned_memory_bytes),
    );
}

fn namespaces(page: &mut Exposition, namespaces: &[NamespaceStats]) {
    let families: [Sourced<f64>; 11] = [
        (&families::SERIES, |n| size(n.series)),
        (&families::EXEMPLARS, |n| size(n.exemplars.held)),
        (&families::BUFFERED_SAMPLES, |n| {
            count_as_value(n.buffered_samples)
        }),
        (&families::SERIES_FILE_BYTES, |n| {
            count_as_value(n.series_file_bytes)
        }),
        (&families::RUNS, |n| size(n.runs)),
        (&families::RUN_BYTES, |n| count_as_value(n.run_bytes)),
        (&families::RUN_SAMPLES, |n| count_as_value(n.run_samples)),
        (&families::BLOCKS, |n| size(n.blocks)),
        (&families::BLOCK_BYTES, |n| count_as_value(n.block_bytes)),
        (&families::BLOCK_SAMPLES, |n| {
            count_as_value(n.block_samples)
        }),
        (&families::TOMBSTONES, |n| size(n.tombstones)),
    ];
    for (family, value) in families {
        page.family(family);
        for namespace in namespaces {
            page.sample(&[("namespace", &namespace.name)], value(namespace));
        }
    }
    namespace_memory(page, namespaces);
}

fn namespace_memory(page: &mut Exposition, namespaces: &[NamespaceStats]) {
    let limits: [Sourced<Option<u64>>; 2] = [
        (&families::NAMESPACE_MEMORY_MAX_BYTES, |namespace| {
            namespace.memory_max
        }),
        (&families::NAMESPACE_SERIES_MAX, |namespace| {
            namespace.series_max
        }),
    ];
    for (family, limit) in limits {
        page.family(family);
        for namespace in namespaces {
            if let Some(limit) = limit(namespace) {
                let labels = [("namespace", namespace.name.as_str())];
                page.sample(&labels, count_as_value(limit));
            }
        }
    }
    page.family(&families::NAMESPACE_MEMORY_BYTES);
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
        &families::RECOVERY_DURATION_SECONDS,
        found.duration_ms as f64 / 1000.0,
    );
    page.single(&families::RECOVERY_FRAMES, count_as_value(found.frames));
    page.single(&families::RECOVERY_SAMPLES, count_as_value(found.samples));
    let torn = found.torn.iter().map(|tail| tail.bytes).sum();
    page.single(&families::RECOVERY_TORN_BYTES, count_as_value(torn));
}

fn process(page: &mut Exposition, usage: ProcessUsage) {
    page.single(&families::PROCESS_CPU_SECONDS, usage.cpu_seconds);
    page.single(
        &families::PROCESS_RESIDENT_MEMORY_BYTES,
        count_as_value(usage.resident_bytes),
    );
    page.single(
        &families::PROCESS_VIRTUAL_MEMORY_BYTES,
        count_as_value(usage.virtual_bytes),
    );
    page.single(&families::PROCESS_OPEN_FDS, count_as_value(usage.open_fds));
    page.single(&families::PROCESS_START_TIME_SECONDS, usage.start_seconds);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_and_the_documentation_have_every_registered_family_and_no_other() {
        let limited = NamespaceStats {
            memory_max: Some(1),
            series_max: Some(1),
            ..NamespaceStats::default()
        };
        let database = Stats {
            namespaces: vec![limited],
            ..Stats::default()
        };
        let figures = Figures {
            database: Some(database),
            ..Figures::default()
        };
        let page = render(
            &Telemetry::default(),
            &figures,
            Inflight::default(),
            &Senders::default(),
            Some(&ClusterFigures::default()),
            Some(ProcessUsage::default()),
        );
        let shown = page
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
        let shown: Vec<_> = shown.collect();
        let registered = families::families().iter().map(|family| family.name);
        assert_eq!(shown, registered.collect::<Vec<_>>(), "in this order");
        let documented = include_str!("../../../docs/server.md")
            .lines()
            .filter_map(|line| {
                let name = line.strip_prefix("| `")?.split('`').next()?;
                ["tsdb_", "process_"]
                    .iter()
                    .any(|prefix| name.starts_with(prefix))
                    .then_some(name)
            });
        let (mut shown, mut documented) = (shown, documented.collect::<Vec<_>>());
        shown.sort_unstable();
        documented.sort_unstable();
        assert_eq!(shown, documented);
    }
}
