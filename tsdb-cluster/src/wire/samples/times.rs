//! Timestamps: lists that series share, or each series' own next one.

use tsdb_core::bits::{ByteReader, DecodeError, put_ivarint, put_uvarint};

/// The low bit of a run: each of its series has one timestamp, where its own last two lead.
const PREDICTED: u64 = 1;

/// What both sides know of a series' times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pace {
    last: i64,
    interval: i64,
}

impl Pace {
    /// Where the next timestamp is if nothing changes.
    #[inline]
    fn next(self) -> i64 {
        self.last.wrapping_add(self.interval)
    }

    /// Notes the timestamps of one entry.
    #[inline]
    pub(super) fn follow(&mut self, timestamps: &[i64]) {
        for &timestamp in timestamps {
            self.interval = timestamp.wrapping_sub(self.last);
            self.last = timestamp;
        }
    }
}

/// Writes the timestamps of entries: runs of entries with one list of timestamps, or with the one
/// that each of them was expected to have.
#[derive(Debug, Default)]
pub(super) struct TimesWriter {
    list: Vec<i64>,
    /// The first timestamp of the list written before.
    base: i64,
    predicted: bool,
    repeats: u64,
}

impl TimesWriter {
    pub(super) fn start(&mut self) {
        *self = Self {
            list: std::mem::take(&mut self.list),
            ..Self::default()
        };
    }

    /// Bytes of memory that it keeps.
    pub(super) fn heap_bytes(&self) -> usize {
        self.list.capacity() * size_of::<i64>()
    }

    #[inline]
    pub(super) fn push(&mut self, timestamps: &[i64], pace: Pace, out: &mut Vec<u8>) {
        let predicted = matches!(timestamps, [only] if *only == pace.next());
        let goes_on = match self.predicted {
            true => predicted,
            false => self.list == timestamps,
        };
        if self.repeats == 0 || !goes_on {
            self.end(out);
            self.predicted = predicted;
            if !predicted {
                self.list.clear();
                self.list.extend_from_slice(timestamps);
            }
        }
        self.repeats += 1;
    }

    pub(super) fn end(&mut self, out: &mut Vec<u8>) {
        let repeats = std::mem::take(&mut self.repeats);
        if repeats == 0 {
            return;
        }
        if self.predicted {
            put_uvarint(out, repeats << 1 | PREDICTED);
            return;
        }
        put_uvarint(out, repeats << 1);
        put_uvarint(out, self.list.len() as u64);
        let (mut last, mut interval) = (self.base, 0i64);
        for (at, &timestamp) in self.list.iter().enumerate() {
            let step = timestamp.wrapping_sub(last);
            put_ivarint(out, step.wrapping_sub(interval));
            last = timestamp;
            if at == 0 {
                self.base = timestamp;
            } else {
                interval = step;
            }
        }
    }
}

/// Reads what a [`TimesWriter`] wrote.
#[derive(Debug)]
pub(super) struct TimesReader<'a> {
    reader: ByteReader<'a>,
    list: Vec<i64>,
    base: i64,
    predicted: bool,
    repeats: u64,
}

impl<'a> TimesReader<'a> {
    /// Reads `bytes`; `list` is scratch.
    pub(super) fn new(bytes: &'a [u8], list: Vec<i64>) -> Self {
        Self {
            reader: ByteReader::new(bytes),
            list,
            base: 0,
            predicted: false,
            repeats: 0,
        }
    }

    /// Appends the timestamps of the next entry, at most `most`, and notes them.
    #[inline]
    pub(super) fn next(
        &mut self,
        pace: &mut Pace,
        most: usize,
        out: &mut Vec<i64>,
    ) -> Result<usize, DecodeError> {
        if self.repeats == 0 {
            self.run(most)?;
        }
        self.repeats -= 1;
        let count = if self.predicted { 1 } else { self.list.len() };
        if count > most {
            return Err(self.reader.error("more timestamps than samples"));
        }
        if self.predicted {
            let timestamp = pace.next();
            pace.last = timestamp;
            out.push(timestamp);
        } else {
            pace.follow(&self.list);
            out.extend_from_slice(&self.list);
        }
        Ok(count)
    }

    fn run(&mut self, most: usize) -> Result<(), DecodeError> {
        let head = self.reader.uvarint()?;
        self.predicted = head & PREDICTED != 0;
        self.repeats = head >> 1;
        if self.repeats == 0 {
            return Err(self.reader.error("an empty run of timestamps"));
        }
        if self.predicted {
            return Ok(());
        }
        let len = usize::try_from(self.reader.uvarint()?).unwrap_or(usize::MAX);
        // Each takes a byte at least.
        if len > most.min(self.reader.remaining()) {
            return Err(self.reader.error("more timestamps than samples or bytes"));
        }
        self.list.clear();
        let (mut last, mut interval) = (self.base, 0i64);
        for at in 0..len {
            let step = self.reader.ivarint()?.wrapping_add(interval);
            last = last.wrapping_add(step);
            self.list.push(last);
            if at == 0 {
                self.base = last;
            } else {
                interval = step;
            }
        }
        Ok(())
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.repeats == 0 && self.reader.is_empty()
    }

    /// The scratch, to be used again.
    pub(super) fn into_list(self) -> Vec<i64> {
        self.list
    }
}
