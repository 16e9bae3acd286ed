//! Comma-separated values (RFC 4180), whose columns a format names:
//! `1:time:rfc3339,2:label:host,3:metric:temperature`.

mod fields;
mod format;
mod reader;
#[cfg(test)]
mod tests;

pub use format::{Format, FormatError, TimeFormat};
pub use reader::Reader;
