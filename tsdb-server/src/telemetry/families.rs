//! The registry of metrics: every family that `/metrics` has, in the order of the page.
//!
//! A family that is not in this table can be neither shown on the page nor asked for by the
//! dashboard and the alerts, which are made from it.

/// What a family of metrics is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FamilyKind {
    /// Only grows; its name ends in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Buckets, sum and count.
    Histogram,
}

/// In what a family counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things, or a truth as 0 or 1.
    Count,
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
    /// Parts of 1.
    Ratio,
}

/// A family of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// Its name, which says its unit as Prometheus wants it.
    pub name: &'static str,
    /// What it is.
    pub kind: FamilyKind,
    /// What it means, in a sentence.
    pub help: &'static str,
    /// Labels of each of its samples, but for `le`.
    pub labels: &'static [&'static str],
}

impl Family {
    /// In what it counts, as its name says.
    #[must_use]
    pub fn unit(&self) -> Unit {
        let mut words = self.name.rsplit('_');
        let unit = words.find_map(|word| match word {
            "bytes" => Some(Unit::Bytes),
            "seconds" => Some(Unit::Seconds),
            "ratio" => Some(Unit::Ratio),
            _ => None,
        });
        unit.unwrap_or(Unit::Count)
    }
}

/// The family with this name, or of whose histogram this is a part.
#[must_use]
pub fn family(name: &str) -> Option<&'static Family> {
    let parts = ["_bucket", "_sum", "_count"];
    let whole = parts.iter().find_map(|part| name.strip_suffix(part));
    let mut families = families().iter();
    families.find(|family| {
        family.name == name || family.kind == FamilyKind::Histogram && Some(family.name) == whole
    })
}

/// Every family there is, in the order of the page.
#[must_use]
pub fn families() -> &'static [Family] {
    ALL
}

/// A constant for each family, and all of them.
macro_rules! families {
    ($($constant:ident = $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(
            #[doc = $help]
            pub(super) const $constant: Family = Family {
                name: $name,
                kind: FamilyKind::$kind,
                help: $help,
                labels: &[$($label),*],
            };
        )*
        const ALL: &[Family] = &[$($constant),*];
    };
}

families! {
    BUILD_INFO = Gauge "tsdb_build_info" ["version"]
        "The running version; always 1.";
    READY = Gauge "tsdb_ready" []
        "Whether reads and writes are right, as /ready says.";
    WRITE_QUEUE_LENGTH = Gauge "tsdb_write_queue_length" []
        "Writes that wait for a store thread.";
    WRITE_QUEUE_LIMIT = Gauge "tsdb_write_queue_limit" []
        "Writes that may wait; further ones get 503.";
    QUERIES_RUNNING = Gauge "tsdb_queries_running" []
        "Queries that run, remote reads included.";
    QUERIES_LIMIT = Gauge "tsdb_queries_limit" []
        "Queries that may run at a time; further ones wait.";
    REQUEST_INFLIGHT_BYTES = Gauge "tsdb_request_inflight_bytes" []
        "Bytes held by remote write and read requests in flight.";
    REQUEST_INFLIGHT_LIMIT_BYTES = Gauge "tsdb_request_inflight_limit_bytes" []
        "Bytes they may hold; further requests get 503.";
    REQUESTS_BEYOND_SHARE = Counter "tsdb_requests_beyond_share_total" []
        "Writes told to come later, as others of their sender hold its share of the bytes in flight.";
    DISK_FREE_BYTES = Gauge "tsdb_disk_free_bytes" []
        "Bytes that may still be written to the disk of the data folder.";
    DISK_SIZE_BYTES = Gauge "tsdb_disk_size_bytes" []
        "Bytes of that disk, as df counts them.";
    DISK_HIGH_WATER_RATIO = Gauge "tsdb_disk_high_water_ratio" []
        "Part of that disk that may be used; writes above it get 503.";
    HTTP_REQUESTS = Counter "tsdb_http_requests_total" ["route", "code"]
        "HTTP requests answered, by route and status.";
    HTTP_REQUEST_DURATION_SECONDS = Histogram "tsdb_http_request_duration_seconds" ["route"]
        "Time from a request's headers to its answer's headers.";
    EXPRESSIONS = Counter "tsdb_expressions_total" ["outcome"]
        "Expressions evaluated, by outcome: success, or the kind of error.";
    EXPRESSION_DURATION_SECONDS = Histogram "tsdb_expression_duration_seconds" []
        "Time from an expression's request to its result, waiting for its turn included.";
    EXPRESSION_SERIES = Counter "tsdb_expression_series_total" []
        "Series read by expressions.";
    EXPRESSION_SAMPLES = Counter "tsdb_expression_samples_total" []
        "Samples read by expressions.";
    SAMPLES_STORED = Counter "tsdb_samples_stored_total" ["source"]
        "Samples stored, those that were there already included.";
    SAMPLES_REJECTED = Counter "tsdb_samples_rejected_total" ["source", "reason"]
        "Samples refused, by reason; \"unlisted\" are those beyond the first 100 refusals of a request.";
    TENANT_WRITES_REFUSED = Counter "tsdb_tenant_writes_refused_total" ["tenant"]
        "Writes told to come later, as their tenant sends more samples a second than it may.";
    HA_CLUSTERS = Gauge "tsdb_ha_clusters" []
        "Clusters of replicas that send samples.";
    HA_REQUESTS_WAITING = Gauge "tsdb_ha_requests_waiting" []
        "Requests that wait for the elected replica to bring the same.";
    HA_TAKEOVERS = Counter "tsdb_ha_takeovers_total" []
        "Times nothing came from an elected replica and another took over.";
    HA_DUPLICATE_SAMPLES = Counter "tsdb_ha_duplicate_samples_total" []
        "Samples not stored, as another replica brought the same.";
    SERIES_REJECTED = Counter "tsdb_series_rejected_total" []
        "Series refused as a whole.";
    NATIVE_HISTOGRAMS_STORED = Counter "tsdb_native_histograms_stored_total" []
        "Native histograms stored, those that were there already included.";
    METADATA_STORED = Counter "tsdb_metadata_stored_total" []
        "Metadata entries of metrics stored.";
    METADATA_REJECTED = Counter "tsdb_metadata_rejected_total" []
        "Metadata entries refused, as they are not UTF-8.";
    IMPORT_LINES = Counter "tsdb_import_lines_total" []
        "Lines read by imports of any format.";
    IMPORT_LINES_REJECTED = Counter "tsdb_import_lines_rejected_total" []
        "Lines of imports that are malformed.";
    EXPORT_SERIES = Counter "tsdb_export_series_total" []
        "Series written by /api/v1/export.";
    EXPORT_SAMPLES = Counter "tsdb_export_samples_total" []
        "Samples written by /api/v1/export.";
    EXPORT_SAMPLES_LEFT_OUT = Counter "tsdb_export_samples_left_out_total" []
        "Samples that /api/v1/export left out, as OpenMetrics has no text for them.";
    ANSWERS_BELOW_LEVEL = Counter "tsdb_answers_below_level_total" []
        "Answers of a cluster that fewer than a majority of replicas gave, as unstrict_majority takes them; each says so.";
    REOPENINGS = Counter "tsdb_reopenings_total" []
        "Times the database was reopened after a failed write or sync.";
    MAINTENANCE_FAILURES = Counter "tsdb_maintenance_failures_total" []
        "Failed steps of cutting, flushing, merging and expiring.";
    PANICS = Counter "tsdb_panics_total" []
        "Jobs that ended in a panic, which is a bug.";
    EXEMPLARS_STORED = Counter "tsdb_exemplars_stored_total" []
        "Exemplars stored, those that were there already included.";
    EXEMPLARS_DROPPED = Counter "tsdb_exemplars_dropped_total" []
        "Exemplars not stored, as none are kept.";
    EXEMPLARS_REJECTED = Counter "tsdb_exemplars_rejected_total" []
        "Exemplars refused, by themselves or with their series.";
    REQUESTS_REFUSED = Counter "tsdb_requests_refused_total" ["reason"]
        "Requests refused by authentication, by reason.";
    TLS_HANDSHAKE_FAILURES = Counter "tsdb_tls_handshake_failures_total" ["reason"]
        "TLS handshakes that came to nothing, by reason.";
    WEB_CONFIG_RELOAD_FAILURES = Counter "tsdb_web_config_reload_failures_total" []
        "Times the web-config file or one that it names was wrong, and the former kept.";
    WEB_CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP_SECONDS = Gauge "tsdb_web_config_last_reload_success_timestamp_seconds" []
        "When the web-config file was last taken, since the epoch; 0 without one.";
    CERTIFICATE_EXPIRY_SECONDS = Gauge "tsdb_certificate_expiry_seconds" ["use"]
        "When a certificate in use expires, since the epoch; the earliest of each use.";
    LOG_COMMITS = Counter "tsdb_log_commits_total" []
        "Group commits of the log since it was opened.";
    LOG_FRAMES = Counter "tsdb_log_frames_total" []
        "Frames written to the log since it was opened.";
    LOG_WRITTEN_BYTES = Counter "tsdb_log_written_bytes_total" []
        "Bytes written to the log since it was opened.";
    LOG_SYNCS = Counter "tsdb_log_syncs_total" []
        "Times the log was synced since it was opened.";
    FLUSHES = Counter "tsdb_flushes_total" []
        "Generations flushed to runs since opening.";
    MERGES = Counter "tsdb_merges_total" []
        "Merges of runs since opening.";
    SERIES_FORGOTTEN = Counter "tsdb_series_forgotten_total" []
        "Series that left memory since opening: only blocks name them.";
    SERIES_FILES_REWRITTEN = Counter "tsdb_series_files_rewritten_total" []
        "Rewrites of series files since opening.";
    FILES_REFUSED = Counter "tsdb_files_refused_total" []
        "Times a run or block could not be taken into use when it was first needed.";
    RUNS_EXPIRED = Counter "tsdb_runs_expired_total" []
        "Runs dropped by retention since opening.";
    COMPACTIONS = Counter "tsdb_compactions_total" []
        "Compactions of runs and blocks into blocks since opening.";
    BLOCKS_EXPIRED = Counter "tsdb_blocks_expired_total" []
        "Blocks dropped by retention, of time or of bytes, since opening.";
    LOG_OPEN_BYTES = Gauge "tsdb_log_open_bytes" []
        "Bytes of the log being written.";
    GENERATIONS_UNFLUSHED = Gauge "tsdb_generations_unflushed" []
        "Closed generations that wait to be flushed.";
    MEMORY_BYTES = Gauge "tsdb_memory_bytes" ["use"]
        "Memory accounted for, by use.";
    MEMORY_BUDGET_BYTES = Gauge "tsdb_memory_budget_bytes" []
        "Memory the database may use; writes beyond it get 503.";
    CLOCK_SUSPENDED = Gauge "tsdb_clock_suspended" []
        "Whether expiry is suspended, and the limit max_future with a clock that is behind, as the clock jumped.";
    READERS = Gauge "tsdb_readers" []
        "Selects that are being read.";
    READERS_OVERTAKEN = Gauge "tsdb_readers_overtaken" []
        "Of which hold files or memory that were replaced since they began.";
    READERS_REFUSED = Counter "tsdb_readers_refused_total" []
        "Selects refused since opening, as they held too much of that, or for too long.";
    PINNED_FILES = Gauge "tsdb_pinned_files" []
        "Removed files that selects still read.";
    PINNED_BYTES = Gauge "tsdb_pinned_bytes" []
        "Bytes on disk of those.";
    PINNED_MEMORY_BYTES = Gauge "tsdb_pinned_memory_bytes" []
        "Memory that only selects hold: what was replaced since they began, and what they have read and not given out.";
    POISONED = Gauge "tsdb_poisoned" []
        "Whether writes are refused until the database is reopened.";
    SERIES = Gauge "tsdb_series" ["namespace"]
        "Series in memory.";
    EXEMPLARS = Gauge "tsdb_exemplars" ["namespace"]
        "Exemplars kept just now.";
    BUFFERED_SAMPLES = Gauge "tsdb_buffered_samples" ["namespace"]
        "Samples in memory that are not in runs, duplicates included.";
    SERIES_FILE_BYTES = Gauge "tsdb_series_file_bytes" ["namespace"]
        "Bytes of series files, as far as they are durable.";
    RUNS = Gauge "tsdb_runs" ["namespace"]
        "Live runs on disk.";
    RUN_BYTES = Gauge "tsdb_run_bytes" ["namespace"]
        "Bytes of live runs.";
    RUN_SAMPLES = Gauge "tsdb_run_samples" ["namespace"]
        "Samples of live runs; one that lies in several counts in each.";
    BLOCKS = Gauge "tsdb_blocks" ["namespace"]
        "Live blocks on disk.";
    BLOCK_BYTES = Gauge "tsdb_block_bytes" ["namespace"]
        "Bytes of live blocks.";
    BLOCK_SAMPLES = Gauge "tsdb_block_samples" ["namespace"]
        "Samples of live blocks; one that lies in several counts in each.";
    TOMBSTONES = Gauge "tsdb_tombstones" ["namespace"]
        "Deletes whose samples may still be on disk.";
    NAMESPACE_MEMORY_MAX_BYTES = Gauge "tsdb_namespace_memory_max_bytes" ["namespace"]
        "Memory that a namespace may hold, where its options limit it.";
    NAMESPACE_SERIES_MAX = Gauge "tsdb_namespace_series_max" ["namespace"]
        "Series that a namespace may hold, where its options limit it.";
    NAMESPACE_MEMORY_BYTES = Gauge "tsdb_namespace_memory_bytes" ["namespace", "use"]
        "Memory accounted for, by namespace and use.";
    OPENING_PHASE = Gauge "tsdb_opening_phase" ["phase"]
        "What opening does at the moment: 1 for its phase, 0 for the others.";
    OPENING_LOGS = Gauge "tsdb_opening_logs" []
        "Logs that opening has to replay.";
    OPENING_LOGS_REPLAYED = Gauge "tsdb_opening_logs_replayed" []
        "Logs that it replayed.";
    OPENING_LOG_BYTES = Gauge "tsdb_opening_log_bytes" []
        "Bytes of logs that opening has to replay.";
    OPENING_LOG_BYTES_REPLAYED = Gauge "tsdb_opening_log_bytes_replayed" []
        "Bytes of logs that it replayed.";
    RECOVERY_DURATION_SECONDS = Gauge "tsdb_recovery_duration_seconds" []
        "Time that opening the database took at the start.";
    RECOVERY_FRAMES = Gauge "tsdb_recovery_frames" []
        "Log frames replayed at the start.";
    RECOVERY_SAMPLES = Gauge "tsdb_recovery_samples" []
        "Samples replayed at the start.";
    RECOVERY_TORN_BYTES = Gauge "tsdb_recovery_torn_bytes" []
        "Bytes cut off the ends of files at the start; none of them was acked.";
    CLUSTER_PLACEMENT_VERSION = Gauge "tsdb_cluster_placement_version" []
        "Version of the placement that the server acts by; 0 before it knows one.";
    CLUSTER_SHARDS = Gauge "tsdb_cluster_shards" ["state"]
        "Shards of the own node, by state.";
    CLUSTER_DIVERGENCE_WINDOWS = Gauge "tsdb_cluster_divergence_windows" []
        "Windows of time in which the own node differs from another replica, as it was last compared.";
    CLUSTER_HINT_BACKLOG = Gauge "tsdb_cluster_hint_backlog" []
        "Windows of shards that other nodes are known to miss, and are to get from the own node.";
    CLUSTER_MOVES = Gauge "tsdb_cluster_moves" []
        "Shards that the own node is copying from others.";
    CLUSTER_WRITES_BELOW_LEVEL = Counter "tsdb_cluster_writes_below_level_total" []
        "Writes refused, as fewer replicas had them in time than the consistency level asks for.";
    CLUSTER_HEDGES = Counter "tsdb_cluster_hedges_total" []
        "Reads for which further replicas were asked, as one that was asked took long.";
    CLUSTER_WRITE_QUEUE_REQUESTS = Gauge "tsdb_cluster_write_queue_requests" ["node"]
        "Writes that wait to be sent to a node, or answered by it.";
    CLUSTER_WRITE_QUEUE_BYTES = Gauge "tsdb_cluster_write_queue_bytes" ["node"]
        "About how many bytes those hold.";
    CLUSTER_WRITE_QUEUE_LIMIT_BYTES = Gauge "tsdb_cluster_write_queue_limit_bytes" ["node"]
        "Bytes they may hold; the node gets no further writes meanwhile.";
    CLUSTER_CIRCUIT_OPEN = Gauge "tsdb_cluster_circuit_open" ["node", "way"]
        "Whether a node is not asked for a while, as it was not reached.";
    CLUSTER_NODE_UNREACHABLE_SECONDS = Gauge "tsdb_cluster_node_unreachable_seconds" ["node"]
        "For how long a node was not reached; 0 while it is.";
    RPC_CALLS = Counter "tsdb_rpc_calls_total" ["side", "call", "outcome"]
        "Calls between servers of the cluster that ended, by what came of them.";
    RPC_SENT_BYTES = Counter "tsdb_rpc_sent_bytes_total" ["side"]
        "Bytes of messages that were sent to other servers, without what HTTP/2 and TLS add.";
    RPC_RECEIVED_BYTES = Counter "tsdb_rpc_received_bytes_total" ["side"]
        "Bytes of messages that came from other servers.";
    PROCESS_CPU_SECONDS = Counter "process_cpu_seconds_total" []
        "CPU used by this process, user and system.";
    PROCESS_RESIDENT_MEMORY_BYTES = Gauge "process_resident_memory_bytes" []
        "Memory held by this process.";
    PROCESS_VIRTUAL_MEMORY_BYTES = Gauge "process_virtual_memory_bytes" []
        "Address space of this process.";
    PROCESS_OPEN_FDS = Gauge "process_open_fds" []
        "Open file descriptors of this process.";
    PROCESS_START_TIME_SECONDS = Gauge "process_start_time_seconds" []
        "Start of this process, since the epoch.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_end_as_prometheus_wants_it() {
        let mut names = BTreeSet::new();
        for family in families() {
            assert!(names.insert(family.name), "{} is there twice", family.name);
            let is_total = family.name.ends_with("_total");
            assert_eq!(
                is_total,
                family.kind == FamilyKind::Counter,
                "{}",
                family.name
            );
            assert!(family.help.ends_with('.'), "{}", family.help);
        }
    }

    #[test]
    fn units_are_those_of_the_names() {
        assert_eq!(LOG_WRITTEN_BYTES.unit(), Unit::Bytes);
        assert_eq!(OPENING_LOG_BYTES_REPLAYED.unit(), Unit::Bytes);
        assert_eq!(PROCESS_CPU_SECONDS.unit(), Unit::Seconds);
        assert_eq!(DISK_HIGH_WATER_RATIO.unit(), Unit::Ratio);
        assert_eq!(SERIES.unit(), Unit::Count);
    }

    #[test]
    fn parts_of_histograms_are_found() {
        let durations = Some(&HTTP_REQUEST_DURATION_SECONDS);
        for part in ["", "_bucket", "_sum", "_count"] {
            assert_eq!(
                family(&format!("tsdb_http_request_duration_seconds{part}")),
                durations
            );
        }
        assert_eq!(family("tsdb_series_count"), None);
        assert_eq!(family("tsdb_serie"), None);
    }
}
