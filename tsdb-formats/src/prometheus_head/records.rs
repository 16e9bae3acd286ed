//! Records of a segment: in pages of 32 KiB, cut into fragments, each with a checksum.

use std::io::Read as _;
use std::path::Path;

use tsdb_core::bits::crc32c;
use tsdb_core::vfs::Vfs;

use super::segments::Segment;
use crate::prometheus_block::{BlockError, Source};

/// Bytes of a page.
const PAGE_BYTES: usize = 32 << 10;
/// Bytes in front of a fragment: kind, length, checksum.
const HEADER_BYTES: usize = 7;
/// Longest record in bytes, before and after it is unpacked.
const RECORD_BYTES_MAX: usize = 64 << 20;
/// Says that the record is compressed with snappy.
const SNAPPY: u8 = 0b0000_1000;
/// Says that the record is compressed with zstd.
const ZSTD: u8 = 0b0001_0000;

/// What a fragment is of its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// None: the rest of the page is empty.
    Padding,
    Full,
    First,
    Middle,
    Last,
}

/// Reads the records of a segment one by one.
#[derive(Debug)]
pub(super) struct Records {
    source: Source,
    may_be_torn: bool,
    page: Vec<u8>,
    /// Where the page in memory begins.
    page_start: u64,
    at: u64,
    packed: Vec<u8>,
    record: Vec<u8>,
}

impl Records {
    pub(super) fn open(vfs: &dyn Vfs, segment: &Segment) -> Result<Self, BlockError> {
        Ok(Self {
            source: Source::open(vfs, &segment.path)?,
            may_be_torn: segment.is_last,
            page: Vec::new(),
            page_start: 0,
            at: 0,
            packed: Vec::new(),
            record: Vec::new(),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.source.path
    }

    /// The next record and where it begins. After an error nothing more can be read of the segment.
    pub(super) fn next(&mut self) -> Result<Option<(u64, &[u8])>, BlockError> {
        self.packed.clear();
        let mut begun: Option<u64> = None;
        loop {
            let at = self.at;
            let Some((kind, flags, data)) = self.fragment()? else {
                if begun.is_none() || self.may_be_torn {
                    return Ok(None);
                }
                return Err(self.source.damaged(at, "the segment ends within a record"));
            };
            let expected = match begun {
                None => matches!(kind, Kind::Full | Kind::First),
                Some(_) => matches!(kind, Kind::Middle | Kind::Last),
            };
            match kind {
                Kind::Padding => continue,
                _ if !expected => {
                    return Err(self
                        .source
                        .damaged(at, "fragments of records out of their order"));
                }
                _ => {}
            }
            if self.packed.len() + data.len() > RECORD_BYTES_MAX {
                let why = format!("a record of more than {RECORD_BYTES_MAX} bytes");
                return Err(self.source.damaged(at, why));
            }
            let data = self.page.get(data).unwrap_or_default();
            self.packed.extend_from_slice(data);
            let start = *begun.get_or_insert(at);
            if matches!(kind, Kind::Full | Kind::Last) {
                self.unpack(start, flags)?;
                return Ok(Some((start, &self.record)));
            }
        }
    }

    /// Kind, flags and place in the page of the next fragment; `None` behind the last.
    fn fragment(&mut self) -> Result<Option<(Kind, u8, std::ops::Range<usize>)>, BlockError> {
        let at = self.at;
        let torn = |this: &Self, why: &str| match this.may_be_torn {
            true => Ok(None),
            false => Err(this.source.damaged(at, why)),
        };
        if at >= self.source.len {
            return Ok(None);
        }
        self.load()?;
        let within = usize::try_from(at - self.page_start).unwrap_or(PAGE_BYTES);
        let rest = self.page.get(within..).unwrap_or_default();
        let Some((&first, _)) = rest.split_first() else {
            return Ok(None);
        };
        // Bits that mean nothing yet are damage, or of a later version.
        let known = first & !(SNAPPY | ZSTD);
        let kind = match known {
            0 => Kind::Padding,
            1 => Kind::Full,
            2 => Kind::First,
            3 => Kind::Middle,
            4 => Kind::Last,
            _ => return Err(self.source.damaged(at, "a fragment of an unknown kind")),
        };
        if kind == Kind::Padding {
            if rest.iter().any(|byte| *byte != 0) {
                return Err(self
                    .source
                    .damaged(at, "bytes behind the end of a page's records"));
            }
            self.at = self.page_start + self.page.len() as u64;
            return Ok(Some((kind, 0, 0..0)));
        }
        let Some([_, high, low, a, b, c, d]) = rest.first_chunk::<HEADER_BYTES>() else {
            return torn(self, "the segment ends within the head of a fragment");
        };
        let len = usize::from(*high) << 8 | usize::from(*low);
        let kept = u32::from_le_bytes([*d, *c, *b, *a]);
        if within + HEADER_BYTES + len > PAGE_BYTES {
            return Err(self
                .source
                .damaged(at, "a fragment reaches into the next page"));
        }
        let start = within + HEADER_BYTES;
        let Some(data) = self.page.get(start..start + len) else {
            return torn(self, "the segment ends within a fragment");
        };
        let found = crc32c(data);
        if found != kept {
            return Err(BlockError::checksum(
                &self.source.path,
                at,
                "a fragment",
                found,
                kept,
            ));
        }
        self.at = at + (HEADER_BYTES + len) as u64;
        Ok(Some((kind, first & (SNAPPY | ZSTD), start..start + len)))
    }

    /// Has the page of the present place in memory.
    fn load(&mut self) -> Result<(), BlockError> {
        let page_bytes = PAGE_BYTES as u64;
        let start = self.at / page_bytes * page_bytes;
        if start == self.page_start && !self.page.is_empty() {
            return Ok(());
        }
        let left = (self.source.len - start).min(page_bytes);
        self.page.clear();
        self.page.resize(usize::try_from(left).unwrap_or(0), 0);
        self.page_start = start;
        self.source.read(&mut self.page, start)
    }

    /// Puts the record of all its fragments into `record`.
    fn unpack(&mut self, at: u64, compressed: u8) -> Result<(), BlockError> {
        self.record.clear();
        let unpacked = match compressed {
            SNAPPY => unpack_snappy(&self.packed, &mut self.record),
            ZSTD => unpack_zstd(&self.packed, &mut self.record),
            0 => {
                std::mem::swap(&mut self.packed, &mut self.record);
                Ok(())
            }
            _ => Err("a record that is compressed twice".to_owned()),
        };
        unpacked.map_err(|why| self.source.damaged(at, why))
    }
}

fn unpack_snappy(packed: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    let malformed = |error: snap::Error| format!("a record that is no snappy: {error}");
    if packed.is_empty() {
        return Ok(());
    }
    let len = snap::raw::decompress_len(packed).map_err(malformed)?;
    // Snappy makes at most 64 bytes of three.
    if len > RECORD_BYTES_MAX || len / 64 > packed.len() {
        return Err(format!("a record that says it unpacks to {len} bytes"));
    }
    out.resize(len, 0);
    let written = snap::raw::Decoder::new().decompress(packed, out);
    out.truncate(written.map_err(malformed)?);
    Ok(())
}

fn unpack_zstd(packed: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    if packed.is_empty() {
        return Ok(());
    }
    let decoder = ruzstd::decoding::StreamingDecoder::new(packed);
    let decoder = decoder.map_err(|error| format!("a record that is no zstd: {error}"))?;
    let limit = RECORD_BYTES_MAX as u64 + 1;
    let read = decoder.take(limit).read_to_end(out);
    read.map_err(|error| format!("a record that is no zstd: {error}"))?;
    if out.len() > RECORD_BYTES_MAX {
        return Err(format!(
            "a record that unpacks to more than {RECORD_BYTES_MAX} bytes"
        ));
    }
    Ok(())
}
