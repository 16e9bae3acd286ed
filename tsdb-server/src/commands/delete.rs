//! `tsdb-server delete`.

use std::io::Write;
use std::process::ExitCode;

use clap::Args;
use tsdb_core::{Matcher, TimeRange};

use super::CommandError;
use super::target::Target;
use crate::config::Config;
use crate::selector::parse_selector;
use crate::timestamp::{EARLIEST_MS, LATEST_MS, parse_time};

const EXAMPLES: &str = "\
Examples:
  tsdb-server delete --match '{job=\"node\",instance=\"old:9100\"}' --data-dir /var/lib/tsdb
      All samples of these series, in a folder that no server has open.
  tsdb-server delete --match up --start 2026-01-01T00:00:00Z --end 1767312000 --url http://127.0.0.1:7201
      A part of the time, of a running server that was started with --enable-admin-api.

What is deleted is hidden at once; `tsdb-server compact` takes it off the disk.
Exit codes: 0 done, 1 not done, 2 wrong arguments.";

/// Deletes in a folder, or has a server do it.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Delete {
    /// Series to delete samples of, as in PromQL; several times for several selectors
    #[arg(long = "match", value_name = "SELECTOR", required = true)]
    selectors: Vec<String>,

    /// First moment, in seconds since the epoch or RFC 3339; left out: from the beginning
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    start: Option<String>,

    /// Last moment, included; left out: to the end
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    end: Option<String>,

    #[command(flatten)]
    target: Target,
}

impl Delete {
    pub(super) fn run(&self, config: &Config) -> Result<ExitCode, CommandError> {
        let range = self.range()?;
        let sets = self.matcher_sets()?;
        let form = self.form();
        let route = ("/api/v1/admin/tsdb/delete_series", form.as_str());
        self.target.run(config, "deleting", route, |db, folder| {
            for (set, selector) in sets.iter().zip(&self.selectors) {
                let report = db.default_namespace().delete(range, set);
                let report = report.map_err(folder.failed())?;
                writeln!(
                    std::io::stdout(),
                    "{selector}: samples of {} series deleted",
                    report.series
                )?;
            }
            Ok(())
        })?;
        Ok(ExitCode::SUCCESS)
    }

    fn matcher_sets(&self) -> Result<Vec<Vec<Matcher>>, CommandError> {
        let parse = |selector: &String| {
            let wrong = |why| CommandError::Argument {
                argument: "--match",
                value: selector.clone(),
                why,
            };
            let set = parse_selector(selector).map_err(|error| wrong(error.to_string()))?;
            if set.iter().all(Matcher::matches_empty) {
                return Err(wrong(
                    "it must contain at least one non-empty matcher".to_owned(),
                ));
            }
            Ok(set)
        };
        self.selectors.iter().map(parse).collect()
    }

    fn range(&self) -> Result<TimeRange, CommandError> {
        let wrong = |argument, value: &str, why: &str| CommandError::Argument {
            argument,
            value: value.to_owned(),
            why: why.to_owned(),
        };
        let time = |argument, text: &Option<String>, bound| match text {
            None => Ok(bound),
            Some(text) => parse_time(text)
                .ok_or_else(|| wrong(argument, text, "write seconds since the epoch, or RFC 3339")),
        };
        let start = time("--start", &self.start, EARLIEST_MS)?;
        let end = time("--end", &self.end, LATEST_MS)?;
        TimeRange::inclusive(start, end).map_err(|_| {
            let end = self.end.as_deref().unwrap_or_default();
            wrong("--end", end, "it lies before --start")
        })
    }

    fn form(&self) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        for selector in &self.selectors {
            form.append_pair("match[]", selector);
        }
        for (name, text) in [("start", &self.start), ("end", &self.end)] {
            if let Some(text) = text {
                form.append_pair(name, text);
            }
        }
        form.finish()
    }
}
