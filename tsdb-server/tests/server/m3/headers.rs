//! M3's headers: which namespace, which series, within which bounds.

use http::Method;

use super::requests::{send, send_with, value};
use crate::support::{Answer, Server, exported, series, write_body};

const AGGREGATED: [(&str, &str); 2] = [
    ("M3-Metrics-Type", "aggregated"),
    ("M3-Storage-Policy", "5m:36500d"),
];

async fn import(server: &Server, headers: &[(&str, &str)], lines: &str) -> Answer {
    send_with(server, Method::POST, "/api/v1/import", headers, lines).await
}

async fn list(server: &Server, path: &str, headers: &[(&str, &str)]) -> (u16, String, Answer) {
    let answer = send_with(server, Method::GET, path, headers, "").await;
    let data = value(&answer.text())["data"].to_string();
    (answer.status, data, answer)
}

#[tokio::test]
async fn samples_go_to_the_namespace_of_their_policy_and_come_back_from_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let create = r#"{"type":"local","namespaceName":"default","retentionTime":"36500d","aggregatedNamespace":{"name":"rolled","resolution":"5m","retentionTime":"36500d"}}"#;
    let created = send(&server, Method::POST, "/api/v1/database/create", create).await;
    assert_eq!(created.status, 200, "{}", created.text());
    let line = |name: &str| {
        format!(
            "{{\"metric\":{{\"__name__\":\"{name}\"}},\"values\":[1],\"timestamps\":[1700000000000]}}"
        )
    };
    assert_eq!(
        import(&server, &AGGREGATED, &line("rolled_up"))
            .await
            .status,
        200
    );
    let plain = [("M3-Metrics-Type", "unaggregated")];
    assert_eq!(import(&server, &plain, &line("raw")).await.status, 200);
    let body = write_body(vec![series(
        &[("__name__", "written")],
        &[(1_700_000_000_000, 0)],
    )]);
    let mut headers = vec![
        ("content-type", "application/x-protobuf"),
        ("content-encoding", "snappy"),
    ];
    headers.extend(AGGREGATED);
    let url = format!("{}/api/v1/prom/remote/write", server.api);
    let answer = crate::support::post(&url, &headers, body).await;
    assert_eq!(answer.status, 204, "{}", answer.text());
    let path = "/api/v1/label/__name__/values";
    assert_eq!(list(&server, path, &[]).await.1, r#"["raw"]"#);
    assert_eq!(list(&server, path, &plain).await.1, r#"["raw"]"#);
    assert_eq!(
        list(&server, path, &AGGREGATED).await.1,
        r#"["rolled_up","written"]"#
    );
    for (headers, reason) in [
        (
            &[("M3-Metrics-Type", "aggregated")][..],
            "M3-Storage-Policy: it is missing",
        ),
        (
            &[
                ("M3-Metrics-Type", "aggregated"),
                ("M3-Storage-Policy", "1m:2d"),
            ],
            "no aggregated namespace has 1m:2d",
        ),
        (
            &[("M3-Map-Tags-JSON", "{}")],
            "M3-Map-Tags-JSON: labels are stored as they are sent",
        ),
    ] {
        let refused = import(&server, headers, &line("refused")).await;
        assert_eq!(refused.status, 400);
        assert!(refused.text().contains(reason), "{}", refused.text());
    }
}

/// Every series there is.
const ALL: &str = "/api/v1/series?match[]=%7B__name__=~%22.%2B%22%7D";

/// Two series of each of two teams.
async fn fill(server: &Server) {
    let lines = ["a", "b"].map(|team| {
        let of = |name: &str| format!("{{\"metric\":{{\"__name__\":\"{name}\",\"team\":\"{team}\"}},\"values\":[1],\"timestamps\":[1700000000000]}}\n");
        of("up") + &of(&format!("only_{team}"))
    });
    assert_eq!(import(server, &[], &lines.concat()).await.status, 200);
}

#[tokio::test]
async fn a_request_is_held_to_its_series() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &["--enable-admin-api"]);
    fill(&server).await;
    let held = |strip: &str| {
        format!(r#"{{"match":[{{"name":"team","type":"EQUAL","value":"a"}}],"strip":[{strip}]}}"#)
    };
    let (shown, stripped) = (held(""), held(r#""team""#));
    let shown = [("M3-Restrict-By-Tags-JSON", shown.as_str())];
    let stripped = [("M3-Restrict-By-Tags-JSON", stripped.as_str())];
    let names = "/api/v1/label/__name__/values";
    assert_eq!(list(&server, names, &shown).await.1, r#"["only_a","up"]"#);
    assert_eq!(
        list(&server, "/api/v1/labels", &stripped).await.1,
        r#"["__name__"]"#
    );
    assert_eq!(
        list(&server, "/api/v1/label/team/values", &stripped)
            .await
            .1,
        "[]"
    );
    assert_eq!(
        list(&server, ALL, &stripped).await.1,
        r#"[{"__name__":"only_a"},{"__name__":"up"}]"#
    );
    let export = "/api/v1/export?match[]=up";
    let exported_a = send_with(&server, Method::GET, export, &shown, "").await;
    assert_eq!(
        exported_a.text().lines().count(),
        1,
        "{}",
        exported_a.text()
    );
    let refused = send_with(&server, Method::GET, export, &stripped, "").await;
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert!(
        refused.text().contains("M3-Restrict-By-Tags-JSON"),
        "{}",
        refused.text()
    );

    let path = "/api/v1/admin/tsdb/delete_series?match[]=up";
    let deleted = send_with(&server, Method::POST, path, &shown, "").await;
    assert_eq!(deleted.status, 204, "{}", deleted.text());
    let left = exported(&server, "up").await;
    assert_eq!(left.len(), 1);
    assert_eq!(
        left[0].0, "up{team=\"b\"}",
        "a delete is held to them as well"
    );
}

#[tokio::test]
async fn a_request_is_held_to_its_bounds() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    fill(&server).await;
    let (status, _, whole) = list(&server, ALL, &[("M3-Limit-Max-Series", "3")]).await;
    assert_eq!(status, 400);
    assert!(whole.text().contains("series_limit=3"), "{}", whole.text());
    let part = [
        ("M3-Limit-Max-Series", "3"),
        ("M3-Limit-Require-Exhaustive", "false"),
    ];
    let (status, data, cut) = list(&server, ALL, &part).await;
    assert_eq!((status, data.matches("__name__").count()), (200, 3));
    assert_eq!(
        cut.headers["m3-results-limited"],
        "max_fetch_series_limit_applied"
    );
    let (status, ..) = list(&server, ALL, &[("M3-Limit-Max-Series", "4")]).await;
    assert_eq!(status, 200);
    let range = [("M3-Limit-Max-Range", "1h")];
    let asked = format!("{ALL}&start=1700000000&end=1700003600");
    assert_eq!(list(&server, &asked, &range).await.0, 200);
    assert_eq!(list(&server, ALL, &range).await.0, 400);
}
