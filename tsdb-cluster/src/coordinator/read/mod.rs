//! Reading: each shard from as many replicas as the level asks for, merged into one answer.

mod answer;
mod opening;
mod plan;
mod query;
mod series_stream;
mod warning;

pub use answer::Answer;
pub use query::ReadQuery;
pub use series_stream::SeriesStream;
pub use warning::Warning;
