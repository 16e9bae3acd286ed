//! Rank 2: the only door to time. Nothing else in this crate reads a clock.

#[cfg(any(test, feature = "testkit"))]
mod manual;
mod source;
mod system;
#[cfg(test)]
mod tests;
mod trusted;

#[cfg(any(test, feature = "testkit"))]
pub use manual::ManualClock;
pub use source::Clock;
pub use system::SystemClock;
pub use trusted::TrustedClock;
