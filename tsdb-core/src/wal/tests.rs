//! The log: frames round trip, torn ends are told from corruption, commits keep their order.

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;

mod rows;
mod spans;

use super::*;
use crate::clock::{Clock, ManualClock};
use crate::model::{
    Generation, MatchOp, MatcherText, NamespaceId, ProtocolRules, SeriesId, ShardId, TimeRange,
    Tombstone,
};
use crate::vfs::{MemVfs, OpenMode, Vfs, read_to_end, write_all_at};

#[derive(Debug)]
struct NoDefinitions;

impl BeforeFrames for NoDefinitions {
    fn sync_definitions(&self) -> Result<(), WalError> {
        Ok(())
    }
}

const GOLDEN: &[u8] = include_bytes!("../../tests/testdata/v1/small.log");

#[test]
fn the_golden_log_is_written_and_read() {
    let bytes = log_of(&Arc::new(MemVfs::new()), 4);
    assert!(
        bytes == GOLDEN,
        "the log format has changed: raise its version instead"
    );
}

/// Writes the golden file of a new version; refuses to touch one that is there.
#[test]
#[ignore = "run by hand once for each version of the format"]
fn write_the_golden_log() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/testdata/v1");
    let vfs = crate::vfs::OsVfs::new(folder);
    let file = vfs.create(Path::new("small.log")).unwrap();
    write_all_at(&*file, &log_of(&Arc::new(MemVfs::new()), 4), 0).unwrap();
}

/// As [`write_the_golden_log`], of the log that begins with a delete.
#[test]
#[ignore = "run by hand once for each version of the format"]
fn write_the_golden_delete() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/testdata/v1");
    let vfs = crate::vfs::OsVfs::new(folder);
    let file = vfs.create(Path::new("delete.log")).unwrap();
    write_all_at(&*file, &log_with_delete(), 0).unwrap();
}

const GOLDEN_DELETE: &[u8] = include_bytes!("../../tests/testdata/v1/delete.log");

fn delete_frame(generation: u64) -> DeleteFrame {
    let matcher = |op, name: &str, value: &str| MatcherText {
        op,
        name: name.to_owned(),
        value: value.to_owned(),
    };
    DeleteFrame {
        namespace: NamespaceId(3),
        epoch: 0,
        delete_seen: Generation(0),
        tombstone: Tombstone {
            generation: Generation(generation),
            range: TimeRange::inclusive(-5, 1_700_000_000_000).unwrap(),
            matchers: vec![
                matcher(MatchOp::Equal, "__name__", "up"),
                matcher(MatchOp::NotRegex, "h\u{f6}st", "a.*|b"),
            ],
        },
    }
}

/// A log that begins with a delete, and goes on with a sample whose writer had seen it.
fn log_with_delete() -> Vec<u8> {
    let vfs = Arc::new(MemVfs::new());
    let log = log_in(&vfs);
    let mut encoder = SampleFrameEncoder::new();
    encoder.start(5);
    encoder.saw_delete(Generation(1));
    encoder.push(Row {
        series: SeriesId(1),
        timestamp: 5,
        value: Some(7),
    });
    let mut sample = vec![0; FRAME_STAMP_BYTES];
    encoder.finish(NamespaceId(3), ShardId(0), &mut sample);
    for frame in [delete_frame(1).encode(), sample] {
        log.reserve(frame.len() as u64).unwrap();
        let ticket = log.enqueue(&frame, frame.len() as u64, Ack::Always);
        ticket.wait().unwrap();
    }
    let file = vfs.open(&log_path(Generation(1)), OpenMode::Read).unwrap();
    read_to_end(&*file).unwrap()
}

#[test]
fn the_golden_delete_is_written_and_read() {
    assert!(
        log_with_delete() == GOLDEN_DELETE,
        "the log format has changed: raise its version instead"
    );
    let payload = |bytes: &[u8], at: usize| {
        let (stamp, _) = FrameStamp::parse(&bytes[at..]).unwrap();
        let from = at + FRAME_STAMP_BYTES;
        bytes[from..from + stamp.payload_len as usize].to_vec()
    };
    let delete = payload(GOLDEN_DELETE, LOG_HEADER_BYTES);
    assert_eq!(DeleteFrame::decode(&delete).unwrap(), delete_frame(1));
    let next = LOG_HEADER_BYTES + FRAME_STAMP_BYTES + delete.len();
    let sample = payload(GOLDEN_DELETE, next);
    let seen = SampleFrame::decode(&sample).unwrap().head.delete_seen;
    assert_eq!(seen, Generation(1));
}

#[test]
fn a_delete_of_shards_is_framed_as_any_other() {
    let mut frame = delete_frame(9);
    let shards = |name: &str| MatcherText {
        op: MatchOp::Shards,
        name: name.to_owned(),
        value: "0-3,17 of 64".to_owned(),
    };
    frame.tombstone.matchers.push(shards(""));
    let bytes = frame.encode();
    assert!(bytes.ends_with(b"\x04\0\0\0\0\x0c\0\0\x000-3,17 of 64"));
    assert_eq!(
        DeleteFrame::decode(&bytes[FRAME_STAMP_BYTES..]),
        Ok(frame.clone())
    );
    frame.tombstone.matchers.push(shards("host"));
    DeleteFrame::decode(&frame.encode()[FRAME_STAMP_BYTES..]).unwrap_err();
}

#[test]
fn a_delete_with_a_flipped_bit_is_another_one_or_none() {
    let frame = delete_frame(9).encode();
    let payload = &frame[FRAME_STAMP_BYTES..];
    for bit in 0..payload.len() * 8 {
        let mut bad = payload.to_vec();
        bad[bit / 8] ^= 1 << (bit % 8);
        if let Ok(read) = DeleteFrame::decode(&bad) {
            assert_ne!(read, delete_frame(9), "bit {bit}");
        }
    }
    for len in 0..payload.len() {
        DeleteFrame::decode(&payload[..len]).unwrap_err();
    }
    DeleteFrame::decode(&[payload, &[0]].concat()).unwrap_err();
    let mut later = delete_frame(9);
    later.delete_seen = Generation(9);
    DeleteFrame::decode(&later.encode()[FRAME_STAMP_BYTES..]).unwrap_err();
}

fn frame_of(rows: &[Row]) -> Vec<u8> {
    let mut encoder = SampleFrameEncoder::new();
    encoder.start(rows.first().map_or(0, |row| row.timestamp));
    rows.iter().for_each(|row| encoder.push(*row));
    let mut frame = vec![0; FRAME_STAMP_BYTES];
    encoder.finish(NamespaceId(3), ShardId(7), &mut frame);
    frame
}

fn rows_of(payload: &[u8]) -> Vec<Row> {
    let frame = SampleFrame::decode(payload).unwrap();
    assert_eq!(
        (frame.head.namespace, frame.head.shard),
        (NamespaceId(3), ShardId(7))
    );
    let mut rows = frame.rows();
    std::iter::from_fn(|| rows.next_row().unwrap()).collect()
}

fn any_row() -> impl Strategy<Value = Row> {
    let id = prop_oneof![0..20u64, any::<u64>()];
    let timestamp = prop_oneof![1_000_000..1_000_100i64, any::<i64>()];
    (id, timestamp, any::<Option<u64>>()).prop_map(|(id, timestamp, value)| Row {
        series: SeriesId(id),
        timestamp,
        value,
    })
}

proptest! {
    #[test]
    fn frame_round_trips(rows in proptest::collection::vec(any_row(), 0..200)) {
        let frame = frame_of(&rows);
        prop_assert!(frame.len() as u64 <= SampleFrameEncoder::bytes_at_most(rows.len()));
        prop_assert_eq!(rows_of(&frame[FRAME_STAMP_BYTES..]), rows);
    }

    #[test]
    fn decoding_is_total(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(frame) = SampleFrame::decode(&bytes) {
            let mut rows = frame.rows();
            while let Ok(Some(_)) = rows.next_row() {}
        }
    }
}

/// A log of `frames` frames in as many commits, closed at its end.
fn log_of(vfs: &Arc<MemVfs>, frames: u64) -> Vec<u8> {
    let log = log_in(vfs);
    for number in 0..frames {
        let row = Row {
            series: SeriesId(number),
            timestamp: 5,
            value: Some(number),
        };
        let frame = frame_of(&[row]);
        log.reserve(frame.len() as u64).unwrap();
        log.enqueue(&frame, frame.len() as u64, Ack::Always)
            .wait()
            .unwrap();
    }
    let file = vfs.open(&log_path(Generation(1)), OpenMode::Read).unwrap();
    read_to_end(&*file).unwrap()
}

/// A fresh log of the first generation.
fn log_in(vfs: &Arc<MemVfs>) -> Arc<CommitLog> {
    vfs.create_dir(Path::new("wal")).unwrap();
    let rules = ProtocolRules::default();
    let file = LogFile::prepare(&**vfs, Generation(1)).unwrap();
    file.begin(&**vfs, 1, &rules).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(1000));
    Arc::new(CommitLog::new(
        file,
        0,
        Arc::new(NoDefinitions),
        clock,
        rules,
    ))
}

fn read_ids(vfs: &MemVfs) -> Result<(Vec<u64>, Option<Torn>), WalError> {
    let mut reader = LogReader::open(vfs, Generation(1))?;
    let mut ids = Vec::new();
    loop {
        match reader.next_frame()? {
            Ok(Some(frame)) => ids.extend(rows_of(frame.payload).iter().map(|row| row.series.0)),
            Ok(None) => return Ok((ids, None)),
            Err(torn) => return Ok((ids, Some(torn))),
        }
    }
}

#[test]
fn every_bit_flipped_is_seen_and_names_the_place() {
    let vfs = Arc::new(MemVfs::new());
    let bytes = log_of(&vfs, 4);
    let file = vfs
        .open(&log_path(Generation(1)), OpenMode::ReadWrite)
        .unwrap();
    for bit in 0..bytes.len() * 8 {
        let byte = [bytes[bit / 8] ^ 1 << (bit % 8)];
        write_all_at(&*file, &byte, (bit / 8) as u64).unwrap();
        match read_ids(&vfs) {
            Err(WalError::Corrupt { path, offset, .. }) => {
                assert!(
                    bit / 8 < LOG_HEADER_BYTES,
                    "bit {bit} called corrupt at {offset}"
                );
                assert_eq!(path, log_path(Generation(1)));
            }
            Err(other) => panic!("bit {bit}: {other}"),
            Ok((ids, torn)) => {
                let torn = torn.unwrap_or_else(|| panic!("bit {bit} was not seen"));
                assert!(torn.offset <= (bit / 8) as u64 && bit / 8 >= LOG_HEADER_BYTES);
                assert_eq!(ids, (0..ids.len() as u64).collect::<Vec<_>>());
                let last = ids.len() as u64;
                let behind = first_valid_frame(&*vfs, Generation(1), torn.offset, last).unwrap();
                // Each frame says that those before it were synced: only the last may be torn.
                let claimed = behind.is_some_and(|(_, synced)| synced > last);
                assert_eq!(claimed, last + 1 < 4, "bit {bit}, {last} frames read");
            }
        }
        write_all_at(&*file, &bytes[bit / 8..=bit / 8], (bit / 8) as u64).unwrap();
    }
    assert_eq!(read_ids(&vfs).unwrap(), (vec![0, 1, 2, 3], None));
}

#[test]
fn a_log_cut_anywhere_is_torn_or_whole() {
    let vfs = Arc::new(MemVfs::new());
    let bytes = log_of(&vfs, 3);
    let file = vfs
        .open(&log_path(Generation(1)), OpenMode::ReadWrite)
        .unwrap();
    for len in (LOG_HEADER_BYTES..bytes.len()).rev() {
        file.set_len(len as u64).unwrap();
        let (ids, torn) = read_ids(&vfs).unwrap();
        assert!(ids.len() < 3);
        let whole = (bytes.len() - LOG_HEADER_BYTES) / 3;
        assert_eq!(
            torn.is_none(),
            (len - LOG_HEADER_BYTES).is_multiple_of(whole),
            "cut at {len}"
        );
    }
}

#[test]
fn tickets_call_back_once_a_commit_is_led() {
    let vfs = Arc::new(MemVfs::new());
    vfs.create_dir(Path::new("wal")).unwrap();
    let rules = ProtocolRules::default();
    let file = LogFile::prepare(&*vfs, Generation(1)).unwrap();
    file.begin(&*vfs, 1, &rules).unwrap();
    let clock = Arc::new(ManualClock::new(1000));
    let log = Arc::new(CommitLog::new(
        file,
        0,
        Arc::new(NoDefinitions),
        clock,
        rules,
    ));
    let (told, heard) = std::sync::mpsc::channel();
    for number in 0..3 {
        let frame = frame_of(&[Row {
            series: SeriesId(number),
            timestamp: 5,
            value: Some(1),
        }]);
        log.reserve(frame.len() as u64).unwrap();
        let ticket = log.enqueue(&frame, frame.len() as u64, Ack::Always);
        assert!(!ticket.is_done());
        let told = told.clone();
        ticket.on_commit(move |done| told.send((number, done.is_ok())).unwrap());
    }
    assert!(heard.try_recv().is_err());
    log.commit().unwrap();
    let all: Vec<_> = heard.try_iter().collect();
    assert_eq!(all, [(0, true), (1, true), (2, true)]);
    assert_eq!(
        log.stats(),
        LogStats {
            commits: 1,
            frames: 3,
            bytes: log.stats().bytes,
            syncs: 1
        }
    );
    assert!(!log.wait_for_work(std::time::Duration::ZERO));
}
