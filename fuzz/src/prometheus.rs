//! Blocks of Prometheus: their index edited behind its checksums, any chunk, any tombstones.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use tsdb_core::Vfs;
use tsdb_core::bits::{crc32c, put_uvarint};
use tsdb_core::vfs::{MemVfs, write_all_at};
use tsdb_formats::prometheus_block::{
    Block, BlockMeta, ChunkMeta, ChunkReader, ChunkSamples, Tombstones,
};

use tsdb_formats::prometheus_head::Head;

use crate::Input;
use crate::sealed::Sealed;

/// The index of a block that promtool made, of 414 samples in 4 series.
static INDEX: LazyLock<Sealed> = LazyLock::new(|| Sealed::highest_first(FLOATS[1].1.to_vec()));

const FLOATS: [(&str, &[u8]); 3] = [
    (
        "meta.json",
        include_bytes!("../../tsdb-formats/tests/blocks/floats/meta.json"),
    ),
    (
        "index",
        include_bytes!("../../tsdb-formats/tests/blocks/floats/index"),
    ),
    (
        "chunks/000001",
        include_bytes!("../../tsdb-formats/tests/blocks/floats/chunks/000001"),
    ),
];

fn put(vfs: &MemVfs, name: &str, bytes: &[u8]) {
    let file = vfs.create(Path::new(name)).expect("a file in memory");
    write_all_at(&*file, bytes, 0).expect("writing to memory");
}

fn disk() -> MemVfs {
    let vfs = MemVfs::new();
    vfs.create_dir(Path::new("")).expect("a root");
    vfs.create_dir(Path::new("chunks")).expect("a folder");
    vfs
}

/// A changed index is refused, or its series and chunks are read in bounds.
pub(crate) fn index(input: &[u8]) {
    let bytes = INDEX.edit(&mut Input::new(input));
    let sound = INDEX.is_sound(&bytes);
    let vfs = disk();
    for (name, content) in FLOATS {
        put(&vfs, name, if name == "index" { &bytes } else { content });
    }
    let vfs: Arc<dyn Vfs> = Arc::new(vfs);
    let mut block = match Block::open(&vfs, Path::new("")) {
        Ok(block) => block,
        Err(error) => return assert!(!sound, "{error}"),
    };
    let (mut read, mut failed) = (0, 0);
    assert!(block.series_len() <= bytes.len() as u64 / 4);
    let mut samples = ChunkSamples::default();
    loop {
        let position = block.position();
        match block.next_series() {
            Ok(None) => break,
            Err(_) => failed += 1,
            Ok(Some(series)) => {
                for chunk in &series.chunks {
                    match block.read_chunk(&series, chunk, &mut samples) {
                        Ok(_) => read += samples.len(),
                        Err(_) => failed += 1,
                    }
                }
            }
        }
        assert_eq!(
            block.position(),
            position + 1,
            "each call passes one series"
        );
    }
    assert!(!sound || (read, failed) == (414, 0));
}

/// Encoding and data of a chunk, under a true checksum.
pub(crate) fn chunk(input: &[u8]) {
    let vfs = disk();
    let mut segment = vec![0x85, 0xbd, 0x40, 0xdd, 1, 0, 0, 0];
    put_uvarint(&mut segment, (input.len() as u64).saturating_sub(1));
    segment.extend_from_slice(input);
    segment.extend_from_slice(&crc32c(input).swap_bytes().to_le_bytes());
    put(&vfs, "chunks/000001", &segment);
    let mut reader = ChunkReader::new(Arc::new(vfs), "chunks".into());
    let mut samples = ChunkSamples::default();
    let meta = |reference| ChunkMeta {
        min_time: 0,
        max_time: 0,
        reference,
    };
    if reader.read(&meta(8), &mut samples).is_ok() {
        assert!(samples.len() <= usize::from(u16::MAX));
        let first = samples.histograms.first();
        assert!(first.is_none_or(|(_, one)| one.reset_hint != tsdb_core::ResetHint::NoReset));
    }
    for reference in [0, 9, u64::from(u32::MAX), 1 << 32 | 8] {
        let _ = reader.read(&meta(reference), &mut samples);
    }
}

/// Any tombstones under a true checksum, and any file.
pub(crate) fn tombstones(input: &[u8]) {
    let vfs = disk();
    put(&vfs, "any", input);
    let _ = Tombstones::open(&vfs, Path::new("any"));
    let mut sealed = vec![0x01, 0x30, 0xba, 0x30, 1];
    sealed.extend_from_slice(input);
    sealed.extend_from_slice(&crc32c(input).swap_bytes().to_le_bytes());
    put(&vfs, "sealed", &sealed);
    if let Ok(stones) = Tombstones::open(&vfs, Path::new("sealed")) {
        assert!(stones.len() <= input.len() / 3);
        assert_eq!(stones.is_empty(), input.is_empty());
    }
}

/// Any meta.json; one that is read names a block.
pub(crate) fn meta(input: &[u8]) {
    let vfs = disk();
    put(&vfs, "meta.json", input);
    if let Ok(meta) = BlockMeta::open(&vfs, Path::new("meta.json")) {
        assert_eq!(meta.ulid.len(), 26);
        assert!(meta.min_time <= meta.max_time);
    }
}

/// A log of one series and any records, each under a true checksum: a byte that says how the record
/// is compressed, two of its length, the record.
pub(crate) fn log(input: &[u8]) {
    const SERIES: &[u8] = b"\x01\0\0\0\0\0\0\0\x01\x01\x08__name__\x02up";
    let mut input = Input::new(input);
    let mut segment = Vec::new();
    let mut put_fragment = |kind: u8, record: &[u8]| {
        segment.push(kind);
        let len = u16::try_from(record.len()).unwrap_or(u16::MAX);
        segment.extend_from_slice(&len.swap_bytes().to_le_bytes());
        segment.extend_from_slice(&crc32c(record).swap_bytes().to_le_bytes());
        segment.extend_from_slice(record);
    };
    put_fragment(1, SERIES);
    while !input.is_empty() {
        let kind = input.byte();
        let len = usize::from(u16::from_le_bytes(input.array()) % 4096);
        put_fragment(kind % 32, input.take(len));
    }
    let vfs = disk();
    vfs.create_dir(Path::new("wal")).expect("a folder");
    put(&vfs, "wal/00000000", &segment);
    let vfs: Arc<dyn Vfs> = Arc::new(vfs);
    let mut head = Head::open(&vfs, i64::MIN).expect("memory can be read");
    let mut batch = Vec::new();
    loop {
        head.next_batch(&mut batch).expect("memory can be read");
        if batch.is_empty() {
            break;
        }
        for series in &batch {
            assert!(!series.samples.is_empty());
            let floats = &series.samples.samples;
            assert!(floats.is_sorted_by_key(|sample| sample.timestamp));
        }
    }
    assert!(head.take_damage().len() <= 1, "damage ends a segment");
    assert!(head.series_len() >= 1);
}
