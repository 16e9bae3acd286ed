//! Where CPU time and memory go, in the format that `go tool pprof` reads.

mod cpu;
mod heap;
mod message;

pub(crate) use cpu::{CpuProfile, CpuProfileError};
pub(crate) use heap::heap_profile;
