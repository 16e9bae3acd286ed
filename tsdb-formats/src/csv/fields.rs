//! One record cut into fields.

use crate::LineError;

/// The fields of a record, quotes taken off.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    text: Vec<u8>,
    /// For each field where it ends in `text`, and at which offset of the record it begins.
    ends: Vec<(usize, usize)>,
}

/// Where in a field a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Begin,
    Plain,
    Quoted,
    /// Behind a quote in a quoted field: its end, or the first half of a quote of its own.
    Quote,
}

impl State {
    fn behind(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Begin, b'"') | (Self::Quote, b'"') => Self::Quoted,
            (Self::Quoted, b'"') => Self::Quote,
            (Self::Quoted, _) => Self::Quoted,
            (_, b',') => Self::Begin,
            _ => Self::Plain,
        }
    }
}

/// Whether a quoted field is open at the end of a line, at whose begin one was open or not.
pub(super) fn open_after(line: &[u8], open: bool) -> bool {
    let begin = if open { State::Quoted } else { State::Begin };
    line.iter().fold(begin, |state, byte| state.behind(*byte)) == State::Quoted
}

impl Fields {
    /// Cuts a record.
    pub(super) fn split(&mut self, record: &[u8]) -> Result<(), LineError> {
        self.text.clear();
        self.ends.clear();
        let mut state = State::Begin;
        let mut begin = 0;
        for (at, byte) in record.iter().enumerate() {
            let next = state.behind(*byte);
            match (state, *byte) {
                (State::Begin | State::Plain | State::Quote, b',') => {
                    self.ends.push((self.text.len(), begin));
                    begin = at + 1;
                }
                (State::Begin, b'"') | (State::Quoted, b'"') => {}
                (State::Plain, b'"') => {
                    let reason = "a quote in a field that does not begin with one: put the field in quotes, and write this one twice";
                    return Err(LineError::at(at, reason));
                }
                (State::Quote, byte) if byte != b'"' => {
                    return Err(LineError::expected(
                        "a comma behind the closing quote",
                        record,
                        at,
                    ));
                }
                (_, byte) => self.text.push(byte),
            }
            state = next;
        }
        if state == State::Quoted {
            return Err(LineError::at(
                begin,
                "the field begins with a quote and does not end with one",
            ));
        }
        self.ends.push((self.text.len(), begin));
        Ok(())
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// A field and the offset at which it begins in the record.
    pub(super) fn get(&self, place: usize) -> Option<(&[u8], usize)> {
        let (end, offset) = *self.ends.get(place)?;
        let begin = place
            .checked_sub(1)
            .and_then(|before| self.ends.get(before));
        let text = self.text.get(begin.map_or(0, |(end, _)| *end)..end)?;
        Some((text, offset))
    }
}
