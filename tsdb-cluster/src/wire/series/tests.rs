//! Series come out of frames as they went in.

use proptest::prelude::*;
use tsdb_core::{ChunkPart, Encoding, Labels};

use super::{
    SERIES_FRAME_BYTES, SERIES_FRAME_BYTES_MAX, SeriesFrameReader, SeriesFrameWriter, SeriesPart,
};
use crate::wire::WireError;

const ENCODINGS: [Encoding; 4] = [
    Encoding::Xor,
    Encoding::Histogram,
    Encoding::FloatHistogram,
    Encoding::Histograms,
];

/// What is told of a series.
type Told = (Labels, Vec<(u8, i64, i64, u32, Vec<u8>)>);

fn told(labels: &Labels, chunks: &[ChunkPart]) -> Told {
    let chunk = |chunk: &ChunkPart| {
        let ends = (chunk.min, chunk.max);
        let bytes = chunk.bytes.to_vec();
        (chunk.encoding.byte(), ends.0, ends.1, chunk.count, bytes)
    };
    (labels.clone(), chunks.iter().map(chunk).collect())
}

fn frames(series: &[(Labels, Vec<ChunkPart>)]) -> Vec<Vec<u8>> {
    let mut writer = SeriesFrameWriter::new();
    let mut frames = Vec::new();
    for (labels, chunks) in series {
        writer
            .push(labels, chunks, &mut |frame| frames.push(frame))
            .expect("a series");
    }
    frames.extend(writer.finish());
    assert!(writer.finish().is_none());
    frames
}

fn parts(frame: &[u8]) -> Result<Vec<SeriesPart>, WireError> {
    let mut reader = SeriesFrameReader::new(frame)?;
    let mut parts = Vec::new();
    while let Some(part) = reader.next_series()? {
        parts.push(part);
    }
    Ok(parts)
}

/// The series of all frames, those in parts put together.
fn joined(frames: &[Vec<u8>]) -> Vec<Told> {
    let mut all: Vec<Told> = Vec::new();
    let mut goes_on = false;
    for frame in frames {
        for part in parts(frame).expect("our own frame") {
            let (labels, chunks) = told(&part.labels, &part.chunks);
            match all.last_mut().filter(|_| goes_on) {
                Some(last) => {
                    assert_eq!(last.0, labels);
                    last.1.extend(chunks);
                }
                None => all.push((labels, chunks)),
            }
            goes_on = part.continues;
        }
    }
    assert!(!goes_on);
    all
}

fn labels() -> impl Strategy<Value = Labels> {
    prop::collection::btree_map("[a-c]{1,3}", "[x-z\u{e9}]{1,3}", 0..5)
        .prop_map(|pairs| Labels::from_pairs(pairs).expect("labels"))
}

fn chunk() -> impl Strategy<Value = ChunkPart> {
    let time = || prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX), 0..9i64];
    let bytes = prop::collection::vec(any::<u8>(), 0..40);
    (time(), time(), any::<u32>(), 0..4usize, bytes).prop_map(|(a, b, count, encoding, bytes)| {
        ChunkPart {
            min: a.min(b),
            max: a.max(b),
            count,
            encoding: ENCODINGS[encoding],
            bytes: bytes.into(),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn series_come_as_they_went(
        series in prop::collection::vec((labels(), prop::collection::vec(chunk(), 0..4)), 0..30),
    ) {
        let frames = frames(&series);
        prop_assert!(frames.len() <= 1);
        let went: Vec<Told> = series.iter().map(|(labels, chunks)| told(labels, chunks)).collect();
        prop_assert_eq!(joined(&frames), went);
    }
}

fn numbered(number: usize) -> Labels {
    let number = format!("{number:05}");
    Labels::from_pairs([("__name__", "up"), ("instance", &number), ("job", "node")])
        .expect("labels")
}

fn sized(bytes: usize, number: i64) -> ChunkPart {
    ChunkPart {
        min: number,
        max: number,
        count: 1,
        encoding: Encoding::Xor,
        bytes: vec![7; bytes].into(),
    }
}

#[test]
fn frames_are_bounded_and_a_long_series_goes_on_in_the_next() {
    let many = |number| (0..400).map(|at| sized(1_000 + number, at)).collect();
    let series: Vec<(Labels, Vec<ChunkPart>)> = (0..3)
        .map(|number| (numbered(number), many(number)))
        .collect();
    let frames = frames(&series);
    assert!(frames.len() >= 4, "{}", frames.len());
    let most = SERIES_FRAME_BYTES + 2_000;
    assert!(frames.iter().all(|frame| frame.len() < most));
    let went: Vec<Told> = series
        .iter()
        .map(|(labels, chunks)| told(labels, chunks))
        .collect();
    assert_eq!(joined(&frames), went);

    let labels_only: Vec<_> = (0..70_000).map(|at| (numbered(at), Vec::new())).collect();
    let frames = self::frames(&labels_only);
    let bytes: usize = frames.iter().map(Vec::len).sum();
    assert!(bytes < 12 * labels_only.len(), "{bytes}");
    assert_eq!(joined(&frames).len(), labels_only.len());
}

#[test]
fn what_is_too_long_for_any_frame_is_refused() {
    let chunk = sized(SERIES_FRAME_BYTES_MAX, 1);
    let mut writer = SeriesFrameWriter::new();
    let refused = writer.push(&numbered(1), &[chunk], &mut |_| panic!("a frame"));
    assert!(matches!(refused, Err(WireError::TooLarge { .. })));
    assert!(writer.finish().is_none());
    let long = vec![1; SERIES_FRAME_BYTES_MAX + 1];
    assert!(matches!(parts(&long), Err(WireError::TooLarge { .. })));
}

fn small_frame() -> Vec<u8> {
    let series = [
        (numbered(1), vec![sized(3, -5), sized(4, 12)]),
        (numbered(2), Vec::new()),
        (Labels::default(), vec![sized(0, 1 << 40)]),
    ];
    frames(&series).remove(0)
}

#[test]
fn a_flipped_or_missing_byte_is_an_error() {
    let frame = small_frame();
    assert_eq!(parts(&frame).expect("ours").len(), 3);
    for bit in 0..frame.len() * 8 {
        let mut damaged = frame.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(parts(&damaged).is_err(), "{bit}");
    }
    for len in 0..frame.len() {
        assert!(parts(&frame[..len]).is_err(), "{len}");
    }
}

#[test]
fn a_flipped_bit_below_a_right_checksum_is_an_error_or_another_frame() {
    let frame = small_frame();
    let (mut errors, mut others) = (0, 0);
    for bit in 0..(frame.len() - 4) * 8 {
        let mut damaged = frame.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let end = damaged.len() - 4;
        let crc = tsdb_core::bits::crc32c(&damaged[..end]).to_le_bytes();
        damaged[end..].copy_from_slice(&crc);
        match parts(&damaged) {
            Ok(_) => others += 1,
            Err(_) => errors += 1,
        }
    }
    assert!(errors > 100 && others > 100, "{errors} {others}");
}
