//! How answers travel: packed, to other origins, by M3's paths and headers.

use std::io::Read;

use http::Method;

use super::{TIME, filled};
use crate::support::{Answer, get, request};

async fn with(url: &str, method: Method, headers: &[(&str, &str)]) -> Answer {
    let answer = request(method, url, headers, "").await;
    answer.unwrap_or_else(|error| panic!("{url}: {error}"))
}

fn unpacked(answer: &Answer) -> String {
    let mut text = String::new();
    let mut decoder = flate2::read::GzDecoder::new(&answer.body[..]);
    decoder.read_to_string(&mut text).expect("gzip of UTF-8");
    text
}

#[tokio::test]
async fn answers_are_packed_for_who_takes_them_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = filled(folder.path(), &[]).await;
    // A long result comes in many pieces.
    let start = TIME - 10_000;
    let range = format!("start={start}&end={TIME}&step=1");
    let long = "requests_total%20or%20label_replace(vector(time()),%22a%22,%22b%22,%22%22,%22%22)";
    let paths = [
        "/api/v1/query?query=up".to_owned(),
        format!("/api/v1/query_range?{range}&query={long}"),
        "/api/v1/features".to_owned(),
    ];
    for path in paths {
        let url = format!("{}{path}", server.api);
        let plain = get(&url).await;
        assert_eq!(plain.status, 200, "{}", plain.text());
        assert!(!plain.headers.contains_key("content-encoding"));
        let packed = with(&url, Method::GET, &[("accept-encoding", "gzip")]).await;
        assert_eq!(packed.headers["content-encoding"], "gzip", "{path}");
        assert_eq!(packed.headers["vary"], "Accept-Encoding");
        assert!(unpacked(&packed) == plain.text(), "{path}");
        let refused = with(&url, Method::GET, &[("accept-encoding", "gzip;q=0")]).await;
        assert!(!refused.headers.contains_key("content-encoding"));
    }
}

#[tokio::test]
async fn web_pages_of_other_origins_may_ask() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = filled(folder.path(), &[]).await;
    let url = format!("{}/api/v1/query?query=1", server.api);
    let origin = [("origin", "https://grafana.example")];
    for (method, status) in [(Method::OPTIONS, 204), (Method::GET, 200)] {
        let answer = with(&url, method, &origin).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.headers["access-control-allow-origin"], "*");
        assert_eq!(
            answer.headers["access-control-allow-methods"],
            "GET, POST, OPTIONS"
        );
    }
    let silent = get(&url).await;
    assert!(!silent.headers.contains_key("access-control-allow-origin"));
    let folder = tempfile::tempdir().expect("a folder");
    let only = ["--web.cors.origin", "https://grafana\\.example"];
    let server = filled(folder.path(), &only).await;
    let url = format!("{}/api/v1/query?query=1", server.api);
    let allowed = with(&url, Method::GET, &origin).await;
    assert_eq!(
        allowed.headers["access-control-allow-origin"],
        "https://grafana.example"
    );
    let other = with(&url, Method::GET, &[("origin", "https://evil.example")]).await;
    assert!(!other.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn m3_s_paths_and_headers_hold_for_expressions() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = filled(folder.path(), &[]).await;
    let query = format!("query=count(requests_total)&time={TIME}");
    let expected = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1700000000,"2"]}]}}"#;
    for prefix in ["", "/prometheus", "/m3query"] {
        let url = format!("{}{prefix}/api/v1/query?{query}", server.api);
        assert_eq!(get(&url).await.text(), expected, "{url}");
    }
    let url = format!("{}/api/v1/query?{query}", server.api);
    let restricted = r#"{"match":[{"name":"job","type":"EQUAL","value":"db"}]}"#;
    let headers = [("M3-Restrict-By-Tags-JSON", restricted)];
    let one = with(&url, Method::GET, &headers).await;
    assert_eq!(one.text(), expected.replace("\"2\"", "\"1\""));
    let cases = [
        ("M3-Limit-Max-Series", "1", 400_u16..=422),
        ("M3-Limit-Max-Returned-Datapoints", "1", 400..=422),
        ("M3-Limit-Max-Range", "1s", 400..=400),
        (
            "M3-Restrict-By-Tags-JSON",
            r#"{"strip":["job"]}"#,
            400..=400,
        ),
        ("M3-Limit-Max-Series", "2", 200..=200),
    ];
    for (header, value, statuses) in cases {
        let answer = with(&url, Method::GET, &[(header, value)]).await;
        assert!(
            statuses.contains(&answer.status),
            "{header}: {}",
            answer.text()
        );
    }
    // What is read to know of resets does not count as asked for.
    for (range, status) in [("1h", 200), ("61m", 400)] {
        let query = format!("histogram_count(sum_over_time(requests_total[{range}]))");
        let url = format!("{}/api/v1/query?query={query}&time={TIME}", server.api);
        let answer = with(&url, Method::GET, &[("M3-Limit-Max-Range", "1h")]).await;
        assert_eq!(answer.status, status, "{range}: {}", answer.text());
    }
}
