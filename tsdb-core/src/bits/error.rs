//! The one error of everything that reads bytes.

/// Why bytes could not be decoded: what was expected, and at which offset of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {offset}")]
pub struct DecodeError {
    /// What was wrong or missing.
    pub what: &'static str,
    /// Offset in the bytes that were being decoded.
    pub offset: usize,
}
