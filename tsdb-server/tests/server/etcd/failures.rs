use std::time::{Duration, Instant};

use tsdb_cluster::metadata::{MetadataError, MetadataStore};
use tsdb_server::metadata::{EtcdError, EtcdMetadata, EtcdOptions, EtcdReach};

use super::start::{SOON, error, follow, hasty, is, told};
use crate::support::{Etcd, Link, free_port, wait_for};

const KEY: &str = "_kv/default_env/m3db.node.namespaces";

#[tokio::test]
async fn an_etcd_that_is_not_there_yet_is_told_and_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mut etcd) = Etcd::start(folder.path()).await else {
        return;
    };
    etcd.kill();
    let metadata = EtcdMetadata::connect(EtcdOptions::new([&etcd.url])).expect("options");
    let mut changes = metadata.changes();
    let refused = error(metadata.get(KEY).await);
    assert!(
        matches!(refused, EtcdError::Unreachable { .. }),
        "{refused:?}"
    );
    let text = refused.to_string();
    assert!(
        text.contains(&etcd.url) && text.contains("onnection refused"),
        "{text}"
    );
    let status = metadata.status();
    assert_eq!(
        (status.reach, status.watch_revision),
        (EtcdReach::Unreachable, None)
    );
    assert_eq!(status.last_error, Some(text));

    etcd.restart().await;
    told(&mut changes, Duration::from_secs(20)).await;
    metadata
        .set(KEY, None, b"one".to_vec())
        .await
        .expect("a write");
    let status = metadata.status();
    assert_eq!(
        (status.reach, status.endpoint),
        (EtcdReach::Reachable, Some(etcd.url.clone()))
    );
}

#[tokio::test]
async fn a_killed_etcd_is_told_and_used_again_once_it_is_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mut etcd) = Etcd::start(folder.path()).await else {
        return;
    };
    let metadata = follow(EtcdOptions::new([&etcd.url])).await;
    let version = metadata
        .set(KEY, None, b"one".to_vec())
        .await
        .expect("a write");
    etcd.kill();
    let refused = error(metadata.get(KEY).await);
    assert!(refused.to_string().contains(&etcd.url), "{refused}");
    let refused = error(metadata.set(KEY, Some(version), b"two".to_vec()).await);
    assert!(refused.to_string().contains(&etcd.url), "{refused}");
    is(&metadata, EtcdReach::Unreachable).await;

    let mut changes = metadata.changes();
    etcd.restart().await;
    told(&mut changes, Duration::from_secs(20)).await;
    is(&metadata, EtcdReach::Reachable).await;
    let kept = metadata.get(KEY).await.expect("a look").expect("a value");
    assert_eq!((kept.version, &*kept.bytes), (version, &b"one"[..]));
    metadata
        .set(KEY, Some(version), b"two".to_vec())
        .await
        .expect("a write");
    // What others change from now on is told as well.
    wait_for("a change by another to be told", 20, async || {
        let mut changes = metadata.changes();
        etcd.put("_kv/other", "x").await;
        tokio::time::timeout(SOON, changes.changed()).await.ok()
    })
    .await;
}

#[tokio::test]
async fn an_etcd_that_stops_for_a_while_costs_deadlines_and_nothing_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(etcd) = Etcd::start(folder.path()).await else {
        return;
    };
    let metadata = follow(hasty(&[&etcd.url])).await;
    let version = metadata
        .set(KEY, None, b"one".to_vec())
        .await
        .expect("a write");
    etcd.pause().await;
    let began = Instant::now();
    let unknown = error(metadata.set(KEY, Some(version), b"two".to_vec()).await);
    assert!(began.elapsed() < 3 * SOON, "{:?}", began.elapsed());
    let EtcdError::OutcomeUnknown { key, error: cause } = &unknown else {
        panic!("{unknown:?}");
    };
    assert_eq!(key, KEY);
    assert!(matches!(**cause, EtcdError::Deadline { .. }), "{cause:?}");
    assert!(
        unknown.to_string().contains("is not known: read it before"),
        "{unknown}"
    );
    let began = Instant::now();
    let refused = error(metadata.get(KEY).await);
    assert!(began.elapsed() < 3 * SOON, "{:?}", began.elapsed());
    assert!(refused.to_string().contains(&etcd.url), "{refused}");
    is(&metadata, EtcdReach::Unreachable).await;

    let mut changes = metadata.changes();
    // Another client asks while it is stopped, and is answered once it goes on.
    let ((), _) = tokio::join!(
        async {
            is(&metadata, EtcdReach::Unreachable).await;
            etcd.go_on();
        },
        etcd.put("_kv/other", "x"),
    );
    told(&mut changes, Duration::from_secs(20)).await;
    let other = wait_for("calls to be answered", 20, async || {
        metadata.get("_kv/other").await.ok()
    });
    assert_eq!(
        other.await.map(|kept| kept.bytes.to_vec()),
        Some(b"x".to_vec())
    );
    // The change whose outcome was not known was made, or it was not.
    let kept = metadata.get(KEY).await.expect("a look").expect("a value");
    let again = metadata.set(KEY, Some(version), b"three".to_vec()).await;
    match &*kept.bytes {
        b"one" => assert!(again.expect("a write") > version),
        b"two" => assert!(
            matches!(again, Err(MetadataError::Conflict { .. })),
            "{again:?}"
        ),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_not_said_to_be_another_s() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(etcd) = Etcd::start(folder.path()).await else {
        return;
    };
    let link = Link::to(etcd.url.trim_start_matches("http://")).await;
    let options = EtcdOptions {
        call_timeout: SOON * 2,
        ..EtcdOptions::new([link.address.to_string()])
    };
    let metadata = follow(options).await;
    link.mute();
    let unknown = error(metadata.set(KEY, None, b"one".to_vec()).await);
    assert!(
        matches!(unknown, EtcdError::OutcomeUnknown { .. }),
        "{unknown:?}"
    );
    let kept = metadata
        .get(KEY)
        .await
        .expect("a look")
        .expect("it was made");
    assert_eq!(&*kept.bytes, b"one");

    link.mute();
    let unknown = error(metadata.remove(KEY, kept.version).await);
    assert!(
        matches!(unknown, EtcdError::OutcomeUnknown { .. }),
        "{unknown:?}"
    );
    assert_eq!(metadata.get(KEY).await.expect("a look"), None);
    // Reads are asked for again within their time.
    link.mute();
    assert_eq!(metadata.get(KEY).await.expect("a look"), None);
}

#[tokio::test]
async fn a_cluster_of_three_is_used_whichever_member_is_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mut members) = Etcd::cluster(folder.path(), 3).await else {
        return;
    };
    let urls: Vec<_> = members.iter().map(|etcd| etcd.url.clone()).collect();
    let metadata = follow(EtcdOptions {
        keep_alive: SOON,
        ..EtcdOptions::new(&urls)
    })
    .await;
    let other = follow(EtcdOptions::new([&urls[2]])).await;
    let mut version = metadata
        .set(KEY, None, b"0".to_vec())
        .await
        .expect("a write");
    let used = metadata.status().endpoint.expect("an endpoint");
    assert_eq!(used, urls[0], "the first that is given, while it answers");

    // Killed: a write may meet the broken connection, or the election, but no more than that.
    members[0].kill();
    let mut changes = metadata.changes();
    version = wait_for("a write without the first", 20, async || {
        match metadata.set(KEY, Some(version), b"1".to_vec()).await {
            Ok(version) => Some(version),
            Err(MetadataError::Conflict { .. }) => {
                let kept = metadata.get(KEY).await.ok()??;
                (*kept.bytes == *b"1").then_some(kept.version)
            }
            Err(_) => None,
        }
    })
    .await;
    assert_ne!(metadata.status().endpoint, Some(urls[0].clone()));
    let began = Instant::now();
    for _ in 0..100 {
        metadata.get(KEY).await.expect("a read");
    }
    let elapsed = began.elapsed();
    assert!(
        elapsed < Duration::from_secs(5),
        "100 reads take {elapsed:?}: the dead one costs"
    );
    told(&mut changes, Duration::from_secs(20)).await;

    // Stopped: what is in its hands is given up in time, and another member is asked.
    members[0].restart().await;
    let used = metadata.status().endpoint.expect("an endpoint");
    let stopped = members
        .iter()
        .find(|etcd| etcd.url == used)
        .expect("a member");
    stopped.pause().await;
    let read = metadata.get(KEY).await.expect("a read by another member");
    assert_eq!(read.map(|kept| kept.version), Some(version));
    assert_ne!(metadata.status().endpoint, Some(used.clone()));
    if used != urls[2] {
        wait_for("changes by another to be told", 30, async || {
            let mut changes = metadata.changes();
            let kept = other.get("_kv/other").await.ok()?;
            let expected = kept.map(|kept| kept.version);
            other.set("_kv/other", expected, b"x".to_vec()).await.ok()?;
            tokio::time::timeout(SOON, changes.changed()).await.ok()
        })
        .await;
    }
    stopped.go_on();
}

#[tokio::test]
async fn without_most_members_nothing_is_answered() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mut members) = Etcd::cluster(folder.path(), 3).await else {
        return;
    };
    let metadata = follow(hasty(&[&members[0].url])).await;
    metadata
        .set(KEY, None, b"one".to_vec())
        .await
        .expect("a write");
    members[1].kill();
    members[2].kill();
    // The member that is left says so by itself.
    is(&metadata, EtcdReach::Unreachable).await;
    let refused = error(metadata.get(KEY).await);
    assert!(refused.to_string().contains(&members[0].url), "{refused}");
    wait_for("the member to know no leader", 20, async || {
        let text = error(metadata.get(KEY).await).to_string();
        text.contains("it knows of no leader").then_some(())
    })
    .await;
    members[1].restart().await;
    wait_for("an answer", 20, async || metadata.get(KEY).await.ok()).await;
}

#[tokio::test]
async fn endpoints_that_nobody_answers_at_are_passed_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(etcd) = Etcd::start(folder.path()).await else {
        return;
    };
    // One refuses, one takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = format!("http://{}", silent.local_addr().expect("an address"));
    let dead = format!("http://127.0.0.1:{}", free_port());
    let metadata = EtcdMetadata::connect(EtcdOptions::new([&dead, &silent, &etcd.url]));
    let metadata = metadata.expect("options");
    assert_eq!(metadata.get(KEY).await.expect("a look"), None);
    let began = Instant::now();
    metadata.get(KEY).await.expect("a look");
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
    let nobody = EtcdMetadata::connect(hasty(&[&dead, &silent])).expect("options");
    let text = error(nobody.get(KEY).await).to_string();
    assert!(text.contains(&dead) && text.contains(&silent), "{text}");
}
