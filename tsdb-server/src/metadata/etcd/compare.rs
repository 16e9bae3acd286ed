//! What transactions ask of a key.

use tsdb_proto::etcdserverpb::Compare;
use tsdb_proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};

/// The key came to be at a revision; 0 of a key that is not there.
pub(super) fn created_at(key: &str, revision: i64) -> Compare {
    equal(
        key,
        CompareTarget::Create,
        TargetUnion::CreateRevision(revision),
    )
}

/// The key was last set at a revision.
pub(super) fn modified_at(key: &str, revision: i64) -> Compare {
    equal(key, CompareTarget::Mod, TargetUnion::ModRevision(revision))
}

fn equal(key: &str, target: CompareTarget, number: TargetUnion) -> Compare {
    Compare {
        result: CompareResult::Equal.into(),
        target: target.into(),
        key: key.as_bytes().to_vec(),
        target_union: Some(number),
    }
}
