use clap::Parser as _;
use tsdb_remote::write::WriteProtocol;

use super::answer::Answer;
use super::fleet::Fleet;
use super::question::QUESTIONS;
use super::report::{Cost, Read, Report, Row, Stage, difference, median_ms};
use crate::options::{Options, ServerName};

const NOW_MS: i64 = 1_800_000_000_000;

fn answer(text: &str) -> Answer {
    Answer::read(text.as_bytes()).unwrap()
}

fn vector(value: &str) -> Answer {
    answer(&format!(
        r#"{{"data":{{"result":[{{"metric":{{"b":"2","a":"1"}},"value":[1.5,"{value}"]}}]}}}}"#
    ))
}

#[test]
fn answers_are_the_same_up_to_a_millionth() {
    assert_eq!(vector("0.5").only(), Some(0.5));
    assert_eq!(vector("3").difference(&vector("3.000001")), None);
    assert_eq!(vector("NaN").difference(&vector("NaN")), None);
    assert_eq!(vector("+Inf").difference(&vector("+Inf")), None);
    for other in ["3.00001", "NaN", "-Inf"] {
        let found = vector("3").difference(&vector(other));
        assert!(found.is_some(), "{other}");
    }
    let swapped = answer(r#"{"data":{"result":[{"value":[1.5,"3"],"metric":{"a":"1","b":"2"}}]}}"#);
    assert_eq!(vector("3").difference(&swapped), None);
    for other in [
        r#"{"data":{"result":[]}}"#,
        r#"{"data":{"result":[{"metric":{"a":"1"},"value":[1.5,"3"]}]}}"#,
        r#"{"data":{"result":[{"metric":{"a":"1","b":"2"},"value":[1.501,"3"]}]}}"#,
        r#"{"data":{"result":[{"metric":{"a":"1","b":"2"},"values":[[1.5,"3"],[2,"3"]]}]}}"#,
    ] {
        assert!(vector("3").difference(&answer(other)).is_some(), "{other}");
    }
    for malformed in [
        "",
        "{}",
        r#"{"data":{"result":[{"metric":{},"value":[1,2]}]}}"#,
    ] {
        assert!(Answer::read(malformed.as_bytes()).is_err(), "{malformed}");
    }
}

#[test]
fn of_victoria_metrics_the_series_are_counted_alone() {
    let (own, other) = (vector("1"), vector("2"));
    assert_eq!(difference(ServerName::VictoriaMetrics, &own, &other), None);
    assert!(difference(ServerName::Prometheus, &own, &other).is_some());
    let none = Answer::default();
    assert!(difference(ServerName::VictoriaMetrics, &own, &none).is_some());
}

#[test]
fn every_tenth_instance_has_all_of_the_history() {
    let options = Options::parse_from(["compare", "--series", "500", "--scrapes", "180"]);
    let mut fleet = Fleet::new(&options, NOW_MS).unwrap();
    assert_eq!((fleet.series_len(), fleet.instances_len()), (500, 25));
    let mut samples = Vec::new();
    while let Some(requests) = fleet.next_round(WriteProtocol::V1).unwrap() {
        samples.push(requests.iter().map(|one| one.samples).sum::<usize>());
    }
    // The instances 0, 10 and 20 at first, and all of them in the last sixth.
    let expected: Vec<usize> = [60]
        .repeat(150)
        .into_iter()
        .chain([500].repeat(30))
        .collect();
    assert_eq!(samples, expected);
}

fn row(server: ServerName, cpu_ms: u64, value: &str) -> Row {
    let cost = Cost {
        cpu_ns: [cpu_ms + 2, cpu_ms, cpu_ms + 1]
            .map(|ms| ms * 1_000_000)
            .into(),
        wall_ns: vec![9_000_000],
        answer: vector(value),
    };
    Row {
        server,
        title: server.text().to_owned(),
        outcome: Ok(Stage {
            version: "1".to_owned(),
            costs: vec![cost; QUESTIONS.len()],
            read: (server != ServerName::VictoriaMetrics).then(|| Read {
                cpu_ns: [cpu_ms + 1, cpu_ms, cpu_ms + 2]
                    .map(|ms| ms * 1_000_000)
                    .into(),
                samples: 1_000_000,
            }),
            rss: 10 << 20,
            peak: 20 << 20,
        }),
    }
}

#[test]
fn a_table_has_least_median_wall_and_how_many_times_ours() {
    let report = Report {
        description: String::new(),
        runs: 3,
        rows: vec![
            row(ServerName::Ours, 2, "1"),
            row(ServerName::Prometheus, 8, "1"),
            row(ServerName::VictoriaMetrics, 8, "1"),
        ],
    };
    assert_eq!(report.findings(), Vec::<String>::new());
    let table = report.table();
    assert!(table.is_filled());
    assert_eq!(table.rows[1][1], "2.0 / 3.0; 9.0");
    assert_eq!(table.rows[4][..2], ["Prometheus / tsdb-server", "4.0"]);
    let turned = table.turned();
    let costs = ["2.0 / 3.0; 9.0", "8.0 / 9.0; 9.0", "8.0 / 9.0; 9.0"];
    assert_eq!(turned.rows[1][1..4], costs);
    assert_eq!(turned.rows[1][4..], ["4.0", "4.0"]);
    let reads = ["2.0 / 3.0", "8.0 / 9.0", "none", "4.0", "none"];
    assert_eq!(turned.rows[QUESTIONS.len() + 1][1..], reads);
    assert_eq!(table.turned().turned(), table);
}

#[test]
fn what_differs_or_fails_is_found() {
    let failed = Row {
        outcome: Err("it is not there".to_owned()),
        ..row(ServerName::VictoriaMetrics, 1, "1")
    };
    let mut fewer = row(ServerName::Prometheus, 8, "2");
    if let Ok(stage) = &mut fewer.outcome {
        stage.read = stage.read.take().map(|read| Read { samples: 7, ..read });
    }
    let report = Report {
        description: String::new(),
        runs: 3,
        rows: vec![row(ServerName::Ours, 2, "1"), fewer, failed],
    };
    let findings = report.findings();
    assert_eq!(findings.len(), 2 + QUESTIONS.len());
    let read = "remote read gives 1000000 samples of tsdb-server and 7 of Prometheus";
    assert!(findings.iter().any(|found| found == read), "{findings:?}");
    assert!(findings[0].contains("it is not there"), "{findings:?}");
    assert!(!report.table().is_filled());
    assert_eq!(median_ms(&[]), 0.0);
}
