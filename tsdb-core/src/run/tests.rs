use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use super::{ChunkMeta, RowKey, RunError, RunHeader, RunMeta, RunReader, RunWriter};
use crate::chunk::{Encoding, decode_into, encode};
use crate::model::{Generation, NamespaceId, RunId, Sample, SeriesId, ShardId, TimeRange, Window};
use crate::vfs::{MemVfs, OpenMode, Vfs};

mod budget;
mod corruption;
mod golden;
mod merging;
mod reading;

/// What a run holds, as plainly as possible: bits of the values by window, row and time.
type Rows = BTreeMap<Window, BTreeMap<RowKey, BTreeMap<i64, u64>>>;

const PATH: &str = "some.run";

fn header() -> RunHeader {
    RunHeader {
        namespace: NamespaceId(3),
        id: RunId(17),
        first_generation: Generation(4),
        last_generation: Generation(6),
    }
}

/// The window of `len_ms` milliseconds from `start`.
fn window(start: i64, len_ms: i64) -> Window {
    Window {
        start,
        last: start + len_ms - 1,
    }
}

fn key(shard: u32, series: u64) -> RowKey {
    RowKey::new(ShardId(shard), SeriesId(series))
}

fn chunk_of(samples: &[(i64, u64)], epoch: u64) -> (ChunkMeta, Vec<u8>) {
    let meta = ChunkMeta {
        encoding: Encoding::Xor,
        min_time: samples.first().unwrap().0,
        max_time: samples.last().unwrap().0,
        count: u16::try_from(samples.len()).unwrap(),
        epoch,
    };
    (
        meta,
        encode(
            samples
                .iter()
                .map(|&(time, bits)| Sample::new(time, f64::from_bits(bits))),
        ),
    )
}

/// Writes `rows` in chunks of `per_chunk` samples; the epoch of a chunk is its shard's number.
fn write(vfs: &MemVfs, path: &str, rows: &Rows, per_chunk: usize) -> RunMeta {
    let path = Path::new(path);
    let mut writer = RunWriter::create(path, vfs.create(path).unwrap(), header()).unwrap();
    for (window, series) in rows {
        writer.section(*window).unwrap();
        for (key, samples) in series {
            let samples: Vec<(i64, u64)> = samples.iter().map(|(&t, &v)| (t, v)).collect();
            for part in samples.chunks(per_chunk) {
                let (meta, bytes) = chunk_of(part, u64::from(key.shard.0));
                writer.chunk(*key, &meta, &bytes).unwrap();
            }
        }
    }
    writer.finish().unwrap()
}

fn open(vfs: &MemVfs, path: &str) -> Result<RunReader, RunError> {
    let path = Path::new(path);
    RunReader::open(path, vfs.open(path, OpenMode::Read).unwrap())
}

fn add(rows: &mut Rows, window: Window, key: RowKey, bytes: &[u8]) {
    let (mut timestamps, mut values) = (Vec::new(), Vec::new());
    decode_into(bytes, &mut timestamps, &mut values).unwrap();
    let row = rows.entry(window).or_default().entry(key).or_default();
    row.extend(
        timestamps
            .into_iter()
            .zip(values.into_iter().map(f64::to_bits)),
    );
}

/// All rows by a pass over each section.
fn scan(reader: &RunReader) -> Result<Rows, RunError> {
    let mut rows = Rows::new();
    for (at, section) in reader.sections().unwrap().iter().enumerate() {
        let mut scan = reader.iter_section(at)?;
        while scan.advance()? {
            let (chunk, bytes) = scan.chunk().unwrap();
            add(&mut rows, section.window, chunk.key, bytes);
        }
    }
    Ok(rows)
}

/// The rows `keys` by look-up, of one section after another.
fn look_up(reader: &RunReader, keys: &[RowKey], range: TimeRange) -> Result<Rows, RunError> {
    let mut rows = Rows::new();
    for (at, section) in reader.sections().unwrap().iter().enumerate() {
        let flow = reader.read_section(at, keys, range, |key, _, bytes| {
            add(&mut rows, section.window, key, bytes);
            ControlFlow::Continue(())
        })?;
        assert!(flow.is_continue());
    }
    Ok(rows)
}

fn row(times: impl IntoIterator<Item = i64>, value: f64) -> BTreeMap<i64, u64> {
    times
        .into_iter()
        .enumerate()
        .map(|(at, t)| (t, (value + at as f64).to_bits()))
        .collect()
}

/// Two windows, two shards, a stale marker, chunks of several samples.
fn small_rows() -> Rows {
    let first = window(-7_200_000, 7_200_000);
    let second = window(0, 7_200_000);
    let mut rows = Rows::new();
    let start = first.start;
    rows.entry(first)
        .or_default()
        .insert(key(0, 2), row([start, -1], 0.5));
    for series in [1, 2, 9, 1 << 40] {
        let times = (0..7).map(|at| at * 15_000 + at % 2);
        rows.entry(second)
            .or_default()
            .insert(key(0, series), row(times, series as f64));
    }
    let mut stale = row([5, 7_199_999], -0.0);
    stale.insert(6, crate::model::STALE_NAN_BITS);
    rows.entry(second).or_default().insert(key(4, 3), stale);
    rows
}
