//! Going on behind what cannot be read of a log.

use super::reader::plausible_stamp;
use super::{FRAME_STAMP_BYTES, FrameStamp, LogReader, WalError};
use crate::model::Generation;
use crate::vfs::Vfs;

/// So much is searched at a time.
const SEARCH_BYTES: usize = 1 << 20;

impl LogReader {
    /// Opens the log of a generation whatever its header says; the error tells what is wrong with
    /// that. Without a header, frames are taken from the one behind `last_lsn` on.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open_damaged(
        vfs: &dyn Vfs,
        generation: Generation,
        last_lsn: u64,
    ) -> Result<(Self, Result<(), WalError>), WalError> {
        let mut reader = Self::open_headless(vfs, generation, last_lsn.saturating_add(1))?;
        let header = reader.read_header();
        Ok((reader, header))
    }

    /// Steps over what cannot be read: to the next whole frame of a later LSN, at this place or
    /// behind it. Its place and stamp; none if there is none, and the reader then stays where it
    /// is. Looks at every byte, since a bad frame's length cannot be trusted.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn resume(&mut self) -> Result<Option<(u64, FrameStamp)>, WalError> {
        let after = self.next_lsn.saturating_sub(1);
        let mut at = self.offset;
        let mut piece = Vec::new();
        while self.len.saturating_sub(at) >= FRAME_STAMP_BYTES as u64 {
            let left = usize::try_from(self.len - at).unwrap_or(usize::MAX);
            piece.resize(left.min(SEARCH_BYTES), 0);
            self.read(&mut piece, at)?;
            let stamps = piece.len() - FRAME_STAMP_BYTES + 1;
            for (step, tail) in
                (0..stamps).map(|step| (step, piece.get(step..).unwrap_or_default()))
            {
                let Some((stamp, crc)) = plausible_stamp(tail, after) else {
                    continue;
                };
                let offset = at + step as u64;
                if self.is_whole(offset, &stamp, crc)? {
                    self.offset = offset;
                    self.next_lsn = stamp.lsn;
                    self.buffer.clear();
                    self.buffer_offset = offset;
                    return Ok(Some((offset, stamp)));
                }
            }
            at += stamps as u64;
        }
        Ok(None)
    }

    fn is_whole(&self, offset: u64, stamp: &FrameStamp, crc: u32) -> Result<bool, WalError> {
        let total = FRAME_STAMP_BYTES as u64 + u64::from(stamp.payload_len);
        if total > self.len - offset {
            return Ok(false);
        }
        let mut frame = vec![0; usize::try_from(total).unwrap_or(usize::MAX)];
        self.read(&mut frame, offset)?;
        Ok(FrameStamp::checksum(&frame) == crc)
    }
}
