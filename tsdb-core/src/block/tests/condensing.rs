use super::*;
use crate::model::{Pushdown, is_stale};

const PUSHDOWNS: [Pushdown; 5] = [
    Pushdown::None,
    Pushdown::Ends,
    Pushdown::Falls,
    Pushdown::Least,
    Pushdown::Greatest,
];

/// What is asked of samples, of which so many are left out.
fn facts(samples: &[(i64, u64)], left_out: u64, pushdown: Pushdown) -> Vec<u64> {
    let value = |sample: &(i64, u64)| f64::from_bits(sample.1);
    let seen: Vec<(i64, u64)> = samples
        .iter()
        .filter(|one| !is_stale(value(one)))
        .copied()
        .collect();
    let mut facts = vec![seen.len() as u64 + left_out];
    let ends = [seen.first(), seen.last()].into_iter().flatten();
    let ends = ends.flat_map(|(time, bits)| [time.cast_unsigned(), *bits]);
    let best = |is_better: fn(f64, f64) -> bool| {
        let best = seen.iter().map(value).reduce(|best, next| {
            match is_better(next, best) || best.is_nan() {
                true => next,
                false => best,
            }
        });
        // Of NaN any.
        best.map(|best| if best.is_nan() { f64::NAN } else { best }.to_bits())
    };
    match pushdown {
        Pushdown::None => facts.extend(
            seen.iter()
                .flat_map(|(time, bits)| [time.cast_unsigned(), *bits]),
        ),
        Pushdown::Ends => facts.extend(ends),
        Pushdown::Falls => {
            facts.extend(ends);
            let falls = seen
                .windows(2)
                .filter(|pair| value(&pair[1]) < value(&pair[0]));
            facts.extend(falls.flat_map(|pair| [pair[0].1, pair[1].1]));
        }
        Pushdown::Least => facts.extend(best(|next, best| next < best)),
        Pushdown::Greatest => facts.extend(best(|next, best| next > best)),
    }
    facts
}

/// Whatever is asked of some rows, what is left of their samples says as much; how many were left out.
pub(super) fn check(
    reader: &BlockReader,
    rows: &[u32],
    range: TimeRange,
    all: &BTreeMap<u32, Vec<(i64, u64)>>,
) -> Result<u64, BlockError> {
    let mut space = RowSpace::default();
    let mut left_out = 0;
    for pushdown in PUSHDOWNS {
        let mut missing: Vec<u32> = all.keys().copied().collect();
        reader.read_condensed(&mut space, rows, (range, pushdown), |row| {
            missing.retain(|other| *other != row.row);
            let mut kept = samples(row.timestamps, row.values);
            assert!(
                kept.is_sorted_by(|a, b| a.0 < b.0),
                "{pushdown:?}: {kept:?}"
            );
            kept.retain(|sample| range.contains(sample.0));
            let all = all.get(&row.row).map(Vec::as_slice).unwrap_or_default();
            assert_eq!(kept.len() as u64 + row.left_out, all.len() as u64);
            let (found, expected) = (
                facts(&kept, row.left_out, pushdown),
                facts(all, 0, pushdown),
            );
            assert_eq!(found, expected, "{pushdown:?} of row {}", row.row);
            left_out += row.left_out;
        })?;
        assert_eq!(missing, Vec::<u32>::new());
    }
    Ok(left_out)
}

/// A block of one row, and how many samples statistics stand for, in `PUSHDOWNS`' order.
fn left_out(values: &[f64]) -> u64 {
    let vfs = MemVfs::new();
    let times = (0i64..).map(|at| START + at * 1000);
    let row: Vec<(i64, u64)> = times
        .zip(values)
        .map(|(time, value)| (time, value.to_bits()))
        .collect();
    let rows = Rows::from([(key(0), (labels(0), row.clone()))]);
    write(&vfs, &rows, window(), Sealing::Fresh);
    let all = BTreeMap::from([(0, row)]);
    check(&open(&vfs).unwrap(), &[0], TimeRange::ALL, &all).unwrap()
}

#[test]
fn statistics_stand_for_whole_pages() {
    let rising: Vec<f64> = (0..100).map(f64::from).collect();
    // Two samples for each of the ends, and one for each of the extremes.
    assert_eq!(left_out(&rising), 98 + 98 + 99 + 99);
    assert_eq!(left_out(&[7.0; 100]), 98 + 98 + 99 + 99);
    assert_eq!(left_out(&[7.0]), 0);
    let falling: Vec<f64> = rising.iter().map(|value| value % 60.0).collect();
    assert_eq!(left_out(&falling), 98 + 99 + 99);
    // It ends below where it began, and nothing fell: it went by NaN.
    assert_eq!(left_out(&[5.0, f64::NAN, 3.0, 4.0]), 2 + 3 + 3);
    assert_eq!(left_out(&[f64::NAN; 5]), 3 + 3 + 4 + 4);
    let stale = f64::from_bits(STALE_NAN_BITS);
    assert_eq!(left_out(&[1.0, stale, 3.0]), 0);
    assert_eq!(left_out(&[stale; 5]), 0);
}

#[test]
fn pages_at_the_ends_of_the_range_are_decoded() {
    let month = Window::of(START, 512 * HOUR_MS);
    let rows = some_rows(5, 12, month, 40_000);
    let vfs = MemVfs::new();
    write(&vfs, &rows, month, dense(&rows));
    let reader = open(&vfs).unwrap();
    let all: Vec<u32> = (0..reader.meta().rows).collect();
    let third = (month.last - month.start) / 3;
    let range = TimeRange::inclusive(month.start + third, month.last - third).unwrap();
    let mut inside = BTreeMap::new();
    for (row, (_, samples)) in (0..).zip(rows.values()) {
        let mut samples = samples.clone();
        samples.retain(|sample| range.contains(sample.0));
        inside.insert(row, samples);
    }
    inside.retain(|_, samples| !samples.is_empty());
    let asked = inside
        .values()
        .map(|samples| samples.len() as u64)
        .sum::<u64>()
        * 4;
    let left_out = check(&reader, &all, range, &inside).unwrap();
    assert!(
        left_out * 2 > asked && left_out < asked,
        "{left_out} of {asked}"
    );
}
