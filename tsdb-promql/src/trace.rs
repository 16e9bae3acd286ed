//! Where the time of a query went.

/// Nanoseconds of a clock that only rises, from whatever beginning. What it tells is used in traces
/// alone.
pub type Stopwatch = fn() -> u64;

/// A step of a query: what was done, what it took, and what that was made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// What was done: `query`, the name of a function, aggregation or operator, or `selector`.
    pub name: String,
    /// The text of it, which is cut short where it is long, or what was asked of the source.
    pub detail: String,
    /// How long it took, its parts included, and what takes its series not. Of a selector that
    /// several threads read, the sum of theirs.
    pub nanoseconds: u64,
    /// Series that it read or gave.
    pub series: u64,
    /// Samples that it read or gave.
    pub samples: u64,
    /// Its parts, in the order in which they began.
    pub children: Vec<Trace>,
}
