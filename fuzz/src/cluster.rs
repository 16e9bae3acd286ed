//! What nodes of a cluster tell each other: sets of placement shards, and chunks of a series.

use tsdb_cluster::node::{DeleteRecord, Mask};
use tsdb_cluster::topology::Topology;
use tsdb_core::chunk::encode;
use tsdb_core::model::{Sample, ShardSet, TimeRange};
use tsdb_core::{ChunkPart, Encoding, Labels, Series};

use crate::Input;

/// What is read prints as it was.
pub(crate) fn shard_set(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let Ok(set) = text.parse::<ShardSet>() else {
        return;
    };
    assert_eq!(set.to_string(), text);
    assert_eq!(set.iter().count(), set.len() as usize);
    assert_eq!(ShardSet::new(set.of(), set.iter()), Ok(set));
}

/// A delete as the metadata has it, of anybody: it hides what it says, or is refused.
pub(crate) fn delete_record(input: &[u8]) {
    let Ok(record) = serde_json::from_slice::<DeleteRecord>(input) else {
        return;
    };
    let text = serde_json::to_vec(&record).expect("what was read can be written");
    assert_eq!(
        serde_json::from_slice::<DeleteRecord>(&text).ok(),
        Some(record.clone())
    );
    if let Ok(mask) = Mask::new(record.clone()) {
        assert!(mask.range().contains(record.min_time) && mask.range().contains(record.max_time));
        let _any = mask.matches(&Labels::default());
    }
}

/// A topology as the metadata has it: sound, or refused; and written as it was read.
pub(crate) fn topology(input: &[u8]) {
    let Ok(read) = serde_json::from_slice::<Topology>(input) else {
        return;
    };
    let text = serde_json::to_vec(&read).expect("what was read can be written");
    assert_eq!(
        serde_json::from_slice::<Topology>(&text).ok().as_ref(),
        Some(&read)
    );
    let _shown = read.replicas_by_node();
    let _undone = read.abort_all();
}

/// Chunks of any bytes or sound ones, said to be anything: a series in order, the same whatever
/// the order of the chunks and however often each is there, or an error.
pub(crate) fn series_chunks(input: &[u8]) {
    let mut input = Input::new(input);
    let sound = !input.byte().is_multiple_of(4);
    let mut chunks = Vec::new();
    while !input.is_empty() && chunks.len() < 4 {
        chunks.push(match sound || input.byte().is_multiple_of(2) {
            true => sound_chunk(&mut input),
            false => any_chunk(&mut input),
        });
    }
    let (from, to) = (input.int(), input.int());
    let range = TimeRange::inclusive(from.min(to), from.max(to)).expect("in order");
    let make = |chunks: Vec<ChunkPart>| Series::from_chunks(Labels::default(), chunks, range);
    let made = make(chunks.clone());
    chunks.reverse();
    let again = make([chunks.as_slice(), chunks.get(..1).unwrap_or_default()].concat());
    let (Ok(made), Ok(again)) = (&made, &again) else {
        assert!(made.is_err() && again.is_err());
        return;
    };
    assert!(made.all_samples().eq(again.all_samples()));
    let times: Vec<i64> = made
        .all_samples()
        .map(|sample| sample.timestamp())
        .collect();
    assert!(times.is_sorted_by(|a, b| a < b));
    assert!(times.iter().all(|time| range.contains(*time)));
}

fn any_chunk(input: &mut Input<'_>) -> ChunkPart {
    let len = usize::from(input.byte());
    ChunkPart {
        min: input.int(),
        max: input.int(),
        count: u32::from(input.byte()),
        encoding: match input.byte() % 4 {
            0 => Encoding::Histogram,
            1 => Encoding::Histograms,
            _ => Encoding::Xor,
        },
        bytes: input.take(len).into(),
    }
}

fn sound_chunk(input: &mut Input<'_>) -> ChunkPart {
    let mut samples: Vec<Sample> = Vec::new();
    for _ in 0..=input.below(12) {
        samples.push(Sample::new(input.int(), input.float()));
    }
    samples.sort_by_key(|sample| sample.timestamp);
    samples.dedup_by_key(|sample| sample.timestamp);
    ChunkPart {
        min: samples.first().map_or(0, |first| first.timestamp),
        max: samples.last().map_or(0, |last| last.timestamp),
        count: samples.len() as u32,
        encoding: Encoding::Xor,
        bytes: encode(samples).into(),
    }
}
