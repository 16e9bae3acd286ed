//! The series that a coordinator has seen, by how their senders write them.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use hashbrown::HashMap;
use tsdb_core::model::{Fingerprint, FingerprintDomain, FingerprintKey};
use tsdb_core::{
    AppendReport, EncodedLabels, Exemplar, Labels, LabelsBuilder, LabelsError, RejectReason,
    Rejected, SeriesKey, WriteBatch, shard_of,
};

use crate::batch::{Batch, SeriesEntry};

/// Finds the labels and the shard of a series without parsing it anew each time. Series are proved
/// by fingerprints of 128 bits under a key that senders do not know, and looked for behind the one
/// before: senders keep to an order. Bounded: when it is full it begins anew.
#[derive(Debug)]
pub struct SeriesTable {
    shards: NonZeroU32,
    max_series: usize,
    fingerprints: Arc<FingerprintKey>,
    next_key: AtomicU64,
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// In the order in which they were met first.
    entries: Vec<Arc<SeriesEntry>>,
    /// What each was met by.
    met_by: Vec<Fingerprint>,
    /// Where each is, by its labels and by whatever was sent for them.
    places: HashMap<Fingerprint, usize>,
}

impl Known {
    /// An entry, looked for at the guessed place first; the next one is guessed to be behind it.
    #[inline]
    fn find(&self, by: Fingerprint, guess: &mut usize) -> Option<&Arc<SeriesEntry>> {
        let place = match self.met_by.get(*guess) {
            Some(met_by) if *met_by == by => *guess,
            _ => *self.places.get(&by)?,
        };
        *guess = place + 1;
        self.entries.get(place)
    }

    fn add(&mut self, entry: &Arc<SeriesEntry>, labels: Fingerprint, by: Fingerprint) {
        let place = self.entries.len();
        self.entries.push(Arc::clone(entry));
        self.met_by.push(by);
        self.places.insert(labels, place);
        self.places.insert(by, place);
    }
}

impl SeriesTable {
    /// An empty table for a cluster of so many shards, which holds at most `max_series`. The key is
    /// random, and told to nobody.
    #[must_use]
    pub fn new(shards: NonZeroU32, max_series: usize, key: Arc<FingerprintKey>) -> Self {
        Self {
            shards,
            max_series,
            fingerprints: key,
            next_key: AtomicU64::new(1),
            known: RwLock::default(),
        }
    }

    /// Into how many shards series are divided.
    #[must_use]
    pub fn shards(&self) -> NonZeroU32 {
        self.shards
    }

    /// The samples of a batch with the series they are of. Series without valid labels are refused
    /// in `report`.
    pub fn batch(&self, from: &WriteBatch<'_>, report: &mut AppendReport) -> Batch {
        let mut to = Batch::default();
        let mut builder = LabelsBuilder::default();
        let left_out = from.left_out();
        let mut known = self.read();
        let mut guess = 0;
        let mut histograms = from.histograms().iter().peekable();
        let mut exemplars = from.exemplars().iter().peekable();
        for (at, (key, timestamps, values)) in from.series().enumerate() {
            let by = self.fingerprint(&key, left_out, &mut builder);
            let found = by.as_ref().ok().and_then(|by| known.find(*by, &mut guess));
            let entry = match (found, by) {
                (Some(entry), _) => Ok(Arc::clone(entry)),
                (None, Err(error)) => Err(error),
                (None, Ok(by)) => {
                    drop(known);
                    let met = self.meet(&key, left_out, by, &mut builder);
                    known = self.read();
                    met
                }
            };
            let mut samples = timestamps.len() as u64;
            if let Ok(entry) = &entry {
                to.begin(Arc::clone(entry));
                to.samples(timestamps, values);
            }
            while let Some(one) = histograms.next_if(|one| one.series == at) {
                samples += 1;
                if entry.is_ok() {
                    to.histogram(one.timestamp, one.histogram.clone());
                }
            }
            while let Some(one) = exemplars.next_if(|one| one.series == at) {
                match (&entry, &one.labels) {
                    (Err(_), _) => report.rejected_exemplars += 1,
                    (Ok(_), Ok(labels)) => to.exemplar(Exemplar {
                        timestamp: one.timestamp,
                        value: one.value,
                        labels: labels.clone(),
                    }),
                    (Ok(entry), Err(error)) => report.reject_exemplar(|| Rejected {
                        series: entry.labels.to_string(),
                        timestamp: Some(one.timestamp),
                        samples: 0,
                        reason: RejectReason::Exemplar(error.clone()),
                    }),
                }
            }
            if let Err(error) = entry {
                report.reject(samples, true, || Rejected {
                    series: builder.describe(),
                    timestamp: None,
                    samples,
                    reason: RejectReason::Labels(error),
                });
            }
        }
        to
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a series is found by: what its sender wrote, or its labels where that is not in one piece.
    #[inline]
    fn fingerprint(
        &self,
        key: &SeriesKey<'_>,
        left_out: Option<&str>,
        builder: &mut LabelsBuilder,
    ) -> Result<Fingerprint, LabelsError> {
        let SeriesKey::Encoded(EncodedLabels { bytes, .. }) = key else {
            without(key, left_out, builder)?;
            return Ok(self.of_labels(builder.canonical()?));
        };
        let whole = self.fingerprints.of(FingerprintDomain::Encoded, bytes);
        Ok(match left_out {
            None => whole,
            Some(name) => whole.without(self.of_labels(name.as_bytes())),
        })
    }

    fn of_labels(&self, canonical: &[u8]) -> Fingerprint {
        let domain = FingerprintDomain::Canonical;
        self.fingerprints.of(domain, canonical)
    }

    /// The entry of a series that is found by nothing that was sent before.
    fn meet(
        &self,
        key: &SeriesKey<'_>,
        left_out: Option<&str>,
        by: Fingerprint,
        builder: &mut LabelsBuilder,
    ) -> Result<Arc<SeriesEntry>, LabelsError> {
        without(key, left_out, builder)?;
        let labels = builder.finish()?;
        let of_labels = self.of_labels(labels.as_bytes());
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.places.len() >= self.max_series {
            *known = Known::default();
        }
        if let Some(place) = known.places.get(&of_labels).copied()
            && let Some(entry) = known.entries.get(place).cloned()
        {
            known.places.insert(by, place);
            return Ok(entry);
        }
        let entry = Arc::new(self.make(labels));
        known.add(&entry, of_labels, by);
        Ok(entry)
    }

    fn make(&self, labels: Labels) -> SeriesEntry {
        SeriesEntry {
            shard: shard_of(&labels, self.shards),
            labels,
            key: self.next_key.fetch_add(1, Ordering::Relaxed),
        }
    }
}

/// The labels of a series, but for one.
fn without(
    key: &SeriesKey<'_>,
    left_out: Option<&str>,
    builder: &mut LabelsBuilder,
) -> Result<(), LabelsError> {
    builder.clear();
    key.parse(builder)?;
    if let Some(name) = left_out {
        builder.remove(name);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tsdb_core::Sample;

    use super::*;

    fn table(max_series: usize) -> SeriesTable {
        SeriesTable::new(
            NonZeroU32::new(8).expect("some"),
            max_series,
            Arc::new(FingerprintKey::new([7; 16])),
        )
    }

    fn labels(number: usize) -> Labels {
        let number = number.to_string();
        Labels::from_pairs([("__name__", "up"), ("number", &number)]).expect("labels")
    }

    #[test]
    fn a_series_is_one_however_it_is_written_and_has_its_shard() {
        let table = table(100);
        let (one, two) = (labels(1), labels(2));
        let mut from = WriteBatch::new();
        from.push(&one, Sample::new(1, 0.5));
        from.push(&two, Sample::new(1, 1.5));
        from.push(&one, Sample::new(2, 2.5));
        let mut report = AppendReport::default();
        let batch = table.batch(&from, &mut report);
        assert!(report.is_complete());
        let [first, second, third] = batch.series() else {
            panic!("{batch:?}");
        };
        assert!(Arc::ptr_eq(&first.entry, &third.entry));
        assert_ne!(first.entry.key, second.entry.key);
        assert_eq!(first.entry.shard, shard_of(&one, table.shards()));
        assert_eq!(batch.samples_of(third), [Sample::new(2, 2.5)]);
    }

    #[test]
    fn labels_that_are_none_are_refused_and_cost_their_neighbours_nothing() {
        fn parse(bytes: &[u8], builder: &mut LabelsBuilder) -> Result<(), LabelsError> {
            for name in bytes.split(|byte| *byte == b',') {
                builder.push_bytes(name, b"x");
            }
            Ok(())
        }
        let table = table(100);
        let mut from = WriteBatch::new();
        for bytes in [&b"a,a"[..], b"a,b", b"a,b"] {
            from.begin(SeriesKey::Encoded(EncodedLabels { bytes, parse }));
            from.sample(1, 0.5);
        }
        let mut report = AppendReport::default();
        let batch = table.batch(&from, &mut report);
        assert_eq!(batch.series().len(), 2);
        assert_eq!((report.rejected_samples, report.rejected_series), (1, 1));
        let mut without = from.clone();
        without.leave_out("b".into());
        let fewer = table.batch(&without, &mut AppendReport::default());
        let series = fewer.series().first().expect("a series");
        assert_eq!(series.entry.labels.to_string(), r#"{a="x"}"#);
        assert_eq!(
            batch.series().first().map(|one| one.entry.labels.len()),
            Some(2)
        );
    }

    #[test]
    fn a_table_that_is_full_begins_anew() {
        let table = table(4);
        for number in 0..20 {
            let labels = labels(number);
            let mut from = WriteBatch::new();
            from.push(&labels, Sample::new(1, 0.5));
            let batch = table.batch(&from, &mut AppendReport::default());
            assert_eq!(batch.series().len(), 1);
            let known = table.known.read().expect("no panic");
            // Two for each: by its labels, and by what was sent.
            assert!(known.places.len() <= 5, "{}", known.places.len());
            assert_eq!(known.entries.len(), known.met_by.len());
        }
    }
}
