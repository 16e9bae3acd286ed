//! A series file read on several threads: while the series of some records are put where they
//! belong, one after the other, those of the next are decoded and hashed.

use parking_lot::Mutex;

use super::file::{KIND_DEFINITIONS, RECORD_HEAD_BYTES};
use super::reader::{corrupt, read_series, read_symbols};
use super::{
    CoveredFile, SERIES_HEADER_BYTES, SeriesEnd, SeriesError, SeriesImage, SeriesRecord,
    read_record, record_at,
};
use crate::bits::{ByteReader, DecodeError, share_out};
use crate::model::{
    Fingerprint, FingerprintDomain, FingerprintKey, Labels, MetricMetadata, SeriesId, ShardId,
};

/// Bytes of records that are decoded at a time.
const BATCH_BYTES: usize = 512 << 10;
/// With fewer no thread is started.
const BYTES_WORTH_THREADS: usize = 16 << 10;
/// Labels may take so many times the bytes of their records while they wait: they do, unless one
/// long symbol is named very often. Such records are read series by series.
const LABELS_BY_BYTES: usize = 64;

/// What a series file says, the fingerprints of labels with it.
#[derive(Debug)]
pub enum HashedRecord {
    /// A series, its id, and the fingerprint of its labels as canonical ones.
    Series(SeriesId, Fingerprint, Labels),
    /// What a metric is.
    Metadata(MetricMetadata),
}

type Visit<'v> = &'v mut dyn FnMut(HashedRecord) -> Result<(), &'static str>;

/// A record whose checksum is right; the symbols it defines are known.
#[derive(Clone, Copy, Debug)]
struct Record<'a> {
    /// Where its payload stands in the file.
    at: usize,
    payload: &'a [u8],
    /// Where its series stand in the payload; `None` if it has none.
    series: Option<usize>,
    /// How many symbols are defined up to its end.
    symbols: usize,
}

/// The series of a record.
#[derive(Debug, Default)]
struct Decoded {
    series: Vec<(SeriesId, Fingerprint, Labels)>,
    failed: Option<DecodeError>,
    /// It would take too much memory at once.
    is_large: bool,
}

/// Some records in a row.
#[derive(Debug, Default)]
struct Batch<'a> {
    records: Vec<Record<'a>>,
    decoded: Vec<Mutex<Decoded>>,
}

/// Goes through the records of a file.
#[derive(Debug)]
struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    symbols: Vec<&'a str>,
    /// Why the record at `at` is the last one that is looked at.
    failed: Option<(usize, DecodeError)>,
}

impl<'a> Walk<'a> {
    /// The next records, their symbols noted; none at the end.
    fn next_batch(&mut self) -> Batch<'a> {
        let mut batch = Batch::default();
        let mut bytes = 0;
        while bytes < BATCH_BYTES
            && self.failed.is_none()
            && let Some(payload) = record_at(self.bytes.get(self.at..).unwrap_or_default())
        {
            let at = self.at + RECORD_HEAD_BYTES;
            let mut reader = ByteReader::new(payload);
            let mut series = None;
            if payload.first() == Some(&KIND_DEFINITIONS) {
                let symbols = &mut self.symbols;
                let read = reader
                    .u8()
                    .and_then(|_| read_symbols(&mut reader, &mut |symbol| symbols.push(symbol)));
                if let Err(error) = read {
                    self.failed = Some((at, error));
                    break;
                }
                series = Some(reader.position());
            }
            batch.records.push(Record {
                at,
                payload,
                series,
                symbols: self.symbols.len(),
            });
            bytes += payload.len();
            self.at = at + payload.len();
        }
        batch.decoded = batch.records.iter().map(|_| Mutex::default()).collect();
        batch
    }
}

/// Decodes and hashes the series of a record, as long as their labels are not too many bytes.
fn decode(record: &Record<'_>, symbols: &[&str], key: &FingerprintKey) -> Decoded {
    let mut decoded = Decoded::default();
    let Some(start) = record.series else {
        return decoded;
    };
    let symbols = symbols.get(..record.symbols).unwrap_or_default();
    let mut budget = record.payload.len().saturating_mul(LABELS_BY_BYTES);
    let mut reader = ByteReader::new(record.payload);
    let read = reader.take(start).and_then(|_| {
        read_series(&mut reader, symbols, &mut |id, ShardId(_), labels| {
            let Some(rest) = budget.checked_sub(labels.as_bytes().len()) else {
                decoded.is_large = true;
                return Err("too large");
            };
            budget = rest;
            let fingerprint = key.of(FingerprintDomain::Canonical, labels.as_bytes());
            decoded.series.push((id, fingerprint, labels));
            Ok(())
        })
    });
    decoded.failed = read.err();
    if decoded.failed.is_none() && !reader.is_empty() {
        decoded.failed = Some(reader.error("bytes left behind the record"));
    }
    decoded
}

impl SeriesImage {
    /// As [`SeriesImage::read`], on so many threads; `visit` is called on this one, in order.
    ///
    /// # Errors
    /// As [`SeriesImage::read`].
    pub fn read_ahead(
        &self,
        covered: Option<&CoveredFile>,
        (key, threads): (&FingerprintKey, usize),
        visit: Visit<'_>,
    ) -> Result<SeriesEnd, SeriesError> {
        let mut walk = Walk {
            bytes: &self.bytes,
            at: SERIES_HEADER_BYTES,
            symbols: Vec::new(),
            failed: None,
        };
        if let Some(covered) = covered {
            walk.at = usize::try_from(covered.bytes).unwrap_or(usize::MAX);
            walk.symbols.resize(covered.symbols as usize, "");
        }
        let mut ready = Batch::default();
        loop {
            let next = walk.next_batch();
            let symbols = &*walk.symbols;
            let work = |number: usize| {
                if let Some((record, decoded)) =
                    next.records.get(number).zip(next.decoded.get(number))
                {
                    *decoded.lock() = decode(record, symbols, key);
                }
            };
            let insert = || self.visit_batch(ready, symbols, key, visit);
            let bytes = next.records.iter().map(|record| record.payload.len());
            let is_small = bytes.sum::<usize>() < BYTES_WORTH_THREADS;
            let threads = if is_small { 1 } else { threads };
            share_out(threads, next.records.len(), &work, insert)?;
            if next.records.is_empty() {
                break;
            }
            ready = next;
        }
        if let Some((at, error)) = walk.failed {
            return Err(corrupt(&self.path, at + error.offset, error.what));
        }
        Ok(SeriesEnd {
            header: self.header,
            end: walk.at as u64,
            torn_bytes: self.bytes.len().saturating_sub(walk.at) as u64,
            symbols: walk.symbols.into_iter().map(Box::from).collect(),
        })
    }

    fn visit_batch(
        &self,
        batch: Batch<'_>,
        symbols: &[&str],
        key: &FingerprintKey,
        visit: Visit<'_>,
    ) -> Result<(), SeriesError> {
        for (record, decoded) in batch.records.iter().zip(batch.decoded) {
            visit_record(record, decoded.into_inner(), (symbols, key), visit)
                .map_err(|error| corrupt(&self.path, record.at + error.offset, error.what))?;
        }
        Ok(())
    }
}

fn visit_record(
    record: &Record<'_>,
    decoded: Decoded,
    (symbols, key): (&[&str], &FingerprintKey),
    visit: Visit<'_>,
) -> Result<(), DecodeError> {
    let Some(start) = record.series else {
        return read_record(record.payload, &mut Vec::new(), &mut |one| match one {
            SeriesRecord::Metadata(one) => visit(HashedRecord::Metadata(one)),
            SeriesRecord::Series(..) => Err("series in a record of metadata"),
        });
    };
    if !decoded.is_large {
        for (id, fingerprint, labels) in decoded.series {
            visit(HashedRecord::Series(id, fingerprint, labels)).map_err(|what| DecodeError {
                what,
                offset: start,
            })?;
        }
        return decoded.failed.map_or(Ok(()), Err);
    }
    let symbols = symbols.get(..record.symbols).unwrap_or_default();
    let mut reader = ByteReader::new(record.payload);
    reader.take(start)?;
    read_series(&mut reader, symbols, &mut |id, ShardId(_), labels| {
        let fingerprint = key.of(FingerprintDomain::Canonical, labels.as_bytes());
        visit(HashedRecord::Series(id, fingerprint, labels))
    })?;
    if reader.is_empty() {
        Ok(())
    } else {
        Err(reader.error("bytes left behind the record"))
    }
}
