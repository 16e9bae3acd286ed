//! The ring: the exemplars that arrived last, each one once.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use super::file::{ExemplarsHeader, ExemplarsImage, SavedExemplar};
use crate::model::{Exemplar, Generation, HashMap, HashTable, Labels, NamespaceId, TimeRange};

/// How much a ring may hold; the oldest by arrival go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingLimits {
    /// Exemplars; with 0 there are none.
    pub exemplars: usize,
    /// Bytes of memory that they take, room for growth apart.
    pub bytes: usize,
}

/// The exemplars of one series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesExemplars {
    /// The series.
    pub labels: Labels,
    /// In order of time, and of arrival where that is the same.
    pub exemplars: Vec<Exemplar>,
}

/// Memory of an exemplar beside its text: its place, and that in the table.
const ENTRY_BYTES: usize = size_of::<Entry>() + 2 * size_of::<u64>();
/// Memory of a series beside its text: the set itself, its counts and its place in the table.
const SERIES_BYTES: usize = size_of::<Labels>() + 2 * size_of::<usize>() + 4 * size_of::<usize>();

#[derive(Clone, Debug)]
struct Entry {
    /// Rises by one with each exemplar that arrives, duplicates included.
    arrival: u64,
    generation: Generation,
    /// One of the ring's sets: the same series is the same pointer.
    series: Arc<Labels>,
    timestamp: i64,
    bits: u64,
    labels: Labels,
}

impl Entry {
    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.series, &other.series)
            && (self.timestamp, self.bits) == (other.timestamp, other.bits)
            && self.labels == other.labels
    }

    fn hash(&self, hasher: &RandomState) -> u64 {
        let series = Arc::as_ptr(&self.series).addr();
        hasher.hash_one((series, self.timestamp, self.bits, self.labels.as_bytes()))
    }

    fn exemplar(&self) -> Exemplar {
        Exemplar {
            labels: self.labels.clone(),
            value: f64::from_bits(self.bits),
            timestamp: self.timestamp,
        }
    }
}

/// The newest exemplars of a namespace. What it holds follows from what arrived and was deleted,
/// in that order, and from nothing else: so a replay of the log ends where the writer was.
#[derive(Debug)]
pub struct ExemplarRing {
    limits: RingLimits,
    /// In order of arrival.
    entries: VecDeque<Entry>,
    /// Arrivals of all entries, by what they are.
    known: HashTable<u64>,
    /// How many entries each series has.
    series: HashMap<Arc<Labels>, usize>,
    hasher: RandomState,
    next_arrival: u64,
    last_generation: Generation,
    /// Bytes of the labels of entries and series.
    text_bytes: usize,
    changes: u64,
    saved: u64,
    /// Generations whose logs hold what no file does, oldest first.
    unsaved: Vec<Generation>,
}

impl ExemplarRing {
    /// An empty ring that takes no memory yet.
    #[must_use]
    pub fn new(limits: RingLimits) -> Self {
        Self {
            limits,
            entries: VecDeque::new(),
            known: HashTable::new(),
            series: HashMap::new(),
            hasher: RandomState::new(),
            next_arrival: 0,
            last_generation: Generation(0),
            text_bytes: 0,
            changes: 0,
            saved: 0,
            unsaved: Vec::new(),
        }
    }

    /// The ring that was saved, as far as the limits allow.
    #[must_use]
    pub fn from_image(limits: RingLimits, image: ExemplarsImage) -> Self {
        let mut ring = Self::new(limits);
        let count = image.exemplars.len() as u64;
        // Those that were hidden or displaced are not in the file: what counts is the order.
        ring.next_arrival = image.header.next_arrival.saturating_sub(count);
        for saved in image.exemplars {
            if let Some(series) = image.series.get(saved.series) {
                ring.append(series, saved.generation, saved.exemplar);
            }
        }
        ring.next_arrival = image.header.next_arrival;
        ring.last_generation = ring.last_generation.max(image.header.generation);
        ring.saved = ring.changes;
        ring.unsaved.clear();
        ring
    }

    /// What is to be saved.
    #[must_use]
    pub fn image(&self, namespace: NamespaceId) -> ExemplarsImage {
        let mut series = Vec::with_capacity(self.series.len());
        let mut numbers = HashMap::with_capacity(self.series.len());
        let mut exemplars = Vec::with_capacity(self.entries.len());
        for entry in &self.entries {
            let number = *numbers
                .entry(Arc::as_ptr(&entry.series))
                .or_insert_with(|| {
                    series.push(Labels::clone(&entry.series));
                    series.len() - 1
                });
            exemplars.push(SavedExemplar {
                series: number,
                generation: entry.generation,
                exemplar: entry.exemplar(),
            });
        }
        ExemplarsImage {
            header: ExemplarsHeader {
                namespace,
                generation: self.last_generation,
                next_arrival: self.next_arrival,
                limit: self.limits.exemplars as u64,
            },
            series,
            exemplars,
        }
    }

    /// How many exemplars there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How much it may hold.
    #[must_use]
    pub fn limits(&self) -> RingLimits {
        self.limits
    }

    /// The number that the next exemplar gets, duplicates counted.
    #[must_use]
    pub fn next_arrival(&self) -> u64 {
        self.next_arrival
    }

    /// Goes on with this number if it is above the next one: those between were lost.
    pub fn skip_to(&mut self, arrival: u64) {
        self.next_arrival = self.next_arrival.max(arrival);
    }

    /// The newest generation that an exemplar was of.
    #[must_use]
    pub fn last_generation(&self) -> Generation {
        self.last_generation
    }

    /// Counts up with each change.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Whether it holds what no file does, or the other way round.
    #[must_use]
    pub fn is_unsaved(&self) -> bool {
        self.changes != self.saved
    }

    /// Whether the log of a generation holds exemplars that no file covers.
    #[must_use]
    pub fn needs_log(&self, generation: Generation) -> bool {
        self.unsaved.contains(&generation)
    }

    /// Notes that a file holds the ring as it was after so many `changes`, the last of them of
    /// `generation`.
    pub fn note_saved(&mut self, changes: u64, generation: Generation) {
        self.saved = changes;
        let is_newer = self.is_unsaved();
        // Of the newest generation more may have come meanwhile.
        self.unsaved
            .retain(|one| *one > generation || (is_newer && *one == generation));
    }

    /// Takes an exemplar of a series; whether it is new. One that is there already stays where it
    /// is. Must be called in the order of the log.
    pub fn append(&mut self, series: &Labels, generation: Generation, exemplar: Exemplar) -> bool {
        let arrival = self.next_arrival;
        self.next_arrival += 1;
        self.changes += 1;
        self.last_generation = self.last_generation.max(generation);
        if self.unsaved.last() != Some(&generation) {
            self.unsaved.push(generation);
        }
        let known = self.series.get_key_value(series);
        let known = known.map(|(series, _)| Arc::clone(series));
        let is_known = known.is_some();
        let entry = Entry {
            arrival,
            generation,
            series: known.unwrap_or_else(|| Arc::new(series.clone())),
            timestamp: exemplar.timestamp,
            bits: exemplar.value.to_bits(),
            labels: exemplar.labels,
        };
        let hash = entry.hash(&self.hasher);
        let same = |at: &u64| find(&self.entries, *at).is_some_and(|found| found.is(&entry));
        if is_known && self.known.find(hash, same).is_some() {
            return false;
        }
        self.text_bytes += entry.labels.as_bytes().len();
        let held = self.series.entry(Arc::clone(&entry.series)).or_insert(0);
        if *held == 0 {
            self.text_bytes += series.as_bytes().len();
        }
        *held += 1;
        if self.entries.len() == self.entries.capacity() {
            // A quarter more: doubling would leave much of it idle.
            self.entries
                .reserve_exact((self.entries.len() / 4).max(MIN_GROWTH));
        }
        self.entries.push_back(entry);
        let (entries, hasher) = (&self.entries, &self.hasher);
        self.known.insert_unique(hash, arrival, |at| {
            find(entries, *at).map_or(0, |found| found.hash(hasher))
        });
        while self.entries.len() > self.limits.exemplars || self.used_bytes() > self.limits.bytes {
            self.pop();
        }
        true
    }

    /// Drops the oldest.
    fn pop(&mut self) {
        let Some(oldest) = self.entries.front() else {
            return;
        };
        let hash = oldest.hash(&self.hasher);
        let arrival = oldest.arrival;
        if let Ok(found) = self.known.find_entry(hash, |at| *at == arrival) {
            found.remove();
        }
        if let Some(oldest) = self.entries.pop_front() {
            self.text_bytes -= oldest.labels.as_bytes().len();
            self.let_go(&oldest.series);
        }
    }

    /// Forgets a series that has no exemplar any more.
    fn let_go(&mut self, series: &Arc<Labels>) {
        let Some(held) = self.series.get_mut(series) else {
            return;
        };
        *held -= 1;
        if *held == 0 {
            self.series.remove(series);
            self.text_bytes -= series.as_bytes().len();
        }
    }

    /// Drops the exemplars in `range` of all series that match, if they are of a generation before
    /// `generation`; how many these were.
    pub fn delete(
        &mut self,
        generation: Generation,
        range: TimeRange,
        matches: impl Fn(&Labels) -> bool,
    ) -> usize {
        let matching = self.matching(matches);
        let is_deleted = |entry: &Entry| {
            entry.generation < generation
                && range.contains(entry.timestamp)
                && matching.contains_key(&Arc::as_ptr(&entry.series))
        };
        let (gone, kept): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut self.entries)
            .into_iter()
            .partition(is_deleted);
        self.entries = kept;
        if gone.is_empty() {
            return 0;
        }
        let (entries, hasher) = (&self.entries, &self.hasher);
        self.known
            .retain(|at| entries.binary_search_by_key(at, |one| one.arrival).is_ok());
        self.known
            .shrink_to_fit(|at| find(entries, *at).map_or(0, |found| found.hash(hasher)));
        for entry in &gone {
            self.text_bytes -= entry.labels.as_bytes().len();
            self.let_go(&entry.series);
        }
        self.changes += 1;
        gone.len()
    }

    /// The series that match, numbered.
    fn matching(&self, matches: impl Fn(&Labels) -> bool) -> HashMap<*const Labels, usize> {
        let series = self.series.keys().filter(|series| matches(series));
        series.map(Arc::as_ptr).zip(0..).collect()
    }

    /// Whether any exemplar in `range` is of a series that matches.
    #[must_use]
    pub fn has_any(&self, range: TimeRange, matches: impl Fn(&Labels) -> bool) -> bool {
        let matching = self.matching(matches);
        self.entries.iter().any(|entry| {
            range.contains(entry.timestamp) && matching.contains_key(&Arc::as_ptr(&entry.series))
        })
    }

    /// The exemplars in `range` of all series that match, series in order of their labels.
    #[must_use]
    pub fn select(
        &self,
        range: TimeRange,
        matches: impl Fn(&Labels) -> bool,
    ) -> Vec<SeriesExemplars> {
        let matching = self.matching(matches);
        let mut found: Vec<Option<SeriesExemplars>> = Vec::new();
        found.resize_with(matching.len(), || None);
        for entry in self
            .entries
            .iter()
            .filter(|one| range.contains(one.timestamp))
        {
            let number = matching.get(&Arc::as_ptr(&entry.series));
            if let Some(series) = number.and_then(|number| found.get_mut(*number)) {
                let series = series.get_or_insert_with(|| SeriesExemplars {
                    labels: Labels::clone(&entry.series),
                    exemplars: Vec::new(),
                });
                series.exemplars.push(entry.exemplar());
            }
        }
        let mut found: Vec<SeriesExemplars> = found.into_iter().flatten().collect();
        found.sort_unstable_by(|one, other| one.labels.cmp(&other.labels));
        for series in &mut found {
            series.exemplars.sort_by_key(|one| one.timestamp);
        }
        found
    }

    #[cfg(test)]
    pub(super) fn text_bytes_for_tests(&self) -> usize {
        self.text_bytes
    }

    /// Bytes that the entries take, room for growth apart.
    fn used_bytes(&self) -> usize {
        self.entries.len() * ENTRY_BYTES + self.series.len() * SERIES_BYTES + self.text_bytes
    }

    /// Bytes held in memory.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
            + self.known.allocation_size()
            + self.series.allocation_size()
            + self.series.len() * (size_of::<Labels>() + 2 * size_of::<usize>())
            + self.text_bytes
    }

    /// Bytes that taking so many exemplars, whose labels and series have `text` bytes, takes at
    /// most at once.
    #[must_use]
    pub fn growth_bytes(&self, exemplars: usize, text: usize) -> usize {
        let entries = self.entries.len() + exemplars;
        let grown = |capacity: usize, allocated: usize, entry: usize| {
            if entries <= capacity {
                return 0;
            }
            // A table is at most an eighth full just after it doubled, beside the old one.
            2 * allocated + exemplars * 4 * (entry + 1) + 64
        };
        let places = if entries <= self.entries.capacity() {
            0
        } else {
            (self.entries.len() + exemplars.max(self.entries.len() / 4) + MIN_GROWTH)
                * size_of::<Entry>()
        };
        places
            + grown(self.known.capacity(), self.known.allocation_size(), 8)
            + grown(self.series.capacity(), self.series.allocation_size(), 16)
            + exemplars * SERIES_BYTES
            + text
    }
}

/// A ring grows by at least so many places.
const MIN_GROWTH: usize = 16;

/// The entry that arrived as this number.
fn find(entries: &VecDeque<Entry>, arrival: u64) -> Option<&Entry> {
    let at = entries.binary_search_by_key(&arrival, |one| one.arrival);
    entries.get(at.ok()?)
}
