//! InfluxDB's line protocol, as M3 takes it: `cpu,host=a usage=0.5,idle=7i 1700000000000000000`.
//!
//! Each field is a metric named `MEASUREMENT_FIELD`; names are rewritten to Prometheus' alphabet, `_` for
//! every byte that is not in it. Booleans are 0 and 1; texts are dropped, as they are no samples.

mod cursor;
mod precision;
mod reader;
#[cfg(test)]
mod tests;

pub use precision::{Precision, PrecisionError};
pub use reader::Reader;
