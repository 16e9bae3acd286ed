//! Chunks decoded into columns: all of one, or what lies in a range, from its begin or from where
//! the state was noted while it grew.
#![expect(
    clippy::indexing_slicing,
    reason = "the columns are as long as was just made sure, and this is the innermost loop"
)]

use super::iter::{ChunkIter, State};
use crate::bits::{BitReader, DecodeError};
use crate::model::TimeRange;

/// What decoding the sample behind one needs to know, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkState {
    /// Timestamp of the last sample.
    pub timestamp: i64,
    /// From the one before to it.
    pub delta: u64,
    /// Bits of its value.
    pub bits: u64,
    /// Leading zeros of the value window.
    pub leading: u8,
    /// Trailing zeros of it.
    pub trailing: u8,
    /// How many samples there are up to it.
    pub count: u16,
    /// Bits up to its end, the count in front of a chunk apart.
    pub position: u32,
}

/// Appends all samples of a complete chunk to two columns.
///
/// # Errors
/// As [`ChunkIter`] does; the columns are then as they were.
pub fn decode_into(
    chunk: &[u8],
    timestamps: &mut Vec<i64>,
    values: &mut Vec<f64>,
) -> Result<(), DecodeError> {
    decode_range(chunk, TimeRange::ALL, timestamps, values)
}

/// Appends those samples of a complete chunk that lie in `range` to two columns.
///
/// # Errors
/// When the chunk is damaged, before the end of the range; the columns are then as they were.
pub fn decode_range(
    chunk: &[u8],
    range: TimeRange,
    timestamps: &mut Vec<i64>,
    values: &mut Vec<f64>,
) -> Result<(), DecodeError> {
    let mut iter = ChunkIter::new(chunk)?;
    let begin = (timestamps.len(), values.len());
    let mut result = Ok(());
    for first in iter.by_ref().take(2) {
        match first {
            Ok(sample) if range.contains(sample.timestamp) => {
                timestamps.push(sample.timestamp);
                values.push(sample.value);
            }
            Ok(_) => {}
            Err(error) => result = Err(error),
        }
    }
    if result.is_ok() && iter.state.timestamp <= range.max() {
        let left = iter.remaining();
        result = decode_rest(iter.state, left, range, timestamps, values);
    }
    if result.is_err() {
        timestamps.truncate(begin.0);
        values.truncate(begin.1);
    }
    result
}

/// Appends those samples behind a state that lie in `range` to two columns. `bits` begin so many
/// bytes behind the count in front of the chunk, which ends with them and has `count` samples.
///
/// # Errors
/// When the bits are damaged, before the end of the range; the columns are then as they were.
pub fn decode_behind(
    state: &ChunkState,
    (bits, offset): (&[u8], usize),
    count: u16,
    range: TimeRange,
    (timestamps, values): (&mut Vec<i64>, &mut Vec<f64>),
) -> Result<(), DecodeError> {
    let begin = (timestamps.len(), values.len());
    let position = (state.position as usize).saturating_sub(offset * 8);
    let mut reader = BitReader::new(bits, position / 8);
    reader.skip((position % 8) as u32);
    let left = usize::from(count.saturating_sub(state.count));
    let state = State {
        reader,
        timestamp: state.timestamp,
        delta: state.delta,
        bits: state.bits,
        leading: u32::from(state.leading),
        trailing: u32::from(state.trailing),
    };
    if state.leading + state.trailing > 63 {
        return Err(state.error("value window of no bits"));
    }
    let result = decode_rest(state, left, range, timestamps, values);
    if result.is_err() {
        timestamps.truncate(begin.0);
        values.truncate(begin.1);
    }
    result
}

/// Decodes the `left` samples behind a state, as far as `range` goes.
fn decode_rest(
    mut state: State<'_>,
    mut left: usize,
    range: TimeRange,
    timestamps: &mut Vec<i64>,
    values: &mut Vec<f64>,
) -> Result<(), DecodeError> {
    if state.timestamp < range.min() {
        left = skip(&mut state, left, range.min())?;
        // The first one in the range was read, if there is one.
        if !range.contains(state.timestamp) {
            return Ok(());
        }
        timestamps.push(state.timestamp);
        values.push(f64::from_bits(state.bits));
    }
    let begin = timestamps.len();
    timestamps.resize(begin + left, 0);
    values.resize(begin + left, 0.0);
    let filled = fill(
        state,
        range.max(),
        &mut timestamps[begin..],
        &mut values[begin..],
    )?;
    timestamps.truncate(begin + filled);
    values.truncate(begin + filled);
    Ok(())
}

/// Passes over samples before `min`, up to the first one that is not, which is read; how many are
/// left behind it.
fn skip(state: &mut State<'_>, mut left: usize, min: i64) -> Result<usize, DecodeError> {
    while left > 0 && state.timestamp < min {
        let word = state.reader.peek();
        let repeats = repeats(word, left);
        match state.after(repeats) {
            Some(time) if repeats > 1 && time < min => {
                state.repeat(repeats, time)?;
                left -= repeats;
            }
            _ => {
                state.read_word(word)?;
                left -= 1;
            }
        }
    }
    Ok(left)
}

/// Fills columns of the same length with samples up to `max`; how many there are.
fn fill(
    mut state: State<'_>,
    max: i64,
    timestamps: &mut [i64],
    values: &mut [f64],
) -> Result<usize, DecodeError> {
    let mut at = 0;
    while at < timestamps.len() && at < values.len() {
        let word = state.reader.peek();
        let repeats = repeats(word, timestamps.len() - at);
        if repeats > 2
            && let Some(time) = state.after(repeats)
            && time <= max
        {
            let step = state.delta.cast_signed();
            for next in &mut timestamps[at..at + repeats] {
                state.timestamp = state.timestamp.wrapping_add(step);
                *next = state.timestamp;
            }
            values[at..at + repeats].fill(f64::from_bits(state.bits));
            state.repeat(repeats, time)?;
            at += repeats;
            continue;
        }
        state.read_word(word)?;
        if state.timestamp > max {
            break;
        }
        timestamps[at] = state.timestamp;
        values[at] = f64::from_bits(state.bits);
        at += 1;
    }
    Ok(at)
}

/// How many samples from the highest bits of `word` on, at most `left`, are as far from the one
/// before as that one was, and of the same value: two zeros each.
#[inline(always)]
fn repeats(word: u64, left: usize) -> usize {
    let pairs = word.leading_zeros().min(BitReader::PEEK_BITS) / 2;
    (pairs as usize).min(left)
}

impl State<'_> {
    /// The timestamp after so many equal steps, if they go forward.
    #[inline(always)]
    fn after(&self, repeats: usize) -> Option<i64> {
        let delta = self.delta.cast_signed();
        let way = delta.checked_mul(repeats as i64).filter(|way| *way > 0)?;
        self.timestamp.checked_add(way)
    }

    /// Passes over so many equal steps, of which the last leads to `time`.
    #[inline(always)]
    fn repeat(&mut self, repeats: usize, time: i64) -> Result<(), DecodeError> {
        self.reader.skip(repeats as u32 * 2);
        if self.reader.is_past_end() {
            return Err(self.error("truncated chunk"));
        }
        self.timestamp = time;
        Ok(())
    }
}
