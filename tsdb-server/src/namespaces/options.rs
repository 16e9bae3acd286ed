//! Options of a namespace, field by field as M3 has them.
//!
//! What a request leaves out has the value that M3's documentation gives; M3 itself takes a switch
//! that is left out as off.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::jsonpb::{enumeration, nanos, optional_double};

const MINUTE: i64 = 60_000_000_000;
const HOUR: i64 = 60 * MINUTE;

/// All options of a namespace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NamespaceOptions {
    /// Data is loaded at the start.
    #[serde(alias = "bootstrap_enabled")]
    pub bootstrap_enabled: bool,
    /// Data is written to files.
    #[serde(alias = "flush_enabled")]
    pub flush_enabled: bool,
    /// Writes go to the commit log.
    #[serde(alias = "writes_to_commit_log")]
    pub writes_to_commit_log: bool,
    /// Expired files are removed.
    #[serde(alias = "cleanup_enabled")]
    pub cleanup_enabled: bool,
    /// Replicas are compared.
    #[serde(alias = "repair_enabled")]
    pub repair_enabled: bool,
    /// How long what is kept.
    #[serde(alias = "retention_options")]
    pub retention_options: Option<RetentionOptions>,
    /// What is in memory is saved, so that logs can go.
    #[serde(alias = "snapshot_enabled")]
    pub snapshot_enabled: bool,
    /// The index.
    #[serde(alias = "index_options")]
    pub index_options: Option<IndexOptions>,
    /// Schemas of values; there are none here.
    #[serde(alias = "schema_options")]
    pub schema_options: Option<Map<String, Value>>,
    /// Samples out of the window of writes are taken.
    #[serde(alias = "cold_writes_enabled")]
    pub cold_writes_enabled: bool,
    /// Bounds of work.
    #[serde(alias = "runtime_options")]
    pub runtime_options: Option<RuntimeOptions>,
    /// Blocks that were read stay in memory.
    #[serde(alias = "cache_blocks_on_retrieve")]
    pub cache_blocks_on_retrieve: bool,
    /// What kind of samples it holds.
    #[serde(alias = "aggregation_options")]
    pub aggregation_options: Option<AggregationOptions>,
    /// Whether it was said to be ready.
    #[serde(alias = "staging_state")]
    pub staging_state: StagingState,
    /// Options of an extension of M3.
    #[serde(alias = "extended_options")]
    pub extended_options: Option<ExtendedOptions>,
}

impl Default for NamespaceOptions {
    fn default() -> Self {
        Self {
            bootstrap_enabled: true,
            flush_enabled: true,
            writes_to_commit_log: true,
            cleanup_enabled: true,
            repair_enabled: false,
            retention_options: None,
            snapshot_enabled: true,
            index_options: None,
            schema_options: None,
            cold_writes_enabled: false,
            runtime_options: None,
            cache_blocks_on_retrieve: false,
            aggregation_options: None,
            staging_state: StagingState::default(),
            extended_options: None,
        }
    }
}

/// How long samples are kept, and when they are taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RetentionOptions {
    /// How long samples are kept.
    #[serde(with = "nanos", alias = "retentionPeriodDuration")]
    #[serde(alias = "retention_period_nanos", alias = "retention_period_duration")]
    pub retention_period_nanos: i64,
    /// Length of the windows of time that are written together.
    #[serde(with = "nanos", alias = "blockSizeDuration")]
    #[serde(alias = "block_size_nanos", alias = "block_size_duration")]
    pub block_size_nanos: i64,
    /// How far ahead of the clock samples are taken.
    #[serde(with = "nanos", alias = "bufferFutureDuration")]
    #[serde(alias = "buffer_future_nanos", alias = "buffer_future_duration")]
    pub buffer_future_nanos: i64,
    /// How far behind the clock samples are taken.
    #[serde(with = "nanos", alias = "bufferPastDuration")]
    #[serde(alias = "buffer_past_nanos", alias = "buffer_past_duration")]
    pub buffer_past_nanos: i64,
    /// Blocks in memory are dropped.
    #[serde(alias = "block_data_expiry")]
    pub block_data_expiry: bool,
    /// After how long without a reader. M3's documentation spells it in two ways.
    #[serde(with = "nanos")]
    #[serde(alias = "blockDataExpiryAfterNotAccessPeriodDuration")]
    #[serde(alias = "blockDataExpiryAfterNotAccessedPeriodDuration")]
    #[serde(alias = "blockDataExpiryAfterNotAccessedPeriodNanos")]
    #[serde(alias = "block_data_expiry_after_not_access_period_nanos")]
    #[serde(alias = "block_data_expiry_after_not_access_period_duration")]
    pub block_data_expiry_after_not_access_period_nanos: i64,
    /// How far into the future samples are kept.
    #[serde(with = "nanos", alias = "futureRetentionPeriodDuration")]
    #[serde(alias = "future_retention_period_nanos")]
    #[serde(alias = "future_retention_period_duration")]
    pub future_retention_period_nanos: i64,
}

impl Default for RetentionOptions {
    fn default() -> Self {
        Self {
            retention_period_nanos: 48 * HOUR,
            block_size_nanos: 2 * HOUR,
            buffer_future_nanos: 2 * MINUTE,
            buffer_past_nanos: 10 * MINUTE,
            block_data_expiry: true,
            block_data_expiry_after_not_access_period_nanos: 5 * MINUTE,
            future_retention_period_nanos: 0,
        }
    }
}

/// The index of a namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct IndexOptions {
    /// Whether there is one.
    pub enabled: bool,
    /// Length of its windows of time; left out, that of the data.
    #[serde(with = "nanos", alias = "blockSizeDuration")]
    #[serde(alias = "block_size_nanos", alias = "block_size_duration")]
    pub block_size_nanos: i64,
}

impl Default for IndexOptions {
    fn default() -> Self {
        Self {
            enabled: true,
            block_size_nanos: 0,
        }
    }
}

/// Bounds of work, as shares of the processors.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RuntimeOptions {
    /// Of indexing what is written.
    #[serde(rename = "writeIndexingPerCPUConcurrency", with = "optional_double")]
    #[serde(alias = "write_indexing_per_cpu_concurrency")]
    pub write_indexing_per_cpu_concurrency: Option<f64>,
    /// Of indexing what is flushed.
    #[serde(rename = "flushIndexingPerCPUConcurrency", with = "optional_double")]
    #[serde(alias = "flush_indexing_per_cpu_concurrency")]
    pub flush_indexing_per_cpu_concurrency: Option<f64>,
}

/// What kinds of samples a namespace holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AggregationOptions {
    /// Each kind; without any it is unaggregated.
    pub aggregations: Vec<Aggregation>,
}

/// One kind of samples.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Aggregation {
    /// Whether they are aggregated.
    pub aggregated: bool,
    /// How, if they are.
    pub attributes: Option<AggregatedAttributes>,
}

/// How samples are aggregated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AggregatedAttributes {
    /// The time that one sample stands for.
    #[serde(with = "nanos", alias = "resolutionDuration")]
    #[serde(alias = "resolution_nanos", alias = "resolution_duration")]
    pub resolution_nanos: i64,
    /// What is aggregated into it.
    #[serde(alias = "downsample_options")]
    pub downsample_options: Option<DownsampleOptions>,
}

/// What is aggregated into a namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DownsampleOptions {
    /// Everything, rather than what rules name.
    pub all: bool,
}

impl Default for DownsampleOptions {
    fn default() -> Self {
        Self { all: true }
    }
}

/// Whether a namespace was said to be ready.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct StagingState {
    /// The state.
    pub status: StagingStatus,
}

/// How far a namespace is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StagingStatus {
    /// Nothing was said.
    Unknown,
    /// It was added.
    #[default]
    Initializing,
    /// It was said to be ready.
    Ready,
}

enumeration!(StagingStatus {
    Unknown = "UNKNOWN",
    Initializing = "INITIALIZING",
    Ready = "READY",
});

/// Options of an extension of M3: kept, without effect.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ExtendedOptions {
    /// Which extension.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its options.
    pub options: Map<String, Value>,
}

impl NamespaceOptions {
    /// Options with this retention and windows of this length, as M3 makes them.
    #[must_use]
    pub fn of(retention_nanos: i64, block_size_nanos: i64) -> Self {
        let options = Self {
            retention_options: Some(RetentionOptions {
                retention_period_nanos: retention_nanos,
                block_size_nanos,
                ..RetentionOptions::default()
            }),
            ..Self::default()
        };
        options.completed()
    }

    /// For samples as they come.
    #[must_use]
    pub fn unaggregated(self) -> Self {
        self.with(Aggregation::default())
    }

    /// For aggregated samples of this resolution.
    #[must_use]
    pub fn aggregated(self, resolution_nanos: i64) -> Self {
        let attributes = AggregatedAttributes {
            resolution_nanos,
            downsample_options: Some(DownsampleOptions::default()),
        };
        self.with(Aggregation {
            aggregated: true,
            attributes: Some(attributes),
        })
    }

    fn with(self, aggregation: Aggregation) -> Self {
        let aggregations = vec![aggregation];
        Self {
            aggregation_options: Some(AggregationOptions { aggregations }),
            ..self
        }
    }

    /// The retention.
    #[must_use]
    pub fn retention(&self) -> RetentionOptions {
        self.retention_options.clone().unwrap_or_default()
    }

    /// All kinds of samples it holds: one at least.
    #[must_use]
    pub fn aggregations(&self) -> Vec<Aggregation> {
        let said = self.aggregation_options.as_ref();
        match said.map(|said| said.aggregations.clone()) {
            Some(said) if !said.is_empty() => said,
            _ => vec![Aggregation::default()],
        }
    }

    /// Whether it holds samples as they come.
    #[must_use]
    pub fn is_unaggregated(&self) -> bool {
        self.aggregations().iter().any(|one| !one.aggregated)
    }

    /// With the parts that a request may leave out, as M3 shows them.
    #[must_use]
    pub fn completed(mut self) -> Self {
        let block_size_nanos = self.retention().block_size_nanos;
        let index = self.index_options.get_or_insert_default();
        if index.block_size_nanos == 0 {
            index.block_size_nanos = block_size_nanos;
        }
        let aggregations = self.aggregation_options.take();
        self.aggregation_options = aggregations.filter(|said| !said.aggregations.is_empty());
        let said = self.aggregation_options.iter_mut();
        for one in said.flat_map(|said| &mut said.aggregations) {
            match &mut one.attributes {
                // M3 ignores attributes of what is not aggregated.
                attributes if !one.aggregated => *attributes = None,
                Some(attributes) => _ = attributes.downsample_options.get_or_insert_default(),
                None => {}
            }
        }
        let runtime = self.runtime_options.take();
        self.runtime_options = runtime.filter(|said| *said != RuntimeOptions::default());
        self
    }

    /// Checks options with all parts, by M3's rules.
    ///
    /// # Errors
    /// The rule that they break.
    pub fn check(&self) -> Result<(), String> {
        if self
            .schema_options
            .as_ref()
            .is_some_and(|said| !said.is_empty())
        {
            return Err("schemaOptions: there are no schemas of values here, samples are floats and native histograms: leave them out".to_owned());
        }
        let Some(retention) = &self.retention_options else {
            return Err("retention options must be set".to_owned());
        };
        retention.check()?;
        let index = self.index_options.clone().unwrap_or_default();
        if index.block_size_nanos != retention.block_size_nanos {
            return Err(format!(
                "index and retention block size must match ({} and {} nanoseconds)",
                index.block_size_nanos, retention.block_size_nanos
            ));
        }
        for one in self.aggregations().iter().filter(|one| one.aggregated) {
            match &one.attributes {
                None => return Err("must set attributes when aggregated is true".to_owned()),
                Some(attributes) if attributes.resolution_nanos <= 0 => {
                    return Err(
                        "resolutionNanos must be positive when aggregated is true".to_owned()
                    );
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}

impl RetentionOptions {
    fn check(&self) -> Result<(), String> {
        let block = self.block_size_nanos;
        let broken = [
            (
                self.buffer_future_nanos < 0,
                "buffer future must be non-negative",
            ),
            (
                self.buffer_past_nanos < 0,
                "buffer past must be non-negative",
            ),
            (block <= 0, "block size must be positive"),
            (
                self.buffer_future_nanos >= block,
                "buffer future must be smaller than block size",
            ),
            (
                self.buffer_past_nanos >= block,
                "buffer past must be smaller than block size",
            ),
            (
                self.retention_period_nanos < block,
                "retention period must not be smaller than block size",
            ),
            (
                self.future_retention_period_nanos < 0,
                "future retention period must be non-negative",
            ),
        ];
        match broken.into_iter().find(|(is_broken, _)| *is_broken) {
            Some((_, rule)) => Err(rule.to_owned()),
            None => Ok(()),
        }
    }
}
