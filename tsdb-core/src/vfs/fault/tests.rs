//! Would the disk itself lie, no crash test above it would mean anything.

mod faults;
mod histories;
mod outages;
mod parts;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::super::{File, MemVfs, OpenMode, OsVfs, Vfs, read_to_end, write_all_at};
use super::pages::{PAGE_BYTES, Pages};
use super::*;

const SEEDS: u64 = 300;
const PAGE: u64 = PAGE_BYTES as u64;

fn p(path: &str) -> &Path {
    Path::new(path)
}

fn kind<T>(result: io::Result<T>) -> ErrorKind {
    match result {
        Ok(_) => panic!("expected an error"),
        Err(error) => error.kind(),
    }
}

fn write(file: &dyn File, bytes: &[u8], offset: u64) {
    write_all_at(file, bytes, offset).unwrap();
}

/// A file whose bytes and name are safe.
fn put(vfs: &dyn Vfs, path: &str, content: &[u8]) -> Box<dyn File> {
    let file = vfs.create(p(path)).unwrap();
    write(&*file, content, 0);
    file.sync().unwrap();
    vfs.sync_dir(p(path).parent().unwrap()).unwrap();
    file
}

fn open(vfs: &dyn Vfs, path: &str) -> Box<dyn File> {
    vfs.open(p(path), OpenMode::ReadWrite).unwrap()
}

/// The distinct results of a look at many power cuts.
fn power_cuts<T: Ord>(disk: &FaultVfs, look: impl Fn(&FaultVfs) -> T) -> BTreeSet<T> {
    (0..SEEDS).map(|seed| look(&disk.power_cut(seed))).collect()
}

fn content(path: &str) -> impl Fn(&FaultVfs) -> Option<Vec<u8>> {
    move |disk| disk.content(path).ok()
}
