//! Real Prometheus and vmagent send; real Prometheus reads back.

use std::path::Path;

use crate::support::{
    Process, Prometheus, Server, free_port, get, json, program, request, wait_for,
};

/// Instant queries whose answers must be equal at the sender and through remote read.
const QUERIES: [&str; 16] = [
    "up",
    "sum(up)",
    "count({__name__=~\".+\"})",
    "count by (__name__) ({job=\"node\"})",
    "node_memory_MemTotal_bytes",
    "sum by (mode) (rate(node_cpu_seconds_total[5s]))",
    "max_over_time(go_goroutines[8s])",
    "avg_over_time(scrape_duration_seconds[8s])",
    "histogram_quantile(0.9, sum by (le, handler) (rate(prometheus_http_request_duration_seconds_bucket[8s])))",
    "topk(3, node_filesystem_size_bytes)",
    "{__name__=~\"node_network_(receive|transmit)_bytes_total\", device!~\"lo.*\"}",
    "count_over_time(up[8s])",
    "stddev_over_time(process_resident_memory_bytes[8s])",
    "absent(up{job=\"none\"})",
    "go_gc_duration_seconds",
    "changes(node_load1[8s]) + on (instance) group_left () (up{job=\"node\"} * 0)",
];

async fn node_exporter() -> Option<(Process, String)> {
    let exporter = program("prometheus-node-exporter", "prometheus-node-exporter")?;
    let address = format!("127.0.0.1:{}", free_port());
    let process = Process::start(exporter, &[format!("--web.listen-address={address}")]);
    let url = format!("http://{address}/metrics");
    wait_for("node_exporter", 30, async || {
        request(http::Method::GET, &url, &[], "").await.ok()
    })
    .await;
    Some((process, address))
}

fn sender_config(server: &Server, scrapes: &str) -> String {
    format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
         remote_write:\n\
         - url: {}/api/v1/prom/remote/write\n\
         \x20 queue_config: {{batch_send_deadline: 200ms}}\n\
         \x20 metadata_config: {{send_interval: 1s}}\n\
         scrape_configs:\n{scrapes}",
        server.api
    )
}

fn scrape(job: &str, target: &str) -> String {
    format!("- job_name: {job}\n  static_configs: [{{targets: [\"{target}\"]}}]\n")
}

async fn reader(prometheus: &Path, folder: &Path, server: &Server) -> Prometheus {
    let config = format!(
        "remote_read:\n- url: {}/api/v1/prom/remote/read\n  read_recent: true\n",
        server.api
    );
    Prometheus::start(prometheus, folder, &config).await
}

/// The latest time of `up` of a job at the server, in seconds.
async fn newest(server: &Server, job: &str) -> Option<f64> {
    let lines = crate::support::exported(server, &format!("up{{job=\"{job}\"}}")).await;
    let (_, samples) = lines.first()?;
    samples.last().map(|(ms, _)| *ms as f64 / 1000.0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_writes_to_us_and_reads_the_same_back() {
    let Some(prometheus) = program("prometheus", "prometheus") else {
        return;
    };
    let Some((mut exporter, target)) = node_exporter().await else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("server"), &[]);
    let both = format!(
        "{}{}",
        scrape("node", &target),
        scrape("prometheus", "SELF")
    );
    let sender = Prometheus::start(
        &prometheus,
        &folder.path().join("a"),
        &sender_config(&server, &both),
    )
    .await;
    let reader = reader(&prometheus, &folder.path().join("b"), &server).await;

    let scrapes = async || {
        sender.query("min(count_over_time(up[1m]))", now()).await[0]["value"][1]
            .as_str()?
            .parse()
            .ok()
    };
    wait_for("ten scrapes of both targets", 60, async || {
        scrapes().await.filter(|count: &u32| *count >= 10)
    })
    .await;
    let instant = now().floor();
    wait_for("samples behind the instant", 30, async || {
        let behind = newest(&server, "node").await? > instant
            && newest(&server, "prometheus").await? > instant;
        behind.then_some(())
    })
    .await;
    equal_answers(&sender, &reader, instant).await;
    metadata_is_served(&server).await;

    exporter.kill();
    stale_markers_end_series(&sender, &reader, &server).await;
    sent_is_stored(&sender, &server).await;
    same_names(&sender, &server).await;
}

async fn equal_answers(sender: &Prometheus, reader: &Prometheus, instant: f64) {
    for query in QUERIES {
        let expected = sender.query(query, instant).await;
        let any = expected.as_array().is_some_and(|series| !series.is_empty());
        assert!(any, "{query} finds nothing at the sender");
        // Shards of a sender overtake each other, so that a sample may still be on its way.
        wait_for(&format!("equal answers to {query}"), 20, async || {
            (reader.query(query, instant).await == expected).then_some(())
        })
        .await;
    }
    for query in [
        "up",
        "sum by (job) (rate(process_cpu_seconds_total[5s]))",
        "node_load1 > 0",
    ] {
        let expected = sender.query_range(query, instant - 8.0, instant, 1.0).await;
        let actual = reader.query_range(query, instant - 8.0, instant, 1.0).await;
        assert_eq!(actual, expected, "{query}");
    }
}

async fn stale_markers_end_series(sender: &Prometheus, reader: &Prometheus, server: &Server) {
    // A target that goes away leaves stale markers, which end its series at once on both sides.
    let gone = async || {
        sender
            .query("node_load1", now())
            .await
            .as_array()?
            .is_empty()
            .then(now)
    };
    let after = wait_for("the sender to notice", 30, gone).await;
    wait_for("stale markers at the reader", 30, async || {
        reader
            .query("node_load1", after)
            .await
            .as_array()?
            .is_empty()
            .then_some(())
    })
    .await;
    let load = &crate::support::exported(server, "node_load1").await[0].1;
    assert_eq!(
        load.last().map(|sample| sample.1),
        Some(0x7ff0_0000_0000_0002),
        "the last value is no stale marker"
    );
}

async fn metadata_is_served(server: &Server) {
    let entry = wait_for("metadata", 30, async || {
        let all = json(&format!(
            "{}/api/v1/metadata?metric=go_goroutines",
            server.api
        ))
        .await;
        all["data"]["go_goroutines"].get(0).cloned()
    })
    .await;
    assert_eq!(entry["type"], "gauge");
    assert_eq!(entry["help"], "Number of goroutines that currently exist.");
}

/// Lets the sender run dry, then compares its own figures with ours.
async fn sent_is_stored(sender: &Prometheus, server: &Server) {
    sender
        .reload(&sender_config(server, "[]").replace("scrape_configs:\n[]", "scrape_configs: []\n"))
        .await;
    let figures = wait_for("the sender to run dry", 60, async || {
        let sent = sender
            .metric("prometheus_remote_storage_samples_total")
            .await?;
        let pending = sender
            .metric("prometheus_remote_storage_samples_pending")
            .await?;
        let taken = sender
            .metric("prometheus_remote_storage_samples_in_total")
            .await?;
        let stored = server.metric("tsdb_samples_stored_total").await;
        (pending == 0.0 && sent == taken && sent == stored).then_some((sent, stored))
    })
    .await;
    assert!(figures.0 > 5000.0, "only {} samples were sent", figures.0);
    for kind in ["samples", "exemplars", "histograms", "metadata"] {
        for fate in ["failed", "dropped", "retried"] {
            let name = format!("prometheus_remote_storage_{kind}_{fate}_total");
            assert_eq!(sender.metric(&name).await.unwrap_or(0.0), 0.0, "{name}");
        }
    }
    assert_eq!(server.metric("tsdb_samples_rejected_total").await, 0.0);
    assert_eq!(server.metric("tsdb_metadata_rejected_total").await, 0.0);
    assert!(server.metric("tsdb_metadata_stored_total").await > 0.0);
}

async fn same_names(sender: &Prometheus, server: &Server) {
    for list in [
        "labels",
        "label/__name__/values",
        "label/job/values",
        "series?match[]=up",
        "series?match[]=%7Bjob%3D%22node%22%7D",
    ] {
        let (theirs, ours) = (
            json(&format!("{}/api/v1/{list}", sender.url)).await,
            json(&format!("{}/api/v1/{list}", server.api)).await,
        );
        let sorted = |answer: &serde_json::Value| {
            let mut items: Vec<String> = answer["data"]
                .as_array()
                .expect("a list")
                .iter()
                .map(ToString::to_string)
                .collect();
            items.sort();
            items
        };
        assert_eq!(sorted(&ours), sorted(&theirs), "{list}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vmagent_writes_to_us() {
    let Some(vmagent) = program("vmagent", "victoria-metrics") else {
        return;
    };
    let Some((_exporter, target)) = node_exporter().await else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("server"), &[]);
    let config = folder.path().join("scrape.yml");
    std::fs::write(
        &config,
        format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs:\n{}",
            scrape("node", &target)
        ),
    )
    .expect("a file");
    let address = format!("127.0.0.1:{}", free_port());
    let arguments = [
        format!("-promscrape.config={}", config.display()),
        format!("-remoteWrite.url={}/api/v1/write", server.api),
        format!(
            "-remoteWrite.tmpDataPath={}",
            folder.path().join("queue").display()
        ),
        "-remoteWrite.flushInterval=200ms".to_owned(),
        format!("-httpListenAddr={address}"),
    ];
    let mut agent = Process::start(vmagent, &arguments);
    wait_for("five scrapes by vmagent", 60, async || {
        let lines = crate::support::exported(&server, "up{job=\"node\"}").await;
        (lines.first()?.1.len() >= 5).then_some(())
    })
    .await;
    assert!(agent.is_running(), "{}", agent.log());
    let up = &crate::support::exported(&server, "up{job=\"node\"}").await[0].1;
    assert!(
        up.iter().all(|(_, bits)| *bits == 1.0_f64.to_bits()),
        "{up:?}"
    );
    nothing_failed(&address).await;
    // On SIGTERM it sends what is left, so that both counts come to rest.
    agent.signal(rustix::process::Signal::TERM);
    assert!(
        agent
            .ended(std::time::Duration::from_secs(30))
            .await
            .success(),
        "{}",
        agent.log()
    );
    let stored = crate::support::stored(&server).await;
    assert!(stored > 1000, "only {stored} samples came");
    assert_eq!(
        server.metric("tsdb_samples_stored_total").await,
        stored as f64,
        "a sample came twice or not at all"
    );
    assert_eq!(server.metric("tsdb_samples_rejected_total").await, 0.0);
}

/// By the agent's own metrics.
async fn nothing_failed(address: &str) {
    let metrics = get(&format!("http://{address}/metrics")).await.text();
    for line in metrics
        .lines()
        .filter(|line| line.starts_with("vmagent_remotewrite_"))
    {
        let (name, value) = line.rsplit_once(' ').expect("a sample");
        let bad = [
            "_packets_dropped_total",
            "_errors_total",
            "_retries_count_total",
            "status_code=\"4",
            "status_code=\"5",
        ];
        assert!(
            !bad.iter().any(|bad| name.contains(bad)) || value == "0",
            "{line}"
        );
    }
}

/// Seconds since the epoch.
fn now() -> f64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970")
        .as_secs_f64()
}
