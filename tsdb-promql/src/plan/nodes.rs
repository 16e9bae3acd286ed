//! What has to be done, as a tree.

use tsdb_core::{Matcher, Pushdown};

use crate::syntax::{AggregateOp, BinaryOp, Grouping, Matching, Span};

/// Gives a number at each step.
#[derive(Clone, Debug)]
pub(crate) enum ScalarNode {
    Constant(f64),
    /// The time of the step, in seconds.
    Time,
    /// The value of the only series; NaN where there is none, or more.
    OnlyOf(Box<VectorNode>),
    Negate(Box<ScalarNode>),
    Binary {
        op: BinaryOp,
        left: Box<ScalarNode>,
        right: Box<ScalarNode>,
    },
    Min(Box<ScalarNode>, Box<ScalarNode>),
    Max(Box<ScalarNode>, Box<ScalarNode>),
}

/// Which series, and when.
#[derive(Clone, Debug)]
pub(crate) struct Select {
    pub(crate) matchers: Vec<Matcher>,
    /// How far back, in milliseconds.
    pub(crate) offset: i64,
    /// One time instead of that of each step.
    pub(crate) at: Option<i64>,
    pub(crate) anchored: bool,
    pub(crate) smoothed: bool,
    /// Whether of histograms only counts and sums are used.
    pub(crate) statistics_only: bool,
    /// Where it stands.
    pub(crate) span: Span,
}

impl Select {
    /// The time that a step looks back from.
    pub(crate) fn reference(&self, time: i64) -> i64 {
        self.at.unwrap_or(time).saturating_sub(self.offset)
    }

    /// Whether all series it finds have the same metric name.
    pub(crate) fn has_one_name(&self) -> bool {
        self.name().is_some()
    }

    /// The metric name of all series it finds, if one is asked for.
    pub(crate) fn name(&self) -> Option<&str> {
        let named = |matcher: &&Matcher| {
            matcher.name() == "__name__" && matcher.op() == tsdb_core::MatchOp::Equal
        };
        self.matchers.iter().find(named).map(Matcher::value)
    }
}

/// A selector with a range, in milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct RangeSelect {
    pub(crate) select: Select,
    pub(crate) range: i64,
}

/// An expression at many times of a range, in milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct SubqueryNode {
    pub(crate) node: Box<VectorNode>,
    pub(crate) range: i64,
    pub(crate) step: i64,
    pub(crate) offset: i64,
    pub(crate) at: Option<i64>,
}

/// Gives each series with the samples of a range a step.
#[derive(Clone, Debug)]
pub(crate) enum RangeNode {
    Select(RangeSelect),
    Subquery(SubqueryNode),
}

impl RangeNode {
    pub(crate) fn range(&self) -> i64 {
        match self {
            Self::Select(select) => select.range,
            Self::Subquery(subquery) => subquery.range,
        }
    }

    /// The end of the range of a step.
    pub(crate) fn reference(&self, time: i64) -> i64 {
        match self {
            Self::Select(select) => select.select.reference(time),
            Self::Subquery(subquery) => subquery.at.unwrap_or(time).saturating_sub(subquery.offset),
        }
    }
}

/// What is made of the samples of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RangeFunction {
    Rate,
    Increase,
    Delta,
    Irate,
    Idelta,
    Sum,
    Avg,
    Count,
    Min,
    Max,
    First,
    Last,
    Present,
    Absent,
    Stddev,
    Stdvar,
    Quantile,
    Mad,
    Changes,
    Resets,
    Deriv,
    PredictLinear,
    Smoothing,
    TimeOfFirst,
    TimeOfLast,
    TimeOfMin,
    TimeOfMax,
}

impl RangeFunction {
    /// Whether its result is one of the samples, with the series' name.
    pub(crate) fn keeps_name(self) -> bool {
        matches!(self, Self::First | Self::Last)
    }

    /// What it asks of the samples.
    pub(crate) fn pushdown(self) -> Pushdown {
        match self {
            Self::Rate | Self::Increase | Self::Resets => Pushdown::Falls,
            Self::Delta
            | Self::Count
            | Self::First
            | Self::Last
            | Self::Present
            | Self::TimeOfFirst
            | Self::TimeOfLast => Pushdown::Ends,
            Self::Min => Pushdown::Least,
            Self::Max => Pushdown::Greatest,
            _ => Pushdown::None,
        }
    }
}

/// A function of a range.
#[derive(Clone, Debug)]
pub(crate) struct RangeCall {
    pub(crate) function: RangeFunction,
    pub(crate) range: RangeNode,
    /// The other arguments.
    pub(crate) scalars: Vec<ScalarNode>,
    /// Where the first argument stands: that of most annotations.
    pub(crate) first_argument: Span,
    /// From the first argument to the last.
    pub(crate) arguments: Span,
    /// Labels that absence has.
    pub(crate) absent_labels: Vec<(String, String)>,
}

/// A function of a float.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FloatFunction {
    Abs,
    Acos,
    Acosh,
    Asin,
    Asinh,
    Atan,
    Atanh,
    Ceil,
    Cos,
    Cosh,
    Deg,
    Exp,
    Floor,
    Ln,
    Log10,
    Log2,
    Rad,
    Sgn,
    Sin,
    Sinh,
    Sqrt,
    Tan,
    Tanh,
}

/// A part of a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DateField {
    DayOfMonth,
    DayOfWeek,
    DayOfYear,
    DaysInMonth,
    Hour,
    Minute,
    Month,
    Year,
}

/// A number of a native histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HistogramFunction {
    Avg,
    Count,
    Stddev,
    Stdvar,
    Sum,
}

/// A function of each sample by itself.
#[derive(Clone, Debug)]
pub(crate) enum MapFunction {
    Float(FloatFunction),
    Date(DateField),
    Clamp {
        min: Option<ScalarNode>,
        max: Option<ScalarNode>,
    },
    Round(ScalarNode),
    Histogram(HistogramFunction),
    /// The time of the step.
    Timestamp,
    /// When counting began, which is not known of what was computed.
    StartTimestamp,
}

/// A change of labels.
#[derive(Clone, Debug)]
pub(crate) enum LabelChange {
    Replace {
        target: String,
        replacement: String,
        source: String,
        regex: regex::Regex,
    },
    Join {
        target: String,
        separator: String,
        sources: Vec<String>,
    },
}

/// How series are sorted.
#[derive(Clone, Debug)]
pub(crate) enum SortBy {
    Value {
        descending: bool,
    },
    Labels {
        names: Vec<String>,
        descending: bool,
    },
}

/// What is asked of histograms, classic or native.
#[derive(Clone, Debug)]
pub(crate) enum HistogramInput {
    Quantile(ScalarNode, Span),
    /// One series a quantile, told apart by a label.
    Quantiles(String, Vec<(ScalarNode, Span)>),
    Fraction(ScalarNode, ScalarNode),
}

/// Labels of info metrics.
#[derive(Clone, Debug)]
pub(crate) struct InfoNode {
    pub(crate) node: Box<VectorNode>,
    /// Matchers of the second argument.
    pub(crate) matchers: Vec<Matcher>,
    /// Of the first selector of the first argument: what info series are read at.
    pub(crate) offset: i64,
    pub(crate) at: Option<i64>,
}

/// A vector and a number.
#[derive(Clone, Debug)]
pub(crate) struct VectorScalar {
    pub(crate) op: BinaryOp,
    pub(crate) vector: Box<VectorNode>,
    pub(crate) scalar: ScalarNode,
    pub(crate) scalar_is_left: bool,
    pub(crate) returns_bool: bool,
    pub(crate) span: Span,
}

/// Two vectors.
#[derive(Clone, Debug)]
pub(crate) struct VectorBinary {
    pub(crate) op: BinaryOp,
    pub(crate) left: Box<VectorNode>,
    pub(crate) right: Box<VectorNode>,
    pub(crate) matching: Matching,
    pub(crate) returns_bool: bool,
    pub(crate) span: Span,
}

/// An aggregation.
#[derive(Clone, Debug)]
pub(crate) struct AggregateNode {
    pub(crate) op: AggregateOp,
    pub(crate) node: Box<VectorNode>,
    pub(crate) parameter: Option<(ScalarNode, Span)>,
    /// The label of `count_values`.
    pub(crate) label: Option<String>,
    pub(crate) grouping: Grouping,
    pub(crate) span: Span,
    /// Where that stands which is aggregated.
    pub(crate) argument: Span,
}

/// Gives series with a sample each a step.
#[derive(Clone, Debug)]
pub(crate) enum VectorNode {
    Select(Select),
    /// Something of which it is to be told how long it takes.
    Traced {
        name: &'static str,
        span: Span,
        node: Box<VectorNode>,
    },
    /// When the sample was taken, or its counting began.
    TimeOf {
        select: Select,
        of_start: bool,
    },
    /// A series without labels.
    Scalar(ScalarNode),
    Range(Box<RangeCall>),
    Map {
        function: MapFunction,
        node: Box<VectorNode>,
    },
    Label {
        change: LabelChange,
        node: Box<VectorNode>,
    },
    Sort {
        by: SortBy,
        node: Box<VectorNode>,
        span: Span,
    },
    Absent {
        node: Box<VectorNode>,
        labels: Vec<(String, String)>,
    },
    Histogram {
        input: HistogramInput,
        node: Box<VectorNode>,
        /// Where the vector stands.
        argument: Span,
    },
    Info(InfoNode),
    Negate(Box<VectorNode>),
    WithScalar(VectorScalar),
    Binary(Box<VectorBinary>),
    Aggregate(Box<AggregateNode>),
    /// The same at each step: evaluated at the first alone.
    Invariant(Box<VectorNode>),
    /// Written more than once, as `key`: evaluated once.
    Shared {
        key: String,
        node: Box<VectorNode>,
    },
}
