//! A text on its way in.

use tsdb_formats::{LineError, LineReader, Rows, read_lines};

use super::gunzip::Gunzip;
use super::line_batches::{BATCH_BYTES, Completed, LineBatches, MAX_LINE_BYTES};
use super::{Encoding, ImportFormat};

/// Why a text cannot be taken on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IntakeError {
    /// It is no gzip, or damaged, or cut off.
    #[error("the text does not unpack as gzip: {0}")]
    Gzip(#[source] std::io::Error),
    /// It was made to fill memory or take time.
    #[error(
        "{packed} bytes of gzip unpack to more than {unpacked}, over 500 times as many: send them as they are"
    )]
    Bomb {
        /// Bytes taken.
        packed: u64,
        /// What they became.
        unpacked: u64,
    },
}

/// Unpacks a text, cuts it into lines, and reads these into rows, a bounded number at a time.
pub(crate) struct Intake {
    gunzip: Option<Gunzip>,
    batches: LineBatches,
    reader: Box<dyn LineReader>,
    rows: Rows,
}

impl std::fmt::Debug for Intake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Intake")
            .field("gunzip", &self.gunzip)
            .finish_non_exhaustive()
    }
}

impl Intake {
    /// At the beginning of a text. Samples without a time get `default_ms`; a strict one ends with the
    /// first line that is refused.
    pub(crate) fn new(
        format: ImportFormat,
        encoding: Encoding,
        default_ms: i64,
        strict: bool,
    ) -> Self {
        Self {
            gunzip: (encoding == Encoding::Gzip).then(Gunzip::new),
            batches: LineBatches::new(),
            reader: format.reader(default_ms),
            rows: Rows::new(strict),
        }
    }

    /// Bytes gathered that are not whole lines yet.
    pub(crate) fn held_bytes(&self) -> usize {
        self.batches.pending()
    }

    /// Takes bytes from the front of `text`; how many. Not all are taken when there are rows to store,
    /// or much was unpacked.
    pub(crate) fn take(&mut self, text: &[u8]) -> Result<usize, IntakeError> {
        let Some(gunzip) = &mut self.gunzip else {
            let completed = self.batches.feed(text);
            self.read(completed);
            return Ok(text.len());
        };
        let (mut taken, mut unpacked) = (0, 0);
        while let Some(rest) = text.get(taken..).filter(|rest| !rest.is_empty()) {
            let (piece_len, piece) = gunzip.piece(rest)?;
            taken += piece_len;
            unpacked += piece.len();
            let completed = self.batches.feed(&piece);
            let done = completed.is_some() || unpacked >= BATCH_BYTES;
            if done {
                self.read(completed);
                break;
            }
        }
        Ok(taken)
    }

    /// The text has ended.
    pub(crate) fn finish(&mut self) -> Result<(), IntakeError> {
        if let Some(mut gunzip) = self.gunzip.take() {
            let rest = gunzip.finish()?;
            let completed = self.batches.feed(&rest);
            self.read(completed);
        }
        let completed = self.batches.finish();
        self.read(completed);
        self.reader.finish(&mut self.rows);
        Ok(())
    }

    /// What was read and not taken away.
    pub(crate) fn rows(&self) -> &Rows {
        &self.rows
    }

    /// Makes room for more rows.
    pub(crate) fn clear(&mut self) {
        self.rows.clear();
    }

    fn read(&mut self, completed: Option<Completed>) {
        match completed {
            None => {}
            Some(Completed::Lines { first, bytes }) => {
                read_lines(&mut *self.reader, first, &bytes, &mut self.rows);
            }
            Some(Completed::TooLong { line }) => {
                let reason = format!(
                    "the line is longer than {MAX_LINE_BYTES} bytes: write less of the series at a time"
                );
                self.rows.count_line();
                self.rows.refuse(line, LineError { column: 0, reason });
            }
        }
    }
}
