#![expect(clippy::disallowed_methods, reason = "files of settings are no data")]

use std::time::Duration;

use super::{ConfigError, Decided, Loaded, Origin, load};
use crate::commands::CommandLine;
use crate::config::settle;

/// A node with its coordinator as M3 up to 0.15 has it.
const CLASSIC: &str = include_str!("../../tests/data/m3_classic.yml");

/// The same since 1.0, with every key.
const SINCE_1_0: &str = include_str!("../../tests/data/m3_since_1_0.yml");

fn loaded(text: &str) -> Loaded {
    load(text, &[]).unwrap_or_else(|error| panic!("{}", error.render("file", text)))
}

fn flag<'a>(loaded: &'a Loaded, id: &str) -> Option<&'a str> {
    let found = loaded.flags.iter().find(|(flag, _)| flag == id);
    found.map(|(_, value)| value.text.as_str())
}

fn wrong(text: &str) -> String {
    match load(text, &[]) {
        Err(error) => error.render("m3.yml", text),
        Ok(loaded) => panic!("{text} was taken: {loaded:?}"),
    }
}

#[test]
fn a_classic_file_of_a_single_node_is_taken_as_it_is() {
    let loaded = loaded(CLASSIC);
    assert_eq!(flag(&loaded, "listen"), Some("0.0.0.0:7201"));
    assert_eq!(flag(&loaded, "metrics_listen"), Some("0.0.0.0:7203"));
    assert_eq!(flag(&loaded, "log"), Some("info"));
    assert_eq!(flag(&loaded, "data_dir"), Some("/var/lib/m3db/tsdb"));
    let [namespace] = loaded.namespaces.as_slice() else {
        panic!("{:?}", loaded.namespaces);
    };
    assert_eq!(namespace.name, "default");
    assert_eq!(namespace.retention, Some(Duration::from_secs(48 * 3600)));
    // A weaker ack than ours is not what the file can ask for, and it is told so.
    let told = |key: &str| {
        let all = loaded.warnings.iter();
        all.filter(|warning| warning.what.starts_with(key)).count()
    };
    assert_eq!(told("db.commitlog.flushEvery has no effect"), 1);
    assert_eq!(told("the rest of db.client has no effect"), 1);
    // It runs an etcd within, for itself: so here it is on its own.
    assert_eq!(flag(&loaded, "etcd"), None);
    assert_eq!(flag(&loaded, "node_id"), None);
    assert_eq!(
        told(
            "db.config.service has no effect: the server is on its own, as db.config.seedNodes has this node alone"
        ),
        1
    );
    assert_eq!(told("db.hostID has no effect"), 1);
    assert_eq!(told("db.listenAddress has no effect"), 1);
    assert_eq!(told("db.client.writeConsistencyLevel has no effect"), 1);
    assert_eq!(told("db.bootstrap.bootstrappers"), 0);
}

#[test]
fn a_file_of_today_needs_no_more_than_the_roles() {
    for text in ["coordinator: {}\n", "coordinator:\n", ""] {
        assert_eq!(loaded(text), Loaded::default(), "{text}");
    }
    for text in ["coordinator: {}\ndb: {}\n", "coordinator:\ndb:\n", "db: {}"] {
        let node = loaded(text);
        assert!(node.node.is_some());
        assert_eq!((node.warnings.len(), node.flags.len()), (0, 0));
    }
    let text = "coordinator:\n  listenAddress: :7201\ndb:\n  filesystem:\n    filePathPrefix: data/\ntsdb:\n  memoryBudget: 4GiB\n  enableAdminApi: true\n";
    let loaded = loaded(text);
    assert_eq!(flag(&loaded, "listen"), Some("0.0.0.0:7201"));
    assert_eq!(flag(&loaded, "data_dir"), Some("data/tsdb"));
    assert_eq!(flag(&loaded, "memory_budget"), Some("4GiB"));
    assert_eq!(flag(&loaded, "enable_admin_api"), Some("true"));
    assert_eq!(loaded.warnings, []);
}

#[test]
fn the_bounds_of_m3_s_queries_are_ours() {
    let text = "coordinator:\n  limits: {perQuery: {maxFetchedSeries: 7, maxFetchedRange: 24h, requireExhaustive: false, maxFetchedDocs: 9}}\n";
    let loaded = loaded(text);
    assert_eq!(flag(&loaded, "query_max_series"), Some("7"));
    assert_eq!(flag(&loaded, "query_max_range"), Some("24h"));
    assert_eq!(flag(&loaded, "query_require_exhaustive"), Some("false"));
    let [warning] = loaded.warnings.as_slice() else {
        panic!("{:?}", loaded.warnings);
    };
    let what = "the rest of coordinator.limits has no effect";
    assert!(warning.what.starts_with(what), "{}", warning.what);
}

#[test]
fn a_slip_is_shown_with_its_line_and_the_key_that_was_meant() {
    let cases = [
        (
            "coordinator:\n  listenAdress: x\n",
            "m3.yml:2:3: unknown key coordinator.listenAdress: did you mean listenAddress?\n  2 |   listenAdress: x\n    |   ^",
        ),
        (
            "cordinator: {}\n",
            "m3.yml:1:1: unknown key cordinator: did you mean coordinator?",
        ),
        (
            "coordinator:\n  local:\n    namespaces:\n      - namespace: a\n        retntion: 1d\n",
            "m3.yml:5:9: unknown key coordinator.local.namespaces[0].retntion: did you mean retention?",
        ),
        ("db:\n  zzzzzzzz: 1\n", "known here are"),
        ("db: 7\n", "m3.yml:1:5: db has keys of its own"),
        (
            "tsdb:\n  retention: [1d]\n",
            "tsdb.retention is a single value, not a list",
        ),
        (
            "tsdb:\n  retention: soon\n",
            "m3.yml:2:14: tsdb.retention: \"soon\": unit \"soon\" of duration",
        ),
        ("tsdb:\n  enableAdminApi: maybe\n", "neither true nor false"),
        (
            "tsdb:\n  memoryBudget: 1GiB\n  memoryBudget: 2GiB\n",
            "m3.yml: ",
        ),
        ("db: {\n", "m3.yml: "),
        (
            "coordinator:\n  local:\n    namespaces:\n      - namespace: a\n        retention: 2x\n",
            "m3.yml:5:20: coordinator.local.namespaces[0].retention: unit \"x\"",
        ),
        (
            "coordinator:\n  local:\n    namespaces:\n      - type: unaggregated\n",
            "namespaces[0] has no namespace, which is its name",
        ),
        (
            "coordinator:\n  local:\n    namespaces:\n      - {namespace: a}\n      - {namespace: b}\n",
            "m3.yml:5:21: coordinator.local.namespaces[1]: there is an unaggregated namespace already",
        ),
    ];
    for (text, expected) in cases {
        let said = wrong(text);
        assert!(said.contains(expected), "{said}\nis not\n{expected}");
    }
    // All slips at once.
    let error = load("db:\n  a1: 1\n  b1: 2\n", &[]).expect_err("two slips");
    assert!(matches!(error, ConfigError::Wrong(found) if found.len() == 2));
}

#[test]
fn a_resolution_is_kept_for_aggregated_namespaces_and_said_to_mean_nothing_for_others() {
    let file = "coordinator:\n  local:\n    namespaces:\n      - {namespace: raw, resolution: 30s}\n      - {namespace: rolled, type: aggregated, resolution: 5m}\n";
    let loaded = loaded(file);
    let resolutions = loaded.namespaces.iter().map(|found| found.resolution);
    let five_minutes = std::time::Duration::from_secs(300);
    assert_eq!(resolutions.collect::<Vec<_>>(), [None, Some(five_minutes)]);
    assert_eq!(loaded.warnings.len(), 1, "{:?}", loaded.warnings);
    let warning = &loaded.warnings[0].what;
    assert!(
        warning.contains("namespaces[0].resolution has no effect"),
        "{warning}"
    );
    let error = wrong(&file.replace("5m", "0s"));
    assert!(
        error.contains("a resolution is longer than nothing"),
        "{error}"
    );
}

#[test]
fn variables_override_any_key_and_a_slip_in_them_is_named() {
    let set = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    let text = "coordinator:\n  local:\n    namespaces:\n      - namespace: default\n        retention: 48h\n";
    let variables = set("TSDB__COORDINATOR__LOCAL__NAMESPACES__0__RETENTION", "2d");
    let loaded = load(text, &variables).expect("an override");
    let retention = loaded
        .namespaces
        .first()
        .and_then(|namespace| namespace.retention);
    assert_eq!(retention, Some(Duration::from_secs(2 * 86_400)));

    let variables = set("TSDB__DB__FILESYSTEM__FILEPATHPREFIX", "/srv");
    let loaded = load("", &variables).expect("a key that the file has not");
    assert_eq!(flag(&loaded, "data_dir"), Some("/srv/tsdb"));
    let origin = loaded.flags.first().map(|(_, value)| value.origin.clone());
    let name = "TSDB__DB__FILESYSTEM__FILEPATHPREFIX".to_owned();
    assert_eq!(origin, Some(Origin::Environment(name)));

    let error = load("", &set("TSDB__DB__FILESYSTEM__FILEPATHPREFX", "/srv"));
    let error = error.expect_err("a slip").to_string();
    assert!(
        error.starts_with("TSDB__DB__FILESYSTEM__FILEPATHPREFX names no key: ")
            && error.contains("did you mean TSDB__DB__FILESYSTEM__FILEPATHPREFIX"),
        "{error}"
    );
}

#[test]
fn flags_go_before_variables_before_the_file_before_defaults() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("m3.yml");
    let text =
        "tsdb:\n  maxSeries: 5\n  retention: 30d\n  exemplarsMax: 7\ndb:\n  gcPercentage: 100\n";
    std::fs::write(&file, text).expect("writing");
    let file = file.to_str().expect("a path");
    let arguments = ["tsdb-server", "-f", file, "--retention", "1y", "verify"];
    let arguments = arguments.iter().map(Into::into).collect();
    let variables = [("TSDB__TSDB__EXEMPLARSMAX".to_owned(), "8".to_owned())];
    let settled = settle::<CommandLine>(arguments, &variables).expect("settings");
    let config = &settled.line.config;
    assert_eq!(config.max_series, Some(5));
    assert_eq!(config.exemplars_max, 8);
    let retention = config.retention.and_then(super::Retention::limit);
    assert_eq!(retention, Some(Duration::from_secs(365 * 86_400)));
    let decided = |flag: &str| {
        let setting = settled.settings.iter().find(|setting| setting.flag == flag);
        setting.map(|setting| setting.decided.clone())
    };
    assert_eq!(decided("retention"), Some(Decided::Flag));
    assert_eq!(decided("log"), Some(Decided::Default));
    assert!(
        matches!(decided("max-series"), Some(Decided::Key(path, _)) if path == "tsdb.maxSeries")
    );
    assert!(matches!(
        decided("exemplars-max"),
        Some(Decided::Key(_, Origin::Environment(_)))
    ));
    assert!(
        settled
            .warnings
            .iter()
            .any(|warning| warning.contains("gcPercentage"))
    );
}

#[test]
fn a_flag_behind_a_command_goes_before_the_file_as_well() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("m3.yml");
    std::fs::write(&file, "tsdb:\n  dataDir: /from/file\n").expect("writing");
    let file = file.to_str().expect("a path");
    let dir = |arguments: &[&str]| {
        let arguments = arguments.iter().map(Into::into).collect();
        let settled = settle::<CommandLine>(arguments, &[]).expect("settings");
        settled.line.config.data_dir
    };
    let from_file = ["tsdb-server", "verify", "--config", file];
    assert_eq!(dir(&from_file), std::path::Path::new("/from/file"));
    let given = ["tsdb-server", "-f", file, "verify", "--data-dir", "/given"];
    assert_eq!(dir(&given), std::path::Path::new("/given"));
}

#[test]
fn every_key_of_a_file_since_1_0_has_its_meaning_or_one_warning() {
    let host_id = [("M3DB_HOST_ID".to_owned(), "host-7".to_owned())];
    let loaded = load(SINCE_1_0, &host_id).expect("a file");
    let of_cluster = [
        ("etcd", "127.0.0.1:2379"),
        ("cluster_environment", "default_env"),
        ("node_id", "host-7"),
        ("rpc_listen", "0.0.0.0:9000"),
        ("write_consistency_level", "majority"),
        ("read_consistency_level", "unstrict_majority"),
    ];
    for (id, text) in of_cluster {
        assert_eq!(flag(&loaded, id), Some(text), "{id}");
    }
    assert_eq!(flag(&loaded, "listen"), Some("0.0.0.0:7201"));
    assert_eq!(flag(&loaded, "metrics_listen"), Some("0.0.0.0:7203"));
    assert_eq!(flag(&loaded, "node_listen"), Some("0.0.0.0:9002"));
    assert_eq!(flag(&loaded, "cluster_listen"), Some("0.0.0.0:9003"));
    assert_eq!(flag(&loaded, "debug_listen"), Some("0.0.0.0:9004"));
    assert_eq!(flag(&loaded, "data_dir"), Some("/var/lib/m3db/tsdb"));
    assert_eq!(flag(&loaded, "log"), Some("info"));
    let namespaces = loaded.namespaces.iter();
    let namespaces: Vec<_> = namespaces
        .map(|namespace| (namespace.name.as_str(), namespace.aggregated))
        .collect();
    assert_eq!(namespaces, [("default", false), ("agg", true)]);
    let said: Vec<&str> = loaded
        .warnings
        .iter()
        .map(|one| one.what.as_str())
        .collect();
    let mut once = said.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), said.len(), "{said:#?}");
    for key in [
        "db.commitlog.flushEvery",
        "db.limits.writeNewSeriesPerSecond",
        "db.tick",
        "coordinator.downsample",
    ] {
        let told = format!("{key} has no effect: ");
        assert!(
            said.iter().any(|what| what.starts_with(&told)),
            "{key} is not in {said:#?}"
        );
    }
}

#[test]
fn a_default_host_is_that_of_addresses_that_nothing_else_sets() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("m3dbnode.yml");
    let text =
        "coordinator: {listenAddress: 127.0.0.1:1}\ndb: {httpNodeListenAddress: 127.0.0.1:2}\n";
    std::fs::write(&file, text).expect("writing");
    let file = file.to_str().expect("a path");
    let listens = |arguments: &[&str]| {
        let all = ["tsdb-server"].iter().chain(arguments);
        let arguments = all.map(std::ffi::OsString::from).collect();
        let settled = settle::<CommandLine>(arguments, &[]).expect("settings");
        let config = settled.line.config;
        let more = [
            config.node_listen,
            config.cluster_listen,
            config.debug_listen,
        ];
        let more = more.map(|address| address.map(|address| address.to_string()));
        let first = [config.listen, config.metrics_listen].map(|address| address.to_string());
        (first, more, settled.settings)
    };
    let some = |text: &str| Some(text.to_owned());
    let (first, more, settings) = listens(&[
        "--default-host",
        "::",
        "--debug-listen",
        "[::1]:3",
        "-f",
        file,
    ]);
    assert_eq!(first, ["127.0.0.1:1", "[::]:7203"]);
    assert_eq!(
        more,
        [some("127.0.0.1:2"), some("[::]:9003"), some("[::1]:3")]
    );
    let by_host = settings
        .iter()
        .filter(|setting| setting.decided == Decided::DefaultHost);
    let by_host: Vec<&str> = by_host.map(|setting| setting.flag.as_str()).collect();
    assert_eq!(by_host, ["cluster-listen", "metrics-listen", "rpc-listen"]);
    let (first, more, _) = listens(&["-f", file]);
    assert_eq!(first, ["127.0.0.1:1", "127.0.0.1:7203"]);
    let of_node = [
        some("127.0.0.1:2"),
        some("127.0.0.1:9003"),
        some("127.0.0.1:9004"),
    ];
    assert_eq!(more, of_node, "the section db means a node");
}
