//! What deletes hide of a series, by where its samples are.

use std::sync::Arc;

use super::{Live, ShardError};
use crate::model::{
    Generation, Labels, Matcher, MatcherError, ProtocolRules, TimeRange, Tombstone,
};
use crate::series::{ChunkPart, HistogramForm, merge_parts};

/// A delete, ready to be applied.
#[derive(Debug)]
pub struct Delete {
    tombstone: Tombstone,
    matchers: Vec<Matcher>,
}

impl Delete {
    /// Makes a tombstone ready.
    ///
    /// # Errors
    /// When one of its patterns is no regular expression.
    pub fn new(tombstone: Tombstone) -> Result<Self, MatcherError> {
        let matchers = tombstone.matchers.iter().map(|one| one.compile());
        Ok(Self {
            matchers: matchers.collect::<Result<_, _>>()?,
            tombstone,
        })
    }

    /// What is stored of it.
    #[must_use]
    pub fn tombstone(&self) -> &Tombstone {
        &self.tombstone
    }

    /// The generation that it began.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.tombstone.generation
    }

    /// All of which a series must match.
    #[must_use]
    pub fn matchers(&self) -> &[Matcher] {
        &self.matchers
    }

    /// Whether it concerns the series with these labels.
    #[must_use]
    pub fn matches(&self, labels: &Labels) -> bool {
        Matcher::all_match(&self.matchers, labels)
    }
}

impl Live {
    /// The deletes that may hide something of what is live.
    #[must_use]
    pub fn hiding(&self) -> Vec<Arc<Delete>> {
        if self.deletes.is_empty() {
            return Vec::new();
        }
        let hides = |delete: &&Arc<Delete>| {
            let tombstone = delete.tombstone();
            let mut generations = self.generations.iter();
            let mut runs = self.runs.iter().map(|run| run.meta());
            let mut blocks = self.blocks.iter().map(|block| block.meta());
            generations.any(|open| open.generation() < tombstone.generation && !open.is_empty())
                || runs.any(|meta| {
                    let times = meta.time_range();
                    times.is_some_and(|at| tombstone.reaches(meta.header.last_generation, at))
                })
                || blocks.any(|meta| {
                    let times = (meta.min_time, meta.max_time);
                    tombstone.reaches(meta.header.last_generation, times)
                })
        };
        self.deletes.iter().filter(hides).cloned().collect()
    }
}

/// What is hidden of one series: the times that a delete names, in sources older than it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Mask(Vec<(Generation, TimeRange)>);

impl Mask {
    /// What `deletes` hide of the series with these labels.
    #[must_use]
    pub fn of(deletes: &[Arc<Delete>], labels: &Labels) -> Self {
        let matching = deletes.iter().filter(|delete| delete.matches(labels));
        matching.map(|delete| &**delete).collect()
    }

    /// Whether nothing is hidden.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The times hidden in a source whose newest samples are of generation `source`: sorted, not
    /// overlapping.
    #[must_use]
    pub fn hidden(&self, source: Generation) -> Vec<TimeRange> {
        let older = self.0.iter().filter(|(delete, _)| source < *delete);
        let mut ranges: Vec<TimeRange> = older.map(|(_, range)| *range).collect();
        ranges.sort_unstable_by_key(|range| (range.min(), range.max()));
        let mut joined: Vec<TimeRange> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match joined.last_mut() {
                Some(last) if range.min() <= last.max() => {
                    let max = last.max().max(range.max());
                    *last = TimeRange::inclusive(last.min(), max).unwrap_or(*last);
                }
                _ => joined.push(range),
            }
        }
        joined
    }

    /// As [`Mask::hidden`], for a file that another one is made of.
    #[must_use]
    pub fn hidden_by(&self, source: Generation, rules: &ProtocolRules) -> Vec<TimeRange> {
        if rules.tombstone_spares_newer_inputs {
            self.hidden(source)
        } else {
            self.hidden(Generation(0))
        }
    }

    /// The parts of `range` that are not hidden in such a source, in order.
    #[must_use]
    pub fn visible(&self, source: Generation, range: TimeRange) -> Vec<TimeRange> {
        if self.0.is_empty() {
            return vec![range];
        }
        without(range, &self.hidden(source))
    }
}

impl<'a> FromIterator<&'a Delete> for Mask {
    fn from_iter<T: IntoIterator<Item = &'a Delete>>(deletes: T) -> Self {
        let deletes = deletes.into_iter();
        Self(
            deletes
                .map(|delete| (delete.generation(), delete.tombstone.range))
                .collect(),
        )
    }
}

/// What is left of `range` without `hidden`, which is sorted and does not overlap.
fn without(range: TimeRange, hidden: &[TimeRange]) -> Vec<TimeRange> {
    let mut left = Vec::new();
    let mut from = Some(range.min());
    for cut in hidden {
        if cut.max() < range.min() || cut.min() > range.max() {
            continue;
        }
        let Some(start) = from else { break };
        let end = cut.min().checked_sub(1);
        left.extend(end.and_then(|end| TimeRange::inclusive(start, end).ok()));
        from = cut.max().checked_add(1);
    }
    let rest = from.and_then(|from| TimeRange::inclusive(from, range.max()).ok());
    left.extend(rest);
    left
}

/// Takes the samples at `hidden` times out of the chunks behind the first `from`, and of these
/// what does not overlap `range`.
pub(super) fn hide_chunks(
    parts: &mut Vec<ChunkPart>,
    from: usize,
    hidden: &[TimeRange],
    range: TimeRange,
) -> Result<(), ShardError> {
    let touched = |part: &ChunkPart| hidden.iter().any(|cut| cut.overlaps(part.min, part.max));
    if hidden.is_empty() || !parts.iter().skip(from).any(touched) {
        return Ok(());
    }
    for part in parts.split_off(from) {
        let Ok(whole) = TimeRange::inclusive(part.min, part.max) else {
            continue;
        };
        let left = without(whole, hidden);
        if left == [whole] {
            parts.push(part);
            continue;
        }
        let left: Vec<TimeRange> = left
            .into_iter()
            .filter(|left| range.overlaps(left.min(), left.max()))
            .collect();
        if left.is_empty() {
            continue;
        }
        let mut column = merge_parts(&mut [part], TimeRange::ALL)?;
        column.hide(hidden);
        let kept = column.encode(HistogramForm::Exact).into_iter();
        parts.extend(kept.filter(|part| range.overlaps(part.min, part.max)));
    }
    Ok(())
}
