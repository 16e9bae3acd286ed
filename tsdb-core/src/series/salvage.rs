//! Reading what can still be read of a damaged series file.
//!
//! Symbols are numbered through the file, so a lost record shifts the numbers of those behind it.
//! By how much is told by the next record that defines any: it uses each symbol that it defines,
//! so the highest number in it is that of its last one.

use super::file::{KIND_DEFINITIONS, KIND_METADATA, RECORD_HEAD_BYTES};
use super::reader::{
    LABELS_BYTES_MAX, SeriesRecord, read_id, read_metadata, read_symbols, record_at,
};
use super::{SERIES_HEADER_BYTES, SeriesHeader, decode_header};
use crate::bits::{ByteReader, DecodeError, put_uvarint};
use crate::model::{Labels, SeriesId, ShardId};

/// Bytes of a series file that cannot be read, or cannot be understood any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostRecords {
    /// Where they begin in the file.
    pub offset: u64,
    /// How many there are.
    pub bytes: u64,
    /// What is wrong.
    pub what: String,
    /// Series whose names are lost lie between these ids, both included; without an end, up to
    /// the next file's first.
    pub series: (SeriesId, Option<SeriesId>),
}

/// What was found of a series file.
#[derive(Debug)]
pub struct SalvagedSeriesFile {
    /// The header, or what is wrong with it.
    pub header: Result<SeriesHeader, DecodeError>,
    /// What is lost of it.
    pub lost: Vec<LostRecords>,
    /// Behind the last whole record. What follows may be torn, or lost.
    pub end: u64,
    /// The highest id met.
    pub last_id: SeriesId,
}

/// Reads all records of a series file that are whole, and passes on what they say.
pub fn salvage_series(bytes: &[u8], visit: &mut dyn FnMut(SeriesRecord)) -> SalvagedSeriesFile {
    let header = decode_header(bytes);
    let mut pass = Pass {
        symbols: Vec::new(),
        shifted: false,
        lost_bytes: 0,
        last: SeriesId(0),
        nameless: Vec::new(),
    };
    let mut lost: Vec<LostRecords> = Vec::new();
    let mut at = SERIES_HEADER_BYTES.min(bytes.len());
    let mut end = at;
    let mut gap: Option<usize> = None;
    while let Some(payload) = next_record(bytes, &mut at) {
        let record = at;
        at += RECORD_HEAD_BYTES + payload.len();
        let before = pass.last;
        if record > end {
            gap = Some(lost.len());
            pass.shifted = true;
            pass.lost_bytes += (record - end) as u64;
            lost.push(LostRecords {
                offset: end as u64,
                bytes: (record - end) as u64,
                what: "a record whose checksum does not match: series or metadata".to_owned(),
                series: (SeriesId(before.0.saturating_add(1)), None),
            });
        }
        end = at;
        let read = pass.record(payload, visit);
        if let (Some(number), Some(first)) = (gap, read.first) {
            if let Some(one) = lost.get_mut(number) {
                one.series.1 = Some(SeriesId(first.0.saturating_sub(1)));
            }
            gap = None;
        }
        let place = (record as u64, (at - record) as u64);
        lost.extend(read.lost(place, std::mem::take(&mut pass.nameless)));
    }
    SalvagedSeriesFile {
        header,
        lost,
        end: end as u64,
        last_id: pass.last,
    }
}

/// The payload of the next whole record at `at` or behind it, `at` then being its place.
fn next_record<'a>(bytes: &'a [u8], at: &mut usize) -> Option<&'a [u8]> {
    let mut from = *at;
    while let Some(rest) = bytes.get(from..).filter(|rest| !rest.is_empty()) {
        if let Some(payload) = record_at(rest) {
            *at = from;
            return Some(payload);
        }
        from += 1;
    }
    None
}

/// What one record came to.
struct ReadRecord {
    /// The lowest id that it defines.
    first: Option<SeriesId>,
    bad: Option<DecodeError>,
}

impl ReadRecord {
    fn lost(
        &self,
        (offset, bytes): (u64, u64),
        nameless: Vec<SeriesId>,
    ) -> impl Iterator<Item = LostRecords> {
        let bad = self.bad.map(|error| LostRecords {
            offset,
            bytes,
            what: format!("a record that makes no sense: {error}"),
            series: (SeriesId(0), Some(SeriesId(0))),
        });
        let nameless = nameless.into_iter().map(move |id| LostRecords {
            offset,
            bytes,
            what: "a series whose labels are named by a lost record".to_owned(),
            series: (id, Some(id)),
        });
        bad.into_iter().chain(nameless)
    }
}

struct Pass {
    /// Texts by number; none for those of lost records.
    symbols: Vec<Option<Box<str>>>,
    /// Whether records were lost since the last one that defined symbols.
    shifted: bool,
    /// Bytes of lost records: each symbol takes one at least.
    lost_bytes: u64,
    last: SeriesId,
    nameless: Vec<SeriesId>,
}

struct Defined {
    id: SeriesId,
    shard: ShardId,
    labels: Vec<u64>,
}

impl Pass {
    fn record(&mut self, payload: &[u8], visit: &mut dyn FnMut(SeriesRecord)) -> ReadRecord {
        let mut reader = ByteReader::new(payload);
        let mut read = ReadRecord {
            first: None,
            bad: None,
        };
        let done = match reader.u8() {
            Ok(KIND_DEFINITIONS) => self.definitions(&mut reader, visit, &mut read.first),
            Ok(KIND_METADATA) => read_metadata(&mut reader, &mut |one| {
                visit(SeriesRecord::Metadata(one));
                Ok(())
            }),
            Ok(_) => Err(reader.error("unknown kind of record")),
            Err(error) => Err(error),
        };
        read.bad = done.err();
        read
    }

    fn definitions(
        &mut self,
        reader: &mut ByteReader<'_>,
        visit: &mut dyn FnMut(SeriesRecord),
        first: &mut Option<SeriesId>,
    ) -> Result<(), DecodeError> {
        let mut texts: Vec<Box<str>> = Vec::new();
        read_symbols(reader, &mut |symbol| texts.push(Box::from(symbol)))?;
        let series = read_numbers(reader)?;
        let highest = series.iter().flat_map(|one| &one.labels).max();
        let next = highest.map_or(0, |highest| highest.saturating_add(1));
        let begin = next.checked_sub(texts.len() as u64);
        if !texts.is_empty() {
            let known = self.symbols.len() as u64;
            match begin {
                _ if self.lost_bytes == 0 => {}
                Some(begin) if begin == known => self.shifted = false,
                Some(begin)
                    if self.shifted && begin > known && begin - known <= self.lost_bytes =>
                {
                    let begin = usize::try_from(begin).unwrap_or(usize::MAX);
                    self.symbols.resize(begin, None);
                    self.shifted = false;
                }
                _ => {
                    // Where its symbols stand cannot be told: nobody may be named by them.
                    self.shifted = true;
                    texts.clear();
                }
            }
        }
        let usable = !self.shifted || texts.is_empty();
        if usable {
            self.symbols.extend(texts.into_iter().map(Some));
        }
        for one in series {
            first.get_or_insert(one.id);
            self.last = self.last.max(one.id);
            match self.labels(&one.labels) {
                Some(labels) => visit(SeriesRecord::Series(one.id, one.shard, labels)),
                None => self.nameless.push(one.id),
            }
        }
        if reader.is_empty() {
            Ok(())
        } else {
            Err(reader.error("bytes left behind the record"))
        }
    }

    fn labels(&self, numbers: &[u64]) -> Option<Labels> {
        let mut canonical = Vec::new();
        for number in numbers {
            let text = self
                .symbols
                .get(usize::try_from(*number).ok()?)?
                .as_deref()?;
            put_uvarint(&mut canonical, text.len() as u64);
            canonical.extend_from_slice(text.as_bytes());
            if canonical.len() > LABELS_BYTES_MAX {
                return None;
            }
        }
        Labels::from_bytes(canonical.into()).ok()
    }
}

fn read_numbers(reader: &mut ByteReader<'_>) -> Result<Vec<Defined>, DecodeError> {
    let mut series = Vec::new();
    let mut id = SeriesId(0);
    for _ in 0..reader.uvarint()? {
        let shard = read_id(reader, &mut id)?;
        let mut labels = Vec::new();
        for _ in 0..reader.uvarint()? {
            labels.push(reader.uvarint()?);
            labels.push(reader.uvarint()?);
        }
        series.push(Defined { id, shard, labels });
    }
    Ok(series)
}
