//! A disk in memory that forgets what a real one may forget, fails where told, and counts.

mod disk;
mod file_system;
mod operation;
mod outage;
mod pages;
mod random;
#[cfg(test)]
mod tests;

pub use file_system::FaultVfs;
pub use operation::{Counters, Fault, Operation, OperationKind, SimulatedCrash, Verdict};
pub use outage::Outage;
pub use random::SplitMix64;
