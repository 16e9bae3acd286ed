//! Messages come as they went, and damaged ones do no harm.

use std::fmt::Debug;
use std::num::NonZeroU32;
use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use tsdb_core::model::Window;
use tsdb_core::{
    AppendReport, Digest, Exemplar, Labels, Matcher, MetricKind, MetricMetadata, RejectReason,
    Rejected, SeriesDigest, SeriesExemplars, ShardDigest, TimeRange,
};
use tsdb_proto::node_v1 as proto;

use super::*;
use crate::message::{
    self, Absent, Backlog, DeleteRequest, DigestOf, DigestReply, DigestRequest, MarkRequest,
    Missed, NodeError, NodeStatus, Origin, ReadReply, ReadRequest, ShardMove, Want,
};
use crate::node::{self, DeleteRecord, MatcherRecord, ShardState};
use crate::wire::{OLDEST_PROTOCOL_VERSION, PROTOCOL_VERSION, SampleLimits, WireError};
use crate::{Incarnation, NodeId};

const NODE: Incarnation = Incarnation(0x0123_4567_89ab_cdef_0011_2233_4455_6677);
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
        Verdict::DeletesUnseen { deletes_seen: 10 },
        Verdict::NoNamespace {
            namespace: "other".into(),
        },
        Verdict::Limit {
            message: "too many series".into(),
        },
        Verdict::Invalid {
            message: "no such shard".into(),
        },
        Verdict::Overloaded {
            message: "the queue is full".into(),
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

fn families() -> Vec<MetricMetadata> {
    let family = |kind: MetricKind| MetricMetadata {
        metric: kind.to_string(),
        kind,
        help: "help".into(),
        unit: "seconds".into(),
    };
    MetricKind::ALL.map(family).to_vec()
}

fn exemplars() -> Vec<SeriesExemplars> {
    let exemplar = Exemplar {
        labels: Labels::from_pairs([("trace_id", "1f")]).expect("labels"),
        value: f64::from_bits(0x3ff8_dead_0000_0001),
        timestamp: -1,
    };
    vec![SeriesExemplars {
        labels: matching_labels(),
        exemplars: vec![exemplar],
    }]
}

fn write_request() -> WriteRequest {
    WriteRequest {
        version: PROTOCOL_VERSION,
        request_id: 3,
        namespace: "metrics_30d".into(),
        deletes_seen: 5,
        deadline: Duration::from_secs(10),
        epochs: vec![(63, u64::MAX)],
        origin: Origin::Replica,
        incarnation: NODE,
        payload: Bytes::from_static(b"payload"),
        absent: vec![Absent {
            node: "n7".into(),
            incarnation: Incarnation(9),
            shards: vec![0, 63],
        }],
        metadata: families().into_iter().map(|one| (63, one)).collect(),
    }
}

fn read_request(want: Want) -> ReadRequest {
    ReadRequest {
        incarnation: NODE,
        namespace: "default".into(),
        matchers: matchers(),
        range: RANGE,
        epochs: vec![(63, u64::MAX), (0, 0)],
        shards: NonZeroU32::new(64).expect("not 0"),
        deletes_seen: 2,
        want,
        after: Some(matching_labels()),
        limit: 10,
        max_samples: 20,
    }
}

#[test]
fn writes_come_as_they_went() {
    sent(WriteOpening {
        version: PROTOCOL_VERSION,
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
    let shards = vec![
        (0, message::ShardVerdict::Stored),
        (
            1,
            message::ShardVerdict::Refused(node::Refusal::Stale { epoch: 7 }),
        ),
        (
            2,
            message::ShardVerdict::Refused(node::Refusal::Sealed { epoch: 8 }),
        ),
    ];
    let reply = |report| WriteReply {
        request_id: 1,
        answer: Ok(message::WriteReply {
            shards: shards.clone(),
            report,
        }),
        reset_dictionary: true,
        ends_stream: false,
    };
    // A refusal comes as the same rule with the same text; then as it went.
    let bytes = reply(report.clone()).encode();
    let told = WriteReply::decode(bytes.into()).expect("ours").answer;
    let told = told.expect("a report").report;
    let (own, came) = (&report.rejected[0].reason, &told.rejected[0].reason);
    assert_eq!(
        (own.rule(), own.to_string()),
        (came.rule(), came.to_string())
    );
    assert_eq!((told.appended, told.rejected_samples), (4, 4));
    assert_eq!(sent(reply(told.clone())), reply(told));
}

#[test]
fn reads_come_as_they_went() {
    for want in [
        Want::Samples,
        Want::Labels,
        Want::Names,
        Want::Values("zone".into()),
        Want::Exemplars,
        Want::Metadata(None),
        Want::Metadata(Some("up".into())),
    ] {
        assert_eq!(sent(read_request(want.clone())).want, want);
    }
    let beside = [
        SelectReply::Exemplars(exemplars()),
        SelectReply::Metadata(families()),
    ];
    for reply in replies().into_iter().chain(beside) {
        assert_eq!(sent(reply.clone()), reply);
    }
}

fn matching_labels() -> Labels {
    Labels::from_pairs([("__name__", "up"), ("job", "node")]).expect("labels")
}

#[test]
fn what_keeps_replicas_alike_comes_as_it_went() {
    sent(SealRequest {
        incarnation: NODE,
        shards: vec![(63, u64::MAX), (0, 0)],
    });
    sent(SealReply {
        shards: vec![(0, Ok(())), (1, Err(node::Refusal::Stale { epoch: 3 }))],
    });
    let record = |sequence| DeleteRecord {
        sequence,
        min_time: i64::MIN,
        max_time: i64::MAX,
        matchers: matchers().iter().map(MatcherRecord::of).collect(),
    };
    let records: Vec<_> = (1..3).map(record).collect();
    sent(DeleteRequest {
        incarnation: NODE,
        namespace: "default".into(),
        records: records.clone(),
    });
    sent(DeleteReply { applied: 2 });
    sent(DeletesBehindRequest {
        namespace: "default".into(),
        sequence: 1,
    });
    sent(DeletesBehindReply { records });
}

fn digest_request(of: DigestOf) -> DigestRequest {
    DigestRequest {
        namespace: "default".into(),
        incarnation: NODE,
        epochs: vec![(63, u64::MAX), (0, 0)],
        shards: NonZeroU32::new(64).expect("not 0"),
        deletes_seen: 2,
        range: RANGE,
        of,
    }
}

#[test]
fn digests_come_as_they_went() {
    let series = |after, limit| DigestOf::Series { after, limit };
    for of in [
        DigestOf::Windows {
            window_ms: i64::MIN,
        },
        DigestOf::Windows {
            window_ms: 7_200_000,
        },
        series(None, usize::MAX),
        series(Some(matching_labels()), 4096),
    ] {
        assert_eq!(sent(digest_request(of.clone())).of, of);
    }
    let window = |start, last, digest| ShardDigest {
        shard: 63,
        window: Window { start, last },
        digest: Digest(digest),
        series: 1,
        samples: u64::MAX,
    };
    let windows = vec![
        window(i64::MIN, -1, 1 << 64),
        window(0, i64::MAX, u128::MAX),
    ];
    let series = vec![SeriesDigest {
        labels: matching_labels(),
        digest: Digest(0x0123_4567_89ab_cdef_0011_2233_4455_6677),
        samples: 2,
    }];
    let came = sent(DigestReply {
        refusals: vec![
            (1, node::Refusal::Stale { epoch: 7 }),
            (2, node::Refusal::Sealed { epoch: 8 }),
        ],
        deletes_applied: 3,
        windows: windows.clone(),
        series: series.clone(),
    });
    assert_eq!((came.windows, came.series), (windows, series));
}

#[test]
fn marks_come_as_they_went_and_name_who_misses_something() {
    let request = MarkRequest {
        namespace: "default".into(),
        incarnation: NODE,
        missed: vec![Missed {
            node: "n7".into(),
            incarnation: Incarnation(9),
            shards: vec![(0, RANGE), (63, RANGE)],
        }],
    };
    sent(request.clone());
    sent(MarkReply {
        shards: vec![0, 63],
    });
    for (name, len) in [(String::new(), 0), ("n".repeat(1025), 1025)] {
        let mut bad = request.clone().into_proto();
        bad.missed[0].node = name;
        let refused = MarkRequest::from_proto(bad).expect_err("a name");
        let text = format!("MarkRequest.node has {len} bytes, and not 1 to 1024");
        assert_eq!(refused.to_string(), text);
    }
}

#[test]
fn digests_of_nothing_are_refused_with_their_field() {
    let request = || digest_request(DigestOf::Windows { window_ms: 1 }).into_proto();
    let mut of_nothing = request();
    of_nothing.of = None;
    let mut undivided = request();
    undivided.shard_count = 0;
    for (bad, text) in [
        (of_nothing, "DigestRequest.of is missing"),
        (undivided, "DigestRequest.shard_count is 0"),
    ] {
        let refused = DigestRequest::from_proto(bad).expect_err(text);
        assert_eq!(refused.to_string(), text);
    }
    let reply = proto::DigestReply {
        series: vec![proto::SeriesDigest::default()],
        ..proto::DigestReply::default()
    };
    let refused = DigestReply::from_proto(reply).expect_err("no digest");
    assert_eq!(refused.to_string(), "DigestReply.digest is missing");
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
    let shard = |sealed| ShardState {
        epoch: 2,
        sealed,
        is_empty: !sealed,
    };
    sent(StatusReply {
        version: PROTOCOL_VERSION,
        oldest_version: OLDEST_PROTOCOL_VERSION,
        status: NodeStatus {
            incarnation: NODE,
            shards: vec![(1, shard(true)), (2, shard(false))],
            deletes: vec![("default".into(), 7)],
            backlog: Backlog {
                divergence: [(NodeId::new("n2"), 3), (NodeId::new("n3"), 1)].into(),
                hints: [(NodeId::new("n3"), 12)].into(),
                moves: vec![ShardMove {
                    shard: 4,
                    series: 5,
                    samples: 600,
                }],
                rounds: 8,
            },
        },
    });
}

#[test]
fn a_comparison_is_asked_for_and_has_a_number() {
    sent(RepairRequest);
    sent(RepairReply { round: 7 });
}

#[test]
fn errors_of_nodes_come_as_they_went() {
    let why = || "why".to_owned();
    for error in [
        NodeError::OtherIncarnation { actual: NODE },
        NodeError::DeletesMissing { applied: 1 },
        NodeError::DeletesUnseen { applied: 2 },
        NodeError::NoNamespace("other".into()),
        NodeError::Busy {
            reason: why(),
            retry_after: Duration::from_millis(1_500),
        },
        NodeError::Limit(why()),
        NodeError::Invalid(why()),
        NodeError::Failed(why()),
    ] {
        assert_eq!(Verdict::from(error.clone()).into_error(), error);
        let reply = WriteReply {
            request_id: 9,
            answer: Err(error),
            reset_dictionary: false,
            ends_stream: true,
        };
        assert_eq!(sent(reply.clone()), reply);
    }
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

    let mut request = read_request(Want::Samples).into_proto();
    request.range = Some(proto::TimeRange { min: 1, max: 0 });
    let refused = ReadRequest::from_proto(request).expect_err("a range");
    let refused = refused.to_string();
    assert!(
        refused.starts_with("SelectRequest.range is none"),
        "{refused}"
    );

    let mut request = read_request(Want::Samples).into_proto();
    request.matchers[2].value = "(".into();
    let refused = ReadRequest::from_proto(request).expect_err("a pattern");
    let refused = refused.to_string();
    assert!(refused.contains("matchers do not compile"), "{refused}");

    let mut request = read_request(Want::Samples).into_proto();
    let one = request.matchers[0].clone();
    request.matchers = vec![one; 1_000];
    let refused = ReadRequest::from_proto(request).expect_err("too many");
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
        SelectReply::First(ReadReply {
            refusals: vec![(1, node::Refusal::Stale { epoch: 7 })],
            deletes_applied: 3,
            is_truncated: true,
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
