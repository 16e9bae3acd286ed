//! The file of a namespace's exemplars: written whole, read whole.

use std::path::{Path, PathBuf};

use crate::bits::{ByteReader, DecodeError, crc32c, put_ivarint, put_u32, put_u64, put_uvarint};
use crate::model::{Exemplar, Generation, Labels, NamespaceId};

/// First bytes of the file.
pub const EXEMPLARS_MAGIC: [u8; 8] = *b"TSDBEXM\n";
/// Version of its format.
pub const EXEMPLARS_VERSION: u32 = 1;
/// Magic, version, namespace, generation, next arrival, limit, number of series and of exemplars,
/// length of both sections, checksum.
pub const EXEMPLARS_HEADER_BYTES: usize = 8 + 4 + 4 + 8 + 8 + 8 + 4 + 4 + 8 + 8 + CRC_BYTES;

const CRC_BYTES: usize = 4;

/// Path of the file.
#[must_use]
pub fn exemplars_path(namespace: &Path) -> PathBuf {
    namespace.join("EXEMPLARS")
}

/// What stands at the front of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExemplarsHeader {
    /// Whose they are.
    pub namespace: NamespaceId,
    /// The newest generation that an exemplar was of.
    pub generation: Generation,
    /// The number of the next exemplar that arrives: those below are in the file, or were
    /// displaced or deleted.
    pub next_arrival: u64,
    /// How many the writer's ring could hold.
    pub limit: u64,
}

/// An exemplar as the file holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedExemplar {
    /// Which of the file's series it belongs to.
    pub series: usize,
    /// The generation whose log held it.
    pub generation: Generation,
    /// The exemplar.
    pub exemplar: Exemplar,
}

/// The content of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExemplarsImage {
    /// Its header.
    pub header: ExemplarsHeader,
    /// Labels of the series that have any.
    pub series: Vec<Labels>,
    /// In order of arrival.
    pub exemplars: Vec<SavedExemplar>,
}

impl ExemplarsHeader {
    /// Reads the header alone.
    ///
    /// # Errors
    /// When it is cut short, of another format or version, or its checksum does not match.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Sections::decode(&mut ByteReader::new(bytes)).map(|sections| sections.header)
    }
}

/// The header with what it says of the rest.
struct Sections {
    header: ExemplarsHeader,
    series: usize,
    exemplars: usize,
    series_bytes: u64,
    exemplars_bytes: u64,
}

impl Sections {
    fn decode(reader: &mut ByteReader<'_>) -> Result<Self, DecodeError> {
        let head = reader.take(EXEMPLARS_HEADER_BYTES)?;
        let mut fields = ByteReader::new(head);
        if fields.array::<8>()? != EXEMPLARS_MAGIC {
            return Err(DecodeError {
                what: "not a file of exemplars: wrong magic",
                offset: 0,
            });
        }
        let version = fields.u32()?;
        let header = ExemplarsHeader {
            namespace: NamespaceId(fields.u32()?),
            generation: Generation(fields.u64()?),
            next_arrival: fields.u64()?,
            limit: fields.u64()?,
        };
        let sections = Self {
            header,
            series: fields.u32()? as usize,
            exemplars: fields.u32()? as usize,
            series_bytes: fields.u64()?,
            exemplars_bytes: fields.u64()?,
        };
        let covered = head.get(..EXEMPLARS_HEADER_BYTES - CRC_BYTES);
        if fields.u32()? != crc32c(covered.unwrap_or_default()) {
            return Err(fields.error("checksum of the header does not match"));
        }
        if version != EXEMPLARS_VERSION {
            return Err(DecodeError {
                what: "a version of the format that this build does not read: open it with a newer one",
                offset: 8,
            });
        }
        Ok(sections)
    }
}

impl ExemplarsImage {
    /// The bytes of the file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut series = Vec::new();
        for labels in &self.series {
            put_bytes(&mut series, labels.as_bytes());
        }
        let mut exemplars = Vec::new();
        let (mut generation, mut timestamp) = (0, 0i64);
        for saved in &self.exemplars {
            put_uvarint(&mut exemplars, saved.series as u64);
            put_uvarint(&mut exemplars, saved.generation.0.wrapping_sub(generation));
            let one = &saved.exemplar;
            put_ivarint(&mut exemplars, one.timestamp.wrapping_sub(timestamp));
            put_u64(&mut exemplars, one.value.to_bits());
            put_bytes(&mut exemplars, one.labels.as_bytes());
            (generation, timestamp) = (saved.generation.0, one.timestamp);
        }
        let narrow = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        let mut out = EXEMPLARS_MAGIC.to_vec();
        put_u32(&mut out, EXEMPLARS_VERSION);
        put_u32(&mut out, self.header.namespace.0);
        put_u64(&mut out, self.header.generation.0);
        put_u64(&mut out, self.header.next_arrival);
        put_u64(&mut out, self.header.limit);
        put_u32(&mut out, narrow(self.series.len()));
        put_u32(&mut out, narrow(self.exemplars.len()));
        put_u64(&mut out, series.len() as u64);
        put_u64(&mut out, exemplars.len() as u64);
        let crc = crc32c(&out);
        put_u32(&mut out, crc);
        for section in [series, exemplars] {
            out.extend_from_slice(&section);
            put_u32(&mut out, crc32c(&section));
        }
        out
    }

    /// Reads the whole file.
    ///
    /// # Errors
    /// When it is cut short, of another format or version, or anything in it does not fit.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = ByteReader::new(bytes);
        let sections = Sections::decode(&mut reader)?;
        let series = section(&mut reader, sections.series_bytes)?;
        let exemplars = section(&mut reader, sections.exemplars_bytes)?;
        if !reader.is_empty() {
            return Err(reader.error("bytes behind the last section"));
        }
        let series = decode_series(series, sections.series)?;
        let exemplars = decode_exemplars(exemplars, sections.exemplars, series.len())?;
        let header = sections.header;
        if header.next_arrival < exemplars.len() as u64 {
            return Err(reader.error("more exemplars than ever arrived"));
        }
        let last = exemplars.last().map_or(Generation(0), |one| one.generation);
        if last > header.generation {
            return Err(reader.error("an exemplar of a later generation than the file's"));
        }
        Ok(Self {
            header,
            series,
            exemplars,
        })
    }
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_uvarint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// A section of so many bytes, its checksum checked; the reader stands behind it.
fn section<'a>(reader: &mut ByteReader<'a>, len: u64) -> Result<ByteReader<'a>, DecodeError> {
    let len = usize::try_from(len).map_err(|_| reader.error("length of a section"))?;
    let bytes = reader.take(len)?;
    if reader.u32()? != crc32c(bytes) {
        return Err(reader.error("checksum of a section does not match"));
    }
    Ok(ByteReader::new(bytes))
}

fn decode_series(mut reader: ByteReader<'_>, count: usize) -> Result<Vec<Labels>, DecodeError> {
    let mut series = Vec::new();
    while series.len() < count {
        series.push(labels(&mut reader)?);
    }
    if !reader.is_empty() {
        return Err(reader.error("bytes behind the last series"));
    }
    Ok(series)
}

fn decode_exemplars(
    mut reader: ByteReader<'_>,
    count: usize,
    all_series: usize,
) -> Result<Vec<SavedExemplar>, DecodeError> {
    let mut exemplars = Vec::new();
    let (mut generation, mut timestamp) = (0u64, 0i64);
    while exemplars.len() < count {
        let series = usize::try_from(reader.uvarint()?).unwrap_or(usize::MAX);
        if series >= all_series {
            return Err(reader.error("an exemplar of a series that the file does not list"));
        }
        let step = reader.uvarint()?;
        generation = generation
            .checked_add(step)
            .ok_or_else(|| reader.error("generation"))?;
        timestamp = timestamp.wrapping_add(reader.ivarint()?);
        let value = f64::from_bits(reader.u64()?);
        exemplars.push(SavedExemplar {
            series,
            generation: Generation(generation),
            exemplar: Exemplar {
                labels: labels(&mut reader)?,
                value,
                timestamp,
            },
        });
    }
    if !reader.is_empty() {
        return Err(reader.error("bytes behind the last exemplar"));
    }
    Ok(exemplars)
}

fn labels(reader: &mut ByteReader<'_>) -> Result<Labels, DecodeError> {
    let len = usize::try_from(reader.uvarint()?).map_err(|_| reader.error("length of labels"))?;
    let bytes = reader.take(len)?;
    Labels::from_bytes(bytes.into()).map_err(|_| reader.error("labels are no canonical set"))
}
