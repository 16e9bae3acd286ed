//! A log file: header, then frames up to the end.

use std::path::{Path, PathBuf};

use super::WalError;
use crate::bits::{ByteReader, crc32c, put_u32, put_u64};
use crate::model::{Generation, ProtocolRules};
use crate::vfs::{File, OpenMode, Vfs, allocate_some, create_anew, write_all_at};

/// First bytes of a log file.
pub const LOG_MAGIC: [u8; 8] = *b"TSDBLOG\n";
/// Version of the log format.
pub const LOG_VERSION: u32 = 1;
/// Magic, version, generation, first LSN, checksum.
pub const LOG_HEADER_BYTES: usize = 8 + 4 + 8 + 8 + 4;

/// Space is reserved in steps of this many bytes.
const RESERVE_STEP_BYTES: u64 = 4 << 20;

/// As much as a log begins with on a disk that has no space for a whole step.
const RESERVED_BYTES_MIN: u64 = 4 << 10;

/// Path of a generation's log.
#[must_use]
pub fn log_path(generation: Generation) -> PathBuf {
    PathBuf::from(format!("wal/{:020}.log", generation.0))
}

fn temporary_path(path: &Path) -> PathBuf {
    path.with_extension("tmp")
}

/// What stands at the front of a log file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogHeader {
    /// The generation, as in the file's name.
    pub generation: Generation,
    /// LSN of the first frame.
    pub first_lsn: u64,
}

impl LogHeader {
    /// The header's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = LOG_MAGIC.to_vec();
        put_u32(&mut out, LOG_VERSION);
        put_u64(&mut out, self.generation.0);
        put_u64(&mut out, self.first_lsn);
        let crc = crc32c(&out);
        put_u32(&mut out, crc);
        out
    }

    /// Parses and checks the header of the log at `path`.
    ///
    /// # Errors
    /// [`WalError::Corrupt`] when it is not the header of that generation's log.
    pub fn decode(bytes: &[u8], path: &Path, generation: Generation) -> Result<Self, WalError> {
        let corrupt = |offset: u64, what: &str| WalError::Corrupt {
            path: path.to_path_buf(),
            offset,
            what: what.to_owned(),
        };
        let head = bytes
            .get(..LOG_HEADER_BYTES)
            .ok_or_else(|| corrupt(0, "shorter than its header"))?;
        let mut reader = ByteReader::new(head);
        let short = |_| corrupt(0, "shorter than its header");
        if reader.array::<8>().map_err(short)? != LOG_MAGIC {
            return Err(corrupt(0, "not a log file: wrong magic"));
        }
        let version = reader.u32().map_err(short)?;
        let header = Self {
            generation: Generation(reader.u64().map_err(short)?),
            first_lsn: reader.u64().map_err(short)?,
        };
        let crc = reader.u32().map_err(short)?;
        if crc != crc32c(head.get(..LOG_HEADER_BYTES - 4).unwrap_or_default()) {
            return Err(corrupt(8, "checksum of the header does not match"));
        }
        if version != LOG_VERSION {
            return Err(corrupt(
                8,
                &format!("log format {version}, this build reads {LOG_VERSION}"),
            ));
        }
        if header.generation != generation {
            return Err(corrupt(
                12,
                "header names another generation than the file's name",
            ));
        }
        Ok(header)
    }
}

/// The log of one generation, open for writing. Where to write is the caller's to know.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: Box<dyn File>,
    generation: Generation,
    /// Up to where space was reserved at first.
    reserved: u64,
}

impl LogFile {
    /// Makes the file of a generation under a temporary name, with `RESERVE_STEP_BYTES` of
    /// space reserved, or as much as the header takes where there is no more, so that
    /// [`LogFile::begin`] needs none.
    ///
    /// # Errors
    /// When the disk refuses; nothing that counts is left behind then.
    pub fn prepare(vfs: &dyn Vfs, generation: Generation) -> Result<Self, WalError> {
        let path = log_path(generation);
        let temporary = temporary_path(&path);
        let io = |operation| move |source| WalError::io(operation, temporary_path(&path), source);
        let file = create_anew(vfs, &temporary).map_err(io.clone()("creating"))?;
        let reserved = allocate_some(&*file, RESERVED_BYTES_MIN, RESERVE_STEP_BYTES)
            .map_err(io("reserving space"))?;
        Ok(Self {
            path: log_path(generation),
            file,
            generation,
            reserved,
        })
    }

    /// Gives the log its header and its name, durable when this returns: frames may follow.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn begin(
        &self,
        vfs: &dyn Vfs,
        first_lsn: u64,
        rules: &ProtocolRules,
    ) -> Result<(), WalError> {
        let io = |operation| move |error| WalError::io(operation, &self.path, error);
        let header = LogHeader {
            generation: self.generation,
            first_lsn,
        };
        self.write(&header.encode(), 0)?;
        self.sync()?;
        vfs.rename(&temporary_path(&self.path), &self.path)
            .map_err(io("renaming"))?;
        if rules.folder_synced_before_first_frame {
            vfs.sync_dir(Path::new("wal"))
                .map_err(io("syncing the folder"))?;
        }
        Ok(())
    }

    /// Opens an existing log to rewrite its tail.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(vfs: &dyn Vfs, generation: Generation) -> Result<Self, WalError> {
        let path = log_path(generation);
        let file = vfs
            .open(&path, OpenMode::ReadWrite)
            .map_err(|error| WalError::io("opening", &path, error))?;
        Ok(Self {
            path,
            file,
            generation,
            reserved: 0,
        })
    }

    /// Up to where space was reserved when the file was made.
    #[must_use]
    pub fn reserved(&self) -> u64 {
        self.reserved
    }

    /// The file's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The generation it belongs to.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Makes sure that writing up to `needed` takes no further space from the disk; answers up to
    /// where that now holds.
    ///
    /// # Errors
    /// When the disk has none; nothing changed then.
    pub fn reserve(&self, needed: u64) -> Result<u64, WalError> {
        let step = needed.next_multiple_of(RESERVE_STEP_BYTES);
        allocate_some(&*self.file, needed, step)
            .map_err(|error| WalError::io("reserving space", &self.path, error))
    }

    /// Writes frames at `offset`.
    ///
    /// # Errors
    /// When the disk refuses; how much arrived is not known then.
    pub fn write(&self, frames: &[u8], offset: u64) -> Result<(), WalError> {
        write_all_at(&*self.file, frames, offset)
            .map_err(|error| WalError::io("writing", &self.path, error))
    }

    /// Cuts the file to `len` bytes, what was reserved behind them with it, and writes what is left
    /// from `offset` on once more: after a failed sync the system may take for clean what never
    /// reached the disk.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn cut_and_rewrite(&self, len: u64, offset: u64) -> Result<(), WalError> {
        let io = |operation| move |error| WalError::io(operation, &self.path, error);
        self.file.set_len(len).map_err(io("cutting"))?;
        crate::vfs::rewrite(&*self.file, offset, len).map_err(io("rewriting"))
    }

    /// Waits until all that was written is durable.
    ///
    /// # Errors
    /// When the disk refuses; none of it may be taken for durable then.
    pub fn sync(&self) -> Result<(), WalError> {
        self.file
            .sync()
            .map_err(|error| WalError::io("syncing", &self.path, error))
    }
}
