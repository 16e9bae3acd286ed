//! Files of settings, those of M3 before all.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::{Server, free_port, get, json, post};

const CLASSIC: &str = include_str!("../data/m3_classic.yml");

fn file(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("m3dbnode.yml");
    std::fs::write(&path, text).expect("writing");
    path
}

fn run(file: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tsdb-server"));
    command.args(arguments).arg("--config").arg(file);
    command.envs(variables.iter().copied());
    command.output().expect("it starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn a_file_of_m3_starts_the_server_with_its_namespace_and_its_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = CLASSIC
        .replace("/var/lib/m3db", folder.path().to_str().expect("a path"))
        .replace("namespace: default", "namespace: metrics_0_2d")
        .replace("retention: 48h", "retention: ${RETENTION:36500d}");
    let ports = ["9002", "9003", "9004"].iter();
    let text = ports.fold(text, |text, port| {
        text.replace(&format!("0.0.0.0:{port}"), "127.0.0.1:0")
    });
    let config = file(folder.path(), &text);
    let data = folder.path().join("tsdb");
    // The folder is named by the file as well as here: the flag goes first.
    let server = Server::start(&data, &["--config", config.to_str().expect("a path")]);
    let log = server.process.log();
    for told in [
        "db.commitlog.flushEvery has no effect",
        "db.client has no effect",
    ] {
        assert_eq!(log.matches(told).count(), 1, "{log}");
    }
    let line = r#"{"metric":{"__name__":"up"},"values":[1],"timestamps":[1000]}"#;
    let answer = post(&format!("{}/api/v1/import", server.api), &[], line).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let metrics = get(&server.metrics).await.text();
    assert!(
        metrics.contains("namespace=\"metrics_0_2d\""),
        "the namespace of the file is there: {metrics}"
    );
    let found = json(&format!("{}/api/v1/label/__name__/values", server.api)).await;
    assert_eq!(found["data"], serde_json::json!(["up"]));
}

#[tokio::test]
async fn the_addresses_of_a_node_answer_probes_as_m3_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let ports = [free_port(), free_port(), free_port()];
    let [node, cluster, debug] = ports.map(|port| format!("127.0.0.1:{port}"));
    let text = format!(
        "db:\n  httpNodeListenAddress: {node}\n  httpClusterListenAddress: {cluster}\n  debugListenAddress: {debug}\n"
    );
    let config = file(folder.path(), &text);
    let data = folder.path().join("tsdb");
    let _server = Server::start(&data, &["--config", config.to_str().expect("a path")]);
    let health = serde_json::json!({"ok": true, "status": "up", "bootstrapped": true});
    for address in [&node, &cluster] {
        assert_eq!(json(&format!("http://{address}/health")).await, health);
    }
    for path in ["bootstrapped", "bootstrappedinplacementornoplacement"] {
        let answer = get(&format!("http://{node}/{path}")).await;
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (200, "{}"),
            "{path}"
        );
    }
    let metrics = get(&format!("http://{debug}/metrics")).await;
    assert!(metrics.text().contains("tsdb_memory_budget_bytes"));
    assert_eq!(get(&format!("http://{node}/nothing")).await.status, 404);
}

#[test]
fn a_slip_ends_with_2_and_names_line_column_and_the_key_that_was_meant() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = file(
        folder.path(),
        "coordinator:\n  listenAddres: 0.0.0.0:7201\n",
    );
    for arguments in [&["config", "check"][..], &["config", "show"], &[]] {
        let output = run(&config, arguments, &[]);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let said = text(&output.stderr);
        let place = format!("{}:2:3: ", config.display());
        assert!(said.starts_with(&place), "{said}");
        assert!(said.contains("did you mean listenAddress?"), "{said}");
    }
    let output = run(&folder.path().join("none.yml"), &["config", "check"], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("none.yml"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_tsdb-server"));
    let output = command
        .args(["config", "check"])
        .output()
        .expect("it starts");
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(
        said.contains("--config is missing: it names the file to check"),
        "{said}"
    );
}

#[test]
fn check_lists_what_has_no_effect_and_show_says_who_decided() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = file(folder.path(), CLASSIC);
    let output = run(&config, &["config", "check"], &[]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(
        said.contains("gcPercentage: 100"),
        "the line itself: {said}"
    );
    assert!(said.contains("can be used; "), "{said}");

    let variables = [
        ("TSDB__COORDINATOR__LOGGING__LEVEL", "debug"),
        ("TSDB_MAX_SERIES", "7"),
    ];
    let arguments = ["--retention", "1y", "config", "show"];
    let said = text(&run(&config, &arguments, &variables).stdout);
    let row = |flag: &str| {
        let mut rows = said.lines();
        let row = rows.find(|row| row.split_whitespace().next() == Some(flag));
        let row = row.unwrap_or_else(|| panic!("{flag} is not in {said}"));
        row.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(row("retention"), "retention 1y flag");
    assert_eq!(
        row("max-series"),
        "max-series 7 environment, TSDB_MAX_SERIES"
    );
    assert!(row("log").starts_with("log debug environment, TSDB__COORDINATOR__LOGGING__LEVEL"));
    assert!(row("data-dir").starts_with("data-dir /var/lib/m3db/tsdb file, "));
    assert_eq!(row("log-cap"), "log-cap - default");
    assert!(
        said.contains("namespace default") && said.contains("kept for 2d"),
        "{said}"
    );
}
