//! Every file of a data folder, edited behind its checksums, and the folder opened with it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use tsdb_core::bits::DecodeError;
use tsdb_core::block::{BlockPart, BlockReader, BlockScan, RowSpace};
use tsdb_core::clock::ManualClock;
use tsdb_core::manifest::{BackupFile, BackupManifest, Catalog, DataFormat, FileSums, Manifest};
use tsdb_core::model::{FingerprintKey, Generation, RowKey, SeriesId, ShardId};
use tsdb_core::run::{RunPart, RunReader};
use tsdb_core::series::{
    SERIES_HEADER_BYTES, SeriesImage, SeriesRecord, decode_header, read_series_file, record_at,
    salvage_series,
};
use tsdb_core::vfs::{MemVfs, OpenMode, Vfs, read_to_end, write_all_at};
use tsdb_core::wal::{
    DeleteFrame, ExemplarFrame, FRAME_STAMP_BYTES, HistogramFrame, LogReader, SampleFrame,
};
use tsdb_core::{
    BucketSpan, Db, DbOptions, Histogram, HistogramCounts, Labels, Matcher, Sample, TimeRange,
    WriteBatch,
};

use crate::Input;
use crate::sealed::Sealed;

const NOW_MS: i64 = 1_700_000_000_000;

fn options() -> DbOptions {
    DbOptions {
        fingerprint_key: Some([7; 16]),
        log_cap_bytes: 1 << 20,
        ..Default::default()
    }
}

fn open(vfs: Arc<dyn Vfs>) -> Result<Db, tsdb_core::Error> {
    Db::open_with(vfs, Arc::new(ManualClock::new(NOW_MS)), options())
}

fn put(vfs: &dyn Vfs, path: &Path, bytes: &[u8]) {
    let mut folder = PathBuf::new();
    for part in path.parent().into_iter().flat_map(Path::components) {
        folder.push(part);
        vfs.create_dir(&folder).expect("a folder in memory");
    }
    let file = vfs.create(path).expect("a file in memory");
    write_all_at(&*file, bytes, 0).expect("writing to memory");
}

/// A float, or where the number says so a histogram.
fn put_sample<'l>(batch: &mut WriteBatch<'l>, labels: &'l Labels, timestamp: i64, number: i64) {
    if number % 3 != 2 {
        return batch.push(labels, Sample::new(timestamp, number as f64 / 8.0));
    }
    let histogram = Histogram {
        sum: number as f64,
        positive_spans: vec![BucketSpan {
            offset: 1,
            length: 2,
        }],
        counts: HistogramCounts::Integer {
            count: 6,
            zero_count: 1,
            positive: vec![2, 1],
            negative: Vec::new(),
        },
        ..Histogram::default()
    };
    batch.push_histogram(labels, timestamp, histogram);
}

/// The files of a small data folder: some samples in a run, some only in the log; two deletes; two
/// documents.
static FOLDER: LazyLock<BTreeMap<PathBuf, Sealed>> = LazyLock::new(|| {
    let vfs: Arc<dyn Vfs> = Arc::new(MemVfs::new());
    let db = open(Arc::clone(&vfs)).expect("a new folder");
    let write = |from: i64| {
        let labels: Vec<Labels> = ["a", "b", "c"]
            .iter()
            .map(|host| Labels::from_pairs([("__name__", "up"), ("host", host)]).expect("labels"))
            .collect();
        let mut batch = WriteBatch::new();
        for (number, labels) in (0..).zip(&labels) {
            for step in 0..4 {
                let timestamp = NOW_MS - 9_000_000 + (from + step) * 1_000_000 + number;
                put_sample(&mut batch, labels, timestamp, step * number);
            }
        }
        db.default_namespace().write(&batch).expect("a write");
    };
    let delete = |step: i64, matcher: Matcher| {
        let from = NOW_MS - 9_000_000 + step * 1_000_000;
        let range = TimeRange::new(from, from + 10).expect("a range");
        let deleted = db.default_namespace().delete(range, &[matcher]);
        assert_eq!(deleted.expect("a delete").series, 1);
    };
    write(0);
    // One delete that the manifest lists, and one that only the log has.
    delete(1, Matcher::equal("host", "b"));
    db.flush().expect("a flush");
    delete(2, Matcher::regex("host", "c|x").expect("a pattern"));
    write(5);
    for (name, bytes) in [
        ("registry", &b"{\"default\":{}}"[..]),
        ("placement", &[0, 255]),
    ] {
        let put = db.put_document(name, None, bytes);
        put.expect("a document");
    }
    let mut files = BTreeMap::new();
    read_folder(&*vfs, Path::new(""), &mut files);
    // The database is not closed: that would flush and leave no log.
    std::mem::forget(db);
    files
});

fn read_folder(vfs: &dyn Vfs, folder: &Path, files: &mut BTreeMap<PathBuf, Sealed>) {
    for name in vfs.list(folder).expect("listing memory") {
        let path = folder.join(name);
        match vfs.open(&path, OpenMode::Read) {
            Ok(file) if path != Path::new("LOCK") => {
                let bytes = read_to_end(&*file).expect("reading memory");
                files.insert(path, Sealed::new(bytes));
            }
            Ok(_) => {}
            Err(_) => read_folder(vfs, &path, files),
        }
    }
}

/// Path and file of the folder that `is` describes.
fn find(is: impl Fn(&str) -> bool) -> (&'static PathBuf, &'static Sealed) {
    let found = FOLDER.iter().rfind(|(path, _)| is(&path.to_string_lossy()));
    found.unwrap_or_else(|| panic!("no such file among {:?}", FOLDER.keys()))
}

/// The file at `path` with edits; `sound` when they changed nothing.
struct Edited {
    path: &'static Path,
    bytes: Vec<u8>,
    sound: bool,
}

impl Edited {
    fn new(is: impl Fn(&str) -> bool, input: &[u8]) -> Self {
        let (path, sealed) = find(is);
        let bytes = sealed.edit(&mut Input::new(input));
        let sound = sealed.is_sound(&bytes);
        Self { path, bytes, sound }
    }

    /// The value, or nothing if the file was edited.
    fn accept<T, E: std::fmt::Display>(&self, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) if self.sound => panic!("{}: {error}", self.path.display()),
            Err(_) => None,
        }
    }
}

/// The log reads to its end or to a torn frame, and each frame decodes or says why not.
pub(crate) fn log_replay(input: &[u8]) {
    let log = Edited::new(|path| path.starts_with("wal"), input);
    let vfs = MemVfs::new();
    put(&vfs, log.path, &log.bytes);
    let stem = log.path.file_stem().and_then(|stem| stem.to_str());
    let number = stem.and_then(|stem| stem.parse().ok()).expect("a number");
    let Some(mut reader) = log.accept(LogReader::open(&vfs, Generation(number))) else {
        return;
    };
    let mut rows = 0;
    while let Ok(Ok(Some(frame))) = reader.next_frame() {
        rows += frame_rows(frame.payload);
    }
    // What comes behind a bad frame lies behind it, and is whole.
    let stopped = reader.offset();
    if let Ok(Some((offset, stamp))) = reader.resume() {
        assert!(!log.sound && offset >= stopped && stamp.lsn == reader.next_lsn());
        assert!(matches!(reader.next_frame(), Ok(Ok(Some(_)))));
    }
    assert!(
        !log.sound || rows == 12,
        "{rows} rows of the 12 behind the flush"
    );
}

/// Payloads as our own encoders write them, for the corpus: target and bytes.
#[must_use]
pub fn payloads() -> Vec<(&'static str, Vec<u8>)> {
    let (path, log) = find(|path| path.starts_with("wal"));
    let vfs = MemVfs::new();
    put(&vfs, path, log.bytes());
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    let number = stem.and_then(|stem| stem.parse().ok()).expect("a number");
    let mut reader = LogReader::open(&vfs, Generation(number)).expect("a sound log");
    let mut payloads = Vec::new();
    while let Ok(Ok(Some(frame))) = reader.next_frame() {
        payloads.push(("log_frame", frame.payload.to_vec()));
    }
    let (_, series) = find(|path| path.ends_with(".series"));
    let mut rest = series
        .bytes()
        .get(SERIES_HEADER_BYTES..)
        .unwrap_or_default();
    while let Some(payload) = record_at(rest) {
        payloads.push(("series_record", payload.to_vec()));
        rest = rest.get(8 + payload.len()..).unwrap_or_default();
    }
    payloads
}

/// The payload of a frame, whatever its bytes.
pub(crate) fn log_frame(input: &[u8]) {
    frame_rows(input);
}

fn frame_rows(payload: &[u8]) -> usize {
    let mut histograms = 0;
    if let Ok(frame) = HistogramFrame::decode(payload) {
        let mut rows = frame.rows();
        while let Ok(Some(row)) = rows.next_row() {
            histograms += 1;
            assert!(row.bytes.len() < payload.len() && histograms <= payload.len());
        }
        return histograms;
    }
    if let Ok(frame) = ExemplarFrame::decode(payload) {
        let (mut rows, mut count) = (frame.rows(), 0);
        while let Ok(Some(row)) = rows.next_row() {
            count += 1;
            assert!(row.labels.len() < payload.len() && count <= payload.len());
        }
        return count;
    }
    if let Ok(delete) = DeleteFrame::decode(payload) {
        let again = delete.encode();
        let decoded = DeleteFrame::decode(again.get(FRAME_STAMP_BYTES..).unwrap_or_default());
        assert_eq!(decoded.ok(), Some(delete));
        return 0;
    }
    let Ok(frame) = SampleFrame::decode(payload) else {
        return 0;
    };
    let mut rows = frame.rows();
    let mut count = 0;
    let whole = loop {
        match rows.next_row() {
            Ok(Some(_)) => count += 1,
            other => break other.is_ok(),
        }
        assert!(
            count <= payload.len() * 8,
            "more rows than the payload has bits for"
        );
    };
    let mut in_spans = 0;
    let cut = frame.spans(
        |series| Ok::<_, DecodeError>(((), 1 + series.0 % 300)),
        |(), span| in_spans += span.rows as usize,
    );
    assert_eq!(cut.is_ok(), whole, "rows and spans disagree");
    assert!(!whole || in_spans == count, "spans leave rows out");
    count
}

/// The records of a series file.
pub(crate) fn series_file(input: &[u8]) {
    let series = Edited::new(|path| path.ends_with(".series"), input);
    let vfs = MemVfs::new();
    put(&vfs, series.path, &series.bytes);
    let Some(header) = series.accept(decode_header(&series.bytes)) else {
        return;
    };
    let folder = series
        .path
        .components()
        .next()
        .expect("a folder")
        .as_os_str();
    let mut records = 0;
    let namespace = (Path::new(folder), header.namespace);
    let end = read_series_file(&vfs, namespace, header.number, &mut |_| {
        records += 1;
        Ok(())
    });
    let mut kept = 0;
    let salvaged = salvage_series(&series.bytes, &mut |_| kept += 1);
    if let Ok(end) = &end {
        assert!(kept >= records && salvaged.end >= end.end, "{salvaged:?}");
    }
    assert!(!series.sound || (kept == 3 && salvaged.lost.is_empty()));
    let mut ahead = 0;
    let image = SeriesImage::open(&vfs, namespace, header.number);
    let key = FingerprintKey::new([7; 16]);
    let again = image.and_then(|image| {
        image.read_ahead(None, (&key, 2), &mut |_| {
            ahead += 1;
            Ok(())
        })
    });
    assert_eq!((again.is_ok(), ahead), (end.is_ok(), records));
    if let Some(end) = series.accept(end) {
        assert_eq!(end.end + end.torn_bytes, series.bytes.len() as u64);
        assert!(!series.sound || records == 3);
    }
}

/// The payload of a series file's record, whatever its bytes.
pub(crate) fn series_record(input: &[u8]) {
    let mut symbols: Vec<Box<str>> = vec!["a".into(), "b".into()];
    let mut seen = 0;
    let read = tsdb_core::series::read_record(input, &mut symbols, &mut |record| {
        seen += 1;
        match record {
            SeriesRecord::Series(_, _, labels) => {
                assert_eq!(Labels::from_bytes(labels.as_bytes().into()), Ok(labels));
            }
            SeriesRecord::Metadata(_) => {}
        }
        Ok(())
    });
    assert!(read.is_err() || seen <= input.len());
}

/// A run opens and verifies, or names the place that is wrong.
pub(crate) fn run_open(input: &[u8]) {
    let edited = Edited::new(|path| path.ends_with(".run"), input);
    let vfs = MemVfs::new();
    put(&vfs, edited.path, &edited.bytes);
    let file = vfs
        .open(edited.path, OpenMode::Read)
        .expect("a file in memory");
    let Some(run) = edited.accept(RunReader::open(edited.path, file)) else {
        return;
    };
    let sections = run.sections().map_or(0, <[_]>::len);
    for section in 0..sections {
        let Ok(mut scan) = run.iter_section(section) else {
            continue;
        };
        while let Ok(true) = scan.advance() {
            let _ = scan
                .chunk()
                .map(|(_, bytes)| tsdb_core::chunk::sample_count(bytes));
        }
    }
    let Ok(rows) = run.ids(TimeRange::ALL) else {
        return;
    };
    for row in rows.into_iter().take(64) {
        for section in 0..sections {
            for chunk in run.chunks_of(section, row).unwrap_or_default() {
                let _ = run.read_chunk(&chunk);
            }
        }
    }
    let mut lost = 0;
    let salvaged = run.salvage(&mut |part| {
        lost += u64::from(matches!(part, RunPart::Lost(_)));
        Ok(())
    });
    let salvaged = salvaged.expect("nobody refuses");
    if let Some(totals) = edited.accept(run.verify()) {
        assert_eq!((lost, salvaged), (0, totals));
        assert!(!edited.sound || totals.samples == 12, "{totals:?}");
    }
}

/// A block of three series, as compaction makes it.
static BLOCK: LazyLock<(PathBuf, Sealed)> = LazyLock::new(|| {
    let vfs: Arc<dyn Vfs> = Arc::new(MemVfs::new());
    let db = open(Arc::clone(&vfs)).expect("a new folder");
    let mut batch = WriteBatch::new();
    let labels: Vec<Labels> = ["a", "b", "c"]
        .iter()
        .map(|host| Labels::from_pairs([("__name__", "up"), ("host", host)]).expect("labels"))
        .collect();
    for (number, labels) in (0..).zip(&labels) {
        for step in 0..20 {
            let timestamp = NOW_MS + step * 15_000 - 300_000;
            put_sample(&mut batch, labels, timestamp, step * number);
        }
    }
    db.default_namespace().write(&batch).expect("a write");
    db.compact().expect("a compaction");
    let folder = Path::new("default/blocks");
    let name = vfs.list(folder).expect("listing memory").remove(0);
    let path = folder.join(name);
    let file = vfs.open(&path, OpenMode::Read).expect("a file in memory");
    let bytes = read_to_end(&*file).expect("reading memory");
    (path, Sealed::new(bytes))
});

/// A block opens, finds, reads and verifies, or names the place that is wrong.
pub(crate) fn block_open(input: &[u8]) {
    let (path, sealed) = &*BLOCK;
    let bytes = sealed.edit(&mut Input::new(input));
    let sound = sealed.is_sound(&bytes);
    let edited = Edited { path, bytes, sound };
    let vfs = MemVfs::new();
    put(&vfs, path, &edited.bytes);
    let file = vfs.open(path, OpenMode::Read).expect("a file in memory");
    let Some(block) = edited.accept(BlockReader::open(path, file)) else {
        return;
    };
    let block = Arc::new(block);
    let rows: Vec<u32> = (0..block.meta().rows.min(64)).collect();
    let range = TimeRange::inclusive(NOW_MS - 150_000, NOW_MS).expect("a range");
    for range in [TimeRange::ALL, range] {
        let _ = block.keys(rows.iter().copied(), range, |_, _| {});
        let _ = block.read_rows(&rows, range, |_, timestamps, values| {
            assert_eq!(timestamps.len(), values.len());
            assert!(timestamps.is_sorted_by(|a, b| a < b));
            ControlFlow::Continue(())
        });
        let _ = block.newest(&mut RowSpace::default(), &rows, range, |_, newest| {
            assert!(newest.is_none_or(|newest| range.contains(newest.timestamp)));
        });
        let _ = block.read_histograms(&rows, range, |_, histograms| {
            assert!(histograms.is_sorted_by(|a, b| a.0 < b.0));
        });
    }
    let _ = block.matches(&[Matcher::equal("host", "b")]);
    let _ = block.find(RowKey::new(ShardId(0), SeriesId(2)));
    let mut values = Vec::new();
    if let Ok(mut scan) = BlockScan::new(Arc::clone(&block), RowKey::new(ShardId(0), SeriesId(0))) {
        while scan.key().is_some() && scan.read(&mut values).is_ok() && scan.advance().is_ok() {}
    }
    let mut lost = 0;
    let salvaged = block.salvage(&mut |part| {
        match part {
            BlockPart::Row(row) => assert!(row.samples.timestamps.is_sorted_by(|a, b| a < b)),
            BlockPart::Lost(_) => lost += 1,
        }
        Ok(())
    });
    let salvaged = salvaged.expect("nobody refuses");
    if let Some(totals) = edited.accept(block.verify()) {
        assert_eq!((lost, salvaged), (0, totals));
        assert!(!sound || totals.samples == 60, "{totals:?}");
    }
}

/// Manifest, catalog and format: what is accepted encodes to the same bytes.
pub(crate) fn manifest(input: &[u8]) {
    let file = Edited::new(|path| path.ends_with("MANIFEST"), input);
    if let Some(manifest) = file.accept(Manifest::decode(file.path, &file.bytes)) {
        assert_eq!(manifest.encode(), file.bytes);
    }
}

pub(crate) fn catalog(input: &[u8]) {
    let file = Edited::new(|path| path == "CATALOG", input);
    if let Some(catalog) = file.accept(Catalog::decode(file.path, &file.bytes)) {
        assert_eq!(catalog.encode(), file.bytes);
    }
}

pub(crate) fn data_format(input: &[u8]) {
    let file = Edited::new(|path| path == "FORMAT", input);
    if let Some(format) = file.accept(DataFormat::decode(file.path, &file.bytes)) {
        assert_eq!(format.encode(), file.bytes);
    }
}

/// A manifest of a backup of three files.
static BACKUP: LazyLock<(PathBuf, Sealed)> = LazyLock::new(|| {
    let file = |path: &str| BackupFile {
        path: path.to_owned(),
        len: 77,
        sums: FileSums {
            crc: 0x0102_0304,
            hash: 5,
        },
    };
    let manifest = BackupManifest {
        created_ms: NOW_MS,
        files: ["CATALOG", "FORMAT", "default/runs/0000000003.run"]
            .map(file)
            .to_vec(),
    };
    let sealed = Sealed::new(manifest.encode());
    (PathBuf::from("backups/a.backup"), sealed)
});

pub(crate) fn backup_manifest(input: &[u8]) {
    let (path, sealed) = &*BACKUP;
    let bytes = sealed.edit(&mut Input::new(input));
    let sound = sealed.is_sound(&bytes);
    let edited = Edited { path, bytes, sound };
    if let Some(manifest) = edited.accept(BackupManifest::decode(path, &edited.bytes)) {
        assert_eq!(
            BackupManifest::decode(path, &manifest.encode()).ok(),
            Some(manifest)
        );
    }
}

/// A folder with one edited file opens or is refused; if it opens, it answers and can be closed.
pub(crate) fn open_folder(input: &[u8]) {
    let mut input = Input::new(input);
    let chosen = input.below(FOLDER.len());
    let sound = input.is_empty();
    let vfs = MemVfs::new();
    for (index, (path, sealed)) in FOLDER.iter().enumerate() {
        let bytes = if index == chosen {
            sealed.edit(&mut input)
        } else {
            sealed.edit(&mut Input::new(&[]))
        };
        put(&vfs, path, &bytes);
    }
    let vfs: Arc<dyn Vfs> = Arc::new(vfs);
    if let Ok(report) = Db::examine(&vfs, &mut |_| ()) {
        assert!(!sound || report.is_healthy(), "{report:?}");
        let to: Arc<dyn Vfs> = Arc::new(MemVfs::new());
        // Contradictions under right checksums may be beyond it; it never panics.
        let _ = Db::salvage(&vfs, &to, &mut |_| ());
    }
    let db = match open(vfs) {
        Ok(db) => db,
        Err(error) => return assert!(!sound, "{error}"),
    };
    let everything = [Matcher::regex("__name__", ".*").expect("a pattern")];
    let mut samples = 0;
    if let Ok(found) = db.default_namespace().select(TimeRange::ALL, &everything) {
        for series in found {
            let Ok(series) = series else { break };
            samples += series.all_samples().count();
        }
    }
    assert!(!sound || samples == 22, "22 samples became {samples}");
    assert!(!sound || db.documents("").len() == 2);
    let _ = db.verify();
    let _ = db.close();
}
