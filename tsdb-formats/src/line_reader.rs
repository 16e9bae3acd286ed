//! A text taken line by line.

use super::Rows;

/// Reads the lines of one text in their order.
pub trait LineReader: Send {
    /// Takes the line of this number, without its end. What is wrong with it goes to `rows`, too.
    fn read_line(&mut self, number: u64, line: &[u8], rows: &mut Rows);

    /// The text has ended: what only then is known to be missing goes to `rows`.
    fn finish(&mut self, rows: &mut Rows);
}

/// Reads whole lines, of which the first has the number `first`, until the rows take no more.
pub fn read_lines(reader: &mut dyn LineReader, first: u64, bytes: &[u8], rows: &mut Rows) {
    for (number, line) in (first..).zip(bytes.split_inclusive(|byte| *byte == b'\n')) {
        if rows.stopped() {
            return;
        }
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        reader.read_line(number, line.strip_suffix(b"\r").unwrap_or(line), rows);
    }
}
