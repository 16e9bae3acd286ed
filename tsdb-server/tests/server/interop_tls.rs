//! Real Prometheus over TLS with passwords and tokens.

use std::path::Path;

use crate::support::{Authority, Prometheus, Server, TlsClient, basic, program, wait_for};

/// Of "pw", made by htpasswd.
const HASH: &str = "$2y$05$8iZbkErG2.VCYbuaL1EtfOJAZpYU85B5qnZiLaVOfykoyD0AfOyAi";
const TOKEN: &str = "reader-token-0123456789";

fn start(folder: &Path) -> (Server, Authority) {
    let ca = Authority::new(folder, "ca");
    ca.sign(&["127.0.0.1"]);
    std::fs::write(folder.join("password"), "pw\n").expect("writing");
    std::fs::write(folder.join("token"), TOKEN).expect("writing");
    let text = format!(
        "tls_server_config: {{cert_file: 127.0.0.1.pem, key_file: 127.0.0.1.key}}\n\
         basic_auth_users: {{writer: '{HASH}'}}\n\
         access:\n\
         \x20 users: {{writer: {{scopes: [write]}}}}\n\
         \x20 bearer_tokens: [{{name: reader, token_file: token, scopes: [read]}}]\n"
    );
    let file = folder.join("web.yml");
    std::fs::write(&file, text).expect("writing");
    let arguments = ["--web-config-file", file.to_str().expect("a path")];
    (Server::start(&folder.join("server"), &arguments), ca)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_writes_with_a_password_and_reads_with_a_token() {
    let Some(prometheus) = program("prometheus", "prometheus") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let (server, ca) = start(folder.path());
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (api, ca_file) = (&server.api, ca.file.display());
    let sender = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
         remote_write:\n\
         - url: {api}/api/v1/write\n\
         \x20 basic_auth: {{username: writer, password_file: {password}}}\n\
         \x20 tls_config: {{ca_file: {ca_file}}}\n\
         \x20 queue_config: {{batch_send_deadline: 200ms}}\n\
         scrape_configs:\n\
         - job_name: self\n  static_configs: [{{targets: [\"SELF\"]}}]\n",
        password = at("password"),
    );
    let reader = format!(
        "remote_read:\n\
         - url: {api}/api/v1/read\n\
         \x20 read_recent: true\n\
         \x20 authorization: {{credentials_file: {token}}}\n\
         \x20 tls_config: {{ca_file: {ca_file}}}\n\
         scrape_configs:\n\
         - job_name: tsdb\n\
         \x20 scheme: https\n\
         \x20 scrape_interval: 1s\n\
         \x20 authorization: {{credentials_file: {token}}}\n\
         \x20 tls_config: {{ca_file: {ca_file}}}\n\
         \x20 static_configs: [{{targets: [\"{metrics}\"]}}]\n",
        token = at("token"),
        metrics = server
            .metrics
            .trim_start_matches("https://")
            .trim_end_matches("/metrics"),
    );
    let sender = Prometheus::start(&prometheus, &folder.path().join("a"), &sender).await;
    let reader = Prometheus::start(&prometheus, &folder.path().join("b"), &reader).await;
    let instant = wait_for("ten scrapes at the sender", 60, async || {
        let counted = sender.query("count_over_time(up[1m])", now()).await;
        let count: u32 = counted[0]["value"][1].as_str()?.parse().ok()?;
        (count >= 10).then(|| now().floor() - 3.0)
    })
    .await;
    let query = "sum by (job) (count_over_time(prometheus_http_requests_total{job=\"self\"}[5s]))";
    wait_for("the same answer through remote read", 60, async || {
        let expected = sender.query(query, instant).await;
        let found = reader.query(query, instant).await;
        let any = expected.as_array().is_some_and(|series| !series.is_empty());
        (any && found == expected).then_some(())
    })
    .await;
    // The server's own metrics are scraped over TLS with the token.
    wait_for("a scrape of the server", 60, async || {
        let up = reader.query("up{job=\"tsdb\"}", now()).await;
        (up[0]["value"][1] == "1").then_some(())
    })
    .await;
    let failed = "prometheus_remote_storage_samples_failed_total";
    assert_eq!(sender.metric(failed).await.unwrap_or(0.0), 0.0);
    // Neither may what the other may.
    let client = TlsClient::new(&ca.file, None);
    let (writer, token) = (basic("writer", "pw"), format!("Bearer {TOKEN}"));
    for (who, status) in [(writer.as_str(), 403), (token.as_str(), 200)] {
        let headers = [("authorization", who)];
        let answer = client.get(api, "/api/v1/labels", &headers).await;
        assert_eq!(answer.expect("an answer").status, status);
    }
}

/// Seconds since the epoch.
fn now() -> f64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970")
        .as_secs_f64()
}

/// The blocks of shell below a heading of the documentation.
fn shell_below(heading: &str) -> Vec<&'static str> {
    let text = include_str!("../../../docs/security.md");
    let below = text.split(heading).nth(1).expect("the heading");
    let section = below.split("\n## ").next().expect("a section");
    let blocks = section.split("```sh\n").skip(1);
    blocks
        .map(|block| block.split("```").next().expect("a block"))
        .collect()
}

fn run(script: &str, folder: &Path) -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_tsdb-server"));
    let binaries = binary.parent().expect("a folder").display();
    let inherited = std::env::var("PATH").unwrap_or_default();
    let output = std::process::Command::new("bash")
        .args(["-euo", "pipefail", "-c", script])
        .env("PATH", format!("{binaries}:{inherited}"))
        .current_dir(folder)
        .output()
        .expect("bash");
    let said =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert!(output.status.success(), "{script}\n{}", said.concat());
    said.concat()
}

#[test]
fn the_five_minutes_of_the_documentation_work_as_they_stand() {
    for (name, package) in [
        ("openssl", "openssl"),
        ("htpasswd", "apache2-utils"),
        ("curl", "curl"),
    ] {
        if program(name, package).is_none() {
            return;
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let blocks = shell_below("## TLS in five minutes");
    let [making, asking] = blocks.as_slice() else {
        panic!("{blocks:?}");
    };
    let said = run(making, folder);
    assert!(said.contains("web.yml: can be used"), "{said}");
    if let Some(promtool) = program("promtool", "prometheus") {
        run(
            &format!("{} check web-config web.yml", promtool.display()),
            folder,
        );
    }
    let file = folder.join("web.yml");
    let arguments = [
        "--enable-admin-api",
        "--web-config-file",
        file.to_str().expect("a path"),
    ];
    let server = Server::start(&folder.join("data"), &arguments);
    let asking = asking.replace("https://127.0.0.1:7201", &server.api);
    let said = run(&asking, folder);
    assert!(said.contains("\"status\":\"success\""), "{said}");
}
