//! Every bound of the services in one place.

use std::time::Duration;

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
