//! Formats of metrics that are not our own, read and written: what an import takes and an export gives.
//!
//! A [`LineReader`] takes a text line by line and fills [`Rows`], which hold samples beside the lines they
//! come from, and the lines that are refused. A bad line costs only itself.
#![forbid(unsafe_code)]

pub mod csv;
pub mod line_protocol;
mod line_reader;
pub mod number;
pub mod openmetrics;
mod problem;
pub mod prometheus_block;
pub mod prometheus_head;
mod records;
pub mod rfc3339;
mod rows;

pub use line_reader::{LineReader, read_lines};
pub use problem::{LineError, Problem};
pub use rows::Rows;
