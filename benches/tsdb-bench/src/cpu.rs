//! CPU time of the thread, for measurements that another load on the machine would spoil. Linux only.

use std::hint::black_box;

use crate::is_tiny;

/// Nanoseconds this thread was on a processor.
#[expect(clippy::expect_used, reason = "a benchmark may panic, and reads /proc")]
fn cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux counts it");
    let first = text.split_whitespace().next();
    first.and_then(|ns| ns.parse().ok()).expect("a number")
}

/// Whether the arguments ask for this measurement: each that is no option has to be in its name.
fn is_asked(what: &str) -> bool {
    let mut words = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'));
    words.all(|word| what.contains(&word))
}

/// Prints the least CPU time of some runs a unit, where a run tells how many units it was.
///
/// # Panics
/// When a run was none.
#[expect(clippy::print_stdout, reason = "a benchmark says what it measured")]
pub fn say(what: &str, unit: &str, mut run: impl FnMut() -> u64) {
    if !is_asked(what) {
        return;
    }
    let mut least = f64::INFINITY;
    for _ in 0..runs() {
        let start = cpu_ns();
        let units = black_box(run());
        assert!(units > 0, "{what} reads nothing");
        least = least.min((cpu_ns() - start) as f64 / units as f64);
    }
    println!("{what:<64} {least:>10.2} ns {unit}");
}

/// How often a measurement is repeated: `RUNS`, or 5 times.
fn runs() -> u32 {
    let asked = std::env::var("RUNS")
        .ok()
        .and_then(|runs| runs.parse().ok());
    if is_tiny() { 1 } else { asked.unwrap_or(5) }
}
