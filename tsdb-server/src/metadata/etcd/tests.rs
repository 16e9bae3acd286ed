use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;
use tonic::Status;
use tsdb_cluster::metadata::{MetadataStore, Revision};

use super::endpoint::Endpoint;
use super::error::EtcdError;
use super::keys::{end_of_prefix, first_key, next_key};
use super::reachability::Reachability;
use super::session::Failure;
use super::{EtcdMetadata, EtcdOptions, EtcdReach};
use crate::pause::Pause;

fn read(text: &str, plain_is_tls: bool) -> Endpoint {
    Endpoint::read(text, plain_is_tls).expect(text)
}

#[test]
fn endpoints_are_read_as_people_write_them() {
    for (text, plain_is_tls, shown, host, port) in [
        ("http://a:1", true, "http://a:1", "a", 1),
        ("https://a:1/", false, "https://a:1", "a", 1),
        ("a:1", false, "http://a:1", "a", 1),
        ("a:1", true, "https://a:1", "a", 1),
        ("etcd.local", false, "http://etcd.local", "etcd.local", 2379),
        ("[::1]:7", false, "http://[::1]:7", "::1", 7),
        ("http://[::1]", false, "http://[::1]", "::1", 2379),
    ] {
        let endpoint = read(text, plain_is_tls);
        assert_eq!(endpoint.to_string(), shown);
        assert_eq!((endpoint.host(), endpoint.port()), (host, port));
        assert_eq!(endpoint.is_tls(), shown.starts_with("https"));
        assert_eq!(endpoint.origin().to_string(), format!("{shown}/"));
    }
    for text in [
        "", ":1", "a:", "a:65536", "a:-1", "a b", "http:///", "unix://a", "[::1",
    ] {
        let refused = Endpoint::read(text, false);
        assert!(
            matches!(refused, Err(EtcdError::Options { .. })),
            "{text}: {refused:?}"
        );
    }
}

#[test]
fn ranges_hold_what_begins_with_a_prefix() {
    assert_eq!(
        (first_key("_kv/"), end_of_prefix("_kv/")),
        (b"_kv/".to_vec(), b"_kv0".to_vec())
    );
    // The largest last byte of a character.
    let last = "\u{ff}\u{7f}\u{bf}";
    assert!(end_of_prefix(last).as_slice() > format!("{last}\u{10ffff}").as_bytes());
    assert_eq!((first_key(""), end_of_prefix("")), (vec![0], vec![0]));
    assert_eq!(next_key(b"a".to_vec()), b"a\0");
}

#[test]
fn pauses_grow_to_a_limit_and_begin_anew() {
    let limit = Duration::from_millis(350);
    let mut pause = Pause::up_to(limit);
    for whole in [100, 200, 350, 350] {
        let whole = Duration::from_millis(whole);
        let waited = pause.next();
        assert!(
            waited >= whole / 2 && waited <= whole,
            "{waited:?} of {whole:?}"
        );
    }
    pause.reset();
    assert!(pause.next() <= Duration::from_millis(100));
    let mut all: Vec<_> = (0..20).map(|_| Pause::up_to(limit).next()).collect();
    all.dedup();
    assert!(all.len() > 1, "chance moves them apart");
}

#[test]
fn answers_that_are_about_the_token_are_told_from_others() {
    for status in [
        Status::unauthenticated("etcdserver: invalid auth token"),
        Status::invalid_argument("etcdserver: revision of auth store is old"),
        Status::invalid_argument("etcdserver: user name is empty"),
    ] {
        let failure = Failure::from(status);
        assert!(matches!(failure, Failure::Token(_)), "{failure:?}");
    }
    for status in [
        Status::invalid_argument("etcdserver: key is not provided"),
        Status::permission_denied("etcdserver: permission denied"),
        Status::out_of_range("etcdserver: mvcc: required revision has been compacted"),
    ] {
        let failure = Failure::from(status);
        assert!(matches!(failure, Failure::Refused(_)), "{failure:?}");
    }
    let broken = std::io::Error::other("a broken pipe");
    let failure = Failure::from(Status::from_error(broken.into()));
    assert!(
        matches!(&failure, Failure::Lost(why) if why == "a broken pipe"),
        "{failure:?}"
    );
}

#[test]
fn only_what_etcd_surely_did_not_do_is_said_to_be_undone() {
    let refused = |status: Status| EtcdError::Refused {
        endpoint: String::new(),
        call: "",
        code: status.code(),
        why: String::new(),
    };
    for status in [
        Status::invalid_argument(""),
        Status::permission_denied(""),
        Status::resource_exhausted(""),
        Status::unauthenticated(""),
    ] {
        assert!(refused(status).changed_nothing());
    }
    // Among them: `etcdserver: request timed out`, and the deadline of the caller.
    for status in [
        Status::unavailable(""),
        Status::unknown(""),
        Status::deadline_exceeded(""),
        Status::cancelled(""),
        Status::internal(""),
        Status::aborted(""),
        Status::data_loss(""),
    ] {
        assert!(!refused(status).changed_nothing());
    }
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("a log").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn that_etcd_goes_away_and_is_back_is_said_once_each() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::WARN)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let revision = Revision::default();
    let reachability = Reachability::new(revision.clone());
    let endpoint = read("http://a:1", false);
    assert_eq!(reachability.status().reach, EtcdReach::Unknown);
    let mut changes = revision.changes();
    reachability.connected(&endpoint);
    assert!(!changes.take(), "it was not away");
    for _ in 0..3 {
        reachability.failed(&EtcdError::Lost {
            endpoint: endpoint.to_string(),
            why: "a broken pipe".to_owned(),
        });
        let status = reachability.status();
        assert_eq!(status.reach, EtcdReach::Unreachable);
        assert!(
            status
                .last_error
                .expect("an error")
                .contains("a broken pipe")
        );
        assert!(!changes.take());
    }
    reachability.answered(&endpoint);
    assert!(changes.take(), "it is back");
    reachability.answered(&endpoint);
    assert!(!changes.take(), "it was there");
    assert_eq!(reachability.status().reach, EtcdReach::Reachable);
    let log = String::from_utf8(log.0.lock().expect("a log").clone()).expect("UTF-8");
    let lines: Vec<_> = log.lines().collect();
    assert_eq!(lines.len(), 2, "{log}");
    let says = |line: &str, what: &str| line.contains(what) && line.contains("http://a:1");
    assert!(
        says(lines[0], "etcd is away") && says(lines[1], "etcd is back"),
        "{log}"
    );
}

#[tokio::test(start_paused = true)]
async fn all_is_told_to_have_changed_now_and_then_whatever_happens() {
    let metadata = EtcdMetadata::connect(EtcdOptions::new(["127.0.0.1:1"])).expect("options");
    let mut changes = metadata.changes();
    for _ in 0..3 {
        let began = Instant::now();
        changes.changed().await;
        let waited = began.elapsed().as_secs();
        assert!((29..=31).contains(&waited), "{waited} s");
    }
}
