//! The server as a part of a cluster.

mod runtime;
mod storage;

pub use runtime::TokioRuntime;
#[cfg_attr(
    not(test),
    expect(unused_imports, reason = "for the roles of a server")
)]
pub(crate) use storage::StoreStorage;
