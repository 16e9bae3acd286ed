//! Frames of histograms and of exemplars.

use super::*;
use crate::model::Labels;

/// Series, time and bytes.
type WrittenHistograms = Vec<(u64, i64, Vec<u8>)>;

fn histogram_frame() -> (WrittenHistograms, Vec<u8>) {
    let rows: WrittenHistograms = (0..20u8)
        .map(|at| {
            (
                u64::from(at % 3),
                1_000 - i64::from(at),
                vec![at; usize::from(at % 5)],
            )
        })
        .collect();
    let mut encoder = HistogramFrameEncoder::default();
    encoder.start(1_000);
    encoder.saw_delete(Generation(7));
    for (series, timestamp, bytes) in &rows {
        let (series, timestamp) = (SeriesId(*series), *timestamp);
        encoder.push(HistogramRow {
            series,
            timestamp,
            bytes,
        });
    }
    let mut frame = vec![0; FRAME_STAMP_BYTES];
    encoder.finish(NamespaceId(3), ShardId(7), &mut frame);
    let bytes = rows.iter().map(|row| row.2.len()).sum();
    assert!(frame.len() as u64 <= HistogramFrameEncoder::bytes_at_most(rows.len(), bytes));
    (rows, frame.split_off(FRAME_STAMP_BYTES))
}

#[test]
fn a_frame_of_histograms_comes_back() {
    let (rows, payload) = histogram_frame();
    let frame = HistogramFrame::decode(&payload).unwrap();
    assert_eq!(
        (frame.head.namespace, frame.head.shard),
        (NamespaceId(3), ShardId(7))
    );
    assert_eq!(
        (frame.head.delete_seen, frame.head.rows),
        (Generation(7), 20)
    );
    let mut found = frame.rows();
    for (series, timestamp, bytes) in &rows {
        let row = found.next_row().unwrap().unwrap();
        assert_eq!(
            (row.series.0, row.timestamp, row.bytes),
            (*series, *timestamp, &bytes[..])
        );
    }
    assert_eq!(found.next_row(), Ok(None));
    assert!(SampleFrame::decode(&payload).is_err());
}

#[test]
fn every_flipped_bit_of_a_frame_of_histograms_is_survived() {
    let (_, payload) = histogram_frame();
    for bit in 0..payload.len() * 8 {
        let mut damaged = payload.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let Ok(frame) = HistogramFrame::decode(&damaged) else {
            continue;
        };
        let (mut rows, mut count) = (frame.rows(), 0);
        while let Ok(Some(row)) = rows.next_row() {
            count += 1;
            assert!(row.bytes.len() <= damaged.len() && count <= damaged.len());
        }
    }
}

/// Series, time, bits of the value and labels.
type WrittenExemplars = Vec<(u64, i64, u64, Vec<u8>)>;

fn exemplar_frame() -> (WrittenExemplars, Vec<u8>) {
    let rows: WrittenExemplars = (0..20u8)
        .map(|at| {
            let trace = "t".repeat(usize::from(at % 7));
            let labels = Labels::from_pairs([("trace_id", &trace)]).unwrap();
            let bits = f64::from(at % 4).to_bits() | u64::from(at);
            let labels = labels.as_bytes().to_vec();
            (u64::from(at % 3), 1_000 - i64::from(at), bits, labels)
        })
        .collect();
    let mut encoder = ExemplarFrameEncoder::default();
    encoder.start(1_000, 70_000);
    encoder.saw_delete(Generation(7));
    for (series, timestamp, bits, labels) in &rows {
        encoder.push(ExemplarRow {
            series: SeriesId(*series),
            timestamp: *timestamp,
            bits: *bits,
            labels,
        });
    }
    let mut frame = vec![0; FRAME_STAMP_BYTES];
    encoder.finish(NamespaceId(3), ShardId(7), &mut frame);
    let bytes = rows.iter().map(|row| row.3.len()).sum();
    assert!(frame.len() as u64 <= ExemplarFrameEncoder::bytes_at_most(rows.len(), bytes));
    (rows, frame.split_off(FRAME_STAMP_BYTES))
}

#[test]
fn a_frame_of_exemplars_comes_back_in_bytes_that_never_change() {
    let (rows, payload) = exemplar_frame();
    assert!(payload == include_bytes!("../../../tests/testdata/v1/exemplars.frame"));
    let frame = ExemplarFrame::decode(&payload).unwrap();
    let head = frame.head;
    assert_eq!((head.namespace, head.shard), (NamespaceId(3), ShardId(7)));
    assert_eq!((head.delete_seen, head.rows), (Generation(7), 20));
    assert_eq!(frame.first_arrival, 70_000);
    let mut found = frame.rows();
    for (series, timestamp, bits, labels) in &rows {
        let row = found.next_row().unwrap().unwrap();
        assert_eq!((row.series.0, row.timestamp), (*series, *timestamp));
        assert_eq!((row.bits, row.labels), (*bits, &labels[..]));
    }
    assert_eq!(found.next_row(), Ok(None));
    assert!(SampleFrame::decode(&payload).is_err());
    assert!(HistogramFrame::decode(&payload).is_err());
}

/// Writes the golden file of a new version; refuses to touch one that is there.
#[test]
#[ignore = "run by hand once for each version of the format"]
fn write_golden_files() {
    use crate::vfs::{OsVfs, Vfs, write_all_at};
    let to = OsVfs::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/testdata/v1"));
    let file = to.create(Path::new("exemplars.frame")).unwrap();
    write_all_at(&*file, &exemplar_frame().1, 0).unwrap();
}

#[test]
fn every_flipped_bit_and_every_cut_of_a_frame_of_exemplars_is_survived() {
    let (_, payload) = exemplar_frame();
    let count = |damaged: &[u8]| {
        let Ok(frame) = ExemplarFrame::decode(damaged) else {
            return;
        };
        let (mut rows, mut count) = (frame.rows(), 0);
        while let Ok(Some(row)) = rows.next_row() {
            count += 1;
            assert!(row.labels.len() <= damaged.len() && count <= damaged.len());
        }
    };
    for bit in 0..payload.len() * 8 {
        let mut damaged = payload.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        count(&damaged);
    }
    (0..payload.len()).for_each(|len| count(&payload[..len]));
}
