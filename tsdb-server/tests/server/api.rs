//! Every route: answers, envelopes, statuses and error texts.

use crate::support::{Prometheus, Server, get, json, post, post_form, program, request};

async fn filled(folder: &tempfile::TempDir) -> Server {
    let server = Server::start(folder.path(), &[]);
    let lines = concat!(
        r#"{"metric":{"__name__":"up","job":"a","zone.name":"x"},"values":[1,0],"timestamps":[1000,2000]}"#,
        "\n",
        r#"{"metric":{"__name__":"up","job":"b"},"values":[1],"timestamps":[3000]}"#,
        "\n",
        r#"{"metric":{"__name__":"load","job":"b"},"values":[0.5],"timestamps":[5000]}"#,
    );
    let answer = post(&format!("{}/api/v1/import", server.api), &[], lines).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    server
}

/// Status and body of a GET below /api/v1/.
async fn api(server: &Server, call: &str) -> (u16, serde_json::Value) {
    let answer = get(&format!("{}/api/v1/{call}", server.api)).await;
    assert_eq!(answer.headers["content-type"], "application/json", "{call}");
    (
        answer.status,
        serde_json::from_slice(&answer.body).expect("JSON"),
    )
}

#[tokio::test]
async fn label_sets_names_and_values() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = filled(&folder).await;
    let (a, b) = (
        serde_json::json!({"__name__": "up", "job": "a", "zone.name": "x"}),
        serde_json::json!({"__name__": "up", "job": "b"}),
    );
    let load = serde_json::json!({"__name__": "load", "job": "b"});
    let cases = [
        ("series?match[]=up", serde_json::json!([a, b])),
        (
            "series?match[]=up&match[]={job=\"b\"}",
            serde_json::json!([load, a, b]),
        ),
        ("series?match[]=up&start=2&end=2.5", serde_json::json!([a])),
        (
            "series?match[]=up&start=1970-01-01T00:00:03Z",
            serde_json::json!([b]),
        ),
        ("series?match[]=up&start=5&end=4", serde_json::json!([])),
        (
            "series?match[]={\"zone.name\"=\"x\"}",
            serde_json::json!([a]),
        ),
        ("series?match[]=none", serde_json::json!([])),
        (
            "labels",
            serde_json::json!(["__name__", "job", "zone.name"]),
        ),
        (
            "labels?match[]=load",
            serde_json::json!(["__name__", "job"]),
        ),
        (
            "labels?match[]=load&match[]={job=\"a\"}",
            serde_json::json!(["__name__", "job", "zone.name"]),
        ),
        ("labels?start=5", serde_json::json!(["__name__", "job"])),
        ("label/job/values", serde_json::json!(["a", "b"])),
        ("label/job/values?match[]=load", serde_json::json!(["b"])),
        ("label/U__zone_2e_name/values", serde_json::json!(["x"])),
        ("label/zone.name/values", serde_json::json!(["x"])),
        ("label/none/values", serde_json::json!([])),
        ("metadata", serde_json::json!({})),
    ];
    for (call, expected) in cases {
        let call = call.replace('"', "%22");
        let expected = serde_json::json!({"status": "success", "data": expected});
        assert_eq!(api(&server, &call).await, (200, expected), "{call}");
    }
    for (call, first) in [
        ("labels?limit=1", "__name__"),
        ("label/job/values?limit=1", "a"),
    ] {
        let expected = serde_json::json!({"status": "success", "data": [first], "warnings": ["results truncated due to limit"]});
        assert_eq!(api(&server, call).await, (200, expected), "{call}");
    }
    let (_, limited) = api(&server, "series?match[]=up&match[]=load&limit=2").await;
    assert_eq!(limited["data"], serde_json::json!([load, a]));
    assert_eq!(
        limited["warnings"],
        serde_json::json!(["results truncated due to limit"])
    );
    let (_, exact) = api(&server, "series?match[]=up&limit=2").await;
    assert_eq!(exact.get("warnings"), None);
}

#[tokio::test]
async fn forms_are_taken_from_body_and_url() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = filled(&folder).await;
    let url = format!("{}/api/v1/series", server.api);
    let answer = post_form(&format!("{url}?match[]=load"), "match%5B%5D=up&start=3").await;
    let data: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!(data["data"].as_array().map(Vec::len), Some(2), "{data}");
    let labels = post_form(&format!("{}/api/v1/labels", server.api), "match[]=load").await;
    assert_eq!(
        labels.text(),
        r#"{"status":"success","data":["__name__","job"]}"#
    );
    let values = post_form(&format!("{}/api/v1/label/job/values", server.api), "").await;
    assert_eq!(values.status, 405);
}

#[tokio::test]
async fn errors_are_worded_as_prometheus_words_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let cases = [
        ("series", "no match[] parameter provided"),
        (
            "series?match[]=up%7B",
            "invalid parameter \"match[]\": 1:4: parse error: unexpected end of input inside braces",
        ),
        (
            "series?match[]=%7B%7D",
            "invalid parameter \"match[]\": match[] must contain at least one non-empty matcher",
        ),
        (
            "series?match[]=up&start=x",
            "invalid parameter \"start\": Invalid time value for 'start': cannot parse \"x\" to a valid timestamp",
        ),
        (
            "labels?end=x",
            "invalid parameter \"end\": Invalid time value for 'end': cannot parse \"x\" to a valid timestamp",
        ),
        (
            "labels?limit=-1",
            "invalid parameter \"limit\": limit must be non-negative",
        ),
        (
            "label/job/values?limit=x",
            "invalid parameter \"limit\": strconv.Atoi: parsing \"x\": invalid syntax",
        ),
        ("label/U__/values", "invalid label name: \"\""),
        ("metadata?limit=x", "limit must be a number"),
        (
            "metadata?limit_per_metric=x",
            "limit_per_metric must be a number",
        ),
        ("export", "no match[] parameter provided"),
    ];
    for (call, error) in cases {
        let expected =
            serde_json::json!({"status": "error", "errorType": "bad_data", "error": error});
        assert_eq!(api(&server, call).await, (400, expected), "{call}");
    }
}

/// Selectors that both refuse.
const SELECTORS: &[&str] = &[
    "up{",
    "up{a",
    "up{a=b}",
    "up{a}",
    "up{=\"b\"}",
    "up{,}",
    "up{a=\"b\" c=\"d\"}",
    "up{a=\"b\"} x",
    "up + 1",
    "up[5m]",
    "up{a!\"b\"}",
    "up{a=\"b}",
    "up{a=`b}",
    "up{a=\"\\q\"}",
    "up{a=\"\\ud800\"}",
    "up{a=\"\\x4z\"}",
    "up{1=\"b\"}",
    "\"up\"",
    "bool",
    "on",
    "17",
    "up;",
    "{}",
    "{a=~\".*\"}",
    "up{a==\"b\"}",
    "sum(up)",
    "up offset 5m",
    "}",
    "up and up",
    "up{{",
    "up{a=\"b\",,}",
    "5m",
    "nan",
    "Inf",
    "up{a=5}",
    "up!~",
    "up=~",
    "=",
    "up{!}",
    "a:b:{x!=\"y\"}}",
    "sum by (a)",
    "up{a=\"aaaaaaaaaaaaaaaaa\" \"bbbbbbbbbbbbbbbbbbb\"}",
    "",
    "\u{e9}",
    "up{\u{e9}=\"x\"}",
    "up == 1",
    "up\n{\n  a=b}",
];

#[tokio::test]
async fn prometheus_gives_the_same_errors() {
    let Some(prometheus) = program("prometheus", "prometheus") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("server"), &[]);
    let theirs = Prometheus::start(
        &prometheus,
        &folder.path().join("prometheus"),
        "global: {}\n",
    )
    .await;
    for selector in SELECTORS {
        let encoded: String = form_urlencoded::byte_serialize(selector.as_bytes()).collect();
        let error = async |base: &str| {
            let answer = json(&format!("{base}/api/v1/series?match[]={encoded}")).await;
            let error = answer["error"]
                .as_str()
                .unwrap_or_else(|| panic!("{selector}: {answer}"))
                .to_owned();
            // Later versions say which parameter.
            error
                .trim_start_matches("invalid parameter \"match[]\": ")
                .to_owned()
        };
        assert_eq!(
            error(&server.api).await,
            error(&theirs.url).await,
            "{selector}"
        );
    }
}

#[tokio::test]
async fn health_readiness_and_routes() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let health = json(&format!("{}/health", server.api)).await;
    assert!(
        health["uptime"]
            .as_str()
            .is_some_and(|uptime| uptime.ends_with('s')),
        "{health}"
    );
    let ready = json(&format!("{}/ready", server.api)).await;
    assert_eq!(ready["readyWrites"], serde_json::json!([{"id": "default"}]));
    assert_eq!(ready["notReadyReads"], serde_json::json!([]));
    for path in ["/ready", "/-/healthy", "/-/ready", "/"] {
        assert_eq!(
            get(&format!("{}{path}", server.api)).await.status,
            200,
            "{path}"
        );
        let head = request(
            http::Method::HEAD,
            &format!("{}{path}", server.api),
            &[],
            "",
        )
        .await
        .expect("an answer");
        assert_eq!(head.status, 200, "HEAD {path}");
    }
    assert!(
        get(&format!("{}/", server.api))
            .await
            .text()
            .contains("/api/v1/write")
    );
    let nothing = get(&format!("{}/api/v1/nothing", server.api)).await;
    assert_eq!(
        (nothing.status, nothing.text()),
        (
            404,
            "nothing is at /api/v1/nothing: see / for the routes\n".to_owned()
        )
    );
    let log = server.process.log();
    assert!(
        log.contains(&format!("    - url: {}/api/v1/write", server.api)),
        "{log}"
    );
    assert!(
        log.contains(&format!("    - url: {}/api/v1/read", server.api)),
        "{log}"
    );
    assert!(log.contains("only this machine can reach them"), "{log}");
    assert!(!log.contains('\u{1b}'), "colours without a terminal: {log}");
}

#[tokio::test]
async fn metrics_are_well_formed_and_count() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = filled(&folder).await;
    let page = get(&server.metrics).await;
    assert!(
        page.headers["content-type"]
            .to_str()
            .expect("text")
            .starts_with("text/plain; version=0.0.4")
    );
    assert_eq!(
        server
            .metric("tsdb_samples_stored_total{source=\"import\"}")
            .await,
        4.0
    );
    assert_eq!(
        server
            .metric("tsdb_http_requests_total{route=\"/api/v1/import\",code=\"200\"}")
            .await,
        1.0
    );
    assert_eq!(
        server.metric("tsdb_series{namespace=\"default\"}").await,
        3.0
    );
    assert_eq!(server.metric("tsdb_ready").await, 1.0);
    assert!(server.metric("tsdb_log_syncs_total").await >= 1.0);
    assert!(server.metric("process_resident_memory_bytes").await > 1e6);
    let Some(promtool) = program("promtool", "prometheus") else {
        return;
    };
    let file = folder.path().join("metrics.txt");
    std::fs::write(&file, &page.body).expect("a file");
    let checked = std::process::Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(std::fs::File::open(&file).expect("a file"))
        .output()
        .expect("promtool runs");
    let said = String::from_utf8_lossy(&checked.stderr).into_owned()
        + &String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success() && said.is_empty(), "{said}");
}
