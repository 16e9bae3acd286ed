//! A capture as text, to be compressed with gzip (read it with `zcat`):
//!
//! ```text
//! tsdb-capture 1
//! target job="node",instance="localhost:9100"
//! times 1699999200000 15003 14999 ..          first in ms since the epoch, then differences
//! series node_load1                            as the exporter wrote it
//! 0.5 =3 0.25 !2 7                             `=N`: the last one N times more, `!N`: N scrapes without it
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::exposition::ExposedSample;

/// All scrapes of one exporter.
#[derive(Debug)]
pub(super) struct TargetRecording {
    labels: String,
    times: Vec<i64>,
    series: BTreeMap<String, Vec<Option<f64>>>,
}

impl TargetRecording {
    pub(super) fn new(job: &str, instance: &str) -> Self {
        Self {
            labels: format!("job=\"{job}\",instance=\"{instance}\""),
            times: Vec::new(),
            series: BTreeMap::new(),
        }
    }

    /// Adds one scrape and the series a scraper writes about it.
    pub(super) fn add(&mut self, time_ms: i64, took_seconds: f64, samples: Vec<ExposedSample>) {
        let before = self.times.len();
        let count = f64::from(u32::try_from(samples.len()).unwrap_or(u32::MAX));
        let about = [
            ("up", 1.0),
            ("scrape_duration_seconds", took_seconds),
            ("scrape_samples_scraped", count),
        ];
        let about = about.map(|(name, value)| ExposedSample {
            series: name.to_owned(),
            value,
        });
        for sample in samples.into_iter().chain(about) {
            let values = self.series.entry(sample.series).or_default();
            values.resize(before, None);
            values.push(Some(sample.value));
        }
        self.times.push(time_ms);
    }

    pub(super) fn series_len(&self) -> usize {
        self.series.len()
    }

    /// Appends the text of this target.
    pub(super) fn write(&self, out: &mut String) {
        out.push_str(&format!("target {}\ntimes", self.labels));
        let mut last = 0;
        for time in &self.times {
            write_field(out, time - last);
            last = *time;
        }
        out.push('\n');
        for (series, values) in &self.series {
            out.push_str(&format!("series {series}\n"));
            write_values(out, values, self.times.len());
        }
    }
}

fn write_field(out: &mut String, field: impl std::fmt::Display) {
    if !out.ends_with('\n') {
        out.push(' ');
    }
    // Writing into a String cannot fail.
    let _ = write!(out, "{field}");
}

fn write_values(out: &mut String, values: &[Option<f64>], scrapes: usize) {
    let mut values: Vec<Option<u64>> = values.iter().map(|value| value.map(f64::to_bits)).collect();
    values.resize(scrapes, None);
    let mut last_value = None;
    for run in values.chunk_by(|left, right| left == right) {
        match run.first().copied().flatten() {
            None => write_field(out, format_args!("!{}", run.len())),
            Some(bits) => {
                let mut repeats = run.len();
                if last_value != Some(bits) {
                    write_field(out, shortest(f64::from_bits(bits)));
                    repeats -= 1;
                }
                if repeats > 0 {
                    write_field(out, format_args!("={repeats}"));
                }
                last_value = Some(bits);
            }
        }
    }
    out.push('\n');
}

/// The shorter of the two forms that read back to the same number.
fn shortest(value: f64) -> String {
    let plain = format!("{value}");
    let scientific = format!("{value:e}");
    if scientific.len() < plain.len() {
        scientific
    } else {
        plain
    }
}
