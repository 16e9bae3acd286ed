//! Texts of other formats over HTTP: OpenMetrics and Prometheus' text, CSV, line protocol, packed or not; and out again.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use tsdb_proto::prometheus::TimeSeries;

use crate::support::{
    Answer, Server, exported, get, json, post, program, request, series, stored, write_body,
    write_request,
};

const OPEN_METRICS: (&str, &str) = (
    "content-type",
    "application/openmetrics-text; version=1.0.0; charset=utf-8",
);

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).expect("a Vec takes all");
    encoder.finish().expect("a Vec takes all")
}

async fn import(
    server: &Server,
    route: &str,
    headers: &[(&str, &str)],
    body: impl Into<bytes::Bytes>,
) -> (u16, Value) {
    let answer = post(&format!("{}/api/v1/{route}", server.api), headers, body).await;
    let text = answer.text();
    let json = serde_json::from_slice(&answer.body);
    (answer.status, json.unwrap_or(Value::String(text)))
}

async fn export(server: &Server, query: &str) -> Answer {
    let answer = get(&format!("{}/api/v1/export?{query}", server.api)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer
}

/// Series and samples as (text, (milliseconds, value)).
fn of(series: &str, samples: &[(i64, f64)]) -> (String, Vec<(i64, u64)>) {
    let samples = samples.iter().map(|(ms, value)| (*ms, value.to_bits()));
    (series.to_owned(), samples.collect())
}

const REQUESTS: &str = concat!(
    "# HELP req_seconds How long.\n# TYPE req_seconds counter\n# UNIT req_seconds seconds\n",
    "req_seconds_total{job=\"a\"} 1.5 1700000000.001 # {trace_id=\"t1\"} 0.5 1700000000\n",
    "req_seconds_total{job=\"a\"} 2.5 1700000001.001\n",
    "{\"dotted.name\",job=\"a\"} NaN 1700000000\n",
    "# EOF\n",
);

#[tokio::test]
async fn open_metrics_with_metadata_and_exemplars() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let (status, report) = import(&server, "import/prometheus", &[OPEN_METRICS], REQUESTS).await;
    let counts = serde_json::json!({"lines": 7, "rejectedLines": 0, "stored": 3, "rejected": 0, "errors": []});
    assert_eq!((status, &report["data"]), (200, &counts), "{report}");
    let nan = f64::from_bits(0x7ff8_0000_0000_0001);
    assert_eq!(
        exported(&server, "{job=\"a\"}").await,
        [
            of("{\"dotted.name\", job=\"a\"}", &[(1_700_000_000_000, nan)]),
            of(
                "req_seconds_total{job=\"a\"}",
                &[(1_700_000_000_001, 1.5), (1_700_000_001_001, 2.5)]
            ),
        ]
    );
    let metadata = json(&format!("{}/api/v1/metadata", server.api)).await;
    let expected = serde_json::json!({"req_seconds": [{"type": "counter", "help": "How long.", "unit": "seconds"}]});
    assert_eq!(metadata["data"], expected);
    let url = format!(
        "{}/api/v1/query_exemplars?query=req_seconds_total&start=1600000000&end=1800000000",
        server.api
    );
    let exemplars = json(&url).await;
    assert_eq!(
        exemplars["data"][0]["exemplars"][0]["labels"]["trace_id"], "t1",
        "{exemplars}"
    );
}

#[tokio::test]
async fn an_export_is_of_the_format_that_is_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let (status, _) = import(&server, "import/prometheus", &[OPEN_METRICS], REQUESTS).await;
    assert_eq!(status, 200);
    let url = format!("{}/api/v1/export?match[]={{job=\"a\"}}", server.api);
    let url = url.replace('"', "%22");
    let accepted = request(
        http::Method::GET,
        &url,
        &[("accept", "application/openmetrics-text")],
        "",
    );
    let accepted = accepted.await.expect("an answer");
    assert_eq!(accepted.headers["content-type"], OPEN_METRICS.1);
    let expected = concat!(
        "# TYPE \"dotted.name\" unknown\n",
        "{\"dotted.name\",job=\"a\"} NaN 1700000000\n",
        "# TYPE req_seconds counter\n# UNIT req_seconds seconds\n# HELP req_seconds How long.\n",
        "req_seconds_total{job=\"a\"} 1.5 1700000000.001\n",
        "req_seconds_total{job=\"a\"} 2.5 1700000001.001\n",
        "# EOF\n",
    );
    assert_eq!(accepted.text(), expected);
    let nothing = export(&server, "match[]=nothing&format=openmetrics").await;
    assert_eq!(nothing.text(), "# EOF\n");
    let json_lines = export(&server, "match[]=req_seconds_total&format=json").await;
    assert_eq!(
        json_lines.headers["content-type"],
        "application/stream+json"
    );
    let answer = get(&format!(
        "{}/api/v1/export?match[]=a&format=xml",
        server.api
    ))
    .await;
    assert_eq!(answer.status, 400);
    assert!(
        answer.text().contains("none of json and openmetrics"),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn the_older_text_and_samples_without_a_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let text = "# a comment\n\nup 1\nup 2 1700000000000\n";
    let plain = ("content-type", "text/plain; version=0.0.4");
    let at = "import/prometheus?timestamp=1600000000000";
    let (status, report) = import(&server, at, &[plain], text).await;
    assert_eq!(
        (status, &report["data"]["stored"]),
        (200, &2.into()),
        "{report}"
    );
    let expected = of("up", &[(1_600_000_000_000, 1.0), (1_700_000_000_000, 2.0)]);
    assert_eq!(exported(&server, "up").await, [expected]);

    // Without a parameter, the time is now.
    let before = now_ms();
    let (status, _) = import(&server, "import/prometheus", &[], "now 3\n").await;
    assert_eq!(status, 200);
    let found = exported(&server, "now").await;
    let ms = found[0].1[0].0;
    assert!((before..=now_ms()).contains(&ms), "{ms}");

    let (status, report) = import(&server, "import/prometheus?timestamp=soon", &[], "").await;
    assert_eq!(status, 400);
    assert!(
        report["error"].to_string().contains("whole milliseconds"),
        "{report}"
    );
}

fn now_ms() -> i64 {
    use tsdb_core::Clock;
    tsdb_core::SystemClock::new().now_ms()
}

#[tokio::test]
async fn a_bad_line_costs_only_itself_unless_strict() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let text = "a 1 1\nb x 1\nc 1 1\nd 1 9000000000000\n# EOF\n";
    let (status, report) = import(&server, "import/prometheus", &[OPEN_METRICS], text).await;
    assert_eq!(status, 400);
    assert_eq!(
        report["error"],
        "line 2, column 3: expected a value, found \"x 1\""
    );
    let data = &report["data"];
    let counts = ["lines", "rejectedLines", "stored", "rejected"].map(|name| data[name].as_u64());
    assert_eq!(counts, [Some(5), Some(1), Some(2), Some(1)], "{report}");
    assert_eq!(data["errors"][1]["line"], 4, "{report}");
    let second = data["errors"][1]["error"].as_str().expect("a text");
    assert!(second.contains("ahead of the clock"), "{second}");
    assert_eq!(stored(&server).await, 2);

    let (status, report) = import(
        &server,
        "import/prometheus?strict=true",
        &[OPEN_METRICS],
        "e 1 1\nf x\ng 1 1\n",
    )
    .await;
    assert_eq!(
        (status, &report["data"]["stored"]),
        (400, &1.into()),
        "{report}"
    );
    assert_eq!(stored(&server).await, 3);

    // What was cut off says so, and what came is stored.
    let (status, report) = import(&server, "import/prometheus", &[OPEN_METRICS], "h 1 1\n").await;
    assert_eq!((status, &report["data"]["stored"]), (400, &1.into()));
    assert_eq!(
        report["error"],
        "line 2: the text ends without # EOF: it may have been cut off"
    );
}

#[tokio::test]
async fn columns() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let route = "import/csv?format=1:time:rfc3339,2:label:host,3:metric:temperature&header=1";
    let text = "time,host,degrees\r\n2026-01-01T00:00:00Z,\"a, b\",21.5\r\n2026-01-01T00:00:01Z,c,\r\nx,c,1\r\n";
    let (status, report) = import(&server, route, &[], text).await;
    assert_eq!(status, 400);
    assert_eq!(
        report["error"],
        "line 4, column 1: expected a time as rfc3339, found \"x\""
    );
    let expected = of("temperature{host=\"a, b\"}", &[(1_767_225_600_000, 21.5)]);
    assert_eq!(exported(&server, "temperature").await, [expected]);
    for (route, reason) in [
        ("import/csv", "no format parameter provided"),
        ("import/csv?format=1:label:a", "no column is a metric"),
        (
            "import/csv?format=1:metric:a&header=2",
            "it must be true or false",
        ),
    ] {
        let (status, report) = import(&server, route, &[], "1").await;
        assert_eq!(status, 400);
        assert!(report["error"].to_string().contains(reason), "{report}");
    }
}

#[tokio::test]
async fn points() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let text = "cpu,host=a usage=0.5,idle=7i,up=true,note=\"a text\" 1700000000\n";
    let (status, body) = import(&server, "influxdb/write?precision=s", &[], text).await;
    assert_eq!((status, body), (204, Value::String(String::new())));
    let packed = gzip(b"cpu,host=b usage=0.25 1700000000000000000\n");
    let (status, _) = import(
        &server,
        "influxdb/write",
        &[("content-encoding", "gzip")],
        packed,
    )
    .await;
    assert_eq!(status, 204);
    let ms = 1_700_000_000_000;
    assert_eq!(
        exported(&server, "{__name__=~\"cpu.*\"}").await,
        [
            of("cpu_idle{host=\"a\"}", &[(ms, 7.0)]),
            of("cpu_up{host=\"a\"}", &[(ms, 1.0)]),
            of("cpu_usage{host=\"a\"}", &[(ms, 0.5)]),
            of("cpu_usage{host=\"b\"}", &[(ms, 0.25)]),
        ]
    );
    let text = "good x=1 1\nbad\ngood y=z 1\ngood z=2 1\nlate w=1 9000000000000\n";
    let (status, body) = import(&server, "influxdb/write?precision=ms", &[], text).await;
    assert_eq!(status, 400);
    let error = body["error"].as_str().expect("a text");
    assert_eq!(body, serde_json::json!({"status": "error", "error": error}));
    let begin = "3 lines or samples were refused, 2 samples are stored: line 2, column 4: expected a blank and the fields of the point, found the end of the line; line 3, column 8: ";
    assert!(error.starts_with(begin), "{error}");
    assert!(error.contains("; line 5: "), "{error}");
    assert_eq!(stored(&server).await, 6);
    let (status, body) = import(&server, "influxdb/write?precision=d", &[], "a b=1").await;
    let reason =
        "invalid parameter \"precision\": precision \"d\" is none of ns, us, ms, s, m and h";
    assert_eq!(
        (status, body),
        (400, serde_json::json!({"status": "error", "error": reason}))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packed_texts_are_unpacked_and_bombs_are_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let encoded = [("content-encoding", "gzip"), OPEN_METRICS];
    // Several megabytes, in two members.
    let lines = |range: std::ops::Range<u32>| -> String {
        range
            .map(|n| format!("packed{{n=\"{n}\"}} {n} {n}\n"))
            .collect()
    };
    let half = gzip(lines(0..100_000).as_bytes());
    let rest = gzip(format!("{}# EOF\n", lines(100_000..200_000)).as_bytes());
    let body = [half, rest].concat();
    let (status, report) = import(&server, "import/prometheus", &encoded, body.clone()).await;
    assert_eq!(
        (status, &report["data"]["stored"]),
        (200, &200_000.into()),
        "{report}"
    );
    assert_eq!(stored(&server).await, 200_000);

    let cut = body[..body.len() - 10].to_vec();
    let (status, report) = import(&server, "import/prometheus", &encoded, cut).await;
    assert_eq!(status, 400);
    assert!(
        report["error"].to_string().contains("does not unpack"),
        "{report}"
    );

    let line = br#"{"metric":{"__name__":"json"},"values":[1],"timestamps":[1]}"#;
    let (status, _) = import(&server, "import", &encoded[..1], gzip(line)).await;
    assert_eq!(status, 200);
    let csv = "import/csv?format=1:metric:csv";
    assert_eq!(
        import(&server, csv, &encoded[..1], gzip(b"5\n")).await.0,
        200
    );
    let (status, report) = import(&server, "import", &encoded[..1], "no gzip").await;
    assert_eq!(status, 400, "{report}");

    // Megabytes of blank lines in kilobytes.
    let bomb = gzip(&vec![b'\n'; 1 << 20]).repeat(48);
    for route in ["import", "import/prometheus", csv, "influxdb/write"] {
        let (status, report) = import(&server, route, &encoded[..1], bomb.clone()).await;
        assert_eq!(status, 400, "{report}");
        assert!(
            report["error"].to_string().contains("500 times"),
            "{report}"
        );
        for name in ["snappy", "zstd"] {
            let (status, text) = import(&server, route, &[("content-encoding", name)], "x").await;
            assert_eq!(status, 415);
            let text = text.as_str().expect("a text").to_owned();
            assert!(text.starts_with(&format!("{name} encoding")), "{text}");
        }
    }
    let memory = server.metric("process_resident_memory_bytes").await;
    assert!(memory < 600e6, "{memory} bytes");
}

/// What `promtool tsdb list` says of all blocks: samples.
fn listed(promtool: &Path, folder: &Path) -> u64 {
    let output = Command::new(promtool)
        .args(["tsdb", "list"])
        .arg(folder)
        .output();
    let output = output.expect("promtool starts");
    assert!(output.status.success(), "{output:?}");
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    let rows = table.lines().skip(1);
    let samples = rows.map(|row| row.split_whitespace().nth(4).expect("a column"));
    samples
        .map(|samples| samples.parse::<u64>().expect("a number"))
        .sum()
}

/// A sample: its series as `promtool tsdb dump` prints it, its time, and the bits of its value.
type Dumped = (String, i64, u64);

/// What `promtool tsdb dump` prints.
fn dumped(promtool: &Path, folder: &Path) -> Vec<Dumped> {
    std::fs::create_dir(folder.join("wal")).expect("a folder that dump wants");
    let dumped = Command::new(promtool)
        .args(["tsdb", "dump"])
        .arg(folder)
        .output();
    let dumped = String::from_utf8(dumped.expect("promtool starts").stdout).expect("UTF-8");
    let parse = |line: &str| {
        let mut words = line.rsplitn(3, ' ');
        let ms = words
            .next()
            .expect("a time")
            .parse::<i64>()
            .expect("a time");
        let value = match words.next().expect("a value") {
            "NaN" => 0x7ff8_0000_0000_0001,
            text => text.parse::<f64>().expect("a value").to_bits(),
        };
        (words.next().expect("labels").to_owned(), ms, value)
    };
    dumped.lines().map(parse).collect()
}

/// Series whose times and values are not simple, and what OpenMetrics can say of them.
fn odd_series() -> (Vec<TimeSeries>, Vec<Dumped>) {
    let mut body = Vec::new();
    let mut expected = Vec::new();
    for number in 0..40_i64 {
        let name = ["reqs_total", "up", "lat_bucket", "lat_count"]
            [usize::try_from(number % 4).expect("small")];
        let text = number.to_string();
        // A label that sorts before the metric's name.
        let labels = [("A", "\"x\"\\\n"), ("__name__", name), ("number", &text)];
        let samples = (0..200_i64).map(|step| {
            // Odd milliseconds, of this year and of 1970.
            let base = if number % 3 == 0 {
                1
            } else {
                1_700_000_000_000
            };
            let value = match step % 5 {
                0 => f64::INFINITY,
                1 => -1e-300,
                2 => 0.1 + 0.2,
                3 => f64::from_bits(0x7ff8_0000_0000_0001),
                _ => step as f64,
            };
            (base + step * 15_001 + number, value.to_bits())
        });
        let samples: Vec<_> = samples.collect();
        for (ms, bits) in &samples {
            let labels =
                format!("{{A=\"\\\"x\\\"\\\\\\n\", __name__=\"{name}\", number=\"{number}\"}}");
            expected.push((labels, *ms, *bits));
        }
        body.push(series(&labels, &samples));
    }
    // What OpenMetrics has no text for.
    let stale = [
        (1_700_000_000_000, 0x7ff0_0000_0000_0002),
        (1_700_000_001_000, 1_f64.to_bits()),
    ];
    body.push(series(&[("__name__", "ends")], &stale));
    expected.push((
        "{__name__=\"ends\"}".to_owned(),
        1_700_000_001_000,
        1_f64.to_bits(),
    ));
    (body, expected)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promtool_makes_blocks_of_an_export_and_they_hold_the_same() {
    let Some(promtool) = program("promtool", "prometheus") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("data"), &[]);
    let (body, mut expected) = odd_series();
    let answer = write_request(&server.api, write_body(body)).await;
    assert_eq!(answer.expect("an answer").status, 204);

    let text = export(&server, "match[]={__name__!=%22%22}&format=openmetrics")
        .await
        .text();
    let left_out = server.metric("tsdb_export_samples_left_out_total").await;
    assert_eq!(left_out, 1.0);
    let samples = text.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(samples, expected.len());
    for name in ["reqs_total", "up", "lat_bucket", "lat_count", "ends"] {
        assert_eq!(text.matches(&format!("# TYPE {name} unknown\n")).count(), 1);
    }
    let file = folder.path().join("export.om");
    std::fs::write(&file, &text).expect("a file");
    let blocks = folder.path().join("blocks");
    let made = Command::new(&promtool)
        .args(["tsdb", "create-blocks-from", "openmetrics"])
        .args([&file, &blocks])
        .output()
        .expect("promtool starts");
    assert!(made.status.success(), "{made:?}");
    assert_eq!(listed(&promtool, &blocks), expected.len() as u64);
    let mut dumped = dumped(&promtool, &blocks);
    dumped.sort();
    expected.sort();
    assert_eq!(dumped, expected);

    // And back into a server of ours.
    let second = Server::start(&folder.path().join("second"), &[]);
    let (status, report) =
        import(&second, "import/prometheus", &[OPEN_METRICS], text.clone()).await;
    assert_eq!(
        (status, &report["data"]["stored"]),
        (200, &expected.len().into()),
        "{report}"
    );
    let again = export(&second, "match[]={__name__!=%22%22}&format=openmetrics")
        .await
        .text();
    assert_eq!(again, text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_text_goes_through_a_small_budget() {
    let folder = tempfile::tempdir().expect("a folder");
    // Room for a fraction of the samples: the others wait until these are flushed.
    let server = Server::start(
        folder.path(),
        &["--memory-budget", "24MiB", "--log-cap", "4MiB"],
    );
    let mut text = String::new();
    for step in 0..150_i64 {
        for number in 0..8_000_u32 {
            let value = f64::from(number.wrapping_mul(2_654_435_761)) * 1.1 + step as f64;
            text.push_str(&format!(
                "load{{number=\"{number}\"}} {value} {}\n",
                step * 15
            ));
        }
    }
    text.push_str("# EOF\n");
    let (status, report) = import(&server, "import/prometheus", &[OPEN_METRICS], text).await;
    assert_eq!(status, 200, "{report}");
    assert_eq!(report["data"]["stored"], 150 * 8_000);
    assert_eq!(stored(&server).await, 150 * 8_000);
}
