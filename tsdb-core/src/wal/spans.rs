//! Rows of a sample frame taken many at a time: a span is a stretch of rows whose series have ids
//! that follow each other. Where it stands in each column is enough to read it later, so that rows
//! need not be written down in between.

use super::SampleFrame;
use super::columns::{StepPlace, StepReader};
use crate::bits::DecodeError;
use crate::model::SeriesId;

/// A stretch of rows of one frame whose series have ids that rise by one.
#[derive(Clone, Copy, Debug)]
pub struct RowSpan {
    /// How many rows.
    pub rows: u32,
    /// Number of the first one in the frame.
    row: u32,
    /// Where its value stands, or the next one that does.
    value: u32,
    /// Where its timestamp stands.
    timestamp: StepPlace,
}

impl<'a> SampleFrame<'a> {
    /// Cuts all rows into spans. `begin` is asked about the first series of each, how many rows it
    /// may have; what else it answers goes to `visit` with the span.
    ///
    /// # Errors
    /// When a column is malformed, and when `begin` says so: spans may have been visited by then.
    pub fn spans<T, E: From<DecodeError>>(
        &self,
        mut begin: impl FnMut(SeriesId) -> Result<(T, u64), E>,
        mut visit: impl FnMut(T, RowSpan),
    ) -> Result<(), E> {
        let (mut ids, mut timestamps) = self.head.steps();
        let rows = self.head.rows;
        let (mut row, mut value) = (0, 0);
        while row < rows {
            let timestamp = timestamps.place(rows);
            let series = SeriesId(ids.next()?);
            let (context, most) = begin(series)?;
            let most = most.min(rows - row);
            let mut len = 1;
            while len < most && ids.run()? > 0 && ids.step() == 1 {
                len += ids.skip(most - len);
            }
            let mut left = len;
            while left > 0 {
                timestamps.run()?;
                left -= timestamps.skip(left);
            }
            let span = RowSpan {
                rows: narrow(len)?,
                row: narrow(row)?,
                value: narrow(value)?,
                timestamp,
            };
            visit(context, span);
            value += 8 * (len - self.same_rows(row, len));
            row += len;
        }
        if ids.at_end() && timestamps.at_end() && value == self.values.len() as u64 {
            return Ok(());
        }
        Err(error("columns that are not used up by the rows").into())
    }

    /// How many spans there are at most, if none is ended but by every `most` ids.
    #[must_use]
    pub fn spans_at_most(&self, most: u64) -> u64 {
        let (mut ids, _) = self.head.steps();
        let (mut left, mut spans) = (self.head.rows, 0);
        if u32::try_from(left).is_err() {
            // They cannot be numbered.
            return left;
        }
        while left > 0 && ids.run().is_ok() {
            let run = ids.skip(left);
            let follow_each_other = ids.step() == 1;
            spans += if follow_each_other {
                run / most.max(1) + 2
            } else {
                run
            };
            left -= run;
        }
        spans
    }

    /// How many of `len` rows from `row` on say that their value is as before.
    fn same_rows(&self, row: u64, len: u64) -> u64 {
        let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        let end = row + len;
        let bytes = self.same.get(index(row / 8)..index(end.div_ceil(8)));
        let bytes = bytes.unwrap_or_default();
        let ones: u64 = bytes.iter().map(|byte| u64::from(byte.count_ones())).sum();
        let before = bytes
            .first()
            .map_or(0, |byte| byte & ((1 << (row % 8)) - 1));
        let behind = match end % 8 {
            0 => 0,
            bits => bytes.last().map_or(0, |byte| byte >> bits),
        };
        ones - u64::from(before.count_ones()) - u64::from(behind.count_ones())
    }

    /// Hands over timestamp and value of each row of a span of this frame; no value for "as the
    /// previous row of this series in this log".
    ///
    /// # Errors
    /// When the span is of another frame, and at the first error of `visit`.
    #[inline]
    pub fn for_each_of<E: From<DecodeError>>(
        &self,
        span: &RowSpan,
        mut visit: impl FnMut(i64, Option<u64>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut timestamps = StepReader::at(self.head.timestamps(), span.timestamp);
        let values = self.values.get(span.value as usize..).unwrap_or_default();
        let mut values = values.as_chunks::<8>().0.iter();
        let (mut row, end) = (span.row as usize, span.row as usize + span.rows as usize);
        while row < end {
            timestamps.run()?;
            let (last, step) = (timestamps.last(), timestamps.step());
            let run = timestamps.skip((end - row) as u64);
            let mut time = last;
            for row in row..row + run as usize {
                time = time.wrapping_add(step);
                let same = self
                    .same
                    .get(row / 8)
                    .is_some_and(|byte| byte >> (row % 8) & 1 == 1);
                let value = match same {
                    true => None,
                    false => {
                        let value = values.next().ok_or(error("a row without a value"))?;
                        Some(u64::from_le_bytes(*value))
                    }
                };
                visit(time.cast_signed(), value)?;
            }
            row += run as usize;
        }
        Ok(())
    }
}

fn error(what: &'static str) -> DecodeError {
    DecodeError { what, offset: 0 }
}

fn narrow(number: u64) -> Result<u32, DecodeError> {
    u32::try_from(number).map_err(|_| error("a frame of more rows than can be numbered"))
}
