//! OpenMetrics on its way out.

use tsdb_core::model::{
    Labels, METRIC_NAME, MetricMetadata, is_legacy_label_name, is_legacy_metric_name, is_stale,
};

use crate::number::{ORDINARY_NAN_BITS, append, write_number, write_seconds};

/// What of a series OpenMetrics has no text for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unwritable {
    /// Stale markers, which were left out.
    pub stale_markers: u64,
    /// Native histograms, which were left out.
    pub histograms: u64,
    /// NaNs with other bits than the ordinary one, which were written as `NaN`.
    pub nan_payloads: u64,
}

impl Unwritable {
    /// Adds what was left out elsewhere.
    pub fn add(&mut self, other: Self) {
        self.stale_markers += other.stale_markers;
        self.histograms += other.histograms;
        self.nan_payloads += other.nan_payloads;
    }
}

/// Appends the lines that begin a family. The unit is left out where the name does not end in it.
pub fn write_family(out: &mut Vec<u8>, family: &MetricMetadata) {
    let mut name = String::new();
    write_metric_name(&family.metric, &mut name);
    append(out, format_args!("# TYPE {name} {}\n", family.kind));
    let base = family.metric.strip_suffix(&family.unit);
    if !family.unit.is_empty() && base.is_some_and(|base| base.ends_with('_')) {
        append(out, format_args!("# UNIT {name} {}\n", family.unit));
    }
    if !family.help.is_empty() {
        let mut help = String::new();
        escape(&family.help, &mut help);
        append(out, format_args!("# HELP {name} {help}\n"));
    }
}

/// Appends the line that says that the text is complete.
pub fn write_end(out: &mut Vec<u8>) {
    out.extend_from_slice(b"# EOF\n");
}

/// Writes the lines of one series; remembers where it stopped.
#[derive(Clone, Debug)]
pub struct SeriesWriter {
    series: String,
    written: usize,
    unwritable: Unwritable,
}

impl SeriesWriter {
    /// At the beginning of a series.
    #[must_use]
    pub fn new(labels: &Labels) -> Self {
        Self {
            series: series_text(labels),
            written: 0,
            unwritable: Unwritable::default(),
        }
    }

    /// Appends more lines of this series to `out` until that holds `limit` bytes or a little more.
    /// Returns whether the series is complete; until then it wants the same columns.
    pub fn write(
        &mut self,
        (timestamps, values): (&[i64], &[f64]),
        out: &mut Vec<u8>,
        limit: usize,
    ) -> bool {
        let samples = timestamps.iter().zip(values).skip(self.written);
        for (ms, value) in samples {
            if out.len() >= limit {
                return false;
            }
            self.written += 1;
            if is_stale(*value) {
                self.unwritable.stale_markers += 1;
                continue;
            }
            out.extend_from_slice(self.series.as_bytes());
            out.push(b' ');
            if value.is_finite() {
                write_number(out, *value);
            } else if value.is_nan() {
                let ordinary = value.to_bits() == ORDINARY_NAN_BITS;
                self.unwritable.nan_payloads += u64::from(!ordinary);
                out.extend_from_slice(b"NaN");
            } else {
                out.extend_from_slice(if *value > 0.0 { b"+Inf" } else { b"-Inf" });
            }
            out.push(b' ');
            write_seconds(out, *ms);
            out.push(b'\n');
        }
        true
    }

    /// What could not be written so far.
    #[must_use]
    pub fn unwritable(&self) -> Unwritable {
        self.unwritable
    }
}

/// A series as its lines begin.
fn series_text(labels: &Labels) -> String {
    let name = labels.metric_name().unwrap_or_default();
    let bare = is_legacy_metric_name(name);
    let mut text = String::new();
    if bare {
        text.push_str(name);
    }
    let mut rest = labels
        .iter()
        .filter(|label| label.name != METRIC_NAME)
        .peekable();
    if bare && rest.peek().is_none() {
        return text;
    }
    text.push('{');
    if !bare {
        write_quoted(name, &mut text);
    }
    for label in rest {
        if !text.ends_with('{') {
            text.push(',');
        }
        match is_legacy_label_name(label.name) {
            true => text.push_str(label.name),
            false => write_quoted(label.name, &mut text),
        }
        text.push('=');
        write_quoted(label.value, &mut text);
    }
    text.push('}');
    text
}

fn write_metric_name(name: &str, out: &mut String) {
    match is_legacy_metric_name(name) {
        true => out.push_str(name),
        false => write_quoted(name, out),
    }
}

fn write_quoted(text: &str, out: &mut String) {
    out.push('"');
    escape(text, out);
    out.push('"');
}

fn escape(text: &str, out: &mut String) {
    for char in text.chars() {
        match char {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
}
