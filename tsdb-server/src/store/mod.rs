//! The database and the threads that may wait for it: writers, queries, one committer, one
//! maintainer. Async tasks hand them work and wait for the answer without holding a thread.

mod committer;
mod disk;
mod error;
mod handle;
mod maintainer;
mod queries;
mod queue;
mod series_ids;
mod slot;
#[cfg(test)]
mod tests;
mod threads;
mod turns;

pub(crate) use disk::{DiskUse, DiskWatch};
pub(crate) use error::StoreError;
pub(crate) use handle::{Closing, Figures, Store, StoreOptions};
pub(crate) use queries::Admission;
pub(crate) use series_ids::{IDS_NAMESPACE, SeriesIds, id_of};
pub(crate) use threads::Reply;

pub(crate) use slot::Opened;
