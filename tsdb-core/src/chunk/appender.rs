//! The growing end of a chunk: Prometheus' XOR layout, written bit by bit.

use super::ChunkState;
use crate::bits::{BitWriter, WordSink, put_ivarint, put_pending, put_uvarint};
use crate::model::Sample;

/// How many samples a chunk holds before the next one is begun: two hours of a 15 s scrape.
pub const MAX_CHUNK_SAMPLES: usize = 480;

/// Bytes of the sample count in front of a chunk's bits.
pub(super) const COUNT_BYTES: usize = 2;

/// `leading` of an appender that has not opened a value window yet.
const NO_WINDOW: u8 = 0xff;

/// The most leading zeros that five bits can say.
const MAX_LEADING: u32 = 31;

/// Widths of the small delta-of-delta codes, each behind one more one bit than the last.
const SMALL_CODES: [(u64, u32, u32); 3] = [(0b10, 2, 14), (0b110, 3, 17), (0b1110, 4, 20)];

/// Hot end of one series' open chunk: 40 bytes of state. The bits themselves live in a vector of
/// the owner, eight bytes longer now and then; count, header and the bits still pending here are
/// put together by [`ChunkAppender::snapshot_into`].
///
/// Any timestamps in rising order fit one chunk: deltas wrap, so that even `i64::MIN` followed by
/// `i64::MAX` comes back exactly.
#[derive(Clone, Debug)]
pub struct ChunkAppender {
    last_timestamp: i64,
    last_delta: u64,
    last_bits: u64,
    word: u64,
    count: u16,
    filled: u8,
    leading: u8,
    trailing: u8,
}

const _: () = assert!(size_of::<ChunkAppender>() <= 40);

impl Default for ChunkAppender {
    fn default() -> Self {
        Self::new()
    }
}

impl ChunkAppender {
    /// An empty chunk, whose owner holds an empty vector.
    #[must_use]
    pub fn new() -> Self {
        Self {
            last_timestamp: 0,
            last_delta: 0,
            last_bits: 0,
            word: 0,
            count: 0,
            filled: 0,
            leading: NO_WINDOW,
            trailing: 0,
        }
    }

    /// Samples so far.
    #[must_use]
    pub fn count(&self) -> u16 {
        self.count
    }

    /// Whether the next sample belongs into a new chunk.
    #[must_use]
    pub fn is_full(&self) -> bool {
        usize::from(self.count) >= MAX_CHUNK_SAMPLES
    }

    /// Timestamp of the last sample, in milliseconds since the epoch.
    #[must_use]
    pub fn last_timestamp(&self) -> Option<i64> {
        (self.count > 0).then_some(self.last_timestamp)
    }

    /// Value of the last sample.
    #[must_use]
    pub fn last_value(&self) -> Option<f64> {
        (self.count > 0).then_some(f64::from_bits(self.last_bits))
    }

    /// Appends a sample later than the last one. `out` is where all earlier samples of this chunk
    /// went to; it grows by a multiple of eight bytes, mostly by none.
    ///
    /// # Panics
    /// When the chunk holds 65,535 samples: its count has two bytes. In debug builds also when
    /// `timestamp` is not later than the last one.
    #[inline]
    pub fn push(&mut self, out: &mut impl WordSink, timestamp: i64, value: f64) {
        assert!(
            self.count < u16::MAX,
            "a chunk counts its samples in two bytes: begin a new one"
        );
        debug_assert!(
            self.count == 0 || timestamp > self.last_timestamp,
            "timestamps must rise"
        );
        let bits = value.to_bits();
        let mut writer = BitWriter::resume(out, self.word, self.filled);
        let delta = timestamp.wrapping_sub(self.last_timestamp).cast_unsigned();
        if self.count >= 2 {
            let change = delta.wrapping_sub(self.last_delta).cast_signed();
            if change == 0 && bits == self.last_bits {
                writer.write(0b00, 2);
            } else {
                write_change(&mut writer, change);
                self.write_value(&mut writer, bits);
            }
        } else {
            self.write_beginning(&mut writer, timestamp, delta, bits);
        }
        (self.word, self.filled) = writer.suspend();
        self.last_timestamp = timestamp;
        self.last_delta = delta;
        self.last_bits = bits;
        self.count += 1;
    }

    /// Appends samples behind the second one.
    fn push_rest(&mut self, out: &mut Vec<u8>, samples: impl Iterator<Item = Sample>) {
        let mut writer = BitWriter::resume(out, self.word, self.filled);
        // Locals stay in registers.
        let (mut time, mut delta) = (self.last_timestamp, self.last_delta);
        for sample in samples {
            assert!(
                self.count < u16::MAX,
                "a chunk counts its samples in two bytes: begin a new one"
            );
            debug_assert!(sample.timestamp > time, "timestamps must rise");
            let step = sample.timestamp.wrapping_sub(time).cast_unsigned();
            let change = step.wrapping_sub(delta).cast_signed();
            let bits = sample.value.to_bits();
            if change == 0 && bits == self.last_bits {
                writer.write(0b00, 2);
            } else {
                write_change(&mut writer, change);
                self.write_value(&mut writer, bits);
                self.last_bits = bits;
            }
            (time, delta) = (sample.timestamp, step);
            self.count += 1;
        }
        (self.word, self.filled) = writer.suspend();
        (self.last_timestamp, self.last_delta) = (time, delta);
    }

    /// The first sample in full, the second with a plain delta.
    #[cold]
    fn write_beginning(
        &mut self,
        writer: &mut BitWriter<'_, impl WordSink>,
        time: i64,
        delta: u64,
        bits: u64,
    ) {
        let mut bytes = Vec::with_capacity(10);
        if self.count == 0 {
            put_ivarint(&mut bytes, time);
        } else {
            put_uvarint(&mut bytes, delta);
        }
        for byte in bytes {
            writer.write(u64::from(byte), 8);
        }
        if self.count == 0 {
            writer.write(bits, 64);
        } else {
            self.write_value(writer, bits);
        }
    }

    #[inline(always)]
    fn write_value(&mut self, writer: &mut BitWriter<'_, impl WordSink>, bits: u64) {
        let xor = bits ^ self.last_bits;
        if xor == 0 {
            writer.write(0b0, 1);
            return;
        }
        let leading = xor.leading_zeros().min(MAX_LEADING);
        let trailing = xor.trailing_zeros();
        let window = (u32::from(self.leading), u32::from(self.trailing));
        if leading >= window.0 && trailing >= window.1 {
            let width = 64 - window.0 - window.1;
            if width <= 62 {
                writer.write((0b10 << width) | (xor >> window.1), 2 + width);
            } else {
                writer.write(0b10, 2);
                writer.write(xor >> window.1, width);
            }
            return;
        }
        let width = 64 - leading - trailing;
        // Six bits say 1 to 64 significant bits, 64 as 0.
        writer.write(
            (0b11 << 11) | u64::from(leading << 6) | u64::from(width & 63),
            13,
        );
        writer.write(xor >> trailing, width);
        self.leading = leading.to_le_bytes()[0];
        self.trailing = trailing.to_le_bytes()[0];
    }

    /// What decoding goes on from behind the last sample, of which `words` words went to the sink.
    #[must_use]
    pub fn state(&self, words: u16) -> ChunkState {
        let (leading, trailing) = match self.leading {
            NO_WINDOW => (0, 0),
            leading => (leading, self.trailing),
        };
        ChunkState {
            timestamp: self.last_timestamp,
            delta: self.last_delta,
            bits: self.last_bits,
            leading,
            trailing,
            count: self.count,
            position: u32::from(words) * 64 + u32::from(self.filled),
        }
    }

    /// Appends what did not go to the sink yet to all that did.
    pub fn put_pending(&self, target: &mut Vec<u8>) {
        put_pending(target, self.word, self.filled);
    }

    /// Length of what [`ChunkAppender::snapshot_into`] would append for `out`.
    #[must_use]
    pub fn encoded_len(&self, out: &[u8]) -> usize {
        COUNT_BYTES + out.len() + usize::from(self.filled).div_ceil(8)
    }

    /// Appends the complete chunk (count, bits, padding) to `target`, without disturbing the open
    /// one, whose bits so far are `out`.
    pub fn snapshot_into(&self, out: &[u8], target: &mut Vec<u8>) {
        target.reserve(self.encoded_len(out));
        target.extend_from_slice(&self.count.swap_bytes().to_le_bytes());
        target.extend_from_slice(out);
        put_pending(target, self.word, self.filled);
    }

    /// The complete chunk as a vector of its own, where the bits so far are `len` bytes that `copy`
    /// appends.
    pub fn finish_with(&self, len: usize, copy: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let pending = usize::from(self.filled).div_ceil(8);
        let mut target = begin_chunk(self.count, len + pending);
        copy(&mut target);
        put_pending(&mut target, self.word, self.filled);
        target
    }

    /// Puts the bits that are pending into `out` as a whole word, if there are any, and tells how
    /// many bytes of it belong to the chunk. Nothing may be pushed any more: [`sealed_chunk`] makes
    /// the complete chunk.
    pub fn seal(&self, out: &mut impl WordSink) -> u8 {
        if self.filled > 0 {
            out.push_word(self.word);
        }
        self.filled.div_ceil(8)
    }

    /// The complete chunk as a vector of its own.
    #[must_use]
    pub fn finish(&self, out: &[u8]) -> Vec<u8> {
        let mut target = Vec::new();
        self.snapshot_into(out, &mut target);
        target
    }
}

/// A complete chunk of `count` samples, whose bits are `len` bytes that `copy` appends: all that went
/// to the sink, but for what [`ChunkAppender::seal`] leaves out.
pub fn sealed_chunk(count: u16, len: usize, copy: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut target = begin_chunk(count, len);
    copy(&mut target);
    target
}

/// Appends the front of a chunk of `count` samples, behind which its bits come.
pub fn put_count(count: u16, target: &mut Vec<u8>) {
    target.extend_from_slice(&count.swap_bytes().to_le_bytes());
}

/// The front of a chunk, with room for so many bytes of bits.
fn begin_chunk(count: u16, len: usize) -> Vec<u8> {
    let mut target = Vec::with_capacity(COUNT_BYTES + len);
    put_count(count, &mut target);
    target
}

/// The delta's change since the last sample. A code of n bits holds -(2^(n-1) - 1) to 2^(n-1).
#[inline(always)]
fn write_change(writer: &mut BitWriter<'_, impl WordSink>, change: i64) {
    if change == 0 {
        writer.write(0b0, 1);
        return;
    }
    for (prefix, prefix_width, width) in SMALL_CODES {
        let highest = 1i64 << (width - 1);
        if change > -highest && change <= highest {
            let low = change.cast_unsigned() & ((1 << width) - 1);
            writer.write((prefix << width) | low, prefix_width + width);
            return;
        }
    }
    writer.write(0b1111, 4);
    writer.write(change.cast_unsigned(), 64);
}

/// A complete chunk of samples in rising order of time, at most 65,535 of them.
///
/// # Panics
/// As [`ChunkAppender::push`].
#[must_use]
pub fn encode(samples: impl IntoIterator<Item = Sample>) -> Vec<u8> {
    let mut samples = samples.into_iter();
    let mut appender = ChunkAppender::new();
    let mut out = Vec::with_capacity(COUNT_BYTES + 4 * samples.size_hint().0);
    put_count(0, &mut out);
    for sample in samples.by_ref().take(2) {
        appender.push(&mut out, sample.timestamp, sample.value);
    }
    appender.push_rest(&mut out, samples);
    appender.put_pending(&mut out);
    let count = appender.count.swap_bytes().to_le_bytes();
    out.iter_mut().zip(count).for_each(|(to, from)| *to = from);
    out
}
