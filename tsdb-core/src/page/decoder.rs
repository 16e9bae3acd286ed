//! Pages back into columns of values.

use super::PAGE_SAMPLES_MAX;
use super::decimal::{Exception, put_values};
use super::header::{self, Body, Header, PageStart};
use super::packed::unpack;
use super::tables::TokenTables;
use crate::bits::{ByteReader, DecodeError};

/// Decodes pages. Reuse one: it keeps its scratch memory.
#[derive(Debug)]
pub struct PageDecoder {
    integers: Box<[u64; PAGE_SAMPLES_MAX]>,
    exceptions: Vec<Exception>,
}

impl Default for PageDecoder {
    fn default() -> Self {
        Self {
            integers: Box::new([0; PAGE_SAMPLES_MAX]),
            exceptions: Vec::new(),
        }
    }
}

impl PageDecoder {
    /// A decoder with its scratch memory, about 4 KiB.
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
        let mut reader = ByteReader::new(page);
        if count > 0 {
            match header::read(&mut reader, count, &mut self.exceptions)? {
                PageStart::Constant(value) => {
                    end(&reader)?;
                    out.resize(out.len() + count, value);
                    return Ok(());
                }
                PageStart::Column(header) => {
                    self.read_residuals(&header, &mut reader, count, tables)?;
                    end(&reader)?;
                    self.finish(&header, count, out);
                    return Ok(());
                }
            }
        }
        end(&reader)
    }

    /// Decodes several pages, each into the column at its place, as [`PageDecoder::decode`] does.
    /// Pages of tokens are decoded several at a time, which is faster.
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
        let decoded = pages
            .iter()
            .zip(out.iter_mut())
            .try_for_each(|((page, count), column)| self.decode(page, *count, tables, column));
        if decoded.is_err() {
            out.iter_mut()
                .zip(lens)
                .for_each(|(column, len)| column.truncate(len));
        }
        decoded
    }

    fn read_residuals(
        &mut self,
        header: &Header,
        reader: &mut ByteReader<'_>,
        count: usize,
        _tables: &TokenTables,
    ) -> Result<(), DecodeError> {
        let places = header.prediction.predictor.skipped()..count;
        let residuals = self.integers.get_mut(places);
        let residuals = residuals.ok_or_else(|| reader.error("page without residuals"))?;
        match header.body {
            Body::Packed => unpack(reader, residuals),
            Body::Tokens(_) => Err(reader.error("page of tokens in a file without tables")),
        }
    }

    /// Turns the residuals of a page into values.
    fn finish(&mut self, header: &Header, count: usize, out: &mut Vec<f64>) {
        let start = out.len();
        let integers = self.integers.get_mut(..count).unwrap_or_default();
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
