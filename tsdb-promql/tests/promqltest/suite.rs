//! A folder of scripts, and what is said of how they went.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tsdb_promql::Features;
use tsdb_promql::testkit::{
    Case, EngineSubject, Eval, Query, Ratchet, Script, SeriesOrder, Tally, engine_options, run,
};

/// How many failures are listed unless all are asked for.
const LISTED: usize = 40;

/// A folder of scripts.
pub(crate) struct Suite {
    /// What it is called.
    pub(crate) name: &'static str,
    /// Where it is.
    pub(crate) folder: PathBuf,
    /// What is switched on for it.
    pub(crate) features: Features,
    /// A case passes when it does in all of these orders of series.
    pub(crate) orders: &'static [SeriesOrder],
}

/// How many queries all scripts of a suite ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Total {
    /// Instant queries.
    pub(crate) instant: usize,
    /// Range queries.
    pub(crate) range: usize,
}

impl Suite {
    /// Plays all scripts; a folder that is not there is only allowed where a total is known.
    ///
    /// # Panics
    /// When a script is none, the total is another, or a file passes fewer cases than `counts.txt`
    /// says.
    pub(crate) fn play(&self, total: Option<Total>) {
        let name = self.name;
        if let Some(Total { instant, range }) = total
            && !self.folder.try_exists().unwrap()
        {
            let cases = instant + range;
            let folder = self.folder.display();
            return say(&format!(
                "\n!!! {cases} cases of {name} WERE NOT PLAYED: there is no {folder}, \
                 set TSDB_PROMQLTEST to a folder with v3.14 and v2.42\n"
            ));
        }
        let scripts = self.scripts();
        if let Some(total) = total {
            assert_eq!(asked(&scripts), total, "queries that {name} asks");
        }
        let all = scripts.iter().flat_map(Script::evals).count();
        let only = std::env::var("TSDB_PROMQLTEST_ONLY").unwrap_or_default();
        let mut tally = Tally::default();
        for script in scripts.iter().filter(|script| script.file.contains(&only)) {
            tally.add(&script.file, self.cases(script));
        }
        let listed = match std::env::var_os("TSDB_PROMQLTEST_ALL") {
            Some(_) => usize::MAX,
            None => LISTED,
        };
        say(&tally.report(name, all, listed));
        hold(name, &tally, only.is_empty());
    }

    /// All scripts of the folder by name.
    fn scripts(&self) -> Vec<Script> {
        let entries = std::fs::read_dir(&self.folder).unwrap();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| {
            path.extension()
                .is_some_and(|extension| extension == "test")
        });
        paths.sort();
        paths.iter().map(|path| self.script(path)).collect()
    }

    fn script(&self, path: &Path) -> Script {
        let file = path.file_name().unwrap().to_string_lossy();
        let text = std::fs::read_to_string(path).unwrap();
        let script = Script::parse(&format!("{}/{file}", self.name), &text);
        script.unwrap_or_else(|error| panic!("{error}"))
    }

    /// The cases of a script; one that fails in any order of series fails.
    fn cases(&self, script: &Script) -> Vec<Case> {
        let mut verdicts: Vec<Case> = Vec::new();
        for order in self.orders {
            let mut subject = EngineSubject::new(engine_options(self.features), *order);
            let cases = run(script, &mut subject);
            if verdicts.is_empty() {
                verdicts = cases;
                continue;
            }
            for (verdict, case) in verdicts.iter_mut().zip(cases) {
                let failure = case.failure.map(|text| format!("{order:?} series: {text}"));
                verdict.failure = verdict.failure.take().or(failure);
            }
        }
        verdicts
    }
}

fn asked(scripts: &[Script]) -> Total {
    let is_instant = |eval: &&Eval| matches!(eval.query, Query::Instant(_));
    let (instant, range): (Vec<_>, Vec<_>) =
        scripts.iter().flat_map(Script::evals).partition(is_instant);
    Total {
        instant: instant.len(),
        range: range.len(),
    }
}

/// Says it even where the output of tests that pass is kept back.
fn say(text: &str) {
    std::io::stderr().lock().write_all(text.as_bytes()).unwrap();
}

/// Suites are played at the same time, and have one file of numbers.
static COUNTS: Mutex<()> = Mutex::new(());

/// Holds all files to their numbers in `counts.txt`, or writes these.
fn hold(suite: &str, tally: &Tally, is_all: bool) {
    let _one_at_a_time = COUNTS.lock().unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/promqltest/counts.txt");
    let mut ratchet = Ratchet::parse(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let verdict = ratchet.check(suite, tally, is_all);
    if std::env::var("TSDB_PROMQLTEST_COUNTS").is_ok_and(|value| value == "write") {
        ratchet.take(suite, tally, is_all);
        return write(&path, &ratchet.text());
    }
    if verdict.better {
        say(&format!(
            "{suite}: more cases pass than counts.txt holds; \
             TSDB_PROMQLTEST_COUNTS=write raises its numbers\n"
        ));
    }
    let worse = verdict.worse.join("\n");
    assert!(worse.is_empty(), "fewer cases pass than did:\n{worse}");
}

#[expect(
    clippy::disallowed_methods,
    reason = "a file of the repository, not of a database"
)]
fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}
