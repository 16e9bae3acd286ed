//! The HTTP and JSON of M3's nodes: its walk-through word for word, and every kind of request.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Server, exported, free_port, get, post, program};

/// A server that serves the addresses of a node as well.
struct Node {
    server: Server,
    node: String,
    cluster: String,
}

impl Node {
    fn start(folder: &tempfile::TempDir, more: &[&str]) -> Self {
        let address = || format!("127.0.0.1:{}", free_port());
        let (node, cluster) = (address(), address());
        let addresses = ["--node-listen", &node, "--cluster-listen", &cluster];
        let arguments = [&addresses[..], more].concat();
        Self {
            server: Server::start(folder.path(), &arguments),
            node: format!("http://{node}"),
            cluster: format!("http://{cluster}"),
        }
    }

    /// Status and JSON of a POST to the cluster's address.
    async fn post(&self, path: &str, body: impl Into<bytes::Bytes>) -> (u16, Value) {
        let answer = post(&format!("{}{path}", self.cluster), &[], body).await;
        let json = serde_json::from_slice(&answer.body);
        (
            answer.status,
            json.unwrap_or_else(|error| panic!("{path}: {error}: {}", answer.text())),
        )
    }

    async fn written(&self, body: &Value) {
        let path = match body.get("tags") {
            Some(_) => "/writetagged",
            None => "/write",
        };
        assert_eq!(
            self.post(path, body.to_string()).await,
            (200, json!({})),
            "{body}"
        );
    }

    /// The ids that a query finds.
    async fn ids(&self, query: &Value) -> Vec<String> {
        let body = json!({"namespace": "default", "query": query, "rangeEnd": 100});
        let (status, answer) = self.post("/query", body.to_string()).await;
        assert_eq!(status, 200, "{answer}");
        let results = answer["results"].as_array().expect("results");
        let id = |result: &Value| result["id"].as_str().expect("an id").to_owned();
        results.iter().map(id).collect()
    }

    /// The samples that `/fetch` of the node's address finds, all times in one unit.
    async fn fetched(&self, id: &str, (start, end): (i64, i64), unit: &str) -> Vec<(i64, u64)> {
        let body = json!({"namespace": "default", "id": id, "rangeStart": start, "rangeEnd": end, "rangeType": unit, "resultTimeType": unit});
        let answer = post(&format!("{}/fetch", self.node), &[], body.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let answer: Value = serde_json::from_slice(&answer.body).expect("JSON");
        let point = |point: &Value| {
            let value = point["value"].as_f64().expect("a number");
            (
                point["timestamp"].as_i64().expect("a time"),
                value.to_bits(),
            )
        };
        let points = answer["datapoints"].as_array().expect("points");
        points.iter().map(point).collect()
    }

    async fn refused(&self, path: &str, body: impl Into<bytes::Bytes>) -> String {
        let (status, answer) = self.post(path, body).await;
        assert_eq!(status, 400, "{answer}");
        assert_eq!(answer["error"]["data"]["type"], "BAD_REQUEST");
        assert_eq!(
            answer["error"]["data"]["message"],
            answer["error"]["message"]
        );
        answer["error"]["message"]
            .as_str()
            .expect("a text")
            .to_owned()
    }
}

/// What curl prints and its status, for arguments as a reader types them.
fn curl(arguments: &[&str]) -> Option<(String, String)> {
    let curl = program("curl", "curl")?;
    let output = Command::new(curl)
        .args(["-sS", "-w", "\n%{http_code}"])
        .args(arguments)
        .output()
        .expect("curl runs");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let (body, status) = text.rsplit_once('\n').expect("a status");
    Some((body.to_owned(), status.to_owned()))
}

fn walk_through(timestamp: i64) -> (String, String) {
    let write = r#"{
  "namespace": "default",
  "id": "foo",
  "tags": [
    {"name": "__name__", "value": "user_login"},
    {"name": "city", "value": "new_york"},
    {"name": "endpoint", "value": "/request"}
  ],
  "datapoint": {"timestamp": TIMESTAMP, "value": 42.123456789}
}"#;
    let query = r#"{
  "namespace": "default",
  "query": {"regexp": {"field": "city", "regexp": ".*"}},
  "rangeStart": 0,
  "rangeEnd": END
}"#;
    let end = (timestamp + 610).to_string();
    (
        write.replace("TIMESTAMP", &timestamp.to_string()),
        query.replace("END", &end),
    )
}

fn walked_through(timestamp: i64) -> Value {
    json!({
        "results": [{
            "id": "foo",
            "tags": [
                {"name": "__name__", "value": "user_login"},
                {"name": "city", "value": "new_york"},
                {"name": "endpoint", "value": "/request"},
            ],
            "datapoints": [{"timestamp": timestamp, "value": 42.123456789}],
        }],
        "exhaustive": true,
    })
}

#[tokio::test]
async fn the_walk_through_of_a_single_node_works_word_for_word() {
    let folder = tempfile::tempdir().expect("a folder");
    let node = Node::start(&folder, &[]);
    let (write, query) = walk_through(1_527_039_389);
    let url = |path: &str| format!("{}{path}", node.cluster);
    let Some(written) = curl(&["-X", "POST", &url("/writetagged"), "-d", &write]) else {
        return;
    };
    assert_eq!(written, ("{}".to_owned(), "200".to_owned()));
    let (found, status) = curl(&["-X", "POST", &url("/query"), "-d", &query]).expect("curl");
    assert_eq!(status, "200", "{found}");
    assert!(found.contains("\"value\":42.123456789}"), "{found}");
    let found: Value = serde_json::from_str(&found).expect("JSON");
    assert_eq!(found, walked_through(1_527_039_389));
    // The id is kept beside the data: no query of the data meets it.
    assert_eq!(
        exported(&node.server, "{__name__=~\".+\"}").await,
        [(
            "user_login{city=\"new_york\", endpoint=\"/request\"}".to_owned(),
            vec![(1_527_039_389_000, 42.123456789_f64.to_bits())]
        )]
    );
    // It outlasts a kill.
    let Node { mut server, .. } = node;
    server.process.kill();
    let node = Node::start(&folder, &[]);
    assert_eq!(
        node.post("/query", query).await,
        (200, walked_through(1_527_039_389))
    );
}

#[tokio::test]
async fn inside_retention_only_fresh_samples_are_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let node = Node::start(&folder, &["--retention", "12h"]);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = i64::try_from(now.expect("after 1970").as_secs()).expect("seconds");
    let (write, query) = walk_through(now);
    assert_eq!(node.post("/writetagged", write).await, (200, json!({})));
    assert_eq!(node.post("/query", query).await, (200, walked_through(now)));
    let (old, _) = walk_through(1_527_039_389);
    let message = node.refused("/writetagged", old).await;
    assert!(message.contains("retention"), "{message}");
}

#[tokio::test]
async fn probes_answer_as_those_of_m3() {
    let folder = tempfile::tempdir().expect("a folder");
    let node = Node::start(&folder, &[]);
    let up = json!({"ok": true, "status": "up", "bootstrapped": true});
    for url in [&node.node, &node.cluster] {
        let health = get(&format!("{url}/health")).await;
        assert_eq!(
            serde_json::from_slice::<Value>(&health.body).ok(),
            Some(up.clone())
        );
    }
    for path in ["/bootstrapped", "/bootstrappedinplacementornoplacement"] {
        let answer = get(&format!("{}{path}", node.node)).await;
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (200, "{}"),
            "{path}"
        );
    }
    let wrong = get(&format!("{}/query", node.node)).await;
    assert_eq!(wrong.status, 400);
    assert!(
        wrong
            .text()
            .contains("request with request params must be POST")
    );
    let wrong = post(&format!("{}/health", node.node), &[], "{}").await;
    assert_eq!(wrong.status, 400);
    assert!(
        wrong
            .text()
            .contains("request without request params must be GET")
    );
    for (path, status, text) in [
        ("/fetchtagged", 501, "use /writetagged and /query"),
        ("/writebatchraw", 501, "remote write"),
        ("/setpersistratelimit", 501, "--log-cap"),
        ("/nothing", 404, "nothing is at /nothing"),
    ] {
        for url in [&node.node, &node.cluster] {
            let answer = post(&format!("{url}{path}"), &[], "{}").await;
            assert_eq!(answer.status, status, "{path}");
            let json: Value = serde_json::from_slice(&answer.body).expect("JSON");
            let message = json["error"]["message"].as_str().expect("a text");
            assert!(message.contains(text), "{message}");
        }
    }
}

/// Samples as `/fetch` answers them: time in the unit that was asked for, and bits.
fn bits(points: &[(i64, f64)]) -> Vec<(i64, u64)> {
    let bits = |(time, value): &(i64, f64)| (*time, value.to_bits());
    points.iter().map(bits).collect()
}

#[tokio::test]
async fn what_is_written_by_id_is_fetched_by_id() {
    let folder = tempfile::tempdir().expect("a folder");
    let node = Node::start(&folder, &[]);
    let write = |id: &str, timestamp: i64, unit: &str, value: f64| {
        let point = json!({"timestamp": timestamp, "value": value, "timestampTimeType": unit});
        json!({"nameSpace": "default", "id": id, "datapoint": point})
    };
    for body in [
        write("foo", 1, "UNIX_SECONDS", 1.5),
        write("foo", 2500, "UNIX_MILLISECONDS", -0.0),
        write("foo", 3_000_999, "UNIX_MICROSECONDS", 1e300),
        write("foo", 4_999_999_999, "UNIX_NANOSECONDS", 5e-324),
        write("\u{e9} \"q\"", 1, "UNIX_SECONDS", 7.0),
    ] {
        node.written(&body).await;
    }
    let all = [(1000, 1.5), (2500, -0.0), (3000, 1e300), (4999, 5e-324)];
    let found = node.fetched("foo", (0, 5000), "UNIX_MILLISECONDS").await;
    assert_eq!(found, bits(&all));
    let found = node.fetched("foo", (1, 3), "UNIX_SECONDS").await;
    assert_eq!(found, bits(&[(1, 1.5), (2, -0.0)]));
    let range = (2_500_000_000, 3_000_000_001);
    let found = node.fetched("foo", range, "UNIX_NANOSECONDS").await;
    assert_eq!(
        found,
        bits(&[(2_500_000_000, -0.0), (3_000_000_000, 1e300)])
    );
    let found = node.fetched("\u{e9} \"q\"", (0, 9), "UNIX_SECONDS").await;
    assert_eq!(found, bits(&[(1, 7.0)]));
    for nobody in ["bar", "", "{}"] {
        assert_eq!(node.fetched(nobody, (0, 9), "UNIX_SECONDS").await, []);
    }
    // No query over tags meets them; a query of Prometheus does, by their one label.
    assert_eq!(node.ids(&json!({"all": {}})).await, [""; 0]);
    let seen = exported(&node.server, "{__m3_id__=\"foo\"}").await;
    assert_eq!(seen.len(), 1, "{seen:?}");
}

#[tokio::test]
async fn series_with_tags_are_fetched_by_the_id_they_were_given_or_that_of_their_tags() {
    let folder = tempfile::tempdir().expect("a folder");
    let node = Node::start(&folder, &[]);
    let short = json!([{"name": "__name__", "value": "up"}, {"name": "job", "value": "a"}]);
    let long = json!([{"name": "__name__", "value": "up"}, {"name": "job", "value": "a"}, {"name": "z", "value": "1"}]);
    let write = |id: &str, tags: &Value, value: f64| {
        let point = json!({"timestamp": 1, "value": value});
        json!({"namespace": "default", "id": id, "tags": tags, "datapoint": point})
    };
    node.written(&write("up-a", &short, 8.0)).await;
    node.written(&write("", &long, 9.0)).await;
    for (id, value) in [
        ("up-a", 8.0),
        ("{__name__=\"up\",job=\"a\"}", 8.0),
        ("{__name__=\"up\",job=\"a\",z=\"1\"}", 9.0),
    ] {
        let found = node.fetched(id, (0, 9), "UNIX_SECONDS").await;
        assert_eq!(found, bits(&[(1, value)]), "{id}");
    }
    // One id for two series cannot be fetched, two ids for one series cannot be written.
    node.written(&write("up-a", &long, 9.0)).await;
    let both = json!({"namespace": "default", "id": "up-a", "rangeEnd": 9});
    let message = node.refused("/fetch", both.to_string()).await;
    assert!(message.contains("several sets of tags"), "{message}");
    let second = write("up-b", &short, 8.0);
    let message = node.refused("/writetagged", second.to_string()).await;
    assert!(
        message.contains("has the id \"up-a\", not \"up-b\""),
        "{message}"
    );
}

/// Five series with tags and one without: id, tags, time in seconds, value.
async fn filled(node: &Node) -> BTreeMap<&'static str, Vec<(&'static str, &'static str)>> {
    let all = BTreeMap::from([
        (
            "a",
            vec![("__name__", "up"), ("city", "new_york"), ("role", "db")],
        ),
        (
            "b",
            vec![("__name__", "up"), ("city", "newark"), ("role", "web")],
        ),
        ("c", vec![("__name__", "up"), ("city", "oslo")]),
        ("d", vec![("__name__", "load"), ("role", "db")]),
        ("e", vec![("__name__", "load"), ("zone", "1")]),
    ]);
    for (index, (id, tags)) in all.iter().enumerate() {
        let tags: Vec<Value> = tags
            .iter()
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect();
        let point = json!({"timestamp": 10 + index, "value": index});
        node.written(&json!({"namespace": "default", "id": id, "tags": tags, "datapoint": point}))
            .await;
    }
    node.written(
        &json!({"namespace": "default", "id": "f", "datapoint": {"timestamp": 10, "value": 1}}),
    )
    .await;
    all
}

type Tags = [(&'static str, &'static str)];
/// A query, and whether a series with these tags is to be found by it.
type Case = (Value, Box<dyn Fn(&Tags) -> bool>);

fn of(tags: &Tags, name: &str) -> Option<&'static str> {
    tags.iter().find(|tag| tag.0 == name).map(|tag| tag.1)
}

fn term(field: &str, term: &str) -> Value {
    json!({"term": {"field": field, "term": term}})
}

fn regexp(field: &str, regexp: &str) -> Value {
    json!({"regexp": {"field": field, "regexp": regexp}})
}

fn field(field: &str) -> Value {
    json!({"field": {"field": field}})
}

fn not(query: &Value) -> Value {
    json!({"negation": {"query": query}})
}

fn and(queries: &[Value]) -> Value {
    json!({"conjunction": {"queries": queries}})
}

fn or(queries: &[Value]) -> Value {
    json!({"disjunction": {"queries": queries}})
}

fn case(query: Value, meets: impl Fn(&Tags) -> bool + 'static) -> Case {
    (query, Box::new(meets))
}

fn simple_cases() -> Vec<Case> {
    let new = |tags: &Tags| of(tags, "city").is_some_and(|city| city.starts_with("new"));
    let has = |name: &'static str| move |tags: &Tags| of(tags, name).is_some();
    vec![
        case(json!({"all": {}}), |_| true),
        case(term("role", "db"), |tags| of(tags, "role") == Some("db")),
        case(term("role", ""), |_| false),
        case(field("city"), has("city")),
        // Whole values are meant, and only those that are there.
        case(regexp("city", "new"), |_| false),
        case(regexp("city", "new.*"), new),
        case(regexp("city", "^new_york$|oslo"), |tags| {
            matches!(of(tags, "city"), Some("new_york" | "oslo"))
        }),
        case(regexp("city", ".*"), has("city")),
    ]
}

fn compound_cases() -> Vec<Case> {
    let new = |tags: &Tags| of(tags, "city").is_some_and(|city| city.starts_with("new"));
    let is_db = |tags: &Tags| of(tags, "role") == Some("db");
    let either = or(&[term("zone", "1"), term("role", "db"), term("role", "db")]);
    let both = and(&[
        or(&[term("role", "db"), field("zone")]),
        or(&[term("__name__", "load"), field("city")]),
    ]);
    let neither = not(&and(&[field("role"), or(&[field("city"), field("zone")])]));
    vec![
        case(not(&regexp("city", ".*")), |tags| {
            of(tags, "city").is_none()
        }),
        case(not(&regexp("city", "new.*")), move |tags| !new(tags)),
        case(not(&term("role", "db")), move |tags| !is_db(tags)),
        case(not(&field("role")), |tags| of(tags, "role").is_none()),
        case(not(&json!({"all": {}})), |_| false),
        case(
            and(&[term("__name__", "up"), not(&term("role", "db"))]),
            move |tags| of(tags, "__name__") == Some("up") && !is_db(tags),
        ),
        case(either, move |tags| {
            of(tags, "zone") == Some("1") || is_db(tags)
        }),
        case(both, move |tags| {
            (is_db(tags) || of(tags, "zone").is_some())
                && (of(tags, "__name__") == Some("load") || of(tags, "city").is_some())
        }),
        case(neither, |tags| {
            let placed = of(tags, "city").is_some() || of(tags, "zone").is_some();
            !(of(tags, "role").is_some() && placed)
        }),
    ]
}

#[tokio::test]
async fn every_kind_of_query_finds_what_a_model_finds() {
    let folder = tempfile::tempdir().expect("a folder");
    let node = Node::start(&folder, &[]);
    let all = filled(&node).await;
    for (query, meets) in simple_cases().into_iter().chain(compound_cases()) {
        let mut found = node.ids(&query).await;
        found.sort_unstable();
        let met = all.iter().filter(|(_, tags)| meets(tags));
        let expected: Vec<&str> = met.map(|(id, _)| *id).collect();
        assert_eq!(found, expected, "{query}");
    }
}

#[tokio::test]
async fn answers_are_limited_without_data_and_in_the_range() {
    let folder = tempfile::tempdir().expect("a folder");
    let node = Node::start(&folder, &[]);
    filled(&node).await;
    let ask = async |more: Value| {
        let mut body = json!({"namespace": "default", "query": {"all": {}}, "rangeEnd": 100});
        for (key, value) in more.as_object().expect("an object") {
            body[key] = value.clone();
        }
        let (status, answer) = node.post("/query", body.to_string()).await;
        assert_eq!(status, 200, "{answer}");
        answer
    };
    for no_data in [false, true] {
        for (limit, count, exhaustive) in [(0, 5, true), (4, 4, false), (5, 5, true), (9, 5, true)]
        {
            let answer = ask(json!({"limit": limit, "noData": no_data})).await;
            assert_eq!(
                answer["results"].as_array().map(Vec::len),
                Some(count),
                "{answer}"
            );
            assert_eq!(answer["exhaustive"], exhaustive, "{answer}");
        }
    }
    let answer = ask(json!({"noData": true, "limit": 1})).await;
    assert_eq!(answer["results"][0]["datapoints"], Value::Null);
    assert_eq!(answer["results"][0]["tags"][0]["name"], "__name__");
    // The end is not in the range.
    let answer =
        ask(json!({"rangeStart": 11, "rangeEnd": 12, "resultTimeType": "UNIX_NANOSECONDS"})).await;
    assert_eq!(
        answer["results"].as_array().map(Vec::len),
        Some(1),
        "{answer}"
    );
    assert_eq!(
        answer["results"][0]["datapoints"],
        json!([{"timestamp": 11_000_000_000_i64, "value": 1}])
    );
    assert_eq!(
        ask(json!({"rangeEnd": 0})).await,
        json!({"results": [], "exhaustive": true})
    );
}

#[tokio::test]
async fn a_long_answer_comes_in_pieces_and_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let node = Node::start(&folder, &[]);
    let times: Vec<i64> = (0..40_000).map(|index| index * 1000).collect();
    let lines: Vec<String> = ["a", "b"]
        .map(|job| {
            let metric = json!({"__name__": "long", "job": job});
            json!({"metric": metric, "values": times, "timestamps": times}).to_string()
        })
        .to_vec();
    let import = format!("{}/api/v1/import", node.server.api);
    assert_eq!(post(&import, &[], lines.join("\n")).await.status, 200);
    let query = json!({"namespace": "default", "query": {"field": {"field": "job"}}, "rangeEnd": 40_000, "resultTimeType": "UNIX_MILLISECONDS"});
    let (status, answer) = node.post("/query", query.to_string()).await;
    assert_eq!((status, &answer["exhaustive"]), (200, &json!(true)));
    for (index, job) in ["a", "b"].iter().enumerate() {
        let series = &answer["results"][index];
        assert_eq!(series["id"], format!("{{__name__=\"long\",job=\"{job}\"}}"));
        let points = series["datapoints"].as_array().expect("points");
        let found: Vec<i64> = points
            .iter()
            .filter_map(|point| point["timestamp"].as_i64())
            .collect();
        assert_eq!(found, times);
        assert!(
            points
                .iter()
                .all(|point| point["timestamp"] == point["value"])
        );
    }
    let fetch =
        json!({"namespace": "default", "id": "{__name__=\"long\",job=\"b\"}", "rangeEnd": 40_000});
    let (_, answer) = node.post("/fetch", fetch.to_string()).await;
    assert_eq!(answer["datapoints"].as_array().map(Vec::len), Some(40_000));
}

#[tokio::test]
async fn tags_are_aggregated() {
    let folder = tempfile::tempdir().expect("a folder");
    let node = Node::start(&folder, &[]);
    filled(&node).await;
    let ask = async |more: Value| {
        let mut body = json!({"namespace": "default", "rangeEnd": 100});
        for (key, value) in more.as_object().expect("an object") {
            body[key] = value.clone();
        }
        node.post("/aggregate", body.to_string()).await
    };
    let tag = |name: &str, values: &[&str]| {
        let values: Vec<Value> = values
            .iter()
            .map(|value| json!({"tagValue": value}))
            .collect();
        json!({"tagName": name, "tagValues": values})
    };
    let everything = json!([
        tag("__name__", &["load", "up"]),
        tag("city", &["new_york", "newark", "oslo"]),
        tag("role", &["db", "web"]),
        tag("zone", &["1"]),
    ]);
    let (status, answer) = ask(json!({})).await;
    assert_eq!(
        (status, answer),
        (200, json!({"results": everything, "exhaustive": true}))
    );
    let query = json!({"disjunction": {"queries": [
        {"term": {"field": "zone", "term": "1"}}, {"term": {"field": "city", "term": "oslo"}}]}});
    let (_, answer) =
        ask(json!({"query": query, "tagNameFilter": ["__name__", "zone", "none"]})).await;
    let filtered = json!([tag("__name__", &["load", "up"]), tag("zone", &["1"])]);
    assert_eq!(answer, json!({"results": filtered, "exhaustive": true}));
    let (_, answer) = ask(json!({"aggregateQueryType": "AGGREGATE_BY_TAG_NAME"})).await;
    let names = json!([
        tag("__name__", &[]),
        tag("city", &[]),
        tag("role", &[]),
        tag("zone", &[])
    ]);
    assert_eq!(answer, json!({"results": names, "exhaustive": true}));
    let (_, answer) = ask(json!({"seriesLimit": 3})).await;
    let cut = json!([tag("__name__", &["load", "up"]), tag("city", &["new_york"])]);
    assert_eq!(answer, json!({"results": cut, "exhaustive": false}));
    let (_, answer) = ask(json!({"seriesLimit": 8})).await;
    assert_eq!(answer["exhaustive"], true);
    let (status, answer) = ask(json!({"seriesLimit": 3, "requireExhaustive": true})).await;
    assert_eq!(status, 400);
    assert!(
        answer
            .to_string()
            .contains("require_exhaustive=true, series_limit=3"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_namespace_is_truncated_if_that_is_allowed() {
    let folder = tempfile::tempdir().expect("a folder");
    let node = Node::start(&folder, &[]);
    filled(&node).await;
    let answer = post(
        &format!("{}/truncate", node.node),
        &[],
        r#"{"nameSpace":"default"}"#,
    )
    .await;
    assert_eq!(answer.status, 403);
    assert!(
        answer.text().contains("--enable-admin-api"),
        "{}",
        answer.text()
    );
    assert_eq!(node.ids(&json!({"all": {}})).await.len(), 5);
    drop(node);

    let node = Node::start(&folder, &["--enable-admin-api"]);
    // As Go writes bytes, and as people do.
    let (status, answer) = node
        .post("/truncate", r#"{"nameSpace":"ZGVmYXVsdA=="}"#)
        .await;
    assert_eq!((status, answer), (200, json!({"numSeries": 6})));
    assert_eq!(node.ids(&json!({"all": {}})).await, [""; 0]);
    assert_eq!(exported(&node.server, "{__name__=~\".+\"}").await, []);
    // The ids went with the series.
    let tags = json!([{"name": "__name__", "value": "up"}, {"name": "city", "value": "oslo"}]);
    let point = json!({"timestamp": 10, "value": 1});
    node.written(&json!({"namespace": "default", "id": "new", "tags": tags, "datapoint": point}))
        .await;
    assert_eq!(node.ids(&json!({"all": {}})).await, ["new"]);
    let (status, answer) = node.post("/truncate", r#"{"namespace":"default"}"#).await;
    assert_eq!((status, answer), (200, json!({"numSeries": 1})));
    let message = node.refused("/truncate", r#"{"namespace":"none"}"#).await;
    assert!(
        message.contains("there is no namespace \"none\""),
        "{message}"
    );
}

const POINT: &str = r#""datapoint":{"timestamp":1,"value":1}"#;
const TAGS: &str = r#""tags":[{"name":"__name__","value":"a"}]"#;

/// Bodies of `/writetagged` that are refused, and a part of the reason.
fn wrong_writes() -> Vec<(String, &'static str)> {
    let begun = r#"{"namespace":"default","id":"a""#;
    let tags = |tags: &str| format!("{begun},\"tags\":[{tags}],{POINT}}}");
    let of =
        |namespace: &str| format!("{{\"namespace\":\"{namespace}\",\"id\":\"a\",{TAGS},{POINT}}}");
    let long = "x".repeat(200_000);
    vec![
        (String::new(), "EOF while parsing"),
        ("[1]".to_owned(), "[1] is not an object"),
        (of("none"), "there is no namespace \"none\""),
        (
            format!("{{\"id\":\"a\",{TAGS},{POINT}}}"),
            "there is no namespace \"\"",
        ),
        (of("_series_ids"), "there is no namespace \"_series_ids\""),
        (
            format!("{begun},{TAGS},{POINT},\"x\":1}}"),
            "unknown field \"x\"",
        ),
        (tags(r#"{"name":"a","value":"1"}"#), "no metric name"),
        (
            tags(r#"{"name":"a","value":"1"},{"name":"a","value":"2"}"#),
            "invalid tags",
        ),
        (tags(r#"{"name":"__m3_id__","value":"1"}"#), "__m3_id__"),
        (
            format!("{{\"namespace\":\"default\",\"id\":\"{long}\",{TAGS},{POINT}}}"),
            "max_label_value_bytes",
        ),
    ]
}

#[tokio::test]
async fn wrong_bodies_are_refused_and_cost_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let node = Node::start(&folder, &[]);
    for (body, text) in wrong_writes() {
        let message = node.refused("/writetagged", body).await;
        assert!(message.contains(text), "{text}: {message}");
    }
    let long = "x".repeat(200_000);
    let deep = format!("{{\"query\":{}", "{\"negation\":{\"query\":".repeat(20_000));
    let no_regexp = r#"{"namespace":"default","query":{"regexp":{"field":"a","regexp":"("}}}"#;
    let untagged = format!("{{\"namespace\":\"default\",\"id\":\"{long}\",{POINT}}}");
    for (path, body, text) in [
        ("/write", untagged.as_str(), "max_label_value_bytes"),
        ("/query", &deep, "EOF while parsing"),
        ("/query", no_regexp, "missing closing )"),
        (
            "/fetch",
            r#"{"namespace":"none","id":"a"}"#,
            "there is no namespace",
        ),
        (
            "/aggregate",
            r#"{"namespace":"none"}"#,
            "there is no namespace",
        ),
    ] {
        let message = node.refused(path, body.to_owned()).await;
        assert!(message.contains(text), "{path}: {message}");
    }
    let long = post(&format!("{}/query", node.node), &[], vec![b' '; 2 << 20]).await;
    assert_eq!(long.status, 413);
    assert!(
        long.text().contains("longer than 1048576 bytes"),
        "{}",
        long.text()
    );
    // Skipped on request.
    let header = [("M3-JSON-Disable-Disallow-Unknown-Fields", "true")];
    let body = format!("{{\"namespace\":\"default\",\"id\":\"a\",{TAGS},{POINT},\"x\":1}}");
    let answer = post(&format!("{}/writetagged", node.node), &header, body).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "{}"));
    assert_eq!(node.ids(&json!({"all": {}})).await, ["a"]);
    assert_eq!(node.server.metric("tsdb_request_inflight_bytes").await, 0.0);
    assert_eq!(node.server.metric("tsdb_panics_total").await, 0.0);
}
