use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::FutureExt as _;

use tsdb_core::Matcher;

use super::{DeleteRecord, Deletes, Epochs, Mask, MatcherRecord, Refusal, ShardState};

fn block_on<T>(future: impl Future<Output = T>) -> T {
    pollster::block_on(future)
}

#[test]
fn writes_are_admitted_in_the_epoch_the_node_is_in_and_no_other() {
    let epochs = Epochs::new(BTreeMap::from([(
        3,
        ShardState {
            epoch: 5,
            ..ShardState::default()
        },
    )]));
    assert!(epochs.admit(3, 5).is_ok());
    assert_eq!(epochs.admit(3, 4).err(), Some(Refusal::Stale { epoch: 5 }));
    assert_eq!(epochs.admit(3, 6).err(), Some(Refusal::Stale { epoch: 5 }));
    assert!(epochs.newer(&[(3, 6)]) && !epochs.newer(&[(3, 5), (3, 1)]));
    epochs.raise(&[(3, 6)]);
    assert!(epochs.admit(3, 6).is_ok());
    assert_eq!(epochs.admit(3, 5).err(), Some(Refusal::Stale { epoch: 6 }));
    epochs.raise(&[(3, 2)]);
    assert_eq!(epochs.state(3).epoch, 6, "it never falls");
    assert_eq!(epochs.admit(4, 1).err(), Some(Refusal::Stale { epoch: 0 }));
}

#[test]
fn a_seal_waits_for_the_writes_that_were_admitted_and_admits_no_more() {
    block_on(async {
        let epochs = Epochs::default();
        epochs.raise(&[(0, 1), (1, 1)]);
        let first = epochs.admit(0, 1).expect("open");
        let second = epochs.admit(0, 1).expect("open");
        let other = epochs.admit(1, 1).expect("open");
        let mut seal = Box::pin(epochs.seal(0, 1));
        assert_eq!((&mut seal).now_or_never(), None);
        assert_eq!(epochs.admit(0, 1).err(), Some(Refusal::Sealed { epoch: 1 }));
        assert_eq!(epochs.look(0, 1), Err(Refusal::Sealed { epoch: 1 }));
        drop(first);
        assert_eq!((&mut seal).now_or_never(), None);
        drop(second);
        assert_eq!((&mut seal).now_or_never(), Some(Ok(())));
        drop(other);
        let early = epochs.seal(0, 2).now_or_never();
        assert_eq!(early, Some(Err(Refusal::Stale { epoch: 1 })));
        epochs.raise(&[(0, 2)]);
        assert!(epochs.admit(0, 2).is_ok());
        let late = epochs.seal(0, 1).now_or_never();
        assert_eq!(late, Some(Err(Refusal::Stale { epoch: 2 })));
    });
}

fn record(sequence: u64, value: &str) -> DeleteRecord {
    DeleteRecord {
        sequence,
        min_time: 0,
        max_time: 99,
        matchers: vec![MatcherRecord::of(&Matcher::equal("job", value))],
    }
}

#[test]
fn a_delete_waits_for_writes_and_keeps_new_ones_out() {
    let deletes = Deletes::default();
    let namespace: Arc<str> = "default".into();
    block_on(async {
        let writing = deletes
            .write(&namespace, 0)
            .await
            .expect("nothing is unseen");
        let mut apply = Box::pin(deletes.apply(&namespace, vec![record(1, "a")]));
        assert!((&mut apply).now_or_never().is_none());
        let mut late = Box::pin(deletes.write(&namespace, 0));
        assert!((&mut late).now_or_never().is_none());
        drop(writing);
        assert!((&mut late).now_or_never().is_none(), "the delete was first");
        let applying = apply.await.expect("a record of ours");
        assert_eq!(applying.masks().len(), 1);
        applying.finish();
        let late = late.await.expect("an older sight is no reason to refuse");
        let unseen: Vec<u64> = late.unseen().map(Mask::sequence).collect();
        assert_eq!((unseen, late.applied()), (vec![1], 1));
    });
    assert_eq!(deletes.applied("default"), 1);
    assert_eq!(deletes.behind("default", 0), [record(1, "a")]);
    assert_eq!(deletes.behind("default", 1), []);
}

#[test]
fn a_delete_that_was_applied_is_not_applied_again_and_a_missing_one_is_asked_for() {
    let namespace: Arc<str> = "default".into();
    let kept = BTreeMap::from([(Arc::clone(&namespace), vec![record(1, "a")])]);
    let deletes = Deletes::new(kept).expect("records of ours");
    block_on(async {
        assert_eq!(deletes.write(&namespace, 2).await.err(), Some(1));
        let both = vec![record(2, "b"), record(1, "a"), record(2, "b")];
        let applying = deletes.apply(&namespace, both).await.expect("ours");
        let sequences: Vec<_> = applying.masks().iter().map(Mask::sequence).collect();
        assert_eq!(sequences, [2]);
        assert_eq!(applying.kept(), [record(1, "a"), record(2, "b")]);
        drop(applying);
        assert_eq!(deletes.applied("default"), 1, "it was not finished");
        let again = deletes
            .apply(&namespace, vec![record(2, "b")])
            .await
            .expect("ours");
        again.finish();
        let writing = deletes.write(&namespace, 2).await.expect("all are applied");
        assert_eq!(writing.unseen().count(), 0);
    });
}

#[test]
fn a_record_of_another_version_is_refused_by_its_number() {
    let mut wrong = record(7, "a");
    wrong.matchers[0].op = "~".to_owned();
    let error = wrong.parse().expect_err("no such comparison");
    assert_eq!(
        error.to_string(),
        "delete 7: no comparison is written \"~\""
    );
    let mut wrong = record(8, "a");
    wrong.min_time = 100;
    assert!(
        wrong
            .parse()
            .expect_err("a range")
            .to_string()
            .starts_with("delete 8: ")
    );
}
