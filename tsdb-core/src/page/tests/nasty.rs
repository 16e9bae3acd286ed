//! Columns at which a codec of decimals goes wrong.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::model::STALE_NAN_BITS;

pub(super) fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Any double, the special ones often.
fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        prop::sample::select(vec![
            0.0,
            -0.0,
            1.0,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MIN_POSITIVE,
            f64::from_bits(1),
            f64::MAX,
            f64::from_bits(STALE_NAN_BITS),
            f64::from_bits(0x7ff8_0000_0000_0001),
            f64::from_bits(0xfff8_1234_5678_9abc),
            9_007_199_254_740_993.0,
            2_251_799_813_685_248.0,
            -2_251_799_813_685_247.0,
            1e22,
            1e-22,
            0.1 + 0.2,
        ]),
        (-1_000_000i64..1_000_000, 0i32..20).prop_map(|(digits, scale)| decimal(digits, scale)),
    ]
}

/// The double nearest to a decimal, as a text of it would be read.
fn decimal(digits: i64, scale: i32) -> f64 {
    format!("{digits}e-{scale}").parse().unwrap()
}

fn counter(start: i64, steps: Vec<(u8, u32)>, factor: i64, scale: i32) -> Vec<f64> {
    let mut total = start;
    steps
        .into_iter()
        .map(|(kind, step)| {
            total = match kind {
                0 => 0,
                1..100 => total,
                _ => total + i64::from(step >> (kind % 32)) * factor,
            };
            decimal(total, scale)
        })
        .collect()
}

/// Columns of up to `max` values: noise, counters with resets, gauges, and each of them spoilt here and there.
pub(super) fn columns(max: usize) -> impl Strategy<Value = Vec<f64>> {
    let smooth = prop_oneof![
        vec(value(), 0..=max),
        (value(), 0..=max).prop_map(|(value, len)| vec![value; len]),
        (
            0i64..1 << 40,
            vec(any::<(u8, u32)>(), 0..=max),
            prop::sample::select(vec![1, 1, 7, 1_000, 4_096]),
            0i32..6
        )
            .prop_map(|(start, steps, factor, scale)| counter(start, steps, factor, scale)),
        (any::<i32>(), 0u32..30, vec(any::<i32>(), 0..=max), 0i32..4).prop_map(
            |(middle, shift, noise, scale)| noise
                .into_iter()
                .map(|noise| decimal(i64::from(middle) + i64::from(noise >> shift), scale))
                .collect()
        ),
        vec(-1.0f64..1.0, 0..=max).prop_map(|steps| {
            let mut total = 100.0;
            steps
                .into_iter()
                .map(|step| {
                    total += step;
                    total
                })
                .collect()
        }),
        vec(any::<f32>(), 0..=max).prop_map(|values| values.into_iter().map(f64::from).collect()),
    ];
    (
        smooth,
        vec((any::<prop::sample::Index>(), value(), 1usize..20), 0..4),
    )
        .prop_map(|(mut values, spoils)| {
            for (at, value, len) in spoils {
                if !values.is_empty() {
                    let start = at.index(values.len());
                    let end = (start + len).min(values.len());
                    values[start..end].fill(value);
                }
            }
            values
        })
}

/// Rising timestamps: a grid with jitter and gaps, or anything.
pub(super) fn timestamps(max: usize) -> impl Strategy<Value = Vec<i64>> {
    let grid = (
        any::<i32>(),
        1i64..100_000,
        vec((0u8..255, -5i64..5), 0..=max),
    )
        .prop_map(|(start, step, scrapes)| {
            let mut grid = i64::from(start);
            let mut last = i64::MIN;
            scrapes
                .into_iter()
                .map(|(kind, jitter)| {
                    grid += if kind == 0 { 100 * step } else { step };
                    last = (last + 1).max(grid + if kind > 200 { jitter } else { 0 });
                    last
                })
                .collect()
        });
    let wild = vec(any::<i64>(), 0..=max).prop_map(|mut timestamps: Vec<i64>| {
        timestamps.sort_unstable();
        timestamps.dedup();
        timestamps
    });
    let edges = (0..=max).prop_map(|len| {
        (0..len)
            .map(|at| {
                if at * 2 < len {
                    i64::MIN + at as i64
                } else {
                    i64::MAX - (len - at) as i64
                }
            })
            .collect()
    });
    prop_oneof![grid, wild, edges]
}
