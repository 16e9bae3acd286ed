//! Header, footer and trailer: how a block begins and ends. `docs/format/block.md` draws them.

use std::path::Path;

use super::BlockError;
use super::meta::{BlockHeader, BlockMeta, Footer, Span};
use crate::bits::{ByteReader, DecodeError, check_crc, crc32c, put_i64, put_u32, put_u64};
use crate::model::{BlockId, Generation, NamespaceId, SeriesId, Window};

/// The version of the block format that this build reads and writes.
pub const FORMAT_VERSION: u32 = 1;

pub(super) const MAGIC: [u8; 8] = *b"tsdb-blk";
pub(super) const TRAILER_MAGIC: [u8; 8] = *b"blk-tail";
pub(super) const CRC_BYTES: usize = 4;

/// Namespace, block id, first and last generation, both ends of the window.
const IDENTITY_BYTES: usize = 4 + 8 + 8 + 8 + 8 + 8;
pub(super) const HEADER_BYTES: usize = 8 + 4 + IDENTITY_BYTES + CRC_BYTES;
/// Identity, flags, times, ids, rows, samples, longest row, three spans, checksum.
pub(super) const FOOTER_BYTES: usize =
    IDENTITY_BYTES + 4 + 2 * 8 + 2 * 8 + 4 + 2 * 8 + 3 * 16 + CRC_BYTES;
/// Footer offset and length, version, checksum, magic.
pub(super) const TRAILER_BYTES: usize = 8 + 4 + 4 + CRC_BYTES + 8;
/// All that opening reads.
pub(super) const TAIL_BYTES: usize = FOOTER_BYTES + TRAILER_BYTES;

/// A group is closed at the first new row behind this many bytes of pages.
pub(super) const GROUP_DATA_BYTES: usize = 1 << 20;
/// A group is closed when its directory takes this many bytes.
pub(super) const GROUP_DIRECTORY_BYTES: usize = 64 << 10;
/// A group has at most this many rows.
pub(super) const GROUP_ROWS_MAX: usize = 1024;
/// Pages are covered by a checksum for each piece of this many bytes.
pub(super) const CHECKED_BYTES: usize = 4096;

const FLAG_DENSE: u32 = 1;
const FLAG_HISTOGRAMS: u32 = 2;

/// The bytes in front of everything.
pub(super) fn encode_header(header: &BlockHeader) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_BYTES);
    out.extend_from_slice(&MAGIC);
    put_u32(&mut out, FORMAT_VERSION);
    put_identity(&mut out, header);
    let crc = crc32c(&out);
    put_u32(&mut out, crc);
    out
}

pub(super) fn decode_header(path: &Path, bytes: &[u8]) -> Result<BlockHeader, BlockError> {
    let at = |error| BlockError::decode(path, 0, error);
    let mut reader = ByteReader::new(bytes);
    if reader.array::<8>().map_err(at)? != MAGIC {
        return Err(BlockError::corrupt(
            path,
            0,
            "not a block file: wrong magic",
        ));
    }
    let version = reader.u32().map_err(at)?;
    let header = read_identity(&mut reader).map_err(at)?;
    check_crc(&mut reader, bytes, "wrong checksum of the header").map_err(at)?;
    check_version(path, version)?;
    Ok(header)
}

pub(super) fn encode_footer(footer: &Footer) -> Vec<u8> {
    let meta = &footer.meta;
    let mut out = Vec::with_capacity(FOOTER_BYTES);
    put_identity(&mut out, &meta.header);
    let flags = [(meta.dense, FLAG_DENSE), (meta.histograms, FLAG_HISTOGRAMS)];
    let flags = flags.iter().filter(|(set, _)| *set);
    put_u32(&mut out, flags.fold(0, |all, (_, flag)| all | flag));
    put_i64(&mut out, meta.min_time);
    put_i64(&mut out, meta.max_time);
    put_u64(&mut out, meta.first_series.0);
    put_u64(&mut out, meta.last_series.0);
    put_u32(&mut out, meta.rows);
    put_u64(&mut out, meta.samples);
    put_u64(&mut out, meta.row_samples_max);
    for span in [footer.tables, footer.group_index, footer.labels] {
        put_u64(&mut out, span.offset);
        put_u64(&mut out, span.len);
    }
    let crc = crc32c(&out);
    put_u32(&mut out, crc);
    out
}

/// Reads the footer that stands at `offset` of a file of `file_len` bytes.
pub(super) fn decode_footer(
    path: &Path,
    offset: u64,
    bytes: &[u8],
    file_len: u64,
) -> Result<Footer, BlockError> {
    let at = |error| BlockError::decode(path, offset, error);
    let mut reader = ByteReader::new(bytes);
    reader
        .take(bytes.len().saturating_sub(CRC_BYTES))
        .map_err(at)?;
    check_crc(&mut reader, bytes, "wrong checksum of the footer").map_err(at)?;
    let mut reader = ByteReader::new(bytes);
    let footer = read_footer(&mut reader, file_len).map_err(at)?;
    check_footer(&footer, offset).map_err(|what| at(DecodeError { what, offset: 0 }))?;
    Ok(footer)
}

fn read_footer(reader: &mut ByteReader<'_>, bytes: u64) -> Result<Footer, DecodeError> {
    let header = read_identity(reader)?;
    let flags = reader.u32()?;
    if flags & !(FLAG_DENSE | FLAG_HISTOGRAMS) != 0 {
        return Err(reader.error("unknown flags of a block"));
    }
    let meta = BlockMeta {
        header,
        bytes,
        dense: flags & FLAG_DENSE != 0,
        histograms: flags & FLAG_HISTOGRAMS != 0,
        min_time: reader.i64()?,
        max_time: reader.i64()?,
        first_series: SeriesId(reader.u64()?),
        last_series: SeriesId(reader.u64()?),
        rows: reader.u32()?,
        samples: reader.u64()?,
        row_samples_max: reader.u64()?,
    };
    let mut span = || -> Result<Span, DecodeError> {
        Ok(Span {
            offset: reader.u64()?,
            len: reader.u64()?,
        })
    };
    Ok(Footer {
        meta,
        tables: span()?,
        group_index: span()?,
        labels: span()?,
    })
}

/// Tables, group index and labels follow each other and end where the footer begins.
fn check_footer(footer: &Footer, footer_offset: u64) -> Result<(), &'static str> {
    let meta = &footer.meta;
    let window = meta.header.window;
    if meta.min_time > meta.max_time || meta.min_time < window.start || meta.max_time > window.last
    {
        return Err("times of a block outside its window");
    }
    if meta.first_series > meta.last_series {
        return Err("series ids of a block out of order");
    }
    if meta.rows == 0
        || meta.samples < u64::from(meta.rows)
        || meta.row_samples_max == 0
        || meta.row_samples_max > meta.samples
    {
        return Err("impossible counts of a block");
    }
    if footer.tables.offset < HEADER_BYTES as u64
        || footer.tables.end() != footer.group_index.offset
        || footer.group_index.end() != footer.labels.offset
        || footer.labels.end() != footer_offset
    {
        return Err("parts of a block that do not follow each other");
    }
    Ok(())
}

pub(super) fn encode_trailer(footer_offset: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(TRAILER_BYTES);
    put_u64(&mut out, footer_offset);
    put_u32(&mut out, FOOTER_BYTES as u32);
    put_u32(&mut out, FORMAT_VERSION);
    let crc = crc32c(&out);
    put_u32(&mut out, crc);
    out.extend_from_slice(&TRAILER_MAGIC);
    out
}

/// Offset of the footer, from the last bytes of a file of `file_len` bytes.
pub(super) fn decode_trailer(path: &Path, bytes: &[u8], file_len: u64) -> Result<u64, BlockError> {
    let base = file_len.saturating_sub(TRAILER_BYTES as u64);
    let at = |error| BlockError::decode(path, base, error);
    let mut reader = ByteReader::new(bytes);
    let offset = reader.u64().map_err(at)?;
    let len = reader.u32().map_err(at)?;
    let version = reader.u32().map_err(at)?;
    let covered = reader.position();
    let crc = reader.u32().map_err(at)?;
    let corrupt = |what| Err(BlockError::corrupt(path, base, what));
    if reader.array::<8>().map_err(at)? != TRAILER_MAGIC {
        return corrupt("no trailer: not a block, or one cut short");
    }
    if crc32c(bytes.get(..covered).unwrap_or_default()) != crc {
        return corrupt("wrong checksum of the trailer");
    }
    check_version(path, version)?;
    let footer = u64::from(len);
    if footer != FOOTER_BYTES as u64
        || offset < HEADER_BYTES as u64
        || offset.checked_add(footer) != Some(base)
    {
        return corrupt("the footer does not end at the trailer");
    }
    Ok(offset)
}

fn put_identity(out: &mut Vec<u8>, header: &BlockHeader) {
    put_u32(out, header.namespace.0);
    put_u64(out, header.id.0);
    put_u64(out, header.first_generation.0);
    put_u64(out, header.last_generation.0);
    put_i64(out, header.window.start);
    put_i64(out, header.window.last);
}

fn read_identity(reader: &mut ByteReader<'_>) -> Result<BlockHeader, DecodeError> {
    let header = BlockHeader {
        namespace: NamespaceId(reader.u32()?),
        id: BlockId(reader.u64()?),
        first_generation: Generation(reader.u64()?),
        last_generation: Generation(reader.u64()?),
        window: Window {
            start: reader.i64()?,
            last: reader.i64()?,
        },
    };
    if header.first_generation > header.last_generation {
        return Err(reader.error("generations out of order"));
    }
    if header.window.start > header.window.last {
        return Err(reader.error("a window that ends before it starts"));
    }
    Ok(header)
}

fn check_version(path: &Path, version: u32) -> Result<(), BlockError> {
    if version != FORMAT_VERSION {
        return Err(BlockError::Version {
            path: path.to_owned(),
            version,
        });
    }
    Ok(())
}
