//! Routes of M3's coordinator: first writes, search, and the lists of routes.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Server, exported, get, post, program};

#[tokio::test]
async fn the_first_writes_of_the_quickstart_are_read_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let Some(curl) = program("curl", "curl") else {
        return;
    };
    let start = 1_700_000_000_i64;
    for (index, value) in ["3347.26", "5347.26", "7347.26"].iter().enumerate() {
        let time = start + 60 * i64::try_from(index).expect("few");
        let body = format!(
            r#"{{
  "tags":
    {{
      "__name__": "third_avenue",
      "city": "new_york",
      "checkout": "1"
    }},
    "timestamp": "{time}",
    "value": {value}
}}"#
        );
        let url = format!("{}/api/v1/json/write", server.api);
        let output = Command::new(&curl)
            .args(["-sS", "-w", "%{http_code}", "-X", "POST", &url, "-d", &body])
            .output()
            .expect("curl runs");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "200");
    }
    let points = [3347.26_f64, 5347.26, 7347.26];
    let points = points.iter().zip(0_i64..);
    let points = points.map(|(value, index)| ((start + 60 * index) * 1000, value.to_bits()));
    assert_eq!(
        exported(&server, "third_avenue").await,
        [(
            "third_avenue{checkout=\"1\", city=\"new_york\"}".to_owned(),
            points.collect::<Vec<_>>()
        )]
    );
    let stored = server
        .metric("tsdb_samples_stored_total{source=\"json_write\"}")
        .await;
    assert_eq!(stored, 3.0);
}

#[tokio::test]
async fn wrong_points_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let url = format!("{}/api/v1/json/write", server.api);
    let tags = r#""tags":{"__name__":"a"}"#;
    let cases = [
        ("".to_owned(), "EOF while parsing"),
        (
            format!("{{{tags},\"timestamp\":\"now\",\"value\":1}}"),
            "timestamp: \"now\" is neither seconds",
        ),
        (
            format!("{{{tags},\"timestamp\":\"1\"}}"),
            "value: it is missing",
        ),
        (
            format!("{{{tags},\"timestamp\":\"1\",\"value\":\"1\"}}"),
            "value: \"1\" is not a number",
        ),
        (
            "{\"tags\":{\"a\":\"1\"},\"timestamp\":\"1\",\"value\":1}".to_owned(),
            "no metric name",
        ),
        (
            format!("{{{tags},\"timestamp\":\"99999999999\",\"value\":1}}"),
            "max_future",
        ),
        (
            format!("{{{tags},\"x\":{}", "[".repeat(500_000)),
            "EOF while parsing",
        ),
        (" ".repeat(2 << 20), "longer than 1048576 bytes"),
    ];
    for (body, text) in cases {
        let answer = post(&url, &[], body).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
        let answer: Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!(answer["status"], "error");
        let error = answer["error"].as_str().expect("a text");
        assert!(error.contains(text), "{error}");
    }
    assert_eq!(exported(&server, "{__name__=~\".+\"}").await, []);
}

async fn filled(folder: &tempfile::TempDir) -> Server {
    let server = Server::start(folder.path(), &[]);
    let lines = concat!(
        r#"{"metric":{"__name__":"up","city":"new_york","role":"db"},"values":[1],"timestamps":[1000]}"#,
        "\n",
        r#"{"metric":{"__name__":"up","city":"oslo"},"values":[1],"timestamps":[2000]}"#,
    );
    assert_eq!(
        post(&format!("{}/api/v1/import", server.api), &[], lines)
            .await
            .status,
        200
    );
    server
}

#[tokio::test]
async fn tags_are_completed() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = filled(&folder).await;
    let ask = async |call: &str| {
        let answer = get(&format!("{}/api/v1/search?{call}", server.api)).await;
        let json: Value = serde_json::from_slice(&answer.body).expect("JSON");
        (answer.status, json)
    };
    let tag = |key: &str, values: &[&str]| json!({"key": key, "values": values});
    let all = json!({"hits": 3, "tags": [tag("__name__", &["up"]), tag("city", &["new_york", "oslo"]), tag("role", &["db"])]});
    assert_eq!(ask("query=__name__:up").await, (200, all.clone()));
    assert_eq!(ask("query=city:oslo&query=role:db").await, (200, all));
    let one = json!({"hits": 1, "tags": [tag("city", &["oslo"])]});
    assert_eq!(
        ask("query=__name__:up+city:oslo&tag=city").await,
        (200, one.clone())
    );
    assert_eq!(
        ask("query=%7Bcity=~%22os.%2A%22%7D&tag=city").await,
        (200, one.clone())
    );
    assert_eq!(ask("query=__name__:up&tag=city&start=2").await, (200, one));
    let names = json!(["__name__", "city", "role"]);
    assert_eq!(
        ask("query=__name__:up&result=tagNamesOnly").await,
        (200, names)
    );
    for wrong in [
        "",
        "query=",
        "query=a:b:c",
        "query=a:b&result=x",
        "query=a:b&start=x",
    ] {
        let (status, answer) = ask(wrong).await;
        assert_eq!(
            (status, &answer["errorType"]),
            (400, &json!("bad_data")),
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn series_are_searched_by_matchers() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = filled(&folder).await;
    let ask = async |call: &str, body: &str| {
        let answer = post(
            &format!("{}/search{call}", server.api),
            &[],
            body.to_owned(),
        )
        .await;
        let json: Value = serde_json::from_slice(&answer.body).expect("JSON");
        (answer.status, json)
    };
    // city="oslo"
    let oslo = r#"{"matchers":[{"type":0,"name":"Y2l0eQ==","value":"b3Nsbw=="}],"start":"1970-01-01T00:00:00Z","end":"2100-01-01T00:00:00Z"}"#;
    let (status, answer) = ask("", oslo).await;
    assert_eq!(status, 200, "{answer}");
    // {__name__="up",city="oslo"}
    assert_eq!(
        answer["Metrics"],
        json!([{
            "ID": "e19fbmFtZV9fPSJ1cCIsY2l0eT0ib3NsbyJ9",
            "Tags": {"Opts": {}, "Tags": [
                {"Name": "X19uYW1lX18=", "Value": "dXA="},
                {"Name": "Y2l0eQ==", "Value": "b3Nsbw=="},
            ]},
        }])
    );
    assert_eq!(answer["Metadata"]["Exhaustive"], true);
    let (_, answer) = ask("?limit=1", r#"{"matchers":[{"type":6}]}"#).await;
    assert_eq!(answer["Metrics"].as_array().map(Vec::len), Some(1));
    assert_eq!(answer["Metadata"]["Exhaustive"], false);
    let (_, answer) = ask("?limit=1&seriesLimit=2", "{}").await;
    assert_eq!(answer["Metrics"].as_array().map(Vec::len), Some(2));
    for (call, body) in [
        ("", "x"),
        ("", r#"{"matchers":[{"type":9}]}"#),
        ("?limit=x", "{}"),
    ] {
        let (status, answer) = ask(call, body).await;
        assert_eq!(
            (status, &answer["errorType"]),
            (400, &json!("bad_data")),
            "{body}"
        );
    }
}

#[tokio::test]
async fn routes_are_listed_and_each_of_them_is_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let listed = get(&format!("{}/routes", server.api)).await;
    let listed: Value = serde_json::from_slice(&listed.body).expect("JSON");
    let routes = listed["routes"].as_array().expect("routes");
    let home = get(&format!("{}/", server.api)).await.text();
    let openapi = get(&format!("{}/api/v1/openapi", server.api)).await;
    assert_eq!(openapi.headers["content-type"], "application/json");
    let openapi: Value = serde_json::from_slice(&openapi.body).expect("JSON");
    assert!(
        openapi["openapi"]
            .as_str()
            .is_some_and(|version| version.starts_with("3."))
    );
    let described = openapi["paths"].as_object().expect("paths");
    assert_eq!(described.len(), routes.len());
    assert!(routes.len() > 20, "{routes:?}");
    for path in routes {
        let path = path.as_str().expect("a path");
        assert!(home.contains(path), "{path}");
        assert!(described.contains_key(path), "{path}");
        let there = get(&format!("{}{}", server.api, path.replace("{name}", "job"))).await;
        // A placement that is not there is no route that is not.
        assert!(!there.text().contains("nothing is at"), "{path}");
    }
    let nothing = get(&format!("{}/nothing", server.api)).await;
    assert_eq!(nothing.status, 404);
    let accept = [("accept", "text/html,application/xhtml+xml")];
    let url = format!("{}/api/v1/openapi", server.api);
    let page = crate::support::request(http::Method::GET, &url, &accept, "").await;
    let page = page.expect("an answer");
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert!(page.text().contains("<code>/api/v1/json/write</code>"));
}
