//! What has to be said of a result beside its values.

use std::collections::BTreeSet;
use std::fmt;

use crate::number::GeneralNumber;
use crate::syntax::Span;
use crate::text::{go_quoted, go_two_digits, utc_seconds};

/// Something noteworthy, worded as Prometheus words it.
#[derive(Clone, Debug)]
pub(crate) enum Annotation<'a> {
    InvalidRatio {
        value: f64,
        capped: f64,
    },
    InvalidQuantile(f64),
    BadBucketLabel {
        metric: &'a str,
        label: &'a str,
    },
    MixedFloatsHistograms {
        metric: &'a str,
    },
    MixedFloatsHistogramsInAggregation,
    MixedClassicNative {
        metric: &'a str,
    },
    NotCounter {
        metric: &'a str,
    },
    NotGauge {
        metric: &'a str,
    },
    MixedExponentialCustom {
        metric: &'a str,
    },
    IncompatibleBuckets {
        op: &'a str,
    },
    CounterResetCollision {
        operation: &'static str,
    },
    StartTimeOverlap {
        metric: &'a str,
    },
    SortInRangeQuery,
    PossibleNonCounter {
        metric: &'a str,
    },
    PossibleNonCounterType {
        metric: &'a str,
        kind: &'a str,
    },
    IncompatibleTypes {
        left: &'static str,
        op: &'a str,
        right: &'static str,
    },
    HistogramIgnored {
        aggregation: &'a str,
    },
    HistogramIgnoredInRange {
        metric: &'a str,
    },
    QuantileOfNaN {
        metric: &'a str,
    },
    QuantileSkewedByNaN {
        metric: &'a str,
    },
    FractionWithoutNaN {
        metric: &'a str,
    },
    MismatchedCustomBuckets {
        operation: &'static str,
    },
}

impl Annotation<'_> {
    fn is_info(&self) -> bool {
        matches!(
            self,
            Self::PossibleNonCounter { .. }
                | Self::PossibleNonCounterType { .. }
                | Self::IncompatibleTypes { .. }
                | Self::HistogramIgnored { .. }
                | Self::HistogramIgnoredInRange { .. }
                | Self::QuantileOfNaN { .. }
                | Self::QuantileSkewedByNaN { .. }
                | Self::FractionWithoutNaN { .. }
                | Self::MismatchedCustomBuckets { .. }
        )
    }
}

/// ` for metric name "x"`, where there is one.
struct ForMetric<'a>(&'a str);

impl fmt::Display for ForMetric<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            "" => Ok(()),
            metric => write!(f, " for metric name {}", go_quoted(metric)),
        }
    }
}

impl<'a> Annotation<'a> {
    /// The text of those that are about one metric, which is quoted behind it.
    fn about_metric(&self) -> Option<(&'static str, &'a str)> {
        Some(match self {
            Self::MixedFloatsHistograms { metric } => (
                "encountered a mix of histograms and floats for metric name",
                metric,
            ),
            Self::NotCounter { metric } => {
                ("this native histogram metric is not a counter:", metric)
            }
            Self::NotGauge { metric } => ("this native histogram metric is not a gauge:", metric),
            Self::MixedExponentialCustom { metric } => (
                "vector contains a mix of histograms with exponential and custom buckets schemas for metric name",
                metric,
            ),
            Self::StartTimeOverlap { metric } => (
                "sample has start time that overlaps with previous sample timestamp for metric",
                metric,
            ),
            Self::PossibleNonCounter { metric } => (
                "metric might not be a counter, name does not end in _total/_sum/_count/_bucket:",
                metric,
            ),
            Self::HistogramIgnoredInRange { metric } => (
                "ignored histograms in a range containing both floats and histograms for metric name",
                metric,
            ),
            _ => return None,
        })
    }

    /// The text of those that name a metric where they know one.
    fn maybe_about_metric(&self) -> Option<(&'static str, &'a str)> {
        Some(match self {
            Self::MixedClassicNative { metric } => (
                "vector contains a mix of classic and native histograms",
                metric,
            ),
            Self::QuantileOfNaN { metric } => (
                "input to histogram_quantile has NaN observations, result is NaN",
                metric,
            ),
            Self::QuantileSkewedByNaN { metric } => (
                "input to histogram_quantile has NaN observations, result is skewed higher",
                metric,
            ),
            Self::FractionWithoutNaN { metric } => (
                "input to histogram_fraction has NaN observations, which are excluded from all fractions",
                metric,
            ),
            _ => return None,
        })
    }

    fn write_other(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidRatio { value, capped } => {
                let (value, capped) = (GeneralNumber(*value), GeneralNumber(*capped));
                write!(
                    f,
                    "ratio value should be between -1 and 1, got {value}, capping to {capped}"
                )
            }
            Self::InvalidQuantile(value) => {
                let value = GeneralNumber(*value);
                write!(f, "quantile value should be between 0 and 1, got {value}")
            }
            Self::BadBucketLabel { metric, label } => {
                let (label, metric) = (go_quoted(label), ForMetric(metric));
                write!(
                    f,
                    "bucket label \"le\" is missing or has a malformed value of {label}{metric}"
                )
            }
            Self::MixedFloatsHistogramsInAggregation => {
                f.write_str("encountered a mix of histograms and floats for aggregation")
            }
            Self::IncompatibleBuckets { op } => {
                write!(
                    f,
                    "incompatible bucket layout encountered for binary operator {op}"
                )
            }
            Self::CounterResetCollision { operation } => {
                write!(f, "conflicting counter resets during histogram {operation}")
            }
            Self::SortInRangeQuery => f.write_str(
                "sort is ineffective for range queries since results are always ordered by labels",
            ),
            Self::PossibleNonCounterType { metric, kind } => {
                let (metric, kind) = (go_quoted(metric), go_quoted(kind));
                write!(
                    f,
                    "metric might not be a counter, __type__ label is not set to \"counter\" or \"histogram\", got {kind}: {metric}"
                )
            }
            Self::IncompatibleTypes { left, op, right } => {
                let quoted = go_quoted(op);
                write!(
                    f,
                    "incompatible sample types encountered for binary operator {quoted}: {left} {op} {right}"
                )
            }
            Self::HistogramIgnored { aggregation } => {
                write!(f, "ignored histogram in {aggregation} aggregation")
            }
            Self::MismatchedCustomBuckets { operation } => {
                write!(
                    f,
                    "mismatched custom buckets were reconciled during {operation}"
                )
            }
            // Those about a metric are written elsewhere.
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Annotation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = if self.is_info() { "info" } else { "warning" };
        write!(f, "PromQL {level}: ")?;
        if let Some((text, metric)) = self.about_metric() {
            return write!(f, "{text} {}", go_quoted(metric));
        }
        match self.maybe_about_metric() {
            Some((text, metric)) => write!(f, "{text}{}", ForMetric(metric)),
            None => self.write_other(f),
        }
    }
}

/// Classic buckets that had to be made to rise.
#[derive(Clone, Debug)]
pub(crate) struct ForcedMonotonicity {
    pub(crate) metric: String,
    pub(crate) span: Span,
    /// First and last time of it, in milliseconds.
    pub(crate) times: (i64, i64),
    /// The lowest and the highest bucket.
    pub(crate) buckets: (f64, f64),
    /// The largest change of a count.
    pub(crate) difference: f64,
    pub(crate) samples: u64,
}

impl ForcedMonotonicity {
    fn join(&mut self, other: &Self) {
        self.times.0 = self.times.0.min(other.times.0);
        self.times.1 = self.times.1.max(other.times.1);
        self.buckets.0 = self.buckets.0.min(other.buckets.0);
        self.buckets.1 = self.buckets.1.max(other.buckets.1);
        self.difference = self.difference.max(other.difference);
        self.samples += other.samples;
    }
}

impl fmt::Display for ForcedMonotonicity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile){}, from buckets {} to {}, with a max diff of {}, over {} samples from {} to {}",
            ForMetric(&self.metric),
            GeneralNumber(self.buckets.0),
            GeneralNumber(self.buckets.1),
            go_two_digits(self.difference),
            self.samples,
            utc_seconds(self.times.0),
            utc_seconds(self.times.1)
        )
    }
}

/// All annotations of a query, each once.
#[derive(Debug, Default)]
pub(crate) struct Annotations {
    seen: BTreeSet<(String, Span)>,
    forced: Vec<ForcedMonotonicity>,
    warnings: Vec<(String, Option<Span>)>,
    infos: Vec<(String, Option<Span>)>,
}

impl Annotations {
    pub(crate) fn add(&mut self, annotation: &Annotation<'_>, span: Span) {
        self.note((annotation.to_string(), Some(span)), annotation.is_info());
    }

    fn note(&mut self, (text, span): (String, Option<Span>), is_info: bool) {
        if self.seen.insert((text.clone(), span.unwrap_or_default())) {
            let told = if is_info {
                &mut self.infos
            } else {
                &mut self.warnings
            };
            told.push((text, span));
        }
    }

    /// Notes that buckets had to be made to rise; all of one place are told together.
    pub(crate) fn forced(&mut self, one: ForcedMonotonicity) {
        let same =
            |other: &&mut ForcedMonotonicity| other.span == one.span && other.metric == one.metric;
        match self.forced.iter_mut().find(same) {
            Some(known) => known.join(&one),
            None => self.forced.push(one),
        }
    }

    /// Adds all of another thread.
    pub(crate) fn absorb(&mut self, other: Self) {
        other
            .warnings
            .into_iter()
            .for_each(|one| self.note(one, false));
        other.infos.into_iter().for_each(|one| self.note(one, true));
        other.forced.into_iter().for_each(|one| self.forced(one));
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        let forced: u64 = self.forced.iter().map(|one| one.samples).sum();
        self.seen.len() + usize::try_from(forced).unwrap_or(usize::MAX)
    }

    /// What the source of series says.
    pub(crate) fn warn(&mut self, text: String) {
        self.note((text, None), false);
    }

    /// Warnings and infos, sorted, with places in the text of the query.
    pub(crate) fn finish(mut self, query: &str) -> (Vec<String>, Vec<String>) {
        let forced = self
            .forced
            .iter()
            .map(|one| (one.to_string(), Some(one.span)));
        self.infos.extend(forced);
        let placed = |all: Vec<(String, Option<Span>)>| {
            let mut texts = Vec::new();
            for (text, span) in all {
                let text = match span {
                    Some(span) => {
                        let (line, column) = span.line_and_column(query);
                        format!("{text} ({line}:{column})")
                    }
                    None => text,
                };
                texts.push(text);
            }
            // In which order they came upon is up to the source of series.
            texts.sort_unstable();
            texts.dedup();
            texts
        };
        (placed(self.warnings), placed(self.infos))
    }
}
