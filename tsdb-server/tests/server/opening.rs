//! While a large log is replayed the server answers already: that it lives, that it is not ready
//! and how far it is, and to everybody else to come back.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use tsdb_core::{Db, DbOptions, Labels, Sample, WriteBatch};

use crate::support::{Process, Server, exported, get, json, series, write_body, write_request};

const SERIES: usize = 20_000;
const SAMPLES: usize = 200;
const START: i64 = 1_700_000_000_000;

/// Leaves a folder as a killed server would: all of it in the log.
fn leave_log(folder: &Path) {
    let options = DbOptions {
        log_cap_bytes: 1 << 30,
        ..DbOptions::default()
    };
    let db = Db::open(folder, options).expect("a new database");
    let labels: Vec<Labels> = (0..SERIES)
        .map(|number| {
            let number = number.to_string();
            Labels::from_pairs([("__name__", "old"), ("number", &number)]).expect("labels")
        })
        .collect();
    let mut batch = WriteBatch::new();
    for at in 0..SAMPLES {
        batch.clear();
        for (number, labels) in labels.iter().enumerate() {
            let time = START + at as i64 * 15_000;
            batch.push(labels, Sample::new(time, (number * at) as f64 / 7.0));
        }
        let append = db.default_namespace().append(&batch).expect("an append");
        db.commit().expect("a commit");
        append.ticket.wait().expect("it is durable");
    }
}

/// Starts the server and gives it back as soon as it listens.
fn start_listening(folder: &Path) -> Server {
    let folder = folder.to_str().expect("UTF-8");
    let arguments = [
        "--listen",
        "127.0.0.1:0",
        "--metrics-listen",
        "127.0.0.1:0",
        "--disk-high-water",
        "100",
        "--data-dir",
        folder,
    ];
    let arguments = arguments.map(str::to_owned);
    let process = Process::start(env!("CARGO_BIN_EXE_tsdb-server"), &arguments);
    let line = process
        .line_with("listening, not ready yet", Duration::from_secs(30))
        .unwrap_or_else(|| panic!("it ended:\n{}", process.log()));
    let url = |name: &str| {
        let address = line
            .split(name)
            .nth(1)
            .and_then(|rest| rest.split(' ').next());
        format!("http://{}", address.expect("an address"))
    };
    Server {
        api: url("api="),
        metrics: format!("{}/metrics", url("metrics=")),
        process,
    }
}

/// What was seen until the server was ready.
#[derive(Default)]
struct Seen {
    phases: BTreeSet<String>,
    /// Bytes of logs.
    replayed: Vec<u64>,
    /// Timestamps of samples that were sent and acked meanwhile.
    acked: BTreeSet<i64>,
    /// How many were refused.
    refused: u64,
}

/// Asks whether it is ready, and writes a sample, by turns.
async fn watch_opening(server: &Server) -> Seen {
    let mut seen = Seen::default();
    for attempt in 0.. {
        let answer = get(&format!("{}/ready", server.api)).await;
        if answer.status == 200 {
            break;
        }
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(answer.headers.contains_key("retry-after"));
        let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert!(body["reason"].is_string(), "{body}");
        let opening = &body["opening"];
        let phase = opening["phase"].as_str();
        seen.phases.extend(phase.map(str::to_owned));
        let (done, all) = (&opening["logBytesReplayed"], &opening["logBytes"]);
        if let (Some(done), Some(all)) = (done.as_u64(), all.as_u64()) {
            assert!(done <= all, "{body}");
            seen.replayed.push(done);
        }
        let write = write_body(vec![series(&[("__name__", "new")], &[(attempt, 0)])]);
        let answer = write_request(&server.api, write).await.expect("an answer");
        match answer.status {
            204 => {
                seen.acked.insert(attempt);
            }
            503 => {
                assert!(answer.headers.contains_key("retry-after"));
                seen.refused += 1;
            }
            other => panic!("{other}: {}", answer.text()),
        }
        if attempt == 0 {
            assert_eq!(get(&format!("{}/health", server.api)).await.status, 200);
            assert_eq!(get(&format!("{}/-/healthy", server.api)).await.status, 200);
        }
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_replays_says_so_and_how_far_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    leave_log(folder.path());
    let server = start_listening(folder.path());
    let seen = watch_opening(&server).await;
    let Seen {
        phases,
        replayed,
        acked,
        refused,
    } = seen;
    // A replay of four million samples takes many times as long as a request.
    assert!(
        refused > 0 && phases.contains("replay"),
        "{refused} {phases:?}"
    );
    assert!(replayed.is_sorted(), "{replayed:?}");
    let steps: BTreeSet<u64> = replayed.into_iter().collect();
    assert!(steps.len() > 2, "progress is seen: {steps:?}");
    let replay = json(&format!("{}/api/v1/status/walreplay", server.api)).await;
    assert_eq!(
        replay["data"],
        serde_json::json!({"min": 0, "max": 1, "current": 1})
    );
    // Nothing that was acked before is lost, and of what came meanwhile all that was acked is
    // there, and nothing else.
    let all = (SERIES * SAMPLES) as f64;
    assert_eq!(server.metric("tsdb_recovery_samples").await, all);
    let found = exported(&server, "new").await;
    let times = found
        .iter()
        .flat_map(|(_, samples)| samples)
        .map(|one| one.0);
    assert_eq!(times.collect::<BTreeSet<_>>(), acked);
    let one = exported(&server, "old{number=\"19999\"}").await;
    let expected = (0..SAMPLES).map(|at| {
        let value = ((SERIES - 1) * at) as f64 / 7.0;
        (START + at as i64 * 15_000, value.to_bits())
    });
    assert_eq!(one[0].1, expected.collect::<Vec<_>>());
    let metrics = get(&server.metrics).await.text();
    assert!(
        metrics.contains("tsdb_opening_phase{phase=\"open\"} 1"),
        "{metrics}"
    );
}

/// A server told to stop while it replays does so at once, and the next one finds everything.
#[tokio::test]
async fn a_server_that_replays_can_be_stopped() {
    let folder = tempfile::tempdir().expect("a folder");
    leave_log(folder.path());
    let mut server = start_listening(folder.path());
    assert_eq!(get(&format!("{}/-/ready", server.api)).await.status, 503);
    server.process.signal(rustix::process::Signal::TERM);
    let status = server.process.ended(Duration::from_secs(5)).await;
    assert!(status.success(), "{status}:\n{}", server.process.log());
    let again = Server::start(folder.path(), &[]);
    let all = (SERIES * SAMPLES) as f64;
    assert_eq!(again.metric("tsdb_recovery_samples").await, all);
}
