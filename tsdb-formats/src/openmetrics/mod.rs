//! OpenMetrics 1.0 text and Prometheus' text exposition 0.0.4, in and out.
//!
//! Where Prometheus' own reader is laxer or stricter than the specification, this one follows it: names
//! outside the old alphabet stand in quotes (`{"my.metric", a="b"}`), unknown escapes stay as they are,
//! and of OpenMetrics neither blank lines nor other comments are taken.

mod cursor;
mod dialect;
mod families;
mod line;
mod reader;
mod series;
#[cfg(test)]
mod tests;
mod writer;

pub use dialect::Dialect;
pub use families::{Family, families};
pub use line::{ExemplarLine, Line, MetadataLine, SampleLine, parse_line};
pub use reader::Reader;
pub use series::SeriesScratch;
pub use writer::{SeriesWriter, Unwritable, write_end, write_family};
