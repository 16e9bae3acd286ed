//! Quantiles and fractions of histograms, classic and native.

use tsdb_core::Labels;
use tsdb_core::model::HashMap;

use super::column::Column;
use super::context::{Evaluation, Sink, Union};
use super::series::{VectorSeries, with, without};
use super::steps::Steps;
use crate::annotations::{Annotation, ForcedMonotonicity};
use crate::error::QueryError;
use crate::histogram::{
    ClassicBucket, FloatHistogram, NanObservations, bucket_fraction, bucket_quantile,
};
use crate::number::{GeneralNumber, parse_float};
use crate::plan::{HistogramInput, ScalarNode, VectorNode};
use crate::syntax::Span;

const BUCKET_LABEL: &str = "le";

/// The buckets of a classic histogram, each a series.
#[derive(Debug)]
struct Buckets<'s> {
    labels: Labels,
    bounds: Vec<(f64, &'s Column)>,
}

/// What is asked, at each step.
#[derive(Debug)]
enum Asked {
    Quantile {
        values: Vec<f64>,
        label: Option<(String, String)>,
    },
    Fraction {
        lower: Vec<f64>,
        upper: Vec<f64>,
    },
}

impl Evaluation<'_> {
    pub(super) fn histogram(
        &self,
        input: &HistogramInput,
        node: &VectorNode,
        (argument, steps): (Span, Steps),
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let asked = self.asked(input, steps)?;
        let held = self.collect(node, steps)?;
        let mut union = Union::new(&self.budget);
        let (classic, numbers) = self.buckets(&held.series, argument);
        for asked in &asked {
            for series in held
                .series
                .iter()
                .filter(|series| series.column.has_histograms())
            {
                let conflicting = numbers.get(&series.labels).and_then(|at| classic.get(*at));
                let mut out = self.native(asked, series, conflicting, argument);
                self.give(asked, &mut out, &mut union)?;
            }
            for buckets in &classic {
                let native = held.series.iter().find(|series| {
                    series.column.has_histograms() && series.labels == buckets.labels
                });
                let mut out = self.classic(asked, buckets, native, (argument, steps));
                self.give(asked, &mut out, &mut union)?;
            }
        }
        drop(held);
        union.into_held().series.iter_mut().try_for_each(sink)
    }

    fn asked(&self, input: &HistogramInput, steps: Steps) -> Result<Vec<Asked>, QueryError> {
        let quantiles = |scalar: &ScalarNode, span: Span| {
            Ok::<_, QueryError>(self.checked_quantiles(self.scalar(scalar, steps)?, span))
        };
        Ok(match input {
            HistogramInput::Quantile(scalar, span) => vec![Asked::Quantile {
                values: quantiles(scalar, *span)?,
                label: None,
            }],
            HistogramInput::Quantiles(name, all) => {
                let mut asked = Vec::new();
                for (scalar, span) in all {
                    let values = quantiles(scalar, *span)?;
                    let first = values.first().copied().unwrap_or(f64::NAN);
                    let label = Some((name.clone(), open_metrics_number(first)));
                    asked.push(Asked::Quantile { values, label });
                }
                asked
            }
            HistogramInput::Fraction(lower, upper) => vec![Asked::Fraction {
                lower: self.scalar(lower, steps)?,
                upper: self.scalar(upper, steps)?,
            }],
        })
    }

    fn checked_quantiles(&self, values: Vec<f64>, span: Span) -> Vec<f64> {
        for value in values.iter().filter(|value| !(0.0..=1.0).contains(*value)) {
            self.annotate(&Annotation::InvalidQuantile(*value), span);
        }
        values
    }

    /// Classic histograms, and their places by their labels.
    fn buckets<'s>(
        &self,
        series: &'s [VectorSeries],
        argument: Span,
    ) -> (Vec<Buckets<'s>>, HashMap<Labels, usize>) {
        let (mut all, mut numbers) = (Vec::<Buckets<'s>>::new(), HashMap::default());
        for one in series
            .iter()
            .filter(|one| one.column.floats().next().is_some())
        {
            let label = one.labels.get(BUCKET_LABEL).unwrap_or_default();
            let Some(bound) = parse_float(label) else {
                let metric = one.labels.metric_name().unwrap_or_default();
                self.annotate(&Annotation::BadBucketLabel { metric, label }, argument);
                continue;
            };
            let labels = without(&one.labels, |name| name == BUCKET_LABEL);
            let number = *numbers.entry(labels.clone()).or_insert_with(|| {
                let bounds = Vec::new();
                all.push(Buckets { labels, bounds });
                all.len() - 1
            });
            if let Some(buckets) = all.get_mut(number) {
                buckets.bounds.push((bound, &one.column));
            }
        }
        (all, numbers)
    }

    /// Adds a result, with the label that tells quantiles apart.
    fn give(
        &self,
        asked: &Asked,
        out: &mut VectorSeries,
        union: &mut Union<'_>,
    ) -> Result<(), QueryError> {
        if out.column.is_empty() {
            return Ok(());
        }
        if let Asked::Quantile {
            label: Some((name, value)),
            ..
        } = asked
        {
            out.labels = with(&out.labels, [(name.as_str(), value.as_str())])?;
        }
        self.drop_name(out);
        union.add(out)
    }

    fn native(
        &self,
        asked: &Asked,
        series: &VectorSeries,
        conflicting: Option<&Buckets<'_>>,
        argument: Span,
    ) -> VectorSeries {
        let mut out = VectorSeries::new(series.labels.clone(), Column::new(series.column.steps()));
        let metric = series.labels.metric_name().unwrap_or_default();
        for (step, histogram) in series.column.histograms() {
            let is_classic = conflicting.is_some_and(|buckets| {
                buckets
                    .bounds
                    .iter()
                    .any(|(_, column)| column.has_float(step))
            });
            if is_classic {
                self.annotate(&Annotation::MixedClassicNative { metric }, argument);
                continue;
            }
            let (value, nan) = native_value(asked, histogram, step);
            out.column.set_float(step, value);
            let annotation = match nan {
                None => continue,
                Some(NanObservations::ResultIsNan) => Annotation::QuantileOfNaN { metric },
                Some(NanObservations::ResultIsHigher) => Annotation::QuantileSkewedByNaN { metric },
                Some(NanObservations::NotInFractions) => Annotation::FractionWithoutNaN { metric },
            };
            self.annotate(&annotation, argument);
        }
        out
    }

    fn classic(
        &self,
        asked: &Asked,
        buckets: &Buckets<'_>,
        native: Option<&VectorSeries>,
        (argument, steps): (Span, Steps),
    ) -> VectorSeries {
        let mut out = VectorSeries::new(buckets.labels.clone(), Column::new(steps.count));
        let mut present: Vec<ClassicBucket> = Vec::new();
        for step in steps.indices() {
            present.clear();
            present.extend(buckets.bounds.iter().filter_map(|(upper_bound, column)| {
                Some(ClassicBucket {
                    upper_bound: *upper_bound,
                    count: column.float(step)?,
                })
            }));
            let is_native = native.is_some_and(|native| native.column.histogram(step).is_some());
            if present.is_empty() || is_native {
                continue;
            }
            let at = |values: &[f64]| values.get(step).copied().unwrap_or(f64::NAN);
            let value = match asked {
                Asked::Fraction { lower, upper } => {
                    bucket_fraction(at(lower), at(upper), &mut present)
                }
                Asked::Quantile { values, .. } => {
                    let (value, forced) = bucket_quantile(at(values), &mut present);
                    if let Some(forced) = forced {
                        self.tell_forced(buckets, forced, (argument, steps.time(step)));
                    }
                    value
                }
            };
            out.column.set_float(step, value);
        }
        out
    }

    fn tell_forced(
        &self,
        buckets: &Buckets<'_>,
        forced: crate::histogram::ForcedMonotonicity,
        (span, time): (Span, i64),
    ) {
        let delayed = self.options().features.delayed_name_removal;
        let metric = buckets.labels.metric_name().filter(|_| delayed);
        self.annotate_forced(ForcedMonotonicity {
            metric: metric.unwrap_or_default().to_owned(),
            span,
            times: (time, time),
            buckets: (forced.min_bucket, forced.max_bucket),
            difference: forced.max_difference,
            samples: 1,
        });
    }
}

fn native_value(
    asked: &Asked,
    histogram: &FloatHistogram,
    step: usize,
) -> (f64, Option<NanObservations>) {
    let at = |values: &[f64]| values.get(step).copied().unwrap_or(f64::NAN);
    match asked {
        Asked::Quantile { values, .. } => histogram.quantile(at(values)),
        Asked::Fraction { lower, upper } => histogram.fraction(at(lower), at(upper)),
    }
}

/// A number as OpenMetrics writes one in a label: never without a point or an exponent.
fn open_metrics_number(value: f64) -> String {
    let text = GeneralNumber(value).to_string();
    let is_bare = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'-');
    if is_bare { format!("{text}.0") } else { text }
}
