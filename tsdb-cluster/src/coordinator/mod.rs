//! A coordinator: it keeps nothing, and makes of many nodes one store.

#[expect(
    clippy::module_inception,
    reason = "the layer is named after its main file"
)]
mod coordinator;
mod delete;
mod delete_log;
mod error;
mod figures;
mod merge;
mod read;
mod scheduler;
#[cfg(test)]
mod tests;
mod topology_view;
mod untold;
mod write;

pub use coordinator::{Coordinator, CoordinatorOptions};
pub use delete_log::DeleteLogError;
pub use error::CoordinatorError;
pub use figures::CoordinatorFigures;
pub use read::{Answer, ReadQuery, SeriesStream, Warning};
pub use topology_view::{KnownTopology, TopologyView};
pub use write::WriteOutcome;
