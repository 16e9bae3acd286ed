//! Real servers, a real etcd: what was acknowledged is there whoever dies.

use std::num::NonZeroU32;
use std::path::Path;

use serde_json::{Value, json};
use tsdb_cluster::NodeId;
use tsdb_cluster::message::{DigestOf, DigestRequest};
use tsdb_cluster::transport::Transport as _;
use tsdb_core::{ShardDigest, TimeRange};
use tsdb_server::rpc::{Endpoints, RpcClient, RpcClientOptions};

use crate::support::{
    Answer, Etcd, Sent, Server, exported, get, lasting_port, post, request, series, wait_for,
    write_body, write_request,
};

const START_MS: i64 = 1_700_000_000_000;
pub(crate) const PLACEMENT: &str = "/api/v1/services/m3db/placement";

/// A server of a cluster, and how it is started again.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) server: Option<Server>,
    pub(crate) id: String,
    /// Where it listens for its API: the same whenever it starts.
    pub(crate) listen: String,
    /// Where it listens for the other servers.
    pub(crate) endpoint: String,
    pub(crate) etcd: String,
    pub(crate) read_level: &'static str,
    /// Further arguments.
    pub(crate) more: Vec<String>,
}

impl Member {
    pub(crate) fn new(id: &str, etcd: &Etcd) -> Self {
        Self {
            server: None,
            id: id.to_owned(),
            listen: format!("127.0.0.1:{}", lasting_port()),
            endpoint: format!("127.0.0.1:{}", lasting_port()),
            etcd: etcd.url.replace("http://", ""),
            read_level: "majority",
            more: Vec::new(),
        }
    }

    pub(crate) fn start(&mut self, folder: &Path) {
        let mut arguments = vec![
            "--listen",
            &self.listen,
            "--etcd",
            &self.etcd,
            "--node-id",
            &self.id,
            "--rpc-listen",
            &self.endpoint,
            "--read-consistency-level",
            self.read_level,
            "--enable-admin-api",
        ];
        arguments.extend(self.more.iter().map(String::as_str));
        self.server = Some(Server::start(&folder.join(&self.id), &arguments));
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.process.kill();
        }
    }

    pub(crate) fn api(&self) -> &str {
        &self.server.as_ref().expect("it runs").api
    }

    pub(crate) fn instance(&self, group: &str) -> Value {
        self.instance_at(group, &self.endpoint)
    }

    /// The same where others reach it at another address.
    pub(crate) fn instance_at(&self, group: &str, endpoint: &str) -> Value {
        let port: u16 = endpoint
            .rsplit(':')
            .next()
            .expect("a port")
            .parse()
            .expect("a port");
        json!({"id": self.id, "isolation_group": group, "zone": "embedded", "weight": 100,
            "endpoint": endpoint, "hostname": self.id, "port": port})
    }
}

/// Three servers with all shards at each.
pub(crate) async fn three(folder: &Path, etcd: &Etcd, shards: u32) -> Vec<Member> {
    let members = ["n1", "n2", "n3"].map(|id| Member::new(id, etcd));
    joined(members.into(), folder, shards).await
}

/// Three servers as they are to be, with all shards at each.
pub(crate) async fn joined(mut members: Vec<Member>, folder: &Path, shards: u32) -> Vec<Member> {
    for member in &mut members {
        member.start(folder);
    }
    let groups = ["a", "b", "c"];
    let instances = members
        .iter()
        .zip(groups)
        .map(|(member, group)| member.instance(group));
    let body = json!({"num_shards": shards, "replication_factor": 3,
        "instances": instances.collect::<Vec<_>>()});
    let url = format!("{}{PLACEMENT}/init", members[0].api());
    let made = post(&url, &[], body.to_string()).await;
    assert_eq!(made.status, 200, "{}", made.text());
    for member in &members {
        is_settled(member.api()).await;
    }
    members
}

/// Waits until every shard is at its place.
pub(crate) async fn is_settled(api: &str) {
    wait_for("all shards to be available", 60, async || {
        let answer = get(&format!("{api}{PLACEMENT}")).await;
        let text = answer.text();
        let is_settled =
            answer.status == 200 && !text.contains("INITIALIZING") && !text.contains("LEAVING");
        is_settled.then_some(())
    })
    .await;
}

/// Grows with every change of the placement.
pub(crate) async fn version(api: &str) -> u64 {
    let answer = get(&format!("{api}{PLACEMENT}")).await;
    let placement: Value = serde_json::from_slice(&answer.body).expect("JSON");
    placement["version"].as_u64().expect("a number")
}

/// Writes one sample of each of forty series.
pub(crate) async fn write(api: &str, round: i64) -> Answer {
    let all = (0..40).map(|number: i64| {
        let value = f64::from(u32::try_from(number * 1000 + round).expect("small"));
        let samples: [Sent; 1] = [(START_MS + round * 1000, value.to_bits())];
        let number = number.to_string();
        series(&[("__name__", "replicated"), ("number", &number)], &samples)
    });
    let sent = write_request(api, write_body(all.collect())).await;
    sent.expect("an answer")
}

/// Writes until it is acknowledged.
pub(crate) async fn write_for_sure(api: &str, round: i64) {
    wait_for("an acknowledgement", 30, async || {
        let status = write(api, round).await.status;
        (status / 100 == 2).then_some(())
    })
    .await;
}

/// Every series has all samples of the rounds, bit for bit.
pub(crate) async fn has_rounds(member: &Member, rounds: i64) {
    let server = member.server.as_ref().expect("it runs");
    let found = exported(server, "replicated").await;
    assert_eq!(found.len(), 40, "{}", member.id);
    for (labels, samples) in found {
        let number = labels.split('"').nth(1).expect("a number");
        let number: i64 = number.parse().expect("a number");
        let expected = (0..rounds).map(|round| {
            let value = f64::from(u32::try_from(number * 1000 + round).expect("small"));
            (START_MS + round * 1000, value.to_bits())
        });
        assert_eq!(
            samples,
            expected.collect::<Vec<_>>(),
            "{labels} from {}",
            member.id
        );
    }
}

/// Waits until a member asks all others again: it spares those that it did not reach just now.
async fn asks_all(member: &Member) {
    let url = format!("{}/api/v1/cluster", member.api());
    wait_for("all nodes to be asked again", 30, async || {
        let answer: Value = serde_json::from_slice(&get(&url).await.body).expect("JSON");
        let nodes = answer["data"]["nodes"].as_array().expect("a list");
        let is_asked =
            |node: &Value| node["reachable"] == true && node["circuits"]["calls"] == "closed";
        nodes.iter().all(is_asked).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_was_acknowledged_is_there_whoever_dies() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mut etcd) = Etcd::start(folder.path()).await else {
        return;
    };
    let mut members = three(folder.path(), &etcd, 16).await;
    for round in 0..10 {
        let answer = write(
            members[usize::try_from(round % 3).expect("small")].api(),
            round,
        )
        .await;
        assert_eq!(answer.status / 100, 2, "{}", answer.text());
    }
    for member in &members {
        has_rounds(member, 10).await;
    }
    let names = get(&format!("{}/api/v1/label/number/values", members[1].api())).await;
    let names: Value = serde_json::from_slice(&names.body).expect("JSON");
    assert_eq!(names["data"].as_array().map(Vec::len), Some(40));

    // One dies: nobody waits for it.
    members[2].kill();
    for round in 10..20 {
        write_for_sure(members[0].api(), round).await;
    }
    has_rounds(&members[1], 20).await;
    // It comes back, and another dies: what it missed is read from the third.
    members[2].start(folder.path());
    asks_all(&members[0]).await;
    members[1].kill();
    has_rounds(&members[0], 20).await;
    has_rounds(&members[2], 20).await;
    members[1].start(folder.path());

    // Without etcd everything goes on.
    etcd.kill();
    for round in 20..30 {
        write_for_sure(members[1].api(), round).await;
    }
    for member in &members {
        has_rounds(member, 30).await;
    }
    etcd.restart().await;
}

/// What the node of a member has on its own disk, of each shard in each window; none while it does
/// not answer.
pub(crate) async fn digests(
    member: &Member,
    shards: u32,
    window_ms: i64,
) -> Option<Vec<ShardDigest>> {
    let id = NodeId::new(member.id.as_str());
    let endpoints = Endpoints::default();
    endpoints.replace([(id.clone(), member.endpoint.as_str().into())]);
    let client = RpcClient::new(endpoints, RpcClientOptions::default());
    let status = client.status(&id).await.ok()?;
    let promised = status.shards.iter();
    let request = DigestRequest {
        namespace: "default".into(),
        incarnation: status.incarnation,
        epochs: promised
            .map(|(shard, state)| (*shard, state.epoch))
            .collect(),
        shards: NonZeroU32::new(shards).expect("not 0"),
        deletes_seen: 0,
        range: TimeRange::ALL,
        of: DigestOf::Windows { window_ms },
    };
    let reply = client.digest(&id, request).await.ok()?;
    Some(reply.windows)
}

/// Samples among them.
pub(crate) fn samples(digests: &[ShardDigest]) -> u64 {
    digests.iter().map(|one| one.samples).sum()
}

#[tokio::test]
async fn a_node_that_was_away_fetches_what_it_missed_by_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(etcd) = Etcd::start(folder.path()).await else {
        return;
    };
    // Few shards, so that all are compared within a minute.
    let shards = 2;
    let mut members = three(folder.path(), &etcd, shards).await;
    for round in 0..10 {
        write_for_sure(members[0].api(), round).await;
    }
    members[2].kill();
    for round in 10..20 {
        write_for_sure(members[1].api(), round).await;
    }
    members[2].read_level = "one";
    members[2].start(folder.path());
    wait_for("the node to have what it missed", 60, async || {
        let has = digests(&members[2], shards, 60_000).await?;
        (samples(&has) == 40 * 20).then_some(())
    })
    .await;
    // Nobody is left to ask but the node itself.
    members[0].kill();
    members[1].kill();
    has_rounds(&members[2], 20).await;
}

#[tokio::test]
async fn a_node_is_replaced_by_an_empty_one_and_an_empty_disk_is_filled() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(etcd) = Etcd::start(folder.path()).await else {
        return;
    };
    let mut members = three(folder.path(), &etcd, 16).await;
    for round in 0..5 {
        write_for_sure(members[0].api(), round).await;
    }
    // A new server takes the place of one, with the data of the others.
    let mut fresh = Member::new("n4", &etcd);
    fresh.start(folder.path());
    let body = json!({"leavingInstanceIDs": ["n3"], "candidates": [fresh.instance("c")]});
    let url = format!("{}{PLACEMENT}/replace", members[0].api());
    let replaced = post(&url, &[], body.to_string()).await;
    assert_eq!(replaced.status, 200, "{}", replaced.text());
    is_settled(members[0].api()).await;
    members[2].kill();
    members.pop();
    members.push(fresh);
    for round in 5..10 {
        write_for_sure(members[2].api(), round).await;
    }
    // A disk is lost: its node is known by the folder it has, and gets all again.
    members[0].kill();
    std::fs::remove_dir_all(folder.path().join("n1")).expect("a folder");
    let before = version(members[1].api()).await;
    members[0].start(folder.path());
    wait_for("the empty node to be known", 60, async || {
        (version(members[1].api()).await > before).then_some(())
    })
    .await;
    is_settled(members[1].api()).await;
    write_for_sure(members[0].api(), 10).await;
    // Now either of the two others may go.
    members[1].kill();
    has_rounds(&members[0], 11).await;
    has_rounds(&members[2], 11).await;
}

#[tokio::test]
async fn deletes_and_calls_that_are_of_no_cluster() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(etcd) = Etcd::start(folder.path()).await else {
        return;
    };
    let lonely = Member::new("n1", &etcd);
    let mut lonely = lonely;
    lonely.start(folder.path());
    let early = write(lonely.api(), 0).await;
    assert_eq!(early.status, 503, "{}", early.text());
    assert!(early.text().contains("placement"), "{}", early.text());
    lonely.kill();
    std::fs::remove_dir_all(folder.path().join("n1")).expect("a folder");

    let members = three(folder.path(), &etcd, 16).await;
    write_for_sure(members[0].api(), 0).await;
    let coordinator = members[0].server.as_ref().expect("it runs");
    let stored = "tsdb_samples_stored_total{source=\"remote_write\"}";
    assert_eq!(coordinator.metric(stored).await, 40.0);
    let delete = "match[]=replicated%7Bnumber=%227%22%7D";
    let url = format!(
        "{}/api/v1/admin/tsdb/delete_series?{delete}",
        members[1].api()
    );
    let deleted = request(http::Method::POST, &url, &[], "")
        .await
        .expect("an answer");
    assert_eq!(deleted.status, 204, "{}", deleted.text());
    for member in &members {
        let left = exported(member.server.as_ref().expect("it runs"), "replicated").await;
        assert_eq!(left.len(), 39, "{}", member.id);
    }
    let url = format!("{}{PLACEMENT}", members[0].api());
    let headers = [("Cluster-Environment-Name", "elsewhere")];
    let foreign = request(http::Method::GET, &url, &headers, "")
        .await
        .expect("an answer");
    assert_eq!(foreign.status, 400, "{}", foreign.text());
    assert!(foreign.text().contains("default_env"), "{}", foreign.text());
}
