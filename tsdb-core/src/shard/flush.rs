//! Writes the buffers of a closed generation as a run.

use super::{GenerationBuffers, ShardError};
use crate::chunk::{ChunkMeta, Encoding};
use crate::model::{SeriesId, ShardId, Window};
use crate::run::{RunMeta, RunWriter};
use crate::series::{ChunkPart, disjoint_parts};

/// Writes all samples of a generation, section by section; nothing is appended to it any more.
/// `id` tells the id and placement shard of a slot.
///
/// # Errors
/// When the disk refuses.
pub fn write_generation(
    buffers: &GenerationBuffers,
    id: impl Fn(u32) -> (ShardId, SeriesId),
    mut run: RunWriter,
) -> Result<RunMeta, ShardError> {
    let window_ms = buffers.window_ms();
    let mut places: Vec<(Window, ShardId, SeriesId, u32)> = Vec::new();
    buffers.for_each(|slot, buffer| {
        let (shard, series) = id(slot);
        let from = places.len();
        buffer.windows(window_ms, &mut |window| {
            let place = (window, shard, series, slot);
            if !places.get(from..).unwrap_or_default().contains(&place) {
                places.push(place);
            }
        });
    });
    places.sort_unstable();
    let mut parts: Vec<ChunkPart> = Vec::new();
    let mut section = None;
    for (window, shard, series, slot) in places {
        if section != Some(window) {
            run.section(window)?;
            section = Some(window);
        }
        buffers.parts(slot, window.range(), &mut parts);
        for part in disjoint_parts(std::mem::take(&mut parts))? {
            let meta = ChunkMeta {
                encoding: Encoding::Xor,
                min: part.min,
                max: part.max,
                count: part.count,
            };
            run.chunk(shard, series, &meta, &part.bytes)?;
        }
    }
    Ok(run.finish()?)
}
