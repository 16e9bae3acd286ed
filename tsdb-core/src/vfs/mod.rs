//! Rank 2: the only door to disk. Paths are relative to a root and never lead out of it.

#[cfg(any(test, feature = "testkit"))]
mod fault;
mod file_system;
mod lazy;
mod memory;
mod os;
mod path;
#[cfg(test)]
mod tests;
mod transfer;

#[cfg(any(test, feature = "testkit"))]
pub use fault::{
    Counters, Fault, FaultVfs, Operation, OperationKind, Outage, SimulatedCrash, SplitMix64,
    Verdict,
};
pub use file_system::{File, FileLock, OpenMode, Vfs};
pub use lazy::{LazyFile, LazyFiles};
pub use memory::MemVfs;
pub use os::OsVfs;
pub use transfer::{
    allocate_some, create_anew, open_if_there, read_exact_at, read_to_end, remove_if_there,
    rewrite, write_all_at,
};
