//! A whole cluster on one thread from one seed: its network, disks and clocks are simulated, and
//! every answer is held against what was acknowledged.
#![forbid(unsafe_code)]

mod clock;
mod cluster;
mod disk;
mod executor;
mod history;
mod metadata;
mod network;
mod promises;
mod random;
mod scenario;

pub use clock::{BEGIN_MS, NodeClock};
pub use cluster::{Cluster, ENVIRONMENT, Repairs};
pub use disk::SimulatedStorage;
pub use executor::{Executor, Process};
pub use history::{Found, History, SeriesNumber, Violation};
pub use metadata::{METADATA, SimulatedMetadata};
pub use network::{Network, SimulatedTransport, Up};
pub use promises::{Before, Promises};
pub use random::Random;
pub use scenario::{Fault, Outcome, ScenarioOptions, play};
