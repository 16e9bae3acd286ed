//! What a request may read beside what it asks for: series that it is held to, labels that it does
//! not see, and bounds.

use std::time::Duration;

use axum::response::Response;
use http::{HeaderName, HeaderValue};
use tsdb_cluster::topology::ReadLevel;
use tsdb_core::SelectLimits;
use tsdb_core::model::{Labels, LabelsBuilder, Matcher, TimeRange};

use super::envelope::ApiError;
use super::m3_headers::HeaderError;
use crate::data::NamespaceData;
use crate::query::{Bounds, QueryOptions, RangeLimit};
use crate::store::StoreError;

/// M3's header that says why an answer is not whole.
const LIMITED: HeaderName = HeaderName::from_static("m3-results-limited");

/// What a request may read. One that says nothing may read all.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Reads {
    /// What holds of every series beside what the request asks for.
    pub(super) matchers: Vec<Matcher>,
    /// Labels that are not shown.
    pub(super) strip: Vec<String>,
    /// Most series, or names and values.
    pub(super) series: Option<usize>,
    /// Most samples.
    pub(super) samples: Option<u64>,
    /// Longest time from start to end.
    pub(super) range: Option<Duration>,
    /// Whether a request for more is refused; otherwise it is cut short, and the answer says so.
    /// `None` where the request leaves it to the server: lists are whole.
    pub(super) exhaustive: Option<bool>,
    /// How many replicas of a cluster are asked; `None` for the server's own level.
    pub(super) level: Option<ReadLevel>,
}

impl Reads {
    /// Holds each set of matchers to the series that the request may read.
    pub(super) fn restrict(&self, mut sets: Vec<Vec<Matcher>>) -> Vec<Vec<Matcher>> {
        for set in &mut sets {
            set.extend(self.matchers.iter().cloned());
        }
        sets
    }

    /// Checks how long the time is that the request asks for.
    pub(super) fn check_range(&self, range: Option<TimeRange>) -> Result<(), ApiError> {
        match range {
            Some(range) => Bounds::check(self.range_limit(), range).map_err(ApiError::bad_data),
            None => Ok(()),
        }
    }

    fn range_limit(&self) -> Option<RangeLimit> {
        self.range.map(|longest| RangeLimit {
            longest,
            set_by: "M3-Limit-Max-Range",
        })
    }

    /// What an expression may read, of what all of them may.
    pub(super) fn bounds(&self, options: &QueryOptions) -> Bounds {
        let own = options.longest.map(|longest| RangeLimit {
            longest,
            set_by: "--query-max-range",
        });
        let ranges = [self.range_limit(), own].into_iter().flatten();
        let range = ranges.min_by_key(|limit| limit.longest);
        let (mut limits, mut cut) = (self.limits(), None);
        if !self.exhaustive.unwrap_or(options.exhaustive) {
            let most = self.series.map_or(u64::MAX, |most| most as u64);
            cut = Some(most.min(options.engine.max_series));
            limits.series = SelectLimits::default().series;
        }
        Bounds {
            matchers: self.matchers.clone(),
            limits,
            range,
            cut,
        }
    }

    /// How many results a list may have, as the request and its headers say.
    pub(super) fn list_limit(&self, asked: Option<usize>) -> Option<usize> {
        match (asked, self.series) {
            (Some(asked), Some(limit)) => Some(asked.min(limit)),
            (asked, limit) => asked.or(limit),
        }
    }

    /// Judges a list that was cut short at [`Reads::list_limit`]: refused when a header bounds it and
    /// it has to be whole.
    pub(super) fn check_cut(&self, asked: Option<usize>, cut: bool) -> Result<Limited, ApiError> {
        let by_header = self
            .series
            .filter(|limit| asked.is_none_or(|asked| asked > *limit));
        match by_header {
            Some(limit) if cut && self.exhaustive.unwrap_or(true) => Err(too_many(limit)),
            Some(_) if cut => Ok(Limited(true)),
            _ => Ok(Limited(false)),
        }
    }

    /// Refuses what cannot be done where samples are read: their labels are those of the series, and
    /// an answer is whole.
    pub(super) fn check_samples(&self) -> Result<(), ApiError> {
        self.check_expression()?;
        match self.exhaustive == Some(false) && self.series.is_some() {
            true => Err(not_cut().into()),
            false => Ok(()),
        }
    }

    /// Refuses what cannot be done where an expression is evaluated: it may miss series, but no
    /// samples of those that it has.
    pub(super) fn check_expression(&self) -> Result<(), ApiError> {
        if !self.strip.is_empty() {
            return Err(HeaderError {
                header: "M3-Restrict-By-Tags-JSON",
                what: "labels of samples are not stripped: leave strip out".to_owned(),
            }
            .into());
        }
        match self.exhaustive == Some(false) && self.samples.is_some() {
            true => Err(not_cut().into()),
            false => Ok(()),
        }
    }

    /// Refuses to bound samples where they are streamed.
    pub(super) fn check_unbounded(&self) -> Result<(), ApiError> {
        self.check_samples()?;
        match self.samples {
            None => Ok(()),
            Some(_) => Err(HeaderError {
                header: "M3-Limit-Max-Returned-Datapoints",
                what: "samples that are streamed are not counted before: leave it out".to_owned(),
            }
            .into()),
        }
    }

    /// Checks how many series there are to be read.
    pub(super) fn check_series(
        &self,
        namespace: &NamespaceData,
        range: Option<TimeRange>,
        sets: &[Vec<Matcher>],
    ) -> Result<(), StoreError> {
        let (Some(range), Some(limit)) = (range, self.series) else {
            return Ok(());
        };
        let mut found = 0;
        for set in sets {
            let series = namespace.series(range, set, limit.saturating_add(1))?;
            found += series.values.len();
        }
        match found > limit {
            true => Err(StoreError::Refused(too_many(limit).message)),
            false => Ok(()),
        }
    }

    /// Bounds of a select.
    pub(super) fn limits(&self) -> SelectLimits {
        let limits = SelectLimits::default();
        SelectLimits {
            series: self.series.unwrap_or(limits.series).min(limits.series),
            samples: self.samples.unwrap_or(limits.samples).min(limits.samples),
        }
    }

    /// Labels without those that are not shown.
    pub(super) fn shown(&self, labels: Labels) -> Labels {
        if self.strip.iter().all(|name| labels.get(name).is_none()) {
            return labels;
        }
        let mut builder = LabelsBuilder::new();
        let kept = labels.iter().filter(|label| !self.hides(label.name));
        kept.for_each(|label| builder.push(label.name, label.value));
        // A part of a valid set is one.
        builder.finish().unwrap_or(labels)
    }

    /// Whether a label is not shown.
    pub(super) fn hides(&self, name: &str) -> bool {
        self.strip.iter().any(|hidden| hidden == name)
    }
}

fn not_cut() -> HeaderError {
    HeaderError {
        header: "M3-Limit-Require-Exhaustive",
        what: "samples are not cut short: leave it out, or set it to true".to_owned(),
    }
}

fn too_many(limit: usize) -> ApiError {
    ApiError::bad_data(format!(
        "query exceeded limit: require_exhaustive=true, series_limit={limit}: raise M3-Limit-Max-Series, or set M3-Limit-Require-Exhaustive to false"
    ))
}

/// Whether a limit cut an answer short.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Limited(bool);

impl Limited {
    /// Of an answer that no header cuts short.
    pub(super) const NOT: Self = Self(false);

    /// Of an answer to an expression, by the bound past which series were left out.
    pub(super) fn of_cut(cut: Option<u64>) -> Self {
        Self(cut.is_some())
    }

    /// What M3's header says of an answer, that a limit cut it short or that too few replicas gave
    /// it; `None` where it is whole.
    pub(super) fn header(self, warnings: &[String]) -> Option<(HeaderName, HeaderValue)> {
        let value = match (self.0, warnings.is_empty()) {
            (false, true) => return None,
            (true, true) => "max_fetch_series_limit_applied",
            (false, false) => "read_consistency_below_majority",
            (true, false) => "max_fetch_series_limit_applied,read_consistency_below_majority",
        };
        Some((LIMITED, HeaderValue::from_static(value)))
    }

    /// Says so in the answer.
    pub(super) fn tell(self, mut response: Response, warnings: &[String]) -> Response {
        response.headers_mut().extend(self.header(warnings));
        response
    }
}

#[cfg(test)]
mod tests {
    use tsdb_promql::EngineOptions;

    use super::*;

    #[test]
    fn bounds_are_kept_or_told() {
        let reads = Reads {
            series: Some(5),
            range: Some(Duration::from_secs(10)),
            ..Reads::default()
        };
        assert_eq!(reads.list_limit(None), Some(5));
        assert_eq!(reads.list_limit(Some(3)), Some(3));
        assert_eq!(reads.list_limit(Some(9)), Some(5));
        assert_eq!(Reads::default().list_limit(Some(9)), Some(9));
        assert_eq!(reads.check_cut(None, false), Ok(Limited(false)));
        assert_eq!(
            reads.check_cut(Some(3), true),
            Ok(Limited(false)),
            "its own limit"
        );
        let error = reads.check_cut(Some(9), true).expect_err("six at least");
        assert!(
            error.message.contains("series_limit=5"),
            "{}",
            error.message
        );
        let partial = Reads {
            exhaustive: Some(false),
            ..reads.clone()
        };
        assert_eq!(partial.check_cut(None, true), Ok(Limited(true)));
        assert!(partial.check_samples().is_err() && reads.check_samples().is_ok());
        assert!(partial.check_expression().is_ok());
        let samples = Reads {
            samples: Some(1),
            ..partial
        };
        assert!(samples.check_expression().is_err());
        let range = |ms| TimeRange::inclusive(0, ms).ok();
        assert!(reads.check_range(range(10_000)).is_ok());
        assert!(reads.check_range(range(10_001)).is_err());
        assert!(reads.check_range(Some(TimeRange::ALL)).is_err());
        assert!(reads.check_range(None).is_ok());
    }

    #[test]
    fn expressions_are_bounded_by_the_server_and_by_headers() {
        let seconds = Duration::from_secs;
        let mut options = QueryOptions {
            engine: EngineOptions::default(),
            timeout: seconds(1),
            longest: Some(seconds(20)),
            exhaustive: true,
            slow: None,
        };
        options.engine.max_series = 7;
        let of = |reads: &Reads, options: &QueryOptions| {
            let bounds = reads.bounds(options);
            let range = bounds.range.map(|limit| (limit.longest, limit.set_by));
            (range, bounds.limits.series, bounds.cut)
        };
        let most = SelectLimits::default().series;
        let own = Some((seconds(20), "--query-max-range"));
        assert_eq!(of(&Reads::default(), &options), (own, most, None));
        let shorter = Reads {
            series: Some(5),
            range: Some(seconds(10)),
            ..Reads::default()
        };
        let header = Some((seconds(10), "M3-Limit-Max-Range"));
        assert_eq!(of(&shorter, &options), (header, 5, None));
        let longer = Reads {
            series: Some(9),
            range: Some(seconds(30)),
            exhaustive: Some(false),
            ..Reads::default()
        };
        assert_eq!(of(&longer, &options), (own, most, Some(7)));
        options.exhaustive = false;
        assert_eq!(of(&shorter, &options), (header, most, Some(5)));
        let whole = Reads {
            exhaustive: Some(true),
            ..shorter
        };
        assert_eq!(of(&whole, &options), (header, 5, None));
    }

    #[test]
    fn an_answer_says_each_reason_why_it_is_not_whole() {
        let of = |limited: Limited, warnings: &[String]| {
            let header = limited.header(warnings);
            header.map(|(name, value)| format!("{name}: {}", value.to_str().expect("text")))
        };
        let below = ["two of three are away".to_owned()];
        assert_eq!(of(Limited::NOT, &[]), None);
        let cases = [
            (true, &[][..], "max_fetch_series_limit_applied"),
            (false, &below, "read_consistency_below_majority"),
            (
                true,
                &below,
                "max_fetch_series_limit_applied,read_consistency_below_majority",
            ),
        ];
        for (limited, warnings, value) in cases {
            let expected = format!("m3-results-limited: {value}");
            assert_eq!(of(Limited(limited), warnings), Some(expected));
        }
    }

    #[test]
    fn stripped_labels_are_not_shown() {
        let reads = Reads {
            strip: vec!["team".to_owned()],
            ..Reads::default()
        };
        let labels =
            |pairs: &[(&str, &str)]| Labels::from_pairs(pairs.iter().copied()).expect("labels");
        let all = labels(&[("__name__", "up"), ("team", "a")]);
        assert_eq!(reads.shown(all), labels(&[("__name__", "up")]));
        let other = labels(&[("__name__", "up"), ("teams", "a")]);
        assert_eq!(reads.shown(other.clone()), other);
        assert!(reads.hides("team") && !reads.hides("teams"));
    }
}
