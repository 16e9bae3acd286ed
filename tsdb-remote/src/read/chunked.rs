//! The answer of type STREAMED_XOR_CHUNKS: a series a frame.

use bytes::Bytes;
use tsdb_core::bits::put_uvarint;
use tsdb_core::model::Labels;

use super::storage::Chunk;
use super::{Query, SeriesStream as _, Storage};
use crate::error::ReadError;
use crate::limits::Limits;
use crate::put::{field_len, int_len, labels_len, put_bytes, put_head, put_int, put_labels};

/// Selects every query and sends its series, frame by frame.
pub(crate) fn send<S: Storage>(
    storage: &S,
    queries: &[Query],
    limits: &Limits,
    mut send: impl FnMut(Bytes) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
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
                send(frame(&series.labels, labels_bytes, chunks, index as i64))?;
            }
        }
    }
    Ok(())
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
fn frame(labels: &Labels, labels_bytes: usize, chunks: &[Chunk], query: i64) -> Bytes {
    let series = labels_bytes
        + chunks
            .iter()
            .map(|c| field_len(chunk_len(c)))
            .sum::<usize>();
    let mut payload = Vec::with_capacity(field_len(series) + int_len(query));
    put_head(&mut payload, 1, series);
    put_labels(&mut payload, labels);
    for chunk in chunks {
        put_head(&mut payload, 2, chunk_len(chunk));
        put_int(&mut payload, 1, chunk.min);
        put_int(&mut payload, 2, chunk.max);
        put_int(&mut payload, 3, i64::from(chunk.encoding.byte()));
        put_bytes(&mut payload, 4, &chunk.bytes);
    }
    if query != 0 {
        put_int(&mut payload, 2, query);
    }
    let mut frame = Vec::with_capacity(payload.len() + 14);
    put_uvarint(&mut frame, payload.len() as u64);
    #[expect(
        clippy::big_endian_bytes,
        reason = "the protocol puts the checksum in network order"
    )]
    frame.extend_from_slice(&crc32c::crc32c(&payload).to_be_bytes());
    frame.extend_from_slice(&payload);
    Bytes::from(frame)
}
