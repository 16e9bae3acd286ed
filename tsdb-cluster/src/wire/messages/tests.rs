//! Messages come as they went, and damaged ones do no harm.

use std::fmt::Debug;
use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use tsdb_core::{
    AppendReport, Exemplar, Labels, Matcher, MetricKind, MetricMetadata, RejectReason, Rejected,
    SeriesExemplars, TimeRange,
};
use tsdb_proto::node_v1 as proto;

use super::*;
use crate::Incarnation;
use crate::wire::{OLDEST_PROTOCOL_VERSION, PROTOCOL_VERSION, SampleLimits, WireError};

const NODE: Incarnation = Incarnation(0x0123_4567_89ab_cdef_0011_2233_4455_6677);
const SHARD: ShardEpoch = ShardEpoch {
    shard: 63,
    epoch: u64::MAX,
};
const RANGE: TimeRange = TimeRange::ALL;

/// Sends one message, looks at every damaged form of it, and gives what came.
fn sent<M: NodeMessage + Clone + Debug>(message: M) -> M {
    let bytes = message.clone().encode();
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        // Whatever it is, what was read of it can be written again.
        if let Ok(other) = M::decode(damaged.into()) {
            let again = M::decode(other.clone().encode().into()).expect("what was read");
            assert_eq!(format!("{again:?}"), format!("{other:?}"));
        }
    }
    for len in 0..bytes.len() {
        if let Ok(other) = M::decode(bytes[..len].to_vec().into()) {
            drop(other.encode());
        }
    }
    let came = M::decode(bytes.into()).expect("our own message");
    assert_eq!(format!("{came:?}"), format!("{message:?}"), "{}", M::NAME);
    came
}

fn matchers() -> Vec<Matcher> {
    vec![
        Matcher::equal("__name__", "up"),
        Matcher::not_equal("zone", ""),
        Matcher::regex("instance", "host-[0-9]+").expect("a pattern"),
        Matcher::not_regex("job", "a|b").expect("a pattern"),
    ]
}

fn verdicts() -> Vec<Verdict> {
    vec![
        Verdict::Stored,
        Verdict::StaleEpoch { epoch: 7 },
        Verdict::Sealed { epoch: 8 },
        Verdict::NotMember,
        Verdict::OtherIncarnation { incarnation: NODE },
        Verdict::DeletesBehind { deletes_seen: 9 },
        Verdict::Overloaded {
            retry_after: Duration::from_millis(1_500),
        },
        Verdict::Failed {
            message: "the disk is full".into(),
        },
        Verdict::UnsupportedVersion {
            theirs: 4,
            oldest: 1,
            newest: 2,
        },
    ]
}

fn shard_verdicts() -> Vec<ShardVerdict> {
    let one = |(shard, verdict)| ShardVerdict { shard, verdict };
    (0..).zip(verdicts()).map(one).collect()
}

fn write_request() -> WriteRequest {
    WriteRequest {
        version: PROTOCOL_VERSION,
        request_id: 3,
        namespace: "metrics_30d".into(),
        deletes_seen: 5,
        deadline: Duration::from_secs(10),
        shards: vec![SHARD],
        incarnation: NODE,
        payload: Bytes::from_static(b"payload"),
    }
}

fn select_request(what: SelectWhat) -> SelectRequest {
    SelectRequest {
        version: PROTOCOL_VERSION,
        incarnation: NODE,
        namespace: "default".into(),
        matchers: matchers(),
        range: RANGE,
        shards: vec![SHARD, ShardEpoch { shard: 0, epoch: 0 }],
        deletes_seen: 2,
        what,
        bounds: SelectBounds {
            series: 10,
            samples: 20,
            bytes: 30,
        },
        deadline: Duration::from_millis(1),
    }
}

#[test]
fn writes_come_as_they_went() {
    sent(WriteOpening {
        version: PROTOCOL_VERSION,
        incarnation: NODE,
    });
    for verdict in verdicts() {
        sent(WriteOpened {
            version: PROTOCOL_VERSION,
            verdict: verdict.clone(),
            limits: SampleLimits::default(),
        });
        sent(Refusal { verdict });
    }
    sent(write_request());
    let mut reply = WriteReply {
        request_id: 1,
        shards: shard_verdicts(),
        reset_dictionary: true,
        ..WriteReply::default()
    };
    let mut report = AppendReport {
        appended: 4,
        appended_histograms: 5,
        appended_exemplars: 6,
        dropped_exemplars: 7,
        ..AppendReport::default()
    };
    for timestamp in [None, Some(i64::MIN)] {
        report.reject(2, timestamp.is_none(), || Rejected {
            series: "up".into(),
            timestamp,
            samples: 2,
            reason: RejectReason::SeriesLimit { limit: 5 },
        });
    }
    reply.add(&report);
    reply.add(&report);
    let came = sent(reply.clone());
    assert_eq!(came, reply);
    assert_eq!((came.stored_samples, came.rejected_samples), (8, 8));
    assert_eq!(came.rejected.len(), 4);
    assert_eq!(came.rejected[0].reason, RejectedReason::SeriesLimit);
    assert!(came.rejected[0].message.contains("max_series of 5"));
}

#[test]
fn reads_come_as_they_went() {
    for what in [
        SelectWhat::Samples,
        SelectWhat::Labels,
        SelectWhat::LabelNames,
        SelectWhat::LabelValues("zone".into()),
    ] {
        assert_eq!(sent(select_request(what.clone())).what, what);
    }
    for reply in replies() {
        assert_eq!(sent(reply.clone()), reply);
    }
    for after in [None, Some(matching_labels())] {
        sent(StreamShardRequest {
            version: PROTOCOL_VERSION,
            incarnation: NODE,
            namespace: "default".into(),
            shard: SHARD,
            range: RANGE,
            after,
            deletes_seen: 1,
            bytes_max: 1 << 40,
        });
    }
    sent(ExemplarsRequest {
        version: PROTOCOL_VERSION,
        incarnation: NODE,
        namespace: "default".into(),
        selectors: vec![matchers(), Vec::new()],
        range: RANGE,
        deletes_seen: 1,
    });
    let exemplar = Exemplar {
        labels: Labels::from_pairs([("trace_id", "1f")]).expect("labels"),
        value: f64::from_bits(0x7ff8_dead_0000_0001),
        timestamp: -1,
    };
    let came = sent(ExemplarsReply {
        verdict: Verdict::Stored,
        deletes_seen: 1,
        series: vec![SeriesExemplars {
            labels: matching_labels(),
            exemplars: vec![exemplar.clone()],
        }],
    });
    assert_eq!(came.series[0].exemplars[0], exemplar);
}

fn matching_labels() -> Labels {
    Labels::from_pairs([("__name__", "up"), ("job", "node")]).expect("labels")
}

#[test]
fn what_keeps_replicas_alike_comes_as_it_went() {
    sent(SealRequest {
        version: PROTOCOL_VERSION,
        incarnation: NODE,
        shard: SHARD,
    });
    sent(SealReply {
        verdict: Verdict::Sealed { epoch: 1 },
    });
    sent(DigestRequest {
        version: PROTOCOL_VERSION,
        incarnation: NODE,
        namespace: "default".into(),
        shard: SHARD,
        range: RANGE,
        window_ms: 7_200_000,
        parts: 16,
    });
    sent(DigestReply {
        verdict: Verdict::Stored,
        deletes_seen: 3,
        digests: vec![Digest {
            window: i64::MIN,
            part: 15,
            series: 1,
            samples: 2,
            hash: u64::MAX,
        }],
    });
    sent(DeleteRequest {
        version: PROTOCOL_VERSION,
        incarnation: NODE,
        namespace: "default".into(),
        seq: 4,
        matchers: matchers(),
        range: RANGE,
    });
    sent(DeleteReply {
        verdict: Verdict::DeletesBehind { deletes_seen: 2 },
        deletes_seen: 2,
    });
}

#[test]
fn what_is_known_of_nodes_and_metrics_comes_as_it_went() {
    sent(TopologyRequest {
        version: PROTOCOL_VERSION,
    });
    sent(TopologyReply {
        topology: Bytes::from_static(b"{}"),
    });
    sent(StatusRequest {
        version: PROTOCOL_VERSION,
    });
    let shard = |sealed| ShardStatus {
        shard: 1,
        epoch: 2,
        sealed,
        data_bytes: 3,
    };
    sent(StatusReply {
        version: PROTOCOL_VERSION,
        oldest_version: OLDEST_PROTOCOL_VERSION,
        incarnation: NODE,
        shards: vec![shard(None), shard(Some(0))],
        data_bytes: 5,
        build: "0.1.0".into(),
    });
    sent(MetadataRequest {
        version: PROTOCOL_VERSION,
        incarnation: NODE,
        namespace: "default".into(),
        metric: String::new(),
        limit: 0,
    });
    let families = MetricKind::ALL.map(|kind| MetricMetadata {
        metric: kind.to_string(),
        kind,
        help: "help".into(),
        unit: "seconds".into(),
    });
    sent(MetadataReply {
        verdict: Verdict::Stored,
        families: families.to_vec(),
    });
}

#[test]
fn other_versions_are_refused_by_name_before_anything_else_is_looked_at() {
    for version in [0, PROTOCOL_VERSION + 1, u32::MAX] {
        let request = proto::WriteRequest {
            version,
            incarnation: vec![1],
            ..write_request().into_proto()
        };
        let refused = WriteRequest::decode(request.encode_to_vec().into()).expect_err("a version");
        let expected = WireError::Version {
            theirs: version,
            oldest: OLDEST_PROTOCOL_VERSION,
            newest: PROTOCOL_VERSION,
        };
        assert_eq!(refused, expected);
        let verdict = Verdict::UnsupportedVersion {
            theirs: version,
            oldest: OLDEST_PROTOCOL_VERSION,
            newest: PROTOCOL_VERSION,
        };
        assert_eq!(Verdict::of_error(&refused), verdict);
        let status = StatusRequest { version };
        assert_eq!(sent(status), status, "anyone may ask for the versions");
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_its_field() {
    let mut request = write_request().into_proto();
    request.incarnation.pop();
    let refused = WriteRequest::from_proto(request).expect_err("an incarnation");
    let text = "WriteRequest.incarnation has 15 bytes and not 16";
    assert_eq!(refused.to_string(), text);

    let mut request = select_request(SelectWhat::Samples).into_proto();
    request.range = Some(proto::TimeRange { min: 1, max: 0 });
    let refused = SelectRequest::from_proto(request).expect_err("a range");
    let refused = refused.to_string();
    assert!(
        refused.starts_with("SelectRequest.range is none"),
        "{refused}"
    );

    let mut request = select_request(SelectWhat::Samples).into_proto();
    request.matchers[2].value = "(".into();
    let refused = SelectRequest::from_proto(request).expect_err("a pattern");
    let refused = refused.to_string();
    assert!(refused.contains("matchers do not compile"), "{refused}");

    let mut request = select_request(SelectWhat::Samples).into_proto();
    let one = request.matchers[0].clone();
    request.matchers = vec![one; 1_000];
    let refused = SelectRequest::from_proto(request).expect_err("too many");
    let text = "1000 matchers are more than the limit MATCHERS_MAX of 256: select by fewer";
    assert_eq!(refused.to_string(), text);

    let refused = SelectReply::decode(Bytes::new()).expect_err("no frame");
    assert_eq!(refused.to_string(), "SelectReply.frame is missing");
}

#[test]
fn an_outcome_of_a_later_version_is_a_failure() {
    let later = proto::Refusal {
        verdict: Some(proto::Verdict {
            kind: 99,
            ..proto::Verdict::default()
        }),
    };
    let came = Refusal::from_proto(later).expect("a refusal");
    let text = "the node answers with outcome 99, which this version does not know";
    assert_eq!(
        came.verdict,
        Verdict::Failed {
            message: text.into()
        }
    );
}

#[test]
fn a_wait_is_never_cut_short_by_rounding() {
    let mut request = write_request();
    request.deadline = Duration::from_nanos(1);
    let came = WriteRequest::decode(request.encode().into()).expect("ours");
    assert_eq!(came.deadline, Duration::from_millis(1));
}

fn replies() -> Vec<SelectReply> {
    vec![
        SelectReply::First(SelectFirst {
            shards: shard_verdicts(),
            deletes_seen: 3,
        }),
        SelectReply::Series(Bytes::from_static(b"frame")),
        SelectReply::Texts(vec!["a".into(), String::new()]),
        SelectReply::Last(SelectLast {
            series: 1,
            samples: 2,
            truncated: true,
        }),
        SelectReply::Failed(Verdict::NotMember),
    ]
}

#[test]
fn an_answer_has_a_first_and_a_last_and_nothing_around_them() {
    let [first, series, texts, last, failed] = <[_; 5]>::try_from(replies()).expect("five");
    let plays = |replies: &[&SelectReply]| {
        let mut order = SelectOrder::new();
        for reply in replies {
            order.check(reply)?;
        }
        order.finish()
    };
    for good in [
        &[&first, &last][..],
        &[&first, &series, &texts, &last],
        &[&first, &series, &failed],
        &[&failed],
    ] {
        assert_eq!(plays(good), Ok(()));
    }
    for cut in [&[][..], &[&first], &[&first, &series]] {
        assert_eq!(plays(cut), Err(WireError::Incomplete));
    }
    for (bad, why) in [
        (&[&series][..], "comes before the first"),
        (&[&last], "comes before the first"),
        (&[&first, &first], "is a second first"),
        (&[&first, &last, &series], "comes behind the last"),
        (&[&first, &failed, &last], "comes behind the last"),
    ] {
        let refused = plays(bad).expect_err("out of order").to_string();
        assert_eq!(refused, format!("SelectReply.frame {why}"));
    }
}
