//! Buffers decoded where they lie, as a whole and from states noted on the way.

use super::*;
use crate::model::Sample;

/// What reading and merging gives of a range.
fn merged(view: BufferView<'_>, range: TimeRange) -> MergedSamples {
    let mut parts = Vec::new();
    view.read(range, &mut parts);
    merge_parts(&mut parts, range).unwrap()
}

fn bits(samples: &MergedSamples) -> Vec<(i64, u64)> {
    let values = samples.values.iter().map(|value| value.to_bits());
    samples.timestamps.iter().copied().zip(values).collect()
}

proptest! {
    /// Steady and jumping times, repeated and random values; ranges that begin anywhere.
    #[test]
    fn a_range_of_a_buffer_is_that_of_its_merged_parts(
        steps in prop::collection::vec((0u8..8, 0u8..4, any::<u64>()), 1..900),
        ranges in prop::collection::vec((-50i64..12_000, 0i64..9_000), 1..20),
        window_ms in 500i64..20_000,
    ) {
        let (mut buffer, mut arena) = (Buffer::default(), BufferArena::new(window_ms));
        let (mut time, mut value) = (0, 0.0f64);
        for (step, kind, random) in steps {
            time += if step == 0 { (random % 29) as i64 + 1 } else { 15 };
            value = match kind {
                0 | 1 => value,
                2 => value + (random % 100) as f64,
                _ => f64::from_bits(random),
            };
            buffer.append(&mut arena, time, value.to_bits(), true);
        }
        let view = BufferView::new(Some(&buffer), &arena, None).unwrap();
        let newest = NewestSample::Float(Sample::new(time, value));
        let same = match (view.newest(), newest) {
            (NewestSample::Float(a), NewestSample::Float(b)) => {
                (a.timestamp, a.value.to_bits()) == (b.timestamp, b.value.to_bits())
            }
            _ => false,
        };
        prop_assert!(same, "{:?} is not {:?}", view.newest(), newest);
        let mut space = DecodeSpace::default();
        let whole = (i64::MIN, i64::MAX);
        let ranges = ranges.iter().map(|&(from, len)| (from, from + len));
        for (from, to) in ranges.chain([whole, (time, time), (time + 1, time + 9)]) {
            let range = TimeRange::inclusive(from, to).unwrap();
            let mut walks: Vec<_> = view.walk(range).into_iter().collect();
            view.prefetch(range, &mut walks);
            prop_assert!(walks.is_empty());
            let mut columns = MergedSamples::default();
            prop_assert!(view.append_to(range, &mut space, &mut columns).unwrap());
            prop_assert_eq!(bits(&columns), bits(&merged(view, range)), "{:?}", range);
        }
    }
}

/// What is not in order is not decoded in place.
#[test]
fn late_samples_are_left_to_merging() {
    let (mut buffer, mut arena) = (Buffer::default(), BufferArena::new(1000));
    for time in [10, 30, 20] {
        buffer.append(&mut arena, time, 0, true);
    }
    let view = BufferView::new(Some(&buffer), &arena, None).unwrap();
    let append = |from, to| {
        let range = TimeRange::inclusive(from, to).unwrap();
        let mut columns = MergedSamples::default();
        let mut space = DecodeSpace::default();
        let in_order = view.append_to(range, &mut space, &mut columns).unwrap();
        in_order.then_some(columns.timestamps)
    };
    assert_eq!(append(0, 100), None);
    assert_eq!(append(21, 100), Some(vec![30]));
    assert_eq!(append(0, 19), Some(vec![10]));
    assert_eq!(view.newest(), NewestSample::Float(Sample::new(30, 0.0)));
    buffer.append(&mut arena, 30, 1.0f64.to_bits(), true);
    let view = BufferView::new(Some(&buffer), &arena, None).unwrap();
    assert_eq!(view.newest(), NewestSample::Unknown);
}
