use proptest::prelude::*;
use prost::Message;
use tsdb_core::model::{MatchOp, TimeRange};
use tsdb_proto::prometheus::{LabelMatcher, Query, ReadHints, ReadRequest};

use super::decode_queries;
use crate::error::ReadError;
use crate::limits::Limits;

/// Ours must accept what prost accepts, but for matchers that mean nothing, and see the same.
fn compare(body: &[u8]) -> bool {
    let ours = decode_queries(body, &Limits::default());
    let Ok(expected) = ReadRequest::decode(body) else {
        assert!(ours.is_err(), "prost refuses what was accepted");
        return false;
    };
    let (queries, accepted) = match ours {
        Ok(found) => found,
        Err(ReadError::Matcher { .. } | ReadError::MatcherKind { .. }) => return false,
        Err(error) => panic!("{error}"),
    };
    for number in &expected.accepted_response_types {
        assert!(accepted.contains(number));
    }
    assert_eq!(queries.len(), expected.queries.len());
    for (ours, theirs) in queries.iter().zip(&expected.queries) {
        let range = TimeRange::inclusive(theirs.start_timestamp_ms, theirs.end_timestamp_ms);
        assert_eq!(ours.range, range.ok());
        assert_eq!(ours.matchers.len(), theirs.matchers.len());
        for (ours, theirs) in ours.matchers.iter().zip(&theirs.matchers) {
            let kind = match ours.op() {
                MatchOp::Equal => 0,
                MatchOp::NotEqual => 1,
                MatchOp::Regex => 2,
                MatchOp::NotRegex => 3,
                MatchOp::Shards => panic!("remote read has no such matcher"),
            };
            let found = (kind, ours.name(), ours.value());
            assert_eq!(
                found,
                (theirs.r#type, theirs.name.as_str(), theirs.value.as_str())
            );
        }
    }
    true
}

fn matcher() -> impl Strategy<Value = LabelMatcher> {
    (0..4i32, "[a-z_]{0,4}", "[a-z|.]{0,5}").prop_map(|(kind, name, value)| LabelMatcher {
        r#type: kind,
        name,
        value,
    })
}

fn hints() -> impl Strategy<Value = ReadHints> {
    (
        any::<i64>(),
        "[a-z]{0,4}",
        prop::collection::vec("[a-z]{0,3}", 0..3),
        any::<bool>(),
    )
        .prop_map(|(step_ms, func, grouping, by)| ReadHints {
            step_ms,
            func,
            grouping,
            by,
            start_ms: 1,
            end_ms: 2,
            range_ms: step_ms,
        })
}

fn request() -> impl Strategy<Value = ReadRequest> {
    let matchers = prop::collection::vec(matcher(), 0..4);
    let query = (
        any::<i64>(),
        any::<i64>(),
        matchers,
        prop::option::of(hints()),
    )
        .prop_map(
            |(start_timestamp_ms, end_timestamp_ms, matchers, hints)| Query {
                start_timestamp_ms,
                end_timestamp_ms,
                matchers,
                hints,
            },
        );
    (
        prop::collection::vec(query, 0..4),
        prop::collection::vec(0..4i32, 0..4),
    )
        .prop_map(|(queries, accepted_response_types)| ReadRequest {
            queries,
            accepted_response_types,
        })
}

proptest! {
    #[test]
    fn reads_what_prost_reads(request in request()) {
        prop_assert!(compare(&request.encode_to_vec()));
    }

    #[test]
    fn judges_damaged_requests_as_prost_does(
        request in request(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut body = request.encode_to_vec();
        if !body.is_empty() {
            for (index, byte) in edits {
                let index = index.index(body.len());
                body[index] = byte;
            }
        }
        compare(&body);
    }
}

#[test]
fn every_flipped_bit_and_every_truncation_is_judged_as_prost_does() {
    let matcher = LabelMatcher {
        r#type: 2,
        name: "job".into(),
        value: "a|b".into(),
    };
    let hints = ReadHints {
        grouping: vec!["x".into()],
        step_ms: 300,
        ..ReadHints::default()
    };
    let query = Query {
        start_timestamp_ms: 5,
        end_timestamp_ms: 1_700_000_000_000,
        matchers: vec![matcher.clone(), matcher],
        hints: Some(hints),
    };
    let request = ReadRequest {
        queries: vec![query.clone(), query],
        accepted_response_types: vec![1, 0],
    };
    let body = request.encode_to_vec();
    assert!(compare(&body));
    for byte in 0..body.len() {
        for bit in 0..8 {
            let mut damaged = body.clone();
            damaged[byte] ^= 1 << bit;
            compare(&damaged);
        }
        compare(&body[..byte]);
    }
}
