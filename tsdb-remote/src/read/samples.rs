//! The answer of type SAMPLES: one snappy-compressed message.

use bytes::Bytes;
use tsdb_core::bits::put_uvarint;

use super::{Columns, Query, SeriesStream as _, Storage};
use crate::error::ReadError;
use crate::inflight::BytePermit;
use crate::limits::Limits;
use crate::put::{field_len, int_len, labels_len, put_bytes, put_head, put_int, put_labels};
use crate::write::put_histogram;

/// Room for the length of a result, which is known only at its end.
const LENGTH_ROOM: usize = 5;
/// Key and double of a sample's value.
const VALUE_BYTES: usize = 9;

/// Selects every query and encodes all results.
pub(crate) fn encode<S: Storage>(
    storage: &S,
    queries: &[Query],
    limits: &Limits,
    permit: &BytePermit,
) -> Result<Bytes, ReadError> {
    let mut message = Vec::new();
    let mut samples = 0;
    for query in queries {
        reserve(&mut message, 1 + LENGTH_ROOM, permit)?;
        message.push(1 << 3 | 2);
        let start = message.len();
        message.resize(start + LENGTH_ROOM, 0);
        if let Some(range) = query.range {
            let mut series = storage.select(range, &query.matchers)?;
            while series.next_samples(&mut |columns| {
                samples += (columns.timestamps.len() + columns.histograms.len()) as u64;
                if samples > limits.read_max_samples {
                    return Err(ReadError::SampleLimit {
                        limit: limits.read_max_samples,
                    });
                }
                put_series(
                    &mut message,
                    columns,
                    limits.read_max_response_bytes,
                    permit,
                )
            })? {}
        }
        close(&mut message, start);
    }
    permit.grow(snap::raw::max_compress_len(message.len()) as u64)?;
    let block = snap::raw::Encoder::new().compress_vec(&message);
    Ok(Bytes::from(
        block.map_err(|error| ReadError::Internal(error.into()))?,
    ))
}

/// Makes room for `more` bytes, and takes them out of the budget first.
fn reserve(message: &mut Vec<u8>, more: usize, permit: &BytePermit) -> Result<(), ReadError> {
    let needed = message.len() + more;
    if needed > message.capacity() {
        let capacity = needed.max(2 * message.capacity());
        permit.grow((capacity - message.capacity()) as u64)?;
        message.reserve_exact(capacity - message.len());
    }
    Ok(())
}

/// Writes the length of what follows `start` and its room, and closes the gap.
fn close(message: &mut Vec<u8>, start: usize) {
    let content = start + LENGTH_ROOM;
    let mut length = Vec::with_capacity(LENGTH_ROOM);
    put_uvarint(&mut length, (message.len() - content) as u64);
    message.splice(start..content, length);
}

fn put_series(
    message: &mut Vec<u8>,
    columns: Columns<'_>,
    max_bytes: usize,
    permit: &BytePermit,
) -> Result<(), ReadError> {
    if columns.timestamps.is_empty() && columns.histograms.is_empty() {
        return Ok(());
    }
    let mut histograms = Vec::new();
    let mut one = Vec::new();
    for (timestamp, histogram) in columns.histograms {
        one.clear();
        put_histogram(&mut one, *timestamp, histogram);
        if message.len() + histograms.len() + one.len() > max_bytes {
            return Err(ReadError::ResponseLimit { limit: max_bytes });
        }
        reserve(&mut histograms, field_len(one.len()), permit)?;
        put_bytes(&mut histograms, 4, &one);
    }
    let samples = columns
        .timestamps
        .iter()
        .map(|t| field_len(VALUE_BYTES + int_len(*t)));
    let len = labels_len(columns.labels) + samples.sum::<usize>() + histograms.len();
    if message.len() + len > max_bytes {
        return Err(ReadError::ResponseLimit { limit: max_bytes });
    }
    reserve(message, field_len(len), permit)?;
    put_head(message, 1, len);
    put_labels(message, columns.labels);
    for (timestamp, value) in columns.timestamps.iter().zip(columns.values) {
        put_head(message, 2, VALUE_BYTES + int_len(*timestamp));
        message.push(1 << 3 | 1);
        message.extend_from_slice(&value.to_bits().to_le_bytes());
        put_int(message, 2, *timestamp);
    }
    message.extend_from_slice(&histograms);
    Ok(())
}
