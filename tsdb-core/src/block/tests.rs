mod budget;
mod condensing;
mod corruption;
mod cutting;
mod golden;
mod reading;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use super::{
    BlockError, BlockHeader, BlockMeta, BlockReader, BlockScan, BlockWriter, RowSpace, Sealing,
};
use crate::model::{
    BlockId, Generation, Labels, NamespaceId, RowKey, STALE_NAN_BITS, SeriesId, ShardId, TimeRange,
    Window,
};
use crate::page::{PAGE_SAMPLES_MAX, PageEncoder, TokenTraining};
use crate::vfs::{MemVfs, OpenMode, SplitMix64, Vfs};

const PATH: &str = "0000000007.block";
const START: i64 = 1_699_999_200_000;
const HOUR_MS: i64 = 3_600_000;

/// What a block should hold: labels and samples by row.
type Rows = BTreeMap<RowKey, (Labels, Vec<(i64, u64)>)>;

fn key(series: u64) -> RowKey {
    RowKey::new(
        ShardId(u32::try_from(series >> 32).unwrap()),
        SeriesId(series),
    )
}

fn labels(series: u64) -> Labels {
    let (host, name) = (
        format!("host{}", series / 3),
        ["up", "cpu", "mem"][series as usize % 3],
    );
    Labels::from_pairs([("__name__", name), ("host", &host)]).unwrap()
}

fn window() -> Window {
    Window::of(START, 2 * HOUR_MS)
}

fn header(window: Window) -> BlockHeader {
    BlockHeader {
        namespace: NamespaceId(3),
        id: BlockId(7),
        first_generation: Generation(2),
        last_generation: Generation(5),
        window,
    }
}

/// Tables trained on all of the values, page by page as they come.
fn dense(rows: &Rows) -> Sealing {
    let (mut encoder, mut training) = (PageEncoder::new(), TokenTraining::new());
    for (_, samples) in rows.values() {
        for page in samples.chunks(PAGE_SAMPLES_MAX) {
            let values: Vec<f64> = page.iter().map(|sample| f64::from_bits(sample.1)).collect();
            encoder.observe(&values, &mut training);
        }
    }
    Sealing::Dense(training.train())
}

fn write(vfs: &MemVfs, rows: &Rows, window: Window, sealing: Sealing) -> BlockMeta {
    let path = Path::new(PATH);
    if vfs.list(Path::new("")).unwrap().contains(&PATH.to_owned()) {
        vfs.remove(path).unwrap();
    }
    let file = vfs.create(path).unwrap();
    let mut writer = BlockWriter::create(path, file, header(window), sealing).unwrap();
    for (key, (labels, samples)) in rows {
        let timestamps: Vec<i64> = samples.iter().map(|sample| sample.0).collect();
        let values: Vec<f64> = samples
            .iter()
            .map(|sample| f64::from_bits(sample.1))
            .collect();
        writer.row(*key, labels, &timestamps, &values).unwrap();
    }
    writer.finish().unwrap().unwrap()
}

fn open(vfs: &MemVfs) -> Result<BlockReader, BlockError> {
    let path = Path::new(PATH);
    BlockReader::open(path, vfs.open(path, OpenMode::Read).unwrap())
}

fn samples(timestamps: &[i64], values: &[f64]) -> Vec<(i64, u64)> {
    let values = values.iter().map(|value| value.to_bits());
    timestamps.iter().copied().zip(values).collect()
}

/// Everything, row by row, as a compaction reads it.
fn scan(reader: &Arc<BlockReader>, from: RowKey) -> Result<Rows, BlockError> {
    let (mut rows, mut values) = (Rows::new(), Vec::new());
    let mut scan = BlockScan::new(Arc::clone(reader), from)?;
    while let Some(key) = scan.key() {
        let labels = reader.labels(scan.row())?;
        let timestamps = scan.read(&mut values)?.to_vec();
        rows.insert(key, (labels, samples(&timestamps, &values)));
        scan.advance()?;
    }
    Ok(rows)
}

/// Some rows in a range, as a query reads them; cut to the range.
fn look_up(reader: &BlockReader, rows: &[u32], range: TimeRange) -> Result<Rows, BlockError> {
    let mut keys = BTreeMap::new();
    reader.keys(rows.iter().copied(), range, |row, key| {
        keys.insert(row, key);
    })?;
    let mut found = Rows::new();
    let mut by_row = BTreeMap::new();
    let mut failed = None;
    reader.read_rows(rows, range, |row, timestamps, values| {
        let mut samples = samples(timestamps, values);
        samples.retain(|sample| range.contains(sample.0));
        match reader.labels(row) {
            Ok(labels) if !samples.is_empty() => {
                by_row.insert(row, samples.clone());
                found.insert(keys[&row], (labels, samples));
            }
            Ok(_) => {}
            Err(error) => failed = Some(error),
        }
        ControlFlow::Continue(())
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    condensing::check(reader, rows, range, &by_row)?;
    let last = |row: u32| found.get(keys.get(&row)?)?.1.last().copied();
    reader.newest(&mut RowSpace::default(), rows, range, |row, newest| {
        if let Some(newest) = newest {
            let newest = (newest.timestamp, newest.value.to_bits());
            assert_eq!(Some(newest), last(row), "the newest sample of row {row}");
        }
    })?;
    Ok(found)
}

/// Values of every sort, in rows that share times, repeat each other, or do neither.
fn some_rows(seed: u64, count: u64, window: Window, most: usize) -> Rows {
    let mut random = SplitMix64::new(seed);
    let span = window.last - window.start;
    let mut rows = Rows::new();
    let mut shared: Vec<i64> = Vec::new();
    let mut constant = 0;
    for number in 0..count {
        if number == 0 || random.chance(1, 5) {
            let wanted = 1 + random.index(most);
            let step = (span / i64::try_from(wanted).unwrap()).max(1);
            let regular = random.coin();
            shared = (0..wanted as i64)
                .map(|at| window.start + at * step)
                .filter_map(|t| match regular {
                    true => Some(t),
                    false if random.chance(1, 10) => None,
                    false => Some((t + random.between(0, 9)).min(window.last)),
                })
                .collect();
            shared.sort_unstable();
            shared.dedup();
            if shared.is_empty() {
                shared.push(window.last);
            }
        }
        let kind = random.below(6);
        constant = if random.coin() {
            constant
        } else {
            random.below(3)
        };
        let mut level = 0u64;
        let values: Vec<u64> = shared
            .iter()
            .map(|_| match kind {
                0 | 1 => (constant as f64).to_bits(),
                2 => {
                    level += random.below(100);
                    (level as f64).to_bits()
                }
                3 => (random.below(1 << 20) as f64 / 10.0).to_bits(),
                4 => random.next_u64(),
                _ => *random
                    .pick(&[STALE_NAN_BITS, 0, 1u64 << 63, f64::INFINITY.to_bits()])
                    .unwrap(),
            })
            .collect();
        let mut times = shared.clone();
        if times.len() > 1 && random.chance(1, 4) {
            times.remove(random.index(times.len()));
        }
        let series = number * (1 + seed % 3) + ((number / 40) << 32);
        let samples = times.into_iter().zip(values).collect();
        rows.insert(key(series), (labels(series), samples));
    }
    rows
}
