//! The latest sample of each series, in families.

use std::collections::BTreeMap;

use tsdb_core::model::{Histogram, ResetHint, STALE_NAN_BITS};
use tsdb_core::{Labels, Series};
use tsdb_promql::FloatHistogram;

/// The label of the metric's name.
pub(super) const NAME: &str = "__name__";
/// Every series has it, so that a scraper that honours labels adds none of its own.
pub(super) const INSTANCE: &str = "instance";

/// A sample.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Float(f64),
    Histogram(Box<FloatHistogram>),
}

/// What the series of a family are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Numbers of which nothing is known.
    Untyped,
    /// Histograms that count.
    Histogram,
    /// Histograms that go up and down.
    GaugeHistogram,
}

impl Value {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Float(_) => Kind::Untyped,
            Self::Histogram(histogram) => match histogram.reset_hint {
                ResetHint::Gauge => Kind::GaugeHistogram,
                _ => Kind::Histogram,
            },
        }
    }
}

/// The latest sample of each series, by name and labels.
#[derive(Debug, Default)]
pub(super) struct Latest {
    series: BTreeMap<(String, Labels), (i64, Value)>,
}

impl Latest {
    /// Takes the latest sample of a series, if it has a name and is not marked as ended.
    pub(super) fn add(&mut self, series: &Series) {
        let float = series.timestamps().iter().zip(series.values()).next_back();
        let histogram = series.histograms().last();
        let taken = match (float, histogram) {
            (Some((time, value)), None) => of_float(*time, *value),
            (Some((time, value)), Some((other, _))) if other < time => of_float(*time, *value),
            (_, Some((time, histogram))) => of_histogram(*time, histogram),
            (None, None) => None,
        };
        let name = series.labels().get(NAME);
        if let (Some(name), Some(taken)) = (name, taken) {
            let key = (name.to_owned(), series.labels().clone());
            self.series.insert(key, taken);
        }
    }

    /// The series by name, those of one name by their labels.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Labels, i64, &Value)> {
        let series = self.series.iter();
        series.map(|((name, labels), (time, value))| (name.as_str(), labels, *time, value))
    }
}

/// No format has stale markers: who scrapes this takes what is missing for ended.
fn of_float(time: i64, value: f64) -> Option<(i64, Value)> {
    (value.to_bits() != STALE_NAN_BITS).then_some((time, Value::Float(value)))
}

fn of_histogram(time: i64, histogram: &Histogram) -> Option<(i64, Value)> {
    let floats = || Box::new(FloatHistogram::from_core(histogram));
    (!histogram.is_stale()).then(|| (time, Value::Histogram(floats())))
}

/// Custom buckets as classic ones: each upper bound, and how much is not above it. That without a
/// bound is left out, it has all.
pub(super) fn classic_buckets(histogram: &FloatHistogram) -> Vec<(f64, f64)> {
    let mut filled = histogram.positive().peekable();
    let mut sum = 0.0;
    let bounds = histogram.custom_values.iter();
    let buckets = bounds.map(|bound| {
        while let Some(bucket) = filled.next_if(|bucket| bucket.upper <= *bound) {
            sum += bucket.count;
        }
        (*bound, sum)
    });
    buckets.collect()
}

#[cfg(test)]
pub(super) mod tests {
    use tsdb_core::model::{BucketSpan, CUSTOM_BUCKETS_SCHEMA};

    use super::*;

    /// The labels of a series, and its sample.
    type Newest<'t> = (&'t [(&'t str, &'t str)], i64, Value);

    pub(in super::super) fn of(series: &[Newest<'_>]) -> Latest {
        let mut latest = Latest::default();
        for (pairs, time, value) in series {
            let labels = Labels::from_pairs(pairs.iter().copied()).expect("labels");
            let name = labels.get(NAME).expect("a name").to_owned();
            latest.series.insert((name, labels), (*time, value.clone()));
        }
        latest
    }

    /// Ten observations, three of them up to 0.5, five above a million.
    pub(in super::super) fn custom() -> FloatHistogram {
        FloatHistogram {
            schema: CUSTOM_BUCKETS_SCHEMA,
            count: 10.0,
            sum: 12.5,
            positive_spans: vec![
                BucketSpan {
                    offset: 0,
                    length: 1,
                },
                BucketSpan {
                    offset: 1,
                    length: 2,
                },
            ],
            positive_buckets: vec![3.0, 2.0, 5.0],
            custom_values: vec![0.5, 1.0, 1e6],
            ..FloatHistogram::from_core(&Histogram::default())
        }
    }

    #[test]
    fn custom_buckets_are_summed_up() {
        let expected = [(0.5, 3.0), (1.0, 3.0), (1e6, 5.0)];
        assert_eq!(classic_buckets(&custom()), expected);
    }

    #[test]
    fn a_stale_sample_is_none() {
        assert!(of_float(1, f64::NAN).is_some());
        assert!(of_float(1, f64::from_bits(STALE_NAN_BITS)).is_none());
        assert!(of_histogram(1, &Histogram::stale(false)).is_none());
        assert!(of_histogram(1, &Histogram::default()).is_some());
    }
}
