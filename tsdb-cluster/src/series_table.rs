//! The series that a coordinator has seen, by how their senders write them.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use hashbrown::HashMap;
use tsdb_core::{
    AppendReport, EncodedLabels, Exemplar, Labels, LabelsBuilder, LabelsError, RejectReason,
    Rejected, SeriesKey, WriteBatch, shard_of,
};

use crate::batch::{Batch, SeriesEntry};

type Entries = HashMap<Box<[u8]>, Arc<SeriesEntry>>;

/// Finds the labels and the shard of a series without parsing it anew each time. Bounded: when it
/// is full it begins anew.
#[derive(Debug)]
pub struct SeriesTable {
    shards: NonZeroU32,
    max_series: usize,
    next_key: AtomicU64,
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// By labels as they came, nothing left out.
    encoded: Entries,
    /// By labels as they came, where one label is left out.
    without: Entries,
    /// By the labels themselves.
    canonical: Entries,
}

impl Known {
    fn len(&self) -> usize {
        self.encoded.len() + self.without.len() + self.canonical.len()
    }

    fn by_encoding(&self, is_without: bool) -> &Entries {
        match is_without {
            true => &self.without,
            false => &self.encoded,
        }
    }
}

impl SeriesTable {
    /// An empty table for a cluster of so many shards, which holds at most `max_series`.
    #[must_use]
    pub fn new(shards: NonZeroU32, max_series: usize) -> Self {
        Self {
            shards,
            max_series,
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
        let mut histograms = from.histograms().iter().peekable();
        let mut exemplars = from.exemplars().iter().peekable();
        for (at, (key, timestamps, values)) in from.series().enumerate() {
            let entry = self.entry(&key, from.left_out(), &mut builder);
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

    fn entry(
        &self,
        key: &SeriesKey<'_>,
        left_out: Option<&str>,
        builder: &mut LabelsBuilder,
    ) -> Result<Arc<SeriesEntry>, LabelsError> {
        if let SeriesKey::Encoded(EncodedLabels { bytes, .. }) = key {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(entry) = known.by_encoding(left_out.is_some()).get(*bytes) {
                return Ok(Arc::clone(entry));
            }
        }
        builder.clear();
        key.parse(builder)?;
        if let Some(name) = left_out {
            builder.remove(name);
        }
        let labels = builder.finish()?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= self.max_series {
            *known = Known::default();
        }
        let entry = match known.canonical.get(labels.as_bytes()) {
            Some(entry) => Arc::clone(entry),
            None => {
                let entry = Arc::new(self.make(labels));
                let bytes = entry.labels.as_bytes().into();
                known.canonical.insert(bytes, Arc::clone(&entry));
                entry
            }
        };
        if let SeriesKey::Encoded(EncodedLabels { bytes, .. }) = key {
            let entries = match left_out {
                Some(_) => &mut known.without,
                None => &mut known.encoded,
            };
            entries.insert((*bytes).into(), Arc::clone(&entry));
        }
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

#[cfg(test)]
mod tests {
    use tsdb_core::Sample;

    use super::*;

    fn table(max_series: usize) -> SeriesTable {
        SeriesTable::new(NonZeroU32::new(8).expect("some"), max_series)
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
            assert!(known.len() <= 4, "{}", known.len());
        }
    }
}
