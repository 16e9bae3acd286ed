//! One life of a cluster, from a seed: it is written, read and deleted from while things break.

mod equality;
mod handover;
mod inspection;
mod options;
mod play;
mod samples;
mod trouble;
mod workload;

pub use options::{Fault, ScenarioOptions};
pub use play::{Outcome, play};
