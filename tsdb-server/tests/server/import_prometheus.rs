//! `tsdb-server import prometheus`: blocks that Prometheus' own programs made, into folders and
//! running servers; cut short, damaged, refused.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{
    Process, Server, exported, program, series, stored, wait_for, write_body, write_request,
};

const WITHIN: Duration = Duration::from_secs(120);
/// Samples of the kept block of promtool.
const KEPT_SAMPLES: usize = 414;

/// A block that is kept with the sources.
fn kept(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("../tsdb-formats/tests/blocks").join(name)
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// Runs an import to its end; what it printed to stdout, and to stderr behind it.
pub(crate) async fn import(arguments: &[&str], code: i32) -> String {
    let arguments: Vec<String> = ["import", "prometheus"]
        .iter()
        .chain(arguments)
        .map(ToString::to_string)
        .collect();
    let run = move || -> Output {
        let program = env!("CARGO_BIN_EXE_tsdb-server");
        Command::new(program)
            .args(arguments)
            .output()
            .expect("it starts")
    };
    let output = tokio::task::spawn_blocking(run).await.expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    said
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

async fn stop(mut server: Server) {
    server.process.signal(Signal::TERM);
    assert!(server.process.ended(WITHIN).await.success());
}

fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    i64::try_from(since.as_millis()).expect("a time")
}

/// Has promtool make blocks of `series` series with `samples` samples each, every 15 s from a time
/// on.
fn make_blocks(promtool: &Path, folder: &Path, (series, samples): (usize, i64), from_ms: i64) {
    let mut lines = String::from("# TYPE load gauge\n");
    for number in 0..series {
        for k in 0..samples {
            let seconds = from_ms / 1000 + k * 15;
            let value = (number as f64).mul_add(1000.0, (k % 37) as f64 / 7.0);
            let _ = writeln!(lines, "load{{host=\"host-{number:04}\"}} {value} {seconds}");
        }
    }
    lines.push_str("# EOF\n");
    let file = folder.join("load.om");
    std::fs::write(&file, lines).expect("a file");
    let made = Command::new(promtool)
        .args(["tsdb", "create-blocks-from", "openmetrics", text(&file)])
        .arg(folder.join("data"))
        .output()
        .expect("promtool starts");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
}

/// What promtool prints of a data folder, which it wants to have a log.
fn promtool_says(promtool: &Path, what: &str, data: &Path) -> String {
    std::fs::create_dir_all(data.join("wal")).expect("a folder");
    let said = Command::new(promtool)
        .args(["tsdb", what])
        .arg(data)
        .output();
    let said = said.expect("promtool starts");
    assert!(
        said.status.success(),
        "{}",
        String::from_utf8_lossy(&said.stderr)
    );
    String::from_utf8(said.stdout).expect("text")
}

/// All samples as promtool dumps them, by series.
fn dumped(promtool: &Path, data: &Path) -> Vec<(String, Vec<(i64, u64)>)> {
    let mut all: Vec<(String, Vec<(i64, u64)>)> = Vec::new();
    for line in promtool_says(promtool, "dump", data).lines() {
        let (labels, sample) = line.rsplit_once("} ").expect("a sample");
        let (value, time) = sample.split_once(' ').expect("a value and a time");
        let value: f64 = value.parse().expect("a number");
        // `{__name__="load", host="a"}` is printed here as `load{host="a"}`.
        let labels = labels.replacen("{__name__=\"load\", ", "load{", 1) + "}";
        if all.last().is_none_or(|(last, _)| *last != labels) {
            all.push((labels, Vec::new()));
        }
        let last = all.last_mut().expect("a series");
        last.1
            .push((time.parse().expect("a time"), value.to_bits()));
    }
    all.sort();
    all
}

/// Sum of a column of numbers of `promtool tsdb list`.
pub(crate) fn listed(promtool: &Path, data: &Path, column: usize) -> u64 {
    let list = promtool_says(promtool, "list", data);
    let rows = list.lines().skip(1);
    rows.map(|row| {
        let cell = row.split_whitespace().nth(column).expect("a column");
        cell.parse::<u64>().expect("a number")
    })
    .sum()
}

/// Blocks of three weeks ago go into a server that takes live samples all the while.
#[tokio::test]
async fn old_blocks_are_imported_while_live_samples_come_in() {
    let Some(promtool) = program("promtool", "prometheus") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let three_weeks_ago = now_ms() - 21 * 24 * 3_600_000;
    make_blocks(&promtool, folder.path(), (200, 1000), three_weeks_ago);
    let data = folder.path().join("data");
    let wanted = dumped(&promtool, &data);
    let (samples, blocks) = (
        listed(&promtool, &data, 4),
        listed(&promtool, &data, 6) / 200,
    );
    assert!(
        samples == 200_000 && blocks >= 2,
        "{samples} in {blocks} blocks"
    );

    let server = Server::start(&folder.path().join("tsdb"), &[]);
    let live = now_ms();
    let state = folder.path().join("state");
    let arguments = [text(&data), "--url", &server.api, "--state", text(&state)];
    let imported = import(&arguments, 0);
    tokio::pin!(imported);
    let mut sent = Vec::new();
    let said = loop {
        let sample = (live + sent.len() as i64, (sent.len() as f64).to_bits());
        let labels = [("__name__", "live"), ("job", "now")];
        let body = write_body(vec![series(&labels, &[sample])]);
        tokio::select! {
            said = &mut imported => break said,
            answer = write_request(&server.api, body) => {
                assert_eq!(answer.expect("an answer").status, 204);
                sent.push(sample);
            }
        }
    };
    assert!(sent.len() > 1, "nothing was written meanwhile");
    assert_eq!(exported(&server, "load").await, wanted);
    let after = exported(&server, "live").await;
    // The last one may have been cut off when the import ended.
    assert_eq!(after[0].1[..sent.len()], sent[..]);
    assert!(
        said.contains(&format!("read: {} series, 200000 samples", 200 * blocks)),
        "{said}"
    );
    assert!(said.contains("stored: 200000 samples"), "{said}");
    assert!(said.contains("refused: 0"), "{said}");
    // Again, anew: everything is there already, and nothing changes.
    std::fs::remove_file(&state).expect("the state");
    import(&arguments, 0).await;
    assert_eq!(exported(&server, "load").await, wanted);
}

/// Waits until the state says that some of a block is done.
async fn begun(state: &Path) {
    wait_for("an import to be under way", 60, async || {
        let text = std::fs::read(state).ok()?;
        let state: serde_json::Value = serde_json::from_slice(&text).ok()?;
        let mut blocks = state["blocks"].as_object()?.values();
        let some = |block: &serde_json::Value| block["series"].as_u64() > Some(0);
        blocks.any(some).then_some(())
    })
    .await;
}

fn start(arguments: &[&str]) -> Process {
    let arguments = ["import", "prometheus"].iter().chain(arguments);
    let arguments: Vec<String> = arguments.map(ToString::to_string).collect();
    Process::start(env!("CARGO_BIN_EXE_tsdb-server"), &arguments)
}

/// Killed midway and repeated, an import goes on: nothing is missing and nothing is counted twice.
#[tokio::test]
async fn an_import_that_was_killed_goes_on() {
    let Some(promtool) = program("promtool", "prometheus") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    make_blocks(&promtool, folder.path(), (400, 1200), 1_700_006_400_000);
    let data = folder.path().join("data");
    let wanted = dumped(&promtool, &data);
    assert_eq!(
        wanted
            .iter()
            .map(|(_, samples)| samples.len())
            .sum::<usize>(),
        480_000
    );

    // Into a server, which is halted once the first samples are in, so that the import hangs.
    let server = Server::start(&folder.path().join("served"), &[]);
    let state = folder.path().join("served.state");
    let arguments = [text(&data), "--url", &server.api, "--state", text(&state)];
    let mut killed = start(&arguments);
    begun(&state).await;
    server.process.pause();
    assert!(killed.is_running(), "{}", killed.log());
    killed.kill();
    server.process.signal(Signal::CONT);
    let said = import(&arguments, 0).await;
    // Where it was killed decides whether a block was begun or done.
    let goes_on = [", of which a part before", ": imported before"];
    assert!(goes_on.iter().any(|one| said.contains(one)), "{said}");
    assert!(said.contains(" 480000 samples (0 of them"), "{said}");
    assert!(said.contains("stored: 480000 samples"), "{said}");
    assert_eq!(exported(&server, "load").await, wanted);
    let said = import(&arguments, 0).await;
    assert!(said.contains(": imported before"), "{said}");
    stop(server).await;

    // Into a folder.
    let target = folder.path().join("folder");
    let state = folder.path().join("folder.state");
    let arguments = [
        text(&data),
        "--data-dir",
        text(&target),
        "--state",
        text(&state),
    ];
    let mut killed = start(&arguments);
    begun(&state).await;
    assert!(killed.is_running(), "{}", killed.log());
    killed.kill();
    let said = import(&arguments, 0).await;
    // Where it was killed decides whether a block was begun or done.
    let goes_on = [", of which a part before", ": imported before"];
    assert!(goes_on.iter().any(|one| said.contains(one)), "{said}");
    assert!(said.contains("stored: 480000 samples"), "{said}");
    let server = Server::start(&target, &[]);
    assert_eq!(exported(&server, "load").await, wanted);
    stop(server).await;
    // The state is of samples that are gone: it must not pass for done.
    std::fs::remove_dir_all(&target).expect("the folder");
    let said = import(&arguments, 1).await;
    assert!(said.contains("where nothing is"), "{said}");
}

#[tokio::test]
async fn a_part_of_a_block_is_imported() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = folder.path().join("tsdb");
    let state = folder.path().join("state");
    let block = kept("floats");
    let said = import(&[text(&block), "--dry-run", "--data-dir", text(&target)], 0).await;
    assert!(
        said.contains("414") && said.contains("stored: nothing"),
        "{said}"
    );
    assert!(!target.exists(), "a dry run made a folder");
    let fixed = [
        text(&block),
        "--data-dir",
        text(&target),
        "--state",
        text(&state),
    ];
    let chosen = [
        "--match",
        "{method=\"GET\"}",
        "--match",
        "nothing",
        "--start",
        "1700000030",
        "--end",
        "2023-11-14T22:14:35Z",
        "--add-label",
        "replica=a",
        "--add-label",
        "instance=never",
    ];
    let said = import(&[&fixed[..], &chosen].concat(), 0).await;
    assert!(said.contains("read: 2 series, 7 samples"), "{said}");
    let said = import(&fixed, 1).await;
    assert!(said.contains("of another import"), "{said}");
    let server = Server::start(&target, &[]);
    let all = exported(&server, "{__name__=~\".+\"}").await;
    let sample = |k: i64, value: f64| (1_700_000_000_000 + k * 15_000, value.to_bits());
    let wanted = [
        (
            "fixture_requests_total{instance=\"a:1\", method=\"GET\", replica=\"a\"}".to_owned(),
            vec![sample(2, 6.0), sample(3, 9.0), sample(4, 12.0)],
        ),
        (
            "fixture_requests_total{instance=\"b:2\", method=\"GET\", replica=\"a\"}".to_owned(),
            (2..6).map(|k| sample(k, (3 * k + 2) as f64)).collect(),
        ),
    ];
    assert_eq!(all, wanted);
    for (wrong, why) in [
        (["--match", "up{"], "--match"),
        (["--start", "soon"], "--start"),
        (["--namespace", "none"], "there is none of this name"),
    ] {
        let target = folder.path().join("other");
        let fixed = [text(&block), "--data-dir", text(&target), "--state", "none"];
        let said = import(&[&fixed[..], &wrong].concat(), 1).await;
        assert!(said.contains(why), "{said}");
    }
    import(&[text(&block), "--add-label", "nothing"], 2).await;
    let said = import(&[text(folder.path())], 1).await;
    assert!(said.contains("it holds no blocks"), "{said}");
}

/// A damaged chunk and a block without an index: both are named, the rest is stored.
#[tokio::test]
async fn damage_is_named_and_costs_itself_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let (first, second) = ("01M8KTPWYGBA77K8F5BFXE4441", "01M8KV9478V99ECHC5W6R4KY4Q");
    copy(&kept("floats"), &data.join(first));
    copy(&kept("histograms"), &data.join(second));
    let chunks = data.join(first).join("chunks/000001");
    let mut bytes = std::fs::read(&chunks).expect("a segment");
    bytes[30] ^= 1;
    std::fs::write(&chunks, &bytes).expect("damage");
    std::fs::remove_file(data.join(second).join("index")).expect("damage");
    let target = folder.path().join("tsdb");
    let state = folder.path().join("state");
    let arguments = [
        text(&data),
        "--data-dir",
        text(&target),
        "--state",
        text(&state),
    ];
    for arguments in [&[text(&data), "--dry-run"][..], &arguments, &arguments] {
        let said = import(arguments, 3).await;
        for named in [
            "chunks/000001: byte ",
            "the checksum of a chunk is 0x",
            "index: reading at byte 0: ",
            "damaged, and left out: 2 places",
            "read: 3 series, 409 samples",
        ] {
            assert!(said.contains(named), "{named}: {said}");
        }
    }
    let server = Server::start(&target, &[]);
    assert_eq!(stored(&server).await, KEPT_SAMPLES - 5);
    stop(server).await;
    // Put right, the block that had no index is imported by the next run; the other is done.
    copy(&kept("histograms"), &data.join(second));
    let said = import(&arguments, 3).await;
    assert!(said.contains("damaged, and left out: 1 places"), "{said}");
    assert!(
        said.contains("of them histograms); deleted in Prometheus and left out: 15"),
        "{said}"
    );
}

/// What the server keeps no longer is refused, told by reason, and no success.
#[tokio::test]
async fn refusals_are_told_by_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = folder.path().join("tsdb");
    let server = Server::start(&target, &["--retention", "30d"]);
    let block = kept("floats");
    let state = folder.path().join("served.state");
    let served = [text(&block), "--url", &server.api, "--state", text(&state)];
    let said = import(&served, 1).await;
    let reason =
        "refused: timestamp N is before N, the oldest that the namespace's retention keeps";
    for told in [
        "stored: 0 samples",
        "refused: 414",
        reason,
        "series fixture_requests_total{",
    ] {
        assert!(said.contains(told), "{told}: {said}");
    }
    assert_eq!(stored(&server).await, 0);
    stop(server).await;
    let state = folder.path().join("folder.state");
    let arguments = [
        text(&block),
        "--data-dir",
        text(&target),
        "--state",
        text(&state),
    ];
    for _ in 0..2 {
        let said = import(&arguments, 1).await;
        for told in ["refused: 414", reason, "counted and not told one by one"] {
            assert!(said.contains(told), "{told}: {said}");
        }
    }
}

/// Answers each request that is written to a port with the next of some answers; the number of
/// requests when they are used up.
async fn answering(answers: Vec<String>) -> (String, tokio::task::JoinHandle<usize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let serve = async move {
        let mut served = 0;
        for answer in answers {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut request = Vec::new();
            let whole = |request: &[u8]| -> Option<bool> {
                let head = request.windows(4).position(|four| four == b"\r\n\r\n")?;
                let text = String::from_utf8_lossy(&request[..head]).to_lowercase();
                let length = text
                    .split("content-length: ")
                    .nth(1)?
                    .lines()
                    .next()?
                    .parse::<usize>();
                Some(request.len() >= head + 4 + length.expect("a length"))
            };
            while whole(&request) != Some(true) {
                assert!(stream.read_buf(&mut request).await.expect("a request") > 0);
            }
            stream
                .write_all(answer.as_bytes())
                .await
                .expect("an answer");
            served += 1;
        }
        served
    };
    (url, tokio::spawn(serve))
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )
}

/// A server that is busy is asked again, one that says no is not, one that is away is given up.
#[tokio::test]
async fn what_a_server_answers_decides() {
    let folder = tempfile::tempdir().expect("a folder");
    let block = kept("floats");
    let state = folder.path().join("state");
    let busy = answer("503 Service Unavailable", "retry-after: 1\r\n", "later");
    let limited = answer("429 Too Many Requests", "", "slowly");
    let written = "x-prometheus-remote-write-samples-written: 414\r\n";
    let done = answer("204 No Content", written, "");
    let (url, served) = answering(vec![busy.clone(), limited, done]).await;
    let arguments =
        |url: &str| [text(&block), "--url", url, "--state", text(&state)].map(str::to_owned);
    let run = async |url: &str, more: &[&str], code| {
        let arguments = arguments(url);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let said = import(&[&arguments[..], more].concat(), code).await;
        if state.exists() {
            std::fs::remove_file(&state).expect("the state");
        }
        said
    };
    let said = run(&url, &[], 0).await;
    assert!(said.contains("stored: 414 samples"), "{said}");
    assert_eq!(served.await.expect("it served"), 3);

    let refusals = [
        (
            answer("404 Not Found", "", "no such path"),
            "answered 404: no such path",
        ),
        (
            answer("413 Payload Too Large", written, "too long"),
            "answered 413: too long",
        ),
        (
            answer("204 No Content", "", ""),
            "it does not know remote write 2.0",
        ),
    ];
    for (refusal, told) in refusals {
        let (url, served) = answering(vec![refusal]).await;
        let said = run(&url, &[], 1).await;
        assert!(said.contains(told), "{told}: {said}");
        assert_eq!(served.await.expect("it served"), 1);
    }
    let (url, _served) = answering(vec![busy; 50]).await;
    let said = run(&url, &["--retry-for", "2s"], 1).await;
    assert!(
        said.contains("given up after trying for 2 s (--retry-for)"),
        "{said}"
    );
    assert!(said.contains("503 Service Unavailable: later"), "{said}");
    let said = run("http://127.0.0.1:9", &["--retry-for", "1s"], 1).await;
    assert!(
        said.contains("given up") && said.contains("127.0.0.1:9"),
        "{said}"
    );
    let said = run("ftp://127.0.0.1", &[], 1).await;
    assert!(said.contains("http://HOST:PORT"), "{said}");
}
