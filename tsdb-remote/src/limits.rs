//! Every bound of the services in one place, and the budget of bytes that requests in flight share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::error::RequestFault;

const MIB: usize = 1 << 20;

/// What the services accept, and what they answer when there is too much of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest request body as sent, in bytes (32 MiB).
    pub max_compressed_bytes: usize,
    /// Longest request body after decompression, in bytes (32 MiB).
    pub max_decoded_bytes: usize,
    /// Bytes that all requests in flight may hold together: bodies as sent, and what decoding
    /// them takes (256 MiB).
    pub max_inflight_bytes: u64,
    /// When a client that is turned away for now should come back (2 s, rounded up to seconds).
    pub retry_after: Duration,
    /// Remote reads served at a time (10).
    pub read_concurrency: usize,
    /// Remote reads that may wait for their turn (100); more are turned away.
    pub read_queue: usize,
    /// Longest body of a remote read after decompression, in bytes (2 MiB).
    pub read_max_request_bytes: usize,
    /// Queries in one remote read (1000).
    pub read_max_queries: usize,
    /// Matchers of all queries of one remote read (1000).
    pub read_max_matchers: usize,
    /// Samples in one answer of type SAMPLES (50 million).
    pub read_max_samples: u64,
    /// Bytes of one answer of type SAMPLES before compression (256 MiB).
    pub read_max_response_bytes: usize,
    /// Bytes that all answers of type SAMPLES may hold together while they are made and sent, apart
    /// from [`Limits::max_inflight_bytes`], so that reads turn away no writes (512 MiB).
    pub read_max_inflight_bytes: u64,
    /// Bytes of chunks and labels after which a series goes on in another frame (16 MiB).
    /// Prometheus takes each frame for a series of its own and refuses frames above 50 MB.
    pub read_max_frame_bytes: usize,
    /// Bytes of frames made but not yet sent; the reading thread waits beyond them (4 MiB).
    pub read_buffer_bytes: usize,
    /// How long a client may take no frame before its read is given up (1 min).
    pub read_stall: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_compressed_bytes: 32 * MIB,
            max_decoded_bytes: 32 * MIB,
            max_inflight_bytes: 256 << 20,
            retry_after: Duration::from_secs(2),
            read_concurrency: 10,
            read_queue: 100,
            read_max_request_bytes: 2 * MIB,
            read_max_queries: 1000,
            read_max_matchers: 1000,
            read_max_samples: 50_000_000,
            read_max_response_bytes: 256 * MIB,
            read_max_inflight_bytes: 512 << 20,
            read_max_frame_bytes: 16 * MIB,
            read_buffer_bytes: 4 * MIB,
            read_stall: Duration::from_secs(60),
        }
    }
}

/// The budget of bytes that requests in flight share. Cloning shares it.
#[derive(Clone, Debug)]
pub struct InflightBytes {
    budget: Arc<Budget>,
}

#[derive(Debug)]
struct Budget {
    /// What the limit is called where it is set.
    name: &'static str,
    limit: u64,
    used: AtomicU64,
}

impl InflightBytes {
    /// A budget of `limit` bytes for requests, [`Limits::max_inflight_bytes`].
    #[must_use]
    pub fn new(limit: u64) -> Self {
        Self::named("max_inflight_bytes", limit)
    }

    /// A budget of `limit` bytes, whose refusals call it `name`.
    #[must_use]
    pub fn named(name: &'static str, limit: u64) -> Self {
        Self {
            budget: Arc::new(Budget {
                name,
                limit,
                used: AtomicU64::new(0),
            }),
        }
    }

    /// The whole budget in bytes.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.budget.limit
    }

    /// Bytes held by requests at this moment.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.budget.used.load(Ordering::Relaxed)
    }

    /// Takes `bytes` out of the budget until the permit is dropped. Never waits.
    ///
    /// # Errors
    /// [`RequestFault::Busy`] when fewer bytes are free.
    pub fn try_acquire(&self, bytes: u64) -> Result<BytePermit, RequestFault> {
        let permit = BytePermit {
            inflight: self.clone(),
            held: AtomicU64::new(0),
        };
        permit.grow(bytes)?;
        Ok(permit)
    }
}

/// Bytes taken out of an [`InflightBytes`]; given back on drop.
#[derive(Debug)]
pub struct BytePermit {
    inflight: InflightBytes,
    held: AtomicU64,
}

impl BytePermit {
    /// Bytes held.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    /// Takes `more` bytes on top. Never waits.
    ///
    /// # Errors
    /// [`RequestFault::Busy`] when fewer bytes are free; what was held stays held.
    pub fn grow(&self, more: u64) -> Result<(), RequestFault> {
        let budget = &self.inflight.budget;
        let taken = budget
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(more).filter(|sum| *sum <= budget.limit)
            });
        match taken {
            Ok(_) => {
                self.held.fetch_add(more, Ordering::Relaxed);
                Ok(())
            }
            Err(used) => Err(RequestFault::Busy {
                name: budget.name,
                wanted: more,
                used,
                limit: budget.limit,
            }),
        }
    }
}

impl Drop for BytePermit {
    fn drop(&mut self) {
        self.inflight
            .budget
            .used
            .fetch_sub(*self.held.get_mut(), Ordering::Relaxed);
    }
}
