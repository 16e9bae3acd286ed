//! The manifests of `deploy/kustomize`, as kubectl and the server take them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::{Server, found, free_port, get};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/kustomize")
}

/// What kubectl makes of a folder, by kind and name; `None` where there is no kubectl.
fn built(what: &str) -> Option<BTreeMap<(String, String), Value>> {
    let Some(kubectl) = found("kubectl") else {
        eprintln!("SKIPPED: kubectl is not installed, so nobody builds deploy/kustomize/{what}");
        return None;
    };
    let output = Command::new(kubectl)
        .arg("kustomize")
        .arg(folder().join(what))
        .output();
    let output = output.expect("kubectl starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let all = text.split("\n---\n").map(|one| {
        let one: Value = serde_saphyr::from_str(one).expect("YAML");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        ((text(&one["kind"]), text(&one["metadata"]["name"])), one)
    });
    Some(all.collect())
}

fn pod(of: &Value) -> &Value {
    &of["spec"]["template"]["spec"]
}

/// Path and port of each probe of a pod, the port as the container names it.
fn probes(of: &Value) -> Vec<(String, u64)> {
    let container = &pod(of)["containers"][0];
    let ports = container["ports"].as_array().expect("ports");
    let probes = ["startupProbe", "readinessProbe", "livenessProbe"].iter();
    let probes = probes.filter_map(|name| container.get(name)).map(|probe| {
        let get = &probe["httpGet"];
        let port = ports.iter().find(|port| port["name"] == get["port"]);
        let port = port.expect("a port of the container")["containerPort"].as_u64();
        let path = get["path"].as_str().expect("a path").to_owned();
        (path, port.expect("a number"))
    });
    probes.collect()
}

#[test]
fn kubectl_builds_a_node_for_each_group_coordinators_and_what_belongs_to_them() {
    let Some(built) = built("base") else {
        return;
    };
    let get = |kind: &str, name: &str| {
        let found = built.get(&(kind.to_owned(), name.to_owned()));
        found.unwrap_or_else(|| panic!("no {kind} {name} in {:?}", built.keys()))
    };
    let mut settings = Vec::new();
    for group in ["a", "b", "c"] {
        let set = get("StatefulSet", &format!("tsdb-node-{group}"));
        let labels = &set["spec"]["selector"]["matchLabels"];
        // Each set takes its own pods, and all of them are one for their budget and their service.
        assert_eq!(labels["tsdb/isolation-group"], group);
        assert_eq!(set["spec"]["template"]["metadata"]["labels"], *labels);
        assert_eq!(set["spec"]["updateStrategy"]["type"], "OnDelete");
        assert_eq!(set["spec"]["serviceName"], "tsdb-node");
        let port = |path: &str| (path.to_owned(), 9002);
        let wanted = [
            port("/bootstrapped"),
            port("/bootstrapped"),
            port("/health"),
        ];
        assert_eq!(probes(set), wanted);
        settings.push(&pod(set)["volumes"][0]["configMap"]["name"]);
    }
    let coordinator = get("Deployment", "tsdb-coordinator");
    let wanted = [("/ready".to_owned(), 7201), ("/health".to_owned(), 7201)];
    assert_eq!(probes(coordinator), wanted);
    settings.push(&pod(coordinator)["volumes"][0]["configMap"]["name"]);
    for name in settings {
        let map = get("ConfigMap", name.as_str().expect("a name"));
        assert!(map["data"]["tsdb.yml"].is_string(), "{map}");
    }
    for name in ["tsdb-node", "tsdb-coordinator"] {
        let chosen = |kind: &str, at: &str| {
            get(kind, name).pointer(at).expect("a selector")["app.kubernetes.io/name"].clone()
        };
        assert_eq!(chosen("Service", "/spec/selector"), name);
        assert_eq!(
            chosen("PodDisruptionBudget", "/spec/selector/matchLabels"),
            name
        );
        assert_eq!(
            get("PodDisruptionBudget", name)["spec"]["maxUnavailable"],
            1
        );
    }
    assert_eq!(
        get("Service", "tsdb-node")["spec"]["publishNotReadyAddresses"],
        true
    );
    assert_eq!(built.len(), 10);
}

#[test]
fn certificates_are_mounted_at_every_server() {
    let Some(built) = built("overlays/tls") else {
        return;
    };
    let servers = built.values().filter(|one| pod(one).is_object());
    let mut count = 0;
    for server in servers {
        let container = &pod(server)["containers"][0];
        let arguments = container["args"].to_string();
        for part in [
            "cert-file=/etc/tsdb-rpc-tls/tls.crt",
            "key-file=/etc/tsdb-rpc-tls/tls.key",
            "ca-file=/etc/tsdb-rpc-tls/ca.crt",
        ] {
            assert!(
                arguments.contains(&format!("--rpc-tls-{part}")),
                "{arguments}"
            );
        }
        let mounts = container["volumeMounts"].as_array().expect("mounts");
        assert!(
            mounts
                .iter()
                .any(|one| one["mountPath"] == "/etc/tsdb-rpc-tls"),
            "{mounts:?}"
        );
        count += 1;
    }
    assert_eq!(count, 4);
}

#[test]
fn the_settings_are_those_of_a_node_and_of_a_coordinator() {
    for name in ["node.yml", "coordinator.yml"] {
        let output = Command::new(env!("CARGO_BIN_EXE_tsdb-server"))
            .args(["config", "check", "--config"])
            .arg(folder().join("base").join(name))
            .env("POD_NAME", "tsdb-node-a-0")
            .output()
            .expect("the server's own binary");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {said}");
    }
}

#[tokio::test]
async fn what_probes_ask_for_is_answered() {
    let data = tempfile::tempdir().expect("a folder");
    let node = format!("127.0.0.1:{}", free_port());
    let server = Server::start(data.path(), &["--node-listen", &node]);
    let of_node = ["/bootstrapped", "/health"].map(|path| format!("http://{node}{path}"));
    let of_coordinator = ["/ready", "/health"].map(|path| format!("{}{path}", server.api));
    for url in of_node.iter().chain(&of_coordinator) {
        assert_eq!(get(url).await.status, 200, "{url}");
    }
}
