//! Work that is shared out to threads which end before the call does.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

/// More threads than this are not taken by default.
const DEFAULT_THREADS_MAX: usize = 8;

/// As many threads as the machine runs at once, at most 8; 1 where it does not tell.
#[must_use]
pub fn default_threads() -> usize {
    std::thread::available_parallelism()
        .map_or(1, NonZeroUsize::get)
        .min(DEFAULT_THREADS_MAX)
}

/// Calls `work` once with each number below `tasks`, on this thread, which does `meanwhile`
/// first, and on up to `threads - 1` others. All of them have ended when this returns. In which
/// order and where the numbers are worked on is left open, so nothing may depend on it.
///
/// # Panics
/// When `work` or `meanwhile` does.
pub fn share_out<T>(
    threads: usize,
    tasks: usize,
    work: &(dyn Fn(usize) + Sync),
    meanwhile: impl FnOnce() -> T,
) -> T {
    let next = AtomicUsize::new(0);
    let run = || {
        loop {
            let task = next.fetch_add(1, Ordering::Relaxed);
            if task >= tasks {
                return;
            }
            work(task);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(tasks + 1) {
            // Where the system gives no thread, this one does the work.
            let spawned = std::thread::Builder::new()
                .name("tsdb-open".to_owned())
                .spawn_scoped(scope, run);
            if spawned.is_err() {
                break;
            }
        }
        let done = meanwhile();
        run();
        done
    })
}
