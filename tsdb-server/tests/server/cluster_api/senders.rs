//! Tenants and pairs of senders, through the coordinators of a cluster.

use serde_json::{Value, json};

use super::{Call, TIME, Target, cluster};
use crate::support::{Etcd, exported, series, write_body};

const FILE: &str = "\
tsdb:
  tenants:
    - {name: a, retention: 36500d}
    - {name: b, namespace: of_b, retention: 36500d, maxSamplesPerSecond: 10}
";
const ID: &str = "x-scope-orgid";

fn write(labels: &[(&str, &str)], samples: i64) -> Call {
    let samples: Vec<_> = (0..samples).map(|at| (TIME + at, 1f64.to_bits())).collect();
    let body = write_body(vec![series(labels, &samples)]);
    Call::post("/api/v1/write", body).with(&[
        ("content-type", "application/x-protobuf"),
        ("content-encoding", "snappy"),
    ])
}

async fn names(target: &Target, headers: &[(&'static str, &'static str)]) -> Value {
    let call = Call::get("/api/v1/label/__name__/values").with(headers);
    let answer = target.answer(&call).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer: Value = serde_json::from_slice(&answer.body).expect("JSON");
    answer["data"].clone()
}

#[tokio::test]
async fn tenants_see_their_own_data_and_of_a_pair_one_copy_is_stored() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(etcd) = Etcd::start(folder.path()).await else {
        return;
    };
    let file = folder.path().join("tsdb.yml");
    std::fs::write(&file, FILE).expect("writing");
    let more = [
        "--config",
        file.to_str().expect("a path"),
        "--ha-replica-label",
        "__replica__",
    ];
    let (members, targets) = cluster(folder.path(), &etcd, "majority", &more).await;
    let (a, b) = ([(ID, "a")], [(ID, "b")]);

    let of_a = write(&[("__name__", "of_a")], 1).with(&a);
    assert_eq!(targets[0].answer(&of_a).await.status, 204);
    let of_b = write(&[("__name__", "of_b")], 1).with(&b);
    assert_eq!(targets[1].answer(&of_b).await.status, 204);
    let of_nobody = write(&[("__name__", "of_nobody")], 1);
    assert_eq!(targets[2].answer(&of_nobody).await.status, 204);
    let line = r#"{"metric":{"__name__":"imported"},"values":[1],"timestamps":[1000]}"#;
    let import = Call::post("/tenant/a/api/v1/import", line);
    assert_eq!(targets[2].answer(&import).await.status, 200);
    for target in &targets {
        assert_eq!(names(target, &a).await, json!(["imported", "of_a"]));
        assert_eq!(names(target, &b).await, json!(["of_b"]));
        assert_eq!(names(target, &[]).await, json!(["of_nobody"]));
    }
    // A sender is charged where it sends, also for what goes to nodes.
    let much = write(&[("__name__", "of_b")], 100).with(&b);
    assert_eq!(targets[1].answer(&much).await.status, 204);
    let refused = targets[1].answer(&much).await;
    assert_eq!(refused.status, 429, "{}", refused.text());

    // Of a pair that writes to one server.
    for (replica, samples) in [("x", 3), ("y", 3), ("x", 5), ("y", 5)] {
        let labels = [
            ("__name__", "up"),
            ("__replica__", replica),
            ("cluster", "c"),
        ];
        let answer = targets[0].answer(&write(&labels, samples)).await;
        assert_eq!(answer.status, 204, "{}", answer.text());
    }
    let samples = (0..5).map(|at| (TIME + at, 1f64.to_bits()));
    let expected = [("up{cluster=\"c\"}".to_owned(), samples.collect::<Vec<_>>())];
    for member in &members {
        let server = member.server.as_ref().expect("it runs");
        assert_eq!(exported(server, "up").await, expected);
    }
    let first = members[0].server.as_ref().expect("it runs");
    assert_eq!(first.metric("tsdb_ha_duplicate_samples_total").await, 8.0);
}
