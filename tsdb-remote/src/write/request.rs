//! A remote write request between the network and the store.

use bytes::Bytes;
use http::request::Parts;
use tsdb_core::model::{AppendReport, WriteBatch};

use super::decode_v1::{decode_v1, guess_v1};
use super::decode_v2::{MetadataRefs, decode_v2};
use super::extras::{Extras, Refused};
use crate::error::DecodeError;
use crate::inflight::{BytePermit, InflightBytes};
use crate::negotiate::WriteProtocol;
use crate::snappy;

/// Memory that a [`DecodeScratch`] keeps between requests, in bytes, of each kind.
const KEPT_BYTES: usize = 16 << 20;

/// A remote write request whose headers and lengths were checked and whose body was read, but not
/// decoded: that is work for the thread that stores it.
#[derive(Debug)]
pub struct WriteRequest {
    /// Method, path, headers and extensions of the HTTP request.
    pub parts: Parts,
    body: Bytes,
    protocol: WriteProtocol,
    max_decoded_bytes: usize,
    permit: BytePermit,
}

impl WriteRequest {
    /// Wraps a snappy-compressed body of remote write 1.0. The permit covers the body and what it decodes to.
    ///
    /// # Errors
    /// When the body does not say how long it is, decodes to more than `max_decoded_bytes`, or
    /// the budget of bytes in flight has no room for it.
    pub fn new(
        parts: Parts,
        body: Bytes,
        max_decoded_bytes: usize,
        permit: BytePermit,
    ) -> Result<Self, DecodeError> {
        let decoded_len = snappy::decoded_len(&body, max_decoded_bytes)?;
        let needed = (body.len() + decoded_len) as u64;
        permit.grow(needed.saturating_sub(permit.held()))?;
        Ok(Self {
            parts,
            body,
            protocol: WriteProtocol::V1,
            max_decoded_bytes,
            permit,
        })
    }

    /// The same body as one of `protocol`.
    #[must_use]
    pub fn speaking(mut self, protocol: WriteProtocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// What the body is written in.
    #[must_use]
    pub fn protocol(&self) -> WriteProtocol {
        self.protocol
    }

    /// Wraps a body with a budget of its own, for tests and for callers without HTTP.
    ///
    /// # Errors
    /// As [`WriteRequest::new`].
    pub fn from_body(body: Bytes, max_decoded_bytes: usize) -> Result<Self, DecodeError> {
        let (parts, ()) = http::Request::new(()).into_parts();
        let permit = InflightBytes::new(u64::MAX).try_acquire(0)?;
        Self::new(parts, body, max_decoded_bytes, permit)
    }

    /// Bytes that it holds of the budget of requests in flight.
    #[must_use]
    pub fn held_bytes(&self) -> u64 {
        self.permit.held()
    }

    /// The body as it was sent: snappy-compressed.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Decompresses and decodes the body. The batch borrows from `scratch`, which keeps its
    /// memory for the next request.
    ///
    /// # Errors
    /// When the body is no snappy block, no message of its protocol, or decoding it takes more
    /// memory than all requests in flight may hold.
    pub fn decode<'s>(&self, scratch: &'s mut DecodeScratch) -> Result<Decoded<'s>, DecodeError> {
        self.decode_by(scratch, false)
    }

    /// As [`WriteRequest::decode`], but does not walk the labels of series: where they end is
    /// guessed, and the batch is marked so. When appending fails with an error that
    /// [`tsdb_core::Error::is_misread`], nothing was stored: use [`WriteRequest::decode`] then. Known
    /// series cost a third less.
    ///
    /// # Errors
    /// As [`WriteRequest::decode`], of which it sees less.
    pub fn guess<'s>(&self, scratch: &'s mut DecodeScratch) -> Result<Decoded<'s>, DecodeError> {
        self.decode_by(scratch, true)
    }

    fn decode_by<'s>(
        &self,
        scratch: &'s mut DecodeScratch,
        guess: bool,
    ) -> Result<Decoded<'s>, DecodeError> {
        let DecodeScratch {
            body,
            arena,
            metadata,
            batch: slot,
        } = scratch;
        trim(body);
        trim(arena);
        let body = snappy::decode(&self.body, self.max_decoded_bytes, body)?;
        let mut batch = std::mem::take(slot);
        let permit = Some(&self.permit);
        let extras = match self.protocol {
            WriteProtocol::V1 if guess => guess_v1(body, arena, &mut batch, permit)?,
            WriteProtocol::V1 => decode_v1(body, arena, &mut batch, permit)?,
            WriteProtocol::V2 => {
                metadata.shrink_to(KEPT_BYTES / size_of::<MetadataRefs>());
                decode_v2(body, &mut batch, metadata, permit)?
            }
        };
        Ok(Decoded {
            batch,
            extras,
            protocol: self.protocol,
            slot,
        })
    }
}

/// Gives memory above [`KEPT_BYTES`] back.
fn trim(buffer: &mut Vec<u8>) {
    if buffer.capacity() > KEPT_BYTES {
        buffer.truncate(KEPT_BYTES);
        buffer.shrink_to(KEPT_BYTES);
    }
}

/// Memory for decoding that goes from request to request; one for each thread that decodes.
#[derive(Debug, Default)]
pub struct DecodeScratch {
    body: Vec<u8>,
    arena: Vec<u8>,
    metadata: Vec<MetadataRefs>,
    batch: WriteBatch<'static>,
}

impl DecodeScratch {
    /// Without memory yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes of memory it keeps.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let metadata = self.metadata.capacity() * size_of::<MetadataRefs>();
        self.body.capacity() + self.arena.capacity() + metadata + self.batch.heap_bytes()
    }
}

/// What a request holds. Dropping it gives the batch's memory back to the scratch.
#[derive(Debug)]
pub struct Decoded<'s> {
    /// The samples by series.
    pub batch: WriteBatch<'s>,
    /// Everything else.
    pub extras: Extras,
    protocol: WriteProtocol,
    slot: &'s mut WriteBatch<'static>,
}

impl Decoded<'_> {
    /// What to answer when the store reports `report` on the batch.
    #[must_use]
    pub fn summary(&self, report: AppendReport) -> WriteSummary {
        WriteSummary {
            protocol: self.protocol,
            report,
            empty_series: self.extras.empty_series.clone(),
        }
    }
}

impl Drop for Decoded<'_> {
    fn drop(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        if batch.heap_bytes() <= KEPT_BYTES {
            *self.slot = batch.recycle();
        }
    }
}

/// What became of a request. The answer's extensions carry a copy, for metrics.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WriteSummary {
    /// What the sender speaks, which decides what it is told.
    pub protocol: WriteProtocol,
    /// What the store made of samples and exemplars.
    pub report: AppendReport,
    /// Series with nothing to store, which are refused.
    pub empty_series: Refused,
}

impl WriteSummary {
    /// Whether everything was stored but for exemplars where none are kept.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.report.is_complete() && self.empty_series.count == 0
    }
}
