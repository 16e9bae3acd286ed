//! Folders of scripts.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::runner::Case;
use super::script::Script;
use super::tally::{Ratchet, Tally};

/// How many failures are listed unless all are asked for.
const LISTED: usize = 40;

/// Suites are played at the same time, and share files of numbers.
static COUNTS: Mutex<()> = Mutex::new(());

/// A folder of scripts, and a file that says how many of their cases pass at least.
///
/// The environment decides: `TSDB_PROMQLTEST_ONLY=text` plays files whose path has the text in it,
/// `TSDB_PROMQLTEST_ALL=1` lists all failures, `TSDB_PROMQLTEST_COUNTS=write` writes the numbers.
#[derive(Clone, Debug)]
pub struct Suite {
    /// What it is called, in numbers and failures too.
    pub name: &'static str,
    /// Where the scripts are.
    pub folder: PathBuf,
    /// The file of numbers, which may be that of other suites too.
    pub counts: PathBuf,
}

impl Suite {
    /// Prometheus' own tests of a version (`v3.14`, `v2.42`): in the folder that `TSDB_PROMQLTEST`
    /// names, or beside the repository, in which `crate_folder` is.
    #[must_use]
    pub fn of_prometheus(name: &'static str, crate_folder: &Path, counts: PathBuf) -> Self {
        let beside = || crate_folder.join("../../shared/promqltest");
        let folder = std::env::var_os("TSDB_PROMQLTEST").map_or_else(beside, PathBuf::from);
        Self {
            name,
            folder: folder.join(name),
            counts,
        }
    }

    /// All scripts by name; `None` where there is no folder.
    ///
    /// # Errors
    /// When they cannot be read, or one is none.
    pub fn scripts(&self) -> Result<Option<Vec<Script>>, String> {
        let failed = |error: std::io::Error| format!("{}: {error}", self.folder.display());
        let entries = match std::fs::read_dir(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            entries => entries.map_err(failed)?,
        };
        let paths = entries.map(|entry| entry.map(|entry| entry.path()));
        let mut paths: Vec<PathBuf> = paths.collect::<Result<_, _>>().map_err(failed)?;
        paths.retain(|path| {
            path.extension()
                .is_some_and(|extension| extension == "test")
        });
        paths.sort();
        let scripts = paths.iter().map(|path| self.script(path));
        scripts.collect::<Result<_, _>>().map(Some)
    }

    fn script(&self, path: &Path) -> Result<Script, String> {
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|error| format!("{}: {error}", path.display()))?;
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let script = Script::parse(&format!("{}/{file}", self.name), &text);
        script.map_err(|error| error.to_string())
    }

    /// Plays scripts with `play`; a report.
    ///
    /// # Errors
    /// A report too, when fewer cases of a file pass than its number says, or the numbers cannot be
    /// read or written.
    pub fn play(
        &self,
        scripts: &[Script],
        mut play: impl FnMut(&Script) -> Vec<Case>,
    ) -> Result<String, String> {
        let only = std::env::var("TSDB_PROMQLTEST_ONLY").unwrap_or_default();
        let mut tally = Tally::default();
        for script in scripts.iter().filter(|script| script.file.contains(&only)) {
            tally.add(&script.file, play(script));
        }
        let all = scripts.iter().flat_map(Script::evals).count();
        let listed = match std::env::var_os("TSDB_PROMQLTEST_ALL") {
            Some(_) => usize::MAX,
            None => LISTED,
        };
        let mut report = tally.report(self.name, all, listed);
        let verdict = self.hold(&tally, only.is_empty());
        let verdict = verdict.map_err(|error| format!("{report}{error}"))?;
        report.push_str(&verdict);
        Ok(report)
    }

    /// Holds all files to their numbers, or writes these.
    fn hold(&self, tally: &Tally, is_all: bool) -> Result<String, String> {
        let _one_at_a_time = COUNTS.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = self.counts.display();
        let text = std::fs::read_to_string(&self.counts);
        let text = text.map_err(|error| format!("{counts}: {error}"))?;
        let mut ratchet = Ratchet::parse(&text)?;
        let verdict = ratchet.check(self.name, tally, is_all);
        if std::env::var("TSDB_PROMQLTEST_COUNTS").is_ok_and(|value| value == "write") {
            ratchet.take(self.name, tally, is_all);
            let written = write(&self.counts, &ratchet.text());
            written.map_err(|error| format!("{counts}: {error}"))?;
            return Ok(format!("{counts} is written\n"));
        }
        if !verdict.worse.is_empty() {
            let worse = verdict.worse.join("\n");
            return Err(format!("fewer cases pass than {counts} says:\n{worse}\n"));
        }
        Ok(match verdict.better {
            true => format!(
                "{}: more cases pass than {counts} says, \
                 TSDB_PROMQLTEST_COUNTS=write raises its numbers\n",
                self.name
            ),
            false => String::new(),
        })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a file of the repository, not of a database"
)]
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    std::fs::write(path, text)
}
