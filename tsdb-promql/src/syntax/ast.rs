//! The syntax tree of a query.
//!
//! Every node knows its place in the text, so that errors and annotations can name it. Trees that
//! [`parse`](super::parse) gives are well typed.

use std::fmt;

use tsdb_core::Matcher;

use super::Span;

/// What an expression evaluates to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// One number a step.
    Scalar,
    /// A text; only function arguments and whole queries are one.
    String,
    /// Series with one sample each a step.
    Vector,
    /// Series with a range of samples each.
    Matrix,
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scalar => "scalar",
            Self::String => "string",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
        })
    }
}

/// An expression.
#[derive(Clone, Debug)]
pub enum Expr {
    /// `1.5`, `0x1f`, `5m`, `Inf`.
    Number(NumberLiteral),
    /// `"text"`.
    String(StringLiteral),
    /// `up{job="a"} offset 5m @ 0`.
    Vector(VectorSelector),
    /// `up[5m]`.
    Matrix(MatrixSelector),
    /// `rate(up[5m])[1h:1m]`.
    Subquery(Subquery),
    /// `-a`, `+a`.
    Unary(Unary),
    /// `a + on(job) b`.
    Binary(Binary),
    /// `sum by (job) (a)`.
    Aggregate(Aggregate),
    /// `rate(a[5m])`.
    Call(Call),
    /// `(a)`.
    Paren(Paren),
}

/// A number; durations are numbers of seconds.
#[derive(Clone, Debug)]
pub struct NumberLiteral {
    /// The number.
    pub value: f64,
    /// Whether it was written as a duration, `5m`.
    pub is_duration: bool,
    /// Where it stands.
    pub span: Span,
}

/// A text, without quotes and escapes.
#[derive(Clone, Debug)]
pub struct StringLiteral {
    /// The bytes of the text, which escapes may have made other than UTF-8.
    pub bytes: Vec<u8>,
    /// Where it stands.
    pub span: Span,
}

impl StringLiteral {
    /// The text; what is no UTF-8 becomes U+FFFD.
    #[must_use]
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }
}

/// The time that `@` fixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// Milliseconds since the epoch.
    Timestamp(i64),
    /// `start()`: of the query.
    Start,
    /// `end()`: of the query.
    End,
}

/// Series by their labels.
#[derive(Clone, Debug)]
pub struct VectorSelector {
    /// The metric name, where one was written before the braces.
    pub name: Option<String>,
    /// All matchers, that of the name among them.
    pub matchers: Vec<Matcher>,
    /// How far back; negative is ahead.
    pub offset: Option<DurationExpr>,
    /// Evaluated at one time instead of at each step.
    pub at: Option<At>,
    /// `anchored`: rates are taken between the samples at the very bounds.
    pub anchored: bool,
    /// `smoothed`: values at the bounds are interpolated.
    pub smoothed: bool,
    /// Where it stands, modifiers and all.
    pub span: Span,
}

/// A selector with a range.
#[derive(Clone, Debug)]
pub struct MatrixSelector {
    /// Which series; modifiers behind the range are the selector's.
    pub selector: VectorSelector,
    /// How long the range is.
    pub range: DurationExpr,
    /// Where it stands.
    pub span: Span,
}

/// An expression evaluated at many steps of a range.
#[derive(Clone, Debug)]
pub struct Subquery {
    /// What is evaluated.
    pub expr: Box<Expr>,
    /// How long the range is.
    pub range: DurationExpr,
    /// Time between evaluations; the engine's default where it is left out.
    pub step: Option<DurationExpr>,
    /// How far back; negative is ahead.
    pub offset: Option<DurationExpr>,
    /// Evaluated at one time instead of at each step.
    pub at: Option<At>,
    /// Where it stands.
    pub span: Span,
}

/// A duration that may be computed: `5m`, `300`, `1h/2`, `step()`, `max_of(step(), 5m)`.
#[derive(Clone, Debug)]
pub enum DurationExpr {
    /// Seconds, as a number or a duration literal.
    Literal(NumberLiteral),
    /// Two durations.
    Binary {
        /// `+ - * / % ^`, or the lesser or greater of two.
        op: DurationOp,
        /// The left one.
        left: Box<DurationExpr>,
        /// The right one.
        right: Box<DurationExpr>,
        /// Where it stands.
        span: Span,
    },
    /// With a sign before it.
    Unary {
        /// Whether the sign is a minus.
        negative: bool,
        /// The duration.
        of: Box<DurationExpr>,
        /// Where it stands.
        span: Span,
    },
    /// In parentheses.
    Paren {
        /// What stands in them.
        of: Box<DurationExpr>,
        /// Where it stands.
        span: Span,
    },
    /// `step()`: of the query.
    Step(Span),
    /// `range()`: from the query's start to its end.
    Range(Span),
}

impl DurationExpr {
    /// Where it stands in the text.
    #[must_use]
    pub fn span(&self) -> Span {
        match self {
            Self::Literal(number) => number.span,
            Self::Binary { span, .. }
            | Self::Unary { span, .. }
            | Self::Paren { span, .. }
            | Self::Step(span)
            | Self::Range(span) => *span,
        }
    }
}

/// What is done with two durations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DurationOp {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `%`
    Mod,
    /// `^`
    Pow,
    /// `min_of(a, b)`
    Min,
    /// `max_of(a, b)`
    Max,
}

impl DurationOp {
    /// As it is written.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Min => "min_of",
            Self::Max => "max_of",
        }
    }
}

/// A sign before an expression.
#[derive(Clone, Debug)]
pub struct Unary {
    /// Whether it is a minus.
    pub negative: bool,
    /// What it stands before.
    pub expr: Box<Expr>,
    /// Where it stands.
    pub span: Span,
}

/// An operator between two expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `%`
    Mod,
    /// `^`
    Pow,
    /// `atan2`
    Atan2,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `>`
    Greater,
    /// `<`
    Less,
    /// `>=`
    GreaterEqual,
    /// `<=`
    LessEqual,
    /// `and`
    And,
    /// `or`
    Or,
    /// `unless`
    Unless,
    /// `</`: keeps what of a histogram lies below.
    TrimUpper,
    /// `>/`: keeps what of a histogram lies above.
    TrimLower,
}

impl BinaryOp {
    /// As it is written.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Atan2 => "atan2",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Greater => ">",
            Self::Less => "<",
            Self::GreaterEqual => ">=",
            Self::LessEqual => "<=",
            Self::And => "and",
            Self::Or => "or",
            Self::Unless => "unless",
            Self::TrimUpper => "</",
            Self::TrimLower => ">/",
        }
    }

    /// Whether it compares two values.
    #[must_use]
    pub const fn is_comparison(self) -> bool {
        matches!(
            self,
            Self::Equal
                | Self::NotEqual
                | Self::Greater
                | Self::Less
                | Self::GreaterEqual
                | Self::LessEqual
        )
    }

    /// Whether it computes a value that is of no metric any more.
    #[must_use]
    pub const fn is_arithmetic(self) -> bool {
        matches!(
            self,
            Self::Add | Self::Sub | Self::Mul | Self::Div | Self::Mod | Self::Pow | Self::Atan2
        )
    }

    /// Whether it works on sets of series: `and`, `or`, `unless`.
    #[must_use]
    pub const fn is_set(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Unless)
    }
}

/// Two expressions and an operator.
#[derive(Clone, Debug)]
pub struct Binary {
    /// The operator.
    pub op: BinaryOp,
    /// The left one.
    pub left: Box<Expr>,
    /// The right one.
    pub right: Box<Expr>,
    /// A comparison that gives 0 or 1 instead of filtering.
    pub returns_bool: bool,
    /// How series of both sides find each other; only between two vectors.
    pub matching: Option<Matching>,
    /// Where it stands.
    pub span: Span,
    /// Where the operator stands.
    pub op_span: Span,
}

/// A side of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// `group_left`: the left side has many series for one of the right.
    Left,
    /// `group_right`.
    Right,
}

/// How series of two sides find each other.
#[derive(Clone, Debug, Default)]
pub struct Matching {
    /// Whether `labels` are those that count; otherwise those that do not.
    pub on: bool,
    /// The labels of `on` or `ignoring`.
    pub labels: Vec<String>,
    /// Which side may have many for one.
    pub group: Option<Side>,
    /// Labels taken from the side of one.
    pub include: Vec<String>,
    /// Values for series without partner.
    pub fill: Fill,
}

/// Values that stand in for missing series.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Fill {
    /// For a missing one on the left.
    pub left: Option<f64>,
    /// For a missing one on the right.
    pub right: Option<f64>,
}

/// What is made of many series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AggregateOp {
    /// `sum`
    Sum,
    /// `avg`
    Avg,
    /// `min`
    Min,
    /// `max`
    Max,
    /// `count`
    Count,
    /// `group`
    Group,
    /// `stddev`
    Stddev,
    /// `stdvar`
    Stdvar,
    /// `topk`
    Topk,
    /// `bottomk`
    Bottomk,
    /// `count_values`
    CountValues,
    /// `quantile`
    Quantile,
    /// `limitk`
    Limitk,
    /// `limit_ratio`
    LimitRatio,
}

impl AggregateOp {
    /// As it is written.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Min => "min",
            Self::Max => "max",
            Self::Count => "count",
            Self::Group => "group",
            Self::Stddev => "stddev",
            Self::Stdvar => "stdvar",
            Self::Topk => "topk",
            Self::Bottomk => "bottomk",
            Self::CountValues => "count_values",
            Self::Quantile => "quantile",
            Self::Limitk => "limitk",
            Self::LimitRatio => "limit_ratio",
        }
    }

    /// Whether it takes a parameter before the expression.
    #[must_use]
    pub const fn takes_parameter(self) -> bool {
        matches!(
            self,
            Self::Topk
                | Self::Bottomk
                | Self::CountValues
                | Self::Quantile
                | Self::Limitk
                | Self::LimitRatio
        )
    }

    /// Whether its results are some of the series that it is given, labels and all.
    #[must_use]
    pub const fn keeps_series(self) -> bool {
        matches!(
            self,
            Self::Topk | Self::Bottomk | Self::Limitk | Self::LimitRatio
        )
    }

    /// Whether Prometheus has it behind the switch of experimental functions.
    #[must_use]
    pub const fn is_experimental(self) -> bool {
        matches!(self, Self::Limitk | Self::LimitRatio)
    }
}

/// Which labels make a group.
#[derive(Clone, Debug, Default)]
pub struct Grouping {
    /// Whether `labels` are left out; otherwise only they are kept.
    pub without: bool,
    /// The labels.
    pub labels: Vec<String>,
}

/// An aggregation.
#[derive(Clone, Debug)]
pub struct Aggregate {
    /// What is made.
    pub op: AggregateOp,
    /// Of what.
    pub expr: Box<Expr>,
    /// The parameter of those that take one.
    pub parameter: Option<Box<Expr>>,
    /// Which labels make a group.
    pub grouping: Grouping,
    /// Where it stands.
    pub span: Span,
}

/// A call of a function.
#[derive(Clone, Debug)]
pub struct Call {
    /// The function; see [`function`](super::function).
    pub function: &'static super::Function,
    /// What it is called with.
    pub arguments: Vec<Expr>,
    /// Where it stands.
    pub span: Span,
}

/// An expression in parentheses.
#[derive(Clone, Debug)]
pub struct Paren {
    /// What stands in them.
    pub expr: Box<Expr>,
    /// Where it stands, parentheses and all.
    pub span: Span,
}

impl Expr {
    /// Where it stands in the text.
    #[must_use]
    pub fn span(&self) -> Span {
        match self {
            Self::Number(number) => number.span,
            Self::String(string) => string.span,
            Self::Vector(vector) => vector.span,
            Self::Matrix(matrix) => matrix.span,
            Self::Subquery(subquery) => subquery.span,
            Self::Unary(unary) => unary.span,
            Self::Binary(binary) => binary.span,
            Self::Aggregate(aggregate) => aggregate.span,
            Self::Call(call) => call.span,
            Self::Paren(paren) => paren.span,
        }
    }

    /// What it evaluates to.
    #[must_use]
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::Number(_) => ValueType::Scalar,
            Self::String(_) => ValueType::String,
            Self::Vector(_) | Self::Aggregate(_) => ValueType::Vector,
            Self::Matrix(_) | Self::Subquery(_) => ValueType::Matrix,
            Self::Unary(unary) => unary.expr.value_type(),
            Self::Binary(binary) => match (binary.left.value_type(), binary.right.value_type()) {
                (ValueType::Scalar, ValueType::Scalar) => ValueType::Scalar,
                _ => ValueType::Vector,
            },
            Self::Call(call) => call.function.returns,
            Self::Paren(paren) => paren.expr.value_type(),
        }
    }
}
