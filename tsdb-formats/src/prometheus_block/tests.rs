mod corruption;
mod foreign;
mod reading;

use std::path::Path;
use std::sync::Arc;

use tsdb_core::Vfs;
use tsdb_core::model::{Histogram, Sample};
use tsdb_core::vfs::{MemVfs, write_all_at};

use super::{Block, BlockError, BlockFiles, ChunkSamples};

/// The files of a block that a program of Prometheus made.
macro_rules! kept {
    ($name:literal) => {
        vec![
            (
                "meta.json".to_owned(),
                include_bytes!(concat!("../../tests/blocks/", $name, "/meta.json")).to_vec(),
            ),
            (
                "index".to_owned(),
                include_bytes!(concat!("../../tests/blocks/", $name, "/index")).to_vec(),
            ),
            (
                "tombstones".to_owned(),
                include_bytes!(concat!("../../tests/blocks/", $name, "/tombstones")).to_vec(),
            ),
            (
                "chunks/000001".to_owned(),
                include_bytes!(concat!("../../tests/blocks/", $name, "/chunks/000001")).to_vec(),
            ),
        ]
    };
}

/// Made by `promtool tsdb create-blocks-from openmetrics`.
fn floats() -> BlockFiles {
    kept!("floats")
}

/// A snapshot of a Prometheus that was sent native histograms, of which some were then deleted.
fn histograms() -> BlockFiles {
    kept!("histograms")
}

fn put(vfs: &dyn Vfs, files: &[(String, Vec<u8>)]) {
    vfs.create_dir(Path::new("")).expect("a root");
    vfs.create_dir(Path::new("chunks")).expect("a folder");
    for (name, bytes) in files {
        let file = vfs.create(Path::new(name)).expect("a new file");
        write_all_at(&*file, bytes, 0).expect("it is written");
    }
}

fn disk(files: &[(String, Vec<u8>)]) -> Arc<dyn Vfs> {
    let vfs = MemVfs::new();
    put(&vfs, files);
    Arc::new(vfs)
}

fn open(files: &[(String, Vec<u8>)]) -> Result<Block, BlockError> {
    Block::open(&disk(files), Path::new(""))
}

/// A series and its samples: labels as text, floats by their bits, histograms.
type Read = (String, Vec<(i64, u64)>, Vec<(i64, Histogram)>);

/// All of a block, and what of it cannot be read.
fn read(block: &mut Block) -> (Vec<Read>, Vec<BlockError>) {
    let (mut all, mut errors) = (Vec::new(), Vec::new());
    let mut samples = ChunkSamples::default();
    loop {
        let series = match block.next_series() {
            Ok(None) => return (all, errors),
            Ok(Some(series)) => series,
            Err(error) => {
                errors.push(error);
                continue;
            }
        };
        let mut one: Read = (series.labels.to_string(), Vec::new(), Vec::new());
        for chunk in &series.chunks {
            if let Err(error) = block.read_chunk(&series, chunk, &mut samples) {
                errors.push(error);
                continue;
            }
            let floats = samples.samples.iter();
            one.1
                .extend(floats.map(|sample| (sample.timestamp, sample.bits())));
            one.2.append(&mut samples.histograms);
        }
        all.push(one);
    }
}

/// All of a block that is whole.
fn whole(files: &[(String, Vec<u8>)]) -> Vec<Read> {
    let (all, errors) = read(&mut open(files).expect("it opens"));
    assert!(errors.is_empty(), "{errors:?}");
    all
}

fn bits(samples: &[Sample]) -> Vec<(i64, u64)> {
    let bits = samples.iter();
    bits.map(|sample| (sample.timestamp, sample.bits()))
        .collect()
}
