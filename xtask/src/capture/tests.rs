//! Tests of the exposition parser and of the capture's text.

use super::exposition::{ExposedSample, parse_page};
use super::recording::TargetRecording;

#[test]
fn a_page_gives_its_samples_and_skips_comments() {
    let page = "# HELP a b\n# TYPE a gauge\na 1\n\nb{x=\"1 } \\\" 2\",y=\"\"} +Inf\nc{} NaN\n";
    let samples = parse_page(page).unwrap();
    assert_eq!(samples.len(), 3);
    assert_eq!(
        samples[0],
        ExposedSample {
            series: "a".into(),
            value: 1.0
        }
    );
    assert_eq!(samples[1].series, "b{x=\"1 } \\\" 2\",y=\"\"}");
    assert_eq!(samples[1].value, f64::INFINITY);
    assert_eq!(samples[2].series, "c{}");
    assert!(samples[2].value.is_nan());
}

#[test]
fn a_bad_line_is_refused_with_its_number() {
    for (page, want) in [
        ("a 1\nb", "line 2"),
        ("a one", "`one` is no number"),
        ("a 1 1700000000000", "timestamp"),
        ("a{x=\"1} 1", "no value"),
    ] {
        let error = format!("{:#}", parse_page(page).unwrap_err());
        assert!(error.contains(want), "{page}: {error}");
    }
}

#[test]
fn a_recording_writes_repeats_and_gaps() {
    let mut recording = TargetRecording::new("node", "localhost:9100");
    let sample = |series: &str, value| ExposedSample {
        series: series.into(),
        value,
    };
    recording.add(1_000, 0.5, vec![sample("a", 7.0)]);
    recording.add(1_015, 0.5, vec![sample("a", 7.0), sample("b", 1e300)]);
    recording.add(1_031, 0.5, vec![sample("b", 2.5)]);
    recording.add(1_045, 0.5, vec![sample("a", 7.0), sample("b", 2.5)]);
    let mut text = String::new();
    recording.write(&mut text);
    assert_eq!(
        text,
        "target job=\"node\",instance=\"localhost:9100\"\ntimes 1000 15 16 14\n\
         series a\n7 =1 !1 =1\nseries b\n!1 1e300 2.5 =1\n\
         series scrape_duration_seconds\n0.5 =3\n\
         series scrape_samples_scraped\n1 2 1 2\nseries up\n1 =3\n"
    );
}
