//! Rows of blocks that match, joined by their series: by id, or else by labels.

use std::ops::Range;

use super::parts::Place;
use super::{Head, Live, Names, ShardError};
use crate::block::BlockReader;
use crate::model::{
    Fingerprint, FingerprintDomain, HashMap, Labels, Matcher, RowKey, SeriesId, ShardSet, TimeRange,
};
use crate::postings::Postings;

/// Rows of blocks that match, by series.
#[derive(Debug, Default)]
pub(super) struct BlockRows {
    /// Of series that are in memory: slot and place.
    pub(super) known: Vec<(u32, Place)>,
    /// Of series that only blocks know.
    pub(super) foreign: Foreign,
}

/// Series that only blocks know, in the order they were found.
#[derive(Debug, Default)]
pub(super) struct Foreign {
    labels: Vec<Labels>,
    /// Number of the series, and a row of it.
    pub(super) places: Vec<(usize, Place)>,
}

impl Foreign {
    pub(super) fn len(&self) -> usize {
        self.labels.len()
    }

    /// A further series; its number.
    pub(super) fn add(&mut self, labels: Labels) -> usize {
        self.labels.push(labels);
        self.labels.len() - 1
    }

    /// Adds the rows of each series to `places`, and tells which of them these are.
    pub(super) fn into_series(mut self, places: &mut Vec<Place>) -> Vec<(Labels, Range<usize>)> {
        self.places.sort_unstable();
        let mut rest = self.places.into_iter().peekable();
        let series = self.labels.into_iter().enumerate();
        let with_places = series.map(|(number, labels)| {
            let from = places.len();
            while let Some((_, place)) = rest.next_if(|(of, _)| *of == number) {
                places.push(place);
            }
            (labels, from..places.len())
        });
        with_places.collect()
    }
}

/// What a row is of that memory does not know by its id.
#[derive(Clone, Copy, Debug)]
enum Owner {
    /// A series that came back under a new id, and has this slot.
    Slot(u32),
    /// A series that only blocks know, by number.
    Foreign(usize),
    /// One that is not asked for.
    Nobody,
}

/// A look through the blocks.
#[derive(Debug)]
struct RowSearch<'s> {
    head: &'s Head,
    range: TimeRange,
    /// The slots that match.
    matching: &'s Postings,
    /// What labels have to match, and of which shards they have to be.
    matchers: Vec<Matcher>,
    shards: Vec<&'s ShardSet>,
    rows: BlockRows,
    /// Of a series that is in several blocks, the first of them tells.
    owners: HashMap<SeriesId, Owner>,
    /// Numbers of the series that only blocks know, by their labels.
    numbers: HashMap<Fingerprint, usize>,
}

impl RowSearch<'_> {
    fn block(&mut self, number: usize, block: &BlockReader) -> Result<(), ShardError> {
        let mut keys: Vec<(u32, RowKey)> = Vec::new();
        let matching = block.matches(&self.matchers)?;
        block.keys(matching, self.range, |row, key| keys.push((row, key)))?;
        let unknown = self.known(number, keys);
        // Of these only the block knows the labels; they may have come back under a new id.
        let mut labelled = Vec::with_capacity(unknown.len());
        if !unknown.is_empty() {
            let rows = unknown.iter().map(|(row, _)| *row);
            block.labels_many(rows, |row, labels| {
                let is_wanted = self.shards.iter().all(|set| set.holds(&labels));
                labelled.push((row, is_wanted.then_some(labels)));
            })?;
        }
        let head = self.head;
        let names = head.names.read();
        let mut unknown = unknown.into_iter();
        for (row, labels) in labelled {
            let owner = match labels {
                Some(labels) => self.owner(&names, labels),
                None => Owner::Nobody,
            };
            self.give(owner, (number, row));
            if let Some((_, id)) = unknown.find(|(of, _)| *of == row) {
                self.owners.insert(id, owner);
            }
        }
        Ok(())
    }

    /// Takes the rows whose series memory or a block before knows by id; answers the others.
    fn known(&mut self, number: usize, keys: Vec<(u32, RowKey)>) -> Vec<(u32, SeriesId)> {
        let head = self.head;
        let names = head.names.read();
        let mut unknown = Vec::new();
        for (row, key) in keys {
            match names.registry.slot(key.series) {
                Some(slot) if self.matching.contains(slot) => {
                    self.rows.known.push((slot, (number, row)));
                }
                // Memory tells the shard without a look at the block's labels.
                Some(slot) if !self.is_of_shards(&names, slot) => {}
                _ => match self.owners.get(&key.series) {
                    Some(owner) => self.give(*owner, (number, row)),
                    None => unknown.push((row, key.series)),
                },
            }
        }
        unknown
    }

    fn is_of_shards(&self, names: &Names, slot: u32) -> bool {
        let mut shards = self.shards.iter();
        shards.all(|set| names.index.is_in_shards(slot, set))
    }

    /// The series with these labels, whose id memory does not know.
    fn owner(&mut self, names: &Names, labels: Labels) -> Owner {
        let canonical = FingerprintDomain::Canonical;
        let fingerprint = self.head.key.of(canonical, labels.as_bytes());
        let among = |slot| self.matching.contains(slot);
        match names.find_labels_where(fingerprint, &labels, among) {
            Some(slot) => Owner::Slot(slot),
            None => {
                let add = || self.rows.foreign.add(labels);
                Owner::Foreign(*self.numbers.entry(fingerprint).or_insert_with(add))
            }
        }
    }

    fn give(&mut self, owner: Owner, place: Place) {
        match owner {
            Owner::Slot(slot) => self.rows.known.push((slot, place)),
            Owner::Foreign(series) => self.rows.foreign.places.push((series, place)),
            Owner::Nobody => {}
        }
    }
}

impl Head {
    /// The rows of blocks that match and have samples in `range`, to the exactness of pages.
    /// `matching` are the slots that match.
    pub(super) fn block_rows(
        &self,
        live: &Live,
        range: TimeRange,
        matchers: &[Matcher],
        matching: &Postings,
    ) -> Result<BlockRows, ShardError> {
        let of_labels = matchers.iter().filter(|one| one.shard_set().is_none());
        let shards = matchers.iter().filter_map(Matcher::shard_set);
        let mut search = RowSearch {
            head: self,
            range,
            matching,
            matchers: of_labels.cloned().collect(),
            shards: shards.filter(|set| !set.is_all()).collect(),
            rows: BlockRows::default(),
            owners: HashMap::new(),
            numbers: HashMap::new(),
        };
        for (number, block) in live.blocks.iter().enumerate() {
            if range.overlaps(block.meta().min_time, block.meta().max_time) {
                search.block(number, block)?;
            }
        }
        Ok(search.rows)
    }
}
