//! Real etcd, alone or as a cluster of several.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::{Process, program, request, wait_for};

/// A running member of etcd. Stopped by its id when dropped.
#[derive(Debug)]
pub(crate) struct Etcd {
    process: Process,
    program: PathBuf,
    arguments: Vec<String>,
    /// What clients connect to.
    pub(crate) url: String,
    health: String,
}

impl Etcd {
    /// Starts one that is alone; `None` where etcd is not installed.
    pub(crate) async fn start(folder: &Path) -> Option<Self> {
        Self::start_with(folder, "http", &[]).await
    }

    /// As [`Etcd::start`], for clients of a scheme, with more arguments.
    pub(crate) async fn start_with(folder: &Path, scheme: &str, more: &[&str]) -> Option<Self> {
        let mut all = Self::cluster_with(folder, 1, scheme, more).await?;
        all.pop()
    }

    /// Starts a cluster of so many; `None` where etcd is not installed.
    pub(crate) async fn cluster(folder: &Path, count: usize) -> Option<Vec<Self>> {
        Self::cluster_with(folder, count, "http", &[]).await
    }

    async fn cluster_with(
        folder: &Path,
        count: usize,
        scheme: &str,
        more: &[&str],
    ) -> Option<Vec<Self>> {
        let program = program("etcd", "etcd-server")?;
        // Another may have taken a port meanwhile that was free.
        for attempt in 0..5 {
            let folder = folder.join(format!("etcd-{attempt}"));
            let mut started = start(&program, &folder, count, scheme, more);
            let mut are_up = true;
            for etcd in &mut started {
                are_up &= etcd.is_up().await;
            }
            if are_up {
                for etcd in &started {
                    etcd.is_healthy().await;
                }
                return Some(started);
            }
        }
        panic!("etcd does not start");
    }

    /// Waits until it has begun, or ended.
    async fn is_up(&mut self) -> bool {
        let process = &mut self.process;
        wait_for("etcd to begin", 60, || {
            let is_up = process.log().contains("ready to serve client requests");
            std::future::ready((is_up || !process.is_running()).then_some(is_up))
        })
        .await
    }

    async fn is_healthy(&self) {
        let url = format!("{}/health", self.health);
        wait_for("etcd to be healthy", 60, async || {
            let answer = request(Method::GET, &url, &[], "").await.ok()?;
            (answer.status == 200).then_some(())
        })
        .await;
    }

    /// SIGKILL, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again, at the same place, with what it had.
    pub(crate) async fn restart(&mut self) {
        for _ in 0..5 {
            self.process.kill();
            self.process = Process::start(&self.program, &self.arguments);
            if self.is_up().await {
                return self.is_healthy().await;
            }
        }
        panic!("etcd does not start again:\n{}", self.process.log());
    }

    /// As [`Etcd::restart`], with nothing: as if somebody had cleared its folder.
    pub(crate) async fn restart_empty(&mut self) {
        self.process.kill();
        let data = self
            .arguments
            .iter()
            .find_map(|text| text.strip_prefix("--data-dir="));
        std::fs::remove_dir_all(data.expect("a folder")).expect("removing");
        self.restart().await;
    }

    /// It does nothing until it goes on; its connections stay.
    pub(crate) async fn pause(&self) {
        self.process.pause();
        let threads = format!("/proc/{}/task", self.process.id());
        wait_for("all threads of etcd to stop", 20, async || {
            let is_stopped = |thread: std::io::Result<std::fs::DirEntry>| {
                let file = thread.expect("a thread").path().join("status");
                let text = std::fs::read_to_string(file).expect("its status");
                text.contains("State:\tT")
            };
            let mut threads = std::fs::read_dir(&threads).expect("threads");
            threads.all(is_stopped).then_some(())
        })
        .await;
    }

    pub(crate) fn go_on(&self) {
        self.process.signal(Signal::CONT);
    }

    /// A call through its JSON, as another client would make it.
    pub(crate) async fn call(&self, path: &str, body: Value) -> Result<Value, String> {
        let url = format!("{}/v3/{path}", self.url);
        let answer = request(Method::POST, &url, &[], body.to_string()).await?;
        match answer.status {
            200 => serde_json::from_slice(&answer.body).map_err(|error| error.to_string()),
            _ => Err(answer.text()),
        }
    }

    /// Sets a key, and answers the revision.
    pub(crate) async fn put(&self, key: &str, value: &str) -> i64 {
        let put = json!({"key": STANDARD.encode(key), "value": STANDARD.encode(value)});
        revision(&self.call("kv/put", put).await.expect("a write"))
    }

    /// Removes a key.
    pub(crate) async fn delete(&self, key: &str) {
        let delete = json!({"key": STANDARD.encode(key)});
        self.call("kv/deleterange", delete)
            .await
            .expect("a removal");
    }

    /// The value of a key, and its lease.
    pub(crate) async fn get(&self, key: &str) -> Option<(String, String)> {
        let look = json!({"key": STANDARD.encode(key)});
        let answer = self.call("kv/range", look).await.expect("a look");
        let found = answer["kvs"].get(0)?;
        let value = STANDARD.decode(found["value"].as_str()?).expect("Base64");
        let lease = found["lease"].as_str().unwrap_or_default().to_owned();
        Some((String::from_utf8(value).expect("UTF-8"), lease))
    }

    /// Forgets what was before a revision.
    pub(crate) async fn compact(&self, revision: i64) {
        let compact = json!({"revision": revision.to_string(), "physical": true});
        self.call("kv/compaction", compact)
            .await
            .expect("a compaction");
    }

    /// Ends a lease, with the keys that go with it.
    pub(crate) async fn revoke(&self, lease: &str) {
        let revoke = json!({"ID": lease});
        self.call("kv/lease/revoke", revoke)
            .await
            .expect("the end of a lease");
    }

    /// How many leases there are.
    pub(crate) async fn leases(&self) -> usize {
        let answer = self
            .call("kv/lease/leases", json!({}))
            .await
            .expect("a list");
        answer["leases"].as_array().map_or(0, Vec::len)
    }
}

/// Starts members of a cluster on ports that are free at this moment.
fn start(program: &Path, folder: &Path, count: usize, scheme: &str, more: &[&str]) -> Vec<Etcd> {
    let peers: Vec<_> = (0..count)
        .map(|number| (number, format!("http://127.0.0.1:{}", lasting_port())))
        .collect();
    let members: Vec<_> = peers
        .iter()
        .map(|(n, peer)| format!("m{n}={peer}"))
        .collect();
    let members = members.join(",");
    let started = peers.iter().map(|(number, peer)| {
        let url = format!("{scheme}://127.0.0.1:{}", lasting_port());
        let health = format!("http://127.0.0.1:{}", lasting_port());
        let data = folder.join(format!("m{number}")).display().to_string();
        let fixed = [
            ("name", format!("m{number}")),
            ("data-dir", data),
            ("listen-client-urls", url.clone()),
            ("advertise-client-urls", url.clone()),
            ("listen-peer-urls", peer.clone()),
            ("initial-advertise-peer-urls", peer.clone()),
            ("initial-cluster", members.clone()),
            ("listen-metrics-urls", health.clone()),
            ("heartbeat-interval", "50".to_owned()),
            ("election-timeout", "500".to_owned()),
        ];
        let fixed = fixed.iter().map(|(key, value)| format!("--{key}={value}"));
        let more = more.iter().map(|argument| (*argument).to_owned());
        let arguments: Vec<_> = fixed.chain(more).collect();
        Etcd {
            process: Process::start(program, &arguments),
            program: program.to_owned(),
            arguments,
            url,
            health,
        }
    });
    started.collect()
}

/// A port that nobody listens on, below those that connections are given: it is still free when a
/// member that was stopped begins again.
pub(crate) fn lasting_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let range = 12_000..32_000_u16;
    loop {
        let chance = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let chance = chance + std::process::id().wrapping_mul(397);
        let offset = chance % u32::try_from(range.len()).expect("a small range");
        let port = range.start + u16::try_from(offset).expect("a small range");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

fn revision(answer: &Value) -> i64 {
    let revision = answer["header"]["revision"].as_str().expect("a revision");
    revision.parse().expect("a number")
}
