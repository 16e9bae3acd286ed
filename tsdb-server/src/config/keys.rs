//! The keys of a file: those of M3's files, of both generations, and our own below `tsdb`.

use super::flags::Config;
use clap::CommandFactory as _;

/// What a key does here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The same as the flag with this identifier.
    Flag(String),
    /// The folder in which the data has the sub-folder `tsdb`: M3's files lie beside it.
    DataAbove,
    /// One of the namespaces that are there from the start.
    Namespace,
    /// One of the tenants.
    Tenant,
    /// Nothing, and that is no loss: the value only repeats what is so here.
    Repeats,
    /// Nothing, for this reason.
    Without(&'static str),
}

/// A key and what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// Names with dots between; `[]` stands for any place in a list, a last `**` for everything
    /// below.
    pub(super) path: String,
    pub(super) meaning: Meaning,
}

/// All keys that a file may have.
pub(super) fn keys() -> Vec<Key> {
    let ours = Config::command();
    let ours = ours.get_arguments().filter_map(|argument| {
        let long = argument.get_long().filter(|long| *long != "config")?;
        Some(Key {
            path: format!("tsdb.{}", camel_case(long)),
            meaning: Meaning::Flag(argument.get_id().to_string()),
        })
    });
    let flags = FLAGS.iter().map(|(path, id)| Key {
        path: (*path).to_owned(),
        meaning: Meaning::Flag((*id).to_owned()),
    });
    let above = DATA_ABOVE.iter().map(|path| Key {
        path: (*path).to_owned(),
        meaning: Meaning::DataAbove,
    });
    let namespaces = NAMESPACES.iter().flat_map(|above| {
        NAMESPACE_KEYS.iter().map(move |key| Key {
            path: format!("{above}.namespaces[].{key}"),
            meaning: Meaning::Namespace,
        })
    });
    let tenants = TENANT_KEYS.iter().map(|key| Key {
        path: format!("tsdb.tenants[].{key}"),
        meaning: Meaning::Tenant,
    });
    let repeats = REPEATS.iter().map(|path| Key {
        path: (*path).to_owned(),
        meaning: Meaning::Repeats,
    });
    let without = WITHOUT.iter().flat_map(|(why, paths)| {
        paths.iter().map(|path| Key {
            path: (*path).to_owned(),
            meaning: Meaning::Without(why),
        })
    });
    ours.chain(flags)
        .chain(above)
        .chain(namespaces)
        .chain(tenants)
        .chain(repeats)
        .chain(without)
        .collect()
}

/// `memory-budget` as `memoryBudget`.
fn camel_case(flag: &str) -> String {
    let mut words = flag.split('-');
    let mut name = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut chars = word.chars();
        name.extend(chars.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(chars.as_str());
    }
    name
}

/// Keys of M3 that say what a flag says.
const FLAGS: &[(&str, &str)] = &[
    ("coordinator.listenAddress", "listen"),
    ("coordinator.listenAddress.value", "listen"),
    (
        "coordinator.metrics.prometheus.listenAddress",
        "metrics_listen",
    ),
    ("db.httpNodeListenAddress", "node_listen"),
    ("db.httpClusterListenAddress", "cluster_listen"),
    ("db.debugListenAddress", "debug_listen"),
    ("coordinator.logging.level", "log"),
    ("db.logging.level", "log"),
];

const DATA_ABOVE: &[&str] = &["db.filesystem.filePathPrefix", "db.fs.filePathPrefix"];

/// Where lists of namespaces stand.
const NAMESPACES: &[&str] = &["coordinator.local", "coordinator.clusters[]"];
const NAMESPACE_KEYS: &[&str] = &["namespace", "type", "retention", "resolution"];

/// What can be said of a tenant.
const TENANT_KEYS: &[&str] = &[
    "name",
    "namespace",
    "retention",
    "maxSeries",
    "maxMemory",
    "maxSamplesPerSecond",
];

const REPEATS: &[&str] = &[
    "coordinator.listenAddress.type",
    "coordinator.backend",
    "coordinator.metrics.prometheus.handlerPath",
    "coordinator.metrics.sanitization",
    "coordinator.metrics.samplingRate",
    "db.metrics.prometheus.handlerPath",
    "db.metrics.sanitization",
    "db.metrics.samplingRate",
    "db.bootstrap.bootstrappers[]",
    "db.discovery.type",
    "db.hashing.seed",
    "coordinator.tagOptions.metricName",
    "coordinator.tagOptions.bucketName",
];

/// Keys of M3 without effect, by the reason that is told.
const WITHOUT: &[(&str, &[&str])] = &[
    (
        "an acknowledged write is on the disk already: nothing is flushed later, and no setting makes an ack less than that",
        &[
            "db.commitlog.flushMaxBytes",
            "db.commitlog.flushEvery",
            "db.commitlog.queue.**",
            "db.commitlog.queueChannel.**",
            "db.commitlog.blockSize",
        ],
    ),
    (
        "the server collects no garbage and keeps no pools: tsdb.memoryBudget bounds its memory",
        &[
            "db.gcPercentage",
            "db.pooling.**",
            "db.cache.**",
            "coordinator.cache.**",
            "coordinator.readWorkerPoolPolicy.**",
            "coordinator.writeWorkerPoolPolicy.**",
            "coordinator.multiProcess.**",
            "db.tick.**",
            "db.blockRetrieve.**",
        ],
    ),
    (
        "a new series is stored and indexed before its write is acknowledged",
        &[
            "db.writeNewSeriesAsync",
            "db.writeNewSeriesBackoffDuration",
            "db.writeNewSeriesLimitPerSecond",
            "db.limits.writeNewSeriesPerSecond",
            "db.forceColdWritesEnabled",
        ],
    ),
    (
        "files are read and written by the engine's own rules",
        &[
            "db.filesystem.writeBufferSize",
            "db.filesystem.dataReadBufferSize",
            "db.filesystem.infoReadBufferSize",
            "db.filesystem.seekReadBufferSize",
            "db.filesystem.throughputLimitMbps",
            "db.filesystem.throughputCheckEvery",
            "db.filesystem.newFileMode",
            "db.filesystem.newDirectoryMode",
            "db.filesystem.mmap.**",
            "db.filesystem.force_index_summaries_mmap_memory",
            "db.filesystem.force_bloom_filter_mmap_memory",
            "db.filesystem.bloomFilterFalsePositivePercent",
            "db.fs.writeBufferSize",
            "db.fs.dataReadBufferSize",
            "db.fs.infoReadBufferSize",
            "db.fs.seekReadBufferSize",
            "db.fs.throughputLimitMbps",
            "db.fs.throughputCheckEvery",
            "db.fs.newFileMode",
            "db.fs.newDirectoryMode",
            "db.fs.mmap.**",
        ],
    ),
    (
        "the server is one node that keeps its own metadata",
        &[
            "db.config.**",
            "db.discovery.config.**",
            "db.discovery.m3dbCluster.**",
            "db.discovery.m3AggregatorCluster.**",
            "db.client.**",
            "db.hostID.**",
            "db.replication.**",
            "db.repair.**",
            "db.bootstrap.mode",
            "db.bootstrap.commitlog.**",
            "db.bootstrap.peers.**",
            "db.bootstrap.fs.**",
            "db.bootstrap.filesystem.**",
            "db.bootstrap.indexSegmentConcurrency",
            "db.bootstrap.cacheSeriesMetadata",
            "db.bootstrap.verify.**",
            "coordinator.clusters[].client.**",
            "coordinator.clusterManagement.**",
            "coordinator.rpc.**",
            "coordinator.filter.**",
        ],
    ),
    (
        "M3's binary protocols between its own processes are not served",
        &[
            "db.listenAddress",
            "db.clusterListenAddress",
            "db.tchannel.**",
            "db.proto.**",
        ],
    ),
    (
        "these are not to be set",
        &[
            "db.debug.**",
            "coordinator.debug.**",
            "db.metrics.prometheus.listenAddress",
            "coordinator.http.**",
        ],
    ),
    (
        "the server's own metrics and log have one form",
        &[
            "coordinator.metrics.scope.**",
            "coordinator.metrics.extended",
            "coordinator.logging.file",
            "coordinator.logging.fields.**",
            "coordinator.logging.encoding",
            "coordinator.logging.encoderConfig.**",
            "coordinator.metrics.prometheus.onError",
            "coordinator.metrics.prometheus.timerType",
            "coordinator.metrics.prometheus.defaultHistogramBuckets[].**",
            "coordinator.metrics.prometheus.defaultSummaryObjectives[].**",
            "coordinator.metrics.m3.**",
            "coordinator.metrics.statsd.**",
            "coordinator.tracing.**",
            "coordinator.middleware.**",
            "db.metrics.scope.**",
            "db.metrics.extended",
            "db.logging.file",
            "db.logging.fields.**",
            "db.logging.encoding",
            "db.logging.encoderConfig.**",
            "db.metrics.prometheus.onError",
            "db.metrics.prometheus.timerType",
            "db.metrics.prometheus.defaultHistogramBuckets[].**",
            "db.metrics.prometheus.defaultSummaryObjectives[].**",
            "db.metrics.m3.**",
            "db.metrics.statsd.**",
            "db.tracing.**",
        ],
    ),
    (
        "queries are not answered by expressions, and reads have their own limits (tsdb.maxConcurrentQueries, tsdb.readerMaxAge)",
        &[
            "coordinator.query.**",
            "coordinator.limits.**",
            "coordinator.lookbackDuration",
            "coordinator.resultOptions.**",
            "coordinator.storeMetricsType",
            "db.limits.maxRecentlyQueriedSeriesDiskBytesRead.**",
            "db.limits.maxRecentlyQueriedSeriesDiskRead.**",
            "db.limits.maxRecentlyQueriedSeriesBlocks.**",
            "db.limits.maxRecentlyQueriedMetadata.**",
            "db.limits.maxOutstandingWriteRequests",
            "db.limits.maxOutstandingReadRequests",
            "db.limits.maxOutstandingRepairedBytes",
            "db.limits.maxEncodersPerBlock",
            "db.index.**",
            "db.transforms.**",
        ],
    ),
    (
        "labels are stored as they come",
        &[
            "coordinator.tagOptions.idScheme",
            "coordinator.tagOptions.filters[].**",
            "coordinator.tagOptions.allowTagNameDuplicates",
            "coordinator.tagOptions.allowTagValueEmpty",
        ],
    ),
    (
        "there is no aggregator: everything is stored as it comes",
        &[
            "coordinator.downsample.**",
            "coordinator.ingest.**",
            "coordinator.carbon.**",
            "coordinator.writeForwarding.**",
            "coordinator.prometheusRemoteBackend.**",
            "coordinator.local.namespaces[].downsample.**",
            "coordinator.local.namespaces[].readOnly",
            "coordinator.local.namespaces[].dataLatency",
            "coordinator.clusters[].namespaces[].downsample.**",
            "coordinator.clusters[].namespaces[].readOnly",
            "coordinator.clusters[].namespaces[].dataLatency",
        ],
    ),
];

/// A path of a file with the places in its lists left out.
pub(super) fn pattern_of(path: &str) -> String {
    let mut pattern = String::with_capacity(path.len());
    let mut inside = false;
    for c in path.chars() {
        inside = match c {
            '[' => {
                pattern.push('[');
                true
            }
            ']' => {
                pattern.push(']');
                false
            }
            c if inside && c.is_ascii_digit() => true,
            c => {
                pattern.push(c);
                inside
            }
        };
    }
    pattern
}

/// What is known of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known<'a> {
    /// It is a key, or lies below one that takes everything.
    Key(&'a Key),
    /// Keys lie below it.
    Section,
    Nothing,
}

pub(super) fn look_up<'a>(keys: &'a [Key], path: &str) -> Known<'a> {
    let pattern = pattern_of(path);
    let is_above = |above: &str| {
        pattern
            .strip_prefix(above)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    let covers = |key: &&Key| match key.path.strip_suffix(".**") {
        Some(above) => is_above(above),
        None => key.path == pattern,
    };
    if let Some(key) = keys.iter().find(covers) {
        return Known::Key(key);
    }
    let below = |key: &Key| {
        key.path
            .strip_prefix(pattern.as_str())
            .is_some_and(|rest| rest.starts_with(['.', '[']))
    };
    match keys.iter().any(below) {
        true => Known::Section,
        false => Known::Nothing,
    }
}

/// The names that may stand below a path.
pub(super) fn names_below(keys: &[Key], path: &str) -> Vec<String> {
    let above = match pattern_of(path) {
        top if top.is_empty() => top,
        pattern => format!("{pattern}."),
    };
    let name = |key: &Key| {
        let rest = key.path.strip_prefix(above.as_str())?;
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        rest.get(..end).map(str::to_owned)
    };
    let mut names: Vec<String> = keys.iter().filter_map(name).collect();
    names.sort_unstable();
    names.dedup();
    names
}
