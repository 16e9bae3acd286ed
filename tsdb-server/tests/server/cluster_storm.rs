//! A cluster of real servers and three etcd, under load from real senders, while each thing that can
//! break breaks once and each change of the placement is made: nothing that was acknowledged is
//! lost, no request fails that a retry does not mend, and all replicas are equal in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tsdb_cluster::ShardId;
use tsdb_core::ShardDigest;

use crate::cluster::{Member, PLACEMENT, digests, is_settled, version};
use crate::support::{
    Etcd, Link, Process, Prometheus, Sent, Server, exported, free_port, get, post, program, series,
    wait_for, write_body, write_request,
};

const SHARDS: u32 = 16;
const SERIES: i64 = 40;
/// A window of two hours ends among the samples.
const START_MS: i64 = 1_700_000_000_000;
const STEP_MS: i64 = 60_000;
/// How long the windows are that are compared.
const WINDOW_MS: i64 = 2 * 60 * STEP_MS;
/// How long a node says nothing: longer than the deadline of a request to it.
const SILENCE: Duration = Duration::from_secs(7);
/// A request that is sent again and again is answered within it.
const MENDED_WITHIN: Duration = Duration::from_secs(30);

/// A node, with a line to it that can be cut, by which all others reach it.
struct Node {
    member: Member,
    link: Link,
    etcd: Link,
    group: &'static str,
}

/// All that runs.
struct Plant {
    folder: PathBuf,
    etcds: Vec<Etcd>,
    nodes: BTreeMap<&'static str, Node>,
    coordinators: [Member; 2],
}

impl Plant {
    /// Three etcd, three nodes that have all shards, two coordinators.
    async fn begin(folder: &Path) -> Option<Self> {
        let etcds = Etcd::cluster(folder, 3).await?;
        let coordinators = ["c1", "c2"].map(|id| {
            let mut member = Member::new(id, &etcds[0]);
            member.etcd = every(&etcds);
            member.more = ["--role", "coordinator"].map(str::to_owned).into();
            member.start(folder);
            member
        });
        let mut plant = Self {
            folder: folder.to_owned(),
            etcds,
            nodes: BTreeMap::new(),
            coordinators,
        };
        for (id, group) in [("n1", "a"), ("n2", "b"), ("n3", "c")] {
            plant.build(id, group).await;
        }
        let instances: Vec<Value> = plant.nodes.values().map(Node::instance).collect();
        let body = json!({"num_shards": SHARDS, "replication_factor": 3, "instances": instances});
        plant.ask("/init", body).await;
        plant.settles().await;
        Some(plant)
    }

    /// Starts a node that has no shards yet.
    async fn build(&mut self, id: &'static str, group: &'static str) {
        // Each has an etcd that it alone is cut off from, beside no other.
        let at = self.nodes.len() % self.etcds.len();
        let etcd = Link::to(&address(&self.etcds[at])).await;
        let mut member = Member::new(id, &self.etcds[at]);
        member.etcd = etcd.address.to_string();
        let link = Link::to(&member.endpoint).await;
        member.start(&self.folder);
        let node = Node {
            member,
            link,
            etcd,
            group,
        };
        self.nodes.insert(id, node);
    }

    fn node(&mut self, id: &str) -> &mut Node {
        self.nodes.get_mut(id).expect("a node")
    }

    /// Changes the placement; a coordinator that heard of the last change late is asked again.
    async fn ask(&self, call: &str, body: Value) {
        let body = body.to_string();
        wait_for("the placement to change", 30, async || {
            let url = format!("{}{PLACEMENT}{call}", self.coordinators[0].api());
            let answer = post(&url, &[], body.clone()).await;
            let may_pass = [409, 503].contains(&answer.status);
            assert!(may_pass || answer.status == 200, "{}", answer.text());
            (answer.status == 200).then_some(())
        })
        .await;
    }

    async fn settles(&self) {
        for coordinator in &self.coordinators {
            is_settled(coordinator.api()).await;
        }
    }

    /// SIGTERM, and starts it again with what it has.
    async fn restart(&mut self, id: &str) {
        let folder = self.folder.clone();
        let node = self.node(id);
        let server = node.member.server.as_mut().expect("it runs");
        server.process.signal(Signal::TERM);
        let status = server.process.ended(Duration::from_secs(30)).await;
        assert!(status.success(), "{}", server.process.log());
        node.member.start(&folder);
    }

    /// A node that is no member any more goes, and its disk with it.
    fn destroy(&mut self, id: &str) {
        let mut gone = self.nodes.remove(id).expect("a node");
        gone.member.kill();
        std::fs::remove_dir_all(self.folder.join(id)).expect("a folder");
    }

    /// What each node that has some of a shard has of it.
    async fn by_shard(&self) -> Option<BTreeMap<ShardId, Vec<Vec<ShardDigest>>>> {
        let mut all: BTreeMap<ShardId, Vec<Vec<ShardDigest>>> = BTreeMap::new();
        for node in self.nodes.values() {
            let mut own: BTreeMap<ShardId, Vec<ShardDigest>> = BTreeMap::new();
            for one in digests(&node.member, SHARDS, WINDOW_MS).await? {
                own.entry(one.shard).or_default().push(one);
            }
            for (shard, digests) in own {
                all.entry(shard).or_default().push(digests);
            }
        }
        Some(all)
    }

    /// Waits until each shard that has samples is at three nodes that have the same of it.
    async fn become_equal(&self) {
        wait_for("all replicas to be equal", 90, async || {
            let all = self.by_shard().await?;
            let are_three =
                |of: &Vec<Vec<ShardDigest>>| of.len() == 3 && of.iter().all(|one| *one == of[0]);
            (!all.is_empty() && all.values().all(are_three)).then_some(())
        })
        .await;
    }
}

impl Node {
    fn instance(&self) -> Value {
        let endpoint = self.link.address.to_string();
        self.member.instance_at(self.group, &endpoint)
    }
}

fn address(etcd: &Etcd) -> String {
    etcd.url.replace("http://", "")
}

fn every(etcds: &[Etcd]) -> String {
    etcds.iter().map(address).collect::<Vec<_>>().join(",")
}

fn value(number: i64, round: u64) -> u64 {
    let round = i64::try_from(round).expect("small");
    let value = f64::from(u32::try_from(number * 100_000 + round).expect("small"));
    value.to_bits()
}

fn time_ms(round: u64) -> i64 {
    START_MS + i64::try_from(round).expect("small") * STEP_MS
}

/// Writes one sample of each series again and again, each to the other coordinator than the one
/// before, and each until it is acknowledged.
struct Writer {
    acked: Arc<AtomicU64>,
    ends: Arc<AtomicBool>,
    task: JoinHandle<Duration>,
}

impl Writer {
    fn begin(plant: &Plant) -> Self {
        let (acked, ends) = (
            Arc::new(AtomicU64::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let apis = [0, 1].map(|at: usize| plant.coordinators[at].api().to_owned());
        let (rounds, is_over) = (Arc::clone(&acked), Arc::clone(&ends));
        let task = tokio::spawn(async move {
            let mut slowest = Duration::ZERO;
            for round in 0.. {
                if is_over.load(Ordering::SeqCst) {
                    break;
                }
                let took = write_for_sure(&apis, round).await;
                slowest = slowest.max(took);
                rounds.store(round + 1, Ordering::SeqCst);
            }
            slowest
        });
        Self { acked, ends, task }
    }

    fn rounds(&self) -> u64 {
        self.acked.load(Ordering::SeqCst)
    }

    /// Waits for writes that begin and are acknowledged from now on.
    async fn goes_on(&self) {
        self.goes_on_for(Duration::from_millis(500)).await;
    }

    /// The same for so long.
    async fn goes_on_for(&self, time: Duration) {
        let (began, until) = (Instant::now(), self.rounds() + 20);
        wait_for("writes to go on", 60, async || {
            assert!(!self.task.is_finished(), "a write failed for good");
            (self.rounds() >= until && began.elapsed() >= time).then_some(())
        })
        .await;
    }

    /// How many rounds there are, and how long the slowest took.
    async fn end(self) -> (u64, Duration) {
        self.ends.store(true, Ordering::SeqCst);
        let slowest = self.task.await.expect("no write failed for good");
        (self.acked.load(Ordering::SeqCst), slowest)
    }
}

async fn write_for_sure(apis: &[String; 2], round: u64) -> Duration {
    let began = Instant::now();
    for attempt in round.. {
        let all = (0..SERIES).map(|number| {
            let samples: [Sent; 1] = [(time_ms(round), value(number, round))];
            let number = number.to_string();
            series(&[("__name__", "stormy"), ("number", &number)], &samples)
        });
        let api = &apis[usize::from(attempt % 2 == 1)];
        match write_request(api, write_body(all.collect())).await {
            Ok(answer) if answer.status / 100 == 2 => break,
            // What the sender did wrong no retry mends.
            Ok(answer) => assert!(answer.status >= 500, "{}", answer.text()),
            // The coordinator is being started.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
        let took = began.elapsed();
        assert!(
            took < MENDED_WITHIN,
            "round {round} is not taken after {took:?}"
        );
    }
    began.elapsed()
}

/// A server has all samples of all rounds, bit for bit, and nothing else.
async fn has_rounds(server: &Server, rounds: u64) {
    let found = exported(server, "stormy").await;
    assert_eq!(found.len(), usize::try_from(SERIES).expect("small"));
    for (labels, samples) in found {
        let number = labels.split('"').nth(1).expect("a number");
        let number: i64 = number.parse().expect("a number");
        let expected = (0..rounds).map(|round| (time_ms(round), value(number, round)));
        let expected: Vec<_> = expected.collect();
        let missing: BTreeSet<_> = expected
            .iter()
            .filter(|one| !samples.contains(one))
            .collect();
        assert!(missing.is_empty(), "{labels} misses {missing:?}");
        assert_eq!(samples, expected, "{labels}");
    }
}

/// Everything that breaks, one after the other, and is mended again.
async fn break_each(plant: &mut Plant, writer: &Writer) {
    let folder = plant.folder.clone();
    plant.node("n2").member.kill();
    writer.goes_on().await;
    plant.node("n2").member.start(&folder);
    writer.goes_on().await;

    for at in 0..plant.etcds.len() {
        plant.etcds[at].kill();
        writer.goes_on().await;
        plant.etcds[at].restart().await;
    }

    plant.coordinators[0].kill();
    writer.goes_on().await;
    plant.coordinators[0].start(&folder);
    plant.coordinators[1].kill();
    writer.goes_on().await;
    plant.coordinators[1].start(&folder);

    let server = plant.node("n1").member.server.as_ref();
    server.expect("it runs").process.pause();
    writer.goes_on_for(SILENCE).await;
    let server = plant.node("n1").member.server.as_ref();
    server.expect("it runs").process.signal(Signal::CONT);
    writer.goes_on().await;

    let lines = |plant: &mut Plant| {
        let node = plant.node("n3");
        node.link.cut();
        node.etcd.cut();
    };
    lines(plant);
    writer.goes_on_for(SILENCE).await;
    let node = plant.node("n3");
    node.link.mend();
    node.etcd.mend();
    writer.goes_on().await;

    for etcd in &mut plant.etcds {
        etcd.kill();
    }
    writer.goes_on().await;
    // Two are needed, and none is up before the second.
    let [first, others @ ..] = plant.etcds.as_mut_slice() else {
        panic!("there are three");
    };
    let [second, third] = others else {
        panic!("there are three");
    };
    tokio::join!(first.restart(), second.restart(), third.restart());
    writer.goes_on().await;

    for id in ["n1", "n2", "n3"] {
        plant.restart(id).await;
        writer.goes_on().await;
    }
}

/// Every change of the placement, one after the other.
async fn change_each(plant: &mut Plant, writer: &Writer) {
    plant.build("n4", "a").await;
    plant.build("n5", "b").await;
    let newcomers = [plant.nodes["n4"].instance(), plant.nodes["n5"].instance()];
    plant.ask("", json!({"instances": newcomers})).await;
    plant.settles().await;
    writer.goes_on().await;

    plant.ask("/remove", json!({"instanceIds": ["n1"]})).await;
    plant.settles().await;
    plant.destroy("n1");
    writer.goes_on().await;

    plant.build("n6", "b").await;
    let newcomer = plant.nodes["n6"].instance();
    let replace = json!({"leavingInstanceIDs": ["n2"], "candidates": [newcomer]});
    plant.ask("/replace", replace).await;
    plant.settles().await;
    plant.destroy("n2");
    writer.goes_on().await;

    let (folder, api) = (plant.folder.clone(), plant.coordinators[0].api().to_owned());
    plant.node("n3").member.kill();
    std::fs::remove_dir_all(folder.join("n3")).expect("a folder");
    let before = version(&api).await;
    plant.node("n3").member.start(&folder);
    wait_for("the empty disk to be known", 60, async || {
        (version(&api).await > before).then_some(())
    })
    .await;
    plant.settles().await;
    writer.goes_on().await;
}

/// What real senders send, to both coordinators and to a server that nothing happens to.
struct Senders {
    prometheus: Prometheus,
    agent: Process,
    /// Where the agent has its own metrics.
    agent_address: String,
    reference: Server,
    urls: [String; 3],
}

impl Senders {
    fn config(urls: &[String; 3], scrapes: &str) -> String {
        let queue = "queue_config: {max_backoff: 500ms, batch_send_deadline: 500ms}";
        let writes = urls.iter();
        let writes = writes.map(|url| format!("- {{url: '{url}/api/v1/write', {queue}}}\n"));
        format!(
            "global: {{scrape_interval: 1s, external_labels: {{from: prometheus}}}}\n\
             scrape_configs: [{scrapes}]\n\
             remote_write:\n{}",
            writes.collect::<String>()
        )
    }

    /// `None` where the programs are not installed.
    async fn begin(plant: &Plant) -> Option<Self> {
        let program_of_prometheus = program("prometheus", "prometheus")?;
        let program_of_agent = program("vmagent", "victoria-metrics")?;
        let reference = Server::start(&plant.folder.join("reference"), &[]);
        let [one, other] = [0, 1].map(|at: usize| plant.coordinators[at].api().to_owned());
        let urls = [one, other, reference.api.clone()];
        let config = Self::config(
            &urls,
            "{job_name: self, static_configs: [{targets: [SELF]}]}",
        );
        let folder = plant.folder.join("prometheus");
        let prometheus = Prometheus::start(&program_of_prometheus, &folder, &config).await;
        let target = prometheus.url.trim_start_matches("http://");
        let (agent, agent_address) = agent(&plant.folder, &program_of_agent, &urls, target);
        Some(Self {
            prometheus,
            agent,
            agent_address,
            reference,
            urls,
        })
    }

    /// Both end, and everything they sent arrives everywhere.
    async fn end(mut self, plant: &Plant) {
        let dropped = "vmagent_remotewrite_packets_dropped_total";
        assert_eq!(of_agent(&self.agent_address, dropped).await, 0.0);
        // It sends what is left when it ends.
        self.agent.signal(Signal::TERM);
        let status = self.agent.ended(Duration::from_secs(60)).await;
        assert!(status.success(), "{}", self.agent.log());
        // Nothing is scraped any more, so that it comes to rest.
        let config = Self::config(&self.urls, "");
        self.prometheus.reload(&config).await;
        let all = "{from=~\".+\"}";
        let expected = wait_for("all that was sent to arrive", 90, async || {
            let name = "prometheus_remote_storage_samples_pending";
            let pending = self.prometheus.metric(name).await?;
            let expected = exported(&self.reference, all).await;
            for coordinator in &plant.coordinators {
                let found = exported(coordinator.server.as_ref()?, all).await;
                if found != expected {
                    return None;
                }
            }
            (pending == 0.0).then_some(expected)
        })
        .await;
        let samples: usize = expected.iter().map(|(_, samples)| samples.len()).sum();
        assert!(samples > 10_000, "only {samples} samples were sent");
        for fate in ["failed", "dropped"] {
            let name = format!("prometheus_remote_storage_samples_{fate}_total");
            assert_eq!(
                self.prometheus.metric(&name).await.unwrap_or(0.0),
                0.0,
                "{name}"
            );
        }
        self.is_read_back(plant).await;
    }

    /// Another Prometheus, which has nothing itself, reads the same from the cluster as the sender
    /// from its own disk.
    async fn is_read_back(&self, plant: &Plant) {
        let reads = plant.coordinators[1].api();
        let config = format!("remote_read: [{{url: '{reads}/api/v1/read', read_recent: true}}]\n");
        let program = program("prometheus", "prometheus").expect("it runs already");
        let reader = Prometheus::start(&program, &plant.folder.join("reader"), &config).await;
        let end = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("after 1970")
            .as_secs_f64();
        for (theirs, ours) in [
            (
                "count_over_time(up[30m])",
                "count_over_time(up{from=\"prometheus\"}[30m])",
            ),
            (
                "sum(sum_over_time(prometheus_http_requests_total{job=\"self\"}[30m]))",
                "sum(sum_over_time(prometheus_http_requests_total{from=\"prometheus\"}[30m]))",
            ),
        ] {
            let theirs = self.prometheus.query(theirs, end).await;
            let ours = reader.query(ours, end).await;
            assert_eq!(theirs[0]["value"], ours[0]["value"], "{theirs} {ours}");
        }
    }
}

/// A vmagent that scrapes `target` and sends to all of `urls`, and the address of its own metrics.
fn agent(folder: &Path, program: &Path, urls: &[String], target: &str) -> (Process, String) {
    let folder = folder.join("vmagent");
    std::fs::create_dir_all(&folder).expect("a folder");
    let config = folder.join("scrape.yml");
    let text = format!(
        "global: {{scrape_interval: 1s, external_labels: {{from: vmagent}}}}\n\
         scrape_configs: [{{job_name: agent, static_configs: [{{targets: ['{target}']}}]}}]\n"
    );
    std::fs::write(&config, text).expect("a file");
    let address = format!("127.0.0.1:{}", free_port());
    let mut arguments = vec![
        format!("-promscrape.config={}", config.display()),
        format!(
            "-remoteWrite.tmpDataPath={}",
            folder.join("queue").display()
        ),
        "-remoteWrite.flushInterval=200ms".to_owned(),
        format!("-httpListenAddr={address}"),
    ];
    let urls = urls.iter();
    arguments.extend(urls.map(|url| format!("-remoteWrite.url={url}/api/v1/write")));
    (Process::start(program, &arguments), address)
}

/// What a metric of a vmagent is in all.
async fn of_agent(address: &str, name: &str) -> f64 {
    let text = get(&format!("http://{address}/metrics")).await.text();
    let lines = text.lines().filter(|line| line.starts_with(name));
    let values = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    values.sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_whatever_breaks_and_changes() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mut plant) = Plant::begin(folder.path()).await else {
        return;
    };
    let Some(senders) = Senders::begin(&plant).await else {
        return;
    };
    let writer = Writer::begin(&plant);
    writer.goes_on().await;

    break_each(&mut plant, &writer).await;
    change_each(&mut plant, &writer).await;

    let (rounds, slowest) = writer.end().await;
    eprintln!("{rounds} rounds were acknowledged, the slowest after {slowest:?}");
    for coordinator in &plant.coordinators {
        has_rounds(coordinator.server.as_ref().expect("it runs"), rounds).await;
    }
    senders.end(&plant).await;
    plant.become_equal().await;
}
