//! Tests of the capture's reader and of fleets.

mod pages;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use tsdb_core::model::is_stale;

use crate::{Capture, CaptureError, Churn, Fleet, FleetError, FleetSize, TargetClone};

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

/// The values of one series of a fleet over all its rounds.
fn values(fleet: &Fleet, clone: &TargetClone, series: usize) -> Vec<f64> {
    let samples = (0..fleet.rounds_len()).filter_map(|round| fleet.sample(clone, series, round));
    samples.map(|sample| sample.value).collect()
}

fn fleet(series: usize, rounds: usize, churn: Option<Churn>) -> Fleet {
    let size = FleetSize {
        series,
        rounds,
        churn,
    };
    Fleet::of_size(Capture::load().unwrap(), size, 5).unwrap()
}

#[test]
fn no_two_clones_share_a_column_that_is_not_constant() {
    for rounds in [60, 360] {
        let fleet = fleet(15_000, rounds, None);
        let mut found: BTreeMap<Vec<u64>, usize> = BTreeMap::new();
        let mut distinct = 0;
        for (index, clone) in fleet.targets().iter().enumerate() {
            for series in clone.series.clone() {
                let column: Vec<u64> = values(&fleet, clone, series)
                    .into_iter()
                    .map(f64::to_bits)
                    .collect();
                if column.iter().all(|bits| Some(bits) == column.first()) {
                    continue;
                }
                distinct += 1;
                let labels = &fleet.labels()[series];
                let other = *found.entry(column).or_insert(index);
                // What was captured is as it is: real exporters share columns.
                let captured = other < 3 && index < 3;
                assert!(
                    captured || other == index,
                    "{rounds} rounds of {labels}: {other}, {index}"
                );
            }
        }
        assert!(distinct > 1_000, "{distinct} columns are not constant");
    }
}

#[test]
fn what_makes_values_compress_is_left_to_clones() {
    let capture = Capture::load().unwrap();
    let fleet = fleet(capture.series_len() * 3, 360, None);
    let digits = |value: f64| {
        let text = format!("{value}");
        text.split_once('.').map_or(0, |(_, behind)| behind.len())
    };
    let mut counters = 0;
    for clone in fleet.targets() {
        let captured = &fleet.targets()[clone_of(&fleet, clone)];
        for (series, original) in clone.series.clone().zip(captured.series.clone()) {
            let labels = &fleet.labels()[series];
            let original = values(&fleet, captured, original);
            let values = values(&fleet, clone, series);
            let constant =
                |values: &[f64]| values.iter().all(|v| v.to_bits() == values[0].to_bits());
            if original.len() < 360 {
                continue;
            }
            assert!(constant(&values) || !constant(&original), "{labels}");
            let most = |values: &[f64]| values.iter().map(|v| digits(*v)).max();
            let finite = original.iter().all(|value| value.is_finite());
            // Beyond 15 digits a double is no decimal number that could be kept.
            if finite && most(&original) <= Some(9) && original.iter().all(|v| v.abs() < 1e5) {
                assert!(most(&values) <= most(&original), "{labels}");
            }
            if finite && original.is_sorted() && original[0] >= 0.0 {
                assert!(values.is_sorted(), "{labels}");
                let rise = |values: &[f64]| values[359] - values[0];
                let (was, is) = (rise(&original), rise(&values));
                assert!(
                    (was - is).abs() <= was * 0.05 + 1e-6 * original[359].abs(),
                    "{labels}: {was} {is}"
                );
                counters += 1;
            }
        }
    }
    assert!(counters > 1_000, "{counters} counters");
}

/// Index of the captured target that a clone copies: the first one whose series has its name.
fn clone_of(fleet: &Fleet, clone: &TargetClone) -> usize {
    let name = |clone: &TargetClone| {
        fleet.labels()[clone.series.start]
            .get("job")
            .map(str::to_owned)
    };
    let found = fleet
        .targets()
        .iter()
        .position(|one| name(one) == name(clone));
    found.unwrap()
}

#[test]
fn time_moves_on_however_scrapes_are_ordered() {
    let fleet = fleet(10_000, 300, None).scraped_from(1_000_000, 60_000);
    for clone in fleet.targets() {
        let times: Vec<i64> = (0..300)
            .map(|round| fleet.scrape(clone, round).next().unwrap().sample.timestamp)
            .collect();
        assert!(times.is_sorted_by(|left, right| left < right));
        assert!(times[0] >= 999_000 && times[0] < 1_061_000, "{}", times[0]);
        assert!(times[299] - times[0] < 300 * 60_000);
    }
}

#[test]
fn more_rounds_than_scrapes_are_refused() {
    let size = FleetSize {
        series: 10,
        rounds: 5,
        churn: None,
    };
    match Fleet::of_size(read(SMALL).unwrap(), size, 0) {
        Err(FleetError::TooShort { rounds, captured }) => assert_eq!((rounds, captured), (5, 4)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn churn_replaces_targets_and_ends_their_series() {
    let churn = Churn {
        every: 10,
        percent: 30,
    };
    let fleet = fleet(10_000, 35, Some(churn));
    for round in [0, 9, 10, 34] {
        assert_eq!(fleet.active_len(round), 10_000, "round {round}");
    }
    assert!(fleet.labels().len() > 15_000);
    let distinct: BTreeSet<&[u8]> = fleet.labels().iter().map(|one| one.as_bytes()).collect();
    assert_eq!(distinct.len(), fleet.labels().len());
    let ended = &fleet.targets()[0];
    assert_eq!(ended.life, 0..10);
    let last: Vec<f64> = fleet
        .scrape(ended, 10)
        .map(|found| found.sample.value)
        .collect();
    assert!(last.len() > 100 && last.iter().all(|value| is_stale(*value)));
    assert_eq!(fleet.scrape(ended, 11).count(), 0);
    let series = fleet.labels().len() - 1;
    let begun = fleet.target_of(series).unwrap();
    assert!(begun.series.contains(&series));
    assert_eq!(begun.life.start, 30);
    assert_eq!(fleet.scrape(begun, 29).count(), 0);
    let first: Vec<f64> = fleet
        .scrape(begun, 30)
        .map(|found| found.sample.value)
        .collect();
    assert!(first.len() > 100 && first.iter().all(|value| !is_stale(*value)));
}
