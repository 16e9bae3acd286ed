//! The keys of a file: those of M3's files, of both generations, and our own below `tsdb`.

use super::flags::Config;
use clap::CommandFactory as _;

/// What a key does here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The same as the flag with this identifier.
    Flag(String),
    /// The same as the flag with this identifier, where the server is of a cluster.
    InCluster(String),
    /// Which cluster the server is of, and what it is called there.
    Cluster,
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
    let in_cluster = IN_CLUSTER.iter().map(|(path, id)| Key {
        path: (*path).to_owned(),
        meaning: Meaning::InCluster((*id).to_owned()),
    });
    let cluster = CLUSTER.iter().map(|path| Key {
        path: (*path).to_owned(),
        meaning: Meaning::Cluster,
    });
    let services = SERVICES.iter().flat_map(|above| {
        let key = move |name: &&str, meaning: Meaning| Key {
            path: format!("{above}.{name}"),
            meaning,
        };
        let used = SERVICE_KEYS.iter();
        let used = used.map(move |name| key(name, Meaning::Cluster));
        let more = SERVICE_WITHOUT.iter();
        used.chain(more.map(move |name| key(name, Meaning::Without(ETCD_HAS_ITS_OWN))))
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
        .chain(in_cluster)
        .chain(cluster)
        .chain(services)
        .chain(above)
        .chain(namespaces)
        .chain(tenants)
        .chain(repeats)
        .chain(without)
        .collect()
}

/// `memory-budget` as `memoryBudget`.
pub(crate) fn camel_case(flag: &str) -> String {
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
    ("coordinator.query.timeout", "query_timeout"),
    (
        "coordinator.query.prometheus.maxSamplesPerQuery",
        "query_max_samples",
    ),
    (
        "coordinator.limits.perQuery.maxFetchedSeries",
        "query_max_series",
    ),
    (
        "coordinator.limits.perQuery.maxFetchedRange",
        "query_max_range",
    ),
    (
        "coordinator.limits.perQuery.requireExhaustive",
        "query_require_exhaustive",
    ),
    ("coordinator.lookbackDuration", "query_lookback_delta"),
];

/// Keys of M3 that say what a flag says, of a server that is of a cluster.
const IN_CLUSTER: &[(&str, &str)] = &[
    ("db.listenAddress", "rpc_listen"),
    (
        "coordinator.clusters[].client.writeConsistencyLevel",
        "write_consistency_level",
    ),
    (
        "coordinator.clusters[].client.readConsistencyLevel",
        "read_consistency_level",
    ),
    ("db.client.writeConsistencyLevel", "write_consistency_level"),
    ("db.client.readConsistencyLevel", "read_consistency_level"),
];

/// Keys of M3 that say which cluster the server is of, beside those of services.
const CLUSTER: &[&str] = &[
    "db.hostID.resolver",
    "db.hostID.value",
    "db.hostID.envVarName",
    "db.hostID.file.path",
    "db.discovery.type",
    "db.discovery.m3dbCluster.env",
    "db.discovery.m3dbCluster.zone",
    "db.discovery.m3dbCluster.endpoints[]",
    "db.discovery.config.seedNodes.initialCluster[].hostID",
    "db.config.seedNodes.initialCluster[].hostID",
];

/// Where a service is described that etcd knows, those of a node first.
pub(super) const SERVICES: &[&str] = &[
    "db.discovery.config.service",
    "db.discovery.config.services[].service",
    "db.config.service",
    "db.config.services[].service",
    "coordinator.clusters[].client.config.service",
    "coordinator.clusters[].client.config.services[].service",
    "coordinator.clusterManagement.etcd",
    "db.client.config.service",
    "db.client.config.services[].service",
];

/// What is said of a service, and of etcd.
const SERVICE_KEYS: &[&str] = &[
    "env",
    "zone",
    "service",
    "etcdClusters[].zone",
    "etcdClusters[].endpoints[]",
    "etcdClusters[].tls.crtPath",
    "etcdClusters[].tls.caCrtPath",
    "etcdClusters[].tls.keyPath",
    "etcdClusters[].auth.enabled",
    "etcdClusters[].auth.userName",
    "etcdClusters[].auth.password",
];

const ETCD_HAS_ITS_OWN: &str =
    "what etcd says is kept in memory, and its connections have deadlines of their own";
const SERVICE_WITHOUT: &[&str] = &[
    "cacheDir",
    "m3sd.**",
    "watchWithRevision",
    "newDirectoryMode",
    "retry.**",
    "requestTimeout",
    "watchChanInitTimeout",
    "watchChanCheckInterval",
    "watchChanResetInterval",
    "enableFastGets",
    "etcdClusters[].keepAlive.**",
    "etcdClusters[].autoSyncInterval",
    "etcdClusters[].dialTimeout",
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
    "db.hashing.seed",
    "coordinator.clusters[].client.hashing.seed",
    "db.client.hashing.seed",
    "db.discovery.config.services[].async",
    "db.config.services[].async",
    "coordinator.clusters[].client.config.services[].async",
    "db.client.config.services[].async",
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
        "etcd is a program of its own, and keeps who has what",
        &[
            "db.discovery.config.seedNodes.**",
            "db.config.seedNodes.**",
            "db.discovery.config.static.**",
            "db.discovery.config.statics[].**",
            "db.config.static.**",
            "db.config.statics[].**",
            "coordinator.clusters[].client.config.static.**",
            "coordinator.clusters[].client.config.statics[].**",
            "db.client.config.static.**",
            "db.client.config.statics[].**",
            "db.hostID.file.timeout",
        ],
    ),
    (
        "connections between servers have deadlines, queues and pauses of their own",
        &["db.client.**", "coordinator.clusters[].client.**"],
    ),
    (
        "a server is of one cluster, whose nodes copy and compare what they have by rules of their own",
        &[
            "db.discovery.m3AggregatorCluster.**",
            "coordinator.clusterManagement.placement.**",
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
            "coordinator.rpc.**",
            "coordinator.filter.**",
        ],
    ),
    (
        "M3's binary protocols between its own processes are not served",
        &["db.clusterListenAddress", "db.tchannel.**", "db.proto.**"],
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
        "queries have limits of their own (tsdb.queryTimeout, tsdb.queryMaxSamples, tsdb.queryMaxMemory, tsdb.queryMaxSeries, tsdb.maxConcurrentQueries, tsdb.readerMaxAge)",
        &[
            "coordinator.query.**",
            "coordinator.limits.**",
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
    if let Some(key) = keys.iter().find(|key| key.path == pattern) {
        return Known::Key(key);
    }
    if has_keys_below(keys, &pattern) {
        return Known::Section;
    }
    let covers = |key: &&Key| key.path.strip_suffix(".**").is_some_and(is_above);
    keys.iter().find(covers).map_or(Known::Nothing, Known::Key)
}

/// Whether a pattern has keys of its own, beside one that takes everything below it.
pub(super) fn has_keys_below(keys: &[Key], pattern: &str) -> bool {
    keys.iter().any(|key| {
        let rest = key.path.strip_prefix(pattern);
        rest.is_some_and(|rest| rest.starts_with(['.', '[']) && rest != ".**")
    })
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
        rest.get(..end)
            .filter(|name| *name != "**")
            .map(str::to_owned)
    };
    let mut names: Vec<String> = keys.iter().filter_map(name).collect();
    names.sort_unstable();
    names.dedup();
    names
}
