//! A database made by the scripts of M3's guides, word for word.

use serde_json::{Value, json};

use super::requests::{has_curl, run, value};
use crate::support::{Server, wait_for};

/// The placement that M3 makes for a database on one machine, as jsonpb prints it.
fn local_placement() -> String {
    let shard = |id: u32| {
        format!(
            r#"{{"id":{id},"state":"AVAILABLE","sourceId":"","cutoverNanos":"0","cutoffNanos":"0","redirectToShardId":null}}"#
        )
    };
    let shards: Vec<String> = (0..64).map(shard).collect();
    let shards = shards.join(",");
    format!(
        r#"{{"instances":{{"m3db_local":{{"id":"m3db_local","isolationGroup":"local","zone":"embedded","weight":1,"endpoint":"127.0.0.1:9000","shards":[{shards}],"shardSetId":0,"hostname":"localhost","port":9000,"metadata":{{"debugPort":0}},"subclusterId":0}}}},"replicaFactor":1,"numShards":64,"isSharded":true,"cutoverTime":"0","isMirrored":false,"maxShardSetId":0,"isSubclustered":false,"instancesPerSubcluster":0}}"#
    )
}

const TWELVE_HOURS: &str = r#"{"bootstrapEnabled":true,"flushEnabled":true,"writesToCommitLog":true,"cleanupEnabled":true,"repairEnabled":false,"retentionOptions":{"retentionPeriodNanos":"43200000000000","blockSizeNanos":"1800000000000","bufferFutureNanos":"120000000000","bufferPastNanos":"600000000000","blockDataExpiry":true,"blockDataExpiryAfterNotAccessPeriodNanos":"300000000000","futureRetentionPeriodNanos":"0"},"snapshotEnabled":true,"indexOptions":{"enabled":true,"blockSizeNanos":"1800000000000"},"schemaOptions":null,"coldWritesEnabled":false,"runtimeOptions":null,"cacheBlocksOnRetrieve":false,"aggregationOptions":{"aggregations":[{"aggregated":false,"attributes":null}]},"stagingState":{"status":"STATUS"},"extendedOptions":null}"#;

#[tokio::test]
async fn the_walk_through_of_one_node_runs_word_for_word() {
    if !has_curl() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let made = run(
        &server,
        r#"curl -X POST http://localhost:7201/api/v1/database/create -d '{"type":"local","namespaceName":"default","retentionTime":"12h"}'"#,
    );
    let (options, placement) = (
        TWELVE_HOURS.replace("STATUS", "INITIALIZING"),
        local_placement(),
    );
    let expected = format!(
        r#"{{"namespace":{{"registry":{{"namespaces":{{"default":{options}}}}}}},"placement":{{"placement":{placement},"version":0}}}}"#
    );
    assert_eq!(made, expected);
    for path in ["placement", "services/m3db/placement"] {
        let script = format!("curl http://localhost:7201/api/v1/{path}");
        let expected = format!(r#"{{"placement":{placement},"version":1}}"#);
        assert_eq!(run(&server, &script), expected, "{path}");
    }
    let again = run(
        &server,
        r#"curl -s -o /dev/null -w '%{http_code}' -X POST http://localhost:7201/api/v1/database/create -d '{"type":"local","namespaceName":"default","retentionTime":"12h"}'"#,
    );
    assert_eq!(again, "409");
}

#[tokio::test]
async fn the_quickstart_runs_up_to_its_writes() {
    if !has_curl() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let before = run(
        &server,
        "curl -s -w ' %{http_code}' http://localhost:7201/api/v1/services/m3db/placement",
    );
    assert!(
        before.starts_with(r#"{"status":"error","error":"placement does not exist"#)
            && before.ends_with("404"),
        "{before}"
    );
    run(
        &server,
        r#"#!/bin/bash
curl -X POST http://localhost:7201/api/v1/database/create -d '{
  "type": "local",
  "namespaceName": "default",
  "retentionTime": "12h"
}'"#,
    );
    wait_for("all shards", 10, async || {
        let answer = run(
            &server,
            "curl http://localhost:7201/api/v1/services/m3db/placement",
        );
        let placement = value(&answer);
        let shards = placement["placement"]["instances"]["m3db_local"]["shards"]
            .as_array()?
            .clone();
        let is_there = |shard: &Value| shard["state"] == "AVAILABLE";
        (shards.len() == 64 && shards.iter().all(is_there)).then_some(())
    })
    .await;
    let ready = run(
        &server,
        r#"curl -X POST http://localhost:7201/api/v1/services/m3db/namespace/ready -d '{
  "name": "default"
}'"#,
    );
    assert_eq!(ready, r#"{"ready":true}"#);
    let expected = format!(
        r#"{{"registry":{{"namespaces":{{"default":{}}}}}}}"#,
        TWELVE_HOURS.replace("STATUS", "READY")
    );
    let listed = run(
        &server,
        "curl http://localhost:7201/api/v1/services/m3db/namespace",
    );
    assert_eq!(listed, expected);
}

#[tokio::test]
async fn times_are_shown_as_durations_and_a_second_namespace_needs_two_words() {
    if !has_curl() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    run(
        &server,
        r#"curl -X POST http://localhost:7201/api/v1/database/create -d '{"type":"local","namespaceName":"default","retentionTime":"12h"}'"#,
    );
    let debug = run(
        &server,
        "curl 'http://localhost:7201/api/v1/services/m3db/namespace?debug=true'",
    );
    let debug = &value(&debug)["registry"]["namespaces"]["default"];
    assert_eq!(
        debug["retentionOptions"],
        json!({
            "retentionPeriodDuration": "12h0m0s", "blockSizeDuration": "30m0s",
            "bufferFutureDuration": "2m0s", "bufferPastDuration": "10m0s", "blockDataExpiry": true,
            "blockDataExpiryAfterNotAccessPeriodDuration": "5m0s", "futureRetentionPeriodDuration": "0s",
        })
    );
    let second = run(
        &server,
        r#"curl -X POST localhost:7201/api/v1/database/namespace/create -d '{
  "namespaceName": "default_unaggregated",
  "retentionTime": "24h"
}'"#,
    );
    let names = &value(&second)["namespace"]["registry"]["namespaces"];
    assert!(
        names["default_unaggregated"].is_object() && names["default"].is_object(),
        "{second}"
    );
}
