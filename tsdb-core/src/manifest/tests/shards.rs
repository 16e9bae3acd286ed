//! Manifests that list deletes of placement shards.

use super::details::with_details;
use super::*;

const MANIFEST_5: &[u8] = include_bytes!("../../../tests/testdata/v1/shards.manifest");

fn shards() -> MatcherText {
    MatcherText {
        op: MatchOp::Shards,
        name: String::new(),
        value: "0-3,17 of 64".to_owned(),
    }
}

/// A manifest of the fifth version.
pub(super) fn with_shards() -> Manifest {
    let mut manifest = with_details();
    manifest.tombstones[1].matchers = vec![shards()];
    manifest
}

#[test]
fn what_needs_a_fifth_version_is_written_in_it() {
    let fourth = with_details().encode();
    let ends = fourth.len() - 4 - 2 * 32 - 2 * 40;
    // The second tombstone's matchers, of which the fourth has none: before blocks and last delete.
    let at = ends - 8 - 4 - 2 * 64;
    let mut bytes = b"tsdb-man\x05\0\0\0".to_vec();
    bytes.extend(&fourth[12..at - 4]);
    put_u32(&mut bytes, 1);
    bytes.push(4);
    put_u32(&mut bytes, 0);
    put_u32(&mut bytes, 12);
    bytes.extend(b"0-3,17 of 64");
    bytes.extend(&fourth[at..ends]);
    put_u32(&mut bytes, 1); // details follow
    bytes.extend(&fourth[ends..fourth.len() - 4]);
    assert_eq!(sealed(bytes.clone()), with_shards().encode());
    assert_eq!(with_shards().encode(), MANIFEST_5);
    assert_eq!(Manifest::decode(path(), MANIFEST_5).unwrap(), with_shards());
    // A flag that is none; a version that does not know them; one that has to have them.
    let flag = bytes.len() - (fourth.len() - ends - 4) - 4;
    let mut wrong = bytes.clone();
    wrong[flag] = 2;
    Manifest::decode(path(), &sealed(wrong)).unwrap_err();
    for version in [2, 3, 4, 6] {
        let mut other = bytes.clone();
        other[8] = version;
        Manifest::decode(path(), &sealed(other)).unwrap_err();
    }
    let mut without = fourth[..fourth.len() - 4].to_vec();
    without[8] = 5;
    Manifest::decode(path(), &sealed(without)).unwrap_err();
    // Without details, and without anything that there could be details of.
    let mut plain = with_tombstones();
    plain.tombstones[0].matchers.push(shards());
    assert_eq!(plain.encode()[8], 5);
    assert_eq!(Manifest::decode(path(), &plain.encode()).unwrap(), plain);
    plain.runs.clear();
    plain.blocks.clear();
    assert_eq!(Manifest::decode(path(), &plain.encode()).unwrap(), plain);
}

#[test]
fn a_matcher_of_shards_names_no_label() {
    let mut manifest = with_shards();
    manifest.tombstones[1].matchers[0].name = "host".to_owned();
    Manifest::decode(path(), &manifest.encode()).unwrap_err();
}
