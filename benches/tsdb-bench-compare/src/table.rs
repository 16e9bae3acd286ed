//! The figures as a table.

use crate::figures::Figures;
use crate::options::ServerName;

/// One server's figures, or why there are none.
pub(crate) type Row = (ServerName, Result<Figures, String>);

/// A cell that has no figure.
pub(crate) const NOTHING: &str = "-";

const HEADINGS: &[&str] = &[
    "server",
    "CPU ns/sample",
    "known series",
    "us/new series",
    "settling ns/sample",
    "samples/s",
    "RSS B/series",
    "peak",
    "disk B/sample",
    "allocated",
    "ready s, clean stop",
    "ready s, kill -9",
    "samples lost",
    "changed %",
    "refused",
];

/// All rows of a table, headings first, then the notes that stand below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) rows: Vec<Vec<String>>,
    pub(crate) notes: Vec<String>,
}

impl Table {
    pub(crate) fn new(rows: &[Row]) -> Self {
        let mut table = Self {
            rows: vec![HEADINGS.iter().map(|text| (*text).to_owned()).collect()],
            notes: Vec::new(),
        };
        for (name, outcome) in rows {
            let mut row = vec![name.text().to_owned()];
            match outcome {
                Ok(figures) => {
                    row.extend(cells(figures));
                    table.notes.extend(notes(*name, figures));
                }
                Err(why) => {
                    table
                        .notes
                        .push(format!("{}: no figures: {why}", name.text()));
                }
            }
            row.resize(HEADINGS.len(), NOTHING.to_owned());
            table.rows.push(row);
        }
        table
    }

    /// Whether every cell has a figure.
    pub(crate) fn is_filled(&self) -> bool {
        self.rows.iter().flatten().all(|cell| cell != NOTHING)
    }

    /// The same with a row for each column.
    pub(crate) fn turned(&self) -> Self {
        let columns = self.rows.first().map_or(0, Vec::len);
        let rows = (0..columns).map(|column| {
            let cells = self.rows.iter().filter_map(|row| row.get(column).cloned());
            cells.collect()
        });
        Self {
            rows: rows.collect(),
            notes: self.notes.clone(),
        }
    }

    /// As Markdown.
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::new();
        for (index, row) in self.rows.iter().enumerate() {
            text += &format!("| {} |\n", row.join(" | "));
            if index == 0 {
                let rules: Vec<&str> = row
                    .iter()
                    .enumerate()
                    .map(|(column, _)| if column == 0 { "---" } else { "---:" })
                    .collect();
                text += &format!("| {} |\n", rules.join(" | "));
            }
        }
        for note in &self.notes {
            text += &format!("\n- {note}");
        }
        text
    }

    /// Turned by a quarter and aligned: a line a figure, a column a server.
    pub(crate) fn aligned(&self) -> String {
        let mut text = String::new();
        let widths: Vec<usize> = self
            .rows
            .iter()
            .map(|row| row.iter().map(String::len).max().unwrap_or_default())
            .collect();
        let lines = self.rows.first().map_or(0, Vec::len);
        for line in 0..lines {
            let cells = self.rows.iter().zip(&widths).enumerate();
            let cells: Vec<String> = cells
                .filter_map(|(index, (row, width))| {
                    let cell = row.get(line)?;
                    Some(match index {
                        0 => format!("{cell:<width$}"),
                        _ => format!("{cell:>width$}"),
                    })
                })
                .collect();
            text += cells.join("  ").trim_end();
            text += "\n";
        }
        for note in &self.notes {
            text += &format!("{note}\n");
        }
        text
    }
}

fn cells(figures: &Figures) -> Vec<String> {
    let seconds = |ms: u64| format!("{:.3}", ms as f64 / 1e3);
    vec![
        number(figures.cpu_ns(), 0),
        number(figures.known_cpu_ns(), 0),
        number(figures.new_series_cpu_ns() / 1e3, 2),
        number(figures.settling_cpu_ns(), 0),
        number(figures.rate(), 0),
        number(figures.rss_per_series(), 0),
        number(figures.peak_per_series(), 0),
        number(figures.disk_per_sample(), 3),
        number(figures.allocated_per_sample(), 3),
        seconds(figures.after_stop.ready_ms),
        seconds(figures.after_kill.ready_ms),
        figures.lost().to_string(),
        number(figures.changed_percent(), 2),
        figures.sent.refused.to_string(),
    ]
}

/// A number, or nothing when it is none.
fn number(value: f64, digits: usize) -> String {
    match value.is_finite() {
        true => format!("{value:.digits$}"),
        false => NOTHING.to_owned(),
    }
}

/// What the cells do not say.
fn notes(name: ServerName, figures: &Figures) -> Vec<String> {
    let mut notes = Vec::new();
    let mut note = |text: String| notes.push(format!("{}: {text}", name.text()));
    if let Some(refusal) = &figures.sent.refusal {
        note(format!(
            "refused {} samples of whole requests, first with {refusal}",
            figures.sent.refused
        ));
    }
    if !figures.after_kill.last_sample {
        note("the last acked sample is not there after kill -9".to_owned());
    }
    if figures.lost_ever() > figures.lost() {
        let lost = figures.lost_ever();
        note(format!("{lost} samples are not there after the clean stop"));
    }
    let foreign = figures.after_stop.compared.foreign;
    if foreign > 0 {
        note(format!("{foreign} samples came back that were never sent"));
    }
    if figures.sent.retries > 0 {
        note(format!("{} requests were sent again", figures.sent.retries));
    }
    notes
}
