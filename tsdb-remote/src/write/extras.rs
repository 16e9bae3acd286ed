//! What a write request holds besides samples and exemplars.

use tsdb_core::model::MetricMetadata;

use crate::error::DecodeError;

/// Memory of a metadata entry in bytes.
pub(super) const METADATA_BYTES: u64 = size_of::<MetricMetadata>() as u64;

/// What a request holds besides samples and exemplars.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extras {
    /// Metadata of metrics.
    pub metadata: Vec<MetricMetadata>,
    /// Metadata entries left out because they are not UTF-8 or name no known symbol.
    pub refused_metadata: u64,
    /// Series of remote write 2.0 with neither sample nor histogram, which it forbids; those with
    /// exemplars are taken all the same.
    pub empty_series: Refused,
}

/// What is refused of a request before the store sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// How much it is.
    pub count: u64,
    /// The first series that has any.
    pub first_series: Option<String>,
}

impl Refused {
    /// Counts `more` of the series that `series` describes.
    pub(super) fn add(
        &mut self,
        more: u64,
        series: impl FnOnce() -> Result<String, DecodeError>,
    ) -> Result<(), DecodeError> {
        self.count += more;
        if self.first_series.is_none() {
            self.first_series = Some(series()?);
        }
        Ok(())
    }
}
