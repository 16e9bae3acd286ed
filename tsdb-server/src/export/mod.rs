//! Samples on their way out, in any format, a bounded part at a time. Knows neither HTTP nor files.

mod counts;
mod format;
mod json_lines;
mod open_metrics;
mod series_export;
mod union;

pub(crate) use counts::ExportCounts;
pub(crate) use format::ExportFormat;
pub(crate) use series_export::SeriesExport;
pub(crate) use union::SeriesUnion;
