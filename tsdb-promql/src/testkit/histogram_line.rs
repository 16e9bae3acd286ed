//! Histograms as scripts write them: `{{schema:1 sum:3 count:22 buckets:[5 10 7]}}`.

use tsdb_core::model::CUSTOM_BUCKETS_SCHEMA;
use tsdb_core::{BucketSpan, ResetHint};

use super::bucket_map::{Counts, add, coarser, counts, spans};
use super::cursor::Cursor;
use super::series_line::{SequencePoint, WrittenHistogram};
use crate::FloatHistogram;

/// `{{A}}`, `{{A}}x3`, `{{A}}+{{B}}x3`, `{{A}}-{{B}}x3`.
pub(super) fn item(cursor: &mut Cursor<'_>, points: &mut Vec<SequencePoint>) -> Result<(), String> {
    let mut current = histogram(cursor)?;
    let factor = match (cursor.eat("+"), cursor.eat("-")) {
        (true, _) => Some(1.0),
        (_, true) => Some(-1.0),
        _ => None,
    };
    let step = match factor {
        Some(factor) => Some((factor, histogram(cursor)?)),
        None => None,
    };
    let count = match cursor.eat("x") {
        true => cursor.count()?,
        false if step.is_some() => return Err("a step needs a count".to_owned()),
        false => 0,
    };
    points.push(SequencePoint::Histogram(Box::new(current.clone())));
    for _ in 0..count {
        if let Some((factor, step)) = &step {
            current.histogram = sum(&current.histogram, &step.histogram, *factor)?;
        }
        points.push(SequencePoint::Histogram(Box::new(current.clone())));
    }
    Ok(())
}

fn histogram(cursor: &mut Cursor<'_>) -> Result<WrittenHistogram, String> {
    if !cursor.eat("{{") {
        return Err(format!("no histogram at {:?}", cursor.rest()));
    }
    let mut written = WrittenHistogram {
        histogram: FloatHistogram::default(),
        hint_written: false,
    };
    let (mut offset, mut negative_offset) = (0, 0);
    loop {
        cursor.skip_blanks();
        if cursor.eat("}}") {
            break;
        }
        let key = cursor.take_while(|c| c.is_ascii_lowercase() || c == '_');
        if !cursor.eat(":") {
            return Err(format!("no value of {key:?} at {:?}", cursor.rest()));
        }
        let into = &mut written.histogram;
        match key {
            "schema" => into.schema = integer(cursor)?,
            "sum" => into.sum = cursor.number()?,
            "count" => into.count = cursor.number()?,
            "z_bucket" => into.zero_count = cursor.number()?,
            "z_bucket_w" => into.zero_threshold = cursor.number()?,
            "buckets" => into.positive_buckets = list(cursor)?,
            "offset" => offset = integer(cursor)?,
            "n_buckets" => into.negative_buckets = list(cursor)?,
            "n_offset" => negative_offset = integer(cursor)?,
            "custom_values" => into.custom_values = list(cursor)?,
            "counter_reset_hint" => {
                into.reset_hint = hint(cursor)?;
                written.hint_written = true;
            }
            other => return Err(format!("histograms have no {other:?}")),
        }
    }
    let into = &mut written.histogram;
    into.positive_spans = span(offset, &into.positive_buckets)?;
    into.negative_spans = span(negative_offset, &into.negative_buckets)?;
    Ok(written)
}

fn span(offset: i32, buckets: &[f64]) -> Result<Vec<BucketSpan>, String> {
    let length = u32::try_from(buckets.len()).map_err(|_| "too many buckets")?;
    let one = BucketSpan { offset, length };
    Ok(Vec::from_iter((length > 0).then_some(one)))
}

fn integer(cursor: &mut Cursor<'_>) -> Result<i32, String> {
    let text = cursor.take_while(|c| c.is_ascii_digit() || matches!(c, '-' | '+'));
    text.parse()
        .map_err(|_| format!("{text:?} is no whole number"))
}

fn list(cursor: &mut Cursor<'_>) -> Result<Vec<f64>, String> {
    if !cursor.eat("[") {
        return Err(format!("no list at {:?}", cursor.rest()));
    }
    let mut numbers = Vec::new();
    loop {
        cursor.skip_blanks();
        if cursor.eat("]") {
            return Ok(numbers);
        }
        numbers.push(cursor.number()?);
    }
}

fn hint(cursor: &mut Cursor<'_>) -> Result<ResetHint, String> {
    match cursor.take_while(|c| c.is_ascii_lowercase() || c == '_') {
        "unknown" => Ok(ResetHint::Unknown),
        "reset" => Ok(ResetHint::Reset),
        "not_reset" => Ok(ResetHint::NoReset),
        "gauge" => Ok(ResetHint::Gauge),
        other => Err(format!("{other:?} is no counter reset hint")),
    }
}

/// `a + factor * b`, in the resolution of `a`.
fn sum(a: &FloatHistogram, b: &FloatHistogram, factor: f64) -> Result<FloatHistogram, String> {
    if a.schema > b.schema {
        let (a, b) = (a.schema, b.schema);
        return Err(format!(
            "histograms cannot be merged from schema {a} to {b}"
        ));
    }
    let is_custom = a.schema == CUSTOM_BUCKETS_SCHEMA;
    if is_custom && (b.schema != a.schema || a.custom_values != b.custom_values) {
        return Err("histograms of different custom buckets are added".to_owned());
    }
    let narrower = a.zero_threshold.min(b.zero_threshold);
    if a.zero_threshold != b.zero_threshold && narrower != 0.0 {
        return Err("histograms of different zero thresholds are added".to_owned());
    }
    let side =
        |spans_a: &[BucketSpan], a_counts: &[f64], spans_b: &[BucketSpan], b_counts: &[f64]| {
            let mut total: Counts = counts(spans_a, a_counts);
            let fine = counts(spans_b, b_counts);
            add(
                &mut total,
                &coarser(&fine, a.schema.abs_diff(b.schema)),
                factor,
            );
            spans(&total)
        };
    let (positive_spans, positive_buckets) = side(
        &a.positive_spans,
        &a.positive_buckets,
        &b.positive_spans,
        &b.positive_buckets,
    );
    let (negative_spans, negative_buckets) = side(
        &a.negative_spans,
        &a.negative_buckets,
        &b.negative_spans,
        &b.negative_buckets,
    );
    let hint = match factor < 0.0 || b.reset_hint == ResetHint::Gauge {
        true => ResetHint::Gauge,
        false => a.reset_hint,
    };
    Ok(FloatHistogram {
        reset_hint: hint,
        schema: a.schema,
        zero_threshold: a.zero_threshold.max(b.zero_threshold),
        zero_count: a.zero_count + factor * b.zero_count,
        count: a.count + factor * b.count,
        sum: a.sum + factor * b.sum,
        positive_spans,
        negative_spans,
        positive_buckets,
        negative_buckets,
        custom_values: a.custom_values.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::series_line::{self, SequencePoint, WrittenHistogram};
    use tsdb_core::{BucketSpan, ResetHint};

    fn histograms(line: &str) -> Vec<WrittenHistogram> {
        let (_, points) = series_line::parse(line).unwrap();
        let histogram = |point| match point {
            SequencePoint::Histogram(written) => *written,
            other => panic!("{other:?} is no histogram"),
        };
        points.into_iter().map(histogram).collect()
    }

    #[test]
    fn all_fields_are_read() {
        let written = &histograms(
            "a {{schema:-1 sum:-0.3 count:32.1 z_bucket:7.1 z_bucket_w:0.05 buckets:[5.1 10 7] \
             offset:-3 n_buckets:[4.1 5] n_offset:-5 counter_reset_hint:gauge}}",
        )[0];
        let found = &written.histogram;
        assert_eq!((found.schema, found.sum, found.count), (-1, -0.3, 32.1));
        assert_eq!((found.zero_count, found.zero_threshold), (7.1, 0.05));
        assert_eq!(found.positive_buckets, [5.1, 10.0, 7.0]);
        assert_eq!(
            found.positive_spans,
            [BucketSpan {
                offset: -3,
                length: 3
            }]
        );
        assert_eq!(found.negative_buckets, [4.1, 5.0]);
        assert_eq!(
            found.negative_spans,
            [BucketSpan {
                offset: -5,
                length: 2
            }]
        );
        assert_eq!(found.reset_hint, ResetHint::Gauge);
        assert!(written.hint_written && !histograms("a {{}}")[0].hint_written);
    }

    #[test]
    fn steps_add_up() {
        let found = histograms(
            "a {{sum:1 count:1 buckets:[1]}}+{{sum:2 count:1 buckets:[1] offset:2}}x2 {{}}x1",
        );
        assert_eq!(found.len(), 5);
        let last = &found[2].histogram;
        assert_eq!((last.sum, last.count), (5.0, 3.0));
        assert_eq!(last.positive_buckets, [1.0, 2.0]);
        let (first, second) = (
            BucketSpan {
                offset: 0,
                length: 1,
            },
            BucketSpan {
                offset: 1,
                length: 1,
            },
        );
        assert_eq!(last.positive_spans, [first, second]);
        let minus = histograms("a {{count:5 buckets:[5]}}-{{schema:1 count:1 buckets:[1]}}x1");
        assert_eq!(minus[1].histogram.positive_buckets, [4.0]);
        assert_eq!(minus[1].histogram.reset_hint, ResetHint::Gauge);
    }

    #[test]
    fn what_is_no_histogram_is_refused() {
        for bad in [
            "{{",
            "{{sum}}",
            "{{sum:}}",
            "{{buckets:[1}}",
            "{{what:1}}",
            "{{schema:1.5}}",
            "{{counter_reset_hint:no}}",
            "{{}}+{{}}",
            "{{schema:1}}+{{schema:0}}x1",
            "{{}}x",
        ] {
            assert!(series_line::parse(&format!("a {bad}")).is_err(), "{bad}");
        }
    }
}
