//! What of samples is asked for.

/// What is asked of the samples of each series in a range, taken as a whole. A reader may leave out
/// samples that make no difference to it, as far as it knows without looking at them, and tells how
/// many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pushdown {
    /// All samples.
    #[default]
    None,
    /// The first and the last one, and how many there are.
    Ends,
    /// The same, and each that is less than the one before it, with that one: where a counter began
    /// anew.
    Falls,
    /// The least, and how many there are. Of several, or of NaN and none else, any; at the time of
    /// another.
    Least,
    /// The greatest, in the same way.
    Greatest,
}
