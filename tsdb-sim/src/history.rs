//! What was written, deleted and read, and whether the answers are right.

use std::collections::BTreeMap;
use std::time::Duration;

/// A series of the workload, by number.
pub type SeriesNumber = u64;

/// What is known of one sample.
#[derive(Clone, Copy, Debug)]
struct Written {
    value: f64,
    /// When the first attempt to write it began.
    begun: Duration,
    /// When the first attempt that was acknowledged was.
    acked: Option<Duration>,
    /// When the last attempt ended, whatever became of it; `None` while one runs.
    ended: Option<Duration>,
    running: u32,
}

/// A delete of a series in a range of time.
#[derive(Clone, Copy, Debug)]
struct Deleted {
    series: SeriesNumber,
    min: i64,
    max: i64,
    begun: Duration,
    acked: Option<Duration>,
}

impl Deleted {
    fn is_about(&self, series: SeriesNumber, timestamp: i64) -> bool {
        self.series == series && (self.min..=self.max).contains(&timestamp)
    }
}

/// All that was asked of the cluster, and when.
#[derive(Debug, Default)]
pub struct History {
    samples: BTreeMap<(SeriesNumber, i64), Written>,
    deletes: Vec<Deleted>,
    /// How many were acknowledged.
    acked: u64,
    /// How many samples were found by reads that were checked.
    checked: u64,
}

/// What a read must not answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// What is wrong.
    pub what: String,
    /// Of which series, and at which time, where it is of one.
    pub sample: Option<(SeriesNumber, i64)>,
}

impl Violation {
    /// One of no single sample.
    pub(crate) fn new(what: String) -> Self {
        Self { what, sample: None }
    }

    fn of(series: SeriesNumber, timestamp: i64, what: &str) -> Self {
        Self {
            what: format!("series {series} at {timestamp} {what}"),
            sample: Some((series, timestamp)),
        }
    }
}

impl History {
    /// An attempt to write a sample begins.
    pub fn write(&mut self, at: Duration, series: SeriesNumber, timestamp: i64, value: f64) {
        let written = self.samples.entry((series, timestamp)).or_insert(Written {
            value,
            begun: at,
            acked: None,
            ended: None,
            running: 0,
        });
        written.running += 1;
        written.ended = None;
    }

    /// The attempt ended.
    pub fn written(&mut self, at: Duration, series: SeriesNumber, timestamp: i64, is_acked: bool) {
        if let Some(written) = self.samples.get_mut(&(series, timestamp)) {
            written.running -= 1;
            written.ended = (written.running == 0).then_some(at);
            if is_acked && written.acked.is_none() {
                written.acked = Some(at);
                self.acked += 1;
            }
        }
    }

    /// A delete begins; answers its number.
    pub fn delete(&mut self, at: Duration, series: SeriesNumber, min: i64, max: i64) -> usize {
        self.deletes.push(Deleted {
            series,
            min,
            max,
            begun: at,
            acked: None,
        });
        self.deletes.len() - 1
    }

    /// It was acknowledged.
    pub fn deleted(&mut self, at: Duration, number: usize) {
        if let Some(delete) = self.deletes.get_mut(number) {
            delete.acked = Some(at);
        }
    }

    /// How many samples were acknowledged, and how many of the samples that reads answered were
    /// checked.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.acked, self.checked)
    }

    /// Holds the whole of a complete read, which began at `begun` and ended at `ended`, against what
    /// was acknowledged before: `found` are timestamps and values by series.
    ///
    /// # Errors
    /// The first promise that is broken.
    pub fn check(
        &mut self,
        (begun, ended): (Duration, Duration),
        found: &BTreeMap<SeriesNumber, Vec<(i64, f64)>>,
    ) -> Result<(), Violation> {
        for (series, samples) in found {
            let mut last = None;
            for &(timestamp, value) in samples {
                if last.is_some_and(|last| last >= timestamp) {
                    return Err(Violation::of(
                        *series,
                        timestamp,
                        "is there twice, or out of order",
                    ));
                }
                last = Some(timestamp);
                self.check_found(begun, *series, timestamp, value)?;
                self.checked += 1;
            }
        }
        for (&(series, timestamp), written) in &self.samples {
            let is_due = written.acked.is_some_and(|acked| acked < begun);
            if !is_due || self.may_be_deleted(series, timestamp, written, ended) {
                continue;
            }
            let samples = found.get(&series).map(Vec::as_slice).unwrap_or_default();
            if samples
                .binary_search_by_key(&timestamp, |sample| sample.0)
                .is_err()
            {
                let acked = written.acked.unwrap_or_default();
                let what = format!(
                    "was acknowledged at {acked:?} and is not in a read from {begun:?} to {ended:?}"
                );
                return Err(Violation::of(series, timestamp, &what));
            }
        }
        Ok(())
    }

    /// A sample that was found was written, with this value, and is not deleted.
    fn check_found(
        &self,
        begun: Duration,
        series: SeriesNumber,
        timestamp: i64,
        value: f64,
    ) -> Result<(), Violation> {
        let Some(written) = self.samples.get(&(series, timestamp)) else {
            return Err(Violation::of(series, timestamp, "was never written"));
        };
        if written.value.to_bits() != value.to_bits() {
            let what = format!("is {value}, not {}", written.value);
            return Err(Violation::of(series, timestamp, &what));
        }
        let hides = |delete: &&Deleted| {
            delete.is_about(series, timestamp)
                && delete.acked.is_some_and(|acked| acked < begun)
                && written.ended.is_some_and(|ended| ended < delete.begun)
        };
        match self.deletes.iter().find(hides) {
            None => Ok(()),
            Some(delete) => {
                let what = format!(
                    "is back: written until {:?}, deleted from {:?} to {:?}, read from {begun:?}",
                    written.ended, delete.begun, delete.acked
                );
                Err(Violation::of(series, timestamp, &what))
            }
        }
    }

    /// Whether a delete may hide a sample: one that did not end before the sample was first written.
    fn may_be_deleted(
        &self,
        series: SeriesNumber,
        timestamp: i64,
        written: &Written,
        ended: Duration,
    ) -> bool {
        self.deletes.iter().any(|delete| {
            delete.is_about(series, timestamp)
                && delete.begun < ended
                && delete.acked.is_none_or(|acked| acked > written.begun)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn found(samples: &[(i64, f64)]) -> BTreeMap<SeriesNumber, Vec<(i64, f64)>> {
        BTreeMap::from([(1, samples.to_vec())])
    }

    #[test]
    fn what_was_acknowledged_must_be_found_and_nothing_else() {
        let mut history = History::default();
        history.write(at(1), 1, 10, 0.5);
        history.written(at(2), 1, 10, true);
        history.write(at(1), 1, 20, 0.5);
        let read = (at(3), at(4));
        assert_eq!(history.check(read, &found(&[(10, 0.5)])), Ok(()));
        assert_eq!(history.check(read, &found(&[(10, 0.5), (20, 0.5)])), Ok(()));
        for wrong in [
            &[][..],
            &[(20, 0.5)],
            &[(10, 0.25)],
            &[(10, 0.5), (10, 0.5)],
            &[(10, 0.5), (30, 0.5)],
        ] {
            assert!(history.check(read, &found(wrong)).is_err(), "{wrong:?}");
        }
        let early = (at(1), at(4));
        assert_eq!(history.check(early, &found(&[])), Ok(()));
    }

    #[test]
    fn what_was_deleted_stays_so_and_what_was_written_since_is_there() {
        let mut history = History::default();
        history.write(at(1), 1, 10, 0.5);
        history.written(at(2), 1, 10, true);
        let delete = history.delete(at(3), 1, 0, 100);
        let read = (at(6), at(7));
        assert_eq!(history.check(read, &found(&[])), Ok(()));
        assert_eq!(
            history.check(read, &found(&[(10, 0.5)])),
            Ok(()),
            "not known"
        );
        history.deleted(at(4), delete);
        assert_eq!(history.check(read, &found(&[])), Ok(()));
        assert!(history.check(read, &found(&[(10, 0.5)])).is_err());
        history.write(at(5), 1, 20, 0.5);
        history.written(at(5), 1, 20, true);
        assert!(history.check(read, &found(&[])).is_err());
        assert_eq!(history.check(read, &found(&[(20, 0.5)])), Ok(()));
    }
}
