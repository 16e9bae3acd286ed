//! Selectors and calls of functions.

use tsdb_core::model::is_legacy_label_name;
use tsdb_core::{MatchOp, Matcher};

use super::build::{Planner, arguments_span, bare, text, unfit};
use super::histogram_use::HistogramUse;
use super::nodes::{
    DateField, FloatFunction, HistogramFunction, HistogramInput, InfoNode, LabelChange,
    MapFunction, RangeCall, RangeFunction, RangeSelect, ScalarNode, Select, SortBy, VectorNode,
};
use crate::error::QueryError;
use crate::syntax::{At, Call, Expr, MatrixSelector, Span, VectorSelector};

const METRIC_NAME: &str = "__name__";

impl Planner<'_> {
    pub(super) fn at(&self, at: Option<At>) -> Option<i64> {
        at.map(|at| match at {
            At::Timestamp(time) => time,
            At::Start => self.times.start,
            At::End => self.times.end,
        })
    }

    pub(super) fn select(
        &self,
        selector: &VectorSelector,
        used: HistogramUse,
    ) -> Result<Select, QueryError> {
        Ok(Select {
            matchers: selector.matchers.clone(),
            offset: self.times.offset(selector.offset.as_ref())?,
            at: self.at(selector.at),
            anchored: selector.anchored,
            smoothed: selector.smoothed,
            statistics_only: used.is_statistics_only(),
            span: selector.span,
        })
    }

    pub(super) fn range_select(
        &self,
        matrix: &MatrixSelector,
        used: HistogramUse,
    ) -> Result<RangeSelect, QueryError> {
        Ok(RangeSelect {
            select: self.select(&matrix.selector, used)?,
            range: self.times.length(&matrix.range)?,
        })
    }

    pub(super) fn call(&self, call: &Call, used: HistogramUse) -> Result<VectorNode, QueryError> {
        if let Some(function) = range_function(call.function.name) {
            return self.range_call(call, function, used);
        }
        let name = call.function.name;
        let first = match call.arguments.is_empty() {
            true => return self.call_without_arguments(name),
            false => self.argument(call, 0)?,
        };
        if let Some(function) = float_function(name) {
            return self.map(MapFunction::Float(function), first, used);
        }
        if let Some(field) = date_field(name) {
            return self.map(MapFunction::Date(field), first, used);
        }
        match name {
            "histogram_avg" | "histogram_count" | "histogram_stddev" | "histogram_stdvar"
            | "histogram_sum" => {
                let function = MapFunction::Histogram(histogram_function(name));
                self.map(function, first, used)
            }
            "timestamp" | "start_timestamp" => self.time_of(name, first, used),
            "clamp" | "clamp_min" | "clamp_max" | "round" => self.bounded(call, used),
            "vector" => Ok(VectorNode::Scalar(self.scalar(first, used)?)),
            "label_replace" | "label_join" => self.label_change(call, used),
            "sort" | "sort_desc" | "sort_by_label" | "sort_by_label_desc" => self.sort(call, used),
            "absent" => Ok(VectorNode::Absent {
                node: Box::new(self.vector(first, used)?),
                labels: absent_labels(first),
            }),
            "histogram_quantile" | "histogram_quantiles" | "histogram_fraction" => {
                self.histogram(call, used)
            }
            "info" => self.info(call, used),
            _ => Err(unfit("a known function", first)),
        }
    }

    /// Functions that look at the time of the step where they are given nothing.
    fn call_without_arguments(&self, name: &str) -> Result<VectorNode, QueryError> {
        match date_field(name) {
            Some(field) => Ok(VectorNode::Map {
                function: MapFunction::Date(field),
                node: Box::new(VectorNode::Scalar(ScalarNode::Time)),
            }),
            None => Err(QueryError::Execution(format!("{name} without arguments"))),
        }
    }

    fn map(
        &self,
        function: MapFunction,
        of: &Expr,
        used: HistogramUse,
    ) -> Result<VectorNode, QueryError> {
        Ok(VectorNode::Map {
            function,
            node: Box::new(self.vector(of, used)?),
        })
    }

    fn time_of(&self, name: &str, of: &Expr, used: HistogramUse) -> Result<VectorNode, QueryError> {
        let of_start = name == "start_timestamp";
        if let Expr::Vector(selector) = of {
            let select = self.select(selector, used)?;
            return Ok(VectorNode::TimeOf { select, of_start });
        }
        let function = match of_start {
            true => MapFunction::StartTimestamp,
            false => MapFunction::Timestamp,
        };
        self.map(function, of, used)
    }

    fn bounded(&self, call: &Call, used: HistogramUse) -> Result<VectorNode, QueryError> {
        let number = |index: usize| self.scalar(self.argument(call, index)?, used);
        let function = match call.function.name {
            "clamp" => MapFunction::Clamp {
                min: Some(number(1)?),
                max: Some(number(2)?),
            },
            "clamp_min" => MapFunction::Clamp {
                min: Some(number(1)?),
                max: None,
            },
            "clamp_max" => MapFunction::Clamp {
                min: None,
                max: Some(number(1)?),
            },
            _ => MapFunction::Round(match call.arguments.get(1) {
                Some(to) => self.scalar(to, used)?,
                None => ScalarNode::Constant(1.0),
            }),
        };
        self.map(function, self.argument(call, 0)?, used)
    }

    fn range_call(
        &self,
        call: &Call,
        function: RangeFunction,
        used: HistogramUse,
    ) -> Result<VectorNode, QueryError> {
        let (mut range, mut scalars) = (None, Vec::new());
        for argument in &call.arguments {
            let argument = bare(argument);
            match argument {
                Expr::Matrix(_) | Expr::Subquery(_) => range = Some(argument),
                _ => scalars.push(self.scalar(argument, used)?),
            }
        }
        let range = range.ok_or_else(|| {
            QueryError::Execution(format!("{} without a range", call.function.name))
        })?;
        if let Expr::Matrix(matrix) = range {
            check_extended(&matrix.selector, call.function.name)?;
        }
        let place = |expr: &Expr| match expr {
            // Prometheus forgets where a subquery stood.
            Expr::Subquery(_) => Span::default(),
            other => other.span(),
        };
        Ok(VectorNode::Range(Box::new(RangeCall {
            function,
            range: self.range(range, used)?,
            scalars,
            first_argument: place(self.argument(call, 0)?),
            arguments: match range {
                Expr::Subquery(_) => Span::default(),
                _ => arguments_span(call),
            },
            absent_labels: absent_labels(range),
        })))
    }

    fn label_change(&self, call: &Call, used: HistogramUse) -> Result<VectorNode, QueryError> {
        let texts = call.arguments.iter().skip(1).map(text);
        let mut texts = texts.collect::<Result<Vec<String>, _>>()?.into_iter();
        let mut next = || texts.next().unwrap_or_default();
        let change = if call.function.name == "label_replace" {
            let (target, replacement, source, pattern) = (next(), next(), next(), next());
            self.check_label(&target, "destination", "label_replace")?;
            let regex = regex::Regex::new(&format!("^(?s:{pattern})$")).map_err(|_| {
                QueryError::Execution(format!(
                    "invalid regular expression in label_replace(): {pattern}"
                ))
            })?;
            LabelChange::Replace {
                target,
                replacement,
                source,
                regex,
            }
        } else {
            let (target, separator) = (next(), next());
            let sources: Vec<String> = texts.collect();
            for source in &sources {
                self.check_label(source, "source", "label_join")?;
            }
            self.check_label(&target, "destination", "label_join")?;
            LabelChange::Join {
                target,
                separator,
                sources,
            }
        };
        let node = Box::new(self.vector(self.argument(call, 0)?, used)?);
        Ok(VectorNode::Label { change, node })
    }

    fn sort(&self, call: &Call, used: HistogramUse) -> Result<VectorNode, QueryError> {
        let descending = call.function.name.ends_with("_desc");
        let by = if call.function.name.starts_with("sort_by_label") {
            let names = call.arguments.iter().skip(1).map(text);
            SortBy::Labels {
                names: names.collect::<Result<_, _>>()?,
                descending,
            }
        } else {
            SortBy::Value { descending }
        };
        let node = Box::new(self.vector(self.argument(call, 0)?, used)?);
        let span = call.span;
        Ok(VectorNode::Sort { by, node, span })
    }

    fn histogram(&self, call: &Call, used: HistogramUse) -> Result<VectorNode, QueryError> {
        let place = |index: usize| Ok::<_, QueryError>(self.argument(call, index)?.span());
        let number = |index: usize| self.scalar(self.argument(call, index)?, used);
        let (input, vector) = match call.function.name {
            "histogram_quantile" => (HistogramInput::Quantile(number(0)?, place(0)?), 1),
            "histogram_fraction" => (HistogramInput::Fraction(number(0)?, number(1)?), 2),
            _ => {
                let label = text(self.argument(call, 1)?)?;
                let all =
                    (2..call.arguments.len()).map(|index| Ok((number(index)?, place(index)?)));
                let all = all.collect::<Result<_, QueryError>>()?;
                (HistogramInput::Quantiles(label, all), 0)
            }
        };
        let argument = self.argument(call, vector)?;
        Ok(VectorNode::Histogram {
            input,
            node: Box::new(self.vector(argument, used)?),
            argument: argument.span(),
        })
    }

    fn info(&self, call: &Call, used: HistogramUse) -> Result<VectorNode, QueryError> {
        let of = self.argument(call, 0)?;
        let mut matchers = match call.arguments.get(1).map(bare) {
            Some(Expr::Vector(selector)) => selector.matchers.clone(),
            Some(other) => return Err(unfit("a selector of labels", other)),
            None => vec![Matcher::equal(METRIC_NAME, "target_info")],
        };
        let is_excluding = |matcher: &Matcher| {
            matcher.name() == METRIC_NAME
                && matches!(matcher.op(), MatchOp::NotEqual | MatchOp::NotRegex)
        };
        let mut of_name = matchers
            .iter()
            .filter(|matcher| matcher.name() == METRIC_NAME)
            .peekable();
        // Who only excludes some means all other info metrics.
        if of_name.peek().is_some() && of_name.all(is_excluding) {
            let info = Matcher::regex(METRIC_NAME, ".+_info");
            matchers.push(info.map_err(|error| QueryError::Execution(error.to_string()))?);
        }
        let (offset, at) = self.reference_of(of)?.unwrap_or_default();
        Ok(VectorNode::Info(InfoNode {
            node: Box::new(self.vector(of, used)?),
            matchers,
            offset,
            at,
        }))
    }
}

impl Planner<'_> {
    /// The time that the first selector of an expression, from the left, looks back from: how far
    /// before the step, or before one time for all steps.
    fn reference_of(&self, expr: &Expr) -> Result<Option<(i64, Option<i64>)>, QueryError> {
        Ok(match expr {
            Expr::Number(_) | Expr::String(_) => None,
            Expr::Vector(selector) => Some(self.reference_of_selector(selector)?),
            Expr::Matrix(matrix) => Some(self.reference_of_selector(&matrix.selector)?),
            Expr::Subquery(subquery) => match self.reference_of(&subquery.expr)? {
                Some((offset, None)) => {
                    let own = self.times.offset(subquery.offset.as_ref())?;
                    Some((offset.saturating_add(own), self.at(subquery.at)))
                }
                settled => settled,
            },
            Expr::Unary(unary) => self.reference_of(&unary.expr)?,
            Expr::Paren(paren) => self.reference_of(&paren.expr)?,
            Expr::Binary(binary) => match self.reference_of(&binary.left)? {
                None => self.reference_of(&binary.right)?,
                found => found,
            },
            Expr::Aggregate(aggregate) => self.reference_of(&aggregate.expr)?,
            Expr::Call(call) => {
                let all = call
                    .arguments
                    .iter()
                    .map(|argument| self.reference_of(argument));
                let mut found = all.filter_map(Result::transpose);
                found.next().transpose()?
            }
        })
    }

    fn reference_of_selector(
        &self,
        selector: &VectorSelector,
    ) -> Result<(i64, Option<i64>), QueryError> {
        let offset = self.times.offset(selector.offset.as_ref())?;
        Ok((offset, self.at(selector.at)))
    }
}

impl Planner<'_> {
    /// Whether an expression may give a label this name.
    pub(super) fn is_label_name(&self, name: &str) -> bool {
        match self.options.features.prometheus_2 {
            true => is_legacy_label_name(name),
            false => !name.is_empty(),
        }
    }

    fn check_label(&self, name: &str, role: &str, function: &str) -> Result<(), QueryError> {
        match self.is_label_name(name) {
            true => Ok(()),
            false => Err(QueryError::Execution(format!(
                "invalid {role} label name in {function}(): {name}"
            ))),
        }
    }
}

/// Only some functions know what to do with the bounds of a range.
fn check_extended(selector: &VectorSelector, function: &str) -> Result<(), QueryError> {
    let (modifier, fitting): (&str, &[&str]) = match (selector.anchored, selector.smoothed) {
        (true, _) => (
            "anchored",
            &["changes", "delta", "increase", "rate", "resets"],
        ),
        (_, true) => ("smoothed", &["delta", "increase", "rate"]),
        _ => return Ok(()),
    };
    match fitting.contains(&function) {
        true => Ok(()),
        false => Err(QueryError::Execution(format!(
            "{modifier} modifier can only be used with: {} - not with {function}",
            fitting.join(", ")
        ))),
    }
}

/// Labels of what is absent: those that a plain selector asks for by equality, once.
fn absent_labels(expr: &Expr) -> Vec<(String, String)> {
    let matchers = match expr {
        Expr::Vector(selector) => &selector.matchers,
        Expr::Matrix(matrix) => &matrix.selector.matchers,
        _ => return Vec::new(),
    };
    let (mut labels, mut seen): (Vec<(String, String)>, Vec<&str>) = (Vec::new(), Vec::new());
    for matcher in matchers
        .iter()
        .filter(|matcher| matcher.name() != METRIC_NAME)
    {
        let name = matcher.name();
        if matcher.op() == MatchOp::Equal && !seen.contains(&name) {
            labels.push((name.to_owned(), matcher.value().to_owned()));
            seen.push(name);
        } else {
            labels.retain(|(other, _)| other != name);
        }
    }
    labels
}

fn range_function(name: &str) -> Option<RangeFunction> {
    Some(match name {
        "rate" => RangeFunction::Rate,
        "increase" => RangeFunction::Increase,
        "delta" => RangeFunction::Delta,
        "irate" => RangeFunction::Irate,
        "idelta" => RangeFunction::Idelta,
        "sum_over_time" => RangeFunction::Sum,
        "avg_over_time" => RangeFunction::Avg,
        "count_over_time" => RangeFunction::Count,
        "min_over_time" => RangeFunction::Min,
        "max_over_time" => RangeFunction::Max,
        "first_over_time" => RangeFunction::First,
        "last_over_time" => RangeFunction::Last,
        "present_over_time" => RangeFunction::Present,
        "absent_over_time" => RangeFunction::Absent,
        "stddev_over_time" => RangeFunction::Stddev,
        "stdvar_over_time" => RangeFunction::Stdvar,
        "quantile_over_time" => RangeFunction::Quantile,
        "mad_over_time" => RangeFunction::Mad,
        "changes" => RangeFunction::Changes,
        "resets" => RangeFunction::Resets,
        "deriv" => RangeFunction::Deriv,
        "predict_linear" => RangeFunction::PredictLinear,
        "double_exponential_smoothing" | "holt_winters" => RangeFunction::Smoothing,
        "ts_of_first_over_time" => RangeFunction::TimeOfFirst,
        "ts_of_last_over_time" => RangeFunction::TimeOfLast,
        "ts_of_min_over_time" => RangeFunction::TimeOfMin,
        "ts_of_max_over_time" => RangeFunction::TimeOfMax,
        _ => return None,
    })
}

fn float_function(name: &str) -> Option<FloatFunction> {
    Some(match name {
        "abs" => FloatFunction::Abs,
        "acos" => FloatFunction::Acos,
        "acosh" => FloatFunction::Acosh,
        "asin" => FloatFunction::Asin,
        "asinh" => FloatFunction::Asinh,
        "atan" => FloatFunction::Atan,
        "atanh" => FloatFunction::Atanh,
        "ceil" => FloatFunction::Ceil,
        "cos" => FloatFunction::Cos,
        "cosh" => FloatFunction::Cosh,
        "deg" => FloatFunction::Deg,
        "exp" => FloatFunction::Exp,
        "floor" => FloatFunction::Floor,
        "ln" => FloatFunction::Ln,
        "log10" => FloatFunction::Log10,
        "log2" => FloatFunction::Log2,
        "rad" => FloatFunction::Rad,
        "sgn" => FloatFunction::Sgn,
        "sin" => FloatFunction::Sin,
        "sinh" => FloatFunction::Sinh,
        "sqrt" => FloatFunction::Sqrt,
        "tan" => FloatFunction::Tan,
        "tanh" => FloatFunction::Tanh,
        _ => return None,
    })
}

fn date_field(name: &str) -> Option<DateField> {
    Some(match name {
        "day_of_month" => DateField::DayOfMonth,
        "day_of_week" => DateField::DayOfWeek,
        "day_of_year" => DateField::DayOfYear,
        "days_in_month" => DateField::DaysInMonth,
        "hour" => DateField::Hour,
        "minute" => DateField::Minute,
        "month" => DateField::Month,
        "year" => DateField::Year,
        _ => return None,
    })
}

fn histogram_function(name: &str) -> HistogramFunction {
    match name {
        "histogram_avg" => HistogramFunction::Avg,
        "histogram_count" => HistogramFunction::Count,
        "histogram_stddev" => HistogramFunction::Stddev,
        "histogram_stdvar" => HistogramFunction::Stdvar,
        _ => HistogramFunction::Sum,
    }
}
