use super::{Format, Reader};
use crate::{LineReader, Rows, read_lines};

const NOW: i64 = 1_800_000_000_000;

fn read_pieces(format: &str, heading: bool, pieces: &[&[u8]]) -> Rows {
    let format: Format = format.parse().expect("a format");
    let mut reader = Reader::new(format, heading, NOW);
    let mut rows = Rows::new(false);
    let mut first = 1;
    for piece in pieces {
        read_lines(&mut reader, first, piece, &mut rows);
        first += piece.iter().filter(|byte| **byte == b'\n').count() as u64;
    }
    reader.finish(&mut rows);
    rows
}

fn read(format: &str, text: &str) -> Rows {
    read_pieces(format, false, &[text.as_bytes()])
}

fn samples(rows: &Rows) -> Vec<String> {
    rows.samples()
        .map(|(labels, line, ms, value)| format!("{line} {labels} {ms} {value}"))
        .collect()
}

fn problems(rows: &Rows) -> Vec<String> {
    rows.problems().iter().map(ToString::to_string).collect()
}

const WEATHER: &str = "1:time:rfc3339,2:label:host,3:metric:temperature";

#[test]
fn columns_become_samples() {
    let text = concat!(
        "2026-01-01T00:00:00Z,a,1.5\r\n",
        "\n",
        "2026-01-01T00:00:00.25+01:00,\"b, \"\"c\"\"\", -2e3 \n",
        "2026-01-01T00:00:01Z,,NaN,more,columns\n",
        "2026-01-01T00:00:02Z,a,\n",
        "2026-01-01T00:00:03Z,\"two\nlines\",3",
    );
    let rows = read(WEATHER, text);
    assert_eq!(problems(&rows), [] as [&str; 0]);
    assert_eq!(
        samples(&rows),
        [
            "1 temperature{host=\"a\"} 1767225600000 1.5",
            "3 temperature{host=\"b, \\\"c\\\"\"} 1767222000250 -2000",
            "4 temperature 1767225601000 NaN",
            "6 temperature{host=\"two\\nlines\"} 1767225603000 3",
        ]
    );
    assert_eq!(rows.counts(), (5, 0));
}

#[test]
fn several_metrics_and_no_time() {
    let rows = read("4:metric:b,2:metric:a,1:label:x", "l,1,skipped,2\nm,,,3\n");
    assert_eq!(
        samples(&rows),
        [
            "1 b{x=\"l\"} 1800000000000 2",
            "1 a{x=\"l\"} 1800000000000 1",
            "2 b{x=\"m\"} 1800000000000 3",
        ]
    );
    let times = [
        ("unix_s", "1700000000.5", 1_700_000_000_500_i64),
        ("unix_ms", "-1", -1),
        ("unix_us", "1700000000000999", 1_700_000_000_000),
        ("unix_ns", "-1", -1),
    ];
    for (name, text, ms) in times {
        let rows = read(&format!("1:time:{name},2:metric:a"), &format!("{text},1"));
        assert_eq!(samples(&rows), [format!("1 a {ms} 1")], "{name}");
    }
}

#[test]
fn a_heading_is_passed_over_when_it_is_announced() {
    let text = "\ntime,host,temperature\n2026-01-01T00:00:00Z,a,1\n".as_bytes();
    let rows = read_pieces(WEATHER, true, &[text]);
    assert_eq!(
        samples(&rows),
        ["3 temperature{host=\"a\"} 1767225600000 1"]
    );
    assert_eq!(rows.counts(), (1, 0));
    let rows = read_pieces(WEATHER, false, &[text]);
    assert_eq!(
        problems(&rows),
        ["line 2, column 1: expected a time as rfc3339, found \"time\""]
    );
}

#[test]
fn a_bad_line_is_named_and_costs_no_other() {
    let cases = [
        (
            "2026-01-01T00:00:00Z,a",
            "line 1: there are 2 columns, the format names column 3",
        ),
        (
            "2026-01-01,a,1",
            "line 1, column 1: expected a time as rfc3339, found \"2026-01-01\"",
        ),
        (
            "2026-01-01T00:00:00Z,a,x",
            "line 1, column 24: expected a value of temperature, found \"x\"",
        ),
        (
            "2026-01-01T00:00:00Z,a\"b\",1",
            "line 1, column 23: a quote in a field that does not begin with one: put the field in quotes, and write this one twice",
        ),
        (
            "2026-01-01T00:00:00Z,\"a\"b,1",
            "line 1, column 25: expected a comma behind the closing quote, found \"b,1\"",
        ),
        (
            "2026-01-01T00:00:00Z,\"a,1",
            "line 1: a text in quotes begins in this line and does not end, not within 1048576 bytes",
        ),
    ];
    for (line, problem) in cases {
        let rows = read(WEATHER, &format!("{line}\n2026-01-01T00:00:00Z,b,1\n"));
        assert_eq!(problems(&rows), [problem], "{line}");
        assert_eq!(
            samples(&rows),
            ["2 temperature{host=\"b\"} 1767225600000 1"],
            "{line}"
        );
    }
}

#[test]
fn a_slip_in_a_record_of_several_lines_is_found_in_its_line() {
    let text = "2026-01-01T00:00:00Z,\"a\nb\"c,1\n2026-01-01T00:00:00Z,b,1\n";
    let rows = read(WEATHER, text);
    assert_eq!(
        problems(&rows),
        [
            "line 2, column 3: expected a comma behind the closing quote, found \"c,1\"",
            // Looked at by itself, the second line is none either.
            "line 2, column 2: a quote in a field that does not begin with one: put the field in quotes, and write this one twice",
        ]
    );
    assert_eq!(
        samples(&rows),
        ["3 temperature{host=\"b\"} 1767225600000 1"]
    );
}

#[test]
fn records_go_on_over_pieces_and_a_quote_does_not_swallow_the_rest() {
    let text = "2026-01-01T00:00:00Z,\"two\nlines\",3\n2026-01-01T00:00:00Z,b,1\n";
    let expected = samples(&read(WEATHER, text));
    assert_eq!(expected.len(), 2);
    for (at, _) in text.match_indices('\n') {
        let (before, behind) = text.split_at(at + 1);
        let rows = read_pieces(WEATHER, false, &[before.as_bytes(), behind.as_bytes()]);
        assert_eq!(samples(&rows), expected);
    }
    // More lines than may be open.
    let mut text = "2026-01-01T00:00:00Z,\"open,1\n".to_owned();
    let count = 50_000;
    text.push_str(&"2026-01-01T00:00:00Z,b,1\n".repeat(count));
    let rows = read(WEATHER, &text);
    assert_eq!(rows.samples().count(), count);
    assert_eq!(rows.counts(), (count as u64 + 1, 1));
}

#[test]
fn formats_are_checked() {
    let cases = [
        (
            "",
            "\"\": a column is NUMBER:time:FORMAT, NUMBER:label:NAME or NUMBER:metric:NAME",
        ),
        (
            "1:metric",
            "\"1:metric\": a column is NUMBER:time:FORMAT, NUMBER:label:NAME or NUMBER:metric:NAME",
        ),
        (
            "0:metric:a",
            "\"0:metric:a\": the number of a column is 1 to 65536",
        ),
        ("1:label:", "\"1:label:\": the label has no name"),
        (
            "1:label:__name__",
            "\"1:label:__name__\": __name__ is what NUMBER:metric:NAME says",
        ),
        (
            "1:value:a",
            "\"1:value:a\": \"value\" is none of time, label and metric",
        ),
        (
            "1:time:custom:2006",
            "\"1:time:custom:2006\": custom formats of times are not read: write unix_s, unix_ms, unix_us, unix_ns, rfc3339",
        ),
        (
            "1:time:iso",
            "\"1:time:iso\": the format of times is none of unix_s, unix_ms, unix_us, unix_ns, rfc3339",
        ),
        (
            "1:metric:a,1:metric:b",
            "\"1:metric:b\": column 1 is named twice",
        ),
        (
            "1:metric:a,2:metric:a",
            "\"2:metric:a\": another column is that already",
        ),
        (
            "1:time:unix_s,2:time:unix_ms",
            "\"2:time:unix_ms\": another column is that already",
        ),
        (
            "1:label:a",
            "no column is a metric: name one as NUMBER:metric:NAME",
        ),
    ];
    for (format, reason) in cases {
        let error = format.parse::<Format>().expect_err(format);
        assert_eq!(error.to_string(), reason, "{format}");
    }
}

#[test]
fn every_flipped_bit_costs_a_line_or_two() {
    let text = "1,a,1.5\n2,\"b \"\"c\"\"\",2\n3,d,3\n4,\"e\nf\",4\n5,g,5\n";
    let format = "1:time:unix_s,2:label:x,3:metric:m";
    let whole = samples(&read(format, text));
    assert_eq!(whole.len(), 5);
    for bit in 0..text.len() * 8 {
        let mut bytes = text.as_bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let rows = read_pieces(format, false, &[&bytes]);
        // By what they say: a line feed more or less moves the numbers of the lines behind it.
        let said = |sample: &String| sample.split_once(' ').map(|(_, rest)| rest.to_owned());
        let kept: Vec<_> = samples(&rows).iter().map(said).collect();
        let lost = whole
            .iter()
            .filter(|sample| !kept.contains(&said(sample)))
            .count();
        assert!(lost <= 2, "bit {bit}: {kept:?}, {:?}", rows.problems());
    }
}
