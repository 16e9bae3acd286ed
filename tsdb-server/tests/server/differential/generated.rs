//! Queries by chance, as instants and ranges.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;

use super::answer::difference;
use super::grammar::{Chance, Expression, Grammar};
use super::known::{self, Known};
use super::pair::{Pair, Times};

/// How many queries a run has unless `TSDB_DIFF_COUNT` says so.
const COUNT: usize = 400;
/// Where chance begins unless `TSDB_DIFF_SEED` says so.
const SEED: u64 = 42;

fn number_of<T: std::str::FromStr>(name: &str, otherwise: T) -> T {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .ok()
            .unwrap_or_else(|| panic!("{name} is no number: {text}")),
        Err(_) => otherwise,
    }
}

/// What a run found.
#[derive(Debug, Default)]
struct Found {
    /// How many answers had a result with series, were empty, and were errors.
    answers: [usize; 3],
    known: BTreeMap<String, usize>,
    unknown: String,
}

impl Found {
    async fn ask(&mut self, pair: &Pair, list: &[Known], expression: &Expression, times: Times) {
        let [theirs, ours] = pair.ask(&expression.text, times).await;
        let result = &theirs.1["data"]["result"];
        let place = match (
            result.is_null(),
            result.as_array().is_some_and(Vec::is_empty),
        ) {
            (true, _) => 2,
            (_, true) => 1,
            _ => 0,
        };
        self.answers[place] += 1;
        let Some(kind) = difference(&theirs, &ours) else {
            return;
        };
        let (smallest, kind) = pair.smallest(expression.clone(), kind, times).await;
        match known::reason(list, &smallest.text, kind) {
            Some(reason) => *self.known.entry(reason.to_owned()).or_default() += 1,
            None => {
                let [theirs, ours] = pair.ask(&smallest.text, times).await;
                let cut = |answer: &(u16, serde_json::Value)| -> String {
                    format!("{} {}", answer.0, answer.1)
                        .chars()
                        .take(1500)
                        .collect()
                };
                let text = format!(
                    "\n{kind:?}: {}\n  {times:?}\n  smallest: {}\n  theirs: {}\n  ours:   {}\n",
                    expression.text,
                    smallest.text,
                    cut(&theirs),
                    cut(&ours)
                );
                self.unknown.write_str(&text).expect("a text");
            }
        }
    }
}

/// Asks of floats alone, and then of native histograms among them.
async fn run(name: &str, pair: &Pair, lists: &[&str], shifts: &[i64]) {
    run_with(false, name, pair, lists, shifts).await;
    let name = format!("{name}, native histograms");
    let lists = Vec::from_iter(lists.iter().copied().chain(["native.txt"]));
    run_with(true, &name, pair, &lists, shifts).await;
}

/// Asks so many queries, each at an instant and over a range. `shifts` are how far, in milliseconds,
/// the times asked are off a multiple of 15 seconds.
async fn run_with(has_natives: bool, name: &str, pair: &Pair, lists: &[&str], shifts: &[i64]) {
    let (seed, count) = (
        number_of("TSDB_DIFF_SEED", SEED),
        number_of("TSDB_DIFF_COUNT", COUNT),
    );
    let list = Vec::from_iter(lists.iter().flat_map(|list| known::list(list)));
    let minute = pair.end - pair.end % 60_000;
    let mut found = Found::default();
    for number in 0..count {
        let mut chance = Chance(seed ^ (number as u64) << 20);
        let shift = chance.one_of(shifts);
        let time = minute - chance.below(150) as i64 * 15_000 + shift;
        let step = chance.one_of(&[15_000, 60_000, 300_000]);
        let end = minute + shift;
        let start = end - step * (1 + chance.below(if step == 300_000 { 10 } else { 40 }) as i64);
        let now = (minute + shift) as f64 / 1000.0;
        let mut grammar = Grammar {
            chance,
            now,
            has_natives,
        };
        let expression = grammar.expression();
        found.ask(pair, &list, &expression, Times::At(time)).await;
        found
            .ask(pair, &list, &expression, Times::Range(start, end, step))
            .await;
    }
    let [full, empty, errors] = found.answers;
    let known: String = found
        .known
        .iter()
        .map(|(reason, count)| format!("  {count:4} {reason}\n"))
        .collect();
    let text = format!(
        "\n{name}: {count} expressions of seed {seed}: {full} results, {empty} empty, {errors} errors; differ as known:\n{known}"
    );
    std::io::stderr()
        .lock()
        .write_all(text.as_bytes())
        .expect("stderr");
    assert!(found.unknown.is_empty(), "{text}{}", found.unknown);
    assert!(full > count, "too few have results");
}

#[tokio::test]
async fn queries_by_chance_are_answered_as_prometheus_2_42_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let flags = ["--promql-features", "prometheus-2"];
    if let Some(pair) = Pair::filled(folder.path(), 0, &flags).await {
        run("as 2.42", &pair, &["as_2.42.txt"], &[0, 0, 3000, 7123]).await;
    }
}

/// No sample lies at the edge of a window here, where versions differ.
#[tokio::test]
async fn queries_by_chance_differ_from_prometheus_2_42_as_known_of_3_14() {
    let folder = tempfile::tempdir().expect("a folder");
    if let Some(pair) = Pair::filled(folder.path(), 7123, &[]).await {
        run(
            "as 3.14, off the edges",
            &pair,
            &["as_2.42.txt", "as_3.14.txt"],
            &[3000],
        )
        .await;
    }
}

/// Here they do: windows are closed on the left in 2.42, and open in 3.14.
#[tokio::test]
async fn queries_by_chance_differ_at_the_edges_of_windows_as_known_of_3_14() {
    let folder = tempfile::tempdir().expect("a folder");
    if let Some(pair) = Pair::filled(folder.path(), 0, &[]).await {
        let lists = ["as_2.42.txt", "as_3.14.txt", "as_3.14_at_edges.txt"];
        run("as 3.14, at the edges", &pair, &lists, &[0]).await;
    }
}
