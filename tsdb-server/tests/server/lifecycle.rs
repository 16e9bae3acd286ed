//! Starting, stopping under load, and two servers that want the same folder.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::{Server, exported, get, series, wait_for, write_body, write_request};

/// Acked samples by timestamp, of the one series `load`.
type Acked = Arc<Mutex<BTreeMap<i64, u64>>>;

async fn write_until_refused(api: String, writer: i64, acks: Arc<AtomicU64>, acked: Acked) {
    for step in 0.. {
        let timestamp = 1_700_000_000_000 + step * 10 + writer;
        let bits = (timestamp as f64).to_bits();
        let body = write_body(vec![series(&[("__name__", "load")], &[(timestamp, bits)])]);
        match write_request(&api, body).await {
            Ok(answer) if answer.status == 204 => {
                acked.lock().expect("acked").insert(timestamp, bits);
                acks.fetch_add(1, Ordering::Relaxed);
            }
            Ok(answer) => assert_eq!(answer.status, 503, "{}", answer.text()),
            Err(_) => return,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_under_load_takes_less_than_five_seconds() {
    let folder = tempfile::tempdir().expect("a folder");
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Server::start(folder.path(), &[]);
        let (acks, acked) = (Arc::new(AtomicU64::new(0)), Acked::default());
        let writers: Vec<_> = (0..6)
            .map(|writer| {
                tokio::spawn(write_until_refused(
                    server.api.clone(),
                    writer,
                    Arc::clone(&acks),
                    Arc::clone(&acked),
                ))
            })
            .collect();
        wait_for("acks", 60, async || {
            (acks.load(Ordering::Relaxed) >= 100).then_some(())
        })
        .await;
        // A connection that says nothing must not hold the server up.
        let idle = tokio::net::TcpStream::connect(server.api.trim_start_matches("http://"))
            .await
            .expect("a connection");
        let began = Instant::now();
        server.process.signal(signal);
        let status = server.process.ended(Duration::from_secs(5)).await;
        assert!(status.success(), "{status}:\n{}", server.process.log());
        assert!(began.elapsed() < Duration::from_secs(5));
        drop(idle);
        for writer in writers {
            writer.await.expect("a writer saw only 204 and 503");
        }
        wait_for("the last lines of the log", 5, async || {
            server
                .process
                .log()
                .contains("everything is flushed and closed")
                .then_some(())
        })
        .await;
        let log = server.process.log();
        assert!(log.contains("flushed_samples="), "{log}");
        let again = Server::start(folder.path(), &[]);
        assert_eq!(
            again.metric("tsdb_recovery_samples").await,
            0.0,
            "a clean stop leaves nothing to replay"
        );
        let stored: BTreeMap<i64, u64> = exported(&again, "load").await[0]
            .1
            .iter()
            .copied()
            .collect();
        for (timestamp, bits) in acked.lock().expect("acked").iter() {
            assert_eq!(
                stored.get(timestamp),
                Some(bits),
                "acked sample at {timestamp}"
            );
        }
    }
}

#[tokio::test]
async fn a_second_server_on_the_same_folder_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let log = Server::try_start(folder.path(), &[]).expect_err("the folder is taken");
    let folder = folder.path().display().to_string();
    assert!(
        log.contains("tsdb-server: cannot open the data folder") && log.contains(&folder),
        "{log}"
    );
    assert!(log.contains("in use"), "{log}");
    assert_eq!(
        get(&format!("{}/-/ready", server.api)).await.status,
        200,
        "the first goes on"
    );
}

#[tokio::test]
async fn a_disk_that_is_too_full_turns_writes_away_and_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &["--disk-high-water", "0"]);
    let body = || write_body(vec![series(&[("__name__", "a")], &[(1, 0)])]);
    let answer = write_request(&server.api, body()).await.expect("an answer");
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.headers.contains_key("retry-after"));
    assert!(
        answer.text().contains("--disk-high-water"),
        "{}",
        answer.text()
    );
    let ready = get(&format!("{}/ready", server.api)).await;
    assert_eq!(ready.status, 503);
    assert!(
        ready.text().contains("disk-high-water of 0 %"),
        "{}",
        ready.text()
    );
    assert_eq!(exported(&server, "a").await, [], "reads go on");
    assert_eq!(server.metric("tsdb_ready").await, 0.0);
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("a"), &[]);
    let address = server.api.trim_start_matches("http://");
    let log = Server::try_start(&folder.path().join("b"), &["--listen", address])
        .expect_err("two listen addresses");
    assert!(log.contains("--listen"), "{log}");
    let arguments = [
        "--listen",
        address,
        "--metrics-listen",
        "127.0.0.1:0",
        "--data-dir",
    ]
    .map(str::to_owned);
    let data = folder.path().join("b").display().to_string();
    let mut second = crate::support::Process::start(
        env!("CARGO_BIN_EXE_tsdb-server"),
        &arguments.into_iter().chain([data]).collect::<Vec<_>>(),
    );
    let status = second.ended(Duration::from_secs(10)).await;
    wait_for("its last words", 5, async || {
        second
            .log()
            .contains("choose another address with --listen")
            .then_some(())
    })
    .await;
    assert!(
        !status.success() && second.log().contains(address),
        "{}",
        second.log()
    );
}

#[tokio::test]
async fn help_shows_examples() {
    let help = std::process::Command::new(env!("CARGO_BIN_EXE_tsdb-server"))
        .arg("--help")
        .output()
        .expect("it runs");
    let text = String::from_utf8(help.stdout).expect("UTF-8");
    for word in [
        "Examples:",
        "--data-dir",
        "--listen",
        "--metrics-listen",
        "--log",
        "TSDB_DATA_DIR",
        "remote_write:",
    ] {
        assert!(text.contains(word), "{word} is not in:\n{text}");
    }
}

#[test]
fn the_allocator_is_told_to_give_back_and_to_ask_for_huge_pages_where_they_are_on_request() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let kernel = std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled");
    let on_request = kernel.is_ok_and(|kernel| kernel.contains("[madvise]"));
    let environment = std::fs::read(format!("/proc/{}/environ", server.process.id()));
    let environment = environment.expect("the environment of a child");
    let environment = String::from_utf8_lossy(&environment);
    let is_told = |what: &str| environment.contains(what);
    let is_gnu = cfg!(target_env = "gnu");
    assert_eq!(is_told("glibc.malloc.hugetlb=1"), on_request && is_gnu);
    assert_eq!(is_told("glibc.malloc.trim_threshold="), is_gnu);
}
