use super::super::cells::cut;
use super::*;

fn ends(timestamps: &[i64], window: Window) -> Vec<usize> {
    let mut ends = Vec::new();
    cut(timestamps, window, &mut ends);
    assert_eq!(ends.last(), Some(&timestamps.len()));
    let starts = [0].iter().chain(&ends);
    assert!(
        starts
            .zip(&ends)
            .all(|(from, to)| from < to && to - from <= PAGE_SAMPLES_MAX)
    );
    ends
}

fn every(step: i64, window: Window) -> Vec<i64> {
    let count = (window.last - window.start) / step + 1;
    (0..count).map(|at| window.start + at * step).collect()
}

#[test]
fn rows_scraped_together_are_cut_alike() {
    let month = Window::of(START, 512 * HOUR_MS);
    let times = every(15_000, month);
    let whole = ends(&times, month);
    assert_eq!(whole.len(), 256);
    let mut lacking = times.clone();
    lacking.remove(5_000);
    let one_less: Vec<usize> = whole
        .iter()
        .map(|&end| end - usize::from(end > 5_000))
        .collect();
    assert_eq!(ends(&lacking, month), one_less);
}

#[test]
fn heaps_and_extremes_are_cut() {
    let all = Window {
        start: i64::MIN,
        last: i64::MAX,
    };
    ends(&[i64::MIN, -1, 0, i64::MAX], all);
    ends(&(0..5_000).collect::<Vec<_>>(), all);
    let heap: Vec<i64> = (0..4_000)
        .map(|at| window().start + at)
        .chain([window().last])
        .collect();
    ends(&heap, window());
    ends(&[window().last], window());
}
