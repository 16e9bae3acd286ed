//! Which series and which time are meant.

use std::num::NonZeroU32;

use tsdb_core::{Labels, MatchOp, Matcher, TimeRange};
use tsdb_proto::node_v1 as proto;

use super::message::{NodeMessage, field, required};
use crate::wire::WireError;

/// Conditions of one message at most: a pattern may take memory far beyond its own bytes.
const MATCHERS_MAX: usize = 256;

pub(super) fn matchers_into_proto(matchers: &[Matcher]) -> Vec<proto::LabelMatcher> {
    use proto::label_matcher::Operator;
    let one = |matcher: &Matcher| {
        let operator = match matcher.op() {
            MatchOp::Equal => Operator::Equal,
            MatchOp::NotEqual => Operator::NotEqual,
            MatchOp::Regex => Operator::Regex,
            MatchOp::NotRegex => Operator::NotRegex,
            MatchOp::Shards => Operator::Shards,
        };
        proto::LabelMatcher {
            operator: operator.into(),
            name: matcher.name().to_owned(),
            value: matcher.value().to_owned(),
        }
    };
    matchers.iter().map(one).collect()
}

pub(super) fn matchers_from_proto<M: NodeMessage>(
    all: Vec<proto::LabelMatcher>,
) -> Result<Vec<Matcher>, WireError> {
    use proto::label_matcher::Operator;
    if all.len() > MATCHERS_MAX {
        return Err(WireError::TooLarge {
            what: "matchers",
            name: "MATCHERS_MAX",
            value: all.len() as u64,
            limit: MATCHERS_MAX as u64,
            advice: "select by fewer",
        });
    }
    let one = |matcher: proto::LabelMatcher| {
        let op = match Operator::try_from(matcher.operator) {
            Ok(Operator::Equal) => MatchOp::Equal,
            Ok(Operator::NotEqual) => MatchOp::NotEqual,
            Ok(Operator::Regex) => MatchOp::Regex,
            Ok(Operator::NotRegex) => MatchOp::NotRegex,
            Ok(Operator::Shards) => MatchOp::Shards,
            Err(_) => {
                let reason = format!("have the unknown operator {}", matcher.operator);
                return Err(field::<M>("matchers", reason));
            }
        };
        Matcher::new(op, matcher.name, matcher.value)
            .map_err(|error| field::<M>("matchers", format!("do not compile: {error}")))
    };
    all.into_iter().map(one).collect()
}

/// Nothing stands for the beginning.
pub(super) fn after_into_proto(after: Option<&Labels>) -> Vec<u8> {
    after.map(Labels::as_bytes).unwrap_or_default().to_vec()
}

pub(super) fn after_from_proto(bytes: Vec<u8>) -> Result<Option<Labels>, WireError> {
    let after = (!bytes.is_empty()).then(|| Labels::from_bytes(bytes.into()));
    Ok(after.transpose()?)
}

pub(super) fn shard_count_from_proto<M: NodeMessage>(
    shard_count: u32,
) -> Result<NonZeroU32, WireError> {
    NonZeroU32::new(shard_count).ok_or_else(|| field::<M>("shard_count", "is 0"))
}

pub(super) fn range_into_proto(range: TimeRange) -> Option<proto::TimeRange> {
    Some(proto::TimeRange {
        min: range.min(),
        max: range.max(),
    })
}

pub(super) fn range_from_proto<M: NodeMessage>(
    proto: Option<proto::TimeRange>,
) -> Result<TimeRange, WireError> {
    let proto = required::<M, _>("range", proto)?;
    TimeRange::inclusive(proto.min, proto.max)
        .map_err(|error| field::<M>("range", format!("is none: {error}")))
}
