//! The JSON that M3's nodes and its coordinator take, read as Go reads it: keys match whatever
//! their case, and fields that are not known are refused.
//!
//! A total function of its input, bounded by it: a value is looked into only where a field is
//! wanted, and queries have a depth and a number of parts.

mod error;
mod fields;
mod point;
mod query;
mod request;
mod search;
mod time_unit;

#[cfg(test)]
mod tests;

pub use error::BodyError;
pub use fields::UnknownFields;
pub use point::{Point, parse_point};
pub use query::Query;
pub use request::{
    AggregateRequest, FetchRequest, QueryRequest, WriteRequest, parse_aggregate, parse_fetch,
    parse_query, parse_truncate, parse_write, parse_write_tagged,
};
pub use search::{SearchRequest, parse_search};
pub use time_unit::TimeUnit;
