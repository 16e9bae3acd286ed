#![expect(clippy::disallowed_methods, reason = "files of settings are no data")]

use super::Beside;
use crate::access::Secret;
use crate::commands::CommandLine;
use crate::config::load::load_beside;
use crate::config::{ConfigError, Decided, Loaded, settle};

/// A storage node of M3 since 1.0.
const NODE: &str = "
db:
  listenAddress: 0.0.0.0:9000
  hostID: {resolver: config, value: host1}
  discovery:
    type: m3db_cluster
    m3dbCluster: {env: prod, zone: embedded, endpoints: [etcd1:2379, etcd2:2379]}
  client: {writeConsistencyLevel: all, readConsistencyLevel: one}
";

/// A coordinator of M3 that runs alone: its keys are at the top.
const COORDINATOR: &str = "
listenAddress: 0.0.0.0:7201
clusters:
  - namespaces: [{namespace: default, type: unaggregated, retention: 48h}]
    client:
      config:
        service:
          env: prod
          zone: embedded
          service: m3db
          cacheDir: /var/lib/m3kv
          etcdClusters:
            - zone: embedded
              endpoints: [etcd1:2379]
      writeConsistencyLevel: majority
      readConsistencyLevel: unstrict_majority
";

fn read(text: &str) -> Result<Loaded, ConfigError> {
    load_beside(text, Beside::default())
}

fn taken(text: &str) -> Loaded {
    read(text).unwrap_or_else(|error| panic!("{}", error.render("m3.yml", text)))
}

fn refused(text: &str) -> String {
    match read(text) {
        Err(error) => error.render("m3.yml", text),
        Ok(loaded) => panic!("{text} was taken: {loaded:?}"),
    }
}

fn flag<'a>(loaded: &'a Loaded, id: &str) -> Option<&'a str> {
    let found = loaded.flags.iter().find(|(flag, _)| flag == id);
    found.map(|(_, value)| value.text.as_str())
}

fn warned(loaded: &Loaded, text: &str) -> bool {
    let mut all = loaded.warnings.iter();
    all.any(|warning| warning.what.contains(text))
}

#[test]
fn the_section_of_a_node_makes_a_storage_node_of_the_cluster_it_discovers() {
    let node = taken(NODE);
    let expected = [
        ("etcd", "etcd1:2379,etcd2:2379"),
        ("cluster_environment", "prod"),
        ("node_id", "host1"),
        ("role", "node"),
        ("rpc_listen", "0.0.0.0:9000"),
        ("write_consistency_level", "all"),
        ("read_consistency_level", "one"),
    ];
    for (id, text) in expected {
        assert_eq!(flag(&node, id), Some(text), "{id}");
    }
    let both = taken(&format!("coordinator: {{}}{NODE}"));
    assert_eq!(
        (flag(&both, "role"), flag(&both, "node_id")),
        (None, Some("host1"))
    );
}

#[test]
fn the_section_of_a_coordinator_makes_one_without_a_node() {
    let indented = COORDINATOR.replace('\n', "\n  ");
    for text in [COORDINATOR.to_owned(), format!("coordinator:{indented}\n")] {
        let coordinator = taken(&text);
        let expected = [
            ("etcd", "etcd1:2379"),
            ("cluster_environment", "prod"),
            ("role", "coordinator"),
            ("listen", "0.0.0.0:7201"),
            ("write_consistency_level", "majority"),
            ("read_consistency_level", "unstrict_majority"),
        ];
        for (id, text) in expected {
            assert_eq!(flag(&coordinator, id), Some(text), "{id}");
        }
        assert_eq!(flag(&coordinator, "node_id"), None);
        assert_eq!(coordinator.namespaces.len(), 1);
    }
    let ours = taken(&format!("{COORDINATOR}tsdb: {{maxConcurrentQueries: 7}}\n"));
    assert_eq!(flag(&ours, "max_concurrent_queries"), Some("7"));
    let slip = refused("coordinator: {}\nclusters: []\n");
    assert!(slip.contains("unknown key clusters"), "{slip}");
    let by_management =
        "coordinator: {clusterManagement: {etcd: {env: prod, etcdClusters: [{endpoints: [a:1]}]}}}";
    assert_eq!(flag(&taken(by_management), "etcd"), Some("a:1"));
}

#[test]
fn every_place_of_a_service_is_read() {
    let service = "{env: e, service: m3db, etcdClusters: [{endpoints: [a:1, b:2]}]}";
    let db = |inner: &str| format!("db: {{hostID: {{resolver: config, value: n}}, {inner}}}");
    let texts = [
        db(&format!(
            "discovery: {{type: config, config: {{service: {service}}}}}"
        )),
        db(&format!(
            "discovery: {{config: {{services: [{{service: {service}, async: true}}]}}}}"
        )),
        db(&format!("config: {{service: {service}}}")),
        db(&format!("config: {{services: [{{service: {service}}}]}}")),
        db(&format!("client: {{config: {{service: {service}}}}}")),
        db("discovery: {m3dbCluster: {env: e, endpoints: [a:1, b:2]}}"),
        format!(
            "coordinator: {{clusters: [{{client: {{config: {{services: [{{service: {service}}}]}}}}}}]}}"
        ),
    ];
    for text in texts {
        let loaded = taken(&text);
        assert_eq!(flag(&loaded, "etcd"), Some("a:1,b:2"), "{text}");
        assert_eq!(flag(&loaded, "cluster_environment"), Some("e"), "{text}");
    }
}

#[test]
fn the_name_of_a_node_is_resolved_as_m3_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("identity");
    std::fs::write(&file, "by-file\n").expect("writing");
    let environment = [("POD".to_owned(), "by-variable".to_owned())];
    let beside = Beside {
        environment: &environment,
        ..Beside::default()
    };
    let text = |host_id: &str| NODE.replace("{resolver: config, value: host1}", host_id);
    let host = crate::machine::host_name().expect("this machine has a name");
    let file = file.display();
    let cases = [
        ("{value: by-value}".to_owned(), "by-value"),
        ("{resolver: hostname}".to_owned(), host.as_str()),
        (
            "{resolver: environment, envVarName: POD}".to_owned(),
            "by-variable",
        ),
        (
            format!("{{resolver: file, file: {{path: \"{file}\", timeout: 5m}}}}"),
            "by-file",
        ),
    ];
    for (host_id, name) in cases {
        let loaded = load_beside(&text(&host_id), beside).expect(&host_id);
        assert_eq!(flag(&loaded, "node_id"), Some(name), "{host_id}");
    }
    let wrong = [
        ("{resolver: config}", "db.hostID.value is not there"),
        (
            "{resolver: environment, envVarName: NONE}",
            "the environment variable NONE is not set",
        ),
        (
            "{resolver: dns}",
            "\"dns\" is none of config, hostname, environment and file",
        ),
        (
            "{resolver: file, file: {path: /nowhere/id}}",
            "/nowhere/id: ",
        ),
        (
            "{resolver: config, value: \"\"}",
            "the node's name is empty",
        ),
    ];
    for (host_id, what) in wrong {
        let said = refused(&text(host_id));
        assert!(said.contains(what), "{said}");
    }
    let nameless = NODE.replace("  hostID: {resolver: config, value: host1}\n", "");
    let said = refused(&nameless);
    assert!(
        said.contains("nothing names it: write db.hostID, or give --node-id"),
        "{said}"
    );
    let named = Beside {
        node_id: true,
        ..beside
    };
    load_beside(&nameless, named).expect("a flag names it");
}

#[test]
fn what_runs_without_others_is_on_its_own() {
    let seeds = "{initialCluster: [{hostID: m3db_local, endpoint: \"http://127.0.0.1:2380\"}]}";
    let service = "{env: e, etcdClusters: [{endpoints: [\"127.0.0.1:2379\"]}]}";
    for text in [
        "db: {discovery: {type: m3db_single_node}, hostID: {resolver: hostname}}".to_owned(),
        format!("db: {{discovery: {{config: {{service: {service}, seedNodes: {seeds}}}}}}}"),
        format!(
            "db: {{config: {{service: {service}, seedNodes: {seeds}}}, hostID: {{value: m3db_local}}}}"
        ),
    ] {
        let alone = taken(&text);
        let ids = ["etcd", "node_id", "role", "cluster_environment"];
        assert!(ids.iter().all(|id| flag(&alone, id).is_none()), "{text}");
        assert!(
            warned(&alone, "has no effect: the server is on its own"),
            "{text}"
        );
    }
    // Another server is the seed.
    let other = format!(
        "db: {{config: {{service: {service}, seedNodes: {seeds}}}, hostID: {{value: other}}}}"
    );
    assert_eq!(flag(&taken(&other), "node_id"), Some("other"));
    let two = "{initialCluster: [{hostID: a, endpoint: x}, {hostID: b, endpoint: y}]}";
    let several =
        format!("db: {{config: {{service: {service}, seedNodes: {two}}}, hostID: {{value: a}}}}");
    let said = refused(&several);
    assert!(
        said.contains("none runs within a node here: start etcd beside them"),
        "{said}"
    );
    // A flag names etcd, so it runs somewhere.
    let beside = Beside {
        etcd: true,
        ..Beside::default()
    };
    let named = load_beside(&several, beside).expect("a cluster");
    assert_eq!(flag(&named, "node_id"), Some("a"));
}

#[test]
fn two_clusters_are_refused_or_the_second_is_named_in_a_warning() {
    let with = |management: &str| {
        format!("coordinator: {{clusterManagement: {{etcd: {management}}}}}{NODE}")
    };
    let other = refused(&with(
        "{env: test, etcdClusters: [{endpoints: [etcd2:2379]}]}",
    ));
    for what in [
        "coordinator.clusterManagement.etcd.env says \"test\", and db.discovery.m3dbCluster.env says \"prod\"",
        "let both say the same, or leave one out",
    ] {
        assert!(other.contains(what), "{other}");
    }
    let other = refused(&with(
        "{env: prod, etcdClusters: [{endpoints: [etcd9:2379]}]}",
    ));
    assert!(
        other.contains("etcdClusters[0].endpoints says \"etcd9:2379\""),
        "{other}"
    );
    // Members of one etcd may be named in part.
    taken(&with(
        "{env: prod, etcdClusters: [{endpoints: [\"http://etcd2:2379\"]}]}",
    ));

    let zones = "db: {hostID: {value: n}, discovery: {config: {service: {env: e, zone: ZONE, etcdClusters: [{zone: a, endpoints: [a:1]}, {zone: b, endpoints: [b:1]}]}}}}";
    let near = taken(&zones.replace("ZONE", "b"));
    assert_eq!(flag(&near, "etcd"), Some("b:1"));
    assert!(warned(
        &near,
        "etcdClusters[0] has no effect: the server is of one cluster"
    ));
    let none = refused(&zones.replace("ZONE", "c"));
    assert!(
        none.contains("no etcd is in the zone \"c\"") && none.contains("has a, b"),
        "{none}"
    );

    let client = |env: &str, level: &str| {
        format!(
            "{{client: {{config: {{service: {{env: {env}, etcdClusters: [{{endpoints: [{env}:1]}}]}}}}, readConsistencyLevel: {level}}}}}"
        )
    };
    let clusters = format!(
        "coordinator: {{clusters: [{}, {}]}}",
        client("a", "one"),
        client("b", "all")
    );
    let first = taken(&clusters);
    assert_eq!(flag(&first, "etcd"), Some("a:1"));
    assert_eq!(flag(&first, "read_consistency_level"), Some("one"));
    assert!(warned(
        &first,
        "coordinator.clusters[1].client has no effect"
    ));
}

#[test]
fn what_cannot_be_is_told_with_what_to_do() {
    let cases = [
        (
            "db: {discovery: {type: m3aggregator_cluster}}",
            "there is no aggregator",
        ),
        (
            "db: {discovery: {type: m3db_cluster}}",
            "m3dbCluster is not there",
        ),
        (
            "db: {discovery: {type: config}}",
            "config.service is not there",
        ),
        (
            "coordinator: {clusterManagement: {etcd: {env: a}}}",
            "names no etcd: write its endpoints",
        ),
        (
            "coordinator: {clusterManagement: {etcd: {service: other, etcdClusters: [{endpoints: [a:1]}]}}}",
            "is m3db here, not \"other\"",
        ),
        (
            "coordinator: {clusterManagement: {etcd: {evn: a}}}",
            "did you mean env?",
        ),
        (
            "coordinator: {clusters: [{client: {readConsistencyLevel: most, config: {service: {etcdClusters: [{endpoints: [a:1]}]}}}}]}",
            "coordinator.clusters[0].client.readConsistencyLevel: \"most\"",
        ),
    ];
    for (text, what) in cases {
        let said = refused(text);
        assert!(said.contains(what), "{said}");
    }
}

#[test]
fn tls_and_users_of_etcd_are_taken_and_a_password_is_never_shown() {
    let etcd = "{endpoints: [\"a:1\"], tls: {crtPath: /c.pem, keyPath: /k.pem, caCrtPath: /ca.pem}, auth: {enabled: ENABLED, userName: root, password: hunter2}}";
    let text = |enabled: &str, more: &str| {
        let etcd = etcd.replace("ENABLED", enabled);
        format!("coordinator:\n  clusterManagement: {{etcd: {{etcdClusters: [{etcd}]{more}}}}}\n")
    };
    let loaded = taken(&text("true", ""));
    let expected = [
        ("etcd_cert_file", "/c.pem"),
        ("etcd_key_file", "/k.pem"),
        ("etcd_ca_file", "/ca.pem"),
        ("etcd_user", "root"),
    ];
    for (id, text) in expected {
        assert_eq!(flag(&loaded, id), Some(text), "{id}");
    }
    assert_eq!(loaded.etcd_password, Some(Secret::new(*b"hunter2")));
    assert!(!format!("{loaded:?}").contains("hunter2"));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("m3.yml");
    std::fs::write(&file, text("true", "")).expect("writing");
    let arguments = ["tsdb-server", "-f", file.to_str().expect("a path")];
    let arguments = arguments.iter().map(Into::into).collect();
    let settled = settle::<CommandLine>(arguments, &[]).expect("settings");
    assert!(!format!("{settled:?}").contains("hunter2"));
    let off = taken(&text("false", ""));
    assert_eq!((flag(&off, "etcd_user"), &off.etcd_password), (None, &None));
    for more in [", evn: a", ", : : ["] {
        let said = refused(&text("true", more));
        assert!(
            !said.contains("hunter2") && said.contains("m3.yml"),
            "{said}"
        );
    }
}

#[test]
fn flags_go_before_the_file_and_each_value_has_its_origin() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("m3.yml");
    std::fs::write(&file, NODE).expect("writing");
    let file = file.to_str().expect("a path");
    let arguments = [
        "tsdb-server",
        "-f",
        file,
        "--node-id",
        "by-flag",
        "--role",
        "both",
    ];
    let arguments = arguments.iter().map(Into::into).collect();
    let settled = settle::<CommandLine>(arguments, &[]).expect("settings");
    let config = &settled.line.config;
    assert_eq!(config.node_id.as_deref(), Some("by-flag"));
    assert_eq!(config.role_in_cluster(), Some(crate::config::Role::Both));
    assert_eq!(config.etcd, ["etcd1:2379", "etcd2:2379"]);
    assert_eq!(config.cluster_environment, "prod");
    let decided = |flag: &str| {
        let mut all = settled.settings.iter();
        all.find(|setting| setting.flag == flag)
            .map(|found| found.decided.clone())
    };
    assert_eq!(decided("role"), Some(Decided::Flag));
    for (flag, key) in [
        ("etcd", "db.discovery.m3dbCluster.endpoints"),
        ("cluster-environment", "db.discovery.m3dbCluster.env"),
        ("rpc-listen", "db.listenAddress"),
        ("write-consistency-level", "db.client.writeConsistencyLevel"),
    ] {
        let by = decided(flag);
        assert!(
            matches!(&by, Some(Decided::Key(path, _)) if path == key),
            "{flag}: {by:?}"
        );
    }
    let variable = [(
        "TSDB__DB__DISCOVERY__M3DBCLUSTER__ENV".to_owned(),
        "other".to_owned(),
    )];
    let arguments = ["tsdb-server", "-f", file].iter().map(Into::into).collect();
    let settled = settle::<CommandLine>(arguments, &variable).expect("settings");
    assert_eq!(settled.line.config.cluster_environment, "other");
    assert_eq!(
        settled.line.config.role_in_cluster(),
        Some(crate::config::Role::Node)
    );
}
