//! Files that were removed while readers still hold them: counted, and bounded.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::Readers;
use crate::block::BlockReader;
use crate::run::RunReader;

/// A removed file, as long as somebody reads it.
#[derive(Debug)]
enum Removed {
    Run(Weak<RunReader>),
    Block(Weak<BlockReader>),
}

impl Removed {
    /// Bytes of the file, if it is still held.
    fn bytes(&self) -> Option<u64> {
        match self {
            Self::Run(run) => run.upgrade().map(|run| run.meta().bytes),
            Self::Block(block) => block.upgrade().map(|block| block.meta().bytes),
        }
    }
}

/// What readers hold of files that are removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pinned {
    /// How many files.
    pub files: usize,
    /// Bytes on disk that come free only when they are let go.
    pub bytes: u64,
}

/// Removed files that readers hold. A file's data stays readable until its last reader goes.
#[derive(Debug)]
pub struct Pins {
    removed: Mutex<Vec<Removed>>,
    /// Whether there may be any, so that nobody asks in vain.
    any: AtomicU64,
    bytes_max: AtomicU64,
    readers: Readers,
}

impl Default for Pins {
    fn default() -> Self {
        Self {
            removed: Mutex::default(),
            any: AtomicU64::new(0),
            bytes_max: AtomicU64::new(u64::MAX),
            readers: Readers::default(),
        }
    }
}

impl Pins {
    /// Those who read.
    #[must_use]
    pub fn readers(&self) -> &Readers {
        &self.readers
    }

    /// Sets how many bytes may be held; a reader that holds some of more is refused.
    pub fn set_bytes_max(&self, bytes: u64) {
        self.bytes_max.store(bytes, Ordering::Relaxed);
    }

    /// How many bytes may be held.
    #[must_use]
    pub fn bytes_max(&self) -> u64 {
        self.bytes_max.load(Ordering::Relaxed)
    }

    /// Notes files that are being removed.
    pub fn note(&self, runs: &[Arc<RunReader>], blocks: &[Arc<BlockReader>]) {
        let mut removed = self.removed.lock();
        removed.extend(runs.iter().map(|run| Removed::Run(Arc::downgrade(run))));
        let blocks = blocks.iter().map(Arc::downgrade);
        removed.extend(blocks.map(Removed::Block));
        self.any.store(removed.len() as u64, Ordering::Relaxed);
    }

    /// What is held just now.
    #[must_use]
    pub fn pinned(&self) -> Pinned {
        if self.any.load(Ordering::Relaxed) == 0 {
            return Pinned::default();
        }
        let mut removed = self.removed.lock();
        let mut pinned = Pinned::default();
        removed.retain(|file| {
            let Some(bytes) = file.bytes() else {
                return false;
            };
            pinned.files += 1;
            pinned.bytes += bytes;
            true
        });
        self.any.store(removed.len() as u64, Ordering::Relaxed);
        pinned
    }
}
