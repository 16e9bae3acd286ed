use super::SeriesId;

/// A part of a damaged file that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostPart {
    /// Where it begins in the file.
    pub offset: u64,
    /// How many bytes it has; 0 if that is not known.
    pub bytes: u64,
    /// What is wrong with it.
    pub what: String,
    /// The smallest and the largest id among its series; none if it holds no samples.
    pub series: Option<(SeriesId, SeriesId)>,
    /// Its samples lie between these timestamps, in milliseconds, both included.
    pub times: (i64, i64),
    /// How many samples it holds, where that is known.
    pub samples: Option<u64>,
}
