//! Whole-server figures: replays the capture, cloned to many series, into a `tsdb-server` over
//! HTTP, then kills it and waits until it is ready again.
//!
//! ```text
//! cargo build --release
//! cargo run --release -p tsdb-bench --bin ingest -- --server target/release/tsdb-server
//! ```
//! CPU is that of the whole server process, from /proc; the sender's is not counted. Samples are
//! acked durable (`ack: always`, the default). Linux only.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a benchmark says what it measured")]

use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tsdb_bench::{Capture, Fleet, WriteEncoder};
use tsdb_core::{Clock, SystemClock};
use tsdb_remote::write::WriteProtocol;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Linux counts CPU time in ticks of this many nanoseconds.
const TICK_NS: f64 = 10_000_000.0;
const PAGE_BYTES: u64 = 4096;

#[derive(Debug)]
struct Plan {
    server: PathBuf,
    series: usize,
    rounds: usize,
    per_request: usize,
    connections: usize,
    protocol: WriteProtocol,
}

impl Plan {
    fn parse() -> Outcome<Self> {
        let mut plan = Self {
            server: PathBuf::from("target/release/tsdb-server"),
            series: 300_000,
            rounds: 60,
            // What Prometheus sends at most by default.
            per_request: 2_000,
            connections: 2,
            protocol: WriteProtocol::V1,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            // Cargo passes its own to every benchmark.
            if name == "--bench" {
                continue;
            }
            let value = arguments.next().ok_or(format!("{name} needs a value"))?;
            match name.as_str() {
                "--server" => plan.server = PathBuf::from(value),
                "--series" => plan.series = value.parse()?,
                "--rounds" => plan.rounds = value.parse()?,
                "--per-request" => plan.per_request = value.parse()?,
                "--connections" => plan.connections = value.parse()?,
                "--protocol" => {
                    plan.protocol = match value.as_str() {
                        "1.0" => WriteProtocol::V1,
                        "2.0" => WriteProtocol::V2,
                        _ => return Err("--protocol must be 1.0 or 2.0".into()),
                    }
                }
                _ => return Err(format!("{name} is no option of this benchmark").into()),
            }
        }
        Ok(plan)
    }
}

/// A server that is killed when dropped.
struct Server {
    child: Child,
    api: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        // Killed already, or dead: either is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Starts the server and answers once it is ready, and how many milliseconds that took.
    fn start(plan: &Plan, folder: &Path, clock: &SystemClock) -> Outcome<(Self, u64)> {
        let (api, metrics) = (free_address()?, free_address()?);
        let began_ms = clock.monotonic_ms();
        let child = Command::new(&plan.server)
            .arg("--data-dir")
            .arg(folder)
            .args([
                "--listen",
                &api.to_string(),
                "--metrics-listen",
                &metrics.to_string(),
            ])
            .args(["--max-future", "off", "--log", "warn"])
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| format!("starting {}: {error}", plan.server.display()))?;
        let mut server = Self { child, api };
        let deadline_ms = began_ms + 120_000;
        while server.status("/ready") != Some(200) {
            if let Some(status) = server.child.try_wait()? {
                return Err(format!("the server ended: {status}").into());
            }
            if clock.monotonic_ms() > deadline_ms {
                return Err("the server was not ready within two minutes".into());
            }
            std::thread::park_timeout(Duration::from_millis(2));
        }
        Ok((server, clock.monotonic_ms() - began_ms))
    }

    fn status(&self, path: &str) -> Option<u16> {
        let mut connection = Connection::open(self.api).ok()?;
        connection
            .request(&format!("GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n"), &[])
            .ok()
    }

    /// CPU time since its start, in nanoseconds.
    fn cpu_ns(&self) -> Outcome<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
        let ticks: f64 = fields
            .skip(11)
            .take(2)
            .filter_map(|n| n.parse::<f64>().ok())
            .sum();
        Ok(ticks * TICK_NS)
    }

    fn rss_bytes(&self) -> Outcome<u64> {
        let pages = std::fs::read_to_string(format!("/proc/{}/statm", self.child.id()))?;
        let resident = pages.split(' ').nth(1).ok_or("no resident pages")?;
        Ok(resident.parse::<u64>()? * PAGE_BYTES)
    }
}

fn free_address() -> Outcome<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// A kept-alive HTTP/1.1 connection.
struct Connection {
    stream: TcpStream,
    head: Vec<u8>,
}

impl Connection {
    fn open(to: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect(to)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            head: Vec::new(),
        })
    }

    /// Sends a request and answers the status; bodies of answers are read and dropped.
    fn request(&mut self, head: &str, body: &[u8]) -> Outcome<u16> {
        self.stream.write_all(head.as_bytes())?;
        self.stream.write_all(body)?;
        self.head.clear();
        let mut byte = [0];
        while !self.head.ends_with(b"\r\n\r\n") {
            self.stream.read_exact(&mut byte)?;
            self.head.extend_from_slice(&byte);
        }
        let head = String::from_utf8_lossy(&self.head).to_ascii_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let mut rest = vec![0; length.map_or(Ok(0), str::parse)?];
        self.stream.read_exact(&mut rest)?;
        let status = head.split(' ').nth(1).ok_or("an answer without a status")?;
        Ok(status.parse()?)
    }
}

/// Sends one round of all targets over all connections; answers how many samples.
fn send_round(plan: &Plan, fleet: &Fleet, server: &Server, round: usize) -> Outcome<u64> {
    let sent = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..plan.connections)
            .map(|part| {
                scope.spawn({
                    let sent = &sent;
                    move || send_part(plan, fleet, server, (round, part), sent)
                })
            })
            .collect();
        for sender in senders {
            sender.join().map_err(|_| "a sender panicked")??;
        }
        Ok(())
    })
    .map(|()| sent.into_inner())
}

fn send_part(
    plan: &Plan,
    fleet: &Fleet,
    server: &Server,
    (round, part): (usize, usize),
    sent: &AtomicU64,
) -> Outcome<()> {
    let mut connection = Connection::open(server.api)?;
    let mut encoder = WriteEncoder::new(plan.protocol);
    let mut flush = |encoder: &mut WriteEncoder| -> Outcome<()> {
        let samples = encoder.samples_len() as u64;
        let body = encoder.finish()?;
        let head = format!(
            "POST /api/v1/write HTTP/1.1\r\nhost: bench\r\ncontent-encoding: snappy\r\n\
             content-type: {}\r\n\
             x-prometheus-remote-write-version: {}\r\ncontent-length: {}\r\n\r\n",
            plan.protocol.content_type(),
            plan.protocol.version(),
            body.len()
        );
        match connection.request(&head, &body)? {
            200 | 204 => sent.fetch_add(samples, Ordering::Relaxed),
            status => return Err(format!("the server answered {status}").into()),
        };
        Ok(())
    };
    for target in fleet.targets().iter().skip(part).step_by(plan.connections) {
        for found in fleet.scrape(target, round) {
            let labels = fleet
                .labels()
                .get(found.series)
                .ok_or("a series without labels")?;
            encoder.series(labels, &[found.sample]);
            if encoder.samples_len() == plan.per_request {
                flush(&mut encoder)?;
            }
        }
    }
    if encoder.samples_len() > 0 {
        flush(&mut encoder)?;
    }
    Ok(())
}

fn disk_bytes(folder: &Path) -> Outcome<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() {
            disk_bytes(&entry.path())?
        } else {
            metadata.len()
        };
    }
    Ok(bytes)
}

fn main() -> Outcome<()> {
    let plan = Plan::parse()?;
    let clock = SystemClock::new();
    let fleet = Fleet::new(Capture::load()?, plan.series, 1)?;
    let folder = tempfile::tempdir()?;
    let (server, _) = Server::start(&plan, folder.path(), &clock)?;
    let empty = server.rss_bytes()?;
    println!(
        "remote write {}, {} series, {} rounds, {} samples a request, {} connections",
        plan.protocol.version(),
        plan.series,
        plan.rounds,
        plan.per_request,
        plan.connections
    );
    let began_ns = server.cpu_ns()?;
    let mut total = send_round(&plan, &fleet, &server, 0)?;
    let created_ns = server.cpu_ns()?;
    println!(
        "cpu, first round with new series: {:.0} ns a sample",
        (created_ns - began_ns) / total as f64
    );
    let (steady_ms, first) = (clock.monotonic_ms(), total);
    for round in 1..plan.rounds {
        total += send_round(&plan, &fleet, &server, round)?;
    }
    let steady_ms = clock.monotonic_ms() - steady_ms;
    let (end_ns, steady) = (server.cpu_ns()?, (total - first).max(1) as f64);
    println!(
        "cpu, all rounds: {:.0} ns a sample",
        (end_ns - began_ns) / total as f64
    );
    println!(
        "cpu, known series: {:.0} ns a sample",
        (end_ns - created_ns) / steady
    );
    println!(
        "rate, known series: {:.0} samples/s",
        steady * 1e3 / steady_ms.max(1) as f64
    );
    let rss = server.rss_bytes()?;
    println!(
        "rss: {:.0} B a series, {} MiB in all, {} MiB empty",
        rss as f64 / plan.series as f64,
        rss >> 20,
        empty >> 20
    );
    println!(
        "disk: {:.2} B a sample, logs included",
        disk_bytes(folder.path())? as f64 / total as f64
    );
    drop(server);
    let (server, ready_ms) = Server::start(&plan, folder.path(), &clock)?;
    println!("ready after kill -9: {ready_ms} ms");
    println!(
        "rss after restart: {:.0} B a series",
        server.rss_bytes()? as f64 / plan.series as f64
    );
    Ok(())
}
