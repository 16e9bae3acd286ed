//! Bodies of M3's calls for namespaces and placements.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tsdb_server::database_create::DatabaseCreate;
use tsdb_server::go_duration::{go_duration_text, parse_go_duration};
use tsdb_server::jsonpb::parse;
use tsdb_server::namespaces::{NamespaceOptions, NamespaceUpdate};
use tsdb_server::placements::{
    Placement, PlacementAdd, PlacementInit, PlacementRemove, PlacementReplace, PlacementSet,
};

/// What is read is printed and read back the same.
fn round_trip<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) {
    let text = serde_json::to_vec(value).expect("JSON");
    assert_eq!(parse::<T>(&text).as_ref(), Ok(value));
}

/// A body is refused with a short reason, or is a message that keeps its rules.
pub(crate) fn body(input: &[u8]) {
    if let Ok(options) = parse::<NamespaceOptions>(input) {
        let completed = options.completed();
        assert_eq!(completed.clone().completed(), completed);
        round_trip(&completed);
        if completed.check().is_ok() {
            let retention = completed.retention();
            assert!(retention.retention_period_nanos >= retention.block_size_nanos);
        }
    }
    if let Ok(update) = NamespaceUpdate::parse(input) {
        let mut options = NamespaceOptions::of(172_800_000_000_000, 7_200_000_000_000);
        update.apply(&mut options);
        let once = options.clone();
        update.apply(&mut options);
        assert_eq!(options, once);
    }
    if let Ok(placement) = parse::<Placement>(input) {
        round_trip(&placement);
        drop(placement.check());
    }
    if let Ok(create) = parse::<DatabaseCreate>(input) {
        for (_, options) in create.namespaces().unwrap_or_default() {
            round_trip(&options);
        }
        drop(create.placement(None, true));
    }
    drop(parse::<PlacementInit>(input));
    drop(parse::<PlacementAdd>(input));
    drop(parse::<PlacementRemove>(input));
    drop(parse::<PlacementReplace>(input));
    drop(parse::<PlacementSet>(input));
}

/// A duration that is read is printed as Go does and read back the same.
pub(crate) fn duration(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    if let Ok(nanos) = parse_go_duration(text) {
        assert_eq!(parse_go_duration(&go_duration_text(nanos)), Ok(nanos));
    }
}
