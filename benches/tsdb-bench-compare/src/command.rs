//! The whole comparison: every load into every server.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use tsdb_bench::Capture;
use tsdb_core::Clock as _;

use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::load::Load;
use crate::options::{LoadName, Options};
use crate::progress::Progress;
use crate::queries::queries;
use crate::run::Bench;
use crate::table::{Row, Table};
use crate::wait::Watch;

/// Runs what the options ask for and prints a table for each load.
///
/// # Errors
/// When a load cannot be made, on a signal, or when `--check` finds something; a server that
/// fails or is absent is a row that says why.
pub fn compare(options: &Options) -> Result<(), Error> {
    let watch = Watch::new(Interrupt::on_signals()?);
    let progress = Progress::new();
    let capture = match &options.capture {
        Some(path) => Capture::from_gzip(&read(path)?)?,
        None => Capture::load()?,
    };
    let bench = Bench {
        options,
        watch: &watch,
        progress: &progress,
    };
    let mut results = Vec::new();
    let mut findings = Vec::new();
    for name in LoadName::expand(&options.load) {
        if name == LoadName::Queries {
            let report = queries(&bench)?;
            progress.clear();
            let table = match options.markdown {
                true => report.table().turned(),
                false => report.table(),
            };
            print(&report.description, &table, options.markdown)?;
            findings.extend(report.findings());
            results.push(report.json());
            continue;
        }
        let load = Load::new(name, options, capture.clone(), watch.clock.now_ms())?;
        let mut rows: Vec<Row> = Vec::new();
        for server in &options.only {
            let folder = folder("compare-", options.folder.as_deref())?;
            let outcome = bench.run(*server, &load, folder.path());
            progress.clear();
            watch.interrupt.check()?;
            rows.push((*server, outcome.map_err(|error| error.to_string())));
        }
        let table = Table::new(&rows);
        print(&load.description(), &table, options.markdown)?;
        findings.extend(check(&rows, &table));
        results.push(json_of(&load, &rows));
    }
    if let Some(path) = &options.json {
        let all = json!({ "machine": machine(), "loads": results });
        write(path, &format!("{all:#}\n"))?;
    }
    match options.check && !findings.is_empty() {
        true => Err(Error::Check(findings.join("; "))),
        false => Ok(()),
    }
}

/// What must not be so under `--check`.
fn check(rows: &[Row], table: &Table) -> Vec<String> {
    let mut findings = Vec::new();
    if !table.is_filled() {
        findings.push(format!("a cell is empty: {}", table.notes.join("; ")));
    }
    for (name, outcome) in rows {
        let Some(figures) = outcome.as_ref().ok().filter(|_| name.is_ours()) else {
            continue;
        };
        let compared = figures.after_stop.compared;
        let whole = compared.found == compared.sent && compared.foreign == 0;
        let killed = figures.after_kill.compared;
        let exact = compared.changed == 0 && killed == compared;
        if figures.lost_ever() > 0 || figures.sent.refused > 0 || !whole || !exact {
            findings.push(format!(
                "{} lost {} samples and refused {}, and of those compared: {compared:?}, after kill -9 {killed:?}",
                name.text(),
                figures.lost_ever(),
                figures.sent.refused
            ));
        }
    }
    findings
}

fn print(description: &str, table: &Table, markdown: bool) -> Result<(), Error> {
    let text = match markdown {
        true => format!("{description}\n\n{}\n", table.markdown()),
        false => format!("{description}\n{}", table.aligned()),
    };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").map_err(Error::io("writing", "standard output"))
}

fn json_of(load: &Load, rows: &[Row]) -> Value {
    let servers: serde_json::Map<String, Value> = rows
        .iter()
        .map(|(name, outcome)| {
            let value = match outcome {
                Ok(figures) => figures.json(),
                Err(why) => json!({ "error": why }),
            };
            (name.text().to_owned(), value)
        })
        .collect();
    json!({ "load": load.name.text(), "description": load.description(), "servers": servers })
}

/// What the figures depend on beside the servers.
fn machine() -> Value {
    let line = |path: &str, name: &str| {
        let text = std::fs::read_to_string(path).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim_matches([' ', '\t', ':']).to_owned())
    };
    json!({
        "cpu": line("/proc/cpuinfo", "model name"),
        "cores": std::thread::available_parallelism().map(usize::from).ok(),
        "memory": line("/proc/meminfo", "MemTotal"),
        "kernel": line("/proc/sys/kernel/osrelease", ""),
    })
}

/// A folder of its own, removed when dropped.
pub(crate) fn folder(prefix: &str, above: Option<&Path>) -> Result<tempfile::TempDir, Error> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix);
    let made = match above {
        Some(above) => builder.tempdir_in(above),
        None => builder.tempdir(),
    };
    let shown = above.map_or(OsStr::new("a temporary folder"), Path::as_os_str);
    made.map_err(Error::io("making a folder in", shown))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a harness works on the machine's real files"
)]
fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(Error::io("reading", path))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a harness works on the machine's real files"
)]
fn write(path: &Path, text: &str) -> Result<(), Error> {
    std::fs::write(path, text).map_err(Error::io("writing", path))
}
