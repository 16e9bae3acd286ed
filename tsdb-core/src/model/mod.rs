//! Rank 1: the vocabulary every other layer speaks. Knows no disk, no clock and no file format.

mod batch;
mod exemplar;
mod fingerprint;
mod hash;
mod histogram;
mod histogram_bytes;
mod histogram_rules;
mod id;
mod label;
mod matcher;
mod metadata;
mod quote;
mod regex_dialect;
mod regex_shape;
mod report;
mod rules;
mod sample;
mod symbols;
#[cfg(test)]
mod tests;
mod texts;
mod time;
mod tombstone;
mod universal;
mod window;

pub use batch::{BatchHistogram, EncodedLabels, SeriesBatch, SeriesBatches, SeriesKey, WriteBatch};
pub use exemplar::{BatchExemplar, Exemplar, ExemplarError};
pub use fingerprint::{Fingerprint, FingerprintDomain, FingerprintKey};
pub use hash::{HashMap, HashSet, HashTable};
pub use histogram::{BucketSpan, CUSTOM_BUCKETS_SCHEMA, Histogram, HistogramCounts, ResetHint};
pub use histogram_rules::HistogramError;
pub use id::{BlockId, Generation, Lsn, NamespaceId, RowKey, RunId, SeriesId, ShardId};
pub(crate) use label::RawPairs;
pub use label::{Label, LabelIter, Labels, LabelsBuilder, LabelsError, METRIC_NAME};
pub use matcher::{MatchOp, Matcher, MatcherError};
pub use metadata::{MetricKind, MetricMetadata};
pub use quote::{is_legacy_label_name, is_legacy_metric_name, write_quoted};
pub use report::{AppendReport, RejectReason, Rejected};
pub use rules::ProtocolRules;
pub use sample::{STALE_NAN_BITS, Sample, is_stale, winner, winning_histogram};
pub use symbols::{SymbolHash, SymbolLabels, SymbolLists};
pub use texts::Texts;
pub use time::{TimeRange, TimeRangeError};
pub use tombstone::{MatcherText, TOMBSTONE_BYTES_MAX, TOMBSTONE_MATCHERS_MAX, Tombstone};
pub use window::Window;
