use super::{Precision, Reader};
use crate::{LineReader, Rows, read_lines};

const NOW: i64 = 1_800_000_000_000;

fn read_as(precision: &str, text: &[u8]) -> Rows {
    let mut reader = Reader::new(precision.parse().expect("a precision"), NOW);
    let mut rows = Rows::new(false);
    read_lines(&mut reader, 1, text, &mut rows);
    reader.finish(&mut rows);
    rows
}

fn read(text: &str) -> Rows {
    read_as("ns", text.as_bytes())
}

fn samples(rows: &Rows) -> Vec<String> {
    rows.samples()
        .map(|(labels, line, ms, value)| format!("{line} {labels} {ms} {value}"))
        .collect()
}

fn problems(rows: &Rows) -> Vec<String> {
    rows.problems().iter().map(ToString::to_string).collect()
}

#[test]
fn names_are_rewritten_as_m3_does() {
    let text = concat!(
        "?measure:!,?tag1:!=tval1,?tag2:!=tval2 ?key1:!=3,?key2:!=2i 1574838670386469800\n",
        "?measure:!,?tag1:!=tval1,?tag2:!=tval2 ?key3:!=\"string\",?key4:!=T 1574838670386469801\n",
        "9a,9b=c 9d=1 0\n",
    );
    let rows = read(text);
    assert_eq!(problems(&rows), [] as [&str; 0]);
    assert_eq!(
        samples(&rows),
        [
            "1 _measure:___key1:_{_tag1__=\"tval1\", _tag2__=\"tval2\"} 1574838670386 3",
            "1 _measure:___key2:_{_tag1__=\"tval1\", _tag2__=\"tval2\"} 1574838670386 2",
            "2 _measure:___key4:_{_tag1__=\"tval1\", _tag2__=\"tval2\"} 1574838670386 1",
            "3 _a_9d{_b=\"c\"} 0 1",
        ]
    );
}

#[test]
fn values_escapes_and_comments() {
    let text = concat!(
        "# a comment, with a \"quote\n",
        "\n",
        "a\\ b\\,c,t\\=\\ k=v\\,\\=\\ \\x f\\ g=1,h=-2.5e3,i=-9223372036854775808i,j=18446744073709551615u\n",
        "  m  t=t,u=TRUE,v=f,w=False,s=\"a b, c=d \\\" \\\\\",x=0.5  \r\n",
        "m s=\"two\nlines # of, a=1\",x=2 5000000\n",
        "m x=3\n",
    );
    let rows = read(text);
    assert_eq!(problems(&rows), [] as [&str; 0]);
    assert_eq!(
        samples(&rows),
        [
            "3 a_b_c_f_g{t__k=\"v,= \\\\x\"} 1800000000000 1",
            "3 a_b_c_h{t__k=\"v,= \\\\x\"} 1800000000000 -2500",
            "3 a_b_c_i{t__k=\"v,= \\\\x\"} 1800000000000 -9223372036854776000",
            "3 a_b_c_j{t__k=\"v,= \\\\x\"} 1800000000000 18446744073709552000",
            "4 m_t 1800000000000 1",
            "4 m_u 1800000000000 1",
            "4 m_v 1800000000000 0",
            "4 m_w 1800000000000 0",
            "4 m_x 1800000000000 0.5",
            "5 m_x 5 2",
            "7 m_x 1800000000000 3",
        ]
    );
    assert_eq!(rows.counts(), (4, 0));
}

#[test]
fn times_in_every_precision() {
    let cases = [
        ("ns", "-1", -1),
        ("n", "1999999", 1),
        ("us", "2000", 2),
        ("u", "2000", 2),
        ("ms", "7", 7),
        ("s", "7", 7_000),
        ("m", "7", 420_000),
        ("h", "7", 25_200_000),
    ];
    for (precision, time, ms) in cases {
        let rows = read_as(precision, format!("a b=1 {time}").as_bytes());
        assert_eq!(samples(&rows), [format!("1 a_b {ms} 1")], "{precision}");
    }
    let error = "d".parse::<Precision>().expect_err("no precision");
    assert_eq!(
        error.to_string(),
        "precision \"d\" is none of ns, us, ms, s, m and h"
    );
}

/// Lines that are refused, and how.
const REFUSED: &[(&str, &str)] = &[
    (
        ",a=b c=1",
        "line 1, column 1: expected the name of a measurement, found \",a=b c=1\"",
    ),
    (
        "m",
        "line 1, column 2: expected a blank and the fields of the point, found the end of the line",
    ),
    (
        "m ",
        "line 1, column 3: expected the key of a field, found the end of the line",
    ),
    (
        "m,a c=1",
        "line 1, column 4: expected = and the value of the tag, found \" c=1\"",
    ),
    (
        "m,=b c=1",
        "line 1, column 3: expected the key of a tag, found \"=b c=1\"",
    ),
    (
        "m,a= c=1",
        "line 1, column 5: expected the value of a tag, found \" c=1\"",
    ),
    (
        "m,a=b=c c=1",
        "line 1, column 6: expected the value of a tag, found \"=c c=1\"",
    ),
    (
        "m,__name__=b c=1",
        "line 1, column 3: a tag is called __name__, which is the measurement and the field",
    ),
    (
        "m,l!=2,l?=3 k=2i",
        "line 1: label name \"l_\" occurs twice: send each label once",
    ),
    (
        "m a",
        "line 1, column 4: expected = and the value of the field, found the end of the line",
    ),
    (
        "m a=",
        "line 1, column 5: expected a number, a whole number with i or u, a boolean or a text in quotes, found the end of the line",
    ),
    (
        "m a=1,b=NaN",
        "line 1, column 9: expected a number, a whole number with i or u, a boolean or a text in quotes, found \"NaN\"",
    ),
    (
        "m a=1.5i",
        "line 1, column 5: expected a number, a whole number with i or u, a boolean or a text in quotes, found \"1.5i\"",
    ),
    (
        "m a=-1u",
        "line 1, column 5: expected a number, a whole number with i or u, a boolean or a text in quotes, found \"-1u\"",
    ),
    (
        "m a=9223372036854775808i",
        "line 1, column 5: expected a number, a whole number with i or u, a boolean or a text in quotes, found \"9223372036854775808i\"",
    ),
    (
        "m a=\"b",
        "line 1: a text in quotes begins in this line and does not end, not within 1048576 bytes",
    ),
    (
        "m a=\"b\"c",
        "line 1, column 8: expected a comma and a field, or a blank and a time, found \"c\"",
    ),
    (
        "m a=1 1.5",
        "line 1, column 7: expected a time as a whole number within the range, found \"1.5\"",
    ),
    (
        "m a=1 1 1",
        "line 1, column 9: expected the end of the line, found \"1\"",
    ),
];

#[test]
fn a_bad_line_is_named_and_costs_no_other() {
    for (line, problem) in REFUSED {
        let rows = read(&format!("{line}\nb c=1 1000000\n"));
        assert_eq!(problems(&rows), [*problem], "{line}");
        assert_eq!(samples(&rows), ["2 b_c 1 1"], "{line}");
        assert_eq!(rows.counts(), (2, 1), "{line}");
    }
    let rows = read_as("ns", b"m,a=\xff b=1\nb c=1 1000000\n");
    assert_eq!(
        problems(&rows),
        ["line 1, column 5: the value of a tag is not UTF-8: \"\u{fffd}\""]
    );
    let rows = read_as("h", b"m a=1 9223372036854775807");
    assert_eq!(
        problems(&rows),
        [
            "line 1, column 7: expected a time as a whole number within the range, found \"9223372036854775807\""
        ]
    );
}

#[test]
fn every_flipped_bit_costs_a_line_or_two() {
    let text = "m,a=b c=1,d=\"e f\" 1000000\nm\\ n,o=p q=2i 2000000\nm r=\"s\\\"\nt\",u=3 3000000\nv w=t 4000000\n";
    let whole = samples(&read(text));
    assert_eq!(whole.len(), 4);
    for bit in 0..text.len() * 8 {
        let mut bytes = text.as_bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let rows = read_as("ns", &bytes);
        let said = |sample: &String| sample.split_once(' ').map(|(_, rest)| rest.to_owned());
        let kept: Vec<_> = samples(&rows).iter().map(said).collect();
        let lost = whole
            .iter()
            .filter(|sample| !kept.contains(&said(sample)))
            .count();
        assert!(lost <= 2, "bit {bit}: {kept:?}, {:?}", rows.problems());
    }
}
