use std::sync::Arc;
use std::time::Duration;

use super::{
    MemoryMetadata, MetadataStore, Revision, metadata_keeps_its_word,
    one_of_many_that_set_a_key_wins,
};

#[test]
fn memory_keeps_its_word() {
    pollster::block_on(metadata_keeps_its_word(Arc::new(MemoryMetadata::default())));
    pollster::block_on(one_of_many_that_set_a_key_wins(Arc::new(
        MemoryMetadata::default(),
    )));
}

#[test]
fn what_is_announced_is_there_as_long_as_it_is_held() {
    let metadata = MemoryMetadata::default();
    let get = || pollster::block_on(metadata.get("nodes/a")).expect("a look");
    let first = metadata.announce("nodes/a", b"1".to_vec(), Duration::from_secs(1));
    assert_eq!(get().map(|kept| kept.bytes.to_vec()), Some(b"1".to_vec()));
    let second = metadata.announce("nodes/a", b"2".to_vec(), Duration::from_secs(1));
    drop(first);
    assert_eq!(get().map(|kept| kept.bytes.to_vec()), Some(b"2".to_vec()));
    drop(second);
    assert_eq!(get(), None);
}

#[test]
fn metadata_that_is_away_answers_nobody_and_tells_when_it_is_back() {
    let metadata = MemoryMetadata::default();
    metadata.set_away(true);
    assert!(pollster::block_on(metadata.get("key")).is_err());
    assert!(pollster::block_on(metadata.set("key", None, Vec::new())).is_err());
    let mut changes = metadata.changes();
    metadata.set_away(false);
    pollster::block_on(changes.changed());
    assert_eq!(
        pollster::block_on(metadata.get("key")).expect("a look"),
        None
    );
}

#[test]
fn a_change_between_two_waits_is_told_at_the_second_and_once() {
    let revision = Revision::default();
    let mut changes = revision.changes();
    assert!(!changes.take());
    revision.raise();
    revision.raise();
    pollster::block_on(changes.changed());
    assert!(!changes.take());
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| pollster::block_on(changes.changed()));
        revision.raise();
        waits.join().expect("no panic");
    });
}
