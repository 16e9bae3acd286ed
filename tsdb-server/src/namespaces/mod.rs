//! Namespaces: their options as M3 has them, what of them holds here, and the registry of all.

mod block_size;
mod configured;
mod document;
mod effect;
mod options;
mod registry;
#[cfg(test)]
mod tests;
mod update;
mod view;

pub use options::{
    AggregatedAttributes, Aggregation, AggregationOptions, DownsampleOptions, ExtendedOptions,
    IndexOptions, NamespaceOptions, RetentionOptions, RuntimeOptions, StagingState, StagingStatus,
};
pub use update::NamespaceUpdate;

pub(crate) use block_size::{block_size_for_points, recommended_block_size};
pub(crate) use configured::Configured;
pub(crate) use registry::{Registry, RegistryError};
pub(crate) use view::View;
