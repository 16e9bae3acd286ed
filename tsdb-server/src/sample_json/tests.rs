use proptest::prelude::*;
use tsdb_core::model::Labels;

use super::{LineError, LineWriter, SeriesLine, parse_line};

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied()).expect("labels")
}

/// The whole line, written in pieces of about `piece` bytes.
fn line(labels: &Labels, timestamps: &[i64], values: &[f64], piece: usize) -> Vec<u8> {
    let mut whole = Vec::new();
    let mut writer = LineWriter::new();
    loop {
        let mut out = Vec::new();
        let done = writer.write(labels, (timestamps, values), &[], &mut out, piece);
        assert!(
            done || out.len() >= piece,
            "a piece of {} bytes is not full",
            out.len()
        );
        whole.extend_from_slice(&out);
        if done {
            return whole;
        }
    }
}

fn read(line: &[u8]) -> SeriesLine {
    let text = String::from_utf8_lossy(line).into_owned();
    parse_line(line).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(line: &str) -> LineError {
    parse_line(line.as_bytes()).expect_err(line)
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn a_line_looks_like_this() {
    let values = [
        0.0,
        -0.0,
        1.0,
        0.1,
        1e300,
        -2.5e-7,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::from_bits(0x7ff8_0000_0000_0001),
        f64::from_bits(0x7ff0_0000_0000_0002),
        f64::from_bits(0x7ff8_0000_0000_0123),
        f64::from_bits(0xfff8_0000_0000_0000),
    ];
    let timestamps: Vec<i64> = (-1..11).collect();
    let written = line(
        &labels(&[("__name__", "up"), ("a", "\"\n\u{e9}\u{1}")]),
        &timestamps,
        &values,
        1 << 20,
    );
    let expected = concat!(
        r#"{"metric":{"__name__":"up","a":"\"\n"#,
        "\u{e9}",
        r#"\u0001"},"values":[0,-0,1,0.1,1e300,-2.5e-7,"+Inf","-Inf","NaN","stale","#,
        r#""NaN:0x7ff8000000000123","NaN:0xfff8000000000000"],"timestamps":[-1,0,1,2,3,4,5,6,7,8,9,10]}"#,
        "\n"
    );
    assert_eq!(String::from_utf8(written).expect("UTF-8"), expected);
}

#[test]
fn other_spellings_are_read() {
    let line = r#" {"timestamps":[1,2,3,4,5,6],"metric":{"__name__":"a"},"values":[null,"Inf","Infinity","-Infinity",1E2,18446744073709551616]} "#;
    let read = read(line.as_bytes());
    let expected = [
        f64::from_bits(0x7ff0_0000_0000_0002),
        f64::INFINITY,
        f64::INFINITY,
        f64::NEG_INFINITY,
        100.0,
        2f64.powi(64),
    ];
    assert_eq!(bits(&read.values), bits(&expected));
}

/// Inputs that are refused, and how.
const REFUSED: &[(&str, usize, &str)] = &[
    (
        "",
        1,
        "a line is an object with metric, values and timestamps",
    ),
    (
        "[{},[],[]]",
        1,
        "a line is an object with metric, values and timestamps",
    ),
    ("{", 1, "EOF while parsing an object"),
    (
        r#"{"metric":{},"values":[]}"#,
        25,
        "missing field `timestamps`",
    ),
    (
        r#"{"metric":{},"values":[],"timestamps":[1]}"#,
        0,
        "0 values do not go with 1 timestamps",
    ),
    (
        r#"{"metric":{"a":1},"values":[],"timestamps":[]}"#,
        16,
        "invalid type: integer `1`, expected a string",
    ),
    (
        r#"{"metric":{},"values":[1e999],"timestamps":[1]}"#,
        28,
        "number out of range",
    ),
    (
        r#"{"metric":{},"values":[1],"timestamps":[1.5]}"#,
        43,
        "invalid type: floating point `1.5`, expected i64",
    ),
    (
        r#"{"metric":{},"values":[],"timestamps":[],"x":1}"#,
        44,
        "unknown field `x`, expected one of `metric`, `values`, `timestamps`, `histograms`",
    ),
    (
        r#"{"metric":{},"values":[],"timestamps":[]} x"#,
        43,
        "trailing characters",
    ),
];

#[test]
fn errors_say_what_and_where() {
    for (line, column, reason) in REFUSED {
        assert_eq!(
            refused(line),
            LineError {
                column: *column,
                reason: (*reason).to_owned()
            },
            "{line}"
        );
    }
    let twice = refused(r#"{"metric":{"a":"b","a":"c"},"values":[],"timestamps":[]}"#);
    assert!(
        twice.reason.starts_with("metric is no set of labels: "),
        "{twice}"
    );
    for value in [
        "\"nan\"",
        "\"NaN:0x1\"",
        "\"NaN:0x3ff0000000000000\"",
        "\"NaN:0x+ff8000000000123\"",
        "true",
        "[]",
    ] {
        let error = refused(&format!(
            r#"{{"metric":{{}},"values":[{value}],"timestamps":[1]}}"#
        ));
        assert!(
            error.reason.contains("expected a number, \"NaN\""),
            "{value}: {error}"
        );
    }
}

#[test]
fn invalid_utf8_is_refused() {
    let mut line = br#"{"metric":{"a":"b"},"values":[],"timestamps":[]}"#.to_vec();
    line[16] = 0xff;
    assert!(parse_line(&line).is_err());
}

proptest! {
    #[test]
    fn every_value_comes_back_bit_for_bit(samples in prop::collection::vec((any::<i64>(), any::<u64>()), 0..50), piece in 1_usize..200) {
        let timestamps: Vec<i64> = samples.iter().map(|sample| sample.0).collect();
        let values: Vec<f64> = samples.iter().map(|sample| f64::from_bits(sample.1)).collect();
        let labels = labels(&[("__name__", "a"), ("b", "c")]);
        let read = read(&line(&labels, &timestamps, &values, piece));
        prop_assert_eq!(read.labels, labels);
        prop_assert_eq!(read.timestamps, timestamps);
        prop_assert_eq!(bits(&read.values), bits(&values));
    }

    #[test]
    fn every_nan_comes_back_bit_for_bit(payload in 1_u64..1 << 52, negative: bool) {
        let value = f64::from_bits(payload | 0x7ff << 52 | u64::from(negative) << 63);
        let read = read(&line(&labels(&[("__name__", "a")]), &[1], &[value], 10));
        prop_assert_eq!(read.values[0].to_bits(), value.to_bits());
    }

    #[test]
    fn labels_of_any_text_come_back(pairs in prop::collection::btree_map("\\PC{1,8}", "\\PC{1,8}", 0..5)) {
        let labels = Labels::from_pairs(&pairs).expect("labels");
        prop_assert_eq!(read(&line(&labels, &[], &[], 10)).labels, labels);
    }

    #[test]
    fn no_line_panics(line in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = parse_line(&line);
    }
}
