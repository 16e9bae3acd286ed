//! What benches and tests feed the database: a capture of real exporters, and fleets of hosts
//! made from it.
#![forbid(unsafe_code)]

mod capture;
mod encoder;
mod fleet;
mod size;

#[cfg(test)]
mod tests;

pub use capture::{Capture, CaptureError, CapturedSeries, CapturedTarget};
pub use encoder::WriteEncoder;
pub use fleet::{Fleet, FleetSample, TargetClone};
pub use size::{LoadError, bench_fleet, is_tiny};
