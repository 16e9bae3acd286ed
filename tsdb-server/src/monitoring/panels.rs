//! What the dashboard shows: rows of panels, each with its expressions.

use self::Unit::{Bytes, BytesPerSecond, Count, PerSecond, Ratio, Seconds};

/// How a panel shows its series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Lines over time.
    Lines,
    /// Areas over time, one on top of the other.
    Stack,
    /// The newest value, large.
    Value,
}

/// In what a panel counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Things, or a truth as 0 or 1.
    Count,
    /// Things a second.
    PerSecond,
    /// Bytes.
    Bytes,
    /// Bytes a second.
    BytesPerSecond,
    /// Seconds.
    Seconds,
    /// Parts of 1.
    Ratio,
}

/// An expression and how its series are named.
#[derive(Clone, Copy, Debug)]
pub(super) struct Query {
    pub(super) expression: &'static str,
    pub(super) legend: &'static str,
}

/// A panel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Panel {
    pub(super) title: &'static str,
    pub(super) kind: Kind,
    pub(super) unit: Unit,
    pub(super) queries: &'static [Query],
}

/// A titled row of panels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) title: &'static str,
    pub(super) panels: &'static [Panel],
}

pub(super) const fn lines(title: &'static str, unit: Unit, queries: &'static [Query]) -> Panel {
    Panel {
        title,
        kind: Kind::Lines,
        unit,
        queries,
    }
}

pub(super) const fn stack(title: &'static str, unit: Unit, queries: &'static [Query]) -> Panel {
    Panel {
        title,
        kind: Kind::Stack,
        unit,
        queries,
    }
}

const fn value(title: &'static str, unit: Unit, queries: &'static [Query]) -> Panel {
    Panel {
        title,
        kind: Kind::Value,
        unit,
        queries,
    }
}

pub(super) const fn q(expression: &'static str, legend: &'static str) -> Query {
    Query { expression, legend }
}

/// All rows, from what is asked first to what is asked last.
pub(super) const ROWS: &[Row] = &[
    Row {
        title: "At a glance",
        panels: OVERVIEW,
    },
    Row {
        title: "Ingest",
        panels: INGEST,
    },
    Row {
        title: "HTTP",
        panels: HTTP,
    },
    Row {
        title: "Queries",
        panels: QUERIES,
    },
    Row {
        title: "Series and namespaces",
        panels: SERIES,
    },
    Row {
        title: "Tenants and pairs of senders",
        panels: SENDERS,
    },
    Row {
        title: "Cluster",
        panels: super::cluster_panels::CLUSTER,
    },
    Row {
        title: "Access",
        panels: ACCESS,
    },
    Row {
        title: "Memory",
        panels: MEMORY,
    },
    Row {
        title: "Disk",
        panels: DISK,
    },
    Row {
        title: "Log, flushes and compaction",
        panels: UPKEEP,
    },
    Row {
        title: "Start and recovery",
        panels: OPENING,
    },
    Row {
        title: "Process",
        panels: PROCESS,
    },
];

const OVERVIEW: &[Panel] = &[
    value("Ready", Count, &[q("tsdb_ready", "{{instance}}")]),
    value(
        "Samples stored",
        PerSecond,
        &[q(
            "sum by (instance) (rate(tsdb_samples_stored_total[$__rate_interval]))",
            "{{instance}}",
        )],
    ),
    value(
        "Series in memory",
        Count,
        &[q("sum by (instance) (tsdb_series)", "{{instance}}")],
    ),
    value(
        "Memory of the budget",
        Ratio,
        &[q(
            "sum by (job, instance) (tsdb_memory_bytes) / on (job, instance) tsdb_memory_budget_bytes",
            "{{instance}}",
        )],
    ),
    value(
        "Disk used",
        Ratio,
        &[q(
            "1 - tsdb_disk_free_bytes / tsdb_disk_size_bytes",
            "{{instance}}",
        )],
    ),
    value("Version", Count, &[q("tsdb_build_info", "{{version}}")]),
];

const INGEST: &[Panel] = &[
    lines(
        "Samples stored by source",
        PerSecond,
        &[q(
            "sum by (source) (rate(tsdb_samples_stored_total[$__rate_interval]))",
            "{{source}}",
        )],
    ),
    lines(
        "Samples rejected by reason",
        PerSecond,
        &[q(
            "sum by (source, reason) (rate(tsdb_samples_rejected_total[$__rate_interval]))",
            "{{source}}: {{reason}}",
        )],
    ),
    lines(
        "Rejected or dropped beside samples",
        PerSecond,
        &[
            q(
                "sum(rate(tsdb_series_rejected_total[$__rate_interval]))",
                "series rejected",
            ),
            q(
                "sum(rate(tsdb_exemplars_rejected_total[$__rate_interval]))",
                "exemplars rejected",
            ),
            q(
                "sum(rate(tsdb_exemplars_dropped_total[$__rate_interval]))",
                "exemplars dropped",
            ),
            q(
                "sum(rate(tsdb_metadata_rejected_total[$__rate_interval]))",
                "metadata rejected",
            ),
        ],
    ),
    lines(
        "Stored beside floats",
        PerSecond,
        &[
            q(
                "sum(rate(tsdb_native_histograms_stored_total[$__rate_interval]))",
                "native histograms",
            ),
            q(
                "sum(rate(tsdb_exemplars_stored_total[$__rate_interval]))",
                "exemplars",
            ),
            q(
                "sum(rate(tsdb_metadata_stored_total[$__rate_interval]))",
                "metadata",
            ),
        ],
    ),
    lines(
        "Writes that wait",
        Count,
        &[
            q("tsdb_write_queue_length", "{{instance}} waiting"),
            q("tsdb_write_queue_limit", "{{instance}} limit"),
        ],
    ),
    lines(
        "Bytes of requests in flight",
        Bytes,
        &[
            q("tsdb_request_inflight_bytes", "{{instance}} held"),
            q("tsdb_request_inflight_limit_bytes", "{{instance}} limit"),
        ],
    ),
    lines(
        "Requests beyond the share of their sender",
        PerSecond,
        &[q(
            "rate(tsdb_requests_beyond_share_total[$__rate_interval])",
            "{{instance}}",
        )],
    ),
    lines(
        "Import and export",
        PerSecond,
        &[
            q(
                "sum(rate(tsdb_import_lines_total[$__rate_interval]))",
                "lines imported",
            ),
            q(
                "sum(rate(tsdb_import_lines_rejected_total[$__rate_interval]))",
                "lines malformed",
            ),
            q(
                "sum(rate(tsdb_export_series_total[$__rate_interval]))",
                "series exported",
            ),
            q(
                "sum(rate(tsdb_export_samples_total[$__rate_interval]))",
                "samples exported",
            ),
            q(
                "sum(rate(tsdb_export_samples_left_out_total[$__rate_interval]))",
                "samples left out of exports",
            ),
        ],
    ),
];

const HTTP: &[Panel] = &[
    lines(
        "Requests by route and status",
        PerSecond,
        &[q(
            "sum by (route, code) (rate(tsdb_http_requests_total[$__rate_interval]))",
            "{{route}} {{code}}",
        )],
    ),
    lines(
        "Time to answer, 99th percentile by route",
        Seconds,
        &[q(
            "histogram_quantile(0.99, sum by (route, le) (rate(tsdb_http_request_duration_seconds_bucket[$__rate_interval])))",
            "{{route}}",
        )],
    ),
    lines(
        "Time to answer writes",
        Seconds,
        &[
            q(
                "histogram_quantile(0.5, sum by (le) (rate(tsdb_http_request_duration_seconds_bucket{route=~\".*/write\"}[$__rate_interval])))",
                "median",
            ),
            q(
                "histogram_quantile(0.9, sum by (le) (rate(tsdb_http_request_duration_seconds_bucket{route=~\".*/write\"}[$__rate_interval])))",
                "90th percentile",
            ),
            q(
                "sum(rate(tsdb_http_request_duration_seconds_sum{route=~\".*/write\"}[$__rate_interval])) / sum(rate(tsdb_http_request_duration_seconds_count{route=~\".*/write\"}[$__rate_interval]))",
                "mean",
            ),
        ],
    ),
];

const QUERIES: &[Panel] = &[
    lines(
        "Queries that run",
        Count,
        &[
            q("tsdb_queries_running", "{{instance}} running"),
            q("tsdb_queries_limit", "{{instance}} limit"),
        ],
    ),
    lines(
        "Expressions",
        PerSecond,
        &[q(
            "sum by (outcome) (rate(tsdb_expressions_total[$__rate_interval]))",
            "{{outcome}}",
        )],
    ),
    lines(
        "Time of expressions",
        Seconds,
        &[
            q(
                "histogram_quantile(0.5, sum by (le) (rate(tsdb_expression_duration_seconds_bucket[$__rate_interval])))",
                "median",
            ),
            q(
                "histogram_quantile(0.9, sum by (le) (rate(tsdb_expression_duration_seconds_bucket[$__rate_interval])))",
                "90th percentile",
            ),
        ],
    ),
    lines(
        "Read by expressions",
        PerSecond,
        &[
            q(
                "sum(rate(tsdb_expression_series_total[$__rate_interval]))",
                "series",
            ),
            q(
                "sum(rate(tsdb_expression_samples_total[$__rate_interval]))",
                "samples",
            ),
        ],
    ),
    lines(
        "Selects",
        Count,
        &[
            q("tsdb_readers", "{{instance}} being read"),
            q("tsdb_readers_overtaken", "{{instance}} overtaken"),
            q("tsdb_pinned_files", "{{instance}} removed files held"),
        ],
    ),
    lines(
        "Selects refused, and answers below their level",
        PerSecond,
        &[
            q(
                "rate(tsdb_readers_refused_total[$__rate_interval])",
                "{{instance}} refused",
            ),
            q(
                "rate(tsdb_answers_below_level_total[$__rate_interval])",
                "{{instance}} below the level",
            ),
        ],
    ),
    lines(
        "Held by selects alone",
        Bytes,
        &[
            q("tsdb_pinned_bytes", "{{instance}} disk"),
            q("tsdb_pinned_memory_bytes", "{{instance}} memory"),
        ],
    ),
];

const SERIES: &[Panel] = &[
    lines(
        "Series in memory by namespace",
        Count,
        &[q("tsdb_series", "{{instance}} {{namespace}}")],
    ),
    lines(
        "Series that left memory",
        PerSecond,
        &[q(
            "rate(tsdb_series_forgotten_total[$__rate_interval])",
            "{{instance}}",
        )],
    ),
    lines(
        "Samples not flushed",
        Count,
        &[q("tsdb_buffered_samples", "{{instance}} {{namespace}}")],
    ),
    lines(
        "Exemplars kept",
        Count,
        &[q("tsdb_exemplars", "{{instance}} {{namespace}}")],
    ),
    lines(
        "Deletes not yet off the disk",
        Count,
        &[q("tsdb_tombstones", "{{instance}} {{namespace}}")],
    ),
];

const SENDERS: &[Panel] = &[
    lines(
        "Writes of tenants refused for their rate",
        PerSecond,
        &[q(
            "sum by (tenant) (rate(tsdb_tenant_writes_refused_total[$__rate_interval]))",
            "{{tenant}}",
        )],
    ),
    lines(
        "Series where a namespace is limited",
        Count,
        &[
            q(
                "tsdb_series and on (job, instance, namespace) tsdb_namespace_series_max",
                "{{instance}} {{namespace}}",
            ),
            q(
                "tsdb_namespace_series_max",
                "{{instance}} {{namespace}} limit",
            ),
        ],
    ),
    lines(
        "Memory where a namespace is limited",
        Bytes,
        &[
            q(
                "sum by (job, instance, namespace) (tsdb_namespace_memory_bytes) and on (job, instance, namespace) tsdb_namespace_memory_max_bytes",
                "{{instance}} {{namespace}}",
            ),
            q(
                "tsdb_namespace_memory_max_bytes",
                "{{instance}} {{namespace}} limit",
            ),
        ],
    ),
    lines(
        "Pairs of senders",
        Count,
        &[
            q("tsdb_ha_clusters", "{{instance}} clusters"),
            q("tsdb_ha_requests_waiting", "{{instance}} requests waiting"),
        ],
    ),
    lines(
        "Duplicates left out, and takeovers",
        PerSecond,
        &[
            q(
                "sum(rate(tsdb_ha_duplicate_samples_total[$__rate_interval]))",
                "duplicate samples",
            ),
            q(
                "sum(rate(tsdb_ha_takeovers_total[$__rate_interval]))",
                "takeovers",
            ),
        ],
    ),
];

const ACCESS: &[Panel] = &[
    lines(
        "Requests refused by authentication",
        PerSecond,
        &[q(
            "sum by (reason) (rate(tsdb_requests_refused_total[$__rate_interval]))",
            "{{reason}}",
        )],
    ),
    lines(
        "TLS handshakes that came to nothing",
        PerSecond,
        &[q(
            "sum by (reason) (rate(tsdb_tls_handshake_failures_total[$__rate_interval]))",
            "{{reason}}",
        )],
    ),
    lines(
        "Reloads of the web-config file that failed",
        PerSecond,
        &[q(
            "rate(tsdb_web_config_reload_failures_total[$__rate_interval])",
            "{{instance}}",
        )],
    ),
    value(
        "Time until certificates expire",
        Seconds,
        &[q(
            "tsdb_certificate_expiry_seconds - time()",
            "{{instance}} {{use}}",
        )],
    ),
    value(
        "Time since the web-config file was taken",
        Seconds,
        &[q(
            "time() - (tsdb_web_config_last_reload_success_timestamp_seconds > 0)",
            "{{instance}}",
        )],
    ),
];

const MEMORY: &[Panel] = &[
    stack(
        "Memory by use",
        Bytes,
        &[q("sum by (use) (tsdb_memory_bytes)", "{{use}}")],
    ),
    lines(
        "Memory against the budget",
        Bytes,
        &[
            q("sum by (instance) (tsdb_memory_bytes)", "{{instance}} used"),
            q("tsdb_memory_budget_bytes", "{{instance}} budget"),
        ],
    ),
    stack(
        "Memory by namespace and use",
        Bytes,
        &[q(
            "sum by (namespace, use) (tsdb_namespace_memory_bytes)",
            "{{namespace}} {{use}}",
        )],
    ),
];

const DISK: &[Panel] = &[
    lines(
        "Disk used against the high water",
        Ratio,
        &[
            q(
                "1 - tsdb_disk_free_bytes / tsdb_disk_size_bytes",
                "{{instance}} used",
            ),
            q("tsdb_disk_high_water_ratio", "{{instance}} high water"),
        ],
    ),
    stack(
        "Bytes of data by kind",
        Bytes,
        &[
            q("sum(tsdb_block_bytes)", "blocks"),
            q("sum(tsdb_run_bytes)", "runs"),
            q("sum(tsdb_series_file_bytes)", "series files"),
        ],
    ),
    stack(
        "Samples on disk by kind",
        Count,
        &[
            q("sum(tsdb_block_samples)", "blocks"),
            q("sum(tsdb_run_samples)", "runs"),
        ],
    ),
    lines(
        "Runs and blocks",
        Count,
        &[
            q("tsdb_runs", "{{instance}} {{namespace}} runs"),
            q("tsdb_blocks", "{{instance}} {{namespace}} blocks"),
        ],
    ),
];

const UPKEEP: &[Panel] = &[
    lines(
        "Bytes written to the log",
        BytesPerSecond,
        &[q(
            "rate(tsdb_log_written_bytes_total[$__rate_interval])",
            "{{instance}}",
        )],
    ),
    lines(
        "Frames, commits and syncs of the log",
        PerSecond,
        &[
            q(
                "sum(rate(tsdb_log_frames_total[$__rate_interval]))",
                "frames",
            ),
            q(
                "sum(rate(tsdb_log_commits_total[$__rate_interval]))",
                "commits",
            ),
            q("sum(rate(tsdb_log_syncs_total[$__rate_interval]))", "syncs"),
        ],
    ),
    lines(
        "The log being written",
        Bytes,
        &[q("tsdb_log_open_bytes", "{{instance}}")],
    ),
    lines(
        "Closed generations not flushed",
        Count,
        &[q("tsdb_generations_unflushed", "{{instance}}")],
    ),
    lines(
        "Flushes, merges and compactions",
        PerSecond,
        &[
            q("sum(rate(tsdb_flushes_total[$__rate_interval]))", "flushes"),
            q("sum(rate(tsdb_merges_total[$__rate_interval]))", "merges"),
            q(
                "sum(rate(tsdb_compactions_total[$__rate_interval]))",
                "compactions",
            ),
            q(
                "sum(rate(tsdb_series_files_rewritten_total[$__rate_interval]))",
                "series files rewritten",
            ),
        ],
    ),
    lines(
        "Expired",
        PerSecond,
        &[
            q(
                "sum(rate(tsdb_runs_expired_total[$__rate_interval]))",
                "runs",
            ),
            q(
                "sum(rate(tsdb_blocks_expired_total[$__rate_interval]))",
                "blocks",
            ),
        ],
    ),
    lines(
        "Failures",
        PerSecond,
        &[
            q(
                "sum(rate(tsdb_maintenance_failures_total[$__rate_interval]))",
                "steps of maintenance",
            ),
            q(
                "sum(rate(tsdb_reopenings_total[$__rate_interval]))",
                "database reopened",
            ),
            q(
                "sum(rate(tsdb_files_refused_total[$__rate_interval]))",
                "files refused",
            ),
            q("sum(rate(tsdb_panics_total[$__rate_interval]))", "panics"),
        ],
    ),
    lines(
        "Writes refused, clock suspended",
        Count,
        &[
            q("tsdb_poisoned", "{{instance}} poisoned"),
            q("tsdb_clock_suspended", "{{instance}} clock suspended"),
        ],
    ),
];

const OPENING: &[Panel] = &[
    lines(
        "Phase of opening",
        Count,
        &[q("tsdb_opening_phase", "{{instance}} {{phase}}")],
    ),
    lines(
        "Bytes of logs to replay",
        Bytes,
        &[
            q("tsdb_opening_log_bytes", "{{instance}} all"),
            q("tsdb_opening_log_bytes_replayed", "{{instance}} replayed"),
        ],
    ),
    lines(
        "Logs to replay",
        Count,
        &[
            q("tsdb_opening_logs", "{{instance}} all"),
            q("tsdb_opening_logs_replayed", "{{instance}} replayed"),
        ],
    ),
    value(
        "Time that opening took",
        Seconds,
        &[q("tsdb_recovery_duration_seconds", "{{instance}}")],
    ),
    value(
        "Replayed at the start",
        Count,
        &[
            q("tsdb_recovery_samples", "{{instance}} samples"),
            q("tsdb_recovery_frames", "{{instance}} frames"),
        ],
    ),
    value(
        "Torn bytes cut off at the start",
        Bytes,
        &[q("tsdb_recovery_torn_bytes", "{{instance}}")],
    ),
    value(
        "Time since the start",
        Seconds,
        &[q("time() - process_start_time_seconds", "{{instance}}")],
    ),
];

const PROCESS: &[Panel] = &[
    lines(
        "CPU",
        Count,
        &[q(
            "rate(process_cpu_seconds_total[$__rate_interval])",
            "{{instance}}",
        )],
    ),
    lines(
        "Memory of the process",
        Bytes,
        &[
            q("process_resident_memory_bytes", "{{instance}} resident"),
            q("process_virtual_memory_bytes", "{{instance}} address space"),
        ],
    ),
    lines(
        "Open file descriptors",
        Count,
        &[q("process_open_fds", "{{instance}}")],
    ),
];
