//! Small versioned values that a cluster agrees on: its namespaces and placements.

mod changes;
#[cfg(any(test, feature = "testkit"))]
mod contract;
mod keys;
#[cfg(any(test, feature = "testkit"))]
mod memory;
mod store;
#[cfg(test)]
mod tests;

pub use changes::{Changes, Revision};
#[cfg(any(test, feature = "testkit"))]
pub use contract::{metadata_keeps_its_word, one_of_many_that_set_a_key_wins};
pub use keys::{namespaces_key, placement_key};
#[cfg(any(test, feature = "testkit"))]
pub use memory::MemoryMetadata;
pub use store::{Announcement, Answer, MetadataError, MetadataStore, Versioned};
