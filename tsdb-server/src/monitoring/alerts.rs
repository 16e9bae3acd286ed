//! What somebody is to be told of, each with its section in `docs/runbook.md`.

/// How soon somebody has to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Samples are being lost or will be: now.
    Critical,
    /// It will get worse if nobody does anything: in working hours.
    Warning,
}

impl Severity {
    /// Its word in the label `severity`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
        }
    }
}

/// A rule: an alert is raised while `measure` compared as `comparison` says has been true for `lasting`.
#[derive(Clone, Copy, Debug)]
pub struct Alert {
    /// Its name, and the title of its section of the runbook.
    pub name: &'static str,
    /// How soon somebody has to look.
    pub severity: Severity,
    /// What is measured: it has values also while nothing is wrong.
    pub measure: &'static str,
    /// When something is wrong: a comparison operator and a number.
    pub comparison: &'static str,
    /// For how long, as Prometheus writes durations.
    pub lasting: &'static str,
    /// What is wrong, in a line.
    pub summary: &'static str,
    /// What that means, with the value.
    pub description: &'static str,
}

/// All alerts, what is worst first.
#[must_use]
pub fn alerts() -> &'static [Alert] {
    ALERTS
}

const ALERTS: &[Alert] = &[
    Alert {
        name: "TsdbDown",
        severity: Severity::Critical,
        measure: "up * on (job, instance) max by (job, instance) (max_over_time(tsdb_build_info[1d]))",
        comparison: "== 0",
        lasting: "2m",
        summary: "tsdb-server {{ $labels.instance }} does not answer",
        description: "Prometheus cannot scrape {{ $labels.instance }}, which it could within the last day. Senders keep what they cannot send for about two hours.",
    },
    Alert {
        name: "TsdbNotReady",
        severity: Severity::Critical,
        measure: "tsdb_ready",
        comparison: "== 0",
        lasting: "5m",
        summary: "tsdb-server {{ $labels.instance }} is not ready",
        description: "Reads or writes of {{ $labels.instance }} are not right for 5 minutes; its address /ready says why.",
    },
    Alert {
        name: "TsdbPoisoned",
        severity: Severity::Critical,
        measure: "tsdb_poisoned",
        comparison: "== 1",
        lasting: "1m",
        summary: "tsdb-server {{ $labels.instance }} refuses writes until its database is reopened",
        description: "A write or sync of the log of {{ $labels.instance }} failed, and reopening the database has not healed it for a minute.",
    },
    Alert {
        name: "TsdbWritesRefused",
        severity: Severity::Critical,
        measure: "sum by (job, instance, code) (rate(tsdb_http_requests_total{route=~\".*/(write|import)\",code=~\"5..\"}[5m]))",
        comparison: "> 0",
        lasting: "5m",
        summary: "tsdb-server {{ $labels.instance }} answers writes with {{ $labels.code }}",
        description: "{{ $labels.instance }} turns {{ $value | humanize }} writes a second away with {{ $labels.code }}. Senders try again, but not for ever.",
    },
    Alert {
        name: "TsdbClusterWritesBelowLevel",
        severity: Severity::Critical,
        measure: "increase(tsdb_cluster_writes_below_level_total[5m])",
        comparison: "> 0",
        lasting: "5m",
        summary: "too few nodes take what tsdb-server {{ $labels.instance }} writes",
        description: "{{ $value | humanize }} writes through {{ $labels.instance }} were refused within 5 minutes, as too few replicas had them in time. Senders try again, but not for ever.",
    },
    Alert {
        name: "TsdbFilesRefused",
        severity: Severity::Critical,
        measure: "increase(tsdb_files_refused_total[1h])",
        comparison: "> 0",
        lasting: "0m",
        summary: "tsdb-server {{ $labels.instance }} has files that cannot be read",
        description: "A run or block of {{ $labels.instance }} is gone, damaged, or its disk failed: queries that need it fail.",
    },
    Alert {
        name: "TsdbDiskNearFull",
        severity: Severity::Warning,
        measure: "(1 - tsdb_disk_free_bytes / tsdb_disk_size_bytes) / tsdb_disk_high_water_ratio",
        comparison: "> 0.9",
        lasting: "15m",
        summary: "the disk of tsdb-server {{ $labels.instance }} is nearly full",
        description: "The disk of {{ $labels.instance }} is used to {{ $value | humanizePercentage }} of what --disk-high-water allows. At 100 % writes are turned away.",
    },
    Alert {
        name: "TsdbDiskFillsInADay",
        severity: Severity::Warning,
        measure: "predict_linear(tsdb_disk_free_bytes[6h], 86400) - tsdb_disk_size_bytes * (1 - tsdb_disk_high_water_ratio)",
        comparison: "< 0",
        lasting: "1h",
        summary: "the disk of tsdb-server {{ $labels.instance }} fills within a day",
        description: "As it went for the last 6 hours, the disk of {{ $labels.instance }} is above --disk-high-water a day from now. Then writes are turned away.",
    },
    Alert {
        name: "TsdbMemoryNearBudget",
        severity: Severity::Warning,
        measure: "sum by (job, instance) (tsdb_memory_bytes) / on (job, instance) tsdb_memory_budget_bytes",
        comparison: "> 0.9",
        lasting: "15m",
        summary: "tsdb-server {{ $labels.instance }} has nearly used its memory budget",
        description: "{{ $labels.instance }} uses {{ $value | humanizePercentage }} of --memory-budget. Beyond it samples wait for a flush and new series are refused.",
    },
    Alert {
        name: "TsdbSamplesRejected",
        severity: Severity::Warning,
        measure: "sum by (job, instance, source, reason) (rate(tsdb_samples_rejected_total[15m]))",
        comparison: "> 0",
        lasting: "15m",
        summary: "tsdb-server {{ $labels.instance }} refuses samples: {{ $labels.reason }}",
        description: "{{ $labels.instance }} refuses {{ $value | humanize }} samples a second for the reason {{ $labels.reason }}. Senders do not send these again.",
    },
    Alert {
        name: "TsdbTenantTooFast",
        severity: Severity::Warning,
        measure: "sum by (job, instance, tenant) (rate(tsdb_tenant_writes_refused_total[15m]))",
        comparison: "> 0",
        lasting: "15m",
        summary: "a tenant of tsdb-server {{ $labels.instance }} sends too fast: {{ $labels.tenant }}",
        description: "{{ $labels.instance }} refuses {{ $value | humanize }} writes a second of the tenant {{ $labels.tenant }} with 429, as it sends more samples than it may.",
    },
    Alert {
        name: "TsdbWriteQueueNearLimit",
        severity: Severity::Warning,
        measure: "tsdb_write_queue_length / tsdb_write_queue_limit",
        comparison: "> 0.8",
        lasting: "5m",
        summary: "writes wait at tsdb-server {{ $labels.instance }}",
        description: "The queue of writes of {{ $labels.instance }} is at {{ $value | humanizePercentage }} of its limit. At 100 % writes are turned away.",
    },
    Alert {
        name: "TsdbLogBacklog",
        severity: Severity::Warning,
        measure: "tsdb_generations_unflushed",
        comparison: "> 1",
        lasting: "15m",
        summary: "tsdb-server {{ $labels.instance }} does not get its log flushed",
        description: "{{ $value }} closed generations of {{ $labels.instance }} wait to be flushed. They take memory, and a restart replays them.",
    },
    Alert {
        name: "TsdbMaintenanceFails",
        severity: Severity::Warning,
        measure: "increase(tsdb_maintenance_failures_total[15m])",
        comparison: "> 0",
        lasting: "5m",
        summary: "maintenance of tsdb-server {{ $labels.instance }} fails",
        description: "{{ $value | humanize }} steps of flushing, merging, compacting or expiring failed at {{ $labels.instance }} within 15 minutes. They are tried again.",
    },
    Alert {
        name: "TsdbReopened",
        severity: Severity::Warning,
        measure: "increase(tsdb_reopenings_total[1h])",
        comparison: "> 0",
        lasting: "0m",
        summary: "tsdb-server {{ $labels.instance }} reopened its database",
        description: "A write or sync of {{ $labels.instance }} failed within the last hour. Reopening healed it; the disk is to be looked at.",
    },
    Alert {
        name: "TsdbClockSuspended",
        severity: Severity::Warning,
        measure: "tsdb_clock_suspended",
        comparison: "== 1",
        lasting: "15m",
        summary: "the clock of tsdb-server {{ $labels.instance }} jumped",
        description: "Nothing expires at {{ $labels.instance }} until its clock is right or is confirmed, as it jumped.",
    },
    Alert {
        name: "TsdbQueriesRefused",
        severity: Severity::Warning,
        measure: "increase(tsdb_readers_refused_total[15m])",
        comparison: "> 0",
        lasting: "15m",
        summary: "tsdb-server {{ $labels.instance }} refuses long queries",
        description: "{{ $value | humanize }} queries of {{ $labels.instance }} were refused within 15 minutes, as they held too much of what was replaced meanwhile, or for too long.",
    },
    Alert {
        name: "TsdbCertificateExpires",
        severity: Severity::Warning,
        measure: "(tsdb_certificate_expiry_seconds - time()) / 86400",
        comparison: "< 14",
        lasting: "1h",
        summary: "a certificate of tsdb-server {{ $labels.instance }} expires",
        description: "The certificate that {{ $labels.instance }} uses as {{ $labels.use }} expires in {{ $value | humanize }} days. Then nobody can connect.",
    },
    Alert {
        name: "TsdbWebConfigWrong",
        severity: Severity::Warning,
        measure: "increase(tsdb_web_config_reload_failures_total[1h])",
        comparison: "> 0",
        lasting: "0m",
        summary: "the web-config file of tsdb-server {{ $labels.instance }} is wrong",
        description: "{{ $labels.instance }} could not take its web-config file, or one that it names, and goes on with what held before.",
    },
    Alert {
        name: "TsdbPasswordsGuessed",
        severity: Severity::Warning,
        measure: "sum by (job, instance) (rate(tsdb_requests_refused_total{reason=\"wrong\"}[5m]))",
        comparison: "> 1",
        lasting: "5m",
        summary: "somebody sends wrong passwords to tsdb-server {{ $labels.instance }}",
        description: "{{ $labels.instance }} refuses {{ $value | humanize }} requests a second for a wrong user, password or token.",
    },
    Alert {
        name: "TsdbPanics",
        severity: Severity::Warning,
        measure: "increase(tsdb_panics_total[1h])",
        comparison: "> 0",
        lasting: "0m",
        summary: "tsdb-server {{ $labels.instance }} has a bug",
        description: "A job of {{ $labels.instance }} ended in a panic within the last hour. Its request failed; the others go on.",
    },
    Alert {
        name: "TsdbClusterNodeUnreachable",
        severity: Severity::Warning,
        measure: "tsdb_cluster_node_unreachable_seconds",
        comparison: "> 120",
        lasting: "2m",
        summary: "tsdb-server {{ $labels.instance }} does not reach node {{ $labels.node }}",
        description: "{{ $labels.instance }} has not reached {{ $labels.node }} for {{ $value | humanizeDuration }}. Reads and writes go on with the other replicas; another loss may stop them.",
    },
    Alert {
        name: "TsdbClusterCircuitOpen",
        severity: Severity::Warning,
        measure: "min_over_time(tsdb_cluster_circuit_open[2m])",
        comparison: "== 1",
        lasting: "5m",
        summary: "tsdb-server {{ $labels.instance }} does not ask node {{ $labels.node }}",
        description: "{{ $labels.instance }} has given up the way of {{ $labels.way }} to {{ $labels.node }}, and tries it every 2 seconds only, as it failed each time for minutes.",
    },
    Alert {
        name: "TsdbClusterDiverges",
        severity: Severity::Warning,
        measure: "min_over_time(tsdb_cluster_divergence_windows[1h])",
        comparison: "> 0",
        lasting: "30m",
        summary: "the data of tsdb-server {{ $labels.instance }} stays different from that of other replicas",
        description: "{{ $labels.instance }} differs from other replicas in {{ $value }} windows of time, and repair has not made them equal for over an hour.",
    },
];
