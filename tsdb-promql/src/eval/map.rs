//! Functions of each sample by itself.

use tsdb_core::Grouping;

use super::column::Column;
use super::context::{Evaluation, Sink};
use super::dates::date_part;
use super::scalar::{go_max, go_min};
use super::series::VectorSeries;
use super::steps::Steps;
use crate::error::QueryError;
use crate::plan::{FloatFunction, HistogramFunction, MapFunction, VectorNode};

/// What is done to the column of each series.
type Change<'f> = Box<dyn FnMut(&mut Column) + 'f>;

impl Evaluation<'_> {
    pub(super) fn map(
        &self,
        function: &MapFunction,
        node: &VectorNode,
        (steps, grouping): (Steps, Option<&Grouping>),
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let mut change = self.change_of(function, steps)?;
        let mut change = |series: &mut VectorSeries| {
            change(&mut series.column);
            self.drop_name(series);
            Ok(())
        };
        self.stream_changed(node, (steps, grouping), &mut change, sink)
    }

    /// What a function does to a column.
    #[expect(clippy::cast_precision_loss, reason = "times are far below 2^53 ms")]
    fn change_of<'f>(
        &self,
        function: &'f MapFunction,
        steps: Steps,
    ) -> Result<Change<'f>, QueryError> {
        let all = |scalar: Option<&crate::plan::ScalarNode>, default: f64| match scalar {
            Some(scalar) => self.scalar(scalar, steps),
            None => Ok(vec![default; steps.count]),
        };
        Ok(match function {
            MapFunction::Float(function) => Box::new(|column| {
                column.drop_histograms();
                column.map_floats(|value| float_value(*function, value));
            }),
            MapFunction::Date(field) => Box::new(|column| {
                column.drop_histograms();
                column.map_floats(|value| date_part(*field, value));
            }),
            MapFunction::Clamp { min, max } => {
                let min = all(min.as_ref(), f64::NEG_INFINITY)?;
                let max = all(max.as_ref(), f64::INFINITY)?;
                Box::new(move |column| {
                    column.drop_histograms();
                    for (step, (&min, &max)) in min.iter().zip(&max).enumerate() {
                        match column.float(step) {
                            Some(_) if max < min => column.clear(step),
                            Some(value) => column.set_float(step, go_max(min, go_min(max, value))),
                            None => {}
                        }
                    }
                })
            }
            MapFunction::Round(to) => {
                let to = self.scalar(to, steps)?;
                Box::new(move |column| {
                    column.drop_histograms();
                    for (step, to) in to.iter().enumerate() {
                        let Some(value) = column.float(step) else {
                            continue;
                        };
                        // Prometheus' way round, which errs less.
                        let inverse = 1.0 / to;
                        column.set_float(step, (value * inverse + 0.5).floor() / inverse);
                    }
                })
            }
            MapFunction::Histogram(function) => Box::new(|column| {
                let steps = column.steps();
                let mut out = Column::new(steps);
                for (step, histogram) in column.histograms() {
                    out.set_float(step, histogram_value(*function, histogram));
                }
                *column = out;
            }),
            MapFunction::Timestamp => Box::new(move |column| {
                for step in steps
                    .indices()
                    .filter(|&step| column.has(step))
                    .collect::<Vec<_>>()
                {
                    column.clear(step);
                    column.set_float(step, steps.time(step) as f64 / 1000.0);
                }
                column.drop_histograms();
            }),
            MapFunction::StartTimestamp => Box::new(move |column| column.reset(steps.count)),
        })
    }
}

fn histogram_value(function: HistogramFunction, of: &crate::histogram::FloatHistogram) -> f64 {
    match function {
        HistogramFunction::Avg => of.average(),
        HistogramFunction::Count => of.count,
        HistogramFunction::Stddev => of.standard_deviation(),
        HistogramFunction::Stdvar => of.variance(),
        HistogramFunction::Sum => of.sum,
    }
}

fn float_value(function: FloatFunction, value: f64) -> f64 {
    match function {
        FloatFunction::Abs => value.abs(),
        FloatFunction::Acos => value.acos(),
        FloatFunction::Acosh => value.acosh(),
        FloatFunction::Asin => value.asin(),
        FloatFunction::Asinh => value.asinh(),
        FloatFunction::Atan => value.atan(),
        FloatFunction::Atanh => value.atanh(),
        FloatFunction::Ceil => value.ceil(),
        FloatFunction::Cos => value.cos(),
        FloatFunction::Cosh => value.cosh(),
        FloatFunction::Deg => value * 180.0 / std::f64::consts::PI,
        FloatFunction::Exp => value.exp(),
        FloatFunction::Floor => value.floor(),
        FloatFunction::Ln => value.ln(),
        FloatFunction::Log10 => value.log10(),
        FloatFunction::Log2 => value.log2(),
        FloatFunction::Rad => value * std::f64::consts::PI / 180.0,
        FloatFunction::Sgn if value < 0.0 => -1.0,
        FloatFunction::Sgn if value > 0.0 => 1.0,
        FloatFunction::Sgn => value,
        FloatFunction::Sin => value.sin(),
        FloatFunction::Sinh => value.sinh(),
        FloatFunction::Sqrt => value.sqrt(),
        FloatFunction::Tan => value.tan(),
        FloatFunction::Tanh => value.tanh(),
    }
}
