//! The metrics, the dashboard and the alerts, as promtool and a real Prometheus take them.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tsdb_server::monitoring::{Alert, alerts, dashboard, rules};

use crate::cluster::{Member, write_for_sure};
use crate::cluster_ctl::done;
use crate::support::{
    Authority, Etcd, Prometheus, Server, get, json, post, program, series, wait_for, write_body,
};

/// Far in the future: such samples are refused.
const FUTURE_MS: i64 = 32_503_680_000_000;

/// A tenant with every limit, so that families of limits have samples.
const TENANTS: &str = "\
tsdb:
  tenants:
    - {name: a, maxSeries: 100, maxMemory: 64MiB, maxSamplesPerSecond: 10}
";

/// A bit of everything that is counted by label.
async fn load(server: &Server) {
    let good = write_body(vec![series(
        &[("__name__", "load")],
        &[(1_700_000_000_000, 0)],
    )]);
    let late = write_body(vec![series(&[("__name__", "load")], &[(FUTURE_MS, 0)])]);
    for body in [good, late] {
        let answer = crate::support::write_request(&server.api, body).await;
        assert!(answer.is_ok(), "{answer:?}");
    }
    let lines = "{\"metric\":{\"__name__\":\"up\"},\"values\":[1],\"timestamps\":[1000]}\nnonsense";
    post(&format!("{}/api/v1/import", server.api), &[], lines).await;
    get(&format!("{}/api/v1/export?match[]=up", server.api)).await;
    get(&format!("{}/api/v1/query?query=up", server.api)).await;
}

fn promtool(arguments: &[&str], input: &str) -> Option<Output> {
    let promtool = program("promtool", "prometheus")?;
    let mut child = Command::new(promtool)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    Some(child.wait_with_output().expect("it ends"))
}

fn said(output: &Output) -> String {
    let bytes = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn promtool_finds_nothing_wrong_with_the_metrics() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    load(&server).await;
    let page = get(&server.metrics).await.text();
    for name in [
        "tsdb_samples_rejected_total{",
        "tsdb_disk_free_bytes ",
        "tsdb_blocks{",
    ] {
        assert!(page.contains(name), "{name} is not in {page}");
    }
    let Some(checked) = promtool(&["check", "metrics"], &page) else {
        return;
    };
    assert_eq!(
        (checked.status.code(), said(&checked).as_str()),
        (Some(0), "")
    );
    let wrong = promtool(&["check", "metrics"], "# TYPE a counter\na 1\n").expect("promtool");
    assert_eq!(wrong.status.code(), Some(3), "{}", said(&wrong));
}

/// Every expression of the dashboard as Grafana would send it.
fn shown() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&dashboard()).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    let targets = panels.filter_map(|panel| panel["targets"].as_array());
    let expressions = targets.flatten().map(|target| {
        let text = target["expr"].as_str().expect("an expression");
        text.replace("$__rate_interval", "5s")
            .replace("$job", "tsdb.*")
            .replace("$instance", ".+")
    });
    expressions.collect()
}

/// How many series an expression gives at this moment.
async fn count(prometheus: &Prometheus, expression: &str) -> usize {
    let query: String = form_urlencoded::byte_serialize(expression.as_bytes()).collect();
    let answer = json(&format!("{}/api/v1/query?query={query}", prometheus.url)).await;
    assert_eq!(answer["status"], "success", "{expression}: {answer}");
    answer["data"]["result"].as_array().map_or(0, Vec::len)
}

async fn wait_for_data(prometheus: &Prometheus, servers: &[&Server], expression: &str) {
    wait_for(expression, 60, async || {
        if count(prometheus, expression).await > 0 {
            return Some(());
        }
        for server in servers {
            load(server).await;
        }
        None
    })
    .await;
}

/// A server that is all of a cluster.
async fn clustered(folder: &Path) -> Option<(Etcd, Member)> {
    let etcd = Etcd::start(folder).await?;
    let mut member = Member::new("n1", &etcd);
    member.start(folder);
    let spec = format!("id=n1,endpoint={},group=a", member.endpoint);
    let init = ["placement", "init", "--replicas", "1", "--node", &spec];
    done(&member, &[init.as_slice(), &["--wait"]].concat());
    write_for_sure(member.api(), 0).await;
    Some((etcd, member))
}

/// Waits until every rule was evaluated without an error, and the full server is told of.
async fn rules_are_evaluated(prometheus: &Prometheus) {
    let of_rules = format!("{}/api/v1/rules", prometheus.url);
    wait_for("every rule to be evaluated", 30, async || {
        let answer = json(&of_rules).await;
        let rules = answer["data"]["groups"][0]["rules"].as_array()?.clone();
        assert_eq!(rules.len(), alerts().len(), "{answer}");
        let health: Vec<_> = rules.iter().map(|rule| &rule["health"]).collect();
        assert!(!health.iter().any(|health| **health == "err"), "{answer}");
        let is_pending = |name: &str| {
            let mut rules = rules.iter();
            let rule = rules.find(|rule| rule["name"] == name);
            rule.is_some_and(|rule| rule["state"] == "pending")
        };
        let all = health.iter().all(|health| **health == "ok");
        (all && is_pending("TsdbNotReady") && is_pending("TsdbWritesRefused")).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_expression_gives_data_in_a_real_prometheus() {
    let Some(prometheus) = program("prometheus", "prometheus") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let settings = folder.path().join("tsdb.yml");
    std::fs::write(&settings, TENANTS).expect("a file");
    let settings = settings.to_str().expect("a path");
    let server = Server::start(&folder.path().join("a"), &["--config", settings]);
    // It turns writes away, which the first does not.
    let full = Server::start(&folder.path().join("b"), &["--disk-high-water", "0"]);
    // It has certificates.
    let ca = Authority::new(folder.path(), "ca");
    let signed = ca.sign(&["127.0.0.1"]);
    let web = folder.path().join("web.yml");
    let text = format!(
        "tls_server_config: {{cert_file: '{}', key_file: '{}'}}\n",
        signed.certificate.display(),
        signed.key.display()
    );
    std::fs::write(&web, text).expect("a file");
    let web = ["--web-config-file", web.to_str().expect("a path")];
    let secure = Server::start(&folder.path().join("c"), &web);
    let Some((_etcd, member)) = clustered(folder.path()).await else {
        return;
    };
    let clustered = member.server.as_ref().expect("it runs");
    let file = folder.path().join("alerts.yml");
    std::fs::write(&file, rules("runbook")).expect("a file");
    let address = |server: &Server| {
        let (_, address) = server.metrics.split_once("//").expect("a URL");
        address.trim_end_matches("/metrics").to_owned()
    };
    let targets = [&server, &full, clustered].map(|server| format!("\"{}\"", address(server)));
    let config = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\n\
         rule_files: [{}]\n\
         scrape_configs:\n- job_name: tsdb\n  static_configs: [{{targets: [{}]}}]\n\
         - job_name: tsdb-tls\n  scheme: https\n  tls_config: {{ca_file: '{}'}}\n  static_configs: [{{targets: [\"{}\"]}}]\n",
        file.display(),
        targets.join(","),
        ca.file.display(),
        address(&secure)
    );
    let prometheus = Prometheus::start(&prometheus, &folder.path().join("p"), &config).await;
    let measures = alerts().iter().map(|alert| alert.measure.to_owned());
    let expressions: Vec<String> = shown().into_iter().chain(measures).collect();
    assert!(expressions.len() > 100, "{}", expressions.len());
    for expression in &expressions {
        wait_for_data(&prometheus, &[&server, &full], expression).await;
    }
    rules_are_evaluated(&prometheus).await;
}

/// Series for one alert: those that raise it, and those that do not.
struct Case {
    alert: &'static str,
    raising: &'static [(&'static str, &'static str)],
    quiet: &'static [(&'static str, &'static str)],
    /// Labels beside `job` and `instance`.
    labels: &'static [(&'static str, &'static str)],
    /// The value as the description shows it.
    value: &'static str,
}

const GROWS_ONCE: &str = "0+0x10 1+0x600";
const STAYS: &str = "7+0x600";

const fn case(
    alert: &'static str,
    raising: &'static [(&'static str, &'static str)],
    quiet: &'static [(&'static str, &'static str)],
    value: &'static str,
) -> Case {
    Case {
        alert,
        raising,
        quiet,
        labels: &[],
        value,
    }
}

const CASES: &[Case] = &[
    case(
        "TsdbDown",
        &[
            ("up{}", "1+0x5 0+0x600"),
            ("tsdb_build_info{version=\"1\"}", "1+0x5 _x600"),
        ],
        &[
            ("up{}", "1+0x600"),
            ("up{of=\"another\"}", "0+0x600"),
            ("tsdb_build_info{version=\"1\"}", "1+0x600"),
        ],
        "",
    ),
    case(
        "TsdbNotReady",
        &[("tsdb_ready{}", "0+0x600")],
        &[("tsdb_ready{}", "0+0x475 1+0x600")],
        "",
    ),
    case(
        "TsdbPoisoned",
        &[("tsdb_poisoned{}", "1+0x600")],
        &[("tsdb_poisoned{}", "0+0x600")],
        "",
    ),
    Case {
        alert: "TsdbWritesRefused",
        raising: &[(
            "tsdb_http_requests_total{route=\"/api/v1/prom/remote/write\",code=\"503\"}",
            "0+60x600",
        )],
        quiet: &[
            (
                "tsdb_http_requests_total{route=\"/api/v1/write\",code=\"503\"}",
                STAYS,
            ),
            (
                "tsdb_http_requests_total{route=\"/api/v1/write\",code=\"400\"}",
                "0+60x600",
            ),
            (
                "tsdb_http_requests_total{route=\"/ready\",code=\"503\"}",
                "0+60x600",
            ),
        ],
        labels: &[("code", "503")],
        value: "1",
    },
    case(
        "TsdbClusterWritesBelowLevel",
        &[("tsdb_cluster_writes_below_level_total{}", "0+60x600")],
        &[("tsdb_cluster_writes_below_level_total{}", GROWS_ONCE)],
        "300",
    ),
    case(
        "TsdbFilesRefused",
        &[("tsdb_files_refused_total{}", "0+0x440 1+0x600")],
        &[("tsdb_files_refused_total{}", GROWS_ONCE)],
        "",
    ),
    case(
        "TsdbDiskNearFull",
        &[
            ("tsdb_disk_free_bytes{}", "181+0x600"),
            ("tsdb_disk_size_bytes{}", "1000+0x600"),
            ("tsdb_disk_high_water_ratio{}", "0.9+0x600"),
        ],
        &[
            ("tsdb_disk_free_bytes{}", "200+0x600"),
            ("tsdb_disk_size_bytes{}", "1000+0x600"),
            ("tsdb_disk_high_water_ratio{}", "0.9+0x600"),
        ],
        "91%",
    ),
    case(
        "TsdbDiskFillsInADay",
        &[
            ("tsdb_disk_free_bytes{}", "20000-10x600"),
            ("tsdb_disk_size_bytes{}", "100000+0x600"),
            ("tsdb_disk_high_water_ratio{}", "0.9+0x600"),
        ],
        &[
            ("tsdb_disk_free_bytes{}", "20000-1x600"),
            ("tsdb_disk_size_bytes{}", "100000+0x600"),
            ("tsdb_disk_high_water_ratio{}", "0.9+0x600"),
        ],
        "",
    ),
    case(
        "TsdbMemoryNearBudget",
        &[
            ("tsdb_memory_bytes{use=\"series\"}", "600+0x600"),
            ("tsdb_memory_bytes{use=\"buffers\"}", "350+0x600"),
            ("tsdb_memory_budget_bytes{}", "1000+0x600"),
        ],
        &[
            ("tsdb_memory_bytes{use=\"series\"}", "600+0x600"),
            ("tsdb_memory_bytes{use=\"buffers\"}", "300+0x600"),
            ("tsdb_memory_budget_bytes{}", "1000+0x600"),
        ],
        "95%",
    ),
    Case {
        alert: "TsdbSamplesRejected",
        raising: &[(
            "tsdb_samples_rejected_total{source=\"remote_write\",reason=\"series_limit\"}",
            "0+60x600",
        )],
        quiet: &[(
            "tsdb_samples_rejected_total{source=\"remote_write\",reason=\"series_limit\"}",
            STAYS,
        )],
        labels: &[("reason", "series_limit"), ("source", "remote_write")],
        value: "1",
    },
    Case {
        alert: "TsdbTenantTooFast",
        raising: &[("tsdb_tenant_writes_refused_total{tenant=\"b\"}", "0+60x600")],
        quiet: &[("tsdb_tenant_writes_refused_total{tenant=\"b\"}", STAYS)],
        labels: &[("tenant", "b")],
        value: "1",
    },
    case(
        "TsdbWriteQueueNearLimit",
        &[
            ("tsdb_write_queue_length{}", "900+0x600"),
            ("tsdb_write_queue_limit{}", "1000+0x600"),
        ],
        &[
            ("tsdb_write_queue_length{}", "800+0x600"),
            ("tsdb_write_queue_limit{}", "1000+0x600"),
        ],
        "90%",
    ),
    case(
        "TsdbLogBacklog",
        &[("tsdb_generations_unflushed{}", "2+0x600")],
        &[("tsdb_generations_unflushed{}", "1+0x600")],
        "2",
    ),
    case(
        "TsdbMaintenanceFails",
        &[("tsdb_maintenance_failures_total{}", "0+1x600")],
        &[("tsdb_maintenance_failures_total{}", STAYS)],
        "15",
    ),
    case(
        "TsdbReopened",
        &[("tsdb_reopenings_total{}", "0+0x440 1+0x600")],
        &[("tsdb_reopenings_total{}", GROWS_ONCE)],
        "",
    ),
    case(
        "TsdbClockSuspended",
        &[("tsdb_clock_suspended{}", "1+0x600")],
        &[("tsdb_clock_suspended{}", "0+0x470 1+0x600")],
        "",
    ),
    case(
        "TsdbQueriesRefused",
        &[("tsdb_readers_refused_total{}", "0+1x600")],
        &[("tsdb_readers_refused_total{}", STAYS)],
        "15",
    ),
    Case {
        alert: "TsdbCertificateExpires",
        raising: &[(
            "tsdb_certificate_expiry_seconds{use=\"server\"}",
            "892800+0x600",
        )],
        quiet: &[(
            "tsdb_certificate_expiry_seconds{use=\"server\"}",
            "1299000+0x600",
        )],
        labels: &[("use", "server")],
        value: "10",
    },
    case(
        "TsdbWebConfigWrong",
        &[("tsdb_web_config_reload_failures_total{}", "0+0x440 1+0x600")],
        &[("tsdb_web_config_reload_failures_total{}", GROWS_ONCE)],
        "",
    ),
    case(
        "TsdbPasswordsGuessed",
        &[("tsdb_requests_refused_total{reason=\"wrong\"}", "0+120x600")],
        &[
            ("tsdb_requests_refused_total{reason=\"wrong\"}", "0+30x600"),
            (
                "tsdb_requests_refused_total{reason=\"missing\"}",
                "0+120x600",
            ),
        ],
        "2",
    ),
    case(
        "TsdbPanics",
        &[("tsdb_panics_total{}", "0+0x440 1+0x600")],
        &[("tsdb_panics_total{}", GROWS_ONCE)],
        "",
    ),
    Case {
        alert: "TsdbClusterNodeUnreachable",
        raising: &[(
            "tsdb_cluster_node_unreachable_seconds{node=\"n3\"}",
            "0+0x470 180+0x600",
        )],
        quiet: &[(
            "tsdb_cluster_node_unreachable_seconds{node=\"n3\"}",
            "60+0x600",
        )],
        labels: &[("node", "n3")],
        value: "3m 0s",
    },
    Case {
        alert: "TsdbClusterCircuitOpen",
        raising: &[(
            "tsdb_cluster_circuit_open{node=\"n3\",way=\"writes\"}",
            "1+0x600",
        )],
        quiet: &[(
            "tsdb_cluster_circuit_open{node=\"n3\",way=\"writes\"}",
            "1 0 0 1 0 1 0 0x600",
        )],
        labels: &[("node", "n3"), ("way", "writes")],
        value: "",
    },
    case(
        "TsdbClusterDiverges",
        &[("tsdb_cluster_divergence_windows{}", STAYS)],
        &[("tsdb_cluster_divergence_windows{}", "0+0x478 7+0x600")],
        "7",
    ),
];

/// A text as YAML has it between single quotes.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A template with its labels and its value filled in.
fn expanded(template: &str, case: &Case) -> String {
    let mut text = template.replace("{{ $labels.instance }}", "db:7203");
    for (name, value) in case.labels {
        text = text.replace(&format!("{{{{ $labels.{name} }}}}"), value);
    }
    while let Some((before, rest)) = text.split_once("{{ $value") {
        let (_, after) = rest.split_once("}}").expect("its end");
        text = format!("{before}{}{after}", case.value);
    }
    text
}

/// A test of promtool's: the alert is raised by the series after 8 hours, or it is not.
fn unit_test(alert: &Alert, case: &Case, is_raised: bool) -> String {
    let mut text = "- interval: 1m\n  input_series:\n".to_owned();
    let all = if is_raised { case.raising } else { case.quiet };
    for (series, values) in all {
        let of = match series.contains("of=") {
            true => "job=\"another\",instance=\"db:9\"",
            false => "job=\"tsdb\",instance=\"db:7203\"",
        };
        let series = series.replace('{', &format!("{{{of},")).replace(",}", "}");
        let (series, values) = (quoted(&series), quoted(values));
        writeln!(text, "  - {{series: {series}, values: {values}}}").expect("a String");
    }
    let name = alert.name;
    let rule = format!("  alert_rule_test:\n  - eval_time: 8h\n    alertname: {name}\n");
    text.push_str(&rule);
    if !is_raised {
        return text + "    exp_alerts: []\n";
    }
    let severity = alert.severity.name();
    let mut labels = format!("severity: {severity}, job: tsdb, instance: 'db:7203'");
    for (name, value) in case.labels {
        write!(labels, ", {name}: {}", quoted(value)).expect("a String");
    }
    let summary = quoted(&expanded(alert.summary, case));
    let description = quoted(&expanded(alert.description, case));
    let runbook = format!("runbook#{}", name.to_ascii_lowercase());
    text + &format!(
        "    exp_alerts:\n    - exp_labels: {{{labels}}}\n      exp_annotations:\n        \
         summary: {summary}\n        description: {description}\n        runbook_url: {runbook}\n"
    )
}

fn write_tests(folder: &Path) -> String {
    let file = folder.join("alerts.yml");
    std::fs::write(&file, rules("runbook")).expect("a file");
    let mut tests = format!(
        "rule_files: [{}]\nevaluation_interval: 5m\ntests:\n",
        file.display()
    );
    for alert in alerts() {
        let case = CASES.iter().find(|case| case.alert == alert.name);
        let case = case.unwrap_or_else(|| panic!("{} is not tried", alert.name));
        for raised in [true, false] {
            tests.push_str(&unit_test(alert, case, raised));
        }
    }
    let path = folder.join("tests.yml");
    std::fs::write(&path, tests).expect("a file");
    path.to_str().expect("a path").to_owned()
}

#[test]
fn promtool_takes_the_rules_and_each_alert_is_raised_when_it_should_be_and_not_otherwise() {
    let folder = tempfile::tempdir().expect("a folder");
    let tests = write_tests(folder.path());
    let rules = folder.path().join("alerts.yml");
    let rules = rules.to_str().expect("a path");
    let Some(checked) = promtool(&["check", "rules", rules], "") else {
        return;
    };
    let found = format!("{} rules found", alerts().len());
    assert!(said(&checked).contains(&found), "{}", said(&checked));
    assert!(checked.status.success());
    let tried = promtool(&["test", "rules", &tests], "").expect("promtool");
    assert!(tried.status.success(), "{}", said(&tried));
    assert!(said(&tried).contains("SUCCESS"), "{}", said(&tried));
}
