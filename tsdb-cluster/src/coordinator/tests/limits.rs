//! Limits hold for what all nodes have together, to the last series and sample.

use super::support::{Three, batch, everything, listed, numbers};
use crate::coordinator::ReadQuery;
use crate::message::Want;
use crate::topology::{ReadLevel, WriteLevel};

/// Ten series at each of three nodes, and no two of them have one together.
fn spread() -> Three {
    let three = Three::new();
    for (at, away) in [["b", "c"], ["a", "c"], ["a", "b"]].iter().enumerate() {
        three.away(away);
        let first = u32::try_from(at).expect("small");
        for number in (first..30).step_by(3) {
            three.write(batch(number..number + 1), WriteLevel::One);
        }
    }
    three.away(&[]);
    three
}

fn limited(want: Want, limit: usize) -> ReadQuery {
    ReadQuery {
        limit,
        ..everything(want, ReadLevel::All)
    }
}

#[test]
fn samples_of_more_series_are_refused_and_no_fewer() {
    let three = spread();
    let read = |limit| {
        let mut answer = three.read(limited(Want::Samples, limit)).expect("a read");
        numbers(&mut answer)
    };
    let all: Vec<u32> = (0..30).collect();
    assert_eq!(read(30).expect("as many as may be"), (all, 60));
    let refused = read(29).expect_err("one too many").to_string();
    let words = "query needs more than 29 series (limit max_series)";
    assert!(refused.starts_with(words), "{refused}");
}

#[test]
fn more_samples_are_refused_and_no_fewer() {
    let three = spread();
    let read = |max_samples| {
        let mut query = everything(Want::Samples, ReadLevel::All);
        query.max_samples = max_samples;
        let mut answer = three.read(query).expect("a read");
        numbers(&mut answer)
    };
    assert_eq!(read(60).expect("as many as may be").1, 60);
    let refused = read(59).expect_err("one too many").to_string();
    let words = "query needs more than 59 samples (limit max_samples)";
    assert!(refused.starts_with(words), "{refused}");
    // Three copies of a sample are one.
    three.write(batch(0..30), WriteLevel::All);
    assert_eq!(read(60).expect("as many as may be").1, 60);
}

#[test]
fn lists_are_cut_where_they_would_be_at_one_node() {
    let three = spread();
    for limit in [1, 7, 29, 30, 31] {
        let values = Want::Values("number".to_owned());
        let answer = three.read(limited(values, limit)).expect("values");
        let expected: Vec<String> = (0..30.min(limit)).map(|at| format!("{at:03}")).collect();
        let found: Vec<&str> = answer.texts.iter().map(AsRef::as_ref).collect();
        assert_eq!(found, expected);
        assert_eq!(answer.is_truncated, limit < 30, "{limit}");
        let mut answer = three.read(limited(Want::Labels, limit)).expect("labels");
        let is_truncated = answer.is_truncated;
        let found = listed(&mut answer).expect("labels");
        assert_eq!(is_truncated || found.len() > limit, limit < 30, "{limit}");
        let first: Vec<u32> = found.into_iter().take(limit).collect();
        assert_eq!(first, (0..30).take(limit).collect::<Vec<u32>>());
    }
}
