//! What lines held: samples by series, each beside the number of its line.

use std::collections::BTreeMap;

use tsdb_core::model::{
    Exemplar, Histogram, Labels, MetricMetadata, Rejected, SeriesKey, WriteBatch,
};

use super::{LineError, Problem};

/// Samples of one series that follow each other.
#[derive(Clone, Debug)]
struct Run {
    labels: Labels,
    /// Where its floats end; they start where those of the run before end.
    end: usize,
}

/// What few series have, with the run and the line it belongs to.
#[derive(Clone, Debug)]
struct Placed<T> {
    run: usize,
    line: u64,
    what: T,
}

/// What some lines of a text held, and which of them were refused.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    runs: Vec<Run>,
    lines: Vec<u64>,
    timestamps: Vec<i64>,
    values: Vec<f64>,
    histograms: Vec<Placed<(i64, Histogram)>>,
    exemplars: Vec<Placed<Exemplar>>,
    metadata: Vec<MetricMetadata>,
    read: u64,
    refused: u64,
    problems: Vec<Problem>,
    strict: bool,
    stopped: bool,
}

impl Rows {
    /// How many problems are listed before they are only counted.
    pub const MAX_LISTED: usize = 100;

    /// No rows yet. Strict ones take nothing behind the first line that is refused.
    #[must_use]
    pub fn new(strict: bool) -> Self {
        Self {
            strict,
            ..Self::default()
        }
    }

    /// Takes everything out and keeps the memory; what stopped stays stopped.
    pub fn clear(&mut self) {
        self.runs.clear();
        self.lines.clear();
        self.timestamps.clear();
        self.values.clear();
        self.histograms.clear();
        self.exemplars.clear();
        self.metadata.clear();
        self.problems.clear();
        (self.read, self.refused) = (0, 0);
    }

    /// Begins a series, to which the samples that follow belong.
    pub fn begin(&mut self, labels: Labels) {
        let end = self.timestamps.len();
        self.runs.push(Run { labels, end });
    }

    /// Whether a series was begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        !self.runs.is_empty()
    }

    /// Adds a float (milliseconds, value) of a line to the series begun last.
    pub fn sample(&mut self, line: u64, timestamp: i64, value: f64) {
        if let Some(run) = self.runs.last_mut() {
            self.lines.push(line);
            self.timestamps.push(timestamp);
            self.values.push(value);
            run.end = self.timestamps.len();
        }
    }

    /// Adds a native histogram of a line to the series begun last.
    pub fn histogram(&mut self, line: u64, timestamp: i64, histogram: Histogram) {
        let what = (timestamp, histogram);
        let run = self.runs.len().saturating_sub(1);
        self.histograms.push(Placed { run, line, what });
    }

    /// Adds an exemplar of a line to the series begun last.
    pub fn exemplar(&mut self, line: u64, exemplar: Exemplar) {
        let run = self.runs.len().saturating_sub(1);
        self.exemplars.push(Placed {
            run,
            line,
            what: exemplar,
        });
    }

    /// Adds what a metric is.
    pub fn describe(&mut self, metadata: MetricMetadata) {
        self.metadata.push(metadata);
    }

    /// Counts a line that was read, whatever becomes of it.
    pub fn count_line(&mut self) {
        self.read += 1;
    }

    /// Refuses a line that was counted.
    pub fn refuse(&mut self, line: u64, error: LineError) {
        self.refused += 1;
        self.complain(Problem::of_line(line, error));
    }

    /// Adds a problem that no line of its own stands for.
    pub fn complain(&mut self, problem: Problem) {
        self.stopped |= self.strict;
        if self.problems.len() < Self::MAX_LISTED {
            self.problems.push(problem);
        }
    }

    /// Whether nothing behind the last line is wanted, as one was refused and the rows are strict.
    #[must_use]
    pub fn stopped(&self) -> bool {
        self.stopped
    }

    /// Whether there is nothing to store.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.metadata.is_empty()
    }

    /// Lines read and lines refused, since it was cleared.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.read, self.refused)
    }

    /// The first problems of lines, since it was cleared.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// What metrics are.
    #[must_use]
    pub fn metadata(&self) -> &[MetricMetadata] {
        &self.metadata
    }

    /// The floats, each with its series and the number of its line.
    pub fn samples(&self) -> impl Iterator<Item = (&Labels, u64, i64, f64)> {
        let mut start = 0;
        self.runs.iter().flat_map(move |run| {
            let range = start..run.end;
            start = run.end;
            range.filter_map(move |at| {
                let (line, ms) = (self.lines.get(at)?, self.timestamps.get(at)?);
                Some((&run.labels, *line, *ms, *self.values.get(at)?))
            })
        })
    }

    /// The exemplars, each with its series.
    pub fn exemplars(&self) -> impl Iterator<Item = (&Labels, &Exemplar)> {
        let exemplars = self.exemplars.iter();
        exemplars.filter_map(|one| Some((&self.runs.get(one.run)?.labels, &one.what)))
    }

    /// The batch that stores it.
    #[must_use]
    pub fn batch(&self) -> WriteBatch<'_> {
        let mut batch = WriteBatch::new();
        let mut histograms = self.histograms.iter().peekable();
        let mut exemplars = self.exemplars.iter().peekable();
        let mut start = 0;
        for (number, run) in self.runs.iter().enumerate() {
            batch.begin(SeriesKey::Labels(&run.labels));
            let timestamps = self.timestamps.get(start..run.end).unwrap_or_default();
            let values = self.values.get(start..run.end).unwrap_or_default();
            start = run.end;
            let samples = timestamps.iter().zip(values);
            samples.for_each(|(ms, value)| batch.sample(*ms, *value));
            while let Some(one) = histograms.next_if(|one| one.run <= number) {
                let (ms, histogram) = &one.what;
                batch.histogram(*ms, histogram.clone());
            }
            while let Some(one) = exemplars.next_if(|one| one.run <= number) {
                let exemplar = &one.what;
                let labels = Ok(exemplar.labels.clone());
                batch.exemplar(exemplar.timestamp, exemplar.value, labels);
            }
        }
        batch
    }

    /// Refusals of the batch, each with the line it is about.
    #[must_use]
    pub fn place(&self, rejected: &[Rejected]) -> Vec<Problem> {
        if rejected.is_empty() {
            return Vec::new();
        }
        let mut wanted: BTreeMap<&str, Vec<(i64, u64)>> = rejected
            .iter()
            .map(|rejected| (rejected.series.as_str(), Vec::new()))
            .collect();
        let mut start = 0;
        for (number, run) in self.runs.iter().enumerate() {
            let floats = start..run.end;
            start = run.end;
            let text = run.labels.to_string();
            let Some(found) = wanted.get_mut(text.as_str()) else {
                continue;
            };
            let times = self.timestamps.get(floats.clone()).unwrap_or_default();
            let lines = self.lines.get(floats).unwrap_or_default();
            found.extend(times.iter().copied().zip(lines.iter().copied()));
            let histograms = self.histograms.iter().filter(|one| one.run == number);
            found.extend(histograms.map(|one| (one.what.0, one.line)));
            let exemplars = self.exemplars.iter().filter(|one| one.run == number);
            found.extend(exemplars.map(|one| (one.what.timestamp, one.line)));
        }
        let place = |rejected: &Rejected| {
            let rows = wanted.get(rejected.series.as_str());
            let rows = rows.map(Vec::as_slice).unwrap_or_default();
            let of_time = |row: &&(i64, u64)| rejected.timestamp.is_none_or(|ms| ms == row.0);
            let row = rows.iter().find(of_time).or(rows.first());
            Problem {
                line: row.map(|row| row.1),
                column: None,
                reason: rejected.to_string(),
            }
        };
        rejected.iter().map(place).collect()
    }
}
