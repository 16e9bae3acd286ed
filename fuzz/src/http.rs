//! What the HTTP interface parses: lines of an import, and selectors.

use tsdb_core::MatchOp;
use tsdb_core::model::is_legacy_metric_name;
use tsdb_promql::syntax::parse_metric_selector;
use tsdb_server::sample_json::{LineWriter, parse_line};
use tsdb_server::timestamp::{format_rfc3339, parse_time};

/// A line that is accepted is written and read back bit for bit, whatever the pieces.
pub(crate) fn import_line(input: &[u8]) {
    let line = match parse_line(input) {
        Ok(line) => line,
        Err(error) => return assert!(error.column <= input.len() + 1, "{error}"),
    };
    assert_eq!(line.timestamps.len(), line.values.len());
    let limit = 1 + usize::from(input.first().copied().unwrap_or_default());
    let mut writer = LineWriter::new();
    let mut written = Vec::new();
    loop {
        let mut piece = Vec::new();
        let done = writer.write(
            &line.labels,
            (&line.timestamps, &line.values),
            &line.histograms,
            &mut piece,
            limit,
        );
        written.extend_from_slice(&piece);
        if done {
            break;
        }
    }
    let again = parse_line(written.trim_ascii_end()).expect("our own line");
    assert_eq!(again.labels, line.labels);
    assert_eq!(again.timestamps, line.timestamps);
    assert_eq!(again.histograms, line.histograms);
    let bits =
        |values: &[f64]| -> Vec<u64> { values.iter().map(|value| value.to_bits()).collect() };
    assert_eq!(bits(&again.values), bits(&line.values));
}

/// A time that is accepted prints as one that means the same.
pub(crate) fn timestamp(input: &[u8]) {
    let Some(ms) = std::str::from_utf8(input).ok().and_then(parse_time) else {
        return;
    };
    // RFC 3339 has years of four digits.
    if (-62_167_219_200_000..253_402_300_800_000).contains(&ms) {
        let printed = format_rfc3339(ms);
        assert_eq!(parse_time(&printed), Some(ms), "{printed}");
    }
}

/// A selector that is accepted prints as one that means the same.
pub(crate) fn selector(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let matchers = match parse_metric_selector(text) {
        Ok(matchers) => matchers,
        Err(error) => {
            let (line, column) = error.line_and_column;
            assert!(line >= 1 && column >= 1 && !error.message.is_empty());
            return;
        }
    };
    assert!(
        matchers.iter().any(|matcher| !matcher.matches_empty()),
        "{text}: selects everything"
    );
    let printed: Vec<String> = matchers
        .iter()
        .map(|matcher| {
            let op = match matcher.op() {
                MatchOp::Equal => "=",
                MatchOp::NotEqual => "!=",
                MatchOp::Regex => "=~",
                MatchOp::NotRegex => "!~",
                MatchOp::Shards => panic!("{text}: a matcher that is not of PromQL"),
            };
            let name = match matcher.name() {
                name if is_legacy_metric_name(name) && !name.contains(':') => name.to_owned(),
                name => quoted(name),
            };
            format!("{name}{op}{}", quoted(matcher.value()))
        })
        .collect();
    let printed = format!("{{{}}}", printed.join(","));
    assert_eq!(
        parse_metric_selector(&printed).as_ref(),
        Ok(&matchers),
        "{printed}"
    );
}

/// A string literal of PromQL: every byte by its number where it is not plain.
fn quoted(text: &str) -> String {
    let escaped: String = text
        .bytes()
        .map(|byte| match byte {
            b' '..=b'~' if byte != b'"' && byte != b'\\' => char::from(byte).to_string(),
            _ => format!("\\x{byte:02x}"),
        })
        .collect();
    format!("\"{escaped}\"")
}
