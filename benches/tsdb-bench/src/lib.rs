//! What benches and tests feed the database: a capture of real exporters, and fleets of hosts
//! made from it.
#![forbid(unsafe_code)]

mod capture;
mod chance;
mod column;
pub mod counters;
mod counting;
pub mod cpu;
mod encoder;
mod fleet;
mod order;
mod size;

#[cfg(test)]
mod tests;

pub use capture::{Capture, CaptureError, CapturedSeries, CapturedTarget};
pub use chance::{below, mix};
pub use counting::{Asked, CountingVfs};
pub use encoder::WriteEncoder;
pub use fleet::{Churn, Fleet, FleetError, FleetSample, FleetSize, TargetClone};
pub use size::{LoadError, bench_fleet, is_tiny};
