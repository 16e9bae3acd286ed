//! The values of one captured series, and what a clone of it has instead.

use std::ops::Range;

use tsdb_core::model::STALE_NAN_BITS;

use crate::order::Order;

/// Whole numbers below this are exact in a double.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
/// Digits behind the point that a column may have to count as decimal.
const DIGITS_MAX: i32 = 15;
/// Digits behind the point of what is added to values of full precision.
const FINE_DIGITS: i32 = 9;
/// How many doubles next to a decimal number count as that number after some additions.
const NOISE_MAX: u64 = 8;
/// Constants from here on are totals of a host, sizes or start times, which differ between hosts;
/// smaller ones are flags, limits and versions, which do not.
const TOTAL_MIN: f64 = 1_000.0;

/// A captured series' values, ready to be played by clones.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    values: Vec<Option<f64>>,
    /// The values in units of its last digit, rounded where they have more digits.
    ticks: Vec<i64>,
    /// How many ticks make one: ten to the number of digits behind the point.
    scale: f64,
    /// Whether no value has more digits than a tick.
    exact: bool,
    kind: Kind,
}

/// What a column's values do, which clones do as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// They never change.
    Constant,
    /// They never fall.
    Counter,
    /// They go up and down.
    Gauge,
    /// Some scrapes have none.
    Gaps,
}

impl Column {
    pub(crate) fn new(values: &[Option<f64>]) -> Self {
        let finite = || values.iter().flatten().filter(|value| value.is_finite());
        let scale = scale_of(finite);
        let first = finite().next().copied().unwrap_or_default();
        let mut last = tick(first, scale);
        let ticks = values.iter().map(|value| {
            if let Some(value) = value.filter(|value| value.is_finite()) {
                last = tick(value, scale);
            }
            last
        });
        Self {
            ticks: ticks.collect(),
            exact: finite().all(|value| is_decimal(*value, scale)),
            scale,
            kind: kind_of(values),
            values: values.to_vec(),
        }
    }

    /// The value that a clone has in a round; a stale marker in the first round of a gap.
    /// `offset` is what the clone's values are above the captured ones, in units of their last
    /// digit: none for the captured target itself.
    pub(crate) fn play(&self, order: &Order, round: usize, offset: i64) -> Option<f64> {
        let value_at = |scrape: usize| self.values.get(scrape).copied().flatten();
        match self.kind {
            Kind::Constant => {
                let value = value_at(order.scrape(round))?;
                let total = (TOTAL_MIN..EXACT_MAX).contains(&value);
                Some(self.raised(value, if total { offset } else { 0 }))
            }
            Kind::Gauge => Some(self.raised(value_at(order.scrape(round))?, offset)),
            Kind::Counter => {
                let risen = offset.saturating_add(self.risen(order, round));
                Some(self.raised(value_at(order.scrape(round))?, risen))
            }
            Kind::Gaps => {
                let scrape = order.unshuffled(round);
                if let Some(value) = value_at(scrape) {
                    return Some(self.raised(value, offset));
                }
                let there_before = round > 0 && value_at(scrape - 1).is_some();
                there_before.then(|| f64::from_bits(STALE_NAN_BITS))
            }
        }
    }

    /// How far a counter is above its captured value, for having risen in another order.
    fn risen(&self, order: &Order, round: usize) -> i64 {
        let tick_at = |scrape: usize| self.ticks.get(scrape).copied().unwrap_or_default();
        let start_of = |stretch: &Range<usize>| tick_at(stretch.start.saturating_sub(1));
        let (before, now) = order.played(round);
        let mut risen = tick_at(0);
        for (index, stretch) in before.iter().enumerate() {
            let next = before.get(index + 1).unwrap_or(&now);
            risen += tick_at(stretch.end - 1) - start_of(stretch);
            if !self.exact && self.falls_between(stretch.end - 1, next.start) {
                risen += 1;
            }
        }
        risen - start_of(&now)
    }

    /// Whether what is rounded off falls from the last scrape of a stretch to the first one of the
    /// next, while no rise of a tick makes up for it.
    fn falls_between(&self, last: usize, first: usize) -> bool {
        let rest = |scrape: usize| {
            let tick = self.ticks.get(scrape).copied().unwrap_or_default();
            let value = self.values.get(scrape).copied().flatten();
            value.unwrap_or_default() - tick as f64 / self.scale
        };
        let before = self.ticks.get(first.saturating_sub(1));
        self.ticks.get(first) == before && rest(first) < rest(last)
    }

    /// The value plus so many of its last digit, decimal where the value is.
    fn raised(&self, value: f64, ticks: i64) -> f64 {
        if ticks == 0 || !value.is_finite() {
            return value;
        }
        let own = tick(value, self.scale);
        let decimal = own as f64 / self.scale;
        // What summing left beside the decimal number is left beside the new one, so that
        // counters do not fall by it.
        let noise = value
            .to_bits()
            .wrapping_sub(decimal.to_bits())
            .cast_signed();
        if noise.unsigned_abs() > NOISE_MAX {
            return value + ticks as f64 / self.scale;
        }
        let raised = (own + ticks) as f64 / self.scale;
        f64::from_bits(raised.to_bits().wrapping_add_signed(noise))
    }
}

fn kind_of(values: &[Option<f64>]) -> Kind {
    let mut present = values.iter().flatten();
    let first = present.next().copied().unwrap_or_default();
    if present.all(|value| value.to_bits() == first.to_bits()) {
        return if values.iter().all(Option::is_some) {
            Kind::Constant
        } else {
            Kind::Gaps
        };
    }
    if values.iter().any(Option::is_none) {
        return Kind::Gaps;
    }
    let whole = values
        .iter()
        .flatten()
        .all(|value| value.is_finite() && *value >= 0.0);
    match whole && values.iter().flatten().is_sorted() {
        true => Kind::Counter,
        false => Kind::Gauge,
    }
}

/// Ten to the digits of the decimal values, as far as the largest value stays exact.
fn scale_of<'v, V: Iterator<Item = &'v f64>>(finite: impl Fn() -> V) -> f64 {
    let largest = finite().fold(0.0, |max: f64, value| max.max(value.abs()));
    let mut scale = 1.0;
    for digits in 1..=DIGITS_MAX {
        let next = 10f64.powi(digits);
        // A tenth is kept free for what clones add.
        if largest * next >= EXACT_MAX / 10.0 {
            break;
        }
        if finite().any(|value| is_decimal(*value, next) && !is_decimal(*value, scale)) {
            scale = next;
        }
    }
    if finite().all(|value| is_decimal(*value, scale)) {
        return scale;
    }
    // Values of full precision have no last digit: one far below their rise does for it.
    let fine = (1..=FINE_DIGITS).map(|digits| 10f64.powi(digits));
    fine.take_while(|fine| largest * fine < EXACT_MAX / 10.0)
        .fold(scale, f64::max)
}

fn is_decimal(value: f64, scale: f64) -> bool {
    (value * scale).abs() < EXACT_MAX
        && (tick(value, scale) as f64 / scale).to_bits() == value.to_bits()
}

/// The value in units of its last digit; what is too large to be exact counts as the largest.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the numbers are far within an i64"
)]
fn tick(value: f64, scale: f64) -> i64 {
    (value * scale).round().clamp(-EXACT_MAX, EXACT_MAX) as i64
}
