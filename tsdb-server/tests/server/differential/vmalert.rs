//! vmalert evaluates its rules here, and writes what they give here.

use crate::support::{
    Process, Server, free_port, json, program, series, wait_for, write_body, write_request,
};

const RULES: &str = "
groups:
- name: jobs
  interval: 1s
  rules:
  - {record: 'job:doors:sum', expr: 'sum by (job) (doors)', labels: {of: rules}}
  - {alert: ManyDoors, expr: 'doors > 3', labels: {severity: page}}
";

/// The value of a query now, of its only series.
async fn value(server: &Server, query: &str) -> Option<String> {
    let query: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
    let answer = json(&format!("{}/api/v1/query?query={query}", server.api)).await;
    let result = answer["data"]["result"].as_array()?;
    assert!(result.len() < 2, "{answer}");
    Some(result.first()?["value"][1].as_str()?.to_owned())
}

#[tokio::test]
async fn vmalert_reads_its_rules_data_here_and_writes_their_results_here() {
    let Some(program) = program("vmalert", "victoria-metrics") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("data"), &[]);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = i64::try_from(now.expect("a time").as_millis()).expect("a time");
    let door = |room: &str, doors: f64| {
        let labels = [("__name__", "doors"), ("job", "house"), ("room", room)];
        series(&labels, &[(now - 60_000, doors.to_bits())])
    };
    let body = write_body(vec![door("hall", 4.0), door("attic", 1.5)]);
    let written = write_request(&server.api, body).await.expect("an answer");
    assert_eq!(written.status, 204, "{}", written.text());

    let rules = folder.path().join("rules.yml");
    std::fs::write(&rules, RULES).expect("a file");
    // It insists on being told of an Alertmanager; nothing listens there.
    let arguments = [
        format!("-rule={}", rules.display()),
        format!("-datasource.url={}", server.api),
        format!("-remoteWrite.url={}", server.api),
        format!("-remoteRead.url={}", server.api),
        "-remoteWrite.flushInterval=200ms".to_owned(),
        format!("-notifier.url=http://127.0.0.1:{}", free_port()),
        "-evaluationInterval=1s".to_owned(),
        format!("-httpListenAddr=127.0.0.1:{}", free_port()),
    ];
    let mut process = Process::start(&program, &arguments);
    let read_back = wait_for("results of rules", 60, async || {
        let sum = value(&server, "job:doors:sum{job=\"house\",of=\"rules\"}").await?;
        let alert = "ALERTS{alertname=\"ManyDoors\",alertstate=\"firing\",room=\"hall\"}";
        Some((sum, value(&server, alert).await?))
    })
    .await;
    assert_eq!(read_back, ("5.5".to_owned(), "1".to_owned()));
    assert!(process.is_running(), "{}", process.log());
}
