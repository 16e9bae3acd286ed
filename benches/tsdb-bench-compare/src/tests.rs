//! Tests of the harness's parts; the whole of it runs in `.ci/run`.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use clap::{CommandFactory as _, Parser as _};
use tsdb_bench::Capture;
use tsdb_core::Sample;
use tsdb_remote::write::WriteProtocol;

use crate::accounting::{Accounting, state, status_bytes};
use crate::deliveries::Deliveries;
use crate::disk::DiskBytes;
use crate::error::Error;
use crate::figures::{Figures, Part, Restart};
use crate::http::{Connection, Request};
use crate::load::Load;
use crate::options::{LoadName, Options, ServerName};
use crate::read_back::Comparison;
use crate::sender::Sent;
use crate::table::Table;

const NOW_MS: i64 = 1_800_000_000_000;

fn load(name: LoadName, arguments: &[&str]) -> Result<Load, Error> {
    let mut options = Options::parse_from(["compare"].iter().chain(arguments));
    options.series.get_or_insert(700);
    options.scrapes.get_or_insert(30);
    options.per_request = 100;
    Load::new(name, &options, Capture::load().unwrap(), NOW_MS)
}

/// What the requests of a load hold, by the tests' own reading: series to timestamps and bits in
/// the order they come.
fn delivered(load: &Load) -> BTreeMap<String, Vec<(i64, u64)>> {
    let mut found: BTreeMap<String, Vec<(i64, u64)>> = BTreeMap::new();
    let mut deliveries = Deliveries::new(load, WriteProtocol::V1);
    while let Some(slot) = deliveries.next_slot().unwrap() {
        for delivery in slot {
            assert!(delivery.samples <= load.per_request, "{}", delivery.samples);
            assert!(delivery.connection < load.connections);
            let samples = read_request(&delivery.body, &mut found);
            assert_eq!(samples, delivery.samples);
        }
    }
    found
}

#[test]
fn a_window_ends_within_a_load_where_it_is_told() {
    let window_ms = 2 * 3_600_000;
    for (percent, at_least, at_most) in [("0", 0, 1), ("50", 13, 17), ("100", 30, 30)] {
        let load = load(LoadName::Steady, &["--window-ends-at", percent]).unwrap();
        let all = delivered(&load);
        let times = || all.values().flatten().map(|sample| sample.0);
        let last = times().max().unwrap();
        assert!(last <= NOW_MS && last > NOW_MS - window_ms - 30 * 15_000);
        let windows = |time: i64| time.div_euclid(window_ms);
        let ended = windows(load.range_ms.1 - 60_000);
        for samples in all.values() {
            let before = samples.iter().filter(|one| windows(one.0) < ended);
            let before = before.count();
            assert!(
                (at_least..=at_most).contains(&before),
                "{percent} %: {before}"
            );
        }
    }
}

/// Reads a remote write request with the receiver's decoder.
fn read_request(body: &[u8], into: &mut BTreeMap<String, Vec<(i64, u64)>>) -> usize {
    let message = snap::raw::Decoder::new().decompress_vec(body).unwrap();
    let request = <tsdb_proto::prometheus::WriteRequest as prost::Message>::decode(&*message);
    let mut samples = 0;
    for series in request.unwrap().timeseries {
        let labels: Vec<String> = series
            .labels
            .iter()
            .map(|label| format!("{}={}", label.name, label.value))
            .collect();
        let all = into.entry(labels.join(",")).or_default();
        samples += series.samples.len();
        all.extend(
            series
                .samples
                .iter()
                .map(|s| (s.timestamp, s.value.to_bits())),
        );
    }
    samples
}

/// The same from the fleet itself.
fn expected(load: &Load) -> BTreeMap<String, Vec<(i64, u64)>> {
    let mut found: BTreeMap<String, Vec<(i64, u64)>> = BTreeMap::new();
    for round in 0..load.fleet.rounds_len() {
        for sent in load.fleet.round(round) {
            let labels: Vec<String> = load.fleet.labels()[sent.series]
                .iter()
                .map(|label| format!("{}={}", label.name, label.value))
                .collect();
            let all = found.entry(labels.join(",")).or_default();
            all.push((sent.sample.timestamp, sent.sample.value.to_bits()));
        }
    }
    found
}

#[test]
fn every_load_sends_each_sample_of_its_fleet_once() {
    for name in LoadName::expand(&[LoadName::All]) {
        let load = load(name, &["--churn-every", "7", "--churn-percent", "40"]).unwrap();
        let mut delivered = delivered(&load);
        let in_order = delivered.values().filter(|all| all.is_sorted()).count();
        let late = delivered.len() - in_order;
        match name {
            LoadName::Late => assert!(late * 10 > delivered.len() * 9, "{late} series are late"),
            _ => assert_eq!(late, 0, "{}", name.text()),
        }
        for all in delivered.values_mut() {
            all.sort_unstable();
        }
        let expected = expected(&load);
        assert!(expected == delivered, "{}", name.text());
        let times = expected.values().flatten().map(|(timestamp, _)| *timestamp);
        let (min, max) = (times.clone().min().unwrap(), times.max().unwrap());
        assert!(min > load.range_ms.0 && max <= NOW_MS, "{min} to {max}");
        assert!(max > NOW_MS - 3 * load.interval_ms, "the newest is {max}");
    }
}

#[test]
fn as_many_samples_are_late_as_was_asked_for() {
    let load = load(LoadName::Late, &["--interval-ms", "900000"]).unwrap();
    // The newest of a series so far, and how far below that a sample comes.
    let (mut late, mut all, mut latest) = (0, 0, 0);
    for samples in delivered(&load).values() {
        let mut newest = i64::MIN;
        for (timestamp, _) in samples {
            all += 1;
            late += usize::from(*timestamp < newest);
            latest = latest.max(newest.saturating_sub(*timestamp));
            newest = newest.max(*timestamp);
        }
    }
    let percent = late * 100 / all;
    assert!((30..=50).contains(&percent), "{percent} % are out of order");
    let hours = latest as f64 / 3_600e3;
    assert!(
        (4.0..=6.01).contains(&hours),
        "the latest is {hours} h late"
    );
}

#[test]
fn a_load_longer_than_the_capture_is_refused() {
    let error = load(LoadName::Steady, &["--scrapes", "100000"]).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("100000") && text.contains("longer capture"),
        "{text}"
    );
}

#[test]
fn options_are_consistent_and_all_stands_for_each_load() {
    Options::command().debug_assert();
    assert_eq!(LoadName::expand(&[LoadName::All]).len(), 5);
    let options = Options::parse_from(["compare", "--load", "late,churn", "--only", "ours"]);
    assert_eq!(options.load, [LoadName::Late, LoadName::Churn]);
    assert_eq!(options.only, [ServerName::Ours]);
}

#[test]
fn process_files_are_read_whatever_the_program_is_called() {
    assert_eq!(state("77 (a ) R (b) S 1 77 77 0 -1").unwrap(), 'S');
    assert!(state("77 a S 1").is_err());
    assert!(state("").is_err());
    let status = "Name:\ta\nVmHWM:\t   20 kB\nVmRSS:\t    8 kB\n";
    assert_eq!(status_bytes(status, "VmRSS:").unwrap(), 8 << 10);
    assert_eq!(status_bytes(status, "VmHWM:").unwrap(), 20 << 10);
    assert!(status_bytes(status, "VmSwap:").is_err());
}

#[test]
fn cpu_and_memory_of_a_process_are_seen() {
    let own = Accounting::of(std::process::id());
    let before = own.cpu_ns().unwrap();
    let mut sum = 0u64;
    while own.cpu_ns().unwrap() < before + 20_000_000 {
        sum = (0..100_000).fold(sum, |sum, n| sum.wrapping_mul(31) ^ n);
    }
    assert_ne!(sum, 1);
    // What a thread took that ended counts too.
    let before = own.cpu_ns().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| while own.cpu_ns().unwrap() < before + 20_000_000 {});
    });
    assert!(own.cpu_ns().unwrap() >= before + 20_000_000);
    assert!(own.rss_bytes().unwrap() > 1 << 20);
    assert!(own.peak_bytes().unwrap() >= own.rss_bytes().unwrap() / 2);
    assert!(!own.has_ended().unwrap());
    assert!(Accounting::of(u32::MAX).cpu_ns().is_err());
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the files themselves are tested")]
fn a_folder_is_added_up() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("below")).unwrap();
    std::fs::write(folder.path().join("a"), [0; 10]).unwrap();
    std::fs::write(folder.path().join("below/b"), [0; 5_000]).unwrap();
    let found = DiskBytes::of(folder.path()).unwrap();
    assert_eq!(found.apparent, 5_010);
    assert!(found.allocated >= 5_010, "{found:?}");
    let gone = DiskBytes::of(&folder.path().join("gone")).unwrap();
    assert_eq!(gone, DiskBytes::default());
}

#[test]
fn samples_read_back_are_compared_to_the_bit() {
    let sample = |timestamp, value: f64| Sample::new(timestamp, value);
    let sent = [
        sample(1, 1.0),
        sample(2, 2.0),
        sample(3, 0.0),
        sample(5, 5.0),
    ];
    let mut comparison = Comparison::default();
    comparison.add(&sent, &sent);
    let same = Comparison {
        series: 1,
        sent: 4,
        found: 4,
        ..Comparison::default()
    };
    assert_eq!(comparison, same);
    let back = [
        sample(0, 9.0),
        sample(2, 2.0),
        sample(3, -0.0),
        sample(4, 4.0),
        sample(6, 6.0),
    ];
    let mut comparison = Comparison::default();
    comparison.add(&sent, &back);
    assert_eq!((comparison.found, comparison.changed), (2, 1));
    assert_eq!(comparison.foreign, 3);
}

fn figures() -> Figures {
    let part = |samples, cpu_ns, sending_ms| Part {
        samples,
        cpu_ns,
        sending_ms,
    };
    let compared = Comparison {
        series: 2,
        sent: 500,
        found: 400,
        changed: 4,
        foreign: 0,
    };
    let restart = |stored| Restart {
        ready_ms: 1_234,
        last_sample: true,
        rss_bytes: 30_000,
        stored,
        compared,
    };
    Figures {
        version: "1".to_owned(),
        active_series: 100,
        all_series: 100,
        sent: Sent {
            acked: 1_000,
            ..Sent::default()
        },
        creation: part(100, 300_000, 10),
        known: part(900, 180_000, 20),
        rss_empty: 1_000,
        rss_loaded: 40_000,
        rss_peak: 50_000,
        disk_loaded: DiskBytes::default(),
        after_kill: restart(990),
        disk_settled: DiskBytes {
            apparent: 250,
            allocated: 4_000,
        },
        settling_cpu_ns: 50_000,
        after_stop: restart(1_000),
    }
}

#[test]
fn figures_are_a_sample_and_a_series() {
    let table = Table::new(&[(ServerName::Ours, Ok(figures()))]);
    let row: Vec<&str> = table.rows[1].iter().map(String::as_str).collect();
    let expected = [
        "tsdb-server",
        "480",
        "200",
        "3.00",
        "50",
        "45000",
        "400",
        "500",
        "0.250",
        "4.000",
        "1.234",
        "1.234",
        "10",
        "1.00",
        "0",
    ];
    assert_eq!(row, expected);
    assert!(table.is_filled());
    assert!(table.notes.is_empty(), "{:?}", table.notes);
}

#[test]
fn what_is_missing_is_said() {
    let mut ours = figures();
    ours.after_kill.last_sample = false;
    ours.after_stop.stored = 900;
    ours.sent.refused = 7;
    ours.sent.refusal = Some("400: no".to_owned());
    ours.known = Part::default();
    let absent = Err("it is not there".to_owned());
    let table = Table::new(&[
        (ServerName::Ours, Ok(ours)),
        (ServerName::Prometheus, absent),
    ]);
    assert!(!table.is_filled());
    assert_eq!(table.rows[1][2], "-");
    assert!(table.rows[2][1..].iter().all(|cell| cell == "-"));
    let notes = table.notes.join("\n");
    for part in [
        "not there after kill -9",
        "400: no",
        "100 samples",
        "it is not there",
    ] {
        assert!(notes.contains(part), "{part} in {notes}");
    }
    let markdown = table.markdown();
    let lines: Vec<&str> = markdown.lines().collect();
    assert!(lines[0].starts_with("| server | CPU ns/sample |"));
    assert!(lines[1].starts_with("| --- | ---: |"));
    assert_eq!(lines.iter().filter(|line| line.starts_with('|')).count(), 4);
    let aligned = table.aligned();
    let figures = aligned.lines().take(15);
    let widths: Vec<usize> = figures.map(str::len).collect();
    assert!(widths.iter().all(|width| *width == widths[0]), "{aligned}");
}

/// Answers one connection with fixed bytes and gives what a client made of them.
fn answered(answer: &'static [u8]) -> std::io::Result<(u16, Vec<u8>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.extend(byte);
            }
            stream.write_all(answer).unwrap();
        });
        let request = Request {
            method: "GET",
            path: "/",
            headers: "",
            body: &[],
        };
        let (head, body) = Connection::open(address)?.exchange(request)?;
        Ok((head.status, body))
    })
}

#[test]
fn answers_are_read_in_every_form() {
    let sized = answered(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef").unwrap();
    assert_eq!(sized, (200, b"abc".to_vec()));
    let empty = answered(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
    assert_eq!(empty, (204, Vec::new()));
    let chunked =
        b"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n";
    assert_eq!(answered(chunked).unwrap(), (503, b"abc".to_vec()));
    let open = answered(b"HTTP/1.1 200 OK\r\n\r\nall of it").unwrap();
    assert_eq!(open, (200, b"all of it".to_vec()));
    for broken in [
        &b"nothing\r\n"[..],
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabc",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nz\r\nabc",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    ] {
        assert!(
            answered(broken).is_err(),
            "{}",
            String::from_utf8_lossy(broken)
        );
    }
}
