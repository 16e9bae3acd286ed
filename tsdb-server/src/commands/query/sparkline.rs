//! A series in one line of characters.

/// From the lowest to the highest.
const LEVELS: [char; 8] = [
    '\u{2581}', '\u{2582}', '\u{2583}', '\u{2584}', '\u{2585}', '\u{2586}', '\u{2587}', '\u{2588}',
];

/// The moments that a line is about, in seconds: first, last, and how many.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) first: f64,
    pub(super) last: f64,
    pub(super) moments: usize,
}

/// Points (seconds, value) as at most `width` characters; a blank where there is none. Where a character
/// stands for many points it shows their mean.
pub(super) fn sparkline(points: &[(f64, f64)], span: Span, width: usize) -> String {
    let cells = span.moments.min(width).max(1);
    let mut sums = vec![(0.0, 0.0); cells];
    for (time, value) in points {
        let Some((mean, count)) = sums.get_mut(cell(*time, span, cells)) else {
            continue;
        };
        if value.is_nan() {
            continue;
        }
        *count += 1.0;
        // So that large numbers have a mean, too.
        *mean = match value.is_finite() && f64::is_finite(*mean) {
            true => *mean + (value / *count - *mean / *count),
            false => *mean + value,
        };
    }
    let means = sums.iter().filter(|(_, count)| *count > 0.0);
    let finite = means.map(|(mean, _)| *mean).filter(|mean| mean.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), mean| {
        (mean.min(low), mean.max(high))
    });
    let shown = sums.iter().map(|(mean, count)| match *count > 0.0 {
        true => level(*mean, low, high),
        false => ' ',
    });
    shown.collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast saturates, and the cell is looked up"
)]
fn cell(time: f64, span: Span, cells: usize) -> usize {
    let long = span.last - span.first;
    if long <= 0.0 || cells < 2 {
        return 0;
    }
    let moment = ((time - span.first) / long * (span.moments - 1) as f64).round() as usize;
    moment * cells / span.moments
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the level is looked up"
)]
fn level(mean: f64, low: f64, high: f64) -> char {
    let half = high / 2.0 - low / 2.0;
    let part = match (mean.is_finite(), half > 0.0) {
        (true, true) => (mean / 2.0 - low / 2.0) / half,
        (true, false) => 0.4,
        (false, _) if mean > 0.0 => 1.0,
        (false, _) => 0.0,
    };
    let found = LEVELS.get((part * (LEVELS.len() - 1) as f64).round() as usize);
    found.copied().unwrap_or(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(values: &[f64], width: usize) -> String {
        let points: Vec<_> = (0..).map(f64::from).zip(values.iter().copied()).collect();
        let span = Span {
            first: 0.0,
            last: (values.len() - 1) as f64,
            moments: values.len(),
        };
        sparkline(&points, span, width)
    }

    #[test]
    fn it_rises_as_the_points_do() {
        let rising: Vec<f64> = (0..8).map(f64::from).collect();
        assert_eq!(line(&rising, 80), LEVELS.iter().collect::<String>());
        assert_eq!(line(&rising, 4), "\u{2581}\u{2583}\u{2586}\u{2588}");
        assert_eq!(line(&[7.0], 80), "\u{2584}");
        assert_eq!(line(&[7.0, 7.0], 80), "\u{2584}\u{2584}");
    }

    #[test]
    fn nothing_is_a_blank_and_the_largest_numbers_have_a_place() {
        let odd = [
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MAX,
            f64::MIN,
        ];
        assert_eq!(line(&odd, 80), " \u{2588}\u{2581}\u{2588}\u{2581}");
        let span = Span {
            first: 0.0,
            last: 10.0,
            moments: 11,
        };
        let shown = sparkline(&[(0.0, 1.0), (10.0, 2.0), (99.0, 3.0)], span, 80);
        assert_eq!(shown, format!("\u{2581}{}\u{2588}", " ".repeat(9)));
    }
}
