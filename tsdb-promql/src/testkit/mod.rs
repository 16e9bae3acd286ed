//! The language of Prometheus' own tests of PromQL: scripts that load series and say what queries give.
//!
//! [`Script::parse`] reads a script, [`run`] plays it against a [`Subject`]: an engine over a [`Table`]
//! ([`EngineSubject`]), or whatever else answers queries.

mod bucket_map;
mod classic_histogram;
mod comparison;
mod cursor;
mod duration;
mod engine_subject;
mod eval_lines;
mod expectation;
mod histogram_line;
mod load_lines;
mod pinned;
mod reply;
mod runner;
mod script;
mod series_line;
mod start_line;
mod suite;
mod table;
mod tally;
#[cfg(test)]
mod tests;

pub use bucket_map::{Bucket, buckets};
pub use comparison::almost_equal;
pub use engine_subject::{EngineSubject, engine_options};
pub use expectation::{Annotation, Expectation, ExpectedSeries, TextMatch};
pub use reply::{Reply, ReplyHistogram, ReplySeries, ReplyValue};
pub use runner::{Case, Subject, run};
pub use script::{Command, Eval, Load, LoadedPoint, LoadedSeries, Query, Script, ScriptError};
pub use series_line::{SequencePoint, WrittenHistogram};
pub use suite::Suite;
pub use table::{SeriesOrder, Table};
pub use tally::{Count, Ratchet, RatchetVerdict, Tally};
