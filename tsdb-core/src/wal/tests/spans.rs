//! Spans say what the rows say that they stand for.

use super::*;
use crate::bits::DecodeError;

fn payload_of(rows: &[Row]) -> Vec<u8> {
    let mut encoder = SampleFrameEncoder::new();
    encoder.start(1_000);
    rows.iter().for_each(|row| encoder.push(*row));
    let mut frame = vec![0; FRAME_STAMP_BYTES];
    encoder.finish(NamespaceId(3), ShardId(0), &mut frame);
    frame.split_off(FRAME_STAMP_BYTES)
}

/// Rows one by one; none if they are malformed.
fn by_rows(payload: &[u8]) -> Option<Vec<Row>> {
    let mut found = Vec::new();
    let frame = SampleFrame::decode(payload).ok()?;
    let read = frame.rows().for_each(|row| {
        found.push(row);
        Ok::<_, DecodeError>(())
    });
    read.is_ok().then_some(found)
}

/// The same by spans of at most so many rows, which differs from series to series; and how many
/// spans there are.
fn by_spans(payload: &[u8], most: u64) -> Option<(Vec<Row>, usize)> {
    let frame = SampleFrame::decode(payload).ok()?;
    let mut spans = Vec::new();
    let begin = |series: SeriesId| Ok::<_, DecodeError>((series, 1 + series.0 % most));
    frame
        .spans(begin, |series, span| spans.push((series, span)))
        .ok()?;
    let mut found = Vec::new();
    for (SeriesId(first), span) in &spans {
        let from = found.len();
        assert!(u64::from(span.rows) <= 1 + first % most);
        let read = frame.for_each_of(span, |timestamp, value| {
            let series = SeriesId(first.wrapping_add((found.len() - from) as u64));
            found.push(Row {
                series,
                timestamp,
                value,
            });
            Ok::<_, DecodeError>(())
        });
        assert_eq!(read, Ok(()));
        assert_eq!(found.len() - from, span.rows as usize);
    }
    Some((found, spans.len()))
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let step = prop_oneof![8 => Just(1u64), 1 => 0u64..4, 1 => any::<u64>()];
    let time = prop_oneof![6 => Just(0i64), 2 => 0i64..3, 1 => any::<i64>()];
    let row = (step, time, proptest::option::of(0u64..9));
    proptest::collection::vec(row, 0..300).prop_map(|rows| {
        let (mut series, mut timestamp) = (0u64, 1_000i64);
        let rows = rows.into_iter().map(|(step, time, value)| {
            series = series.wrapping_add(step);
            timestamp = timestamp.wrapping_add(time);
            Row {
                series: SeriesId(series),
                timestamp,
                value,
            }
        });
        rows.collect()
    })
}

proptest! {
    #[test]
    fn spans_hold_all_rows(rows in rows(), most in 1u64..400) {
        let payload = payload_of(&rows);
        prop_assert_eq!(by_rows(&payload), Some(rows.clone()));
        let (found, spans) = by_spans(&payload, 1).unwrap();
        prop_assert_eq!((&found, spans), (&rows, rows.len()));
        let (found, _) = by_spans(&payload, most).unwrap();
        prop_assert_eq!(found, rows);
        let frame = SampleFrame::decode(&payload).unwrap();
        let (mut spans, begin) = (0, |_| Ok::<_, DecodeError>(((), most)));
        frame.spans(begin, |(), _| spans += 1).unwrap();
        prop_assert!(spans <= frame.spans_at_most(most));
    }

    #[test]
    fn a_damaged_frame_has_the_same_spans_as_rows(
        rows in rows(),
        damage in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..4),
        most in 1u64..400,
    ) {
        let mut payload = payload_of(&rows);
        for (at, byte) in damage {
            let at = at % payload.len();
            payload[at] ^= byte;
        }
        let found = by_spans(&payload, most).map(|(found, _)| found);
        prop_assert_eq!(found, by_rows(&payload));
    }
}

#[test]
fn every_flipped_bit_is_seen_by_spans_and_rows_alike() {
    let row = |at: u64| Row {
        series: SeriesId(if at < 20 { at } else { 2 * at }),
        timestamp: 1_000 + i64::from(at > 30),
        value: (!at.is_multiple_of(3)).then_some(at),
    };
    let rows: Vec<Row> = (0..40).map(row).collect();
    let payload = payload_of(&rows);
    assert_eq!(by_spans(&payload, 1 << 40), Some((rows, 25)));
    for bit in 0..payload.len() * 8 {
        let mut damaged = payload.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let found = by_spans(&damaged, 1 << 40).map(|(found, _)| found);
        assert_eq!(found, by_rows(&damaged), "bit {bit}");
    }
    (0..payload.len()).for_each(|len| assert_eq!(by_spans(&payload[..len], 9), None));
}
