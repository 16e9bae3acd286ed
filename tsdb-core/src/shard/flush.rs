//! Writes the buffers of a closed generation as a run.

use super::{GenerationBuffers, ShardError};
use crate::model::Window;
use crate::run::{ChunkMeta, RowKey, RunMeta, RunWriter};
use crate::series::{ChunkPart, disjoint_parts};

/// Writes all samples of a generation, section by section; nothing is appended to it any more.
/// `key` tells the placement shard and id of a slot.
///
/// # Errors
/// When the disk refuses.
pub fn write_generation(
    buffers: &GenerationBuffers,
    key: impl Fn(u32) -> RowKey,
    mut run: RunWriter,
) -> Result<RunMeta, ShardError> {
    let window_ms = buffers.window_ms();
    let mut places: Vec<(Window, RowKey, u32)> = Vec::new();
    buffers.for_each(|slot, buffer| {
        let key = key(slot);
        let from = places.len();
        buffer.windows(window_ms, &mut |window| {
            let place = (window, key, slot);
            if !places.get(from..).unwrap_or_default().contains(&place) {
                places.push(place);
            }
        });
    });
    places.sort_unstable();
    let mut parts: Vec<ChunkPart> = Vec::new();
    let mut section = None;
    for (window, key, slot) in places {
        if section != Some(window) {
            run.section(window)?;
            section = Some(window);
        }
        buffers.parts(slot, window.range(), &mut parts);
        for part in disjoint_parts(std::mem::take(&mut parts))? {
            let meta = ChunkMeta {
                encoding: part.encoding,
                min_time: part.min,
                max_time: part.max,
                count: u16::try_from(part.count).unwrap_or(u16::MAX),
                epoch: 0,
            };
            run.chunk(key, &meta, &part.bytes)?;
        }
    }
    Ok(run.finish()?)
}
