//! A column of rising timestamps: what is left of them once a regular grid is taken away.

use super::packed::{BLOCK_VALUES, pack, packed_len, unpack};
use super::prediction::{Prediction, Predictor, Residuals};
use crate::bits::{ByteReader, DecodeError, put_ivarint, put_uvarint};

const PREDICTOR_MASK: u8 = 0b11;
const DIVISOR_BIT: u8 = 1 << 2;
/// All timestamps stand on the grid: no residuals follow.
const REGULAR_BIT: u8 = 1 << 3;
const KNOWN_BITS: u8 = PREDICTOR_MASK | DIVISOR_BIT | REGULAR_BIT;
/// Steps this near to a whole second are tried as one, in milliseconds.
const SECOND_SLACK_MS: u64 = 50;
const SECOND_MS: i64 = 1_000;
/// Regular columns are at most this long, since they take no bytes for each timestamp.
const REGULAR_MAX: usize = 1 << 20;

/// Appends one column of timestamps, which must rise strictly. Any number of them, in milliseconds.
pub fn encode_timestamps(timestamps: &[i64], out: &mut Vec<u8>) {
    let Some(first) = timestamps.first().copied() else {
        return;
    };
    let mut best: Option<Vec<u8>> = None;
    for step in steps(timestamps) {
        let mut column = Vec::new();
        encode_on_grid(timestamps, step, &mut column);
        if best.as_ref().is_none_or(|best| column.len() < best.len()) {
            best = Some(column);
        }
    }
    put_ivarint(out, first);
    out.extend(best.unwrap_or_default());
}

/// Grids worth trying: the median step, and a whole second near to it.
fn steps(timestamps: &[i64]) -> Vec<i64> {
    let pairs = timestamps.iter().zip(timestamps.iter().skip(1));
    let mut deltas: Vec<i64> = pairs
        .map(|(left, right)| right.wrapping_sub(*left))
        .collect();
    if deltas.is_empty() {
        return Vec::new();
    }
    let middle = deltas.len() / 2;
    let (_, median, _) = deltas.select_nth_unstable(middle);
    let median = *median;
    let mut steps = vec![median];
    let second = median.wrapping_add(SECOND_MS / 2).div_euclid(SECOND_MS) * SECOND_MS;
    if second > 0 && second != median && second.abs_diff(median) <= SECOND_SLACK_MS {
        steps.push(second);
    }
    steps
}

fn encode_on_grid(timestamps: &[i64], step: i64, out: &mut Vec<u8>) {
    let first = timestamps.first().copied().unwrap_or(0);
    let mut grid = first;
    let offsets: Vec<i64> = timestamps
        .iter()
        .map(|timestamp| {
            let offset = timestamp.wrapping_sub(grid);
            grid = grid.wrapping_add(step);
            offset
        })
        .collect();
    if offsets.len() <= REGULAR_MAX && offsets.iter().all(|offset| *offset == 0) {
        out.push(REGULAR_BIT);
        put_ivarint(out, step);
        return;
    }
    let mut residuals = Residuals::default();
    let predictions = residuals.fill(&offsets);
    let bytes = |prediction: &&Prediction| {
        prediction.encoded_len() + packed_len(residuals.column(prediction.predictor))
    };
    let Some(prediction) = predictions.iter().min_by_key(bytes) else {
        return;
    };
    let divided = prediction.divisor > 1;
    out.push(prediction.predictor as u8 | if divided { DIVISOR_BIT } else { 0 });
    put_ivarint(out, step);
    put_ivarint(out, prediction.first);
    if divided {
        put_uvarint(out, prediction.divisor);
    }
    if prediction.predictor.has_second() {
        put_ivarint(out, prediction.second);
    }
    pack(residuals.column(prediction.predictor), out);
}

/// Appends exactly `count` timestamps to `out`.
///
/// # Errors
/// When the bytes are no column of so many rising timestamps, or more; `out` is then as it was.
pub fn decode_timestamps(
    bytes: &[u8],
    count: usize,
    out: &mut Vec<i64>,
) -> Result<(), DecodeError> {
    let mut reader = ByteReader::new(bytes);
    let mut column = Vec::new();
    if count > 0 {
        read_column(&mut reader, count, &mut column)?;
    }
    if !reader.is_empty() {
        return Err(reader.error("bytes behind the end of a column of timestamps"));
    }
    let column = column.into_iter().map(u64::cast_signed);
    let start = out.len();
    out.extend(column);
    if out
        .get(start..)
        .unwrap_or_default()
        .is_sorted_by(|left, right| left < right)
    {
        return Ok(());
    }
    out.truncate(start);
    Err(reader.error("timestamps that do not rise"))
}

fn read_column(
    reader: &mut ByteReader<'_>,
    count: usize,
    column: &mut Vec<u64>,
) -> Result<(), DecodeError> {
    let first = reader.ivarint()?;
    if count == 1 {
        column.push(first.cast_unsigned());
        return Ok(());
    }
    let head = reader.u8()?;
    if head & !KNOWN_BITS != 0 || head & REGULAR_BIT != 0 && head != REGULAR_BIT {
        return Err(reader.error("unknown kind of a column of timestamps"));
    }
    let step = reader.ivarint()?.cast_unsigned();
    if head & REGULAR_BIT != 0 {
        if count > REGULAR_MAX {
            return Err(reader.error("regular column of too many timestamps"));
        }
        column.resize(count, 0);
    } else {
        // Each block takes a byte at least: what is reserved was paid for.
        if count.div_ceil(BLOCK_VALUES) > reader.remaining() + 1 {
            return Err(reader.error("more timestamps than the bytes can hold"));
        }
        read_offsets(reader, head, count, column)?;
    }
    let mut grid = first.cast_unsigned();
    for slot in column {
        *slot = slot.wrapping_add(grid);
        grid = grid.wrapping_add(step);
    }
    Ok(())
}

fn read_offsets(
    reader: &mut ByteReader<'_>,
    head: u8,
    count: usize,
    column: &mut Vec<u64>,
) -> Result<(), DecodeError> {
    let predictor = Predictor::ALL.get(usize::from(head & PREDICTOR_MASK));
    let predictor = *predictor.ok_or_else(|| reader.error("unknown predictor of timestamps"))?;
    let first = reader.ivarint()?;
    let divisor = if head & DIVISOR_BIT == 0 {
        1
    } else {
        reader.uvarint()?
    };
    let second = if predictor.has_second() {
        reader.ivarint()?
    } else {
        0
    };
    let prediction = Prediction {
        predictor,
        first,
        divisor,
        second,
    };
    column.resize(count, 0);
    let residuals = column.get_mut(predictor.skipped()..).unwrap_or_default();
    unpack(reader, residuals, prediction.residual_offset())?;
    prediction.restore(column);
    Ok(())
}
