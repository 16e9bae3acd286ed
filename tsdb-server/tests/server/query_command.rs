//! `tsdb-server query`, on folders, beside a running server, and of one.

use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Process, Server, json, post, post_form, wait_for};

/// An expression that takes minutes: quantiles of long windows at thousands of steps.
fn endless() -> Vec<String> {
    let mut text = String::from("requests_total");
    for number in 1..100 {
        let part = format!(" + quantile_over_time(0.{number:03}, vector(time())[2h:1s])");
        text.push_str(&part);
    }
    let range = ["--start", "0", "--end", "11000", "--step", "1s"];
    let range = range.map(str::to_owned);
    [text].into_iter().chain(range).collect()
}

const WITHIN: std::time::Duration = std::time::Duration::from_secs(30);

/// Runs the command; exit code, stdout and stderr.
async fn query(arguments: &[&str]) -> (i32, String, String) {
    let arguments: Vec<String> = arguments.iter().map(|&one| one.to_owned()).collect();
    let run = move || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tsdb-server"));
        let command = command.arg("query").args(arguments).stdin(Stdio::null());
        command.output().expect("it starts")
    };
    let output = tokio::task::spawn_blocking(run).await.expect("it ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().expect("a code");
    (code, text(&output.stdout), text(&output.stderr))
}

/// What a good query prints; nothing is on stderr, as that is no terminal.
async fn printed(arguments: &[&str]) -> String {
    let (code, out, problems) = query(arguments).await;
    assert_eq!((code, problems.as_str()), (0, ""), "{arguments:?}");
    out
}

/// A server with two counters from 0 to 600 s, and histograms of two kinds.
async fn filled(folder: &Path) -> Server {
    let server = Server::start(folder, &[]);
    let mut lines = Vec::new();
    for (job, step) in [("api", 2), ("db", 30)] {
        let times: Vec<i64> = (0..=60).map(|at| at * 10_000).collect();
        let values: Vec<i64> = (0..=60).map(|at| at * step).collect();
        lines.push(format!(
            r#"{{"metric":{{"__name__":"requests_total","job":"{job}"}},"values":{values:?},"timestamps":{times:?}}}"#
        ));
    }
    lines.push(r#"{"metric":{"__name__":"latency"},"values":[],"timestamps":[],"histograms":[[600000,{"count_int":3,"sum":4.5,"positive_spans":[[0,2]],"positive_deltas":[2,-1]}]]}"#.to_owned());
    let answer = post(
        &format!("{}/api/v1/import", server.api),
        &[],
        lines.join("\n"),
    )
    .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    server
}

async fn stop(mut server: Server) {
    server.process.signal(Signal::TERM);
    assert!(server.process.ended(WITHIN).await.success());
}

#[tokio::test]
async fn an_instant_and_a_range_are_tables() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("a path");
    let server = filled(folder.path()).await;
    // A server has the folder open, and is asked as well.
    for from in [["--data-dir", path], ["--url", server.api.as_str()]] {
        let ask = async |arguments: &[&str]| printed(&[arguments, &from[..]].concat()).await;
        let table = ask(&["requests_total", "--time", "600"]).await;
        let expected = concat!(
            "METRIC          job  VALUE\n",
            "requests_total  api    120\n",
            "requests_total  db    1800\n",
        );
        assert_eq!(table, expected);
        let table = ask(&["sum by (job) (rate(requests_total[1m]))", "--time", "600"]).await;
        assert_eq!(table, "job  VALUE\napi    0.2\ndb       3\n");
        assert_eq!(ask(&["1 + 1"]).await, "2\n");
        let table = ask(&["latency", "--time", "600"]).await;
        let expected = "{count:3, sum:4.5, (0.5,1]:2, (1,2]:1}\n";
        assert!(table.ends_with(expected), "{table}");

        let times = ["--start", "0", "--end", "600", "--step", "60"];
        let table = ask(&[&["requests_total{job=\"db\"}"][..], &times].concat()).await;
        let lines: Vec<&str> = table.lines().collect();
        let drawn = "\u{2581}\u{2582}\u{2582}\u{2583}\u{2584}\u{2585}\u{2585}\u{2586}\u{2587}\u{2587}\u{2588}";
        let row = format!("requests_total  db   {drawn}    0  1800  1800");
        assert_eq!(lines.len(), 2, "{table}");
        assert!(lines[0].ends_with("MIN   MAX  LAST"), "{table}");
        assert_eq!(lines[1], row);
        let csv = ask(&[
            &["requests_total{job=\"api\"}", "--output", "csv"][..],
            &times,
        ]
        .concat())
        .await;
        let first: Vec<&str> = csv.lines().take(3).collect();
        let expected = [
            "__name__,job,timestamp,value",
            "requests_total,api,0,0",
            "requests_total,api,60,12",
        ];
        assert_eq!((first, csv.lines().count()), (expected.to_vec(), 12));
        let range = ask(&["requests_total", "--range", "10m", "--end", "600"]).await;
        assert_eq!(range.lines().count(), 3, "{range}");
    }
    stop(server).await;
    let table = printed(&["requests_total", "--time", "600", "--data-dir", path]).await;
    assert_eq!(table.lines().count(), 3);
}

#[tokio::test]
async fn json_is_what_the_api_answers() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("a path");
    let server = filled(folder.path()).await;
    for expr in [
        "requests_total",
        "rate(requests_total[5m])",
        "latency",
        "histogram_quantile(0.5, latency)",
        "sum(requests_total) + on() latency",
        "rate(latency[5m])",
        "sort_desc(requests_total)",
        "nothing",
        "scalar(requests_total{job=\"db\"})",
    ] {
        let asked = form_urlencoded::byte_serialize(expr.as_bytes()).collect::<String>();
        let range = ["--start", "300", "--end", "600", "--step", "50"];
        for (route, form, times) in [
            ("query", "time=600", &["--time", "600"][..]),
            ("query_range", "start=300&end=600&step=50", &range),
        ] {
            let url = format!("{}/api/v1/{route}", server.api);
            let answer = post_form(&url, &format!("query={asked}&{form}")).await;
            let wanted: Value = serde_json::from_slice(&answer.body).expect("JSON");
            for from in [["--data-dir", path], ["--url", server.api.as_str()]] {
                let arguments = [&[expr, "--output", "json"], times, &from].concat();
                let (code, out, told) = query(&arguments).await;
                let out: Value = serde_json::from_str(&out).expect("JSON");
                assert_eq!((code, &out), (0, &wanted), "{expr}");
                let tells = ["warnings", "infos"].map(|list| wanted[list].as_array());
                let tells: Vec<&str> = tells
                    .into_iter()
                    .flatten()
                    .flatten()
                    .filter_map(Value::as_str)
                    .collect();
                assert_eq!(told.lines().collect::<Vec<_>>(), tells, "{expr}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_wrong_is_shown_in_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("a path");
    let (code, out, told) = query(&["up", "--data-dir", path]).await;
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(told.contains("holds no database"), "{told}");
    let server = filled(folder.path()).await;
    for from in [["--data-dir", path], ["--url", server.api.as_str()]] {
        let (code, out, told) = query(&[&["sum(rate(x[5m])) by job"][..], &from].concat()).await;
        assert_eq!((code, out.as_str()), (2, ""));
        let lines: Vec<&str> = told.lines().collect();
        assert!(lines[0].contains("1:21: parse error: "), "{told}");
        assert_eq!(
            lines[1..],
            ["  sum(rate(x[5m])) by job", "                      ^"]
        );
        let twice = "requests_total + on() requests_total";
        let (code, _, told) = query(&[&[twice, "--time", "600"][..], &from].concat()).await;
        assert_eq!(code, 1, "{told}");
        assert!(told.contains("found duplicate series"), "{told}");
        let range = ["requests_total[5m]", "--range", "5m"];
        let (code, _, told) = query(&[&range[..], &from].concat()).await;
        assert_eq!(code, 2, "{told}");
        assert!(told.contains("invalid expression type"), "{told}");
    }
    let experimental = [
        "mad_over_time(requests_total[5m])",
        "--time",
        "600",
        "--data-dir",
        path,
    ];
    let (code, _, told) = query(&experimental).await;
    assert_eq!(code, 2, "{told}");
    let on = ["--promql-features", "promql-experimental-functions"];
    let table = printed(&[&experimental[..], &on].concat()).await;
    assert_eq!(table.lines().count(), 3, "{table}");
    for wrong in [
        &["up", "--time", "soon"][..],
        &["up", "--end", "7"],
        &["up", "--output", "xml"],
        &["up", "--namespace", "x", "--url", "http://127.0.0.1:1"],
        &[],
    ] {
        assert_eq!(query(wrong).await.0, 2, "{wrong:?}");
    }
    let (code, _, told) = query(&["up", "--namespace", "x", "--data-dir", path]).await;
    assert_eq!(code, 1);
    assert!(told.contains("--namespace \"x\""), "{told}");
}

#[tokio::test]
async fn an_expression_has_its_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("a path");
    let server = filled(folder.path()).await;
    let endless = endless();
    let endless: Vec<&str> = endless.iter().map(String::as_str).collect();
    for (from, why) in [
        (
            ["--data-dir", path],
            "query timed out in expression evaluation: it had 200ms, --timeout gives it more",
        ),
        (
            ["--url", server.api.as_str()],
            "answered 503: query timed out in expression evaluation",
        ),
    ] {
        let arguments = [&endless[..], &["--timeout", "200ms"], &from].concat();
        let (code, out, told) = query(&arguments).await;
        assert_eq!((code, out.as_str()), (1, ""));
        assert!(told.trim_end().ends_with(why), "{told}");
        let enough = [&["1 + 1", "--timeout", "1m"], &from[..]].concat();
        assert_eq!(printed(&enough).await, "2\n");
    }
    let settings = Path::new(path).join("settings.yml");
    std::fs::write(&settings, "tsdb: {queryTimeout: 300ms}\n").expect("a file");
    let settings = ["--config", settings.to_str().expect("a path")];
    let arguments = [&endless[..], &settings, &["--data-dir", path]].concat();
    let (code, _, told) = query(&arguments).await;
    assert!(code == 1 && told.contains("it had 300ms"), "{told}");
    assert_eq!(query(&["up", "--timeout", "0s"]).await.0, 2);
    stop(server).await;
}

/// The names of a process' threads.
fn threads(process: u32) -> Vec<String> {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).expect("a process");
    let name = |thread: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(thread.ok()?.path().join("comm")).ok()
    };
    let names = threads.filter_map(name);
    names.map(|name| name.trim().to_owned()).collect()
}

#[tokio::test]
async fn ctrl_c_ends_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("a path");
    let server = filled(folder.path()).await;
    for from in [["--data-dir", path], ["--url", server.api.as_str()]] {
        let mut arguments = vec!["query".to_owned()];
        arguments.extend(endless());
        arguments.extend(from.map(str::to_owned));
        let program = env!("CARGO_BIN_EXE_tsdb-server");
        let mut process = Process::start(program, &arguments);
        let is_here = from[0] == "--data-dir";
        wait_for("the evaluation", 60, async || {
            match is_here {
                true => threads(process.id()).contains(&"evaluate".to_owned()),
                false => {
                    let url = format!("{}/api/v1/status/queries", server.api);
                    !json(&url).await["data"]["running"].as_array()?.is_empty()
                }
            }
            .then_some(())
        })
        .await;
        assert!(process.is_running());
        process.signal(Signal::INT);
        assert_eq!(process.ended(WITHIN).await.code(), Some(130));
        assert_eq!(process.log(), "", "{from:?}");
    }
    // The server sees that nobody waits.
    wait_for("the query to end", 60, async || {
        let url = format!("{}/api/v1/status/queries", server.api);
        let running = json(&url).await["data"]["running"].clone();
        running.as_array()?.is_empty().then_some(())
    })
    .await;
    stop(server).await;
}
