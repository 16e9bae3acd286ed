//! Tenants: by path, by header, within limits of their own.

use std::path::Path;

use crate::support::{Answer, Server, exported, get, json, post, series, wait_for, write_body};

const FILE: &str = "\
tsdb:
  tenants:
    - {name: a, retention: 36500d}
    - {name: b, namespace: of_b, maxSeries: 1, maxSamplesPerSecond: 10}
";

fn start(folder: &Path, more: &[&str]) -> Server {
    let file = folder.join("tsdb.yml");
    std::fs::write(&file, FILE).expect("writing");
    let config = ["--config", file.to_str().expect("a path")];
    let arguments: Vec<&str> = config.iter().chain(more).copied().collect();
    Server::start(&folder.join("data"), &arguments)
}

async fn write(url: &str, headers: &[(&str, &str)], name: &str, samples: i64) -> Answer {
    let samples: Vec<_> = (1..=samples).map(|ms| (ms, 1f64.to_bits())).collect();
    let body = write_body(vec![series(&[("__name__", name)], &samples)]);
    let fixed = [
        ("content-type", "application/x-protobuf"),
        ("content-encoding", "snappy"),
    ];
    let headers: Vec<_> = fixed.iter().chain(headers).copied().collect();
    post(url, &headers, body).await
}

async fn names(api: &str, headers: &[(&str, &str)]) -> serde_json::Value {
    let url = format!("{api}/api/v1/label/__name__/values");
    let answer = crate::support::request(http::Method::GET, &url, headers, "").await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    answer["data"].clone()
}

#[tokio::test]
async fn tenants_see_their_own_data_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = start(folder.path(), &[]);
    let (api, a) = (&server.api, format!("{}/tenant/a", server.api));
    let b = [("x-scope-orgid", "b")];
    assert_eq!(
        write(&format!("{api}/api/v1/write"), &[], "of_nobody", 1)
            .await
            .status,
        204
    );
    assert_eq!(
        write(&format!("{a}/api/v1/write"), &[], "of_a", 1)
            .await
            .status,
        204
    );
    assert_eq!(
        write(&format!("{api}/api/v1/prom/remote/write"), &b, "of_b", 1)
            .await
            .status,
        204
    );
    let line = r#"{"metric":{"__name__":"imported"},"values":[1],"timestamps":[1000]}"#;
    let answer = post(&format!("{a}/api/v1/import"), &[], line).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(names(api, &[]).await, serde_json::json!(["of_nobody"]));
    assert_eq!(
        names(&a, &[]).await,
        serde_json::json!(["imported", "of_a"])
    );
    assert_eq!(names(api, &b).await, serde_json::json!(["of_b"]));
    let found = json(&format!("{a}/api/v1/series?match[]=of_b")).await;
    assert_eq!(found["data"], serde_json::json!([]));

    for (url, headers, reason) in [
        (
            format!("{api}/tenant/c/api/v1/write"),
            &[][..],
            "no tenant is called \\\"c\\\"",
        ),
        (
            format!("{api}/api/v1/write"),
            &[("x-scope-orgid", "A")],
            "no tenant is called \\\"A\\\"",
        ),
        (
            format!("{a}/api/v1/write"),
            &b,
            "and the path name two tenants",
        ),
        (
            format!("{api}/api/v1/read"),
            &[("x-scope-orgid", "c")],
            "no tenant is called \\\"c\\\"",
        ),
        (
            format!("{api}/api/v1/import"),
            &[("x-scope-orgid", "c")],
            "no tenant is called \\\"c\\\"",
        ),
    ] {
        let answer = write(&url, headers, "refused", 1).await;
        assert_eq!(answer.status, 400, "{url}");
        assert!(answer.text().contains(reason), "{}", answer.text());
    }
    assert_eq!(names(api, &[]).await, serde_json::json!(["of_nobody"]));
}

#[tokio::test]
async fn a_tenant_is_held_to_its_limits_and_others_are_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = start(folder.path(), &[]);
    let b = format!("{}/tenant/b/api/v1/write", server.api);
    let a = format!("{}/tenant/a/api/v1/write", server.api);
    assert_eq!(write(&b, &[], "one", 1).await.status, 204);
    let answer = write(&b, &[], "another", 1).await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("series_max"), "{}", answer.text());
    // More than a second's worth gets through once, and is paid for.
    assert_eq!(write(&b, &[], "one", 200).await.status, 204);
    let refused = write(&b, &[], "one", 1).await;
    assert_eq!(refused.status, 429, "{}", refused.text());
    let wait: u64 = refused.headers["retry-after"]
        .to_str()
        .expect("text")
        .parse()
        .expect("seconds");
    assert!((10..=20).contains(&wait), "{wait}");
    assert!(
        refused.text().contains("10 samples a second")
            && refused.text().contains("maxSamplesPerSecond"),
        "{}",
        refused.text()
    );
    for name in ["one", "another"] {
        assert_eq!(write(&a, &[], name, 1000).await.status, 204);
    }
    let refused = server
        .metric("tsdb_tenant_writes_refused_total{tenant=\"b\"}")
        .await;
    assert_eq!(refused, 1.0);
    assert_eq!(
        exported(&server, "{__name__=~\".+\"}").await.len(),
        0,
        "nothing is in the plain namespace"
    );
    wait_for("the tenant to have paid", 60, async || {
        (write(&b, &[], "one", 1).await.status == 204).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_tenant_can_be_asked_of_everybody() {
    let folder = tempfile::tempdir().expect("a folder");
    let more = ["--tenant-required", "--tenant-header", "X-Team"];
    let mut server = start(folder.path(), &more);
    let url = format!("{}/api/v1/write", server.api);
    let refused = write(&url, &[], "up", 1).await;
    assert_eq!(refused.status, 400);
    assert!(
        refused.text().contains("send the header x-team"),
        "{}",
        refused.text()
    );
    assert_eq!(
        get(&format!("{}/api/v1/labels", server.api)).await.status,
        400
    );
    assert_eq!(get(&format!("{}/health", server.api)).await.status, 200);
    assert_eq!(write(&url, &[("x-team", "a")], "up", 1).await.status, 204);
    server.process.kill();
    drop(server);
    let server = start(folder.path(), &more);
    assert_eq!(
        names(&server.api, &[("x-team", "a")]).await,
        serde_json::json!(["up"])
    );
    assert!(!server.process.log().contains("panicked"));
}

#[test]
fn slips_in_tenants_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    for (text, reason) in [
        ("- {namespace: x}", "tsdb.tenants[0] has no name"),
        (
            "- {name: 'a b'}",
            "m.yml:3:14: tsdb.tenants[0].name: it has 1 to 150 letters",
        ),
        (
            "- {name: a}\n    - {name: a}",
            "tsdb.tenants[1]: the tenant a is there already",
        ),
        (
            "- {name: a}\n    - {name: b, namespace: a}",
            "a is that of the tenant a: tenants share nothing",
        ),
        (
            "- {name: a, maxSeries: 0}",
            "tsdb.tenants[0].maxSeries: it must be at least 1",
        ),
        ("- {name: a, maxSerie: 1}", "did you mean maxSeries?"),
    ] {
        let file = folder.path().join("m.yml");
        std::fs::write(&file, format!("tsdb:\n  tenants:\n    {text}\n")).expect("writing");
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_tsdb-server"))
            .args(["config", "check", "--config"])
            .arg(&file)
            .output()
            .expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(reason), "{said}\nis not\n{reason}");
    }
}
