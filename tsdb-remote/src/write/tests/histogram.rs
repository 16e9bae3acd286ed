//! Histograms on the wire against what generated code makes of them.

use tsdb_core::model::{BucketSpan, Histogram, HistogramCounts, ResetHint};
use tsdb_proto::write_v2::{self, histogram as parts};

use super::*;
use crate::wire::Wire;
use crate::write::histogram::{put_histogram, take};

fn spans(spans: &[write_v2::BucketSpan]) -> Vec<BucketSpan> {
    let spans = spans.iter();
    let span = |span: &write_v2::BucketSpan| BucketSpan {
        offset: span.offset,
        length: span.length,
    };
    spans.map(span).collect()
}

/// What the generated message means.
fn meant(message: &write_v2::Histogram) -> (i64, Histogram) {
    let counts = match message.count {
        Some(parts::Count::CountFloat(count)) => HistogramCounts::Float {
            count,
            zero_count: match message.zero_count {
                Some(parts::ZeroCount::ZeroCountFloat(zeros)) => zeros,
                _ => 0.0,
            },
            positive: message.positive_counts.clone(),
            negative: message.negative_counts.clone(),
        },
        count => HistogramCounts::Integer {
            count: match count {
                Some(parts::Count::CountInt(count)) => count,
                _ => 0,
            },
            zero_count: match message.zero_count {
                Some(parts::ZeroCount::ZeroCountInt(zeros)) => zeros,
                _ => 0,
            },
            positive: message.positive_deltas.clone(),
            negative: message.negative_deltas.clone(),
        },
    };
    let hint = u64::from(message.reset_hint.cast_unsigned());
    let histogram = Histogram {
        schema: message.schema,
        zero_threshold: message.zero_threshold,
        sum: message.sum,
        reset_hint: ResetHint::from_number(hint).unwrap_or_default(),
        start_timestamp: message.start_timestamp,
        positive_spans: spans(&message.positive_spans),
        negative_spans: spans(&message.negative_spans),
        custom_values: message.custom_values.clone(),
        counts,
    };
    (message.timestamp, histogram)
}

/// Its time and canonical bytes.
pub(super) fn meant_bytes(message: &write_v2::Histogram) -> (i64, Vec<u8>) {
    let (timestamp, histogram) = meant(message);
    (timestamp, canonical(&histogram))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn histograms_are_read_as_prost_reads_them(field in histogram()) {
        let Field::Message(_, fields) = field else {
            unreachable!("a histogram is a message")
        };
        let mut body = Vec::new();
        put_fields(&mut body, &fields);
        let theirs = write_v2::Histogram::decode(&body[..]).map(|message| meant(&message));
        let ours = take(Wire::new(&body), true);
        prop_assert_eq!(ours.is_ok(), theirs.is_ok());
        if let (Ok(ours), Ok(theirs)) = (ours, theirs) {
            prop_assert_eq!(&ours, &theirs);
            // What we write means the same, to us and to prost.
            let mut written = Vec::new();
            put_histogram(&mut written, ours.0, &ours.1);
            prop_assert_eq!(&take(Wire::new(&written), true).unwrap(), &ours);
            let read = write_v2::Histogram::decode(&written[..]).unwrap();
            prop_assert_eq!(meant(&read), ours);
        }
    }
}
