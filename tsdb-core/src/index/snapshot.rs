//! An index in memory from the bytes of one on disk: a fast start after a clean stop.

use super::MemIndex;
use super::disk::{IndexError, IndexImage};

impl MemIndex {
    /// Appends all that [`MemIndex::read_snapshot`] needs: an index as block files hold it,
    /// with the slots as its rows.
    pub fn write_snapshot(&self, out: &mut Vec<u8>) {
        self.write_index(out);
    }

    /// Makes the index again whose snapshot these bytes are: the same slots with the same
    /// labels. Numbers of symbols and pairs may be others.
    ///
    /// # Errors
    /// When the bytes are no whole snapshot of a version that this build reads.
    pub fn read_snapshot(bytes: &[u8]) -> Result<Self, IndexError> {
        let image = IndexImage::open(bytes)?;
        let mut index = Self::new();
        // The number of the first term of each name, and the name's number in the index.
        let mut names: Vec<u32> = Vec::new();
        image.for_each_name(|text| {
            names.push(index.pairs.intern_name(&mut index.symbols, text));
        })?;
        image.for_each_term(|name, value| {
            let name = names.get(name as usize).copied();
            name.is_some_and(|name| {
                let number = index.pairs.len() as u32;
                index.pairs.intern(&mut index.symbols, name, value) == number
            })
        })?;
        if index.pairs.names().iter().any(|name| name.pairs.is_empty()) {
            return Err(IndexError::corrupt(0, "a name without values"));
        }
        let mut runs = OpenRuns::default();
        index.reserve(image.rows());
        image.for_each_row(|row| {
            index.keep_pairs(row);
            runs.add(&mut index, row)
        })?;
        runs.close(&mut index);
        Ok(index)
    }
}

/// The slots since which each pair of the last slot, and each name, is there without a gap:
/// most pairs stay the same from slot to slot, and are posted once a run.
#[derive(Default)]
struct OpenRuns {
    slot: u32,
    /// Pair, its name, and the first slots of their runs; in order of pairs.
    open: Vec<OpenRun>,
    scratch: Vec<OpenRun>,
}

#[derive(Clone, Copy)]
struct OpenRun {
    pair: u32,
    name: u32,
    pair_since: u32,
    name_since: u32,
}

impl OpenRuns {
    /// Adds the next slot, whose pairs rise; `false` when two of them have one name.
    fn add(&mut self, index: &mut MemIndex, row: &[u32]) -> bool {
        if self.replace(index, row) {
            self.slot += 1;
            return true;
        }
        self.scratch.clear();
        let mut at = 0;
        for &pair in row {
            let name = index.pairs.get(pair).map_or(0, |pair| pair.name);
            if self.scratch.last().is_some_and(|last| last.name >= name) {
                return false;
            }
            let mut run = OpenRun {
                pair,
                name,
                pair_since: self.slot,
                name_since: self.slot,
            };
            // Both are in order of names: what is passed is of names that are gone.
            while let Some(open) = self.open.get(at)
                && open.name <= name
            {
                if open.name == name {
                    run.name_since = open.name_since;
                }
                if open.pair == pair {
                    run.pair_since = open.pair_since;
                } else {
                    open.close(index, self.slot, open.name < name);
                }
                at += 1;
            }
            self.scratch.push(run);
        }
        for gone in self.open.iter().skip(at) {
            gone.close(index, self.slot, true);
        }
        std::mem::swap(&mut self.open, &mut self.scratch);
        self.slot += 1;
        true
    }

    /// Adds a slot that differs from the last in a few values only; `false` when it does not.
    fn replace(&mut self, index: &mut MemIndex, row: &[u32]) -> bool {
        let same_name = |(open, pair): (&OpenRun, &u32)| {
            open.pair == *pair
                || index
                    .pairs
                    .get(*pair)
                    .is_some_and(|pair| pair.name == open.name)
        };
        if self.open.len() != row.len() || !self.open.iter().zip(row).all(same_name) {
            return false;
        }
        for (open, &pair) in self.open.iter_mut().zip(row) {
            if open.pair != pair {
                open.close(index, self.slot, false);
                (open.pair, open.pair_since) = (pair, self.slot);
            }
        }
        true
    }

    /// Posts what is still open.
    fn close(self, index: &mut MemIndex) {
        for open in self.open {
            open.close(index, self.slot, true);
        }
    }
}

impl OpenRun {
    /// Posts the run that ended before `slot`, and that of its name if that ended too.
    fn close(self, index: &mut MemIndex, slot: u32, with_name: bool) {
        index.pairs.post_run(self.pair, self.pair_since, slot - 1);
        if with_name {
            index
                .pairs
                .post_name_run(self.name, self.name_since, slot - 1);
        }
    }
}
