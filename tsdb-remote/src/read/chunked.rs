//! The answer of type STREAMED_XOR_CHUNKS: a series a frame.

use bytes::Bytes;
use tsdb_core::bits::put_uvarint;
use tsdb_core::model::Labels;

use super::storage::Chunk;
use super::{Query, SeriesStream as _, Storage};
use crate::error::ReadError;
use crate::limits::Limits;
use crate::put::{field_len, int_len, labels_len, put_bytes, put_head, put_int, put_labels};

/// Frames are handed on when they take so many bytes, if so many may wait: waking who sends them
/// takes as long as making some.
const PIECE_BYTES: usize = 64 << 10;
const CHECKSUM_BYTES: usize = 4;
/// A length and a checksum.
const FRAME_HEAD_BYTES_MAX: usize = 10 + CHECKSUM_BYTES;

/// Selects every query and sends its series, frame by frame, some frames at a time.
pub(crate) fn send<S: Storage>(
    storage: &S,
    queries: &[Query],
    limits: &Limits,
    mut send: impl FnMut(Bytes) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let piece_bytes = PIECE_BYTES.min(limits.read_buffer_bytes);
    let mut piece = Vec::new();
    for (index, query) in queries.iter().enumerate() {
        let Some(range) = query.range else {
            continue;
        };
        let mut stream = storage.select(range, &query.matchers)?;
        while let Some(series) = stream.next_chunks()? {
            let labels_bytes = labels_len(&series.labels);
            let mut rest = series.chunks.as_slice();
            while !rest.is_empty() {
                let fitting = fitting(rest, labels_bytes, limits.read_max_frame_bytes);
                let (chunks, after) = rest.split_at(fitting);
                rest = after;
                put_frame(
                    &mut piece,
                    (&series.labels, labels_bytes),
                    chunks,
                    index as i64,
                );
                if piece.len() >= piece_bytes {
                    let next = Vec::with_capacity(piece.len());
                    send(Bytes::from(std::mem::replace(&mut piece, next)))?;
                }
            }
        }
    }
    match piece.is_empty() {
        true => Ok(()),
        false => send(Bytes::from(piece)),
    }
}

/// How many chunks go into one frame, at least one.
fn fitting(chunks: &[Chunk], labels_bytes: usize, max_bytes: usize) -> usize {
    let mut bytes = labels_bytes;
    let fit = chunks.iter().take_while(|chunk| {
        bytes += field_len(chunk_len(chunk));
        bytes <= max_bytes
    });
    fit.count().max(1)
}

fn chunk_len(chunk: &Chunk) -> usize {
    int_len(chunk.min)
        + int_len(chunk.max)
        + int_len(i64::from(chunk.encoding.byte()))
        + field_len(chunk.bytes.len())
}

/// Length, checksum and a `ChunkedReadResponse` of one series.
fn put_frame(
    out: &mut Vec<u8>,
    (labels, labels_bytes): (&Labels, usize),
    chunks: &[Chunk],
    query: i64,
) {
    let series = labels_bytes
        + chunks
            .iter()
            .map(|c| field_len(chunk_len(c)))
            .sum::<usize>();
    let query_bytes = if query == 0 { 0 } else { int_len(query) };
    let payload = field_len(series) + query_bytes;
    out.reserve(FRAME_HEAD_BYTES_MAX + payload);
    put_uvarint(out, payload as u64);
    let checksum = out.len();
    out.extend_from_slice(&[0; CHECKSUM_BYTES]);
    put_head(out, 1, series);
    put_labels(out, labels);
    for chunk in chunks {
        put_head(out, 2, chunk_len(chunk));
        put_int(out, 1, chunk.min);
        put_int(out, 2, chunk.max);
        put_int(out, 3, i64::from(chunk.encoding.byte()));
        put_bytes(out, 4, &chunk.bytes);
    }
    if query != 0 {
        put_int(out, 2, query);
    }
    let (head, payload) = out.split_at_mut(checksum + CHECKSUM_BYTES);
    #[expect(
        clippy::big_endian_bytes,
        reason = "the protocol puts the checksum in network order"
    )]
    let bytes = crc32c::crc32c(payload).to_be_bytes();
    if let Some(place) = head.last_chunk_mut() {
        *place = bytes;
    }
}
