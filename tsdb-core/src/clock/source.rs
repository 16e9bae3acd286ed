//! What every clock can tell.

/// Two views of time: the calendar's, which people may set, and one that only runs forward.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Wall clock: milliseconds since the Unix epoch. May jump in either direction.
    fn now_ms(&self) -> i64;

    /// Milliseconds since some fixed moment of this clock. Never goes back.
    fn monotonic_ms(&self) -> u64;
}
