//! Histograms as texts.

use std::fmt::{self, Write as _};

use tsdb_core::{BucketSpan, ResetHint};

use crate::number::GeneralNumber;

use super::bucket::Bucket;
use super::float_histogram::FloatHistogram;

/// `[lower,upper):count`, brackets for bounds that are in the bucket.
impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{},{}{}:{}",
            if self.lower_inclusive { '[' } else { '(' },
            GeneralNumber(self.lower),
            GeneralNumber(self.upper),
            if self.upper_inclusive { ']' } else { ')' },
            GeneralNumber(self.count),
        )
    }
}

/// `{count:3, sum:1.5, (0.5,1]:3}`, ascending and without empty buckets.
impl fmt::Display for FloatHistogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, sum) = (GeneralNumber(self.count), GeneralNumber(self.sum));
        write!(f, "{{count:{count}, sum:{sum}")?;
        let zero = (self.zero_count != 0.0).then(|| self.zero_bucket());
        let buckets = self.negative().rev().chain(zero).chain(self.positive());
        for bucket in buckets.filter(|bucket| bucket.count != 0.0) {
            write!(f, ", {bucket}")?;
        }
        f.write_char('}')
    }
}

impl FloatHistogram {
    /// The histogram as cases of evaluation write it: `{{schema:1 count:3 sum:1.5 buckets:[1 2]}}`.
    #[must_use]
    pub fn test_expression(&self) -> String {
        let mut dense = self.clone();
        dense.compact(usize::MAX);
        let mut parts = Vec::new();
        if dense.schema != 0 {
            parts.push(format!("schema:{}", dense.schema));
        }
        let numbers = [
            ("count", dense.count),
            ("sum", dense.sum),
            ("z_bucket", dense.zero_count),
            ("z_bucket_w", dense.zero_threshold),
        ];
        for (name, number) in numbers.into_iter().filter(|(_, number)| *number != 0.0) {
            parts.push(format!("{name}:{}", GeneralNumber(number)));
        }
        if dense.is_custom() {
            parts.push(format!("custom_values:{}", list(&dense.custom_values)));
        }
        match dense.reset_hint {
            ResetHint::Unknown => {}
            ResetHint::Reset => parts.push("counter_reset_hint:reset".to_owned()),
            ResetHint::NoReset => parts.push("counter_reset_hint:not_reset".to_owned()),
            ResetHint::Gauge => parts.push("counter_reset_hint:gauge".to_owned()),
        }
        put_buckets(
            &mut parts,
            "",
            &dense.positive_spans,
            &dense.positive_buckets,
        );
        put_buckets(
            &mut parts,
            "n_",
            &dense.negative_spans,
            &dense.negative_buckets,
        );
        format!("{{{{{}}}}}", parts.join(" "))
    }
}

fn put_buckets(parts: &mut Vec<String>, prefix: &str, spans: &[BucketSpan], counts: &[f64]) {
    if let Some(first) = spans.first().filter(|first| first.offset != 0) {
        parts.push(format!("{prefix}offset:{}", first.offset));
    }
    if !counts.is_empty() {
        parts.push(format!("{prefix}buckets:{}", list(counts)));
    }
}

fn list(numbers: &[f64]) -> String {
    let texts: Vec<_> = numbers
        .iter()
        .map(|number| GeneralNumber(*number).to_string())
        .collect();
    format!("[{}]", texts.join(" "))
}
