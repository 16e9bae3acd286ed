//! Foreign formats, line by line.

use tsdb_core::model::{Labels, MetricMetadata};
use tsdb_formats::openmetrics::{Dialect, SeriesWriter, write_end, write_family};
use tsdb_formats::{LineReader, Rows, csv, line_protocol, openmetrics, read_lines};

const NOW: i64 = 1_700_000_000_000;

/// Reads a text in two pieces, cut at a line, and checks what is said of any text.
fn read(mut reader: impl LineReader, text: &[u8], cut: usize) -> Rows {
    let mut rows = Rows::new(false);
    let ends = || text.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let cut = ends().map(|(at, _)| at + 1).find(|end| *end >= cut);
    let (first, second) = text.split_at(cut.unwrap_or(text.len()));
    read_lines(&mut reader, 1, first, &mut rows);
    let lines = first.iter().filter(|byte| **byte == b'\n').count() as u64;
    read_lines(&mut reader, lines + 1, second, &mut rows);
    reader.finish(&mut rows);
    let lines = ends().count() as u64 + 1;
    let (counted, refused) = rows.counts();
    assert!(
        refused <= counted && counted <= lines,
        "{counted} of {lines}"
    );
    for problem in rows.problems() {
        let line = problem.line.expect("a line");
        assert!(
            (1..=lines + 1).contains(&line),
            "{problem} of {lines} lines"
        );
        assert!(problem.column.is_none_or(|column| column <= text.len() + 1));
        assert!(problem.reason.len() < 1000, "{problem}");
    }
    for (labels, line, ..) in rows.samples() {
        assert!(labels.metric_name().is_some(), "{labels}");
        assert!(line <= lines);
    }
    let batch = rows.batch();
    assert_eq!(batch.samples_len(), rows.samples().count());
    rows
}

/// The samples, and what else there is.
fn said(rows: &Rows) -> (Vec<(&Labels, u64, i64, u64)>, &[MetricMetadata]) {
    let samples = rows.samples();
    let samples = samples.map(|(labels, line, ms, value)| (labels, line, ms, value.to_bits()));
    (samples.collect(), rows.metadata())
}

/// What is read is written and read back bit for bit; where the text is cut makes no difference.
pub(crate) fn open_metrics(input: &[u8]) {
    let Some((first, text)) = input.split_first() else {
        return;
    };
    let dialect = match first % 2 {
        0 => Dialect::OpenMetrics,
        _ => Dialect::PrometheusText,
    };
    let reader = || openmetrics::Reader::new(dialect, NOW);
    let rows = read(reader(), text, usize::from(*first));
    assert_eq!(said(&rows), said(&read(reader(), text, text.len())));

    let mut written = Vec::new();
    for family in rows.metadata() {
        write_family(&mut written, family);
    }
    for (labels, _, ms, value) in rows.samples() {
        let mut writer = SeriesWriter::new(labels);
        assert!(writer.write((&[ms], &[value]), &mut written, usize::MAX));
        assert_eq!(writer.unwritable(), openmetrics::Unwritable::default());
    }
    write_end(&mut written);
    let reader = openmetrics::Reader::new(Dialect::OpenMetrics, 0);
    let again = read(reader, &written, written.len());
    assert_eq!(again.problems(), []);
    let samples = |rows: &Rows| -> Vec<(Labels, i64, u64)> {
        let samples = rows.samples();
        let samples = samples.map(|(labels, _, ms, value)| (labels.clone(), ms, value.to_bits()));
        samples.collect()
    };
    assert_eq!(samples(&again), samples(&rows));
}

/// Where the text is cut makes no difference.
pub(crate) fn columns(input: &[u8]) {
    let Some((first, text)) = input.split_first() else {
        return;
    };
    let formats = [
        "1:time:rfc3339,2:label:host,3:metric:temperature",
        "2:time:unix_s,1:metric:a,3:metric:b",
        "1:label:x,2:label:y,3:metric:z,4:time:unix_ns",
        "1:metric:only",
    ];
    let format: csv::Format = formats[usize::from(first % 4)].parse().expect("a format");
    let reader = || csv::Reader::new(format.clone(), first & 4 != 0, NOW);
    let rows = read(reader(), text, usize::from(*first));
    assert_eq!(said(&rows), said(&read(reader(), text, text.len())));
}

/// A format that is accepted names a metric; what is wrong with another is said.
pub(crate) fn csv_format(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    match text.parse::<csv::Format>() {
        Ok(_) => assert!(text.contains(":metric:"), "{text}"),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Where the text is cut makes no difference, and every name is of Prometheus' older alphabet.
pub(crate) fn points(input: &[u8]) {
    let Some((first, text)) = input.split_first() else {
        return;
    };
    let precisions = ["ns", "us", "ms", "s", "m", "h"];
    let precision = precisions[usize::from(*first) % precisions.len()];
    let precision = || precision.parse().expect("a precision");
    let reader = || line_protocol::Reader::new(precision(), NOW);
    let rows = read(reader(), text, usize::from(*first));
    assert_eq!(said(&rows), said(&read(reader(), text, text.len())));
    for (labels, ..) in rows.samples() {
        for label in labels.iter() {
            let metric = label.name == "__name__";
            let name = if metric { label.value } else { label.name };
            let plain =
                |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || (metric && byte == b':');
            assert!(name.bytes().all(plain), "{labels}");
            assert!(
                !name.starts_with(|char: char| char.is_ascii_digit()),
                "{labels}"
            );
        }
    }
}
