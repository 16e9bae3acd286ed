//! Prometheus' head, read only: the newest hours, which are in its log and in no block yet.
//!
//! The log is read twice: first for the series and what was deleted, then for the samples. In memory
//! are the labels of all its series.

mod decode;
mod head;
mod records;
mod segments;
#[cfg(test)]
mod tests;

pub use head::{Head, HeadSeries};
