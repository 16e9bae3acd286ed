//! Asking for the bits of several series at once. The segments of a chunk name each the one before, so
//! that reading one series waits for memory again and again; the waits of several overlap.

use super::BufferView;
use super::sealed::SealedChunk;
use super::segments::segments_of;
use crate::model::TimeRange;

/// Segments that are looked at beyond those which hold the range, for the state noted before it.
const NOTED_BEFORE: usize = 6;

/// Where the walk through the segments of one series stands.
#[derive(Clone, Copy, Debug)]
pub struct SegmentWalk {
    segment: u32,
    left: usize,
    /// Whether the segment behind the last one describes a full chunk that is wanted too.
    goes_on: bool,
    /// A segment that describes a full chunk was asked for.
    describes: bool,
}

impl BufferView<'_> {
    /// Begins the walk through what a range needs of this series.
    #[inline]
    #[must_use]
    pub fn walk(&self, range: TimeRange) -> Option<SegmentWalk> {
        let buffer = self.buffer?;
        let last = buffer.open.last_timestamp()?;
        let goes_on = range.min() < buffer.first;
        if last < range.min() {
            return None;
        }
        let all = segments_of(usize::from(buffer.words) * 8);
        let left = match goes_on {
            true => all,
            false => {
                let wanted = last.abs_diff(range.min()) as f64;
                let whole = last.abs_diff(buffer.first).max(1) as f64;
                let part = (all as f64 * (wanted / whole)) as usize;
                all.min(part + NOTED_BEFORE)
            }
        };
        self.arena.segments.prefetch(buffer.segment);
        Some(SegmentWalk {
            segment: buffer.segment,
            left,
            goes_on: goes_on && buffer.is_sealed(),
            describes: false,
        })
    }

    /// Takes all walks, which began in this one's arena, to their ends.
    pub fn prefetch(&self, range: TimeRange, walks: &mut Vec<SegmentWalk>) {
        let segments = &self.arena.segments;
        while !walks.is_empty() {
            walks.retain_mut(|walk| {
                if walk.describes {
                    let sealed = SealedChunk::get(segments, walk.segment);
                    let Some(sealed) = sealed.filter(|sealed| sealed.max >= range.min()) else {
                        return false;
                    };
                    walk.describes = false;
                    walk.goes_on = sealed.before.is_some() && range.min() < sealed.min;
                    walk.segment = sealed.segment;
                    walk.left = segments_of(sealed.bytes as usize);
                } else if walk.left > 0 {
                    let Some((before, _)) = segments.get(walk.segment) else {
                        return false;
                    };
                    walk.left -= 1;
                    walk.segment = before;
                    if walk.left == 0 && !walk.goes_on {
                        return false;
                    }
                    walk.describes = walk.left == 0;
                } else {
                    return false;
                }
                segments.prefetch(walk.segment);
                true
            });
        }
    }
}
