//! One line on its way out, in pieces, so that a long series needs no long buffer.

use serde::Serialize;
use tsdb_core::model::{Histogram, Labels};
use tsdb_formats::number::append;

use super::histogram::write_histogram;
use super::value::write_value;

#[derive(Clone, Copy, Debug)]
enum Part {
    Labels,
    Values(usize),
    Timestamps(usize),
    Histograms(usize),
    Done,
}

/// Writes the line of one series; remembers where it stopped.
#[derive(Clone, Copy, Debug)]
pub struct LineWriter {
    part: Part,
}

impl Default for LineWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl LineWriter {
    /// At the beginning of a line.
    #[must_use]
    pub fn new() -> Self {
        Self { part: Part::Labels }
    }

    /// Appends more of the line of this series to `out` until that holds `limit` bytes or a
    /// little more. Returns whether the line is complete; until then it wants the same series.
    pub fn write(
        &mut self,
        labels: &Labels,
        (timestamps, values): (&[i64], &[f64]),
        histograms: &[(i64, Histogram)],
        out: &mut Vec<u8>,
        limit: usize,
    ) -> bool {
        loop {
            self.part = match self.part {
                Part::Labels => {
                    write_metric(labels, out);
                    out.extend_from_slice(b",\"values\":[");
                    Part::Values(0)
                }
                Part::Values(from) => {
                    let written = write_list(
                        out,
                        limit,
                        values.get(from..).unwrap_or(&[]),
                        from,
                        |out, value| write_value(out, *value),
                    );
                    if written < values.len() {
                        self.part = Part::Values(written);
                        return false;
                    }
                    out.extend_from_slice(b"],\"timestamps\":[");
                    Part::Timestamps(0)
                }
                Part::Timestamps(from) => {
                    let rest = timestamps.get(from..).unwrap_or(&[]);
                    let written = write_list(out, limit, rest, from, |out, ms| {
                        append(out, format_args!("{ms}"))
                    });
                    if written < timestamps.len() {
                        self.part = Part::Timestamps(written);
                        return false;
                    }
                    out.push(b']');
                    if histograms.is_empty() {
                        out.extend_from_slice(b"}\n");
                        Part::Done
                    } else {
                        out.extend_from_slice(b",\"histograms\":[");
                        Part::Histograms(0)
                    }
                }
                Part::Histograms(from) => {
                    let rest = histograms.get(from..).unwrap_or(&[]);
                    let written = write_list(out, limit, rest, from, write_histogram);
                    if written < histograms.len() {
                        self.part = Part::Histograms(written);
                        return false;
                    }
                    out.extend_from_slice(b"]}\n");
                    Part::Done
                }
                Part::Done => return true,
            };
        }
    }
}

/// Appends items with commas between until `out` is full; gives back how many are written in all.
fn write_list<T>(
    out: &mut Vec<u8>,
    limit: usize,
    items: &[T],
    before: usize,
    mut write: impl FnMut(&mut Vec<u8>, &T),
) -> usize {
    let mut written = before;
    for item in items {
        if out.len() >= limit {
            break;
        }
        if written > 0 {
            out.push(b',');
        }
        write(out, item);
        written += 1;
    }
    written
}

fn write_metric(labels: &Labels, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"metric\":{");
    for (index, label) in labels.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_string(label.name, out);
        out.push(b':');
        write_string(label.value, out);
    }
    out.push(b'}');
}

/// Appends `text` as a JSON string.
pub(crate) fn write_string(text: &str, out: &mut Vec<u8>) {
    let mut serializer = serde_json::Serializer::new(out);
    let written = text.serialize(&mut serializer);
    debug_assert!(written.is_ok(), "writing a string to a Vec failed");
}
