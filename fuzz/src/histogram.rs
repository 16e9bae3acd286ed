//! Native histograms: their canonical bytes and their chunks.

use tsdb_core::chunk::{HistogramChunkIter, decode_exact, encode_exact, encode_histograms};
use tsdb_core::model::Histogram;

/// Canonical bytes come back as they were, and can be judged.
pub(crate) fn from_bytes(input: &[u8]) {
    let Ok(histogram) = Histogram::from_bytes(input) else {
        return;
    };
    let mut bytes = Vec::new();
    histogram.put_bytes(&mut bytes);
    assert_eq!(bytes, input);
    let _ = histogram.validate();
}

/// What a chunk of either kind holds goes into chunks again, and comes back.
pub(crate) fn chunk(input: &[u8]) {
    let Some((kind, chunk)) = input.split_first() else {
        return;
    };
    let Ok(iter) = HistogramChunkIter::new(chunk, kind & 1 == 1) else {
        return;
    };
    // As many as their memory may be: the iterator itself holds one.
    let read: Vec<_> = iter.map_while(Result::ok).take(2).collect();
    let chunks = encode_histograms(read.iter().map(|(time, histogram)| (*time, histogram)), 480);
    let again = chunks.iter().flat_map(|chunk| {
        let iter = HistogramChunkIter::new(&chunk.bytes, chunk.is_float);
        iter.expect("our own chunk")
            .map(|item| item.expect("our own chunk"))
    });
    for ((time, mut histogram), (read_time, read)) in again.zip(&read) {
        histogram.reset_hint = read.reset_hint;
        assert_eq!((time, &histogram), (*read_time, read));
    }
}

/// What a chunk of ours holds goes into one again, and comes back with all its bits.
pub(crate) fn exact(input: &[u8]) {
    let mut read = Vec::new();
    if decode_exact(input, &mut read).is_err() {
        return;
    }
    read.truncate(64);
    let (mut written, mut again) = (Vec::new(), Vec::new());
    encode_exact(read.iter().map(|(time, one)| (*time, one)), &mut written);
    decode_exact(&written, &mut again).expect("our own chunk");
    assert_eq!(again, read);
}
