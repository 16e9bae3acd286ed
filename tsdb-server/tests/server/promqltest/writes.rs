//! Loads as remote write 2.0, made by prost and not by the code under test.

use bytes::Bytes;
use prost::Message;
use tsdb_promql::testkit::{Load, LoadedPoint, LoadedSeries};
use tsdb_promql::{FloatHistogram, PointValue};
use tsdb_proto::write_v2::histogram::{Count, ZeroCount};
use tsdb_proto::write_v2::{BucketSpan, Histogram, Request, Sample, TimeSeries};

use crate::support::snappy;

/// The body of a write of a load.
pub(super) fn body(load: &Load) -> Bytes {
    let mut symbols = vec![String::new()];
    // A line of a script takes the place of one before with the same labels.
    let is_last = |place: usize, series: &LoadedSeries| {
        let mut behind = load.series.iter().skip(place + 1);
        behind.all(|other| other.labels != series.labels)
    };
    let series = load.series.iter().enumerate();
    let filled = series.filter(|(place, one)| !one.points.is_empty() && is_last(*place, one));
    let timeseries = filled.map(|(_, series)| time_series(series, &mut symbols));
    let timeseries = timeseries.collect();
    let request = Request {
        symbols,
        timeseries,
    };
    snappy(&request.encode_to_vec())
}

fn time_series(series: &LoadedSeries, symbols: &mut Vec<String>) -> TimeSeries {
    let mut one = TimeSeries::default();
    for label in &series.labels {
        for text in [label.name, label.value] {
            let known = symbols.iter().position(|symbol| symbol == text);
            let place = known.unwrap_or_else(|| {
                symbols.push(text.to_owned());
                symbols.len() - 1
            });
            one.labels_refs
                .push(u32::try_from(place).expect("few symbols"));
        }
    }
    for point in &series.points {
        match &point.value {
            PointValue::Float(value) => one.samples.push(Sample {
                value: *value,
                timestamp: point.timestamp,
                start_timestamp: point.start_timestamp,
            }),
            PointValue::Histogram(histogram) => one.histograms.push(of(histogram, point)),
        }
    }
    one
}

fn of(histogram: &FloatHistogram, point: &LoadedPoint) -> Histogram {
    let spans = |spans: &[tsdb_core::BucketSpan]| {
        let span = |span: &tsdb_core::BucketSpan| BucketSpan {
            offset: span.offset,
            length: span.length,
        };
        spans.iter().map(span).collect()
    };
    Histogram {
        count: Some(Count::CountFloat(histogram.count)),
        sum: histogram.sum,
        schema: histogram.schema,
        zero_threshold: histogram.zero_threshold,
        zero_count: Some(ZeroCount::ZeroCountFloat(histogram.zero_count)),
        negative_spans: spans(&histogram.negative_spans),
        negative_counts: histogram.negative_buckets.clone(),
        positive_spans: spans(&histogram.positive_spans),
        positive_counts: histogram.positive_buckets.clone(),
        reset_hint: i32::from(histogram.reset_hint.number()),
        timestamp: point.timestamp,
        custom_values: histogram.custom_values.clone(),
        start_timestamp: point.start_timestamp,
        ..Histogram::default()
    }
}
