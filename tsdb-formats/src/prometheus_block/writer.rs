//! Writes blocks for tests and benchmarks, where no program that makes them is at hand: the first
//! layout, many series, several segments, histograms with custom buckets. No way out of here: what
//! cannot be written panics.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "only tests and benchmarks write blocks"
)]

use tsdb_core::bits::{crc32c, put_ivarint, put_uvarint};

/// Files of a block by their names.
pub type BlockFiles = Vec<(String, Vec<u8>)>;

/// Encoding, first and last time, and bytes of a chunk.
pub type WrittenChunk = (u8, i64, i64, Vec<u8>);

/// A series to write: its labels, sorted, and its chunks.
pub type WrittenSeries = (Vec<(String, String)>, Vec<WrittenChunk>);

fn big(value: usize) -> [u8; 4] {
    u32::try_from(value)
        .expect("a short file")
        .swap_bytes()
        .to_le_bytes()
}

/// A length, the content, its checksum.
fn section(out: &mut Vec<u8>, content: &[u8]) -> usize {
    let at = out.len();
    out.extend_from_slice(&big(content.len()));
    out.extend_from_slice(content);
    out.extend_from_slice(&crc32c(content).swap_bytes().to_le_bytes());
    at
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_uvarint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Files of a block in a version of the index; a segment takes `per_segment` chunks.
///
/// # Panics
/// When the block is longer than 4 GiB.
#[must_use]
pub fn write_block(version: u8, series: &[WrittenSeries], per_segment: usize) -> BlockFiles {
    let mut segments: Vec<Vec<u8>> = Vec::new();
    let mut index = vec![0xba, 0xaa, 0xd7, 0x00, version];
    let labels = series.iter().flat_map(|(labels, _)| labels);
    let mut texts: Vec<&str> = labels
        .flat_map(|(name, value)| [name.as_str(), value.as_str()])
        .collect();
    texts.sort_unstable();
    texts.dedup();
    let mut content = big(texts.len()).to_vec();
    let mut places = Vec::new();
    for text in &texts {
        // Four bytes of length stand in front of the content.
        places.push(index.len() + 4 + content.len());
        put_text(&mut content, text);
    }
    let symbols = section(&mut index, &content);
    let reference = |text: &str| {
        let number = texts.binary_search(&text).expect("a symbol");
        if version == 1 {
            places[number] as u64
        } else {
            number as u64
        }
    };
    let (mut refs, mut written) = (Vec::new(), 0);
    for (labels, chunks) in series {
        while version == 2 && !index.len().is_multiple_of(16) {
            index.push(0);
        }
        let unit = if version == 1 { 1 } else { 16 };
        refs.push(index.len() / unit);
        let mut entry = Vec::new();
        put_uvarint(&mut entry, labels.len() as u64);
        for (name, value) in labels {
            put_uvarint(&mut entry, reference(name));
            put_uvarint(&mut entry, reference(value));
        }
        put_uvarint(&mut entry, chunks.len() as u64);
        let mut last: Option<(i64, u64)> = None;
        for chunk in chunks {
            if written % per_segment == 0 {
                segments.push(vec![0x85, 0xbd, 0x40, 0xdd, 1, 0, 0, 0]);
            }
            written += 1;
            let number = segments.len() as u64 - 1;
            let segment = segments.last_mut().expect("a segment");
            last = Some(put_chunk(chunk, (number, segment), last, &mut entry));
        }
        put_uvarint(&mut index, entry.len() as u64);
        index.extend_from_slice(&entry);
        index.extend_from_slice(&crc32c(&entry).swap_bytes().to_le_bytes());
    }
    finish(&mut index, symbols, &refs);
    let meta = r#"{"ulid":"01HF4AY8E9YRDFPSJ8ZPNGTVQ8","minTime":0,"maxTime":9,"version":1}"#;
    let mut files = vec![
        ("meta.json".to_owned(), meta.as_bytes().to_vec()),
        ("index".to_owned(), index),
    ];
    let names = (1..).map(|number| format!("chunks/{number:06}"));
    files.extend(names.zip(segments));
    files
}

/// Puts a chunk into a segment and where it is into the entry of its series; `last` are the end and
/// the reference of the chunk before, and what this gives back those of this one.
fn put_chunk(
    (encoding, min, max, bytes): &WrittenChunk,
    (number, segment): (u64, &mut Vec<u8>),
    last: Option<(i64, u64)>,
    entry: &mut Vec<u8>,
) -> (i64, u64) {
    let at = number << 32 | segment.len() as u64;
    put_uvarint(segment, bytes.len() as u64);
    let covered = [&[*encoding], bytes.as_slice()].concat();
    segment.extend_from_slice(&covered);
    segment.extend_from_slice(&crc32c(&covered).swap_bytes().to_le_bytes());
    match last {
        None => put_ivarint(entry, *min),
        Some((end, _)) => put_uvarint(entry, min.wrapping_sub(end).cast_unsigned()),
    }
    put_uvarint(entry, max.wrapping_sub(*min).cast_unsigned());
    match last {
        None => put_uvarint(entry, at),
        Some((_, before)) => put_ivarint(entry, at.wrapping_sub(before).cast_signed()),
    }
    (*max, at)
}

/// The list of all series, the table of postings, the table of contents.
fn finish(index: &mut Vec<u8>, symbols: usize, refs: &[usize]) {
    let mut list = big(refs.len()).to_vec();
    refs.iter().for_each(|at| list.extend_from_slice(&big(*at)));
    let postings = section(index, &list);
    let mut table = big(2).to_vec();
    for (name, value, at) in [("some", "other", 9), ("", "", postings)] {
        table.push(2);
        put_text(&mut table, name);
        put_text(&mut table, value);
        put_uvarint(&mut table, at as u64);
    }
    let table = section(index, &table);
    let mut contents = Vec::new();
    for at in [symbols, 0, 0, 0, postings, table] {
        contents.extend_from_slice(&(at as u64).swap_bytes().to_le_bytes());
    }
    index.extend_from_slice(&contents);
    index.extend_from_slice(&crc32c(&contents).swap_bytes().to_le_bytes());
}
