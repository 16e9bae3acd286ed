//! Columns of values into pages.

use super::PAGE_SAMPLES_MAX;
use super::decimal::{Decimals, SCALE_ORDERED, integer, order};
use super::header::{Body, Header, put_constant};
use super::packed::{pack, packed_len};
use super::prediction::{Prediction, Residuals};
use super::stream::{STREAM_BYTES_MAX, put_tokens};
use super::tables::TokenTables;
use super::tokens::TokenCounts;
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
                let (prediction, _) = self.best_packed(&predictions);
                self.encode_packed(scale, prediction, out);
            }
        }
    }

    /// Counts the tokens of a page, for [`TokenTraining::train`].
    ///
    /// # Panics
    /// When there are more than [`PAGE_SAMPLES_MAX`] values.
    pub fn observe(&mut self, values: &[f64], training: &mut TokenTraining) {
        if let Column::Integers { predictions, .. } = self.prepare(values) {
            let counts = predictions
                .iter()
                .map(|prediction| TokenCounts::of(self.residuals.column(prediction.predictor)));
            let cheapest =
                counts.min_by(|left, right| left.ideal_bits().total_cmp(&right.ideal_bits()));
            if let Some(counts) = cheapest {
                training.add(&counts);
            }
        }
    }

    /// Appends one self-describing page for data that stays: the smallest of tokens under the best
    /// table, packed and constant.
    ///
    /// # Panics
    /// When there are more than [`PAGE_SAMPLES_MAX`] values.
    pub fn encode_dense(&mut self, values: &[f64], tables: &TokenTables, out: &mut Vec<u8>) {
        match self.prepare(values) {
            Column::Empty => {}
            Column::Constant(value) => encode_constant(value, out),
            Column::Integers { scale, predictions } => {
                let (packed, packed_bytes) = self.best_packed(&predictions);
                match self.best_tokens(&predictions, tables) {
                    Some((prediction, table, bytes)) if bytes < packed_bytes => {
                        self.encode_tokens(scale, prediction, table, tables, out);
                    }
                    _ => self.encode_packed(scale, packed, out),
                }
            }
        }
    }

    /// The prediction that packs best, and the bytes that it takes.
    fn best_packed(&self, predictions: &[Prediction; 4]) -> (Prediction, usize) {
        let bytes = |prediction: &Prediction| {
            prediction.encoded_len() + packed_len(self.residuals.column(prediction.predictor))
        };
        let [first, rest @ ..] = *predictions;
        let start = (first, bytes(&first));
        rest.into_iter().fold(start, |best, prediction| {
            let bytes = bytes(&prediction);
            if bytes < best.1 {
                (prediction, bytes)
            } else {
                best
            }
        })
    }

    /// The prediction and the table that say it in the fewest bytes; none without a table that can.
    fn best_tokens(
        &self,
        predictions: &[Prediction; 4],
        tables: &TokenTables,
    ) -> Option<(Prediction, u8, usize)> {
        let found = predictions.iter().filter_map(|prediction| {
            let counts = TokenCounts::of(self.residuals.column(prediction.predictor));
            let (table, bits) = tables.best(&counts)?;
            let stream = (bits + counts.extra_bits).div_ceil(8) as usize;
            let bytes = prediction.encoded_len() + stream;
            (stream <= STREAM_BYTES_MAX).then_some((*prediction, table, bytes))
        });
        found.min_by_key(|(_, _, bytes)| *bytes)
    }

    fn encode_tokens(
        &mut self,
        scale: u8,
        prediction: Prediction,
        number: u8,
        tables: &TokenTables,
        out: &mut Vec<u8>,
    ) {
        let header = Header {
            body: Body::Tokens(number),
            scale,
            prediction,
        };
        header.put(&self.decimals.exceptions, out);
        if let Some(table) = tables.get(number) {
            put_tokens(self.residuals.column(prediction.predictor), table, out);
        }
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
