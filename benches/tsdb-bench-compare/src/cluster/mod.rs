//! What a cluster costs beside one node, and what a node costs that is away: one load into both.

mod figures;
mod plant;
mod run;

pub use run::{ClusterOptions, cluster};
