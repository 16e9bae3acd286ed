//! Tests of the capture's reader and of fleets.

mod pages;

use std::collections::BTreeSet;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use tsdb_core::model::is_stale;

use crate::{Capture, CaptureError, Fleet};

fn read(text: &str) -> Result<Capture, CaptureError> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    Capture::from_gzip(&encoder.finish().unwrap())
}

const SMALL: &str = "tsdb-capture 1\n\
    target job=\"node\",instance=\"localhost:9100\"\ntimes 1000 15003 14999 15000\n\
    series a{x=\"1,\\\"}\\\\\\n\",instance=\"own\"}\n-1 =1 !1 7\n\
    series b\n!1 NaN 1e300 5000\n";

#[test]
fn the_committed_capture_is_as_large_as_promised() {
    let capture = Capture::load().unwrap();
    let jobs: Vec<&str> = capture
        .targets
        .iter()
        .map(|target| target.labels[0].1.as_str())
        .collect();
    assert_eq!(jobs, ["node", "etcd", "prometheus"]);
    assert!(capture.series_len() >= 1_200, "{}", capture.series_len());
    assert!(capture.scrapes_len() >= 120, "{}", capture.scrapes_len());
    for target in &capture.targets {
        assert!(target.times.is_sorted_by(|left, right| left < right));
        for series in &target.series {
            assert_eq!(series.values.len(), target.times.len());
            assert!(series.values.iter().any(Option::is_some));
        }
    }
}

#[test]
fn a_capture_reads_back_repeats_gaps_and_escapes() {
    let capture = read(SMALL).unwrap();
    let target = &capture.targets[0];
    assert_eq!(target.times, [1_000, 16_003, 31_002, 46_002]);
    let first = &target.series[0];
    assert_eq!(first.labels[1], ("x".to_owned(), "1,\"}\\\n".to_owned()));
    assert_eq!(first.values, [Some(-1.0), Some(-1.0), None, Some(7.0)]);
    let second = &target.series[1];
    assert_eq!(second.values[0], None);
    assert_eq!(
        second.values[1].map(f64::to_bits),
        Some(0x7ff8_0000_0000_0001)
    );
    assert_eq!(second.values[2..], [Some(1e300), Some(5_000.0)]);
}

#[test]
fn what_is_no_capture_is_refused_with_its_line() {
    for (text, line) in [
        ("other", 1),
        ("tsdb-capture 1\ntarget job=\"a\"\n", 2),
        ("tsdb-capture 1\ntarget job=\"a\ntimes 1\n", 2),
        ("tsdb-capture 1\ntarget job=\"a\"\ntimes x\n", 3),
        ("tsdb-capture 1\nseries a\n1\n", 2),
        (
            "tsdb-capture 1\ntarget job=\"a\"\ntimes 1\nseries a\n1 2\n",
            5,
        ),
        (
            "tsdb-capture 1\ntarget job=\"a\"\ntimes 1\nseries a\n!99999999999\n",
            5,
        ),
        (
            "tsdb-capture 1\ntarget job=\"a\"\ntimes 1\nseries a\n=1\n",
            5,
        ),
        (
            "tsdb-capture 1\ntarget job=\"a\"\ntimes 1 2\nseries a\n1\n",
            5,
        ),
        ("tsdb-capture 1\nother\n1\n", 2),
    ] {
        match read(text) {
            Err(CaptureError::Malformed { line: found, .. }) => assert_eq!(found, line, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
    assert!(matches!(
        Capture::from_gzip(b"plain"),
        Err(CaptureError::Unpack(_))
    ));
}

#[test]
fn a_fleet_has_the_size_asked_for_and_no_series_twice() {
    let capture = Capture::load().unwrap();
    let fleet = Fleet::new(capture, 10_000, 1).unwrap();
    assert_eq!(fleet.labels().len(), 10_000);
    let distinct: BTreeSet<&[u8]> = fleet
        .labels()
        .iter()
        .map(|labels| labels.as_bytes())
        .collect();
    assert_eq!(distinct.len(), 10_000);
    assert_eq!(fleet.targets().last().unwrap().series.end, 10_000);
}

#[test]
fn a_fleet_is_made_by_its_seed() {
    let round = |seed, round| {
        let fleet = Fleet::new(Capture::load().unwrap(), 5_000, seed).unwrap();
        let samples: Vec<(usize, i64, u64)> = fleet
            .round(round)
            .map(|found| {
                (
                    found.series,
                    found.sample.timestamp,
                    found.sample.value.to_bits(),
                )
            })
            .collect();
        samples
    };
    assert_eq!(round(1, 700), round(1, 700));
    assert_ne!(round(1, 700), round(2, 700));
    assert!(round(1, 0).len() > 4_000);
}

#[test]
fn time_moves_on_behind_the_end_of_the_capture() {
    let fleet = Fleet::new(Capture::load().unwrap(), 3_000, 1).unwrap();
    let target = &fleet.targets()[1];
    let times: Vec<i64> = (0..1_000)
        .map(|round| fleet.scrape(target, round).next().unwrap().sample.timestamp)
        .collect();
    assert!(times.is_sorted_by(|left, right| left < right));
}

#[test]
fn a_series_that_ends_gives_one_stale_marker() {
    let fleet = Fleet::new(read(SMALL).unwrap(), 2, 0).unwrap();
    let values: Vec<f64> = (1..9)
        .flat_map(|round| fleet.round(round))
        .filter(|found| found.series == 0)
        .map(|found| found.sample.value)
        .collect();
    // Eight rounds are the four scrapes twice, each time with the gap's marker.
    assert_eq!(values.len(), 8);
    assert_eq!(values.iter().filter(|value| is_stale(**value)).count(), 2);
    assert_eq!(fleet.labels()[0].get("exported_instance"), Some("own"));
    assert_eq!(fleet.labels()[0].get("instance"), Some("localhost:9100"));
}
