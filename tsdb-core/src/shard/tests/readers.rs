//! What readers hold of what was replaced, whatever they share.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::model::RunId;
use crate::run::{RunHeader, RunReader, RunWriter};
use crate::shard::readers::Held;
use crate::shard::{Readers, write_generation};
use crate::vfs::SplitMix64;

/// Buffers with samples in so many pages.
fn buffers(pages: u32) -> Arc<GenerationBuffers> {
    let buffers = GenerationBuffers::new(Generation(u64::from(pages)), WINDOW_MS);
    let mut stripes = buffers.lock_all();
    for slot in (0..pages).map(|page| page * 256) {
        stripes.append(slot, 5, 0, true);
    }
    drop(stripes);
    Arc::new(buffers)
}

fn run(vfs: &MemVfs, id: u64) -> Arc<RunReader> {
    let name = format!("{id}.run");
    let path = Path::new(&name);
    let header = RunHeader {
        namespace: NamespaceId(0),
        id: RunId(id),
        first_generation: Generation(1),
        last_generation: Generation(1),
    };
    let writer = RunWriter::create(path, vfs.create(path).unwrap(), header).unwrap();
    let key = |slot: u32| RowKey::new(ShardId(0), SeriesId(u64::from(slot)));
    write_generation(&buffers(1), key, writer, &AtomicUsize::new(0)).unwrap();
    Arc::new(RunReader::open(path, vfs.open(path, OpenMode::Read).unwrap()).unwrap())
}

/// Some of all there is.
fn some(all: &Live, random: &mut SplitMix64) -> Arc<Live> {
    fn pick<T>(all: &[Arc<T>], random: &mut SplitMix64) -> Vec<Arc<T>> {
        let picked = all.iter().filter(|_| random.chance(7, 8));
        picked.cloned().collect()
    }
    Arc::new(Live {
        blocks: pick(&all.blocks, random),
        runs: pick(&all.runs, random),
        generations: pick(&all.generations, random),
        ..Live::default()
    })
}

/// Address and bytes of all of `held` that is not among `now`, found by looking at each.
fn replaced<T>(
    held: &[Arc<T>],
    now: &[Arc<T>],
    bytes: impl Fn(&T) -> usize,
) -> Vec<(usize, usize)> {
    let gone = held
        .iter()
        .filter(|one| !now.iter().any(|other| Arc::ptr_eq(one, other)));
    gone.map(|one| (Arc::as_ptr(one) as usize, bytes(one)))
        .collect()
}

#[test]
fn readers_hold_what_is_not_live_each_of_it_counted_once() {
    let vfs = MemVfs::new();
    let all = Live {
        blocks: (1..4).map(|id| block(&vfs, id, 0, &[(id, "a")])).collect(),
        runs: (1..4).map(|id| run(&vfs, id)).collect(),
        generations: (1..4).map(buffers).collect(),
        ..Live::default()
    };
    let heads = [head(), head()];
    heads[1].retired.store(true, Ordering::Release);
    let mut random = SplitMix64::new(7);
    let mut seen = [0; 3];
    for _ in 0..500 {
        let now = some(&all, &mut random);
        let readers = Readers::default();
        let (mut reading, mut overtaken, mut bytes) = (Vec::new(), 0, BTreeMap::new());
        for _ in 0..random.below(4) {
            let live = match random.coin() {
                true => Arc::clone(&now),
                false => some(&all, &mut random),
            };
            let gone = [
                replaced(&live.runs, &now.runs, RunReader::memory_bytes),
                replaced(&live.blocks, &now.blocks, BlockReader::memory_bytes),
                replaced(&live.generations, &now.generations, |one| one.usage().0),
            ]
            .concat();
            let head = Arc::clone(&heads[usize::from(random.chance(1, 8))]);
            overtaken += usize::from(head.is_retired() || !gone.is_empty());
            bytes.extend(gone);
            reading.push(readers.add(Held { head, live }));
        }
        let counts = readers.counts(&now);
        assert_eq!(counts.readers, reading.len());
        assert_eq!(counts.overtaken, overtaken);
        assert_eq!(counts.memory_bytes, bytes.values().sum::<usize>());
        seen[overtaken.min(2)] += 1;
    }
    assert!(seen.iter().all(|times| *times > 20), "{seen:?}");
}
