//! Pages back into columns of values.

use super::decimal::{Exception, put_values};
use super::header::{self, Body, Header, PageStart};
use super::packed::unpack;
use super::stream::{LANES, Lane, run_together};
use super::tables::{TokenTable, TokenTables};
use super::zigzag::unzigzag;
use crate::bits::{ByteReader, DecodeError};

/// Decodes pages. Reuse one: it keeps its scratch memory.
#[derive(Debug, Default)]
pub struct PageDecoder {
    readers: [PageReader; LANES],
}

/// Where one page is worked on.
#[derive(Debug, Default)]
struct PageReader {
    lane: Lane,
    exceptions: Vec<Exception>,
}

/// A page whose tokens are being read.
#[derive(Clone, Copy)]
struct Unfinished<'t> {
    header: Header,
    table: &'t TokenTable,
    count: usize,
    /// Number of the page.
    page: usize,
}

impl PageDecoder {
    /// A decoder with its scratch memory, about 32 KiB.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends exactly `count` values to `out`. `tables` are those of the file that the page is from.
    ///
    /// # Errors
    /// When the bytes are no page of so many values, or not one page only; `out` is then as it was.
    pub fn decode(
        &mut self,
        page: &[u8],
        count: usize,
        tables: &TokenTables,
        out: &mut Vec<f64>,
    ) -> Result<(), DecodeError> {
        let [reader, ..] = &mut self.readers;
        match reader.start(page, count, tables, out)? {
            Some((header, table)) => reader.finish_tokens(&header, table, count, out),
            None => Ok(()),
        }
    }

    /// Decodes several pages, each into the column at its place, as [`PageDecoder::decode`] does.
    /// Pages of tokens are read several at a time, which is faster.
    ///
    /// # Errors
    /// As [`PageDecoder::decode`]; all of `out` is then as it was.
    ///
    /// # Panics
    /// When there are not as many columns as pages.
    pub fn decode_many(
        &mut self,
        pages: &[(&[u8], usize)],
        tables: &TokenTables,
        out: &mut [Vec<f64>],
    ) -> Result<(), DecodeError> {
        assert_eq!(pages.len(), out.len(), "as many columns as pages");
        let lens: Vec<usize> = out.iter().map(Vec::len).collect();
        let decoded = self.decode_all(pages, tables, out);
        if decoded.is_err() {
            let columns = out.iter_mut().zip(lens);
            columns.for_each(|(column, len)| column.truncate(len));
        }
        decoded
    }

    fn decode_all(
        &mut self,
        pages: &[(&[u8], usize)],
        tables: &TokenTables,
        out: &mut [Vec<f64>],
    ) -> Result<(), DecodeError> {
        let mut work: [Option<Unfinished<'_>>; LANES] = [None; LANES];
        for (number, (page, count)) in pages.iter().enumerate() {
            let readers = self.readers.iter_mut().zip(&mut work);
            if let Some((reader, slot)) = readers.into_iter().find(|(_, slot)| slot.is_none())
                && let Some(column) = out.get_mut(number)
            {
                let started = reader.start(page, *count, tables, column)?;
                *slot = started.map(|(header, table)| Unfinished {
                    header,
                    table,
                    count: *count,
                    page: number,
                });
            }
            if let [Some(a), Some(b), Some(c), Some(d)] = work {
                let [of_a, of_b, of_c, of_d] = &mut self.readers;
                run_together(
                    [
                        &mut of_a.lane,
                        &mut of_b.lane,
                        &mut of_c.lane,
                        &mut of_d.lane,
                    ],
                    [a.table, b.table, c.table, d.table],
                );
                self.finish_some(&mut work, out, Lane::is_nearly_done)?;
            }
        }
        self.finish_some(&mut work, out, |_| true)
    }

    /// Finishes the pages whose lanes are `ready`.
    fn finish_some(
        &mut self,
        work: &mut [Option<Unfinished<'_>>; LANES],
        out: &mut [Vec<f64>],
        ready: impl Fn(&Lane) -> bool,
    ) -> Result<(), DecodeError> {
        for (reader, slot) in self.readers.iter_mut().zip(work) {
            if let Some(unfinished) = slot.take_if(|_| ready(&reader.lane))
                && let Some(column) = out.get_mut(unfinished.page)
            {
                let Unfinished {
                    header,
                    table,
                    count,
                    ..
                } = unfinished;
                reader.finish_tokens(&header, table, count, column)?;
            }
        }
        Ok(())
    }
}

impl PageReader {
    /// Decodes a page as far as its tokens, if it has any, else wholly.
    fn start<'t>(
        &mut self,
        page: &[u8],
        count: usize,
        tables: &'t TokenTables,
        out: &mut Vec<f64>,
    ) -> Result<Option<(Header, &'t TokenTable)>, DecodeError> {
        let mut bytes = ByteReader::new(page);
        if count == 0 {
            return end(&bytes).map(|()| None);
        }
        let header = match header::read(&mut bytes, count, &mut self.exceptions)? {
            PageStart::Constant(value) => {
                end(&bytes)?;
                out.resize(out.len() + count, value);
                return Ok(None);
            }
            PageStart::Column(header) => header,
        };
        let skipped = header.prediction.predictor.skipped();
        match header.body {
            Body::Packed => {
                let residuals = self.lane.column.get_mut(skipped..count);
                let offset = header.prediction.residual_offset();
                unpack(&mut bytes, residuals.unwrap_or_default(), offset)?;
                end(&bytes)?;
                self.put_column(&header, count, out);
                Ok(None)
            }
            Body::Tokens(number) => {
                let table = tables.get(number);
                let table = table.ok_or_else(|| {
                    bytes.error("page names a token table that its file does not have")
                })?;
                self.lane.start(&mut bytes, skipped, count)?;
                Ok(Some((header, table)))
            }
        }
    }

    /// Reads what is left of a page of tokens, and puts its values.
    fn finish_tokens(
        &mut self,
        header: &Header,
        table: &TokenTable,
        count: usize,
        out: &mut Vec<f64>,
    ) -> Result<(), DecodeError> {
        self.lane.finish(table)?;
        let offset = header.prediction.residual_offset();
        let integers = self.lane.column.iter_mut().take(count);
        integers.for_each(|slot| *slot = unzigzag(*slot).wrapping_add(offset));
        self.put_column(header, count, out);
        Ok(())
    }

    /// Turns the residuals of a page into values.
    fn put_column(&mut self, header: &Header, count: usize, out: &mut Vec<f64>) {
        let start = out.len();
        let integers = self.lane.column.get_mut(..count).unwrap_or_default();
        header.prediction.restore(integers);
        put_values(integers, header.scale, out);
        let values = out.get_mut(start..).unwrap_or_default();
        for run in &self.exceptions {
            if let Some(values) = values.get_mut(run.start..run.start + run.len) {
                values.fill(f64::from_bits(run.bits));
            }
        }
    }
}

/// A page ends with its last residual.
fn end(reader: &ByteReader<'_>) -> Result<(), DecodeError> {
    if reader.is_empty() {
        Ok(())
    } else {
        Err(reader.error("bytes behind the end of a page"))
    }
}
