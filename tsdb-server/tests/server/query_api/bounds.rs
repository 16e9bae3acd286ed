//! How much an expression may read, and what is told of one that would read more.

use http::Method;
use serde_json::Value;

use super::{TIME, filled};
use crate::support::{Answer, Server, get, request};

async fn ask(server: &Server, asked: &str, headers: &[(&str, &str)]) -> Answer {
    let url = format!("{}/api/v1/{asked}", server.api);
    let answer = request(Method::GET, &url, headers, "").await;
    answer.expect("an answer")
}

/// How many series a result has, what is warned of, and M3's header.
fn told(answer: &Answer) -> (usize, Vec<String>, Option<&str>) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
    let series = body["data"]["result"].as_array().expect("series").len();
    let warnings = body["warnings"].as_array().into_iter().flatten();
    let warnings = warnings.filter_map(Value::as_str).map(str::to_owned);
    let header = answer.headers.get("m3-results-limited");
    let header = header.map(|header| header.to_str().expect("text"));
    (series, warnings.collect(), header)
}

#[tokio::test]
async fn a_range_that_is_too_long_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = folder.path().join("settings.yml");
    let text = "coordinator:\n  limits: {perQuery: {maxFetchedRange: 10m}}\n";
    std::fs::write(&settings, text).expect("a file");
    let settings = settings.to_str().expect("a path");
    let data = folder.path().join("data");
    let server = filled(&data, &["--config", settings]).await;
    let instant =
        |window: &str| format!("query?query=sum(rate(requests_total[{window}]))&time={TIME}");
    assert_eq!(ask(&server, &instant("9m"), &[]).await.status, 200);
    let refused = ask(&server, &instant("11m"), &[]).await;
    assert_eq!(refused.status, 400);
    let expected = r#"{"status":"error","errorType":"bad_data","error":"query exceeded limit: its range is longer than 10m, the limit --query-max-range"}"#;
    assert_eq!(refused.text(), expected);
    let range = |seconds: i64| {
        let start = TIME - seconds;
        format!("query_range?query=requests_total&start={start}&end={TIME}&step=60")
    };
    // The lookback of 5 minutes is read as well.
    assert_eq!(ask(&server, &range(290), &[]).await.status, 200);
    assert_eq!(ask(&server, &range(400), &[]).await.status, 400);
    let shorter = ask(&server, &instant("9m"), &[("M3-Limit-Max-Range", "8m")]).await;
    assert_eq!(shorter.status, 400);
    assert!(shorter.text().contains("8m, the limit M3-Limit-Max-Range"));
    let longer = ask(&server, &instant("11m"), &[("M3-Limit-Max-Range", "1h")]).await;
    assert_eq!(
        longer.status, 400,
        "a header asks for no more than there is"
    );
}

#[tokio::test]
async fn where_all_need_not_be_found_series_are_left_out_and_the_answer_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let more = [
        "--query-max-series",
        "1",
        "--query-require-exhaustive",
        "false",
    ];
    let server = filled(folder.path(), &more).await;
    let instant = format!("query?query=requests_total&time={TIME}");
    let start = TIME - 60;
    let range = format!("query_range?query=requests_total&start={start}&end={TIME}&step=60");
    let warning = "results truncated due to limit: a selector finds more than 1 series, the others are left out";
    let limited = Some("max_fetch_series_limit_applied");
    for asked in [&instant, &range] {
        let cut = ask(&server, asked, &[]).await;
        assert_eq!(
            told(&cut),
            (1, vec![warning.to_owned()], limited),
            "{asked}"
        );
    }
    let one = format!("query?query=requests_total%7Bjob=%22db%22%7D&time={TIME}");
    let whole = ask(&server, &one, &[]).await;
    assert_eq!(told(&whole), (1, Vec::new(), None));
    let count = format!("query?query=count(requests_total)&time={TIME}");
    let counted = ask(&server, &count, &[]).await;
    assert!(counted.text().contains(r#""value":[1700000000,"1"]"#));
    assert_eq!(told(&counted).2, limited);
    let must = [("M3-Limit-Require-Exhaustive", "true")];
    let refused = ask(&server, &instant, &must).await;
    assert_eq!(refused.status, 422, "{}", refused.text());

    let folder = tempfile::tempdir().expect("a folder");
    let server = filled(folder.path(), &[]).await;
    let may = |most| {
        [
            ("M3-Limit-Max-Series", most),
            ("M3-Limit-Require-Exhaustive", "false"),
        ]
    };
    let cut = ask(&server, &instant, &may("1")).await;
    assert_eq!(told(&cut), (1, vec![warning.to_owned()], limited));
    let whole = ask(&server, &instant, &may("2")).await;
    assert_eq!(told(&whole), (2, Vec::new(), None));
    let samples = [
        ("M3-Limit-Max-Returned-Datapoints", "1"),
        ("M3-Limit-Require-Exhaustive", "false"),
    ];
    assert_eq!(ask(&server, &instant, &samples).await.status, 400);
    let url = format!("{}/api/v1/{instant}", server.api);
    assert_eq!(told(&get(&url).await), (2, Vec::new(), None));
}
