//! Formats of metrics that are not our own, read and written: what an import takes and an export gives.
#![forbid(unsafe_code)]

pub mod prometheus_block;
