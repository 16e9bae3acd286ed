//! Storage nodes and coordinators as processes of their own, by M3's files, with certificates
//! between them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Method;
use rustix::process::Signal;
use serde_json::json;

use crate::support::{
    Authority, Etcd, Process, Sent, Server, Signed, exported, get, lasting_port, post, request,
    series, wait_for, write_body, write_request,
};

const START_MS: i64 = 1_700_000_000_000;
const PLACEMENT: &str = "/api/v1/services/m3db/placement";
const SERIES: u32 = 40;

/// A cluster of three storage nodes, its etcd, and the certificates of its servers.
struct Cluster {
    folder: tempfile::TempDir,
    etcd: Etcd,
    ca: Authority,
    signed: Signed,
    nodes: Vec<Node>,
}

struct Node {
    id: String,
    endpoint: String,
    server: Option<Server>,
}

impl Cluster {
    /// Starts the nodes; `None` where etcd is not installed.
    async fn start() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let etcd = Etcd::start(folder.path()).await?;
        let ca = Authority::new(folder.path(), "ca");
        let signed = ca.sign(&["127.0.0.1"]);
        let mut cluster = Self {
            folder,
            etcd,
            ca,
            signed,
            nodes: Vec::new(),
        };
        for id in ["n1", "n2", "n3"] {
            let endpoint = format!("127.0.0.1:{}", lasting_port());
            let (id, server) = (id.to_owned(), None);
            let mut node = Node {
                id,
                endpoint,
                server,
            };
            cluster.start_node(&mut node);
            cluster.nodes.push(node);
        }
        Some(cluster)
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// etcd's address as M3's files have it.
    fn etcd(&self) -> String {
        self.etcd.url.replace("http://", "")
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let file = self.path().join(name);
        std::fs::write(&file, text).expect("writing");
        file
    }

    /// Files of certificates, as flags.
    fn tls(&self, signed: &Signed) -> [String; 3] {
        [
            format!("--rpc-tls-cert-file={}", signed.certificate.display()),
            format!("--rpc-tls-key-file={}", signed.key.display()),
            format!("--rpc-tls-ca-file={}", self.ca.file.display()),
        ]
    }

    fn start_node(&self, node: &mut Node) {
        let text = format!(
            "db:\n  listenAddress: {}\n  httpNodeListenAddress: 127.0.0.1:0\n  httpClusterListenAddress: 127.0.0.1:0\n  debugListenAddress: 127.0.0.1:0\n  hostID: {{resolver: config, value: {}}}\n  discovery:\n    type: m3db_cluster\n    m3dbCluster: {{env: prod, zone: embedded, endpoints: [\"{}\"]}}\n",
            node.endpoint,
            node.id,
            self.etcd()
        );
        let file = self.file(&format!("{}.yml", node.id), &text);
        let file = format!("--config={}", file.display());
        let tls = self.tls(&self.signed);
        let arguments: Vec<&str> = [file.as_str(), "--enable-admin-api"]
            .into_iter()
            .chain(tls.iter().map(String::as_str))
            .collect();
        node.server = Some(Server::start(&self.path().join(&node.id), &arguments));
    }

    /// A coordinator by M3's file of one, with a certificate or without.
    fn coordinator(&self, name: &str, signed: Option<&Signed>) -> Server {
        let text = format!(
            "coordinator:\n  clusters:\n    - client:\n        config:\n          service:\n            env: prod\n            zone: embedded\n            service: m3db\n            etcdClusters:\n              - {{zone: embedded, endpoints: [\"{}\"]}}\n        writeConsistencyLevel: majority\n        readConsistencyLevel: majority\n",
            self.etcd()
        );
        let file = self.file(&format!("{name}.yml"), &text);
        let file = format!("--config={}", file.display());
        let tls = signed.map(|signed| self.tls(signed));
        let tls = tls.iter().flatten().map(String::as_str);
        let arguments: Vec<&str> = [file.as_str(), "--enable-admin-api"]
            .into_iter()
            .chain(tls)
            .collect();
        Server::start(&self.path().join(name), &arguments)
    }

    /// Gives all shards to the nodes, and waits until they have them.
    async fn place(&self, api: &str) {
        let instances = self.nodes.iter().zip(["a", "b", "c"]).map(|(node, group)| {
            let port = node.endpoint.rsplit(':').next().expect("a port");
            let port: u16 = port.parse().expect("a port");
            json!({"id": node.id, "isolation_group": group, "zone": "embedded", "weight": 100,
                "endpoint": node.endpoint, "hostname": node.id, "port": port})
        });
        let body = json!({"num_shards": 8, "replication_factor": 3,
            "instances": instances.collect::<Vec<_>>()});
        let url = format!("{api}{PLACEMENT}/init");
        let made = post(&url, &[], body.to_string()).await;
        assert_eq!(made.status, 200, "{}", made.text());
        wait_for("all shards to be available", 60, async || {
            let url = format!("{api}{PLACEMENT}");
            let answer = get(&url).await;
            let text = answer.text();
            (answer.status == 200 && !text.contains("INITIALIZING")).then_some(())
        })
        .await;
    }
}

/// Writes one sample of each series until it is acknowledged.
async fn write_for_sure(api: &str, round: i64) {
    wait_for("an acknowledgement", 30, async || {
        let all = (0..SERIES).map(|number| {
            let samples: [Sent; 1] = [(START_MS + round * 1000, f64::from(number).to_bits())];
            series(
                &[("__name__", "spread"), ("number", &number.to_string())],
                &samples,
            )
        });
        let answer = write_request(api, write_body(all.collect())).await;
        (answer.expect("an answer").status / 100 == 2).then_some(())
    })
    .await;
}

/// Every series has all samples of the rounds.
async fn has_rounds(server: &Server, rounds: usize) {
    let found = exported(server, "spread").await;
    let samples: Vec<usize> = found.iter().map(|(_, samples)| samples.len()).collect();
    assert_eq!(samples, vec![rounds; SERIES as usize], "{}", server.api);
}

#[tokio::test]
async fn coordinators_without_data_write_and_read_on_nodes_that_know_them_by_certificates() {
    let Some(mut cluster) = Cluster::start().await else {
        return;
    };
    let signed = cluster.signed.clone();
    let mut one = cluster.coordinator("c1", Some(&signed));
    let other = cluster.coordinator("c2", Some(&signed));
    for coordinator in [&one, &other] {
        assert_eq!(get(&format!("{}/ready", coordinator.api)).await.status, 200);
        assert_eq!(
            get(&format!("{}/health", coordinator.api)).await.status,
            200
        );
    }
    let early = write_request(
        &one.api,
        write_body(vec![series(&[("__name__", "a")], &[])]),
    )
    .await;
    let early = early.expect("an answer");
    assert!(
        early.status == 503 || early.status / 100 == 2,
        "{}",
        early.text()
    );
    cluster.place(&one.api).await;
    for round in 0..5 {
        write_for_sure(&one.api, round).await;
    }
    has_rounds(&other, 5).await;

    // One coordinator dies, then a node: the other goes on.
    one.process.kill();
    write_for_sure(&other.api, 5).await;
    cluster.nodes[2]
        .server
        .take()
        .expect("it runs")
        .process
        .kill();
    write_for_sure(&other.api, 6).await;
    has_rounds(&other, 7).await;
    let again = cluster.coordinator("c3", Some(&signed));
    has_rounds(&again, 7).await;
}

#[tokio::test]
async fn a_coordinator_says_that_it_has_no_data_and_a_node_that_it_answers_no_clients() {
    let Some(cluster) = Cluster::start().await else {
        return;
    };
    let other = cluster.coordinator("c2", Some(&cluster.signed));
    cluster.place(&other.api).await;
    // It has no folder, no families of a database, and refuses what is about own data.
    assert!(!cluster.path().join("c2").exists(), "it has a folder");
    let page = get(&other.metrics).await.text();
    assert!(page.contains("tsdb_ready 1"), "{page}");
    assert!(!page.contains("\ntsdb_series{"), "{page}");
    let text = other.process.log();
    assert!(
        text.contains("a coordinator: the data are on the storage nodes"),
        "{text}"
    );
    // What is about another environment is not this server's to change.
    let elsewhere = [("Cluster-Environment-Name", "test")];
    let url = format!("{}/api/v1/services/m3db/namespace/default", other.api);
    let foreign = request(Method::DELETE, &url, &elsewhere, "").await;
    let foreign = foreign.expect("an answer");
    assert_eq!(foreign.status, 400, "{}", foreign.text());
    assert!(
        foreign.text().contains("of the environment"),
        "{}",
        foreign.text()
    );
    let snapshot = post(
        &format!("{}/api/v1/admin/tsdb/snapshot", other.api),
        &[],
        "",
    )
    .await;
    assert_eq!(snapshot.status, 400, "{}", snapshot.text());
    assert!(
        snapshot
            .text()
            .contains("keeps no data of its own: ask a storage node")
    );

    // A storage node answers no calls for data, and keeps what is its own.
    let node = cluster.nodes[0].server.as_ref().expect("it runs");
    for refused in [
        write_request(&node.api, write_body(Vec::new()))
            .await
            .expect("an answer"),
        get(&format!("{}/api/v1/labels", node.api)).await,
        get(&format!("{}/api/v1/export?match[]=spread", node.api)).await,
    ] {
        assert_eq!(refused.status, 503, "{}", refused.text());
        assert!(
            refused.text().contains("send this to a coordinator"),
            "{}",
            refused.text()
        );
    }
    let own = post(&format!("{}/api/v1/admin/tsdb/snapshot", node.api), &[], "").await;
    assert_eq!(own.status, 200, "{}", own.text());
}

/// A coordinator that begins while etcd is away waits for it, and is ready once it is there.
async fn waits_for(etcd: &mut Etcd, folder: &Path, etcd_flags: &[String]) -> Process {
    etcd.kill();
    let listen = format!("127.0.0.1:{}", lasting_port());
    let fixed = [
        "--log=debug".to_owned(),
        format!("--listen={listen}"),
        "--metrics-listen=127.0.0.1:0".to_owned(),
        format!("--data-dir={}", folder.join("none").display()),
    ];
    let arguments = [&fixed[..], etcd_flags].concat();
    let server = Process::start(env!("CARGO_BIN_EXE_tsdb-server"), &arguments);
    let url = |path: &str| format!("http://{listen}{path}");
    let waits = wait_for("an answer", 30, async || {
        let answer = request(Method::GET, &url("/ready"), &[], "").await;
        answer.ok()
    })
    .await;
    assert_eq!(waits.status, 503, "{}", waits.text());
    let why = waits.text();
    assert!(why.contains("etcd has not said them yet"), "{why}");
    assert_eq!(get(&url("/health")).await.status, 200);
    assert_eq!(get(&url("/api/v1/labels")).await.status, 503);

    etcd.restart().await;
    wait_for("the coordinator to be ready", 60, async || {
        (get(&url("/ready")).await.status == 200).then_some(())
    })
    .await;
    let labels = get(&url("/api/v1/labels")).await.text();
    assert!(labels.contains("placement"), "{labels}");
    server
}

#[tokio::test]
async fn a_coordinator_waits_for_an_etcd_that_knows_it_by_a_certificate() {
    let folder = tempfile::tempdir().expect("a folder");
    let ca = Authority::new(folder.path(), "ca");
    let signed = ca.sign(&["127.0.0.1"]);
    let (certificate, key) = (signed.certificate.display(), signed.key.display());
    let more = [
        format!("--cert-file={certificate}"),
        format!("--key-file={key}"),
        format!("--trusted-ca-file={}", ca.file.display()),
        "--client-cert-auth".to_owned(),
    ];
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    let Some(mut etcd) = Etcd::start_with(folder.path(), "https", &more).await else {
        return;
    };
    let flags = [
        format!("--etcd={}", etcd.url.replace("https://", "")),
        format!("--etcd-ca-file={}", ca.file.display()),
        format!("--etcd-cert-file={certificate}"),
        format!("--etcd-key-file={key}"),
    ];
    let mut server = waits_for(&mut etcd, folder.path(), &flags).await;
    server.signal(Signal::TERM);
    assert!(server.ended(Duration::from_secs(20)).await.success());
}

#[tokio::test]
async fn a_coordinator_is_a_user_of_etcd_whose_password_nothing_shows() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mut etcd) = Etcd::start(folder.path()).await else {
        return;
    };
    for (path, body) in [
        (
            "auth/user/add",
            json!({"name": "root", "password": "hunter2"}),
        ),
        ("auth/role/add", json!({"name": "root"})),
        ("auth/user/grant", json!({"user": "root", "role": "root"})),
        ("auth/enable", json!({})),
    ] {
        etcd.call(path, body).await.expect(path);
    }
    let password = folder.path().join("password");
    std::fs::write(&password, "hunter2\n").expect("writing");
    let text = format!(
        "coordinator: {{clusterManagement: {{etcd: {{etcdClusters: [{{endpoints: [\"{}\"], auth: {{userName: root}}}}]}}}}}}",
        etcd.url
    );
    let file = folder.path().join("coordinator.yml");
    std::fs::write(&file, text).expect("writing");
    let flags = [
        format!("--config={}", file.display()),
        format!("--etcd-password-file={}", password.display()),
    ];
    let server = waits_for(&mut etcd, folder.path(), &flags).await;
    assert!(!server.log().contains("hunter2"), "{}", server.log());
}

#[tokio::test]
async fn who_has_no_certificate_of_the_ca_is_refused_and_a_renewed_one_is_taken() {
    let Some(cluster) = Cluster::start().await else {
        return;
    };
    let known = cluster.coordinator("known", Some(&cluster.signed));
    cluster.place(&known.api).await;
    write_for_sure(&known.api, 0).await;

    let foreign = Authority::new(cluster.path(), "foreign").sign(&["localhost"]);
    let plain = cluster.coordinator("plain", None);
    let stranger = cluster.coordinator("stranger", Some(&foreign));
    for refused in [&plain, &stranger] {
        let body = write_body(vec![series(&[("__name__", "no")], &[(START_MS, 0)])]);
        let answer = write_request(&refused.api, body).await.expect("an answer");
        assert_eq!(answer.status, 503, "{}", answer.text());
    }
    wait_for("the refusal in a log", 20, async || {
        let mut nodes = cluster.nodes.iter();
        let told = nodes.any(|node| {
            let log = node.server.as_ref().expect("it runs").process.log();
            log.contains("its certificate is to be of the CA of --rpc-tls-ca-file")
        });
        told.then_some(())
    })
    .await;
    assert!(exported(&known, "no").await.is_empty());
    write_for_sure(&known.api, 1).await;

    // The stranger gets a certificate of the CA, in the place of its own, and goes on without a restart.
    cluster.ca.sign(&["renewed", "127.0.0.1"]).replace(&foreign);
    write_for_sure(&stranger.api, 2).await;
    has_rounds(&known, 3).await;
}

#[tokio::test]
async fn the_disk_of_another_cluster_or_environment_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mut etcd) = Etcd::start(folder.path()).await else {
        return;
    };
    let endpoint = format!("127.0.0.1:{}", lasting_port());
    let start = |etcd: &Etcd, environment: &str| {
        let etcd = etcd.url.replace("http://", "");
        let environment = format!("--cluster-environment={environment}");
        let arguments = [
            "--etcd",
            &etcd,
            "--node-id",
            "n1",
            "--rpc-listen",
            &endpoint,
            &environment,
        ];
        Server::try_start(&folder.path().join("n1"), &arguments)
    };
    let mut first = start(&etcd, "prod").expect("a node");
    first.process.kill();
    start(&etcd, "prod")
        .expect("its own cluster")
        .process
        .kill();
    let refused = start(&etcd, "test").expect_err("another environment");
    for text in ["of the environment \"prod\"", "--cluster-environment=prod"] {
        assert!(refused.contains(text), "{refused}");
    }
    let (id, _) = etcd.get("_tsdb/prod/cluster").await.expect("a cluster");

    // Another etcd, that keeps none, and then another cluster.
    let apart = folder.path().join("other");
    let other = Etcd::start(&apart).await.expect("etcd");
    let refused = start(&other, "prod").expect_err("an etcd without a cluster");
    let advice = format!("etcdctl put _tsdb/prod/cluster {id}");
    assert!(refused.contains(&advice), "{refused}");
    other.put("_tsdb/prod/cluster", "feedfeedfeedfeed").await;
    let refused = start(&other, "prod").expect_err("another cluster");
    assert!(
        refused.contains("etcd keeps the cluster feedfeedfeedfeed"),
        "{refused}"
    );

    // While etcd is away nobody knows; the server stops once it turns out.
    etcd.put("_tsdb/prod/cluster", "feedfeedfeedfeed").await;
    etcd.kill();
    let mut waiting = start(&etcd, "prod").expect("it waits for etcd");
    assert!(waiting.process.is_running());
    etcd.restart().await;
    let ended = waiting.process.ended(Duration::from_secs(30)).await;
    assert!(!ended.success(), "{ended:?}");
    let log = waiting.process.log();
    assert!(
        log.contains("etcd keeps the cluster feedfeedfeedfeed"),
        "{log}"
    );
}

#[tokio::test]
async fn a_storage_node_by_m3s_file_listens_where_m3s_does_and_for_no_clients() {
    let folder = tempfile::tempdir().expect("a folder");
    let [node, debug, rpc] = [(), (), ()].map(|()| format!("127.0.0.1:{}", lasting_port()));
    // Without etcd, which it does not need to live.
    let text = format!(
        "db:\n  listenAddress: {rpc}\n  httpNodeListenAddress: {node}\n  httpClusterListenAddress: 127.0.0.1:0\n  debugListenAddress: {debug}\n  filesystem: {{filePathPrefix: {}}}\n  hostID: {{resolver: hostname}}\n  discovery: {{type: m3db_cluster, m3dbCluster: {{env: e, endpoints: [\"127.0.0.1:1\"]}}}}\n",
        folder.path().display()
    );
    let file = folder.path().join("m3dbnode.yml");
    std::fs::write(&file, text).expect("writing");
    let program = env!("CARGO_BIN_EXE_tsdb-server");
    let file = format!("--config={}", file.display());
    let mut server = Process::start(program, std::slice::from_ref(&file));
    let health = [file, "health".to_owned()];
    wait_for("the command health to find it ready", 30, async || {
        let asked = std::process::Command::new(program).args(&health).output();
        asked.expect("a command").status.success().then_some(())
    })
    .await;
    assert_eq!(get(&format!("http://{node}/health")).await.status, 200);
    let page = get(&format!("http://{debug}/metrics")).await.text();
    assert!(page.contains("tsdb_ready 1"), "{page}");
    let write = post(&format!("http://{node}/writetagged"), &[], "{}").await;
    assert!(write.status >= 400, "{}", write.text());
    let reached = tokio::net::TcpStream::connect(&rpc).await;
    assert!(reached.is_ok(), "no coordinator reaches it: {reached:?}");
    server.signal(Signal::TERM);
    assert!(server.ended(Duration::from_secs(20)).await.success());
    let log = server.log();
    assert!(
        log.contains("a storage node: coordinators reach it at"),
        "{log}"
    );
    assert!(!log.contains("API on"), "{log}");
}

#[tokio::test]
async fn wrong_settings_of_a_role_are_refused_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let nowhere = "127.0.0.1:1";
    let cases: [(&[&str], &str); 5] = [
        (&["--node-id", "n1"], "name the cluster's etcd with --etcd"),
        (
            &["--etcd", nowhere, "--role", "node"],
            "give --node-id, or db.hostID",
        ),
        (
            &["--etcd", nowhere, "--rpc-tls-ca-file", "/ca.pem"],
            "go together, and one is not there",
        ),
        (
            &["--etcd", nowhere, "--etcd-ca-file", "/nowhere/ca.pem"],
            "/nowhere/ca.pem: ",
        ),
        (&["--etcd", nowhere, "--etcd-user", "root"], "no password"),
    ];
    for (arguments, told) in cases {
        let log = Server::try_start(&folder.path().join("data"), arguments).expect_err(told);
        assert!(log.contains(told), "{arguments:?}: {log}");
    }
    // The same without a start.
    let file = folder.path().join("m3dbnode.yml");
    let text = "db: {hostID: {value: n}, discovery: {m3dbCluster: {endpoints: [\"a:1\"]}}}";
    std::fs::write(&file, text).expect("writing");
    let file = format!("--config={}", file.display());
    let check = |more: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tsdb-server"));
        let command = command.arg(&file).args(more).args(["config", "check"]);
        let asked = command.output().expect("a command");
        let said = String::from_utf8_lossy(&asked.stderr).into_owned();
        (asked.status.code(), said)
    };
    assert_eq!(check(&[]), (Some(0), String::new()));
    let (code, said) = check(&["--rpc-tls-ca-file", "/ca.pem"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("go together"), "{said}");
    let is_made = folder.path().join("data").exists();
    assert!(!is_made, "nothing is made before the settings are right");
}
