//! Files that are opened when they are first needed.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::{File, OpenMode, Vfs};

/// The disk as files see it that are opened at first use, and what became of that.
#[derive(Debug)]
pub struct LazyFiles {
    vfs: Arc<dyn Vfs>,
    refused: AtomicU64,
}

impl LazyFiles {
    /// Opens files of `vfs`.
    #[must_use]
    pub fn new(vfs: Arc<dyn Vfs>) -> Self {
        Self {
            vfs,
            refused: AtomicU64::new(0),
        }
    }

    /// How often a file could not be taken into use: it was gone, damaged, or the disk failed.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

/// A file that is open, or will be when it is first read.
#[derive(Debug)]
pub struct LazyFile {
    files: Option<Arc<LazyFiles>>,
    path: PathBuf,
    file: OnceLock<Arc<dyn File>>,
}

impl LazyFile {
    /// A file that is open.
    #[must_use]
    pub fn open(path: &Path, file: Box<dyn File>) -> Self {
        Self {
            files: None,
            path: path.to_owned(),
            file: OnceLock::from(Arc::from(file)),
        }
    }

    /// The file at `path`, to be opened when it is first asked for.
    #[must_use]
    pub fn later(files: Arc<LazyFiles>, path: &Path) -> Self {
        Self {
            files: Some(files),
            path: path.to_owned(),
            file: OnceLock::new(),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file, opened if it is not open. A failure is not remembered: the next call tries again.
    ///
    /// # Errors
    /// When the disk refuses, or there is no such file.
    pub fn get(&self) -> io::Result<&Arc<dyn File>> {
        if let Some(file) = self.file.get() {
            return Ok(file);
        }
        let Some(files) = &self.files else {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        };
        let file = files.vfs.open(&self.path, OpenMode::Read)?;
        // Two that come first may race: they open the same file.
        Ok(self.file.get_or_init(|| Arc::from(file)))
    }

    /// Counts that the file could not be taken into use.
    pub fn note_refused(&self) {
        if let Some(files) = &self.files {
            files.refused.fetch_add(1, Ordering::Relaxed);
        }
    }
}
