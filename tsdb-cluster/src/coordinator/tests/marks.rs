//! Answers of fewer than a majority say so.

use super::support::{Three, batch, everything, listed, numbers};
use crate::coordinator::CoordinatorError;
use crate::message::Want;
use crate::topology::{ReadLevel, WriteLevel};

const ALL: [u32; 40] = {
    let mut all = [0; 40];
    let mut at = 0;
    while at < 40 {
        all[at as usize] = at;
        at += 1;
    }
    all
};

/// Three nodes that all have forty series.
fn filled() -> Three {
    let three = Three::new();
    three.write(batch(0..40), WriteLevel::All);
    three
}

fn is_refused(error: &CoordinatorError, successes: usize) -> bool {
    let begin = format!("failed to meet consistency level majority with {successes}/3 success");
    error.to_string().starts_with(&begin)
}

#[test]
fn what_one_of_three_answers_is_marked_where_the_level_takes_it() {
    let three = filled();
    let wants = || {
        let values = Want::Values("number".to_owned());
        [
            Want::Samples,
            Want::Labels,
            Want::Names,
            values,
            Want::Exemplars,
            Want::Metadata(None),
        ]
    };
    let warnings = |level, want| {
        let answer = three.read(everything(want, level))?;
        Ok::<_, CoordinatorError>(answer.series.warnings().clone())
    };
    for away in [&[][..], &["b"]] {
        three.away(away);
        for want in wants() {
            let found = warnings(ReadLevel::UnstrictMajority, want).expect("a majority");
            assert!(found.is_empty(), "{found:?}");
        }
    }
    three.away(&["b", "c"]);
    for want in wants() {
        let found = warnings(ReadLevel::UnstrictMajority, want.clone()).expect("an answer");
        let found: Vec<_> = found.iter().map(|one| one.0.as_str()).collect();
        assert_eq!(found.len(), 1, "{want:?}: {found:?}");
        assert!(found[0].contains("level unstrict_majority"), "{}", found[0]);
        assert!(found[0].contains("b: the node cannot be reached: it is away"));
        let refused = warnings(ReadLevel::Majority, want.clone()).expect_err("too few");
        assert!(is_refused(&refused, 1), "{refused}");
        let one = warnings(ReadLevel::One, want).expect("it asks for one");
        assert!(one.is_empty(), "{one:?}");
    }
    three.away(&["a", "b", "c"]);
    let none = warnings(ReadLevel::UnstrictMajority, Want::Samples);
    assert!(matches!(none, Err(CoordinatorError::Consistency { .. })));
}

#[test]
fn one_that_breaks_off_is_replaced_and_every_series_comes_once() {
    let three = filled();
    three.broken(&["b"], 5);
    for level in [ReadLevel::UnstrictMajority, ReadLevel::Majority] {
        let mut answer = three
            .read(everything(Want::Samples, level))
            .expect("a read");
        assert_eq!(numbers(&mut answer).expect("series"), (ALL.to_vec(), 80));
        assert!(answer.series.warnings().is_empty());
        let mut answer = three.read(everything(Want::Labels, level)).expect("a read");
        assert_eq!(listed(&mut answer).expect("series"), ALL);
        assert!(answer.series.warnings().is_empty());
    }
}

#[test]
fn one_that_breaks_off_and_cannot_be_replaced_is_told_or_refused() {
    let three = filled();
    three.away(&["c"]);
    three.broken(&["b"], 5);
    let unstrict = everything(Want::Samples, ReadLevel::UnstrictMajority);
    let mut answer = three.read(unstrict.clone()).expect("a majority begins");
    assert!(answer.series.warnings().is_empty());
    assert_eq!(numbers(&mut answer).expect("series"), (ALL.to_vec(), 80));
    assert_eq!(answer.series.warnings().len(), 1);

    let strict = everything(Want::Samples, ReadLevel::Majority);
    let mut answer = three.read(strict).expect("a majority begins");
    let refused = numbers(&mut answer).expect_err("it does not end");
    assert!(is_refused(&refused, 1), "{refused}");

    // Where nobody is left the rest is missing, which no warning makes good.
    three.broken(&["a", "b"], 5);
    let mut answer = three.read(unstrict).expect("a majority begins");
    let lost = numbers(&mut answer).expect_err("nobody is left");
    assert!(
        matches!(lost, CoordinatorError::Consistency { successes: 0, .. }),
        "{lost}"
    );
}
