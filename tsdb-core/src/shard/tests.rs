//! Rows of blocks whose series memory has forgotten, or knows under another id.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::{Exemplars, GenerationBuffers, Head, Live, Names, SelectLimits, SeriesLimits};
use crate::block::{BlockHeader, BlockReader, BlockWriter, Sealing};
use crate::index::MemIndex;
use crate::model::{
    BlockId, FingerprintKey, Generation, Labels, Matcher, NamespaceId, ProtocolRules, RowKey,
    SeriesId, ShardId, TimeRange, Window,
};
use crate::series::Registry;
use crate::vfs::{MemVfs, OpenMode, Vfs};

mod readers;

const WINDOW_MS: i64 = 1000;

fn labels(host: &str) -> Labels {
    Labels::from_pairs([("__name__", "up"), ("host", host)]).unwrap()
}

/// A block of the window that begins at `start`, with a row of ten samples for each series.
fn block(vfs: &MemVfs, id: u64, start: i64, rows: &[(u64, &str)]) -> Arc<BlockReader> {
    let name = format!("{id}.block");
    let path = Path::new(&name);
    let header = BlockHeader {
        namespace: NamespaceId(0),
        id: BlockId(id),
        first_generation: Generation(1),
        last_generation: Generation(1),
        window: Window::of(start, WINDOW_MS),
    };
    let file = vfs.create(path).unwrap();
    let mut writer = BlockWriter::create(path, file, header, Sealing::Fresh).unwrap();
    for &(series, host) in rows {
        let times: Vec<i64> = (0..10).map(|at| start + at * 10).collect();
        let values: Vec<f64> = (0..10).map(|at| f64::from(at) + series as f64).collect();
        let key = RowKey::new(ShardId(0), SeriesId(series));
        writer.row(key, &labels(host), &times, &values).unwrap();
    }
    writer.finish().unwrap().unwrap();
    Arc::new(BlockReader::open(path, vfs.open(path, OpenMode::Read).unwrap()).unwrap())
}

/// Memory knows "b" by the id it always had, "c" under a new one, and "d" alone; it has forgotten
/// "a" and "e". The second block has "a" under two ids, with the same timestamps.
fn head() -> Arc<Head> {
    let vfs = MemVfs::new();
    let key = FingerprintKey::new([3; 16]);
    let mut names = Names {
        registry: Registry::new(),
        index: MemIndex::new(),
    };
    for (id, host) in [(2, "b"), (30, "c"), (31, "d")] {
        let labels = labels(host);
        let fingerprint = key.of(
            crate::model::FingerprintDomain::Canonical,
            labels.as_bytes(),
        );
        Head::define(&mut names, fingerprint, SeriesId(id), &labels).unwrap();
    }
    let open = GenerationBuffers::new(Generation(5), WINDOW_MS);
    let mut stripes = open.lock_all();
    for slot in 0..3 {
        stripes.append(slot, 2005, f64::from(slot).to_bits(), true);
    }
    drop(stripes);
    let live = Live {
        blocks: vec![
            block(&vfs, 1, 0, &[(1, "a"), (2, "b"), (3, "c"), (4, "e")]),
            block(&vfs, 2, 1000, &[(1, "a"), (3, "c"), (7, "a")]),
        ],
        runs: Vec::new(),
        generations: vec![Arc::new(open)],
        ..Live::default()
    };
    let settings = (key, SeriesLimits::default(), ProtocolRules::default());
    let head = Head::new(
        NamespaceId(0),
        settings,
        names,
        BTreeMap::new(),
        (live, None, Arc::new(Exemplars::none())),
    );
    Arc::new(head)
}

/// Host and samples of each series that is found.
fn select(range: TimeRange, matchers: &[Matcher]) -> Vec<(String, Vec<(i64, f64)>)> {
    let set = head().select(range, matchers, SelectLimits::default());
    set.unwrap()
        .map(|series| {
            let series = series.unwrap();
            let samples = series.samples().map(|s| (s.timestamp, s.value)).collect();
            (series.labels().get("host").unwrap().to_owned(), samples)
        })
        .collect()
}

fn ten(start: i64, series: f64) -> Vec<(i64, f64)> {
    (0..10)
        .map(|at| (start + at * 10, at as f64 + series))
        .collect()
}

#[test]
fn rows_are_joined_by_labels_whatever_their_ids() {
    let found = select(TimeRange::ALL, &[]);
    let expected = vec![
        // Of two values at one time the larger bits.
        ("a".to_owned(), [ten(0, 1.0), ten(1000, 7.0)].concat()),
        ("b".to_owned(), [ten(0, 2.0), vec![(2005, 0.0)]].concat()),
        (
            "c".to_owned(),
            [ten(0, 3.0), ten(1000, 3.0), vec![(2005, 1.0)]].concat(),
        ),
        ("d".to_owned(), vec![(2005, 2.0)]),
        ("e".to_owned(), ten(0, 4.0)),
    ];
    assert_eq!(found, expected);
    let range = TimeRange::inclusive(1050, 2010).unwrap();
    let hosts = Matcher::regex("host", "[a-c]").unwrap();
    let found = select(range, &[hosts]);
    let later = |series| ten(1000, series)[5..].to_vec();
    let expected = vec![
        ("a".to_owned(), later(7.0)),
        ("b".to_owned(), vec![(2005, 0.0)]),
        ("c".to_owned(), [later(3.0), vec![(2005, 1.0)]].concat()),
    ];
    assert_eq!(found, expected);
}

#[test]
fn chunks_hold_the_same_samples() {
    let mut set = head()
        .select(TimeRange::ALL, &[], SelectLimits::default())
        .unwrap();
    for (host, samples) in select(TimeRange::ALL, &[]) {
        let series = set.next_chunks().unwrap().unwrap();
        assert_eq!(series.labels.get("host"), Some(&*host));
        let mut found = Vec::new();
        for chunk in &series.chunks {
            let from = found.len();
            let iter = crate::chunk::ChunkIter::new(&chunk.bytes).unwrap();
            found.extend(iter.map(|sample| {
                let sample = sample.unwrap();
                (sample.timestamp, sample.value)
            }));
            assert_eq!(
                (chunk.min, chunk.max),
                (found[from].0, found[found.len() - 1].0)
            );
        }
        assert_eq!(found, samples);
    }
    assert!(set.next_chunks().unwrap().is_none());
}

#[test]
fn names_and_values_come_from_blocks_too() {
    let head = head();
    let hosts = |range, matchers: &[Matcher], limit| {
        let found = head.label_values("host", range, matchers, limit).unwrap();
        (found.values.iter().collect::<String>(), found.truncated)
    };
    assert_eq!(hosts(TimeRange::ALL, &[], 10), ("abcde".to_owned(), false));
    assert_eq!(hosts(TimeRange::ALL, &[], 3), ("abc".to_owned(), true));
    let late = TimeRange::inclusive(1050, 1990).unwrap();
    assert_eq!(hosts(late, &[], 10), ("ac".to_owned(), false));
    let not_a = [Matcher::not_equal("host", "a")];
    assert_eq!(hosts(late, &not_a, 10), ("c".to_owned(), false));
    let series = |range, limit| {
        let found = head.series(range, &[], limit).unwrap();
        let hosts: Vec<_> = found
            .values
            .iter()
            .map(|one| one.get("host").unwrap())
            .collect();
        (hosts.concat(), found.truncated)
    };
    assert_eq!(series(TimeRange::ALL, 10), ("abcde".to_owned(), false));
    assert_eq!(series(late, 10), ("ac".to_owned(), false));
    assert_eq!(
        series(TimeRange::inclusive(0, 2100).unwrap(), 4),
        ("abcd".to_owned(), true)
    );
    let found = head.label_names(late, &[], 10).unwrap();
    assert_eq!(found.values, ["__name__", "host"]);
    let three = SelectLimits {
        series: 4,
        ..SelectLimits::default()
    };
    assert!(head.select(TimeRange::ALL, &[], three).is_err());
}
