//! Reading: matchers to series, in memory and in blocks, joined by their labels.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use super::block_rows::BlockRows;
use super::deletes::{Delete, Mask, hide_chunks};
use super::parts::{Entry, Known, Place};
use super::{Head, Limited, Live, Names, SelectLimits, SeriesSet, ShardError};
use crate::block::BlockReader;
use crate::index::Cardinality;
use crate::model::{Generation, HashMap, Labels, Matcher, RowKey, ShardId, Texts, TimeRange};
use crate::postings::Postings;
use crate::series::ChunkPart;

impl Head {
    /// The series that match all `matchers` and have samples in `range`.
    ///
    /// # Errors
    /// When more series match than `limits` allows, or a block cannot be read.
    pub fn select(
        self: &Arc<Self>,
        range: TimeRange,
        matchers: &[Matcher],
        limits: SelectLimits,
    ) -> Result<SeriesSet, ShardError> {
        let live = self.live();
        let entries = self.entries(&live, (range, matchers), limits, true)?;
        let set = SeriesSet::new(Arc::clone(self), live, range, limits, entries);
        Ok(set)
    }

    /// The series that match and may have samples in a range, sorted by labels or as they are
    /// found.
    pub(super) fn entries(
        &self,
        live: &Live,
        (range, matchers): (TimeRange, &[Matcher]),
        limits: SelectLimits,
        sorted: bool,
    ) -> Result<(Vec<Entry>, Vec<Place>), ShardError> {
        let matching = self.names.read().matches(matchers);
        let rows = self.block_rows(live, range, matchers, &matching)?;
        let series = matching.len() + rows.foreign.len() as u64;
        if series > limits.series as u64 {
            let limit = limits.series as u64;
            return Err(ShardError::QueryLimit {
                what: "series",
                name: "max_series",
                limit,
            });
        }
        if !sorted {
            return Ok(join_unsorted(&matching, rows));
        }
        let mut slots: Vec<u32> = matching.iter().collect();
        let names = self.names.read();
        names.index.sort(&mut slots);
        Ok(join(&names, slots, rows))
    }

    /// What each of the slots has in `range`, in memory and in runs. `masks` are theirs, or none
    /// where nothing is hidden.
    pub(super) fn read_parts(
        &self,
        live: &Live,
        slots: &[u32],
        masks: &[Mask],
        range: TimeRange,
    ) -> Result<Vec<Vec<ChunkPart>>, ShardError> {
        let mut parts = vec![Vec::new(); slots.len()];
        let mut hiding = Hiding::new(masks, range);
        for generation in &live.generations {
            generation.read(&self.slots_in(generation, slots), |at, buffer| {
                if let Some(parts) = parts.get_mut(at) {
                    buffer.read(range, parts);
                }
            });
            hiding.hide(generation.generation(), &mut parts)?;
        }
        if live.runs.is_empty() {
            return Ok(parts);
        }
        let keys = self.row_keys_of(slots);
        let sorted: Vec<RowKey> = keys.iter().map(|(key, _)| *key).collect();
        for run in &live.runs {
            run.read_series(&sorted, range, |key, meta, bytes| {
                let at = sorted.binary_search(&key).ok();
                let at = at.and_then(|at| keys.get(at));
                if let Some(parts) = at.and_then(|&(_, at)| parts.get_mut(at)) {
                    let (min, max, count) = (meta.min_time, meta.max_time, u32::from(meta.count));
                    parts.push(ChunkPart {
                        min,
                        max,
                        count,
                        encoding: meta.encoding,
                        bytes: bytes.into(),
                    });
                }
                ControlFlow::Continue(())
            })?;
            hiding.hide(run.meta().header.last_generation, &mut parts)?;
        }
        Ok(parts)
    }

    /// Row keys of some slots with the slots' places, sorted.
    fn row_keys_of(&self, slots: &[u32]) -> Vec<(RowKey, usize)> {
        let names = self.names.read();
        let key = |slot| Some(RowKey::new(ShardId(0), names.registry.id(slot)?));
        let places = slots.iter().enumerate();
        let mut keys: Vec<_> = places
            .filter_map(|(at, &slot)| Some((key(slot)?, at)))
            .collect();
        drop(names);
        keys.sort_unstable();
        keys
    }

    /// Those of the slots `matching` that have samples in `range` in memory or in runs, to the
    /// exactness of chunks.
    fn present(
        &self,
        live: &Live,
        range: TimeRange,
        matching: &Postings,
    ) -> Result<Postings, ShardError> {
        let deletes = live.hiding();
        if deletes.is_empty() {
            return self.present_whole(live, range, matching);
        }
        let (whole, touched) = split(&self.names.read(), &deletes, matching);
        let mut present = self.present_whole(live, range, &whole)?;
        for (mask, slots) in touched {
            self.present_of(live, range, (&slots, &mask), &mut present)?;
        }
        Ok(present)
    }

    /// As [`Head::present`], of slots of which nothing is hidden.
    fn present_whole(
        &self,
        live: &Live,
        range: TimeRange,
        matching: &Postings,
    ) -> Result<Postings, ShardError> {
        if range == TimeRange::ALL {
            return Ok(matching.clone());
        }
        let mut present = Postings::new();
        let slots: Vec<u32> = matching.iter().collect();
        self.present_of(live, range, (&slots, &Mask::default()), &mut present)?;
        Ok(present)
    }

    /// Adds those of `slots` that have samples in `range` which the mask does not hide.
    fn present_of(
        &self,
        live: &Live,
        range: TimeRange,
        (slots, mask): (&[u32], &Mask),
        present: &mut Postings,
    ) -> Result<(), ShardError> {
        for generation in &live.generations {
            let visible = mask.visible(generation.generation(), range);
            generation.read(&self.slots_in(generation, slots), |at, buffer| {
                if visible.iter().any(|part| buffer.overlaps(*part)) {
                    present.extend(slots.get(at).copied());
                }
            });
        }
        let keys = self.row_keys_of(slots);
        let sorted: Vec<RowKey> = keys.iter().map(|(key, _)| *key).collect();
        for run in &live.runs {
            for part in mask.visible(run.meta().header.last_generation, range) {
                present.extend(run.present(&sorted, part)?.iter().filter_map(|key| {
                    let (_, at) = keys.get(sorted.binary_search(key).ok()?)?;
                    slots.get(*at).copied()
                }));
            }
        }
        Ok(())
    }

    /// Leaves out rows of blocks of which all samples in `range` are deleted, to the exactness of
    /// pages.
    fn retain_visible(
        &self,
        live: &Live,
        range: TimeRange,
        rows: &mut BlockRows,
    ) -> Result<(), ShardError> {
        let deletes = live.hiding();
        if deletes.is_empty() {
            return Ok(());
        }
        let visible = |(number, row): Place, mask: &Mask| {
            let block = live.blocks.get(number);
            block.map_or(Ok(false), |block| is_visible(block, row, range, mask))
        };
        let mut known = Vec::new();
        for (slot, place) in std::mem::take(&mut rows.known) {
            let labels = self.names.read().index.labels(slot).unwrap_or_default();
            if visible(place, &Mask::of(&deletes, &labels))? {
                known.push((slot, place));
            }
        }
        rows.known = known;
        let mut places = Vec::new();
        for (labels, of_one) in std::mem::take(&mut rows.foreign).into_series(&mut places) {
            let mask = Mask::of(&deletes, &labels);
            let mut kept = Vec::new();
            for place in places.get(of_one).unwrap_or_default() {
                if visible(*place, &mask)? {
                    kept.push(*place);
                }
            }
            if !kept.is_empty() {
                let series = rows.foreign.add(labels);
                let kept = kept.into_iter().map(|place| (series, place));
                rows.foreign.places.extend(kept);
            }
        }
        Ok(())
    }

    /// How many series match and have samples in `range`, to the exactness of chunks and pages.
    ///
    /// # Errors
    /// When a run or block cannot be read.
    pub fn count(&self, range: TimeRange, matchers: &[Matcher]) -> Result<u64, ShardError> {
        let live = self.live();
        let matching = self.names.read().matches(matchers);
        let mut present = Postings::new();
        let (whole, touched) = split(&self.names.read(), &live.hiding(), &matching);
        let whole: Vec<u32> = whole.iter().collect();
        self.present_of(&live, range, (&whole, &Mask::default()), &mut present)?;
        for (mask, slots) in touched {
            self.present_of(&live, range, (&slots, &mask), &mut present)?;
        }
        let mut rows = self.block_rows(&live, range, matchers, &matching)?;
        self.retain_visible(&live, range, &mut rows)?;
        present.extend(rows.known.iter().map(|(slot, _)| *slot));
        Ok(present.len() + rows.foreign.len() as u64)
    }

    /// Labels of the series that match and have samples in `range`, sorted, at most `limit`.
    ///
    /// # Errors
    /// When a run or block cannot be read.
    pub fn series(
        &self,
        range: TimeRange,
        matchers: &[Matcher],
        limit: usize,
    ) -> Result<Limited<Vec<Labels>>, ShardError> {
        let live = self.live();
        let matching = self.names.read().matches(matchers);
        let mut present = self.present(&live, range, &matching)?;
        let mut rows = self.block_rows(&live, range, matchers, &matching)?;
        self.retain_visible(&live, range, &mut rows)?;
        present.extend(rows.known.iter().map(|(slot, _)| *slot));
        let mut slots: Vec<u32> = present.iter().collect();
        let names = self.names.read();
        names.index.sort(&mut slots);
        let (entries, _) = join(&names, slots, rows);
        let truncated = entries.len() > limit;
        let values = entries.into_iter().take(limit);
        let values = values.filter_map(|entry| match entry.known {
            Known::Slot(slot) => names.index.labels(slot),
            Known::Labels(labels) => Some(labels),
        });
        Ok(Limited {
            values: values.collect(),
            truncated,
        })
    }

    /// Names of the labels of those series, sorted, at most `limit`.
    ///
    /// # Errors
    /// When a run or block cannot be read.
    pub fn label_names(
        &self,
        range: TimeRange,
        matchers: &[Matcher],
        limit: usize,
    ) -> Result<Limited<Texts>, ShardError> {
        let live = self.live();
        let matching = self.restriction(&live, range, matchers)?;
        let mut answers = Answers::new(limit);
        answers.add(
            self.names
                .read()
                .index
                .label_names(matching.as_ref(), limit),
        );
        for_blocks(&live, range, matchers, |block, rows| {
            answers.add(block.label_names(rows, limit)?);
            Ok(())
        })?;
        Ok(answers.finish())
    }

    /// Values of one label of those series, sorted, at most `limit`.
    ///
    /// # Errors
    /// When a run or block cannot be read.
    pub fn label_values(
        &self,
        name: &str,
        range: TimeRange,
        matchers: &[Matcher],
        limit: usize,
    ) -> Result<Limited<Texts>, ShardError> {
        let live = self.live();
        let matching = self.restriction(&live, range, matchers)?;
        let mut answers = Answers::new(limit);
        let names = self.names.read();
        answers.add(names.index.label_values(name, matching.as_ref(), limit));
        drop(names);
        for_blocks(&live, range, matchers, |block, rows| {
            answers.add(block.label_values(name, rows, limit)?);
            Ok(())
        })?;
        Ok(answers.finish())
    }

    /// What makes the index in memory large; see [`crate::index::MemIndex::cardinality`].
    #[must_use]
    pub fn cardinality(&self, top: usize, label: Option<&str>) -> Cardinality {
        self.names.read().index.cardinality(top, label)
    }

    /// The slots that a question about labels is restricted to, if it is.
    fn restriction(
        &self,
        live: &Live,
        range: TimeRange,
        matchers: &[Matcher],
    ) -> Result<Option<Postings>, ShardError> {
        if Matcher::are_all(matchers) && range == TimeRange::ALL && live.hiding().is_empty() {
            return Ok(None);
        }
        let matching = self.names.read().matches(matchers);
        self.present(live, range, &matching).map(Some)
    }
}

/// Hides what is deleted from what one source after the other adds to the parts of some series.
struct Hiding<'a> {
    masks: &'a [Mask],
    range: TimeRange,
    /// How many parts of each series were there before the present source.
    before: Vec<usize>,
}

impl<'a> Hiding<'a> {
    fn new(masks: &'a [Mask], range: TimeRange) -> Self {
        Self {
            masks,
            range,
            before: vec![0; masks.len()],
        }
    }

    /// A source whose newest samples are of generation `source` has added its parts.
    fn hide(&mut self, source: Generation, parts: &mut [Vec<ChunkPart>]) -> Result<(), ShardError> {
        for ((mask, before), parts) in self.masks.iter().zip(&mut self.before).zip(parts) {
            if !mask.is_empty() && parts.len() > *before {
                hide_chunks(parts, *before, &mask.hidden(source), self.range)?;
            }
            *before = parts.len();
        }
        Ok(())
    }
}

/// Whether a row has a page with samples in `range` that the mask does not hide.
fn is_visible(
    block: &BlockReader,
    row: u32,
    range: TimeRange,
    mask: &Mask,
) -> Result<bool, ShardError> {
    let mut found = false;
    for part in mask.visible(block.meta().header.last_generation, range) {
        block.keys([row], part, |_, _| found = true)?;
        if found {
            break;
        }
    }
    Ok(found)
}

/// Parts slots into those that no delete concerns, and the others by what is hidden of them.
fn split(
    names: &Names,
    deletes: &[Arc<Delete>],
    matching: &Postings,
) -> (Postings, HashMap<Mask, Vec<u32>>) {
    let mut concerned: BTreeMap<u32, Vec<&Delete>> = BTreeMap::new();
    for delete in deletes {
        let hit = names.index.matches(delete.matchers());
        for slot in hit.iter().filter(|slot| matching.contains(*slot)) {
            concerned.entry(slot).or_default().push(delete);
        }
    }
    if concerned.is_empty() {
        return (matching.clone(), HashMap::new());
    }
    let mut whole = Postings::new();
    whole.extend(matching.iter().filter(|slot| !concerned.contains_key(slot)));
    let mut touched: HashMap<Mask, Vec<u32>> = HashMap::new();
    for (slot, deletes) in concerned {
        let mask = deletes.into_iter().collect();
        touched.entry(mask).or_default().push(slot);
    }
    (whole, touched)
}

/// Those of the rows of a block, or of all, of which not everything in `range` is deleted; none if
/// these are all that were given.
fn visible_rows(
    block: &BlockReader,
    range: TimeRange,
    deletes: &[Arc<Delete>],
    rows: Option<&Postings>,
) -> Result<Option<Postings>, ShardError> {
    let (generation, times) = {
        let meta = block.meta();
        (meta.header.last_generation, (meta.min_time, meta.max_time))
    };
    let mut concerned: BTreeMap<u32, Vec<&Delete>> = BTreeMap::new();
    let reaches = |delete: &&Arc<Delete>| delete.tombstone().reaches(generation, times);
    for delete in deletes.iter().filter(reaches) {
        for row in block.matches(delete.matchers())?.iter() {
            if rows.is_none_or(|rows| rows.contains(row)) {
                concerned.entry(row).or_default().push(delete);
            }
        }
    }
    let mut hidden = Postings::new();
    for (row, deletes) in concerned {
        let mask: Mask = deletes.into_iter().collect();
        if !is_visible(block, row, range, &mask)? {
            hidden.insert(row);
        }
    }
    if hidden.is_empty() {
        return Ok(None);
    }
    let all = block.matches(&[])?;
    let mut visible = Postings::new();
    let left = rows.unwrap_or(&all).iter();
    visible.extend(left.filter(|row| !hidden.contains(*row)));
    Ok(Some(visible))
}

/// Calls `visit` with each block that overlaps `range` and those of its rows that match and have
/// samples there; with none where these are all rows.
fn for_blocks(
    live: &Live,
    range: TimeRange,
    matchers: &[Matcher],
    mut visit: impl FnMut(&BlockReader, Option<&Postings>) -> Result<(), ShardError>,
) -> Result<(), ShardError> {
    let deletes = live.hiding();
    for block in &live.blocks {
        let (min, max) = (block.meta().min_time, block.meta().max_time);
        if !range.overlaps(min, max) {
            continue;
        }
        let whole = range.contains(min) && range.contains(max);
        if whole && Matcher::are_all(matchers) {
            let visible = visible_rows(block, range, &deletes, None)?;
            if visible.as_ref().is_none_or(|rows| !rows.is_empty()) {
                visit(block, visible.as_ref())?;
            }
            continue;
        }
        let mut rows = block.matches(matchers)?;
        if !whole {
            let mut present = Postings::new();
            block.keys(rows, range, |row, _| {
                present.insert(row);
            })?;
            rows = present;
        }
        if let Some(visible) = visible_rows(block, range, &deletes, Some(&rows))? {
            rows = visible;
        }
        if !rows.is_empty() {
            visit(block, Some(&rows))?;
        }
    }
    Ok(())
}

/// Puts the series of memory (sorted slots) and of blocks together, sorted by labels.
fn join(names: &Names, slots: Vec<u32>, mut rows: BlockRows) -> (Vec<Entry>, Vec<Place>) {
    rows.known.sort_unstable();
    let mut places: Vec<Place> = Vec::with_capacity(rows.known.len());
    let mut of_slot: HashMap<u32, Range<usize>> = HashMap::new();
    for of_one in rows.known.chunk_by(|a, b| a.0 == b.0) {
        let from = places.len();
        places.extend(of_one.iter().map(|one| one.1));
        if let Some((slot, _)) = of_one.first() {
            of_slot.insert(*slot, from..places.len());
        }
    }
    let mut entries = Vec::with_capacity(slots.len() + rows.foreign.len());
    let mut rest = slots.as_slice();
    let mut take = |entries: &mut Vec<Entry>, until: usize| {
        let (now, later) = rest.split_at(until.min(rest.len()));
        entries.extend(now.iter().map(|slot| Entry {
            known: Known::Slot(*slot),
            places: of_slot.get(slot).cloned().unwrap_or(0..0),
        }));
        rest = later;
        rest
    };
    let mut later = take(&mut entries, 0);
    let mut foreign = rows.foreign.into_series(&mut places);
    foreign.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    for (labels, places) in foreign {
        let before = |slot: &u32| names.index.labels(*slot).is_some_and(|one| one < labels);
        later = take(&mut entries, later.partition_point(before));
        let known = Known::Labels(labels);
        entries.push(Entry { known, places });
    }
    take(&mut entries, later.len());
    (entries, places)
}

/// Puts the series of memory, by slot, in front of those that only blocks know.
fn join_unsorted(matching: &Postings, mut rows: BlockRows) -> (Vec<Entry>, Vec<Place>) {
    rows.known.sort_unstable();
    let mut places: Vec<Place> = rows.known.iter().map(|one| one.1).collect();
    let foreign = rows.foreign.len();
    let mut entries = Vec::with_capacity(usize::try_from(matching.len()).unwrap_or(0) + foreign);
    let mut known = rows.known.as_slice();
    let mut at = 0;
    for slot in matching.iter() {
        let of_slot = known.iter().take_while(|one| one.0 == slot).count();
        known = known.get(of_slot..).unwrap_or_default();
        entries.push(Entry {
            known: Known::Slot(slot),
            places: at..at + of_slot,
        });
        at += of_slot;
    }
    for (labels, places) in rows.foreign.into_series(&mut places) {
        let known = Known::Labels(labels);
        entries.push(Entry { known, places });
    }
    (entries, places)
}

/// Sorted answers from several places, made one.
#[derive(Debug)]
struct Answers {
    values: Texts,
    limit: usize,
    truncated: bool,
}

impl Answers {
    fn new(limit: usize) -> Self {
        Self {
            values: Texts::new(),
            limit,
            truncated: false,
        }
    }

    /// Each answer holds the first ones of its place, so that the first of all are among them.
    fn add(&mut self, (values, truncated): (Texts, bool)) {
        self.truncated |= truncated;
        if self.values.is_empty() {
            self.values = values;
        } else if !values.is_empty() {
            let (union, more) = self.values.union(&values, self.limit);
            self.values = union;
            self.truncated |= more;
        }
    }

    fn finish(self) -> Limited<Texts> {
        Limited {
            values: self.values,
            truncated: self.truncated,
        }
    }
}
