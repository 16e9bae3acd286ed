//! A whole cluster on one thread from one seed: its network, disks and clocks are simulated, and
//! every answer is held against what was acknowledged.
#![forbid(unsafe_code)]

mod executor;
mod random;

pub use executor::Executor;
pub use random::Random;
