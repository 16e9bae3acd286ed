//! etcd, three storage nodes and a coordinator, on one machine.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::run::ClusterOptions;
use crate::error::Error;
use crate::http::{Connection, Request};
use crate::options::ServerName;
use crate::process::{Process, program};
use crate::server::{Running, free_address};
use crate::wait::Watch;

const PLACEMENT: &str = "/api/v1/services/m3db/placement";
/// A start, or a change of the placement, may take this long.
const SECONDS_MAX: u64 = 120;

/// A server that can be started again with what it has.
#[derive(Debug)]
pub(super) struct Member {
    name: &'static str,
    program: PathBuf,
    folder: PathBuf,
    arguments: Vec<OsString>,
    address: SocketAddr,
    metrics: SocketAddr,
    /// Where other servers reach it.
    rpc: SocketAddr,
    running: Option<Running>,
}

impl Member {
    fn new(
        options: &ClusterOptions,
        folder: &Path,
        name: &'static str,
        more: &[String],
    ) -> Result<Self, Error> {
        let (address, metrics, rpc) = (free_address()?, free_address()?, free_address()?);
        let data = folder.join(name);
        let mut arguments: Vec<OsString> = [
            format!("--data-dir={}", data.display()),
            format!("--listen={address}"),
            format!("--metrics-listen={metrics}"),
            "--log=warn".to_owned(),
            "--disk-high-water=100".to_owned(),
        ]
        .map(OsString::from)
        .into();
        arguments.extend(more.iter().map(OsString::from));
        arguments.extend(options.server_argument.iter().cloned());
        Ok(Self {
            name,
            program: program(&options.server, "--server")?,
            folder: folder.to_owned(),
            arguments,
            address,
            metrics,
            rpc,
            running: None,
        })
    }

    /// A server that is alone.
    pub(super) fn alone(options: &ClusterOptions, folder: &Path) -> Result<Self, Error> {
        Self::new(options, folder, "alone", &[])
    }

    fn of_cluster(
        options: &ClusterOptions,
        folder: &Path,
        name: &'static str,
        etcd: SocketAddr,
    ) -> Result<Self, Error> {
        let mut member = Self::new(options, folder, name, &[format!("--etcd={etcd}")])?;
        if name == COORDINATOR {
            member.arguments.push("--read-consistency-level=one".into());
        } else {
            let rpc = member.rpc;
            let own = [format!("--node-id={name}"), format!("--rpc-listen={rpc}")];
            member.arguments.extend(own.map(OsString::from));
        }
        Ok(member)
    }

    pub(super) fn start(&mut self, watch: &Watch) -> Result<(), Error> {
        let words = self.folder.join(format!("{}.words", self.name));
        let mut running = Running {
            name: ServerName::Ours,
            process: Process::start(&self.program, &self.arguments, &words)?,
            address: self.address,
            began_ms: watch.now_ms(),
        };
        running.until_ready(watch)?;
        self.running = Some(running);
        Ok(())
    }

    /// It must run.
    pub(super) fn running(&mut self) -> Result<&mut Running, Error> {
        let name = self.name;
        let ended = || Error::Answer(format!("{name} does not run"));
        self.running.as_mut().ok_or_else(ended)
    }

    /// A clean stop, which writes out all that there is, and another start.
    pub(super) fn restart(&mut self, watch: &Watch) -> Result<(), Error> {
        self.running()?.process.stop(watch)?;
        self.start(watch)
    }

    pub(super) fn kill(&mut self) -> Result<(), Error> {
        match self.running.take() {
            Some(mut running) => running.process.kill(),
            None => Ok(()),
        }
    }

    /// CPU since its start, in nanoseconds; none while it does not run.
    pub(super) fn cpu_ns(&self) -> Result<u64, Error> {
        match &self.running {
            Some(running) => running.process.accounting.cpu_ns(),
            None => Ok(0),
        }
    }

    /// The sum of a metric over its series.
    pub(super) fn metric(&self, name: &str) -> Result<f64, Error> {
        let doing = || Error::exchange(format!("asking {} for {name}", self.name));
        let mut connection = Connection::open(self.metrics).map_err(doing())?;
        let request = Request {
            method: "GET",
            path: "/metrics",
            headers: "",
            body: b"",
        };
        let (_, body) = connection.exchange(request).map_err(doing())?;
        let text = String::from_utf8_lossy(&body);
        let of_name = text.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            let (labels, value) = rest.rsplit_once(' ')?;
            let is_it = labels.is_empty() || labels.starts_with('{');
            is_it.then(|| value.parse::<f64>().ok())?
        });
        let values: Vec<f64> = of_name.collect();
        match values.is_empty() {
            true => Err(Error::Answer(format!("{} has no metric {name}", self.name))),
            false => Ok(values.iter().sum()),
        }
    }
}

/// The name of the coordinator.
const COORDINATOR: &str = "c1";
/// The names of the nodes.
const NODES: [&str; 3] = ["n1", "n2", "n3"];

/// All that runs.
#[derive(Debug)]
pub(super) struct Plant {
    _etcd: Process,
    pub(super) nodes: Vec<Member>,
    pub(super) coordinator: Member,
}

impl Plant {
    /// Starts it, with every shard at all three nodes.
    pub(super) fn start(
        options: &ClusterOptions,
        folder: &Path,
        watch: &Watch,
    ) -> Result<Self, Error> {
        let (process, etcd) = etcd(options, folder, watch)?;
        let member = |name| Member::of_cluster(options, folder, name, etcd);
        let nodes = NODES.into_iter().map(member);
        let mut plant = Self {
            _etcd: process,
            nodes: nodes.collect::<Result<_, _>>()?,
            coordinator: member(COORDINATOR)?,
        };
        for node in &mut plant.nodes {
            node.start(watch)?;
        }
        plant.coordinator.start(watch)?;
        plant.place(options.shards, watch)?;
        Ok(plant)
    }

    fn place(&self, shards: u32, watch: &Watch) -> Result<(), Error> {
        let instances = self.nodes.iter().zip(["a", "b", "c"]).map(|(node, group)| {
            json!({"id": node.name, "isolation_group": group, "zone": "embedded", "weight": 100,
                "endpoint": node.rpc.to_string(), "hostname": node.name, "port": node.rpc.port()})
        });
        let body = json!({"num_shards": shards, "replication_factor": 3,
            "instances": instances.collect::<Vec<Value>>()});
        self.ask("POST", &format!("{PLACEMENT}/init"), &body.to_string())?;
        let every = Duration::from_millis(50);
        watch.until("all shards to be available", every, SECONDS_MAX, || {
            let placement = self.ask("GET", PLACEMENT, "")?;
            Ok((!placement.contains("INITIALIZING")).then_some(()))
        })
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Result<String, Error> {
        let doing = || Error::exchange(format!("asking the coordinator {path}"));
        let mut connection = Connection::open(self.coordinator.address).map_err(doing())?;
        let request = Request {
            method,
            path,
            headers: "content-type: application/json\r\n",
            body: body.as_bytes(),
        };
        let (head, answer) = connection.exchange(request).map_err(doing())?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        match head.is_success() {
            true => Ok(answer),
            false => Err(Error::Answer(format!("{path}: {}: {answer}", head.status))),
        }
    }

    /// Windows that nodes know to be missing at others, or to differ.
    pub(super) fn to_do(&self) -> Result<u64, Error> {
        let told = self.ask("GET", "/api/v1/cluster", "")?;
        let told: Value = serde_json::from_str(&told)
            .map_err(|error| Error::Answer(format!("/api/v1/cluster is no JSON: {error}")))?;
        let total = |name: &str| told.pointer("/data/totals")?.get(name)?.as_u64();
        let reached = total("nodesReachable") == Some(NODES.len() as u64);
        let to_do = total("hints").zip(total("divergence"));
        let to_do =
            to_do.ok_or_else(|| Error::Answer("/api/v1/cluster tells no totals".to_owned()))?;
        // A node that does not say what it knows may know of more.
        Ok(to_do.0 + to_do.1 + u64::from(!reached))
    }

    pub(super) fn node(&mut self, at: usize) -> Result<&mut Member, Error> {
        let absent = || Error::Answer(format!("there is no node {at}"));
        self.nodes.get_mut(at).ok_or_else(absent)
    }

    /// CPU of all nodes, in nanoseconds.
    pub(super) fn nodes_cpu_ns(&self) -> Result<u64, Error> {
        self.nodes.iter().map(Member::cpu_ns).sum()
    }
}

/// An etcd that is alone, and where it is reached.
fn etcd(
    options: &ClusterOptions,
    folder: &Path,
    watch: &Watch,
) -> Result<(Process, SocketAddr), Error> {
    let (clients, peers) = (free_address()?, free_address()?);
    let arguments = [
        format!("--data-dir={}", folder.join("etcd").display()),
        format!("--listen-client-urls=http://{clients}"),
        format!("--advertise-client-urls=http://{clients}"),
        format!("--listen-peer-urls=http://{peers}"),
        format!("--initial-advertise-peer-urls=http://{peers}"),
        format!("--initial-cluster=default=http://{peers}"),
    ]
    .map(OsString::from);
    let program = program(&options.etcd, "--etcd")?;
    let mut process = Process::start(&program, &arguments, &folder.join("etcd.words"))?;
    let every = Duration::from_millis(50);
    watch.until("etcd to be healthy", every, SECONDS_MAX, || {
        process.check_running()?;
        // Until it listens a connection fails, which says no more than that it does not yet.
        let Ok(mut connection) = Connection::open(clients) else {
            return Ok(None);
        };
        let request = Request {
            method: "GET",
            path: "/health",
            headers: "",
            body: b"",
        };
        let answer = connection.exchange(request);
        Ok(answer
            .ok()
            .and_then(|(head, _)| head.is_success().then_some(())))
    })?;
    Ok((process, clients))
}
