//! Reads a log back: frame by frame, up to its end or its first bad frame.

use std::path::{Path, PathBuf};

use super::{FRAME_STAMP_BYTES, FrameStamp, LOG_HEADER_BYTES, LogHeader, WalError, log_path};
use crate::model::Generation;
use crate::vfs::{File, OpenMode, Vfs, read_exact_at};

/// How much is read at a time; a longer frame makes the buffer grow to its length.
const READ_BYTES: u64 = 1 << 20;

/// A frame whose checksum was right.
#[derive(Debug)]
pub struct Frame<'a> {
    /// Where its stamp starts in the file.
    pub offset: u64,
    /// Its stamp.
    pub stamp: FrameStamp,
    /// What the writer enqueued.
    pub payload: &'a [u8],
}

/// Where a log stops being readable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The file.
    pub path: PathBuf,
    /// Offset of the first bad byte.
    pub offset: u64,
    /// How many bytes stand behind it.
    pub bytes: u64,
    /// What is wrong there.
    pub what: &'static str,
}

/// Reads the frames of one log in order.
#[derive(Debug)]
pub struct LogReader {
    pub(super) file: Box<dyn File>,
    pub(super) path: PathBuf,
    pub(super) header: LogHeader,
    pub(super) len: u64,
    pub(super) offset: u64,
    pub(super) next_lsn: u64,
    pub(super) buffer: Vec<u8>,
    pub(super) buffer_offset: u64,
}

impl LogReader {
    /// Opens the log of a generation and checks its header.
    ///
    /// # Errors
    /// When it cannot be read, or is not that log.
    pub fn open(vfs: &dyn Vfs, generation: Generation) -> Result<Self, WalError> {
        let mut reader = Self::open_headless(vfs, generation, 0)?;
        reader.read_header()?;
        Ok(reader)
    }

    /// Opens the log of a generation, whose first frame is taken to be that of `first_lsn`.
    pub(super) fn open_headless(
        vfs: &dyn Vfs,
        generation: Generation,
        first_lsn: u64,
    ) -> Result<Self, WalError> {
        let path = log_path(generation);
        let io = |operation| {
            let path = path.clone();
            move |source| WalError::io(operation, path, source)
        };
        let file = vfs.open(&path, OpenMode::Read).map_err(io("opening"))?;
        let len = file.len().map_err(io("reading the length"))?;
        let offset = len.min(LOG_HEADER_BYTES as u64);
        let header = LogHeader {
            generation,
            first_lsn,
        };
        Ok(Self {
            file,
            path,
            header,
            len,
            offset,
            next_lsn: first_lsn,
            buffer: Vec::new(),
            buffer_offset: offset,
        })
    }

    /// Takes the first LSN from the header, after checking that.
    pub(super) fn read_header(&mut self) -> Result<(), WalError> {
        let mut head = vec![0; usize::try_from(self.offset).unwrap_or(0)];
        self.read(&mut head, 0)?;
        self.header = LogHeader::decode(&head, &self.path, self.header.generation)?;
        self.next_lsn = self.header.first_lsn;
        Ok(())
    }

    pub(super) fn read(&self, bytes: &mut [u8], offset: u64) -> Result<(), WalError> {
        read_exact_at(&*self.file, bytes, offset)
            .map_err(|error| WalError::io("reading", &self.path, error))
    }

    /// The file's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the next frame would start: behind the last good one.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The header of the log.
    #[must_use]
    pub fn header(&self) -> LogHeader {
        self.header
    }

    /// Length of the file in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is nothing behind the header.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len <= LOG_HEADER_BYTES as u64
    }

    /// The LSN the next frame must have.
    #[must_use]
    pub fn next_lsn(&self) -> u64 {
        self.next_lsn
    }

    fn fill(&mut self, len: u64) -> Result<bool, WalError> {
        let have = self.buffer_offset + self.buffer.len() as u64 - self.offset;
        if have >= len {
            return Ok(true);
        }
        if len > self.len - self.offset {
            return Ok(false);
        }
        let passed = usize::try_from(self.offset - self.buffer_offset).unwrap_or(usize::MAX);
        self.buffer.drain(..passed.min(self.buffer.len()));
        self.buffer_offset = self.offset;
        let end = (self.offset + len.max(READ_BYTES)).min(self.len);
        let from = self.buffer.len();
        let wanted = usize::try_from(end - self.offset).unwrap_or(usize::MAX);
        self.buffer.resize(wanted, 0);
        let tail = self.buffer.get_mut(from..).unwrap_or_default();
        read_exact_at(&*self.file, tail, self.offset + from as u64)
            .map_err(|error| WalError::io("reading", &self.path, error))?;
        Ok(true)
    }

    fn window(&self, len: u64) -> &[u8] {
        let from = usize::try_from(self.offset - self.buffer_offset).unwrap_or(usize::MAX);
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        self.buffer
            .get(from..)
            .and_then(|rest| rest.get(..len))
            .unwrap_or_default()
    }

    /// The next frame; `Ok(Ok(None))` at the clean end; `Ok(Err(_))` where the log is torn.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn next_frame(&mut self) -> Result<Result<Option<Frame<'_>>, Torn>, WalError> {
        if self.offset == self.len {
            return Ok(Ok(None));
        }
        match self.check()? {
            Ok((stamp, total)) => {
                let offset = self.offset;
                let from = usize::try_from(offset - self.buffer_offset).unwrap_or(usize::MAX);
                self.offset += total;
                self.next_lsn = stamp.lsn + 1;
                let len = usize::try_from(total).unwrap_or(usize::MAX);
                let frame = self.buffer.get(from..).and_then(|rest| rest.get(..len));
                let payload = frame.and_then(|frame| frame.get(FRAME_STAMP_BYTES..));
                Ok(Ok(Some(Frame {
                    offset,
                    stamp,
                    payload: payload.unwrap_or_default(),
                })))
            }
            Err(what) => {
                let (path, offset) = (self.path.clone(), self.offset);
                Ok(Err(Torn {
                    path,
                    offset,
                    bytes: self.len - offset,
                    what,
                }))
            }
        }
    }

    fn check(&mut self) -> Result<Result<(FrameStamp, u64), &'static str>, WalError> {
        if !self.fill(FRAME_STAMP_BYTES as u64)? {
            return Ok(Err("a frame's stamp is cut short"));
        }
        let Ok((stamp, crc)) = FrameStamp::parse(self.window(FRAME_STAMP_BYTES as u64)) else {
            return Ok(Err("a frame's stamp is cut short"));
        };
        let total = FRAME_STAMP_BYTES as u64 + u64::from(stamp.payload_len);
        if !self.fill(total)? {
            return Ok(Err("a frame is cut short"));
        }
        if FrameStamp::checksum(self.window(total)) != crc {
            return Ok(Err("checksum of a frame does not match"));
        }
        if stamp.lsn != self.next_lsn || stamp.lsn == u64::MAX {
            return Ok(Err("a frame is missing before this one"));
        }
        Ok(Ok((stamp, total)))
    }
}

/// The highest "synced up to" that any valid frame at or behind `from` in this log claims.
/// Looks at every byte, since a bad frame's length cannot be trusted.
///
/// # Errors
/// When the file cannot be read.
pub fn first_valid_frame(
    vfs: &dyn Vfs,
    generation: Generation,
    from: u64,
    after_lsn: u64,
) -> Result<Option<(u64, u64)>, WalError> {
    let reader = LogReader::open_headless(vfs, generation, 0)?;
    let mut rest = vec![0; usize::try_from(reader.len.saturating_sub(from)).unwrap_or(0)];
    reader.read(&mut rest, from)?;
    let mut best: Option<(u64, u64)> = None;
    let mut at = 0;
    while let Some(tail) = rest
        .get(at..)
        .filter(|tail| tail.len() >= FRAME_STAMP_BYTES)
    {
        let step = valid_frame(tail, after_lsn).map_or(1, |(stamp, total)| {
            if best.is_none_or(|(_, synced)| stamp.synced > synced) {
                best = Some((from + at as u64, stamp.synced));
            }
            total
        });
        at += step;
    }
    Ok(best)
}

fn valid_frame(tail: &[u8], after_lsn: u64) -> Option<(FrameStamp, usize)> {
    let (stamp, crc) = plausible_stamp(tail, after_lsn)?;
    let total = FRAME_STAMP_BYTES + usize::try_from(stamp.payload_len).ok()?;
    let frame = tail.get(..total)?;
    (FrameStamp::checksum(frame) == crc).then_some((stamp, total))
}

/// The stamp at the front of `tail` and its checksum, if it may be that of a frame at all.
pub(super) fn plausible_stamp(tail: &[u8], after_lsn: u64) -> Option<(FrameStamp, u32)> {
    let (stamp, crc) = FrameStamp::parse(tail).ok()?;
    // No log holds more frames than bytes: all else is noise and needs no checksum.
    let plausible = stamp.lsn > after_lsn && stamp.lsn - after_lsn <= u64::from(u32::MAX);
    (plausible && stamp.synced < stamp.lsn).then_some((stamp, crc))
}
