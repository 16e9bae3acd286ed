//! A flood of new series against a memory budget: it must end in refusals that say why, within the
//! budget, and cost nothing that was stored.

use std::ffi::OsString;

use clap::Parser;
use tsdb_bench::WriteEncoder;
use tsdb_core::{Clock as _, Labels, Sample};
use tsdb_remote::write::WriteProtocol;

use crate::command::folder;
use crate::deliveries::Delivery;
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::options::{Options, ServerName};
use crate::progress::Progress;
use crate::read_back;
use crate::sender::{self, Sent};
use crate::server::{Running, Server};
use crate::wait::Watch;

/// Samples of a request.
const PER_REQUEST: usize = 2_000;
/// Requests encoded ahead of sending.
const SLICE: usize = 100;
/// How much more than its budget a process may take: ten percent.
const EXCESS: (u64, u64) = (11, 10);
/// What a refusal for lack of memory must name.
const LIMIT_NAME: &str = "memory_budget";

/// New series without end into our server, which has a memory budget.
#[derive(Debug, Clone, Parser)]
#[command(name = "flood")]
pub struct FloodOptions {
    /// Series sent, each with one sample and ten labels
    #[arg(long, value_name = "COUNT", default_value_t = 2_000_000)]
    pub series: usize,

    /// Memory budget of the server, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 128)]
    pub budget_mib: u64,

    /// Connections that send at a time
    #[arg(long, value_name = "COUNT", default_value_t = 2)]
    pub connections: usize,

    /// Our server
    #[arg(
        long,
        value_name = "PROGRAM",
        default_value = "target/release/tsdb-server"
    )]
    pub server: OsString,
}

/// Floods a server and prints what became of it.
///
/// # Errors
/// When something acked is lost, nothing is refused although the budget cannot hold all, a refusal
/// does not name the limit, known series are refused as well, or the process outgrows its budget.
pub fn flood(options: &FloodOptions) -> Result<String, Error> {
    let watch = Watch::new(Interrupt::on_signals()?);
    let progress = Progress::new();
    let folder = folder("flood-", None)?;
    let server = server(options, folder.path())?;
    let mut running = server.start(&watch)?;
    running.until_ready(&watch)?;
    let now_ms = watch.clock.now_ms();

    let mut sent = Sent::default();
    for from in (0..options.series).step_by(PER_REQUEST * SLICE) {
        let to = options.series.min(from + PER_REQUEST * SLICE);
        sent.add(send(options, &mut running, from..to, now_ms - 1, &watch)?);
        let rss = running.process.accounting.rss_bytes()? >> 20;
        progress.say(&format!("{to} series sent, {rss} MiB resident"));
    }
    // The first series are known, and stay welcome whatever became of the last.
    let first = 0..PER_REQUEST.min(options.series);
    let known = send(options, &mut running, first, now_ms, &watch)?;
    let rss = running.process.accounting.rss_bytes()?;
    let peak = running.process.accounting.peak_bytes()?;
    let range_ms = (now_ms - 1, now_ms);
    progress.say("reading back");
    let stored = read_back::count(&running, range_ms)?;
    running.process.kill()?;
    drop(running);
    let mut running = server.start(&watch)?;
    running.until_ready(&watch)?;
    let stored_after_kill = read_back::count(&running, range_ms)?;
    let peak_after_kill = running.process.accounting.peak_bytes()?;
    progress.clear();
    let flooded = Flooded {
        sent,
        known,
        rss,
        peak,
        stored,
        stored_after_kill,
        peak_after_kill,
    };
    let (findings, report) = (flooded.findings(options), flooded.report(options));
    match findings.is_empty() {
        true => Ok(report),
        false => Err(Error::Check(format!("{}\n{report}", findings.join("; ")))),
    }
}

/// What became of a flood; memory in bytes.
#[derive(Debug)]
struct Flooded {
    sent: Sent,
    /// The second sample of series that are known.
    known: Sent,
    rss: u64,
    peak: u64,
    stored: u64,
    stored_after_kill: u64,
    peak_after_kill: u64,
}

impl Flooded {
    /// What must not be so.
    fn findings(&self, options: &FloodOptions) -> Vec<String> {
        let mut findings = Vec::new();
        let allowed = (options.budget_mib << 20) / EXCESS.1 * EXCESS.0;
        let peaks = [
            ("during the flood", self.peak),
            ("after kill -9", self.peak_after_kill),
        ];
        for (when, bytes) in peaks {
            if bytes > allowed {
                let (mib, allowed) = (bytes >> 20, allowed >> 20);
                findings.push(format!("{when} it took {mib} MiB, more than {allowed} MiB"));
            }
        }
        if self.known.refused > 0 {
            let said = self.known.refusal.as_deref().unwrap_or_default();
            findings.push(format!("known series were refused: {said}"));
        }
        let acked = self.sent.acked + self.known.acked;
        let (stored, after_kill) = (self.stored, self.stored_after_kill);
        if stored < acked || after_kill != stored {
            findings.push(format!(
                "{acked} samples acked, {stored} there, {after_kill} after kill -9"
            ));
        }
        let refusal = self.sent.refusal.as_deref();
        if let Some(refusal) = refusal.filter(|said| !said.contains(LIMIT_NAME)) {
            findings.push(format!("a refusal does not name {LIMIT_NAME}: {refusal}"));
        }
        findings
    }

    fn report(&self, options: &FloodOptions) -> String {
        let again = PER_REQUEST.min(options.series);
        let refused = (options.series + again) as u64 - self.stored;
        format!(
            "{} series into a budget of {} MiB: {} samples stored, {refused} refused, {} requests \
             sent again; {} MiB resident, at most {} MiB; after kill -9 {} samples, at most {} MiB\n\
             first refusal: {}",
            options.series,
            options.budget_mib,
            self.stored,
            self.sent.retries,
            self.rss >> 20,
            self.peak >> 20,
            self.stored_after_kill,
            self.peak_after_kill >> 20,
            self.sent.refusal.as_deref().unwrap_or("none")
        )
    }
}

fn server(options: &FloodOptions, folder: &std::path::Path) -> Result<Server, Error> {
    let budget = format!("--memory-budget={}MiB", options.budget_mib);
    let mut all = Options::parse_from(["compare"]);
    all.server.clone_from(&options.server);
    all.server_argument = vec![budget.into()];
    Server::find(ServerName::Ours, &all, folder, false)
}

/// Sends one sample of each of some series.
fn send(
    options: &FloodOptions,
    running: &mut Running,
    series: std::ops::Range<usize>,
    timestamp: i64,
    watch: &Watch,
) -> Result<Sent, Error> {
    running.process.check_running()?;
    let connections = options.connections.max(1);
    let mut encoder = WriteEncoder::new(WriteProtocol::V1);
    let mut deliveries = Vec::new();
    let end = series.end;
    for number in series {
        let sample = Sample::new(timestamp, number as f64);
        encoder.series(&labels(number)?, &[sample]);
        if encoder.samples_len() == PER_REQUEST || number + 1 == end {
            deliveries.push(Delivery {
                connection: deliveries.len() % connections,
                samples: encoder.samples_len(),
                body: encoder.finish()?,
            });
        }
    }
    let to = (running.address, WriteProtocol::V1);
    sender::send(&deliveries, connections, to, watch)
}

/// Ten labels as a cluster's have; those of a pod are its alone.
fn labels(number: usize) -> Result<Labels, Error> {
    let (pod, node) = (number / 20, number / 1_000);
    let name = format!("container_metric_{:02}_total", number % 20);
    let pod_name = format!(
        "checkout-{:08x}-{pod:06}",
        tsdb_bench::mix(pod as u64) >> 32
    );
    let id = format!("{:016x}", tsdb_bench::mix(pod as u64 ^ 1));
    let node = format!("node-{node:05}.example.net");
    let pairs = [
        ("__name__", name.as_str()),
        ("cluster", "eu-1"),
        ("container", "server"),
        ("id", id.as_str()),
        ("image", "registry.example.net/checkout:1.2.3"),
        ("instance", node.as_str()),
        ("job", "kubelet"),
        ("namespace", "shop"),
        ("pod", pod_name.as_str()),
        ("service", "checkout"),
    ];
    Labels::from_pairs(pairs).map_err(|error| Error::Answer(error.to_string()))
}
