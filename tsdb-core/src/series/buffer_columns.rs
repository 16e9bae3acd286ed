//! Buffers decoded into columns where they lie, as long as each sample is later than the one before:
//! most are. What is not so is left to [`BufferView::read`], whose parts are merged.

use super::sealed::SealedChunk;
use super::{Buffer, BufferArena, BufferView, MergedSamples};
use crate::bits::DecodeError;
use crate::chunk::{Encoding, decode_behind, decode_range, put_count};
use crate::model::{Sample, TimeRange};

/// Room for what [`BufferView::append_to`] does, used again.
#[derive(Debug, Default)]
pub struct DecodeSpace {
    bits: Vec<u8>,
    sealed: Vec<SealedChunk>,
}

impl DecodeSpace {
    /// Bytes of memory held.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.bits.capacity() + self.sealed.capacity() * size_of::<SealedChunk>()
    }
}

/// What one look at a series' hot line tells of its newest sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NewestSample {
    /// There is none.
    None,
    /// This one; no other has its timestamp.
    Float(Sample),
    /// Only reading tells.
    Unknown,
}

/// Where the bits of a chunk lie.
#[derive(Clone, Copy)]
struct Bits {
    segment: u32,
    bytes: usize,
    count: u16,
    first: i64,
}

impl BufferView<'_> {
    /// Appends what lies in `range` to columns whose samples are all earlier. False where that
    /// cannot be done in order, or there are histograms: the columns then hold a part of it.
    ///
    /// # Errors
    /// When a chunk cannot be decoded.
    pub fn append_to(
        &self,
        range: TimeRange,
        space: &mut DecodeSpace,
        columns: &mut MergedSamples,
    ) -> Result<bool, DecodeError> {
        if self.histograms.is_some_and(|all| all.overlaps(range)) {
            return Ok(false);
        }
        let Some(buffer) = self.buffer else {
            return Ok(true);
        };
        let mut late = self.arena.late.of(buffer.late);
        if late.any(|late| range.contains(late.0)) {
            return Ok(false);
        }
        for part in buffer.full(self.arena) {
            if !range.overlaps(part.min, part.max) {
                continue;
            }
            if part.encoding != Encoding::Xor || !columns.are_before(part.min) {
                return Ok(false);
            }
            let MergedSamples {
                timestamps, values, ..
            } = columns;
            decode_range(&part.bytes, range, timestamps, values)?;
        }
        buffer.append_to(self.arena, range, space, columns)
    }

    /// The newest sample of all.
    #[inline]
    #[must_use]
    pub fn newest(&self) -> NewestSample {
        if self.histograms.is_some() {
            return NewestSample::Unknown;
        }
        let Some(buffer) = self.buffer else {
            return NewestSample::None;
        };
        let open = &buffer.open;
        let Some((last, value)) = open.last_timestamp().zip(open.last_value()) else {
            return NewestSample::Unknown;
        };
        let mut late = self.arena.late.of(buffer.late);
        let mut full = buffer.full(self.arena).iter();
        if late.any(|late| late.0 >= last) || full.any(|part| part.max >= last) {
            return NewestSample::Unknown;
        }
        NewestSample::Float(Sample::new(last, value))
    }
}

impl Buffer {
    /// Appends what came in order.
    fn append_to(
        &self,
        arena: &BufferArena,
        range: TimeRange,
        space: &mut DecodeSpace,
        columns: &mut MergedSamples,
    ) -> Result<bool, DecodeError> {
        let DecodeSpace { bits, sealed } = space;
        // Chunks before the open one are looked for only where the range reaches back to them.
        if self.open.count() == 0 || range.min() < self.first {
            sealed.clear();
            let all = self.sealed(arena);
            sealed.extend(all.take_while(|sealed| sealed.max >= range.min()));
            for sealed in sealed.iter().rev().filter(|one| one.overlaps(range)) {
                let at = Bits {
                    segment: sealed.segment,
                    bytes: sealed.bytes as usize,
                    count: sealed.count,
                    first: sealed.min,
                };
                if !at.append_to(arena, range, bits, (columns, |_| {}))? {
                    return Ok(false);
                }
            }
        }
        if !self.open_overlaps(range) {
            return Ok(true);
        }
        let at = Bits {
            segment: self.segment,
            bytes: usize::from(self.words) * 8,
            count: self.open.count(),
            first: self.first,
        };
        let pending = |bits: &mut Vec<u8>| self.open.put_pending(bits);
        at.append_to(arena, range, bits, (columns, pending))
    }
}

impl Bits {
    /// Appends the chunk's samples in `range`; `pending` adds the bits that are in no segment.
    fn append_to(
        self,
        arena: &BufferArena,
        range: TimeRange,
        bits: &mut Vec<u8>,
        (columns, pending): (&mut MergedSamples, impl FnOnce(&mut Vec<u8>)),
    ) -> Result<bool, DecodeError> {
        let from = self.first.max(range.min());
        if !columns.are_before(from) {
            return Ok(false);
        }
        let MergedSamples {
            timestamps, values, ..
        } = columns;
        bits.clear();
        let segments = &arena.segments;
        let noted = (range.min() > self.first)
            .then(|| segments.state_before(self.segment, self.bytes, range.min()));
        if let Some((state, offset)) = noted.flatten() {
            segments.copy_from(self.segment, self.bytes, offset, bits);
            pending(bits);
            let columns = (timestamps, values);
            decode_behind(&state, (bits, offset), self.count, range, columns)?;
            return Ok(true);
        }
        put_count(self.count, bits);
        segments.copy(self.segment, self.bytes, bits);
        pending(bits);
        decode_range(bits, range, timestamps, values)?;
        Ok(true)
    }
}
