//! The database and the threads that may wait for it: writers, queries, one committer, one
//! maintainer. Async tasks hand them work and wait for the answer without holding a thread.

mod committer;
mod error;
mod handle;
mod maintainer;
mod queries;
mod queue;
mod slot;
mod threads;

pub use error::StoreError;
pub use handle::{Closing, Figures, Store, StoreOptions};
pub use queries::{Admission, Queries};
pub use queue::{Queue, QueueError};
pub use threads::Reply;

pub(crate) use slot::Opened;
