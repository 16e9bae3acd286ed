//! Flags about expressions and who may ask them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use regex::Regex;
use tsdb_promql::{EngineOptions, Features};

use crate::query::QueryOptions;
use crate::runtime;
use crate::units::{duration_of, positive_duration_of, size_of};

/// Flags about expressions and who may ask them.
#[derive(Clone, Debug, Args)]
pub struct QueryFlags {
    /// For how long an expression may be evaluated, waiting for its turn included; a request may ask for less
    #[arg(long, alias = "query.timeout", env = "TSDB_QUERY_TIMEOUT", value_name = "DURATION", default_value = "2m", value_parser = positive_duration_of)]
    pub query_timeout: Duration,

    /// Most samples that an expression may hold at a time
    #[arg(
        long,
        alias = "query.max-samples",
        env = "TSDB_QUERY_MAX_SAMPLES",
        value_name = "COUNT",
        default_value = "50000000",
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub query_max_samples: u64,

    /// Most memory that an expression may hold at a time
    #[arg(long, env = "TSDB_QUERY_MAX_MEMORY", value_name = "SIZE", default_value = "1GiB", value_parser = size_of)]
    pub query_max_memory: u64,

    /// Most series that a selector of an expression may find; 0 for any number
    #[arg(
        long,
        env = "TSDB_QUERY_MAX_SERIES",
        value_name = "COUNT",
        default_value = "0"
    )]
    pub query_max_series: u64,

    /// How many threads may work on an expression, fewer while several are evaluated; 0 for as many as there are cores
    #[arg(
        long,
        env = "TSDB_QUERY_THREADS",
        value_name = "COUNT",
        default_value = "0"
    )]
    pub query_threads: usize,

    /// Longest time from the first to the last sample that a selector of an expression may ask for; 0s for any
    #[arg(long, env = "TSDB_QUERY_MAX_RANGE", value_name = "DURATION", default_value = "0s", value_parser = range_of)]
    pub query_max_range: Duration,

    /// Whether an expression that finds more than --query-max-series is refused; false cuts what its selectors find, and says so
    #[arg(
        long,
        env = "TSDB_QUERY_REQUIRE_EXHAUSTIVE",
        value_name = "BOOL",
        default_value_t = true,
        action = clap::ArgAction::Set
    )]
    pub query_require_exhaustive: bool,

    /// How old a sample may be to stand for the present, unless a request says otherwise
    #[arg(long, alias = "query.lookback-delta", env = "TSDB_QUERY_LOOKBACK_DELTA", value_name = "DURATION", default_value = "5m", value_parser = positive_duration_of)]
    pub query_lookback_delta: Duration,

    /// From which duration on an expression is slow, and told in the log; 0s for never
    #[arg(long, env = "TSDB_QUERY_SLOW", value_name = "DURATION", default_value = "10s", value_parser = duration_of)]
    pub query_slow: Duration,

    /// What of PromQL is switched on beside what is there anyway, by the names of Prometheus' --enable-feature, with commas between; prometheus-2 evaluates as Prometheus 2.42
    #[arg(
        long,
        alias = "enable-feature",
        env = "TSDB_PROMQL_FEATURES",
        value_name = "NAME",
        value_delimiter = ','
    )]
    pub promql_features: Vec<Feature>,

    /// Origins of web pages that may ask the API from browsers, as a regular expression
    #[arg(long, alias = "web.cors.origin", env = "TSDB_WEB_CORS_ORIGIN", value_name = "REGEX", default_value = ".*", value_parser = origin_of)]
    pub web_cors_origin: Regex,
}

impl QueryFlags {
    /// How expressions are evaluated.
    pub(crate) fn options(&self) -> QueryOptions {
        let mut features = Features::default();
        for feature in &self.promql_features {
            feature.switch_on(&mut features);
        }
        QueryOptions {
            engine: EngineOptions {
                features,
                lookback: self.query_lookback_delta,
                max_samples: self.query_max_samples,
                max_memory: self.query_max_memory,
                max_series: match self.query_max_series {
                    0 => u64::MAX,
                    most => most,
                },
                threads: match self.query_threads {
                    0 => runtime::parallelism(),
                    threads => threads,
                },
                ..EngineOptions::default()
            },
            timeout: self.query_timeout,
            longest: Some(self.query_max_range).filter(|range| !range.is_zero()),
            exhaustive: self.query_require_exhaustive,
            slow: Some(self.query_slow).filter(|slow| !slow.is_zero()),
        }
    }
}

/// Something of PromQL that can be switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// `promql-experimental-functions`
    ExperimentalFunctions,
    /// `promql-duration-expr`, which is always on
    DurationExpressions,
    /// `promql-extended-range-selectors`: `anchored` and `smoothed`
    ExtendedSelectors,
    /// `promql-binop-fill-modifiers`: `fill`, `fill_left`, `fill_right`
    Fill,
    /// `promql-delayed-name-removal`
    DelayedNameRemoval,
    /// `use-start-timestamps`: when counting began tells of resets
    StartTimestamps,
    /// `type-and-unit-labels`
    TypeAndUnitLabels,
    /// `prometheus-2`: as Prometheus 2.42 evaluates
    Prometheus2,
}

impl Feature {
    const ALL: [Self; 8] = [
        Self::ExperimentalFunctions,
        Self::DurationExpressions,
        Self::ExtendedSelectors,
        Self::Fill,
        Self::DelayedNameRemoval,
        Self::StartTimestamps,
        Self::TypeAndUnitLabels,
        Self::Prometheus2,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::ExperimentalFunctions => "promql-experimental-functions",
            Self::DurationExpressions => "promql-duration-expr",
            Self::ExtendedSelectors => "promql-extended-range-selectors",
            Self::Fill => "promql-binop-fill-modifiers",
            Self::DelayedNameRemoval => "promql-delayed-name-removal",
            Self::StartTimestamps => "use-start-timestamps",
            Self::TypeAndUnitLabels => "type-and-unit-labels",
            Self::Prometheus2 => "prometheus-2",
        }
    }

    /// Switches it on.
    pub(crate) fn switch_on(self, features: &mut Features) {
        let switch = match self {
            Self::ExperimentalFunctions => &mut features.experimental_functions,
            Self::DurationExpressions => &mut features.duration_expressions,
            Self::ExtendedSelectors => &mut features.extended_selectors,
            Self::Fill => &mut features.fill,
            Self::DelayedNameRemoval => &mut features.delayed_name_removal,
            Self::StartTimestamps => &mut features.start_timestamps,
            Self::TypeAndUnitLabels => &mut features.type_and_unit_labels,
            Self::Prometheus2 => &mut features.prometheus_2,
        };
        *switch = true;
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Feature {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|one| one.name() == text.trim());
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name);
            format!("it is none of {}", names.join(", "))
        })
    }
}

/// A duration, of which M3 writes none as a plain 0.
fn range_of(text: &str) -> Result<Duration, String> {
    match text {
        "0" => Ok(Duration::ZERO),
        text => duration_of(text),
    }
}

/// Matches whole origins, as Prometheus has it.
fn origin_of(text: &str) -> Result<Regex, String> {
    Regex::new(&format!("^(?s:{text})$")).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::Config;
    use super::*;

    fn flags(more: &[&str]) -> Result<QueryFlags, clap::Error> {
        let arguments = ["tsdb-server"].into_iter().chain(more.iter().copied());
        Config::try_parse_from(arguments).map(|config| config.queries)
    }

    #[test]
    fn defaults_are_those_of_prometheus() {
        let options = flags(&[]).expect("no flags").options();
        let engine = options.engine;
        assert_eq!(engine.features, Features::default());
        assert_eq!(engine.lookback, Duration::from_secs(300));
        assert_eq!(
            (engine.max_samples, engine.max_series),
            (50_000_000, u64::MAX)
        );
        assert_eq!(engine.threads, runtime::parallelism());
        assert_eq!(options.timeout, Duration::from_secs(120));
        assert_eq!(options.slow, Some(Duration::from_secs(10)));
        assert_eq!((options.longest, options.exhaustive), (None, true));
        let plain = flags(&["--query-max-range=0"]).expect("flags").options();
        assert_eq!(plain.longest, None);
        let bounded = ["--query-max-range=31d", "--query-require-exhaustive=false"];
        let bounded = flags(&bounded).expect("flags").options();
        let month = Some(Duration::from_secs(31 * 86_400));
        assert_eq!((bounded.longest, bounded.exhaustive), (month, false));
    }

    #[test]
    fn flags_of_prometheus_are_taken() {
        let options = flags(&[
            "--query.timeout=30s",
            "--query.max-samples=7",
            "--query.lookback-delta=1m",
            "--query-max-series=3",
            "--query-threads=5",
            "--query-slow=0s",
            "--enable-feature=promql-experimental-functions,promql-delayed-name-removal",
            "--enable-feature=promql-duration-expr",
        ]);
        let options = options.expect("flags").options();
        let engine = options.engine;
        assert!(engine.features.experimental_functions && engine.features.delayed_name_removal);
        assert!(!engine.features.fill);
        assert_eq!((engine.max_samples, engine.max_series), (7, 3));
        assert_eq!(engine.threads, 5);
        assert_eq!(engine.lookback, Duration::from_secs(60));
        assert_eq!(options.timeout, Duration::from_secs(30));
        assert_eq!(options.slow, None);
    }

    #[test]
    fn every_feature_is_switched_on_by_its_name_and_others_are_refused() {
        let mut all = Features::default();
        for feature in Feature::ALL {
            assert_eq!(feature.to_string().parse(), Ok(feature));
            feature.switch_on(&mut all);
        }
        let expected = Features {
            prometheus_2: true,
            ..Features::ALL
        };
        assert_eq!(all, expected);
        for wrong in [
            "--enable-feature=promql-everything",
            "--web-cors-origin=(",
            "--query-timeout=0s",
            "--query-max-samples=0",
            "--query-max-range=1",
            "--query-require-exhaustive=perhaps",
        ] {
            flags(&[wrong]).expect_err(wrong);
        }
    }

    #[test]
    fn origins_are_matched_as_a_whole() {
        let more = ["--web.cors.origin=https?://(a|b)\\.example"];
        let origins = flags(&more).expect("a flag").web_cors_origin;
        assert!(origins.is_match("https://a.example"));
        assert!(!origins.is_match("https://a.example.org"));
        assert!(!origins.is_match("x://https://a.example"));
    }
}
