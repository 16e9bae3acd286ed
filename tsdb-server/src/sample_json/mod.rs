//! Samples as JSON lines, one series a line, in both directions and bit for bit:
//! `{"metric":{"__name__":"up"},"values":[1,"NaN"],"timestamps":[1700000000000,1700000015000]}`.
//!
//! A value is a JSON number in its shortest form that reads back to the same bits (`-0` is
//! minus zero). What JSON has no number for is a string: `"+Inf"`, `"-Inf"`, `"NaN"` for the
//! ordinary NaN of Prometheus (bits `7ff8000000000001`), `"stale"` for its stale marker and
//! `"NaN:0x7ff8000000000123"` for every other NaN. On the way in, `null` is a stale marker too,
//! and `"Inf"`, `"Infinity"` and `"-Infinity"` are understood.
//!
//! A series with native histograms has them behind its floats, with the fields of remote write:
//! `"histograms":[[1700000000000,{"count_int":2,"sum":3,"positive_spans":[[0,1]],"positive_deltas":[2]}]]`.

mod histogram;
mod reader;
mod value;
mod writer;

#[cfg(test)]
mod tests;

pub use reader::{SeriesLine, parse_line};
pub use tsdb_formats::LineError;
pub(crate) use value::write_value;
pub use writer::LineWriter;
pub(crate) use writer::write_string;
