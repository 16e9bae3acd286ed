//! Rank 2: the only door to disk. Paths are relative to a root and never lead out of it.

mod file_system;
mod memory;
mod os;
mod path;
#[cfg(test)]
mod tests;
mod transfer;

pub use file_system::{File, FileLock, OpenMode, Vfs};
pub use memory::MemVfs;
pub use os::OsVfs;
pub use transfer::{read_exact_at, read_to_end, rewrite, write_all_at};
