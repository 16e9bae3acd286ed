//! What was written, deleted and read, and whether the answers are right.

use std::collections::{BTreeMap, BTreeSet};
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
    min: i64,
    max: i64,
    begun: Duration,
    acked: Option<Duration>,
}

impl Deleted {
    fn is_about(&self, timestamp: i64) -> bool {
        (self.min..=self.max).contains(&timestamp)
    }
}

/// What is known of one series.
#[derive(Debug, Default)]
struct OfSeries {
    samples: BTreeMap<i64, Written>,
    deletes: Vec<Deleted>,
}

/// All that was asked of the cluster, and when.
#[derive(Debug, Default)]
pub struct History {
    series: BTreeMap<SeriesNumber, OfSeries>,
    /// How many samples were acknowledged.
    acked: u64,
    /// How many samples were found by reads that were checked.
    checked: u64,
}

/// What a complete read answered.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// When the read began.
    pub begun: Duration,
    /// When it ended.
    pub ended: Duration,
    /// The first and the last timestamp that were asked for.
    pub range: (i64, i64),
    /// Timestamps and values by series.
    pub samples: BTreeMap<SeriesNumber, Vec<(i64, f64)>>,
    /// Numbers of series, or names of labels.
    pub texts: BTreeSet<String>,
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

    /// One of a sample.
    pub(crate) fn of(series: SeriesNumber, timestamp: i64, what: &str) -> Self {
        Self {
            what: format!("series {series} at {timestamp} {what}"),
            sample: Some((series, timestamp)),
        }
    }
}

impl History {
    /// An attempt to write a sample begins.
    pub fn write(&mut self, at: Duration, series: SeriesNumber, timestamp: i64, value: f64) {
        let own = self.series.entry(series).or_default();
        let written = own.samples.entry(timestamp).or_insert(Written {
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
        let own = self.series.get_mut(&series);
        if let Some(written) = own.and_then(|own| own.samples.get_mut(&timestamp)) {
            written.running -= 1;
            written.ended = (written.running == 0).then_some(at);
            if is_acked && written.acked.is_none() {
                written.acked = Some(at);
                self.acked += 1;
            }
        }
    }

    /// A delete begins; answers its number, among those of the series.
    pub fn delete(&mut self, at: Duration, series: SeriesNumber, min: i64, max: i64) -> usize {
        let deletes = &mut self.series.entry(series).or_default().deletes;
        deletes.push(Deleted {
            min,
            max,
            begun: at,
            acked: None,
        });
        deletes.len() - 1
    }

    /// It was acknowledged.
    pub fn deleted(&mut self, at: Duration, series: SeriesNumber, number: usize) {
        let own = self.series.get_mut(&series);
        if let Some(delete) = own.and_then(|own| own.deletes.get_mut(number)) {
            delete.acked = Some(at);
        }
    }

    /// The newest timestamp of a series that was ever written.
    #[must_use]
    pub fn newest(&self, series: SeriesNumber) -> Option<i64> {
        let (newest, _) = self.series.get(&series)?.samples.last_key_value()?;
        Some(*newest)
    }

    /// How many samples were acknowledged, and how many of the samples that reads answered were
    /// checked.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.acked, self.checked)
    }

    /// Whether a sample that was written may be missing at `now`, as somebody deletes it or did.
    #[must_use]
    pub fn may_be_gone(&self, series: SeriesNumber, timestamp: i64, now: Duration) -> bool {
        let own = self.series.get(&series);
        let written = own.and_then(|own| Some((own, own.samples.get(&timestamp)?)));
        written.is_none_or(|(own, written)| own.may_hide(timestamp, written, now))
    }

    /// Holds the whole of a read of samples against what was acknowledged before it began.
    ///
    /// # Errors
    /// The first promise that is broken.
    pub fn check(&mut self, found: &Found) -> Result<(), Violation> {
        for (series, samples) in &found.samples {
            let ordered = samples.is_sorted_by(|one, next| one.0 < next.0);
            let unordered = "has a sample twice, or out of order, in";
            let (first, _) = samples.first().copied().unwrap_or_default();
            if !ordered {
                return Err(Violation::of(*series, first, unordered));
            }
            let own = self.series.get(series);
            let Some(own) = own else {
                return Err(Violation::of(*series, first, "was never written"));
            };
            for (timestamp, value) in samples {
                own.check_found(found, *timestamp, *value)
                    .map_err(|what| Violation::of(*series, *timestamp, &what))?;
            }
            self.checked += samples.len() as u64;
        }
        for (series, own) in &self.series {
            let samples = found.samples.get(series).map(Vec::as_slice);
            own.check_due(found, samples.unwrap_or_default())
                .map_err(|(timestamp, what)| Violation::of(*series, timestamp, &what))?;
        }
        Ok(())
    }

    /// Holds a list of the numbers of all series against what was acknowledged before it was asked
    /// for.
    ///
    /// # Errors
    /// When a series is missing that has samples, or one is there that was never written.
    pub fn check_series(&self, found: &Found) -> Result<(), Violation> {
        for text in &found.texts {
            let number = text.parse().unwrap_or(SeriesNumber::MAX);
            if !self.series.contains_key(&number) {
                let what = format!("series {text:?} is listed and was never written");
                return Err(Violation::new(what));
            }
        }
        for (series, own) in &self.series {
            if own.due(found).next().is_some() && !found.texts.contains(&series.to_string()) {
                let listed = &found.texts;
                let what = format!("series {series} has samples and is not among {listed:?}");
                return Err(Violation::new(what));
            }
        }
        Ok(())
    }

    /// Holds a list of all names of labels against those that each series has.
    ///
    /// # Errors
    /// When there is another, or one is missing though there are samples.
    pub fn check_names(&self, found: &Found, names: [&str; 2]) -> Result<(), Violation> {
        let is_due = self
            .series
            .values()
            .any(|own| own.due(found).next().is_some());
        let is_known = |text: &String| names.contains(&text.as_str());
        let is_listed = |name: &&str| found.texts.contains(*name);
        let is_whole = !is_due || names.iter().all(is_listed);
        match found.texts.iter().all(is_known) && is_whole {
            true => Ok(()),
            false => {
                let what = format!("the names {:?} are listed, not {names:?}", found.texts);
                Err(Violation::new(what))
            }
        }
    }
}

impl OfSeries {
    /// Samples that the answer must have, in order.
    fn due(&self, found: &Found) -> impl Iterator<Item = (i64, &Written)> {
        let (min, max) = found.range;
        let written = self.samples.range(min..=max);
        let due = written.filter(|(timestamp, written)| {
            let is_acked = written.acked.is_some_and(|acked| acked < found.begun);
            is_acked && !self.may_hide(**timestamp, written, found.ended)
        });
        due.map(|(timestamp, written)| (*timestamp, written))
    }

    /// Whether all that is due was found: `samples` are sorted.
    fn check_due(&self, found: &Found, samples: &[(i64, f64)]) -> Result<(), (i64, String)> {
        let mut samples = samples.iter().map(|sample| sample.0).peekable();
        for (due, written) in self.due(found) {
            while samples.next_if(|timestamp| *timestamp < due).is_some() {}
            if samples.next_if_eq(&due).is_none() {
                let acked = written.acked.unwrap_or_default();
                let (begun, ended) = (found.begun, found.ended);
                let what = format!(
                    "was acknowledged at {acked:?} and is not in a read from {begun:?} to {ended:?}"
                );
                return Err((due, what));
            }
        }
        Ok(())
    }

    /// A sample that was found was asked for and written, with this value, and is not deleted.
    fn check_found(&self, found: &Found, timestamp: i64, value: f64) -> Result<(), String> {
        let (min, max) = found.range;
        if !(min..=max).contains(&timestamp) {
            return Err(format!("was found between {min} and {max}"));
        }
        let Some(written) = self.samples.get(&timestamp) else {
            return Err("was never written".to_owned());
        };
        if written.value.to_bits() != value.to_bits() {
            return Err(format!("is {value}, not {}", written.value));
        }
        let hides = |delete: &&Deleted| {
            delete.is_about(timestamp)
                && delete.acked.is_some_and(|acked| acked < found.begun)
                && written.ended.is_some_and(|ended| ended < delete.begun)
        };
        match self.deletes.iter().find(hides) {
            None => Ok(()),
            Some(delete) => Err(format!(
                "is back: written until {:?}, deleted from {:?} to {:?}, read from {:?}",
                written.ended, delete.begun, delete.acked, found.begun
            )),
        }
    }

    /// Whether a delete may hide a sample: one that did not end before the sample was first written.
    fn may_hide(&self, timestamp: i64, written: &Written, ended: Duration) -> bool {
        self.deletes.iter().any(|delete| {
            delete.is_about(timestamp)
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

    fn found((begun, ended): (Duration, Duration), samples: &[(i64, f64)]) -> Found {
        Found {
            begun,
            ended,
            range: (i64::MIN, i64::MAX),
            samples: BTreeMap::from([(1, samples.to_vec())]),
            texts: BTreeSet::new(),
        }
    }

    #[test]
    fn what_was_acknowledged_must_be_found_and_nothing_else() {
        let mut history = History::default();
        history.write(at(1), 1, 10, 0.5);
        history.written(at(2), 1, 10, true);
        history.write(at(1), 1, 20, 0.5);
        let read = (at(3), at(4));
        assert_eq!(history.check(&found(read, &[(10, 0.5)])), Ok(()));
        assert_eq!(history.check(&found(read, &[(10, 0.5), (20, 0.5)])), Ok(()));
        for wrong in [
            &[][..],
            &[(20, 0.5)],
            &[(10, 0.25)],
            &[(10, 0.5), (10, 0.5)],
            &[(10, 0.5), (30, 0.5)],
        ] {
            assert!(history.check(&found(read, wrong)).is_err(), "{wrong:?}");
        }
        let early = (at(1), at(4));
        assert_eq!(history.check(&found(early, &[])), Ok(()));
    }

    #[test]
    fn what_was_deleted_stays_so_and_what_was_written_since_is_there() {
        let mut history = History::default();
        history.write(at(1), 1, 10, 0.5);
        history.written(at(2), 1, 10, true);
        let delete = history.delete(at(3), 1, 0, 100);
        let read = (at(6), at(7));
        assert_eq!(history.check(&found(read, &[])), Ok(()));
        assert_eq!(
            history.check(&found(read, &[(10, 0.5)])),
            Ok(()),
            "not known"
        );
        history.deleted(at(4), 1, delete);
        assert_eq!(history.check(&found(read, &[])), Ok(()));
        assert!(history.check(&found(read, &[(10, 0.5)])).is_err());
        history.write(at(5), 1, 20, 0.5);
        history.written(at(5), 1, 20, true);
        assert!(history.check(&found(read, &[])).is_err());
        assert_eq!(history.check(&found(read, &[(20, 0.5)])), Ok(()));
    }

    #[test]
    fn a_range_is_read_whole_and_no_more() {
        let mut history = History::default();
        for timestamp in [10, 20, 30] {
            history.write(at(1), 1, timestamp, 0.5);
            history.written(at(2), 1, timestamp, true);
        }
        let read = |range, samples: &[(i64, f64)]| Found {
            range,
            ..found((at(3), at(4)), samples)
        };
        assert_eq!(history.check(&read((15, 25), &[(20, 0.5)])), Ok(()));
        assert!(history.check(&read((15, 30), &[(20, 0.5)])).is_err());
        let more = read((15, 25), &[(20, 0.5), (30, 0.5)]);
        assert!(history.check(&more).is_err());
    }

    #[test]
    fn series_and_names_are_listed_if_they_have_samples() {
        let mut history = History::default();
        history.write(at(1), 1, 10, 0.5);
        history.written(at(2), 1, 10, true);
        history.write(at(1), 2, 10, 0.5);
        let listed = |texts: &[&str]| Found {
            texts: texts.iter().map(|text| (*text).to_owned()).collect(),
            ..found((at(3), at(4)), &[])
        };
        assert_eq!(history.check_series(&listed(&["1"])), Ok(()));
        assert_eq!(history.check_series(&listed(&["1", "2"])), Ok(()));
        assert!(history.check_series(&listed(&["2"])).is_err());
        assert!(history.check_series(&listed(&["1", "3"])).is_err());
        let names = ["job", "number"];
        assert_eq!(history.check_names(&listed(&names), names), Ok(()));
        assert!(history.check_names(&listed(&["job"]), names).is_err());
        assert!(
            history
                .check_names(&listed(&["job", "number", "x"]), names)
                .is_err()
        );
    }
}
