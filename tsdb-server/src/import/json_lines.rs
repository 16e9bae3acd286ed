//! Our own lines of samples, one series a line.

use tsdb_formats::{LineReader, Rows};

use crate::sample_json::{SeriesLine, parse_line};

/// Reads JSON lines.
#[derive(Clone, Copy, Debug)]
pub(super) struct JsonLines;

impl LineReader for JsonLines {
    fn read_line(&mut self, number: u64, line: &[u8], rows: &mut Rows) {
        if line.trim_ascii().is_empty() {
            return;
        }
        rows.count_line();
        let SeriesLine {
            labels,
            timestamps,
            values,
            histograms,
        } = match parse_line(line) {
            Ok(line) => line,
            Err(error) => return rows.refuse(number, error),
        };
        rows.begin(labels);
        let samples = timestamps.into_iter().zip(values);
        samples.for_each(|(ms, value)| rows.sample(number, ms, value));
        for (ms, histogram) in histograms {
            rows.histogram(number, ms, histogram);
        }
    }

    fn finish(&mut self, _: &mut Rows) {}
}

#[cfg(test)]
mod tests {
    use tsdb_formats::read_lines;

    use super::*;

    #[test]
    fn lines_are_numbered_and_refused_alone() {
        let text = b"\n{\"metric\":{\"__name__\":\"a\"},\"values\":[1],\"timestamps\":[1]}\r\nx\n  \n{\"metric\":{},\"values\":[],\"timestamps\":[1]}";
        let mut rows = Rows::new(false);
        read_lines(&mut JsonLines, 7, text, &mut rows);
        let read: Vec<_> = rows.samples().map(|row| (row.1, row.2, row.3)).collect();
        assert_eq!(read, [(8, 1, 1.0)]);
        assert_eq!(rows.counts(), (3, 2));
        let problems: Vec<String> = rows.problems().iter().map(ToString::to_string).collect();
        assert_eq!(
            problems,
            [
                "line 9, column 1: a line is an object with metric, values and timestamps",
                "line 11: 0 values do not go with 1 timestamps"
            ]
        );
    }
}
