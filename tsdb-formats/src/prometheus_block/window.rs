//! A file, seen through a window that moves along.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tsdb_core::bits::{ByteReader, crc32c_append};
use tsdb_core::vfs::{File, OpenMode, Vfs, read_exact_at};

use super::error::BlockError;

/// Bytes of a checksum.
pub(super) const CRC_BYTES: usize = 4;
/// Longest varint.
pub(super) const VARINT_BYTES: usize = 10;
/// Bytes read at once when a section's checksum is compared.
const CHECK_STEP: usize = 256 << 10;

/// A file that is open for reading, with its name and its length when it was opened.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) path: Arc<PathBuf>,
    pub(super) file: Arc<dyn File>,
    pub(super) len: u64,
}

impl Source {
    pub(super) fn open(vfs: &dyn Vfs, path: &Path) -> Result<Self, BlockError> {
        let io = |source| BlockError::io(path, 0)(source);
        let file = vfs.open(path, OpenMode::Read).map_err(io)?;
        let len = file.len().map_err(io)?;
        Ok(Self {
            path: Arc::new(path.to_owned()),
            file: file.into(),
            len,
        })
    }

    /// A view of it that reads at least `step` bytes at once.
    pub(super) fn window(&self, step: usize) -> Window {
        Window {
            source: self.clone(),
            buffer: Vec::new(),
            start: 0,
            step,
        }
    }

    pub(super) fn damaged(&self, offset: u64, why: impl Into<String>) -> BlockError {
        BlockError::damaged(&self.path, offset, why)
    }

    /// Reads exactly `out`.
    pub(super) fn read(&self, out: &mut [u8], offset: u64) -> Result<(), BlockError> {
        self.check_inside(offset, out.len())?;
        read_exact_at(&*self.file, out, offset).map_err(BlockError::io(&self.path, offset))
    }

    fn check_inside(&self, offset: u64, len: usize) -> Result<(), BlockError> {
        let end = offset.checked_add(len as u64);
        if end.is_none_or(|end| end > self.len) {
            let why = format!("{len} bytes are wanted, but the file ends at {}", self.len);
            return Err(self.damaged(offset, why));
        }
        Ok(())
    }

    /// Compares the checksum behind `len` bytes at `offset` with theirs.
    pub(super) fn check_crc(&self, offset: u64, len: u64, what: &str) -> Result<(), BlockError> {
        let (mut at, mut left, mut crc) = (offset, len, 0);
        let mut buffer = Vec::new();
        while left > 0 {
            let step = usize::try_from(left).unwrap_or(CHECK_STEP).min(CHECK_STEP);
            // Nothing is taken for a length that the file has not.
            self.check_inside(at, step)?;
            buffer.resize(step, 0);
            self.read(&mut buffer, at)?;
            crc = crc32c_append(crc, &buffer);
            at = at.saturating_add(step as u64);
            left -= step as u64;
        }
        let mut kept = [0; CRC_BYTES];
        self.read(&mut kept, at)?;
        let kept = big_u32(kept);
        if kept != crc {
            return Err(BlockError::checksum(&self.path, at, what, crc, kept));
        }
        Ok(())
    }
}

/// Bytes of a file, of which those near each other are read at once.
#[derive(Debug)]
pub(super) struct Window {
    pub(super) source: Source,
    buffer: Vec<u8>,
    start: u64,
    step: usize,
}

impl Window {
    /// Exactly `len` bytes at `offset`.
    pub(super) fn bytes(&mut self, offset: u64, len: usize) -> Result<&[u8], BlockError> {
        self.source.check_inside(offset, len)?;
        self.fill(offset, len)?;
        let at = usize::try_from(offset - self.start).unwrap_or(usize::MAX);
        let bytes = self.buffer.get(at..).and_then(|rest| rest.get(..len));
        Ok(bytes.unwrap_or_default())
    }

    /// As many of `len` bytes at `offset` as there are.
    pub(super) fn up_to(&mut self, offset: u64, len: usize) -> Result<&[u8], BlockError> {
        let left = self.source.len.saturating_sub(offset);
        let there = usize::try_from(left).unwrap_or(len).min(len);
        self.bytes(offset.min(self.source.len), there)
    }

    /// A varint at `offset`, and where it ends.
    pub(super) fn uvarint(&mut self, offset: u64, what: &str) -> Result<(u64, u64), BlockError> {
        let path = Arc::clone(&self.source.path);
        let mut reader = ByteReader::new(self.up_to(offset, VARINT_BYTES)?);
        let value = reader.uvarint();
        let value = value.map_err(|error| BlockError::decoding(&path, offset, what, &error))?;
        Ok((value, offset.saturating_add(reader.position() as u64)))
    }

    /// A number of four bytes, the highest first, at `offset`.
    pub(super) fn u32(&mut self, offset: u64) -> Result<u32, BlockError> {
        let bytes = self.bytes(offset, CRC_BYTES)?;
        let bytes = bytes.first_chunk().copied();
        Ok(big_u32(bytes.unwrap_or_default()))
    }

    fn fill(&mut self, offset: u64, len: usize) -> Result<(), BlockError> {
        let end = offset.saturating_add(len as u64);
        let held = self.start.saturating_add(self.buffer.len() as u64);
        if offset >= self.start && end <= held {
            return Ok(());
        }
        let left = usize::try_from(self.source.len - offset).unwrap_or(usize::MAX);
        let wanted = len.max(self.step).min(left);
        self.buffer.clear();
        if self.buffer.capacity() > wanted.saturating_mul(4).max(self.step) {
            // One long entry must not cost memory for ever.
            self.buffer.shrink_to(self.step);
        }
        self.buffer.resize(wanted, 0);
        self.start = offset;
        let read = self.source.read(&mut self.buffer, offset);
        if read.is_err() {
            self.buffer.clear();
        }
        read
    }
}

/// A number of four bytes, the highest first.
pub(super) fn big_u32(bytes: [u8; 4]) -> u32 {
    u32::from_le_bytes(bytes).swap_bytes()
}

/// A number of eight bytes, the highest first.
pub(super) fn big_u64(bytes: [u8; 8]) -> u64 {
    u64::from_le_bytes(bytes).swap_bytes()
}
