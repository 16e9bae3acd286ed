//! How scripts went, in numbers that only rise.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::runner::Case;

/// How a script went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// Its file, that of [`Case::file`].
    pub file: String,
    /// Cases that passed.
    pub passed: usize,
    /// All cases.
    pub cases: usize,
}

/// How the scripts of a suite went. Files of a suite are called `SUITE/NAME`.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    counts: Vec<Count>,
    failures: Vec<Case>,
}

impl Tally {
    /// Adds the cases of one script.
    pub fn add(&mut self, file: &str, cases: Vec<Case>) {
        let all = cases.len();
        let (failed, passed): (Vec<_>, Vec<_>) =
            cases.into_iter().partition(|case| case.failure.is_some());
        self.failures.extend(failed);
        self.counts.push(Count {
            file: file.to_owned(),
            passed: passed.len(),
            cases: all,
        });
    }

    /// How each script went, in the order in which they were added.
    #[must_use]
    pub fn counts(&self) -> &[Count] {
        &self.counts
    }

    /// A table of files, the first `listed` failures, and the sum, of `all` cases that the suite has.
    #[must_use]
    pub fn report(&self, suite: &str, all: usize, listed: usize) -> String {
        let mut lines = vec![String::new()];
        for count in &self.counts {
            let (file, passed, cases) = (&count.file, count.passed, count.cases);
            lines.push(format!("{file:36} {passed:5} of {cases:5}"));
        }
        for case in self.failures.iter().take(listed) {
            let (file, line, expression) = (&case.file, case.line, &case.expression);
            lines.push(format!("{file}:{line}: {expression}"));
            lines.push(format!("    {}", case.failure.as_deref().unwrap_or("")));
        }
        let more = self.failures.len().saturating_sub(listed);
        if more > 0 {
            lines.push(format!("... and {more} failures more"));
        }
        let passed: usize = self.counts.iter().map(|count| count.passed).sum();
        let played: usize = self.counts.iter().map(|count| count.cases).sum();
        lines.push(format!(
            "{suite}: {passed} of {all} cases pass, {played} were played\n"
        ));
        lines.join("\n")
    }
}

/// How many cases of each file pass at least.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ratchet {
    least: BTreeMap<String, usize>,
}

/// What a ratchet says of a suite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RatchetVerdict {
    /// What went worse, a line each.
    pub worse: Vec<String>,
    /// Whether numbers can be raised.
    pub better: bool,
}

impl Ratchet {
    /// Reads `FILE NUMBER` lines.
    ///
    /// # Errors
    /// The line that is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let line = |line: &str| {
            let (file, number) = line.rsplit_once(' ')?;
            Some((file.to_owned(), number.parse().ok()?))
        };
        let lines = text
            .lines()
            .map(|text| line(text).ok_or_else(|| text.to_owned()));
        let least = lines.collect::<Result<_, _>>()?;
        Ok(Self { least })
    }

    /// The lines that [`Ratchet::parse`] reads.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (file, least) in &self.least {
            // A string takes whatever is written.
            let _ = writeln!(text, "{file} {least}");
        }
        text
    }

    /// Compares a suite with its numbers; `is_all` when all its files were played.
    #[must_use]
    pub fn check(&self, suite: &str, tally: &Tally, is_all: bool) -> RatchetVerdict {
        let mut verdict = RatchetVerdict {
            worse: Vec::new(),
            better: false,
        };
        for count in &tally.counts {
            let (file, passed) = (&count.file, count.passed);
            match self.least.get(file) {
                Some(least) if passed < *least => {
                    verdict
                        .worse
                        .push(format!("{file}: {passed} pass, {least} did"));
                }
                least => verdict.better |= least != Some(&passed),
            }
        }
        let gone = self
            .least
            .keys()
            .filter(|file| is_all && gone(suite, tally, file));
        let gone = gone.map(|file| format!("{file}: there is no such file"));
        verdict.worse.extend(gone);
        verdict
    }

    /// Takes the numbers of a suite; those of its files that are gone go, when all were played.
    pub fn take(&mut self, suite: &str, tally: &Tally, is_all: bool) {
        self.least
            .retain(|file, _| !(is_all && gone(suite, tally, file)));
        let counts = tally.counts.iter();
        self.least
            .extend(counts.map(|count| (count.file.clone(), count.passed)));
    }
}

/// Whether a file of the suite was not played.
fn gone(suite: &str, tally: &Tally, file: &str) -> bool {
    file.split('/').next() == Some(suite) && !tally.counts.iter().any(|count| count.file == file)
}

#[cfg(test)]
mod tests {
    use super::{Case, Ratchet, Tally};

    fn tally(file: &str, passed: usize, failed: usize) -> Tally {
        let case = |failure: Option<&str>| Case {
            file: file.to_owned(),
            line: 7,
            expression: "up".to_owned(),
            failure: failure.map(str::to_owned),
        };
        let passing = std::iter::repeat_n(case(None), passed);
        let failing = std::iter::repeat_n(case(Some("down")), failed);
        let mut tally = Tally::default();
        tally.add(file, passing.chain(failing).collect());
        tally
    }

    #[test]
    fn numbers_only_rise() {
        let ratchet = Ratchet::parse("s/a.test 2\nt/b.test 1\n").unwrap();
        assert_eq!(ratchet.text(), "s/a.test 2\nt/b.test 1\n");
        let same = ratchet.check("s", &tally("s/a.test", 2, 1), true);
        assert!(same.worse.is_empty() && !same.better);
        let more = tally("s/a.test", 3, 0);
        assert!(ratchet.check("s", &more, true).better);
        let less = ratchet.check("s", &tally("s/a.test", 1, 2), true);
        assert_eq!(less.worse, ["s/a.test: 1 pass, 2 did"]);
        let other = tally("s/c.test", 1, 0);
        let gone = ratchet.check("s", &other, true);
        assert_eq!(gone.worse, ["s/a.test: there is no such file"]);
        assert!(ratchet.check("s", &other, false).worse.is_empty());
        let mut raised = ratchet.clone();
        raised.take("s", &more, true);
        raised.take("t", &Tally::default(), true);
        assert_eq!(raised.text(), "s/a.test 3\n");
        assert_eq!(Ratchet::parse("s/a.test"), Err("s/a.test".to_owned()));
    }

    #[test]
    fn failures_are_listed_with_their_place() {
        let report = tally("s/a.test", 1, 2).report("s", 9, 1);
        for part in [
            "1 of     3",
            "s/a.test:7: up\n    down\n... and 1 failures more",
            "1 of 9",
        ] {
            assert!(report.contains(part), "{report}");
        }
    }
}
