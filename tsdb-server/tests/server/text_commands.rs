//! `tsdb-server import` of texts and `tsdb-server export`, on folders and on running servers.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use rustix::process::Signal;
use tsdb_core::{Clock, SystemClock};

use crate::support::{Server, exported, json, series, stored, write_body, write_request};

const WITHIN: std::time::Duration = std::time::Duration::from_secs(30);

fn text(path: &Path) -> &str {
    path.to_str().expect("a path")
}

fn run(arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_tsdb-server");
    let mut command = Command::new(program);
    let command = command.args(arguments).stdin(Stdio::null());
    command.output().expect("it starts")
}

/// Runs a command; exit code, stdout and stderr.
fn outcome(arguments: &[&str]) -> (i32, String, String) {
    let output = run(arguments);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().expect("a code");
    (code, text(&output.stdout), text(&output.stderr))
}

fn file(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("a file");
    path
}

fn counts(path: &Path, lines: u64, stored: u64, refused: (u64, u64)) -> String {
    format!(
        "{}: {lines} lines; stored: {stored} samples, those that were there already included; refused: {} lines, {} samples\n",
        path.display(),
        refused.0,
        refused.1
    )
}

/// Imports OpenMetrics with two slips, and CSV.
fn fill(folder: &Path, data: &Path) {
    let om = concat!(
        "# TYPE up gauge\n# HELP up Whether it is.\n",
        "up{job=\"a\"} 1 1700000000.5\n",
        "up{job=\"a\"} x 1700000001\n",
        "up{job=\"a\"} NaN 1700000002\n",
        "up{job=\"a\"} 2 9000000000\n",
        "# EOF\n"
    );
    let om = file(folder, "metrics.om", om);
    let import = ["import", "openmetrics", text(&om), "--data-dir", text(data)];
    let (code, out, problems) = outcome(&import);
    assert_eq!((code, out), (1, counts(&om, 7, 2, (1, 1))), "{problems}");
    let lines: Vec<&str> = problems.lines().collect();
    let at = |line: &str| format!("{}:{line}: ", om.display());
    assert_eq!(lines.len(), 2, "{problems}");
    assert_eq!(
        lines[0],
        at("4:13") + "expected a value, found \"x 1700000001\""
    );
    assert!(lines[1].starts_with(&at("6")), "{problems}");
    assert!(lines[1].contains("ahead of the clock"), "{problems}");

    let csv = file(
        folder,
        "t.csv",
        "time,host,t\n1700000000,a,1.5\n1700000001,b,2\n",
    );
    let format = "1:time:unix_s,2:label:host,3:metric:t";
    let import = [
        "import",
        "csv",
        text(&csv),
        "--header",
        "--format",
        format,
        "--data-dir",
        text(data),
    ];
    let (code, out, problems) = outcome(&import);
    assert_eq!(
        (code, out.as_str(), problems.as_str()),
        (0, counts(&csv, 2, 2, (0, 0)).as_str(), "")
    );
}

#[test]
fn texts_go_into_a_folder_and_out_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    fill(folder.path(), &data);

    // All of it to a file, and from there to another folder.
    let jsonl = folder.path().join("all.jsonl");
    let all = ["--match", "{__name__=~\".+\"}"];
    let export = [
        "export",
        all[0],
        all[1],
        "--data-dir",
        text(&data),
        "--out",
        text(&jsonl),
    ];
    let (code, out, problems) = outcome(&export);
    let length = std::fs::metadata(&jsonl).expect("a file").len();
    let told = format!("{}: 3 series, 4 samples; {length} bytes\n", jsonl.display());
    assert_eq!((code, out, problems.as_str()), (0, told, ""));
    let second = folder.path().join("second");
    let import = ["import", "jsonl", text(&jsonl), "--data-dir", text(&second)];
    let (code, out, _) = outcome(&import);
    assert_eq!((code, out), (0, counts(&jsonl, 3, 4, (0, 0))));
    let [first, second] = [&data, &second].map(|data| {
        let (code, out, problems) = outcome(&["export", all[0], all[1], "--data-dir", text(data)]);
        assert_eq!((code, problems.as_str()), (0, ""));
        out
    });
    assert_eq!(first.lines().count(), 3);
    assert_eq!(first, second);

    let export = [
        "export",
        "--match",
        "up",
        "--format",
        "openmetrics",
        "--data-dir",
        text(&data),
    ];
    let (code, out, problems) = outcome(&export);
    assert_eq!((code, problems.as_str()), (0, ""));
    let expected = concat!(
        "# TYPE up gauge\n# HELP up Whether it is.\n",
        "up{job=\"a\"} 1 1700000000.500\nup{job=\"a\"} NaN 1700000002\n# EOF\n"
    );
    assert_eq!(out, expected);
}

#[test]
fn packed_strict_and_wrong_texts() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let lines: String = (0..50_000).fold(String::new(), |mut text, n| {
        writeln!(text, "packed{{n=\"{n}\"}} {n} {n}").expect("a String takes all");
        text
    });
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder
        .write_all(lines.as_bytes())
        .expect("a Vec takes all");
    encoder.write_all(b"# EOF\n").expect("a Vec takes all");
    let packed = encoder.finish().expect("a Vec takes all");
    let gz = file(folder.path(), "packed.gz", &packed);
    let import = |file: &Path, more: &[&str]| {
        let begin = [
            "import",
            "openmetrics",
            text(file),
            "--data-dir",
            text(&data),
        ];
        outcome(&[&begin, more].concat())
    };
    let (code, out, problems) = import(&gz, &[]);
    assert_eq!(
        (code, out),
        (0, counts(&gz, 50_001, 50_000, (0, 0))),
        "{problems}"
    );

    let cut = file(folder.path(), "cut.gz", &packed[..packed.len() / 2]);
    let (code, out, problems) = import(&cut, &[]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(problems.contains("does not unpack as gzip"), "{problems}");

    let wrong = file(folder.path(), "wrong.om", "a 1 1\nb\nc 1 1\n");
    let (code, out, problems) = import(&wrong, &["--strict"]);
    assert_eq!((code, out), (1, counts(&wrong, 2, 1, (1, 0))));
    let at = format!("{}:2:2: expected a blank and a value", wrong.display());
    assert!(problems.starts_with(&at), "{problems}");
    let (code, out, problems) = import(&wrong, &["--prometheus-text", "--timestamp", "7"]);
    assert_eq!((code, out), (1, counts(&wrong, 3, 2, (1, 0))), "{problems}");

    let (code, _, problems) = import(&folder.path().join("nothing.om"), &[]);
    assert_eq!(code, 1);
    assert!(problems.contains("nothing.om"), "{problems}");
    let (code, _, problems) = import(&wrong, &["--namespace", "other"]);
    assert_eq!(code, 1);
    assert!(
        problems.contains("there is none of this name, but default"),
        "{problems}"
    );
    let (code, _, problems) = outcome(&["import", "csv", text(&wrong), "--format", "1:label:a"]);
    assert_eq!(code, 2);
    assert!(problems.contains("no column is a metric"), "{problems}");
    let export = ["export", "--match", "{}", "--data-dir", text(&data)];
    let (code, _, problems) = outcome(&export);
    assert_eq!(code, 1);
    assert!(
        problems.contains("at least one non-empty matcher"),
        "{problems}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_three_weeks_ago_is_imported_while_live_ingest_runs() {
    const SERIES: i64 = 50;
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let now = SystemClock::new().now_ms() / 15_000 * 15_000;
    let weeks_ago = now - 21 * 24 * 3_600_000;
    let live = async |round: i64| {
        let samples = [(now + round, round.cast_unsigned())];
        let body = (0..SERIES).map(|number| {
            let labels = [("__name__", "load"), ("number", &number.to_string())];
            series(&labels, &samples)
        });
        let answer = write_request(&server.api, write_body(body.collect())).await;
        assert_eq!(answer.expect("an answer").status, 204);
    };
    live(0).await;

    // A day of scrapes, of the same series as are written now.
    let mut om = String::new();
    for step in 0..5_760_i64 {
        let seconds = (weeks_ago + step * 15_000) / 1000;
        for number in 0..SERIES {
            let value = step * SERIES + number;
            writeln!(om, "load{{number=\"{number}\"}} {value} {seconds}").expect("a String");
        }
    }
    om.push_str("# EOF\n");
    let path = file(folder.path(), "old.om", om);
    let api = server.api.clone();
    let import = tokio::task::spawn_blocking(move || {
        let outcome = outcome(&["import", "openmetrics", text(&path), "--url", &api]);
        (path, outcome)
    });
    let mut rounds = 1;
    while !import.is_finished() {
        live(rounds).await;
        rounds += 1;
    }
    let (path, (code, out, problems)) = import.await.expect("it ends");
    let expected = counts(&path, 5_760 * 50 + 1, 5_760 * 50, (0, 0));
    assert_eq!((code, out, problems.as_str()), (0, expected, ""));
    assert!(rounds > 2, "no write came between");
    let found = exported(&server, "load{number=\"7\"}").await;
    let samples = &found[0].1;
    assert_eq!(samples.len() as i64, 5_760 + rounds);
    let old: Vec<_> = (0..5_760_i64)
        .map(|step| {
            (
                weeks_ago + step * 15_000,
                ((step * SERIES + 7) as f64).to_bits(),
            )
        })
        .collect();
    assert_eq!(samples[..5_760], old);
    // Queries are right at once.
    let query = format!(
        "{}/api/v1/series?match[]=load&start={}&end={}",
        server.api,
        weeks_ago / 1000,
        weeks_ago / 1000 + 60
    );
    let series = json(&query).await["data"].as_array().map(Vec::len);
    assert_eq!(series, Some(50));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_tells_of_lines_as_a_folder_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let server = Server::start(&data, &[]);
    let om =
        "up{job=\"a\"} 1 1\nup{job=\"a\"} x 2\nup{job=\"b\"} stale 3\nup{job=\"b\"} 3 3\n# EOF\n";
    let om = file(folder.path(), "wrong.om", om);
    let other = folder.path().join("other");
    let import = ["import", "openmetrics", text(&om)];
    let here = outcome(&[&import[..], &["--data-dir", text(&other)]].concat());
    let there = outcome(&[&import[..], &["--url", &server.api]].concat());
    assert_eq!(here, there);
    assert_eq!(
        (here.0, here.1.as_str()),
        (1, counts(&om, 5, 2, (2, 0)).as_str())
    );

    // From the standard input, and packed.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(b"7,9\n").expect("a Vec takes all");
    let packed = encoder.finish().expect("a Vec takes all");
    let mut child = Command::new(env!("CARGO_BIN_EXE_tsdb-server"))
        .args([
            "import",
            "csv",
            "-",
            "--format",
            "1:metric:seven,2:metric:nine",
        ])
        .args(["--timestamp", "100", "--url", &server.api])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(&packed).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let out = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(out, counts(Path::new("stdin"), 1, 2, (0, 0)));
    assert_eq!(
        exported(&server, "nine").await[0].1,
        [(100_000, 9_f64.to_bits())]
    );
    assert_eq!(stored(&server).await, 4);

    // What is wrong with the whole text.
    let cut = file(folder.path(), "cut.gz", &packed[..packed.len() - 4]);
    let (code, out, problems) = outcome(&["import", "jsonl", text(&cut), "--url", &server.api]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(problems.contains("answered 400"), "{problems}");
    assert!(problems.contains("does not unpack as gzip"), "{problems}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_exports_what_its_folder_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let om = "up{job=\"a\"} 1 1\nup{job=\"b\"} 3 3\nlast 7 100\n# EOF\n";
    let om = file(folder.path(), "a.om", om);
    let mut server = Server::start(&data, &[]);
    let (code, _, problems) = outcome(&["import", "openmetrics", text(&om), "--url", &server.api]);
    assert_eq!((code, problems.as_str()), (0, ""));
    let export = ["export", "--match", "{__name__=~\".+\"}", "--format"];
    let mut served = Vec::new();
    for format in ["json", "openmetrics"] {
        let path = folder.path().join(format);
        let arguments = [format, "--url", &server.api, "--out", text(&path)];
        let (code, out, problems) = outcome(&[&export[..], &arguments].concat());
        let text = std::fs::read_to_string(&path).expect("a file");
        let told = format!("{}: {} bytes\n", path.display(), text.len());
        assert_eq!((code, out, problems.as_str()), (0, told, ""));
        served.push(text);
    }
    let arguments = ["--match", "up", "--start", "x", "--url", &server.api];
    let (code, _, problems) = outcome(&[&["export"][..], &arguments].concat());
    assert_eq!(code, 1);
    assert!(problems.contains("--start \"x\""), "{problems}");
    server.process.signal(Signal::TERM);
    assert!(server.process.ended(WITHIN).await.success());
    for (format, served) in ["json", "openmetrics"].into_iter().zip(served) {
        let arguments = [format, "--data-dir", text(&data)];
        let (code, out, problems) = outcome(&[&export[..], &arguments].concat());
        assert_eq!((code, problems.as_str()), (0, ""));
        assert_eq!(out, served, "{format}");
    }

    // Nobody is there any more.
    let path = folder.path().join("never");
    let arguments = ["json", "--url", &server.api, "--out", text(&path)];
    let (code, _, problems) = outcome(&[&export[..], &arguments].concat());
    assert_eq!(code, 1);
    assert!(problems.contains(&server.api), "{problems}");
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .expect("a folder")
        .collect();
    let left = left
        .into_iter()
        .map(|entry| entry.expect("an entry").file_name());
    assert!(
        left.into_iter()
            .all(|name| !name.to_string_lossy().starts_with("never"))
    );
}

#[test]
fn what_open_metrics_cannot_say_is_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let lines = r#"{"metric":{"__name__":"a"},"values":[1,"stale","NaN:0x7ff8000000000123"],"timestamps":[1000,2000,3000],"histograms":[[4000,{"count_int":0,"sum":0}]]}"#;
    let lines = file(folder.path(), "a.jsonl", lines);
    let (code, _, problems) =
        outcome(&["import", "jsonl", text(&lines), "--data-dir", text(&data)]);
    assert_eq!((code, problems.as_str()), (0, ""));
    let export = [
        "export",
        "--match",
        "a",
        "--format",
        "openmetrics",
        "--data-dir",
        text(&data),
    ];
    let (code, out, problems) = outcome(&export);
    assert_eq!(
        (code, out.as_str()),
        (0, "# TYPE a unknown\na 1 1\na NaN 3\n# EOF\n")
    );
    assert_eq!(
        problems,
        "OpenMetrics has no text for 1 stale markers and 1 native histograms, which are left out, nor for the bits of 1 NaNs, which are written as NaN\n"
    );
}
