//! Header, footer and trailer: how a run begins and ends. `docs/format/run.md` draws them.

use std::path::Path;

use super::RunError;
use super::meta::{RunHeader, RunMeta, SectionMeta};
use crate::bits::{ByteReader, DecodeError, check_crc, crc32c, put_i64, put_u32, put_u64};
use crate::model::{Generation, NamespaceId, RunId, SeriesId, Window};

/// The version of the run format that this build reads and writes.
pub const FORMAT_VERSION: u32 = 1;

pub(super) const MAGIC: [u8; 8] = *b"tsdb-run";
pub(super) const TRAILER_MAGIC: [u8; 8] = *b"run-tail";
pub(super) const CRC_BYTES: usize = 4;

/// Namespace, run id, first and last generation.
const IDENTITY_BYTES: usize = 4 + 8 + 8 + 8;
pub(super) const HEADER_BYTES: usize = 8 + 4 + IDENTITY_BYTES + CRC_BYTES;
pub(super) const SECTION_BYTES: usize = 11 * 8 + 4;
/// Footer offset and length, version, checksum, magic.
pub(super) const TRAILER_BYTES: usize = 8 + 4 + 4 + CRC_BYTES + 8;

/// A directory page is closed at the first new series behind this many bytes.
pub(super) const PAGE_BYTES: usize = 4096;
/// A directory page is closed at this many bytes, even within a series.
pub(super) const PAGE_BYTES_HARD: usize = 2 * PAGE_BYTES;
/// No directory page is longer: the hard limit, its last entry and its frame.
pub(super) const PAGE_BYTES_MAX: usize = 2 * PAGE_BYTES_HARD;
/// A directory page is closed when its chunks take this many bytes.
pub(super) const PAGE_DATA_BYTES: usize = 256 << 10;
/// Closed pages are kept this long, so that they lie together in the file.
pub(super) const DIRECTORY_BATCH_BYTES: usize = 1 << 20;
/// The longest chunk: 65,535 samples of which none resembles the last take less.
pub(super) const CHUNK_BYTES_MAX: usize = 2 << 20;

/// The 44 bytes in front of everything.
pub(super) fn encode_header(header: &RunHeader) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_BYTES);
    out.extend_from_slice(&MAGIC);
    put_u32(&mut out, FORMAT_VERSION);
    put_identity(&mut out, header);
    let crc = crc32c(&out);
    put_u32(&mut out, crc);
    out
}

pub(super) fn decode_header(path: &Path, bytes: &[u8]) -> Result<RunHeader, RunError> {
    let at = |error| RunError::decode(path, 0, error);
    let mut reader = ByteReader::new(bytes);
    if reader.array::<8>().map_err(at)? != MAGIC {
        return Err(RunError::corrupt(path, 0, "not a run file: wrong magic"));
    }
    let version = reader.u32().map_err(at)?;
    let header = read_identity(&mut reader).map_err(at)?;
    check_crc(&mut reader, bytes, "wrong checksum of the header").map_err(at)?;
    check_version(path, version)?;
    Ok(header)
}

pub(super) fn encode_footer(header: &RunHeader, sections: &[SectionMeta]) -> Vec<u8> {
    let mut out = Vec::with_capacity(footer_len(sections.len()));
    put_identity(&mut out, header);
    // Sections are counted in four bytes: their length in the trailer is checked by the writer.
    put_u32(&mut out, u32::try_from(sections.len()).unwrap_or(u32::MAX));
    for section in sections {
        put_i64(&mut out, section.window.start);
        put_i64(&mut out, section.window.last);
        put_i64(&mut out, section.min_time);
        put_i64(&mut out, section.max_time);
        put_u64(&mut out, section.first_series.0);
        put_u64(&mut out, section.last_series.0);
        put_u64(&mut out, section.series);
        put_u64(&mut out, section.chunks);
        put_u64(&mut out, section.samples);
        put_u64(&mut out, section.offset);
        put_u64(&mut out, section.index_offset);
        put_u32(&mut out, section.index_len);
    }
    let crc = crc32c(&out);
    put_u32(&mut out, crc);
    out
}

pub(super) fn footer_len(sections: usize) -> usize {
    IDENTITY_BYTES + 4 + sections.saturating_mul(SECTION_BYTES) + CRC_BYTES
}

/// Reads a footer that stands at `offset` of a file of `file_len` bytes: what it tells together,
/// and its sections.
pub(super) fn decode_footer(
    path: &Path,
    offset: u64,
    bytes: &[u8],
    file_len: u64,
) -> Result<(RunMeta, Vec<SectionMeta>), RunError> {
    let at = |error| RunError::decode(path, offset, error);
    let mut reader = ByteReader::new(bytes);
    let body = bytes.len().saturating_sub(CRC_BYTES);
    reader.take(body).map_err(at)?;
    check_crc(&mut reader, bytes, "wrong checksum of the footer").map_err(at)?;
    let mut reader = ByteReader::new(bytes);
    let header = read_identity(&mut reader).map_err(at)?;
    let count = reader.u32().map_err(at)?;
    if footer_len(usize::try_from(count).unwrap_or(usize::MAX)) != bytes.len() {
        return Err(at(
            reader.error("section count does not match the footer's length")
        ));
    }
    let mut sections = Vec::with_capacity(body / SECTION_BYTES);
    let mut end = HEADER_BYTES as u64;
    for _ in 0..count {
        let begin = reader.position();
        let section = read_section(&mut reader).map_err(at)?;
        check_section(&section, sections.last(), end).map_err(|what| {
            at(DecodeError {
                what,
                offset: begin,
            })
        })?;
        end = section.end();
        sections.push(section);
    }
    if end != offset {
        return Err(RunError::corrupt(
            path,
            end,
            "bytes that belong to no section",
        ));
    }
    Ok((RunMeta::of(header, file_len, &sections), sections))
}

fn read_section(reader: &mut ByteReader<'_>) -> Result<SectionMeta, DecodeError> {
    let start = reader.i64()?;
    let last = reader.i64()?;
    Ok(SectionMeta {
        window: Window { start, last },
        min_time: reader.i64()?,
        max_time: reader.i64()?,
        first_series: SeriesId(reader.u64()?),
        last_series: SeriesId(reader.u64()?),
        series: reader.u64()?,
        chunks: reader.u64()?,
        samples: reader.u64()?,
        offset: reader.u64()?,
        index_offset: reader.u64()?,
        index_len: reader.u32()?,
    })
}

/// Sections follow each other without gaps, in order of their windows, none of them empty.
fn check_section(
    section: &SectionMeta,
    previous: Option<&SectionMeta>,
    begin: u64,
) -> Result<(), &'static str> {
    let window = section.window;
    if previous.is_some_and(|previous| previous.window >= window) {
        return Err("sections out of order");
    }
    if section.min_time > section.max_time
        || section.min_time < window.start
        || section.max_time > window.last
    {
        return Err("times of a section outside its window");
    }
    if section.first_series > section.last_series {
        return Err("series ids of a section out of order");
    }
    if section.series == 0
        || section.chunks < section.series
        || section.samples < section.chunks
        || section.chunks > section.bytes()
    {
        return Err("impossible counts of a section");
    }
    if section.offset != begin || section.index_offset <= section.offset {
        return Err("a section that does not begin where the one before ends");
    }
    Ok(())
}

pub(super) fn encode_trailer(footer_offset: u64, footer_len: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(TRAILER_BYTES);
    put_u64(&mut out, footer_offset);
    put_u32(&mut out, footer_len);
    put_u32(&mut out, FORMAT_VERSION);
    let crc = crc32c(&out);
    put_u32(&mut out, crc);
    out.extend_from_slice(&TRAILER_MAGIC);
    out
}

/// Offset and length of the footer, from the last bytes of a file of `file_len` bytes.
pub(super) fn decode_trailer(
    path: &Path,
    bytes: &[u8],
    file_len: u64,
) -> Result<(u64, u32), RunError> {
    let base = file_len.saturating_sub(TRAILER_BYTES as u64);
    let at = |error| RunError::decode(path, base, error);
    let mut reader = ByteReader::new(bytes);
    let offset = reader.u64().map_err(at)?;
    let len = reader.u32().map_err(at)?;
    let version = reader.u32().map_err(at)?;
    let covered = reader.position();
    let crc = reader.u32().map_err(at)?;
    if reader.array::<8>().map_err(at)? != TRAILER_MAGIC {
        return Err(RunError::corrupt(
            path,
            base,
            "no trailer: not a run, or one cut short",
        ));
    }
    if crc32c(bytes.get(..covered).unwrap_or_default()) != crc {
        return Err(RunError::corrupt(
            path,
            base,
            "wrong checksum of the trailer",
        ));
    }
    check_version(path, version)?;
    if offset < HEADER_BYTES as u64 || offset.checked_add(u64::from(len)) != Some(base) {
        return Err(RunError::corrupt(
            path,
            base,
            "the footer does not end at the trailer",
        ));
    }
    Ok((offset, len))
}

fn put_identity(out: &mut Vec<u8>, header: &RunHeader) {
    put_u32(out, header.namespace.0);
    put_u64(out, header.id.0);
    put_u64(out, header.first_generation.0);
    put_u64(out, header.last_generation.0);
}

fn read_identity(reader: &mut ByteReader<'_>) -> Result<RunHeader, DecodeError> {
    let header = RunHeader {
        namespace: NamespaceId(reader.u32()?),
        id: RunId(reader.u64()?),
        first_generation: Generation(reader.u64()?),
        last_generation: Generation(reader.u64()?),
    };
    if header.first_generation > header.last_generation {
        return Err(reader.error("generations out of order"));
    }
    Ok(header)
}

fn check_version(path: &Path, version: u32) -> Result<(), RunError> {
    if version != FORMAT_VERSION {
        return Err(RunError::Version {
            path: path.to_owned(),
            version,
        });
    }
    Ok(())
}
