//! An index of a block file, edited behind its checksums.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use tsdb_core::index::{IndexReader, IndexWriter, MemIndex};
use tsdb_core::vfs::{MemVfs, Vfs, write_all_at};
use tsdb_core::{Labels, Matcher};

use crate::Input;
use crate::sealed::Sealed;

const ROWS: u32 = 80;

/// Some rows of every kind: whole ones and changes, lists beside their terms and apart.
static INDEX: LazyLock<Sealed> = LazyLock::new(|| {
    let mut writer = IndexWriter::new();
    for row in 0..ROWS {
        let id = (row.wrapping_mul(0x9e37_79b9) >> 20).to_string();
        let extra = if row % 5 == 0 { "extra" } else { "more" };
        let odd = if row.wrapping_mul(0x9e37_79b9) >> 30 == 0 {
            "y"
        } else {
            "n"
        };
        let host = format!("host-{}", row / 20);
        let pairs = [
            ("__name__", "up"),
            ("host", &host),
            ("id", &id),
            (extra, odd),
        ];
        writer.add(row, &Labels::from_pairs(pairs).expect("labels"));
    }
    let mut bytes = Vec::new();
    writer.finish(&mut bytes);
    Sealed::new(bytes)
});

/// A snapshot makes a whole index in memory, or says why not.
pub(crate) fn snapshot(input: &[u8]) {
    let bytes = INDEX.edit(&mut Input::new(input));
    match MemIndex::read_snapshot(&bytes) {
        Ok(index) => {
            assert!(!INDEX.is_sound(&bytes) || index.len() == ROWS as usize);
            if let Err(what) = index.validate() {
                panic!("{what}");
            }
            for slot in 0..index.len() as u32 {
                let labels = index.labels(slot).expect("a slot");
                assert!(Labels::from_bytes(labels.as_bytes().into()).is_ok());
            }
        }
        Err(error) => assert!(!INDEX.is_sound(&bytes), "{error}"),
    }
}

/// An index opens, answers and verifies, or says why not.
pub(crate) fn open(input: &[u8]) {
    let bytes = INDEX.edit(&mut Input::new(input));
    let sound = INDEX.is_sound(&bytes);
    let file = MemVfs::new()
        .create(Path::new("index"))
        .expect("a file in memory");
    write_all_at(&*file, &bytes, 0).expect("writing to memory");
    let index = match IndexReader::open(Arc::from(file), 0, bytes.len() as u64) {
        Ok(index) => index,
        Err(error) => return assert!(!sound, "{error}"),
    };
    assert!(u64::from(index.rows()) <= bytes.len() as u64);
    let matchers = [
        vec![Matcher::equal("host", "host-1"), Matcher::equal("more", "")],
        vec![Matcher::regex("id", "1.*").expect("a pattern")],
        vec![Matcher::not_regex("id", ".*[3-5]").expect("a pattern")],
    ];
    for matchers in &matchers {
        if let Ok(found) = index.matches(matchers) {
            assert!(found.max().is_none_or(|row| row < index.rows()));
            let _ = index.label_names(Some(&found), 3);
            let _ = index.label_values("id", Some(&found), 3);
            let _ = index.labels_many(&found, |_, labels| {
                let checked = Labels::from_bytes(labels.as_bytes().into());
                assert_eq!(checked.as_ref(), Ok(&labels));
            });
        }
    }
    let _ = index.label_values("id", None, 9);
    let verified = index.verify();
    assert!(!sound || verified.is_ok() && index.rows() == ROWS);
}
