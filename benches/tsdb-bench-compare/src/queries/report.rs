//! What was measured of all servers, as a table.

use serde_json::{Value, json};

use super::answer::Answer;
use super::question::{QUESTIONS, Question, When};
use crate::options::ServerName;
use crate::table::{NOTHING, Table};

/// How a table names it.
const READ: &str = "remote read of everything, CPU ns a sample, least / median";
/// The cell of a server that has none.
const NO_READ: &str = "none";

/// All answers to one question.
#[derive(Debug, Clone, Default)]
pub(super) struct Cost {
    /// CPU of the server's process, of each time.
    pub(super) cpu_ns: Vec<u64>,
    /// From the request to the end of the answer, of each time.
    pub(super) wall_ns: Vec<u64>,
    /// The last one.
    pub(super) answer: Answer,
}

impl Cost {
    fn least_ms(&self) -> f64 {
        let least = self.cpu_ns.iter().min().copied();
        least.unwrap_or_default() as f64 / 1e6
    }
}

/// All samples as streamed chunks by remote read.
#[derive(Debug, Clone, Default)]
pub(super) struct Read {
    /// CPU of the server's process, of each time.
    pub(super) cpu_ns: Vec<u64>,
    /// How many samples there were, each time.
    pub(super) samples: u64,
}

impl Read {
    /// CPU of a sample, the least and the one in the middle.
    fn ns(&self) -> [f64; 2] {
        let least = self.cpu_ns.iter().min().copied();
        [least.unwrap_or_default(), median(&self.cpu_ns)]
            .map(|cpu_ns| cpu_ns as f64 / self.samples as f64)
    }
}

/// A server that was asked everything.
#[derive(Debug, Clone)]
pub(super) struct Stage {
    /// What it says of its version.
    pub(super) version: String,
    /// In the order of the questions.
    pub(super) costs: Vec<Cost>,
    /// `None` of a server that has no remote read.
    pub(super) read: Option<Read>,
    /// Memory before the first question, and the most until the last answer, in bytes.
    pub(super) rss: u64,
    pub(super) peak: u64,
}

/// What became of a server.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) server: ServerName,
    pub(super) title: String,
    pub(super) outcome: Result<Stage, String>,
}

/// What became of all.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    /// One line that says what was asked of what.
    pub(crate) description: String,
    pub(super) runs: usize,
    pub(super) rows: Vec<Row>,
}

impl Report {
    /// A row a server, and how many times the CPU of ours a peer took.
    pub(crate) fn table(&self) -> Table {
        let mut headings = vec!["query".to_owned()];
        headings.extend(QUESTIONS.iter().map(|question| question.title()));
        headings.extend([READ, "MiB before", "MiB at most"].map(str::to_owned));
        let mut table = Table {
            notes: self.differences(),
            rows: vec![headings],
        };
        for row in &self.rows {
            let mut cells = vec![row.title.clone()];
            match &row.outcome {
                Ok(stage) => {
                    cells.extend(stage.costs.iter().map(cell));
                    cells.push(match stage.read.as_ref().map(Read::ns) {
                        Some([least, median]) => format!("{least:.1} / {median:.1}"),
                        None => NO_READ.to_owned(),
                    });
                    cells.extend([stage.rss, stage.peak].map(|bytes| (bytes >> 20).to_string()));
                }
                Err(why) => {
                    cells.resize(QUESTIONS.len() + 4, NOTHING.to_owned());
                    table
                        .notes
                        .push(format!("{}: no figures: {why}", row.title));
                }
            }
            table.rows.push(cells);
        }
        table.rows.extend(self.ratios());
        table
    }

    /// What must not be so under `--check`.
    pub(crate) fn findings(&self) -> Vec<String> {
        let failed = self.rows.iter().filter_map(|row| {
            let why = row.outcome.as_ref().err()?;
            Some(format!("{}: {why}", row.title))
        });
        failed.chain(self.differences()).collect()
    }

    pub(crate) fn json(&self) -> Value {
        let servers: serde_json::Map<String, Value> = self
            .rows
            .iter()
            .map(|row| {
                let value = match &row.outcome {
                    Ok(stage) => stage.json(),
                    Err(why) => json!({ "error": why }),
                };
                (row.title.clone(), value)
            })
            .collect();
        json!({
            "load": "queries",
            "description": self.description,
            "runs": self.runs,
            "servers": servers,
        })
    }

    /// What the answers of all are compared with: the first of ours.
    fn reference(&self) -> Option<(&Row, &Stage)> {
        let of = |row| (row, Row::stage(row));
        let mut ours = self.rows.iter().map(of);
        ours.find_map(|(row, stage)| Some((row, stage.filter(|_| row.server.is_ours())?)))
    }

    /// By how much more CPU than ours the peers took, of the least each.
    fn ratios(&self) -> Vec<Vec<String>> {
        let Some((reference, ours)) = self.reference() else {
            return Vec::new();
        };
        let peers = self.rows.iter().filter(|row| !row.server.is_ours());
        peers
            .filter_map(|row| {
                let stage = row.stage()?;
                let mut cells = vec![format!("{} / {}", row.title, reference.title)];
                let pairs = stage.costs.iter().zip(&ours.costs);
                cells.extend(
                    pairs.map(|(theirs, own)| format!("{:.1}", theirs.least_ms() / own.least_ms())),
                );
                let reads = (stage.read.as_ref()).zip(ours.read.as_ref());
                cells.push(
                    match reads.map(|(theirs, own)| (theirs.ns()[0], own.ns()[0])) {
                        Some((theirs, own)) => format!("{:.1}", theirs / own),
                        None => NO_READ.to_owned(),
                    },
                );
                let of = |theirs: u64, own: u64| format!("{:.1}", theirs as f64 / own as f64);
                cells.push(of(stage.rss, ours.rss));
                cells.push(of(stage.peak, ours.peak));
                Some(cells)
            })
            .collect()
    }

    /// Where answers differ that must not. VictoriaMetrics has a meaning of its own for rates and
    /// for points without samples, so that of it the series are counted alone.
    fn differences(&self) -> Vec<String> {
        let Some((reference, ours)) = self.reference() else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for row in &self.rows {
            let costs = row.stage().into_iter().flat_map(|stage| &stage.costs);
            for ((question, own), theirs) in QUESTIONS.iter().zip(&ours.costs).zip(costs) {
                if let Some(what) = difference(row.server, &own.answer, &theirs.answer) {
                    found.push(format!(
                        "{} differs of {} and {}: {what}",
                        question.title(),
                        reference.title,
                        row.title
                    ));
                }
            }
        }
        for row in &self.rows {
            let read = row.stage().and_then(|stage| stage.read.as_ref());
            if let (Some(own), Some(theirs)) = (&ours.read, read)
                && (own.samples != theirs.samples || own.samples == 0)
            {
                found.push(format!(
                    "remote read gives {} samples of {} and {} of {}",
                    own.samples, reference.title, theirs.samples, row.title
                ));
            }
        }
        for (question, own) in QUESTIONS.iter().zip(&ours.costs) {
            if own.answer.series_len() == 0 {
                found.push(format!("{} found nothing", question.title()));
            }
        }
        found
    }
}

impl Row {
    fn stage(&self) -> Option<&Stage> {
        self.outcome.as_ref().ok()
    }
}

impl Stage {
    fn json(&self) -> Value {
        let of = |(question, cost): (&Question, &Cost)| {
            json!({
                "query": question.expression,
                "range": question.when == When::Range,
                "cpu_ns": cost.cpu_ns,
                "wall_ns": cost.wall_ns,
                "series": cost.answer.series_len(),
            })
        };
        let queries: Vec<Value> = QUESTIONS.iter().zip(&self.costs).map(of).collect();
        let read = self.read.as_ref();
        json!({
            "version": self.version,
            "remote_read": read.map(|read| json!({ "samples": read.samples, "cpu_ns": read.cpu_ns })),
            "rss_before_bytes": self.rss,
            "rss_peak_bytes": self.peak,
            "queries": queries,
        })
    }
}

/// How an answer differs from ours, as far as it must not.
pub(super) fn difference(server: ServerName, ours: &Answer, theirs: &Answer) -> Option<String> {
    let (own, others) = (ours.series_len(), theirs.series_len());
    match server {
        ServerName::VictoriaMetrics => {
            (own != others).then(|| format!("{own} series and {others}"))
        }
        ServerName::Ours | ServerName::OursV2 | ServerName::Prometheus => ours.difference(theirs),
    }
}

fn cell(cost: &Cost) -> String {
    format!(
        "{:.1} / {:.1}; {:.1}",
        cost.least_ms(),
        median_ms(&cost.cpu_ns),
        median_ms(&cost.wall_ns)
    )
}

/// The one in the middle, the upper of two, in milliseconds.
pub(super) fn median_ms(all: &[u64]) -> f64 {
    median(all) as f64 / 1e6
}

fn median(all: &[u64]) -> u64 {
    let mut sorted = all.to_vec();
    sorted.sort_unstable();
    let middle = sorted.get(sorted.len() / 2).copied();
    middle.unwrap_or_default()
}
