//! Where the time of a query went.

/// A step of a query: what was done, what it took, and what that was made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// What kind of step it is, as `query` or `selector`.
    pub name: String,
    /// Of what, as the text of a selector.
    pub detail: String,
    /// How long it took, its parts included.
    pub nanoseconds: u64,
    /// Series that it read or gave.
    pub series: u64,
    /// Samples that it read or gave.
    pub samples: u64,
    /// Its parts, in the order in which they began.
    pub children: Vec<Trace>,
}
