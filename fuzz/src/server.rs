//! What the server reads off its API: selectors, lines of samples, times.

use tsdb_server::sample_json::{LineWriter, parse_line};
use tsdb_server::selector::parse_selector;
use tsdb_server::timestamp::{format_rfc3339, parse_time};

/// A selector gives matchers or an error that lies inside of it.
pub(crate) fn selector(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Err(error) = parse_selector(&text) {
        assert!(
            error.line() <= text.lines().count() + 1,
            "line {}",
            error.line()
        );
        assert!(
            error.column() <= text.len() + 1,
            "column {}",
            error.column()
        );
    }
}

/// What a line says is said again by the line written of it.
pub(crate) fn sample_line(input: &[u8]) {
    let Ok(first) = parse_line(input) else {
        return;
    };
    let mut written = Vec::new();
    let mut writer = LineWriter::new();
    let (labels, timestamps, values) = (&first.labels, &first.timestamps, &first.values);
    loop {
        // In pieces, as an export is streamed.
        let mut piece = Vec::new();
        let done = writer.write(labels, timestamps, values, &mut piece, 16);
        written.append(&mut piece);
        if done {
            break;
        }
    }
    let line = written
        .strip_suffix(b"\n")
        .expect("a line ends with a line feed");
    let second = parse_line(line).expect("the server's own line");
    assert_eq!(second.labels, first.labels);
    assert_eq!(second.timestamps, first.timestamps);
    let bits = |values: &[f64]| {
        values
            .iter()
            .map(|value| value.to_bits())
            .collect::<Vec<_>>()
    };
    assert_eq!(bits(&second.values), bits(&first.values));
}

/// A time is printed and read back.
pub(crate) fn api_time(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    // Years of four digits, which are all that RFC 3339 has.
    let printed = -62_167_219_200_000..253_402_300_800_000;
    if let Some(ms) = parse_time(&text).filter(|ms| printed.contains(ms)) {
        assert_eq!(parse_time(&format_rfc3339(ms)), Some(ms));
    }
}
