//! A remote read request between the network and the store.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use tsdb_core::model::{MatchOp, Matcher, TimeRange};

use super::frames::{FrameSender, Held};
use super::{Storage, chunked, samples};
use crate::error::ReadError;
use crate::inflight::BytePermit;
use crate::limits::Limits;
use crate::snappy;
use crate::wire::{Kind, Schema, Wire, WireType};

const HINTS_SCHEMA: Schema = &[
    (1, Kind::Varint),
    (2, Kind::Text),
    (3, Kind::Varint),
    (4, Kind::Varint),
    (5, Kind::Text),
    (6, Kind::Varint),
    (7, Kind::Varint),
];

/// Form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseType {
    /// All samples in one message.
    Samples,
    /// A stream of frames of compressed chunks.
    StreamedXorChunks,
}

impl ResponseType {
    /// Its number in the protocol.
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Self::Samples => 0,
            Self::StreamedXorChunks => 1,
        }
    }

    /// The first of the accepted types that this server knows; SAMPLES if none is named.
    fn negotiate(accepted: &[i32]) -> Result<Self, ReadError> {
        let known = accepted.iter().find_map(|number| {
            [Self::Samples, Self::StreamedXorChunks]
                .into_iter()
                .find(|t| t.number() == *number)
        });
        match known {
            Some(known) => Ok(known),
            None if accepted.is_empty() => Ok(Self::Samples),
            None => Err(ReadError::NoAcceptedType(accepted.to_vec())),
        }
    }
}

/// One select of a request.
#[derive(Clone, Debug)]
pub struct Query {
    /// Both ends included; `None` when the end is before the start, so nothing is selected.
    pub range: Option<TimeRange>,
    /// Conditions that all must hold.
    pub matchers: Vec<Matcher>,
}

/// A remote read request whose headers were checked and whose body was read. Everything else is
/// done by [`ReadRequest::answer`], on the thread that reads the store.
#[derive(Debug)]
pub struct ReadRequest {
    /// Method, path, headers and extensions of the HTTP request.
    pub parts: Parts,
    pub(crate) body: Bytes,
    pub(crate) limits: Limits,
    pub(crate) permit: BytePermit,
    pub(crate) frames: FrameSender,
    pub(crate) held: Arc<Held>,
}

impl ReadRequest {
    /// Decodes the request, selects from `storage` and sends the answer. Blocks while the client
    /// is slower than the store; the error must be given back by the inner service.
    ///
    /// # Errors
    /// When the request is malformed or above a limit, the store fails, or the client goes away.
    pub fn answer<S: Storage>(self, storage: &S) -> Result<(), ReadError> {
        let Self {
            body,
            limits,
            permit,
            frames,
            held,
            ..
        } = self;
        let declared = snappy::decoded_len(&body, limits.read_max_request_bytes)?;
        permit.grow(declared as u64)?;
        let mut buffer = Vec::new();
        let message = snappy::decode(&body, limits.read_max_request_bytes, &mut buffer)?;
        let (queries, accepted) = decode_queries(message, &limits)?;
        let response_type = ResponseType::negotiate(&accepted)?;
        match response_type {
            ResponseType::Samples => {
                let message = samples::encode(storage, &queries, &limits, &held.answer)?;
                frames.begin(response_type, storage.headers());
                frames.send(message)?;
            }
            ResponseType::StreamedXorChunks => {
                let mut frames = ChunkFrames::new(storage, &frames);
                chunked::send(storage, &queries, &limits, |frame| frames.send(frame))?;
                // An answer of no series has a head as well.
                frames.begin();
            }
        }
        frames.finish();
        Ok(())
    }
}

/// Frames of chunks: their head goes out with the first of them, when it is known what the store
/// has to say of it.
struct ChunkFrames<'a, S> {
    storage: &'a S,
    frames: &'a FrameSender,
    has_begun: bool,
}

impl<'a, S: Storage> ChunkFrames<'a, S> {
    fn new(storage: &'a S, frames: &'a FrameSender) -> Self {
        Self {
            storage,
            frames,
            has_begun: false,
        }
    }

    fn begin(&mut self) {
        if !std::mem::replace(&mut self.has_begun, true) {
            let headers = self.storage.headers();
            self.frames.begin(ResponseType::StreamedXorChunks, headers);
        }
    }

    fn send(&mut self, frame: Bytes) -> Result<(), ReadError> {
        self.begin();
        self.frames.send(frame)
    }
}

/// The queries of a request, and the numbers of the answer types its client accepts. Hints are
/// checked for their form and ignored.
///
/// # Errors
/// When `message` is no `prometheus.ReadRequest`, a matcher is malformed, or there are too many.
pub fn decode_queries(
    message: &[u8],
    limits: &Limits,
) -> Result<(Vec<Query>, Vec<i32>), ReadError> {
    let (mut queries, mut accepted) = (Vec::new(), Vec::new());
    let mut matchers_left = limits.read_max_matchers;
    let mut wire = Wire::new(message);
    while !wire.is_empty() {
        match wire.key()? {
            (1, wire_type) => {
                wire.expect(wire_type, WireType::Bytes)?;
                if queries.len() >= limits.read_max_queries {
                    return Err(ReadError::Invalid(format!(
                        "more queries than the limit read_max_queries of {}: split the request or raise it",
                        limits.read_max_queries
                    )));
                }
                let found = query(wire.message()?, queries.len(), &mut matchers_left, limits)?;
                queries.push(found);
            }
            (2, WireType::Bytes) => {
                let mut packed = wire.message()?;
                while !packed.is_empty() {
                    accept(&mut accepted, packed.varint()?);
                }
            }
            (2, WireType::Varint) => accept(&mut accepted, wire.varint()?),
            (2, other) => wire.expect(other, WireType::Bytes)?,
            (field, wire_type) => wire.skip(field, wire_type)?,
        }
    }
    Ok((queries, accepted))
}

/// Notes an accepted type; what is named twice is noted once, so the list stays short.
fn accept(accepted: &mut Vec<i32>, number: u64) {
    let number = int32(number);
    if accepted.len() < 16 && !accepted.contains(&number) {
        accepted.push(number);
    }
}

/// A 32-bit number as protobuf sends it: the low half of a varint.
fn int32(number: u64) -> i32 {
    let [a, b, c, d, ..] = number.to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}

fn query(
    mut wire: Wire<'_>,
    index: usize,
    matchers_left: &mut usize,
    limits: &Limits,
) -> Result<Query, ReadError> {
    let (mut start, mut end, mut matchers) = (0, 0, Vec::new());
    while !wire.is_empty() {
        let (field, wire_type) = wire.key()?;
        match field {
            1 | 2 => {
                wire.expect(wire_type, WireType::Varint)?;
                let time = wire.varint()?.cast_signed();
                if field == 1 { start = time } else { end = time }
            }
            3 => {
                wire.expect(wire_type, WireType::Bytes)?;
                *matchers_left = matchers_left.checked_sub(1).ok_or_else(|| {
                    ReadError::Invalid(format!(
                        "more matchers than the limit read_max_matchers of {}: split the request or raise it",
                        limits.read_max_matchers
                    ))
                })?;
                matchers.push(matcher(wire.message()?, index)?);
            }
            4 => {
                wire.expect(wire_type, WireType::Bytes)?;
                wire.message()?.check(HINTS_SCHEMA)?;
            }
            _ => wire.skip(field, wire_type)?,
        }
    }
    Ok(Query {
        range: TimeRange::inclusive(start, end).ok(),
        matchers,
    })
}

fn matcher(mut wire: Wire<'_>, query: usize) -> Result<Matcher, ReadError> {
    let (mut kind, mut name, mut value) = (0, "", "");
    while !wire.is_empty() {
        let (field, wire_type) = wire.key()?;
        match field {
            1 => {
                wire.expect(wire_type, WireType::Varint)?;
                kind = int32(wire.varint()?);
            }
            2 | 3 => {
                wire.expect(wire_type, WireType::Bytes)?;
                let text = wire.text()?;
                if field == 2 {
                    name = text
                } else {
                    value = text
                }
            }
            _ => wire.skip(field, wire_type)?,
        }
    }
    let op = match kind {
        0 => MatchOp::Equal,
        1 => MatchOp::NotEqual,
        2 => MatchOp::Regex,
        3 => MatchOp::NotRegex,
        _ => return Err(ReadError::MatcherKind { query, kind }),
    };
    Matcher::new(op, name, value).map_err(|source| ReadError::Matcher {
        query,
        name: name.to_owned(),
        source,
    })
}
