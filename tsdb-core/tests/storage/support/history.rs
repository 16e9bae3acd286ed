//! What was appended and acked, moment by moment, and what a reader may therefore see.

use std::collections::BTreeMap;

use tsdb_core::TimeRange;
use tsdb_core::model::winner;

use super::Contents;

/// Where a sample is: number of the namespace, rank of the series, timestamp.
pub(crate) type Place = (usize, usize, i64);

/// How the process that wrote came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// It ended, the machine did not: all that was written is there.
    Process,
    /// The machine ended: what was synced is there.
    Machine,
}

/// A sample that was appended. Moments count up; `u64::MAX` is never.
#[derive(Clone, Copy, Debug)]
struct Entry {
    bits: u64,
    appended: u64,
    written: u64,
    synced: u64,
    /// The delete that may have hidden it, or may not.
    undecided: Option<u64>,
}

/// Stands for some delete, where which samples it hid together cannot be told.
const SOME_DELETE: u64 = 0;

/// What a delete covers: namespace, ranks, time.
#[derive(Clone, Debug)]
pub(crate) struct Covered {
    pub(crate) namespace: usize,
    pub(crate) ranks: Vec<usize>,
    pub(crate) range: TimeRange,
}

impl Covered {
    /// All there is of a namespace of so many series.
    pub(crate) fn all_of(namespace: usize, series: usize) -> Self {
        Self {
            namespace,
            ranks: (0..series).collect(),
            range: TimeRange::ALL,
        }
    }

    fn covers(&self, place: &Place) -> bool {
        let (namespace, rank, time) = *place;
        namespace == self.namespace && self.range.contains(time) && self.ranks.contains(&rank)
    }
}

/// All that was appended, and when which promise was given for it.
#[derive(Debug, Default)]
pub(crate) struct History {
    moment: u64,
    places: BTreeMap<Place, Vec<Entry>>,
    /// By namespace, before which timestamp samples may have expired.
    floors: BTreeMap<usize, i64>,
    /// Deletes that began and are not known to be done.
    deletes: Vec<(u64, Covered)>,
}

fn stronger(a: u64, b: u64) -> u64 {
    winner(f64::from_bits(a), f64::from_bits(b)).to_bits()
}

fn strongest(bits: impl Iterator<Item = u64>) -> Option<u64> {
    bits.reduce(stronger)
}

/// What must be shown of a place: the strongest of what is there for sure, or `seen` if that is a
/// stronger one that no delete is known to have hidden.
fn wanted(entries: &[Entry], seen: Option<u64>) -> Option<u64> {
    let decided = entries.iter().filter(|entry| entry.undecided.is_none());
    let least = strongest(decided.map(|entry| entry.bits));
    let mut undecided = entries.iter().filter(|entry| entry.undecided.is_some());
    let stronger = |seen: &u64| least.is_none_or(|least| stronger(least, *seen) == *seen);
    seen.filter(|seen| stronger(seen) && undecided.any(|entry| entry.bits == *seen))
        .or(least)
}

impl History {
    /// The present moment; every call is one later.
    pub(crate) fn tick(&mut self) -> u64 {
        self.moment += 1;
        self.moment
    }

    /// Notes samples that are about to be appended; the answer names them to [`Self::acked`].
    pub(crate) fn append(&mut self, samples: &[(Place, u64)]) -> u64 {
        let appended = self.tick();
        for &(place, bits) in samples {
            // It came before the delete's moment or after it.
            let deleting = self.deletes.iter().any(|(_, one)| one.covers(&place));
            self.places.entry(place).or_default().push(Entry {
                bits,
                appended,
                written: u64::MAX,
                synced: u64::MAX,
                undecided: deleting.then_some(SOME_DELETE),
            });
        }
        appended
    }

    /// Forgets samples whose append was refused.
    pub(crate) fn refused(&mut self, samples: &[(Place, u64)], appended: u64) {
        for (place, _) in samples {
            if let Some(entries) = self.places.get_mut(place) {
                entries.retain(|entry| entry.appended != appended);
                if entries.is_empty() {
                    self.places.remove(place);
                }
            }
        }
    }

    /// Notes that samples are safe, from the loss of the machine if `synced`, or else from that
    /// of the process.
    pub(crate) fn acked(&mut self, samples: &[(Place, u64)], appended: u64, synced: bool) {
        let now = self.tick();
        for (place, _) in samples {
            let entries = self.places.get_mut(place).into_iter().flatten();
            for entry in entries.filter(|entry| entry.appended == appended) {
                entry.written = entry.written.min(now);
                if synced {
                    entry.synced = entry.synced.min(now);
                }
            }
        }
    }

    /// Notes that all appended up to `moment` is safe from everything.
    pub(crate) fn all_safe(&mut self, moment: u64) {
        let now = self.tick();
        for entry in self.places.values_mut().flatten() {
            if entry.appended <= moment {
                entry.written = entry.written.min(now);
                entry.synced = entry.synced.min(now);
            }
        }
    }

    /// Notes that a delete begins; until it is done, what it covers may be hidden or not.
    pub(crate) fn delete_begins(&mut self, covered: &Covered) -> u64 {
        let delete = self.tick();
        self.deletes.push((delete, covered.clone()));
        for (place, entries) in &mut self.places {
            if covered.covers(place) {
                for entry in entries {
                    let before = entry.undecided.replace(delete);
                    if before.is_some() {
                        entry.undecided = Some(SOME_DELETE);
                    }
                }
            }
        }
        delete
    }

    /// Notes that a delete is done: what it covered is gone for good, but for what was appended
    /// meanwhile.
    pub(crate) fn deleted(&mut self, covered: &Covered, delete: u64) {
        self.deletes.retain(|one| one.0 != delete);
        for (place, entries) in &mut self.places {
            if covered.covers(place) {
                entries.retain(|entry| entry.appended > delete);
            }
        }
        self.places.retain(|_, entries| !entries.is_empty());
    }

    /// A delete, or the removal of a namespace, hides all that was safe before it, or nothing.
    fn check_whole(&self, found: &Contents, loss: Loss) -> Result<(), String> {
        let mut seen: BTreeMap<u64, (bool, Place)> = BTreeMap::new();
        for (place, entries) in &self.places {
            let safe = |entry: &Entry| match loss {
                Loss::Process => entry.written < u64::MAX,
                Loss::Machine => entry.synced < u64::MAX,
            };
            let Some(delete) = entries.first().and_then(|entry| entry.undecided) else {
                continue;
            };
            let one = entries.iter().all(|entry| entry.undecided == Some(delete));
            let told = delete != SOME_DELETE && one && entries.iter().any(safe);
            if !told || self.may_be_expired(place) {
                continue;
            }
            let shown = found.binary_search_by_key(place, |one| one.0).is_ok();
            let first = *seen.entry(delete).or_insert((shown, *place));
            if first.0 != shown {
                return Err(format!(
                    "half a delete: {place:?} is shown: {shown}, {:?}: {}",
                    first.1, first.0
                ));
            }
        }
        Ok(())
    }

    /// Notes that samples of a namespace before `before` may expire from now on.
    pub(crate) fn expires(&mut self, namespace: usize, before: i64) {
        let floor = self.floors.entry(namespace).or_insert(before);
        *floor = before.max(*floor);
    }

    /// Whether a place lies so far back that it may be gone.
    fn may_be_expired(&self, place: &Place) -> bool {
        let floor = self.floors.get(&place.0);
        floor.is_some_and(|floor| place.2 < *floor)
    }

    /// Checks what a Db shows after an outage at `moment`: all that was safe is there, nothing
    /// was invented, bit for bit.
    pub(crate) fn check_after(
        &self,
        found: &Contents,
        moment: u64,
        loss: Loss,
    ) -> Result<(), String> {
        self.check_whole(found, loss)?;
        let mut found = found.iter().peekable();
        for (place, entries) in &self.places {
            if found.peek().is_some_and(|(other, _)| other < place) {
                break;
            }
            let seen = found
                .next_if(|(other, _)| other == place)
                .map(|(_, bits)| *bits);
            let known = || entries.iter().filter(|entry| entry.appended <= moment);
            let decided = known().filter(|entry| entry.undecided.is_none());
            let safe = strongest(decided.filter_map(|entry| {
                let since = match loss {
                    Loss::Process => entry.written,
                    Loss::Machine => entry.synced,
                };
                (since <= moment).then_some(entry.bits)
            }));
            match (seen, safe) {
                (None, Some(_)) if self.may_be_expired(place) => {}
                (None, Some(bits)) => return Err(format!("acked {place:?} {bits:#x} is lost")),
                (None, None) => {}
                (Some(seen), _) if known().all(|entry| entry.bits != seen) => {
                    return Err(format!("{place:?} {seen:#x} was never written"));
                }
                (Some(_), _) if self.may_be_expired(place) => {}
                (Some(seen), Some(safe)) if stronger(seen, safe) != seen => {
                    return Err(format!("{place:?} is {seen:#x}, acked was {safe:#x}"));
                }
                (Some(_), _) => {}
            }
        }
        match found.next() {
            Some((place, bits)) => Err(format!("{place:?} {bits:#x} was never appended")),
            None => Ok(()),
        }
    }

    /// Checks what the Db that took the appends shows: exactly the winner of all of them.
    pub(crate) fn check_live(&self, found: &Contents) -> Result<(), String> {
        let mut found = found.iter().peekable();
        for (place, entries) in &self.places {
            let seen = found
                .next_if(|(other, _)| other == place)
                .map(|(_, bits)| *bits);
            let wanted = wanted(entries, seen);
            let old = || seen.is_none_or(|seen| entries.iter().any(|entry| entry.bits == seen));
            if seen != wanted && !(self.may_be_expired(place) && old()) {
                let floor = self.floors.get(&place.0);
                return Err(format!(
                    "{place:?} is {seen:x?}, not {wanted:x?} (floor {floor:?}, {entries:x?})"
                ));
            }
        }
        match found.next() {
            Some((place, bits)) => Err(format!("{place:?} {bits:#x} was never appended")),
            None => Ok(()),
        }
    }

    /// Starts over with what a reopened Db shows: it is all durable now, and nothing else exists.
    pub(crate) fn adopt(&mut self, found: &Contents) {
        let entry = |bits| Entry {
            bits,
            appended: 0,
            written: 0,
            synced: 0,
            undecided: None,
        };
        self.deletes.clear();
        let mut before = std::mem::take(&mut self.places);
        let shown = |place: &Place| found.binary_search_by_key(place, |one| one.0).is_ok();
        before.retain(|place, _| self.may_be_expired(place) || shown(place));
        for &(place, bits) in found {
            // Weaker samples come to light where a stronger one expires before them.
            let mut entries = before.remove(&place).unwrap_or_default();
            entries.retain(|entry| entry.bits != bits && stronger(entry.bits, bits) == bits);
            entries.push(entry(bits));
            before.insert(place, entries);
        }
        self.places = before;
    }

    /// Checks that a Db shows of one series in a range exactly the winners of what was appended.
    pub(crate) fn check_series(
        &self,
        (namespace, rank): (usize, usize),
        range: TimeRange,
        seen: &[(i64, u64)],
    ) -> Result<(), String> {
        let mut seen = seen.iter().peekable();
        let ends = (namespace, rank, range.min())..=(namespace, rank, range.max());
        for (place, entries) in self.places.range(ends) {
            let found = seen.next_if(|(t, _)| *t == place.2).map(|(_, bits)| *bits);
            let wanted = wanted(entries, found);
            if found != wanted && !self.may_be_expired(place) {
                return Err(format!("{place:?} is {found:x?}, not {wanted:x?}"));
            }
        }
        match seen.next() {
            Some(sample) => Err(format!("{namespace} {rank} {sample:x?} was never appended")),
            None => Ok(()),
        }
    }
}
