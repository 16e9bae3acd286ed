//! Where memory is held. The allocator of the C library, which the server is tuned for, keeps no
//! account of that: a build with the feature `heap-profile` has another, which does.

/// Why there is no profile.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HeapProfileError {
    /// This build cannot take one.
    #[cfg(not(feature = "heap-profile"))]
    #[error(
        "this build takes no heap profiles: build it with --features heap-profile, which takes another allocator; tsdb_memory_bytes at /metrics tells what memory is held for"
    )]
    NotBuilt,
    /// The allocator keeps no account.
    #[cfg(feature = "heap-profile")]
    #[error("the allocator keeps no account of stacks: {variable} has to have prof:true", variable = crate::allocator::PROFILING.0)]
    Off,
    /// It did not work.
    #[cfg(feature = "heap-profile")]
    #[error("the heap profile failed: {0}")]
    Failed(String),
}

/// A file for `go tool pprof`. Looks up names of functions, so not for async tasks.
///
/// # Errors
/// When this build cannot take one.
#[cfg(not(feature = "heap-profile"))]
pub(crate) fn heap_profile() -> Result<Vec<u8>, HeapProfileError> {
    Err(HeapProfileError::NotBuilt)
}

/// A file for `go tool pprof`. Looks up names of functions, so not for async tasks.
///
/// # Errors
/// When the allocator keeps no account.
#[cfg(feature = "heap-profile")]
pub(crate) fn heap_profile() -> Result<Vec<u8>, HeapProfileError> {
    let control = jemalloc_pprof::PROF_CTL.as_ref();
    let mut control = control.ok_or(HeapProfileError::Off)?.blocking_lock();
    if !control.activated() {
        return Err(HeapProfileError::Off);
    }
    let profile = control.dump_pprof();
    profile.map_err(|error| HeapProfileError::Failed(error.to_string()))
}
