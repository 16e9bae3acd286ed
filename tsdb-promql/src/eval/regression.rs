//! Lines through the samples of a range.

use super::column::Point;
use super::context::Evaluation;
use super::range::AtStep;
use super::window::Window;
use crate::annotations::Annotation;
use crate::error::QueryError;
use crate::kahan::KahanSum;
use crate::plan::RangeFunction;

impl Evaluation<'_> {
    /// `deriv` and `predict_linear`.
    pub(super) fn regression(&self, at: &AtStep<'_>, window: &Window<'_>) -> Option<Point> {
        self.ignore_histograms(at, window);
        if window.values.len() < 2 {
            return None;
        }
        let is_derivative = at.call.function == RangeFunction::Deriv;
        let intercept_time = match is_derivative {
            true => window.timestamps.first().copied()?,
            false => window.time,
        };
        let (slope, intercept) = least_squares(window, intercept_time);
        let [duration, _] = at.scalars;
        Some(Point::Float(match is_derivative {
            true => slope,
            false => slope * duration + intercept,
        }))
    }

    /// Says that histograms are left out, where there are floats as well.
    pub(super) fn ignore_histograms(&self, at: &AtStep<'_>, window: &Window<'_>) {
        if !window.values.is_empty() && !window.histograms.is_empty() {
            let annotation = Annotation::HistogramIgnoredInRange { metric: at.metric };
            self.annotate(&annotation, at.call.first_argument);
        }
    }

    /// `double_exponential_smoothing`.
    pub(super) fn smoothing(
        &self,
        at: &AtStep<'_>,
        window: &Window<'_>,
    ) -> Result<Option<Point>, QueryError> {
        let [smoothing, trend] = at.scalars;
        for (what, factor, letter) in [("smoothing", smoothing, "sf"), ("trend", trend, "tf")] {
            if factor <= 0.0 || factor >= 1.0 {
                return Err(QueryError::Execution(format!(
                    "invalid {what} factor. Expected: 0 < {letter} < 1, got: {factor:.6}"
                )));
            }
        }
        self.ignore_histograms(at, window);
        let [first, second, ..] = window.values else {
            return Ok(None);
        };
        let (mut before, mut smoothed, mut slope) = (0.0, *first, second - first);
        for (place, value) in window.values.iter().enumerate().skip(1) {
            if place > 1 {
                slope = trend * (smoothed - before) + (1.0 - trend) * slope;
            }
            let next = smoothing * value + (1.0 - smoothing) * (smoothed + slope);
            (before, smoothed) = (smoothed, next);
        }
        Ok(Some(Point::Float(smoothed)))
    }
}

/// Slope and value at a time of the line with the least squares.
#[expect(
    clippy::cast_precision_loss,
    reason = "spans of windows are far below 2^53 ms"
)]
fn least_squares(window: &Window<'_>, intercept_time: i64) -> (f64, f64) {
    let [mut x_sum, mut y_sum, mut xy_sum, mut xx_sum] = [KahanSum::default(); 4];
    let first = window.values.first().copied().unwrap_or_default();
    for (time, y) in window.timestamps.iter().zip(window.values) {
        let x = (time - intercept_time) as f64 / 1000.0;
        x_sum.add(x);
        y_sum.add(*y);
        xy_sum.add(x * y);
        xx_sum.add(x * x);
    }
    if window.values.iter().skip(1).all(|value| *value == first) {
        return match first.is_infinite() {
            true => (f64::NAN, f64::NAN),
            false => (0.0, first),
        };
    }
    let n = window.values.len() as f64;
    let parts = |sum: KahanSum| sum.sum + sum.compensation;
    let (x, y, xy, xx) = (parts(x_sum), parts(y_sum), parts(xy_sum), parts(xx_sum));
    let slope = (xy - x * y / n) / (xx - x * x / n);
    (slope, y / n - slope * x / n)
}
