//! Where a row is cut into pages: on a grid of time, so that series scraped together are cut
//! alike and share the pages of their timestamps, whether or not each has every sample.

use crate::model::Window;
use crate::page::PAGE_SAMPLES_MAX;

/// No window is cut into more than 2 to this power of cells.
const SPLITS_MAX: u32 = 40;
/// How much finer the grid may be than one that would do if samples were spread evenly.
const FINER: u32 = 2;

/// Appends where each page ends, as an index into `timestamps`: rising, inside `window`.
pub(super) fn cut(timestamps: &[i64], window: Window, ends: &mut Vec<usize>) {
    let even = timestamps.len().div_ceil(PAGE_SAMPLES_MAX).max(1);
    let least = even.next_power_of_two().trailing_zeros();
    let begin = ends.len();
    for splits in least..=(least + FINER).min(SPLITS_MAX) {
        ends.truncate(begin);
        if cut_at(timestamps, window, splits, ends) {
            return;
        }
    }
    // Samples lie in heaps: no grid will do, so the last one's full cells are cut by count.
    let cells = ends.split_off(begin);
    let mut from = 0;
    for end in cells {
        while end - from > PAGE_SAMPLES_MAX {
            from += PAGE_SAMPLES_MAX;
            ends.push(from);
        }
        ends.push(end);
        from = end;
    }
}

/// Cuts at a grid of 2^splits cells; whether every cell fits a page.
fn cut_at(timestamps: &[i64], window: Window, splits: u32, ends: &mut Vec<usize>) -> bool {
    let length = i128::from(window.last) - i128::from(window.start) + 1;
    let (mut from, mut fits) = (0, true);
    while let Some(&first) = timestamps.get(from) {
        let into = i128::from(first) - i128::from(window.start);
        let cell = (into << splits) / length;
        // The first millisecond of the next cell, rounded up.
        let next = ((cell + 1) * length + (1 << splits) - 1) >> splits;
        let rest = timestamps.get(from..).unwrap_or_default();
        let inside = |t: &i64| i128::from(*t) - i128::from(window.start) < next;
        let count = rest.partition_point(inside).max(1);
        fits &= count <= PAGE_SAMPLES_MAX;
        from += count;
        ends.push(from);
    }
    fits
}
