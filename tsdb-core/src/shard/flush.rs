//! Writes the buffers of a closed generation as a run.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{GenerationBuffers, ShardError};
use crate::model::Window;
use crate::run::{ChunkMeta, RowKey, RunMeta, RunWriter};
use crate::series::{ChunkPart, disjoint_parts};

/// Writes all samples of a generation, section by section; nothing is appended to it any more.
/// `key` tells the placement shard and id of a slot; ids rise with slots. `held` is told the bytes
/// of memory that it takes.
///
/// # Errors
/// When the disk refuses.
pub fn write_generation(
    buffers: &GenerationBuffers,
    key: impl Fn(u32) -> RowKey,
    mut run: RunWriter,
    held: &AtomicUsize,
) -> Result<RunMeta, ShardError> {
    let window_ms = buffers.window_ms();
    buffers.settle()?;
    // By slot alone: ids rise with slots, and four bytes a series are enough.
    let mut windows: BTreeMap<Window, Vec<u32>> = BTreeMap::new();
    buffers.for_each(|slot, buffer| {
        buffer.windows(window_ms, &mut |window| {
            let slots = windows.entry(window).or_default();
            if slots.last() != Some(&slot) {
                slots.push(slot);
            }
        });
    });
    let mut parts: Vec<ChunkPart> = Vec::new();
    while let Some((window, mut slots)) = windows.pop_first() {
        slots.sort_unstable();
        run.section(window)?;
        let lists = windows.values().chain([&slots]).map(Vec::capacity);
        let bytes = lists.sum::<usize>() * size_of::<u32>() + run.heap_bytes();
        held.store(bytes, Ordering::Relaxed);
        for slot in slots {
            buffers.parts(slot, window.range(), &mut parts);
            for part in disjoint_parts(std::mem::take(&mut parts))? {
                let meta = ChunkMeta {
                    encoding: part.encoding,
                    min_time: part.min,
                    max_time: part.max,
                    count: u16::try_from(part.count).unwrap_or(u16::MAX),
                    epoch: 0,
                };
                run.chunk(key(slot), &meta, &part.bytes)?;
            }
        }
    }
    Ok(run.finish()?)
}
