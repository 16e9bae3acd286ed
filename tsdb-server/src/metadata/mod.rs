//! Small versioned values that a cluster agrees on: its namespaces and placements.

mod embedded;
mod keys;
#[cfg(test)]
mod memory;
mod store;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use embedded::EmbeddedMetadata;
pub(crate) use keys::{namespaces_key, placement_key};
#[cfg(test)]
pub(crate) use memory::MemoryMetadata;
pub(crate) use store::{MetadataError, MetadataStore};
