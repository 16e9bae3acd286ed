//! What is known of a block without reading its rows.

use crate::model::{BlockId, Generation, NamespaceId, SeriesId, Window};
use crate::page::TokenTables;

/// Which block of which namespace a file is, and what it holds the samples of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockHeader {
    /// The namespace it belongs to.
    pub namespace: NamespaceId,
    /// Its number within the namespace.
    pub id: BlockId,
    /// Oldest generation of the log whose samples it holds.
    pub first_generation: Generation,
    /// Newest generation of the log whose samples it holds.
    pub last_generation: Generation,
    /// The time window all of its samples lie in.
    pub window: Window,
}

/// How the values of a block are encoded.
#[derive(Debug)]
pub enum Sealing {
    /// Fast to write and to read: for what is young.
    Fresh,
    /// Smallest, under tables trained on some of the values.
    Dense(TokenTables),
}

/// Where a part of the file stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) offset: u64,
    pub(super) len: u64,
}

impl Span {
    pub(super) fn end(self) -> u64 {
        self.offset.saturating_add(self.len)
    }
}

/// What is known of a block before its footer is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockMeta {
    /// Which block it is.
    pub header: BlockHeader,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// Whether its values are encoded as [`Sealing::Dense`].
    pub dense: bool,
    /// Whether any row has native histograms.
    pub histograms: bool,
    /// Timestamp of the first sample, in milliseconds.
    pub min_time: i64,
    /// Timestamp of the last sample, in milliseconds.
    pub max_time: i64,
    /// Its smallest series id.
    pub first_series: SeriesId,
    /// Its largest series id.
    pub last_series: SeriesId,
    /// Number of rows: a series has one, or one for each id it had.
    pub rows: u32,
    /// Number of samples.
    pub samples: u64,
    /// The most samples that a row has.
    pub row_samples_max: u64,
}

/// All that a block's footer tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Footer {
    pub(super) meta: BlockMeta,
    pub(super) tables: Span,
    pub(super) group_index: Span,
    pub(super) labels: Span,
}
