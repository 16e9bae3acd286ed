//! `tsdb-server ctl` on real servers and a real etcd: a cluster is made, grows, shrinks, is repaired
//! and restarted, and answers the same all the while.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::cluster::{Member, has_rounds, write, write_for_sure};
use crate::support::{Etcd, get, json, wait_for};

/// Runs a command against one of the servers.
fn ctl(member: &Member, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tsdb-server"))
        .arg("ctl")
        .args(arguments)
        .args(["--url", member.api()])
        .output()
        .expect("the server's own binary")
}

fn said(output: &Output) -> String {
    let bytes = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// As [`ctl`], and it is done.
pub(crate) fn done(member: &Member, arguments: &[&str]) -> String {
    let output = ctl(member, arguments);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{arguments:?}: {}",
        said(&output)
    );
    // Progress is for terminals alone.
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    String::from_utf8(output.stdout).expect("text")
}

/// As [`ctl`], and it is refused.
fn refused(member: &Member, arguments: &[&str]) -> String {
    let output = ctl(member, arguments);
    assert_eq!(
        output.status.code(),
        Some(1),
        "{arguments:?}: {}",
        said(&output)
    );
    said(&output)
}

fn spec(member: &Member, group: &str) -> String {
    format!(
        "id={},endpoint={},group={group}",
        member.id, member.endpoint
    )
}

/// How the cluster is.
async fn report(member: &Member) -> Value {
    let answer = json(&format!("{}/api/v1/cluster", member.api())).await;
    assert_eq!(answer["status"], "success", "{answer}");
    answer["data"].clone()
}

fn version(report: &Value) -> u64 {
    report["placementVersion"].as_u64().expect("a number")
}

/// Three servers, and the placement that `ctl` makes of them.
pub(crate) fn three(folder: &Path, etcd: &Etcd) -> Vec<Member> {
    let mut members: Vec<Member> = ["n1", "n2", "n3"].map(|id| Member::new(id, etcd)).into();
    for member in &mut members {
        member.start(folder);
    }
    let error = refused(&members[0], &["status"]);
    assert!(error.contains("there is no placement"), "{error}");
    let specs: Vec<_> = members
        .iter()
        .zip(["a", "b", "c"])
        .map(|(one, group)| spec(one, group))
        .collect();
    let mut init = vec!["placement", "init", "--shards", "8", "--replicas", "3"];
    init.extend(specs.iter().flat_map(|spec| ["--node", spec.as_str()]));
    let dry = done(&members[0], &[init.as_slice(), &["--dry-run"]].concat());
    assert!(
        dry.starts_with("nothing is changed; this would be\n"),
        "{dry}"
    );
    init.push("--wait");
    let made = done(&members[0], &init);
    assert!(made.contains("8 shards, 3 replicas of each"), "{made}");
    members
}

/// One more comes: what would be is shown first, then it is added.
async fn add_fourth(members: &mut Vec<Member>, folder: &Path, etcd: &Etcd) {
    let mut fourth = Member::new("n4", etcd);
    fourth.start(folder);
    members.push(fourth);
    let before = version(&report(&members[0]).await);
    let spec = spec(&members[3], "a");
    let add = ["placement", "add", "--node", &spec];
    let dry = done(&members[0], &[add.as_slice(), &["--dry-run"]].concat());
    assert!(dry.contains("n4"), "{dry}");
    assert_eq!(
        version(&report(&members[0]).await),
        before,
        "nothing is changed"
    );
    done(&members[0], &[add.as_slice(), &["--wait"]].concat());
    let grown = report(&members[1]).await;
    assert_eq!(grown["nodes"][3]["shards"]["available"], 4, "{grown}");
}

/// One is drained, and its disk destroyed.
fn drain_first(members: &mut Vec<Member>, folder: &Path) {
    let shown = done(&members[1], &["drain", "n1", "--wait"]);
    assert!(!shown.contains("n1"), "{shown}");
    let mut drained = members.remove(0);
    drained.kill();
    std::fs::remove_dir_all(folder.join("n1")).expect("a folder");
}

/// One is replaced by an empty one, whose group and weight are those of the other.
fn replace_third(members: &mut Vec<Member>, folder: &Path, etcd: &Etcd) {
    let mut fifth = Member::new("n5", etcd);
    fifth.start(folder);
    let spec = format!("id=n5,endpoint={}", fifth.endpoint);
    done(&members[0], &["replace", "n3", &spec, "--wait"]);
    let mut replaced = members.remove(1);
    replaced.kill();
    members.push(fifth);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_come_and_go_and_no_answer_changes() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(etcd) = Etcd::start(folder.path()).await else {
        return;
    };
    let mut members = three(folder.path(), &etcd);
    for round in 0..5 {
        write_for_sure(members[0].api(), round).await;
    }
    let status = done(&members[1], &["status", "--shards"]);
    let shards = "shards: 8; 0 in change, 0 miss a node, 0 have no majority\n";
    for part in ["nodes: 3 of 3 reached\n", shards] {
        assert!(status.contains(part), "{part}: {status}");
    }
    let whole = status.lines().filter(|line| line.contains(" n1 n2 n3"));
    assert_eq!(whole.count(), 8, "{status}");
    add_fourth(&mut members, folder.path(), &etcd).await;
    write_for_sure(members[3].api(), 5).await;
    drain_first(&mut members, folder.path());
    for member in &members {
        has_rounds(member, 6).await;
    }
    for round in 6..9 {
        write_for_sure(members[0].api(), round).await;
    }
    replace_third(&mut members, folder.path(), &etcd);
    write_for_sure(members[2].api(), 9).await;
    for member in &members {
        has_rounds(member, 10).await;
    }
    let settled = done(&members[0], &["status", "--output", "json"]);
    let settled: Value = serde_json::from_str(&settled).expect("JSON");
    let nodes = settled["nodes"].as_array().expect("nodes").iter();
    let names: Vec<_> = nodes.map(|node| node["id"].clone()).collect();
    assert_eq!(names, ["n2", "n4", "n5"], "{settled}");
    assert_eq!(settled["totals"]["nodesReachable"], 3, "{settled}");
    assert_eq!(settled["totals"]["shardsInChange"], 0, "{settled}");
    // Nobody but the newcomer and one other is left to ask.
    members[0].kill();
    has_rounds(&members[2], 10).await;
    let status = done(&members[2], &["status"]);
    assert!(status.contains("nodes: 2 of 3 reached\n"), "{status}");
    let why = "n2: the node cannot be reached";
    assert!(status.contains(why), "{status}");
}

/// Writes rounds until told to stop, each until it is acknowledged; how many it wrote.
async fn write_rounds(
    apis: Vec<String>,
    first: i64,
    mut stop: tokio::sync::oneshot::Receiver<()>,
) -> i64 {
    let mut round = first;
    while matches!(
        stop.try_recv(),
        Err(tokio::sync::oneshot::error::TryRecvError::Empty)
    ) {
        let tries = AtomicUsize::new(0);
        wait_for("a retry to be acknowledged", 20, async || {
            let api = &apis[tries.fetch_add(1, Ordering::Relaxed) % apis.len()];
            (write(api, round).await.status / 100 == 2).then_some(())
        })
        .await;
        round += 1;
    }
    round
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_are_restarted_one_by_one_under_writes() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(etcd) = Etcd::start(folder.path()).await else {
        return;
    };
    let mut members = three(folder.path(), &etcd);
    let mut rounds = 0;
    for restarted in 0..3 {
        let others = members
            .iter()
            .enumerate()
            .filter(|(at, _)| *at != restarted);
        let others: Vec<_> = others.map(|(_, one)| one.api().to_owned()).collect();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let writer = tokio::spawn(write_rounds(others, rounds, stopped));
        let mut server = members[restarted].server.take().expect("it runs");
        server.process.signal(Signal::TERM);
        let ended = server.process.ended(Duration::from_secs(30)).await;
        assert!(ended.success(), "{ended}: {}", server.process.log());
        members[restarted].start(folder.path());
        // As somebody who restarts servers waits before the next.
        wait_for("all nodes to be reached", 30, async || {
            let all = report(&members[(restarted + 1) % 3]).await;
            (all["totals"]["nodesReachable"] == 3).then_some(())
        })
        .await;
        stop.send(()).expect("it writes");
        let written = writer.await.expect("no request failed for good");
        assert!(written > rounds, "something was written meanwhile");
        rounds = written;
    }
    for member in &members {
        has_rounds(member, rounds).await;
    }
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_with_a_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(etcd) = Etcd::start(folder.path()).await else {
        return;
    };
    let members = three(folder.path(), &etcd);
    for (arguments, reason) in [
        (&["drain", "n1"][..], "replica"),
        (&["drain", "n9"], "n9"),
        (
            &["replace", "n9", "id=n4,endpoint=127.0.0.1:1"],
            "the placement has no such node; it has n1, n2, n3",
        ),
        (&["namespace", "delete", "nothing"], "nothing"),
    ] {
        let error = refused(&members[0], arguments);
        assert!(error.contains(reason), "{arguments:?}: {error}");
    }
    for arguments in [
        &["placement", "init"][..],
        &["placement", "add", "--node", "id=n4"],
        &["drain"],
        &["drain", "n1", "--wait", "--dry-run"],
        &["status", "--output", "yaml"],
    ] {
        let output = ctl(&members[0], arguments);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{arguments:?}: {}",
            said(&output)
        );
    }
    // A node that never comes up: waiting ends, and the change is undone.
    let never = "id=n4,endpoint=127.0.0.1:1,group=a";
    let error = refused(
        &members[0],
        &[
            "placement",
            "add",
            "--node",
            never,
            "--wait",
            "--timeout",
            "2s",
        ],
    );
    assert!(error.contains("not finished within 2s"), "{error}");
    let status = done(&members[0], &["status"]);
    assert!(status.contains("awaited"), "{status}");
    done(&members[0], &["placement", "abort", "--wait"]);
    done(
        &members[0],
        &["namespace", "create", "year", "--retention", "365d"],
    );
    let all = done(&members[1], &["namespace", "list"]);
    assert!(all.contains("year") && all.contains("365d"), "{all}");
    // Answers are bounded in time, whoever is dead.
    let answer = get(&format!("{}/api/v1/cluster", members[0].api())).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn a_report_takes_no_longer_than_one_node_may() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(etcd) = Etcd::start(folder.path()).await else {
        return;
    };
    let members = three(folder.path(), &etcd);
    let hanging = members[1..]
        .iter()
        .map(|one| one.server.as_ref().expect("it runs"));
    let hanging: Vec<_> = hanging.collect();
    hanging.iter().for_each(|one| one.process.pause());
    let begun = std::time::Instant::now();
    let partial = report(&members[0]).await;
    // Both are asked at once, each for 2 s.
    assert!(
        begun.elapsed() < Duration::from_millis(3800),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(partial["totals"]["nodesReachable"], 1, "{partial}");
    assert_eq!(partial["totals"]["shardsWithoutMajority"], 8, "{partial}");
    let why = partial["nodes"][2]["error"].as_str().expect("a reason");
    assert!(why.contains("no answer within 2000 ms"), "{why}");
    assert_eq!(
        partial["shards"][0]["missing"],
        serde_json::json!(["n2", "n3"])
    );
    hanging
        .iter()
        .for_each(|one| one.process.signal(Signal::CONT));
    wait_for("all nodes to be reached again", 30, async || {
        let all = report(&members[0]).await;
        (all["totals"]["nodesReachable"] == 3).then_some(())
    })
    .await;
}

/// How often each node has compared all its shards.
async fn rounds(member: &Member) -> Vec<u64> {
    let report = report(member).await;
    let nodes = report["nodes"].as_array().expect("a list").iter();
    let rounds = nodes.map(|node| node["rounds"].as_u64().expect("a number"));
    rounds.collect()
}

/// By themselves they pause for a minute at least.
#[tokio::test]
async fn nodes_compare_their_shards_when_they_are_asked_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(etcd) = Etcd::start(folder.path()).await else {
        return;
    };
    let mut members = three(folder.path(), &etcd);
    write_for_sure(members[0].api(), 0).await;
    let shown = done(&members[0], &["repair", "--wait", "--timeout", "50s"]);
    let before = rounds(&members[0]).await;
    for (node, round) in ["n1", "n2", "n3"].iter().zip(&before) {
        let line = shown.lines().find(|line| line.starts_with(node));
        let asked = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
        assert!(asked.is_some_and(|asked: u64| asked <= *round), "{shown}");
    }
    done(&members[1], &["repair", "n2", "--wait", "--timeout", "50s"]);
    let after = rounds(&members[0]).await;
    assert_eq!(after, [before[0], before[1] + 1, before[2]]);
    let unknown = refused(&members[0], &["repair", "n9"]);
    assert!(unknown.contains("no node \"n9\""), "{unknown}");
    members[2].kill();
    let unasked = refused(&members[0], &["repair"]);
    assert!(unasked.contains("n3 was not asked"), "{unasked}");
}
