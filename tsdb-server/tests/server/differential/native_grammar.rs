//! Expressions by chance that give native histograms, and what is made of them.

use super::grammar::{Expression, Grammar, RANGES, RANKS, of};

/// What selectors find, and matchers that fit.
const METRICS: [&str; 10] = [
    "native_seconds",
    "native_seconds",
    "native_float_seconds",
    "native_float_seconds",
    "native_layout",
    "native_float_layout",
    "native_gauge",
    "native_float_gauge",
    "native_mixed",
    "native_float_mixed",
];

const MATCHERS: [&str; 7] = [
    "course=\"counter\"",
    "course=\"reset\"",
    "course=\"gaps\"",
    "course=~\"counter|gaps\"",
    "course!=\"reset\"",
    "instance=~\"[ac].*\"",
    "job=\"api\"",
];

/// Functions of a range that give histograms of histograms.
const OF_RANGE: [&str; 6] = ["rate", "rate", "increase", "increase", "delta", "delta"];

/// Functions of a range that give floats of anything.
const FLOATS_OF_RANGE: [&str; 3] = ["count_over_time", "present_over_time", "absent_over_time"];

/// Bounds of fractions.
const BOUNDS: [&str; 10] = [
    "-Inf", "-1", "0", "0.001", "0.5", "1", "1.7", "100", "+Inf", "NaN",
];

impl Grammar {
    fn native_selector(&mut self) -> String {
        let name = self.chance.one_of(&METRICS);
        match self.chance.is(40) {
            true => format!("{name}{{{}}}", self.chance.one_of(&MATCHERS)),
            false => name.to_owned(),
        }
    }

    fn native_range(&mut self, depth: usize) -> Expression {
        let range = self.chance.one_of(&RANGES);
        if depth > 0 && self.chance.is(25) {
            let inner = self.histograms(depth - 1);
            let step = self.chance.one_of(&["", "30s", "1m", "17s"]);
            let text = format!("({})[{range}:{step}]{}", inner.text, self.moved());
            return of(text, vec![inner]);
        }
        let text = format!("{}[{range}]{}", self.native_selector(), self.moved());
        of(text, Vec::new())
    }

    /// An expression that gives histograms.
    pub(super) fn histograms(&mut self, depth: usize) -> Expression {
        if depth == 0 {
            let text = format!("{}{}", self.native_selector(), self.moved());
            return of(text, Vec::new());
        }
        match self.chance.below(24) {
            0..=2 => self.histograms(0),
            3..=9 => {
                let range = self.native_range(depth - 1);
                let text = format!("{}({})", self.chance.one_of(&OF_RANGE), range.text);
                of(text, vec![range])
            }
            10..=14 => {
                let inner = self.histograms(depth - 1);
                let name = self.chance.one_of(&["sum", "sum", "sum", "sum", "avg"]);
                of(
                    format!("{name}{} ({})", self.grouping(), inner.text),
                    vec![inner],
                )
            }
            15..=18 => self.two_histograms(depth),
            19 => self.histogram_and_number(depth),
            _ => self.of_histograms(depth),
        }
    }

    fn two_histograms(&mut self, depth: usize) -> Expression {
        let left = self.histograms(depth - 1);
        let right = match self.chance.is(50) {
            true => left.clone(),
            false => self.histograms(depth - 1),
        };
        let operators = ["+", "+", "+", "-", "-", "and", "or", "unless", "==", "!="];
        let operator = self.chance.one_of(&operators);
        let is_set = ["and", "or", "unless"].contains(&operator);
        let matching = self.matching(is_set);
        of(
            format!("({}) {operator}{matching} ({})", left.text, right.text),
            vec![left, right],
        )
    }

    fn histogram_and_number(&mut self, depth: usize) -> Expression {
        let (inner, number) = (self.histograms(depth - 1), self.scalar(0));
        let operator = self.chance.one_of(&["*", "/", "+", "-", "=="]);
        let text = match self.chance.is(70) {
            true => format!("({}) {operator} {}", inner.text, number.text),
            false => format!("{} {operator} ({})", number.text, inner.text),
        };
        of(text, vec![inner, number])
    }

    /// Floats that are made of histograms.
    pub(super) fn of_histograms(&mut self, depth: usize) -> Expression {
        if self.chance.is(15) {
            let range = self.native_range(depth.saturating_sub(1));
            let text = format!("{}({})", self.chance.one_of(&FLOATS_OF_RANGE), range.text);
            return of(text, vec![range]);
        }
        let inner = self.histograms(depth.saturating_sub(1));
        let text = &inner.text;
        let text = match self.chance.below(16) {
            0..=4 => format!("histogram_quantile({}, {text})", self.chance.one_of(&RANKS)),
            5..=7 => {
                let [lower, upper] = [(); 2].map(|()| self.chance.one_of(&BOUNDS));
                format!("histogram_fraction({lower}, {upper}, {text})")
            }
            8 | 9 => format!("histogram_sum({text})"),
            10 => format!("count{} ({text})", self.grouping()),
            11 => format!("group{} ({text})", self.grouping()),
            12 => format!("timestamp({text})"),
            13 => format!("absent({text})"),
            _ => format!("histogram_count({text})"),
        };
        of(text, vec![inner])
    }
}
