//! A snapshot of series, edited behind its checksums, and the folder opened with it.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use tsdb_core::clock::ManualClock;
use tsdb_core::index::MemIndex;
use tsdb_core::model::FingerprintKey;
use tsdb_core::series::{SeriesSnapshot, snapshot_path};
use tsdb_core::vfs::{MemVfs, OpenMode, Vfs, read_to_end, write_all_at};
use tsdb_core::{
    Db, DbOptions, Labels, Matcher, MetricKind, MetricMetadata, Sample, TimeRange, WriteBatch,
};

use crate::Input;
use crate::sealed::Sealed;

const NOW_MS: i64 = 1_700_000_000_000;
const KEY: [u8; 16] = [7; 16];
const SERIES: usize = 9;

/// A folder after a clean stop: nine series, of which some share labels.
fn stopped() -> Arc<dyn Vfs> {
    let vfs: Arc<dyn Vfs> = Arc::new(MemVfs::new());
    let db = open(&vfs).expect("a new folder");
    let mut batch = WriteBatch::new();
    let hosts: Vec<String> = (0..SERIES).map(|number| format!("h{number}")).collect();
    let series: Vec<Labels> = (0..SERIES)
        .map(|number| {
            let pairs = [("__name__", "up"), ("host", &hosts[number]), ("zone", "b")];
            Labels::from_pairs(pairs.into_iter().take(3 - number % 2)).expect("labels")
        })
        .collect();
    for labels in &series {
        batch.push(labels, Sample::new(NOW_MS - 1000, 1.5));
    }
    let namespace = db.default_namespace();
    namespace.write(&batch).expect("a write");
    let up = MetricMetadata {
        metric: "up".to_owned(),
        kind: MetricKind::Gauge,
        help: "whether it is".to_owned(),
        unit: String::new(),
    };
    let ticket = namespace.set_metadata(&[up]).expect("metadata");
    ticket.wait().expect("a commit");
    db.close().expect("a clean stop");
    vfs
}

fn open(vfs: &Arc<dyn Vfs>) -> Result<Db, tsdb_core::Error> {
    let options = DbOptions {
        fingerprint_key: Some(KEY),
        open_threads: 1,
        ..Default::default()
    };
    Db::open_with(Arc::clone(vfs), Arc::new(ManualClock::new(NOW_MS)), options)
}

static SNAPSHOT: LazyLock<Sealed> = LazyLock::new(|| {
    let path = snapshot_path(Path::new("default"));
    let file = stopped().open(&path, OpenMode::Read).expect("a snapshot");
    Sealed::new(read_to_end(&*file).expect("reading memory"))
});

/// A snapshot decodes or says why not, and whatever it says, the folder that has it can be opened
/// and read, or says why not.
pub(crate) fn decode(input: &[u8]) {
    let bytes = SNAPSHOT.edit(&mut Input::new(input));
    let sound = SNAPSHOT.is_sound(&bytes);
    let key = FingerprintKey::new(KEY);
    match SeriesSnapshot::decode(&bytes, &key) {
        Ok(snapshot) => {
            let registry = snapshot.registry();
            let index = MemIndex::read_snapshot(snapshot.index);
            if let Ok(registry) = &registry {
                assert!(registry.len() <= bytes.len() / 4);
                assert!(registry.ids().is_sorted_by(|a, b| a < b));
            }
            let whole = registry.is_ok_and(|all| all.len() == SERIES)
                && index.is_ok_and(|all| all.len() == SERIES);
            assert!(whole || !sound);
        }
        Err(error) => assert!(!sound, "{error}"),
    }
    let vfs = stopped();
    let path = snapshot_path(Path::new("default"));
    vfs.remove(&path).expect("the snapshot");
    let file = vfs.create(&path).expect("a file in memory");
    write_all_at(&*file, &bytes, 0).expect("writing to memory");
    match open(&vfs) {
        Ok(db) => {
            assert!(!sound || db.recovery().series_from_snapshots == SERIES as u64);
            let matcher = Matcher::regex("host", "h.*").expect("a pattern");
            if let Ok(found) = db.default_namespace().select(TimeRange::ALL, &[matcher]) {
                let read = found.filter_map(Result::ok).count();
                assert!(read == SERIES || !sound);
            }
        }
        Err(error) => assert!(!sound, "{error}"),
    }
}
