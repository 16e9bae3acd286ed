//! The XOR chunk.

use tsdb_core::chunk::{ChunkAppender, ChunkIter, decode_into, encode};
use tsdb_core::model::Sample;

use crate::Input;

/// Both decoders agree on any bytes, and what they accept encodes again to the same samples.
pub(crate) fn decode(input: &[u8]) {
    let mut timestamps = vec![7];
    let mut values = vec![7.0];
    let batch = decode_into(input, &mut timestamps, &mut values);
    let single = ChunkIter::new(input).and_then(Iterator::collect::<Result<Vec<Sample>, _>>);
    match (batch, single) {
        (Ok(()), Ok(samples)) => {
            assert_eq!(timestamps.len(), samples.len() + 1);
            let again = encode(samples.iter().copied());
            let decoded = samples_of(&again);
            for (index, sample) in samples.iter().enumerate() {
                assert_eq!(timestamps[index + 1], sample.timestamp);
                assert_eq!(values[index + 1].to_bits(), sample.value.to_bits());
                assert_eq!(decoded[index], bits(*sample));
            }
            assert!(samples.is_sorted_by(|left, right| left.timestamp < right.timestamp));
        }
        (Err(_), Err(_)) => assert_eq!((timestamps.len(), values.len()), (1, 1)),
        (batch, single) => panic!("into columns: {batch:?}, one by one: {single:?}"),
    }
}

/// Any samples in rising order come back bit for bit, at each moment of the open chunk.
pub(crate) fn round_trip(input: &[u8]) {
    let mut input = Input::new(input);
    let mut appender = ChunkAppender::new();
    let (mut out, mut pushed) = (Vec::new(), Vec::new());
    let mut snapshots = 8;
    while !input.is_empty() && pushed.len() < 2_000 {
        let sample = Sample::new(input.int(), input.float());
        let last: Option<&(i64, u64)> = pushed.last();
        if last.is_some_and(|last| last.0 >= sample.timestamp) {
            continue;
        }
        appender.push(&mut out, sample.timestamp, sample.value);
        pushed.push(bits(sample));
        if input.byte().is_multiple_of(16) && snapshots > 0 {
            snapshots -= 1;
            assert_eq!(samples_of(&appender.finish(&out)), pushed);
        }
    }
    assert_eq!(samples_of(&appender.finish(&out)), pushed);
}

fn bits(sample: Sample) -> (i64, u64) {
    (sample.timestamp, sample.value.to_bits())
}

fn samples_of(chunk: &[u8]) -> Vec<(i64, u64)> {
    ChunkIter::new(chunk)
        .expect("the header of our own chunk")
        .map(|sample| bits(sample.expect("a sample of our own chunk")))
        .collect()
}
