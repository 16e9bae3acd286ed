//! Lines joined to records, where a text in quotes may go on over the end of a line.

use super::{LineError, Rows};

/// Longest record of several lines, in bytes. What is open for longer was never meant to be.
const RECORD_BYTES_MAX: usize = 1 << 20;

/// How the records of a format look.
pub(crate) trait RecordFormat {
    /// Whether a text in quotes is open at the end of a line, at whose begin one was open or not.
    fn open_after(&self, line: &[u8], open: bool) -> bool;

    /// Takes a record, which begins in the line of this number. The column of an error counts from
    /// the begin of the record.
    fn read_record(&mut self, number: u64, record: &[u8], rows: &mut Rows)
    -> Result<(), LineError>;
}

/// Joins lines to records. When a record is refused, only its first line is; the others are looked at
/// anew, as what seemed to be the begin of a long text may have been a slip.
#[derive(Clone, Debug, Default)]
pub(crate) struct Records {
    /// Lines of the record that is open, with line feeds between.
    pending: Vec<u8>,
    /// Number of the first of them.
    first: u64,
    begun: bool,
}

impl Records {
    /// Takes a line.
    pub(crate) fn line(
        &mut self,
        format: &mut impl RecordFormat,
        number: u64,
        line: &[u8],
        rows: &mut Rows,
    ) {
        let open = format.open_after(line, self.begun);
        if !self.begun {
            if !open {
                if let Err(error) = format.read_record(number, line, rows) {
                    rows.refuse(number, error);
                }
                return;
            }
            self.first = number;
        } else {
            self.pending.push(b'\n');
        }
        self.begun = true;
        self.pending.extend_from_slice(line);
        if !open || self.pending.len() > RECORD_BYTES_MAX {
            self.settle(format, open, rows);
        }
    }

    /// The text has ended: what is open is not closed any more.
    pub(crate) fn finish(&mut self, format: &mut impl RecordFormat, rows: &mut Rows) {
        while self.begun && !rows.stopped() {
            self.settle(format, true, rows);
        }
    }

    /// Takes the records that the pending lines make. The first of them, if it is open, is `given_up`.
    fn settle(&mut self, format: &mut impl RecordFormat, mut given_up: bool, rows: &mut Rows) {
        let pending = std::mem::take(&mut self.pending);
        let mut rest = Some(pending.as_slice());
        self.begun = false;
        while let Some(lines) = rest.filter(|_| !rows.stopped()) {
            let (record, open) = first_record(format, lines);
            if open && !given_up {
                self.begun = true;
                self.pending.extend_from_slice(lines);
                return;
            }
            given_up = false;
            let taken = match open {
                true => {
                    rows.count_line();
                    Err(unclosed())
                }
                false => format.read_record(self.first, record, rows),
            };
            let done = match taken {
                Ok(()) => record,
                Err(error) => {
                    let (later, error) = in_its_line(record, error);
                    rows.refuse(self.first + later, error);
                    first_line(record)
                }
            };
            self.first += 1 + line_feeds(done);
            rest = lines.get(done.len() + 1..);
        }
    }
}

fn unclosed() -> LineError {
    let reason = format!(
        "a text in quotes begins in this line and does not end, not within {RECORD_BYTES_MAX} bytes"
    );
    LineError { column: 0, reason }
}

/// The first record of some lines, and whether it is still open at their end.
fn first_record<'a>(format: &impl RecordFormat, lines: &'a [u8]) -> (&'a [u8], bool) {
    let mut open = false;
    let mut end = 0;
    for line in lines.split(|byte| *byte == b'\n') {
        open = format.open_after(line, open);
        end += line.len();
        if !open {
            break;
        }
        end += 1;
    }
    (lines.get(..end).unwrap_or(lines), open)
}

fn first_line(record: &[u8]) -> &[u8] {
    let end = record.iter().position(|byte| *byte == b'\n');
    end.and_then(|end| record.get(..end)).unwrap_or(record)
}

fn line_feeds(text: &[u8]) -> u64 {
    text.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// How many lines behind the first an error of a record lies, and the error with its column in that line.
fn in_its_line(record: &[u8], error: LineError) -> (u64, LineError) {
    let before = record
        .get(..error.column.saturating_sub(1))
        .unwrap_or(record);
    let begin = before.iter().rposition(|byte| *byte == b'\n');
    let column = error.column.saturating_sub(begin.map_or(0, |at| at + 1));
    (line_feeds(before), LineError { column, ..error })
}
