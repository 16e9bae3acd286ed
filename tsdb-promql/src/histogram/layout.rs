//! Where the buckets of one sign are: spans to indexes and back.

use std::slice;

use tsdb_core::BucketSpan;

/// One bucket: its index in the schema, its count and what rounding took from the count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Slot {
    pub(super) index: i32,
    pub(super) count: f64,
    pub(super) compensation: f64,
}

/// The buckets that spans and counts both have, as index and count, from both ends.
#[derive(Clone, Debug)]
pub(super) struct Indexed<'a> {
    ahead: slice::Iter<'a, BucketSpan>,
    next_index: i64,
    left_in_span: u32,
    behind: &'a [BucketSpan],
    back_start: i64,
    back_length: u32,
    counts: slice::Iter<'a, f64>,
}

impl<'a> Indexed<'a> {
    /// Spans without counts and counts without spans are left out.
    pub(super) fn new(spans: &'a [BucketSpan], counts: &'a [f64]) -> Self {
        let mut indexed = Self {
            ahead: spans.iter(),
            next_index: 0,
            left_in_span: 0,
            behind: &[],
            back_start: 0,
            back_length: 0,
            counts: [].iter(),
        };
        let mut left = counts.len();
        let mut start = 0_i64;
        for (number, span) in spans.iter().enumerate() {
            start = start.saturating_add(i64::from(span.offset));
            let length = u32::try_from(left).map_or(span.length, |left| left.min(span.length));
            if length > 0 {
                indexed.behind = spans.get(..=number).unwrap_or_default();
                indexed.back_start = start;
                indexed.back_length = length;
            }
            left -= length as usize;
            if left == 0 {
                break;
            }
            start = start.saturating_add(i64::from(span.length));
        }
        let known = counts.len() - left;
        indexed.counts = counts.get(..known).unwrap_or_default().iter();
        indexed
    }
}

impl Iterator for Indexed<'_> {
    type Item = (i32, f64);

    fn next(&mut self) -> Option<Self::Item> {
        let count = *self.counts.next()?;
        while self.left_in_span == 0 {
            let span = self.ahead.next()?;
            self.next_index = self.next_index.saturating_add(i64::from(span.offset));
            self.left_in_span = span.length;
        }
        let index = self.next_index;
        self.next_index = self.next_index.saturating_add(1);
        self.left_in_span -= 1;
        Some((clamped(index), count))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.counts.size_hint()
    }
}

impl DoubleEndedIterator for Indexed<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let count = *self.counts.next_back()?;
        while self.back_length == 0 {
            let (span, before) = self.behind.split_last()?;
            let length = before.last()?.length;
            self.back_start -= i64::from(span.offset) + i64::from(length);
            self.back_length = length;
            self.behind = before;
        }
        self.back_length -= 1;
        Some((
            clamped(self.back_start + i64::from(self.back_length)),
            count,
        ))
    }
}

impl ExactSizeIterator for Indexed<'_> {}

fn clamped(index: i64) -> i32 {
    let wide = index.clamp(i64::from(i32::MIN), i64::from(i32::MAX));
    i32::try_from(wide).unwrap_or_default()
}

/// Spans that place buckets at the indexes, neighbours in one span.
pub(super) fn spans_of(indexes: impl Iterator<Item = i32>) -> Vec<BucketSpan> {
    let mut spans: Vec<BucketSpan> = Vec::new();
    let mut next = 0_i64;
    for index in indexes {
        let offset = clamped(i64::from(index) - next);
        match spans.last_mut() {
            Some(last) if offset == 0 => last.length = last.length.saturating_add(1),
            _ => spans.push(BucketSpan { offset, length: 1 }),
        }
        next = i64::from(index) + 1;
    }
    spans
}

/// Index of the bucket that holds a bucket of a schema `steps` finer.
pub(super) fn coarser(index: i32, steps: u32) -> i32 {
    let wide = (i64::from(index) - 1) >> steps.min(63);
    clamped(wide + 1)
}

/// Buckets of a schema `steps` coarser. The buckets come in the order of their indexes.
pub(super) fn reduced(
    buckets: impl Iterator<Item = (i32, f64)>,
    steps: u32,
) -> impl Iterator<Item = (i32, f64)> {
    let mut buckets = buckets
        .map(move |(index, count)| {
            (
                if steps == 0 {
                    index
                } else {
                    coarser(index, steps)
                },
                count,
            )
        })
        .peekable();
    std::iter::from_fn(move || {
        let (index, mut count) = buckets.next()?;
        while let Some((_, more)) = buckets.next_if(|(next, _)| *next == index) {
            count += more;
        }
        Some((index, count))
    })
}

/// Slots without the empty ones, but with those of at most `max_empty` between two others.
pub(super) fn compacted(slots: Vec<Slot>, max_empty: usize) -> Vec<Slot> {
    let used = |slot: &Slot| slot.count != 0.0 || slot.compensation != 0.0;
    if max_empty == 0 {
        return slots.into_iter().filter(used).collect();
    }
    let mut out: Vec<Slot> = Vec::with_capacity(slots.len());
    for slot in slots.into_iter().filter(used) {
        if let Some(last) = out.last().copied() {
            let gap = i64::from(slot.index) - i64::from(last.index) - 1;
            if usize::try_from(gap).is_ok_and(|gap| gap <= max_empty.min(MAX_FILLED)) {
                out.extend(
                    (last.index.saturating_add(1)..slot.index).map(|index| Slot {
                        index,
                        count: 0.0,
                        compensation: 0.0,
                    }),
                );
            }
        }
        out.push(slot);
    }
    out
}

/// Empty buckets that are put between two others at most; real ones are never so far apart.
const MAX_FILLED: usize = 1 << 20;

/// Whether both place their buckets in the same way; spans of no length count for nothing.
pub(super) fn same_spans(left: &[BucketSpan], right: &[BucketSpan]) -> bool {
    left == right || with_length(left).eq(with_length(right))
}

fn with_length(spans: &[BucketSpan]) -> impl Iterator<Item = (i64, u32)> {
    let mut skipped = 0_i64;
    spans.iter().filter_map(move |span| {
        skipped += i64::from(span.offset);
        (span.length > 0).then(|| (std::mem::take(&mut skipped), span.length))
    })
}
