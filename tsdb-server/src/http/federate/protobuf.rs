//! A page in protobuf, which has native histograms as well.

use prost::Message as _;
use tsdb_core::Labels;
use tsdb_core::model::BucketSpan;
use tsdb_promql::FloatHistogram;
use tsdb_proto::client;

use super::latest::{INSTANCE, Kind, Latest, NAME, Value, classic_buckets};

/// The families, each with its length before it. Where a name has series of several kinds it has
/// several families, as in Prometheus.
pub(super) fn page(latest: &Latest) -> Vec<u8> {
    let mut page = Vec::new();
    let mut family: Option<(Kind, client::MetricFamily)> = None;
    for (name, labels, time, value) in latest.iter() {
        let kind = value.kind();
        let goes_on = family
            .as_ref()
            .is_some_and(|(of, family)| *of == kind && family.name() == name);
        if !goes_on && let Some((_, whole)) = family.take() {
            page.extend_from_slice(&whole.encode_length_delimited_to_vec());
        }
        let (_, family) = family.get_or_insert_with(|| (kind, begun(name, kind)));
        family.metric.push(metric(labels, time, value));
    }
    if let Some((_, whole)) = family {
        page.extend_from_slice(&whole.encode_length_delimited_to_vec());
    }
    page
}

fn begun(name: &str, kind: Kind) -> client::MetricFamily {
    let kind = match kind {
        Kind::Untyped => client::MetricType::Untyped,
        Kind::Histogram => client::MetricType::Histogram,
        Kind::GaugeHistogram => client::MetricType::GaugeHistogram,
    };
    client::MetricFamily {
        name: Some(name.to_owned()),
        r#type: Some(kind.into()),
        metric: Vec::new(),
    }
}

fn metric(labels: &Labels, time: i64, value: &Value) -> client::Metric {
    let pair = |name: &str, value: &str| client::LabelPair {
        name: Some(name.to_owned()),
        value: Some(value.to_owned()),
    };
    let own = labels.iter().filter(|label| label.name != NAME);
    let mut pairs: Vec<_> = own.map(|label| pair(label.name, label.value)).collect();
    if labels.get(INSTANCE).is_none() {
        pairs.push(pair(INSTANCE, ""));
    }
    let (untyped, histogram) = match value {
        Value::Float(value) => (
            Some(client::Untyped {
                value: Some(*value),
            }),
            None,
        ),
        Value::Histogram(one) if one.is_custom() => (None, Some(classic(one))),
        Value::Histogram(one) => (None, Some(native(one))),
    };
    client::Metric {
        label: pairs,
        untyped,
        timestamp_ms: Some(time),
        histogram,
    }
}

fn classic(histogram: &FloatHistogram) -> client::Histogram {
    let buckets = classic_buckets(histogram).into_iter();
    let buckets = buckets.map(|(bound, count)| client::Bucket {
        upper_bound: Some(bound),
        cumulative_count_float: Some(count),
    });
    client::Histogram {
        sample_sum: Some(histogram.sum),
        sample_count_float: Some(histogram.count),
        bucket: buckets.collect(),
        ..client::Histogram::default()
    }
}

fn native(histogram: &FloatHistogram) -> client::Histogram {
    client::Histogram {
        sample_sum: Some(histogram.sum),
        sample_count_float: Some(histogram.count),
        schema: Some(histogram.schema),
        zero_threshold: Some(histogram.zero_threshold),
        zero_count_float: Some(histogram.zero_count),
        negative_span: spans(&histogram.negative_spans),
        negative_count: histogram.negative_buckets.clone(),
        positive_span: spans(&histogram.positive_spans),
        positive_count: histogram.positive_buckets.clone(),
        bucket: Vec::new(),
    }
}

fn spans(spans: &[BucketSpan]) -> Vec<client::BucketSpan> {
    let spans = spans.iter().map(|span| client::BucketSpan {
        offset: Some(span.offset),
        length: Some(span.length),
    });
    spans.collect()
}

#[cfg(test)]
mod tests {
    use tsdb_core::model::{Histogram, ResetHint};

    use super::super::latest::tests::{custom, of};
    use super::*;

    fn exponential(reset_hint: ResetHint) -> Value {
        let span = BucketSpan {
            offset: -2,
            length: 1,
        };
        Value::Histogram(Box::new(FloatHistogram {
            reset_hint,
            schema: 3,
            count: 4.0,
            sum: -1.5,
            zero_count: 1.0,
            zero_threshold: 0.125,
            negative_spans: vec![span],
            negative_buckets: vec![3.0],
            ..FloatHistogram::from_core(&Histogram::default())
        }))
    }

    #[test]
    fn families_have_one_kind_and_their_lengths_before_them() {
        let latest = of(&[
            (&[(NAME, "a"), ("job", "x")], 1, Value::Float(2.5)),
            (
                &[(NAME, "a"), ("instance", "i"), ("job", "y")],
                2,
                exponential(ResetHint::Unknown),
            ),
            (
                &[(NAME, "a"), ("job", "z")],
                3,
                exponential(ResetHint::Gauge),
            ),
            (&[(NAME, "b")], 4, Value::Histogram(Box::new(custom()))),
        ]);
        let page = page(&latest);
        let mut rest = page.as_slice();
        let mut families = Vec::new();
        while !rest.is_empty() {
            let family = client::MetricFamily::decode_length_delimited(&mut rest);
            families.push(family.expect("a family"));
        }
        let kinds: Vec<_> = families
            .iter()
            .map(|one| (one.name(), one.r#type()))
            .collect();
        let expected = [
            ("a", client::MetricType::Histogram),
            ("a", client::MetricType::Untyped),
            ("a", client::MetricType::GaugeHistogram),
            ("b", client::MetricType::Histogram),
        ];
        assert_eq!(kinds, expected, "by labels: instance comes before job");
        let [native, float, _, classic] = families.as_slice() else {
            panic!("{families:?}");
        };
        let labels = |family: &client::MetricFamily| -> Vec<(String, String)> {
            let labels = family.metric[0].label.iter();
            labels
                .map(|one| (one.name().to_owned(), one.value().to_owned()))
                .collect()
        };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(labels(native), [pair("instance", "i"), pair("job", "y")]);
        assert_eq!(labels(float), [pair("job", "x"), pair("instance", "")]);
        let untyped = float.metric[0].untyped.as_ref().expect("a number");
        assert_eq!((untyped.value(), float.metric[0].timestamp_ms()), (2.5, 1));
        let histogram = native.metric[0].histogram.as_ref().expect("a histogram");
        assert_eq!(
            (histogram.schema, histogram.zero_threshold()),
            (Some(3), 0.125)
        );
        assert_eq!(
            (histogram.sample_count_float(), histogram.sample_sum()),
            (4.0, -1.5)
        );
        assert_eq!(histogram.negative_count, [3.0]);
        assert_eq!(histogram.negative_span[0].offset(), -2);
        let histogram = classic.metric[0].histogram.as_ref().expect("a histogram");
        assert_eq!((histogram.schema, histogram.bucket.len()), (None, 3));
        assert_eq!(histogram.bucket[2].cumulative_count_float(), 5.0);
    }
}
