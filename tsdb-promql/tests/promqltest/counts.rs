//! How many cases of each file pass at least: `counts.txt`, whose numbers only rise.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::suite::say;

/// How a file went.
pub(crate) struct Count {
    /// The file, its suite first.
    pub(crate) file: String,
    /// Cases that pass.
    pub(crate) passed: usize,
    /// All cases.
    pub(crate) cases: usize,
}

/// Suites are played at the same time, and write one file.
static FILE: Mutex<()> = Mutex::new(());

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/promqltest/counts.txt")
}

/// The file's numbers: `FILE PASSED` a line.
fn read() -> BTreeMap<String, usize> {
    let text = std::fs::read_to_string(path()).unwrap();
    let line = |line: &str| {
        let (file, passed) = line.split_once(' ').unwrap();
        (file.to_owned(), passed.trim().parse().unwrap())
    };
    text.lines().map(line).collect()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a file of the repository, not of a database"
)]
fn write(counts: &BTreeMap<String, usize>) {
    let lines = counts
        .iter()
        .map(|(file, passed)| format!("{file} {passed}\n"));
    std::fs::write(path(), lines.collect::<String>()).unwrap();
}

/// Holds every file to its number. Where all files of the suite were played, a number without file is
/// an error too.
pub(crate) fn hold(suite: &str, found: &[Count], is_all: bool) {
    let _one_at_a_time = FILE.lock().unwrap();
    let mut counts = read();
    let mut worse = Vec::new();
    let mut better = false;
    for count in found {
        let held = counts.get(&count.file).copied();
        match held {
            Some(held) if count.passed < held => {
                worse.push(format!("{}: {} pass, {held} did", count.file, count.passed));
            }
            held => better |= held != Some(count.passed),
        }
    }
    let is_played = |file: &str| found.iter().any(|count| count.file == file);
    let of_suite = |file: &str| file.split('/').next() == Some(suite);
    if is_all {
        let gone = counts
            .keys()
            .filter(|file| of_suite(file) && !is_played(file));
        worse.extend(gone.map(|file| format!("{file}: there is no such file")));
    }
    if std::env::var("TSDB_PROMQLTEST_COUNTS").is_ok_and(|value| value == "write") {
        if is_all {
            counts.retain(|file, _| !of_suite(file) || is_played(file));
        }
        counts.extend(found.iter().map(|count| (count.file.clone(), count.passed)));
        return write(&counts);
    }
    if better {
        say(&format!(
            "{suite}: more cases pass than counts.txt holds; \
             TSDB_PROMQLTEST_COUNTS=write raises its numbers\n"
        ));
    }
    assert!(
        worse.is_empty(),
        "fewer cases pass than did:\n{}",
        worse.join("\n")
    );
}
