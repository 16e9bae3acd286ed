mod corruption;
mod facts;
mod huffman;
mod layout;
mod nasty;
mod round_trip;

use crate::model::STALE_NAN_BITS;

/// Columns that between them use each codec, predictor, flag and kind of block.
fn sample_columns() -> Vec<Vec<f64>> {
    let mut chance = 1u64;
    let mut next = move |below: u64| {
        chance = chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (chance >> 33) % below
    };
    let mut counter = 1_000u64;
    let mut steps = |least: u64, below: u64| {
        counter += least + next(below);
        counter as f64
    };
    let slow: Vec<f64> = (0..300).map(|_| steps(20, 5)).collect();
    let mut rough: Vec<f64> = (0..200).map(|_| steps(0, 3) / 1_000.0).collect();
    rough[50] = 0.0;
    rough[51] = f64::from_bits(STALE_NAN_BITS);
    rough[90..95].fill(f64::INFINITY);
    let pages = (0..140)
        .map(|_| (steps(0, 1_000) as u64 % 977 * 4_096) as f64)
        .collect();
    let mut walk = 100.0;
    let doubles = (0..100)
        .map(|_| {
            walk += steps(0, 1 << 20).sqrt() / 1e9;
            walk
        })
        .collect();
    let parabola = (0..64).map(|at| f64::from(at * at)).collect();
    let mut rare = vec![3.0; 150];
    rare[70] = 1e15;
    rare[120] = -2.0;
    vec![vec![2.5; 9], slow, rough, pages, doubles, parabola, rare]
}
