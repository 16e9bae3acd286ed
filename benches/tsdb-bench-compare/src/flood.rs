//! A flood of new series against a memory budget: it must end in refusals that say why, within the
//! budget, and cost nothing that was stored.

use std::ffi::OsString;

use clap::Parser;
use tsdb_bench::WriteEncoder;
use tsdb_core::{Clock as _, Labels, Sample};
use tsdb_remote::write::WriteProtocol;

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
/// Every label set tells when its memory is refused.
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
    let folder = tempfile::Builder::new()
        .prefix("flood-")
        .tempdir()
        .map_err(Error::io("making", "a temporary folder"))?;
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
    let known = send(options, &mut running, first.clone(), now_ms, &watch)?;
    let (rss, peak) = (
        running.process.accounting.rss_bytes()?,
        running.process.accounting.peak_bytes()?,
    );
    let range_ms = (now_ms - 1, now_ms);
    progress.say("reading back");
    let stored = read_back::count(&running, range_ms)?;
    running.process.kill()?;
    drop(running);
    let mut running = server.start(&watch)?;
    running.until_ready(&watch)?;
    let after_kill = read_back::count(&running, range_ms)?;
    let restarted = running.process.accounting.peak_bytes()?;
    progress.clear();

    let mut findings = Vec::new();
    let budget = options.budget_mib << 20;
    let allowed = budget / EXCESS.1 * EXCESS.0;
    for (when, bytes) in [("during the flood", peak), ("after kill -9", restarted)] {
        if bytes > allowed {
            let (mib, allowed) = (bytes >> 20, allowed >> 20);
            findings.push(format!("{when} it took {mib} MiB, more than {allowed} MiB"));
        }
    }
    if known.refused > 0 {
        let said = known.refusal.unwrap_or_default();
        findings.push(format!("known series were refused: {said}"));
    }
    if stored < sent.acked + known.acked || after_kill != stored {
        findings.push(format!(
            "{} samples acked, {stored} there, {after_kill} after kill -9",
            sent.acked + known.acked
        ));
    }
    let refusal = sent.refusal.clone().unwrap_or_default();
    if sent.refused > 0 && !refusal.contains(LIMIT_NAME) {
        findings.push(format!("a refusal does not name {LIMIT_NAME}: {refusal}"));
    }
    let refused = (options.series + first.len()) as u64 - stored;
    let report = format!(
        "{} series into a budget of {} MiB: {stored} samples stored, {refused} refused, {} requests \
         sent again; {} MiB resident, at most {} MiB; after kill -9 {after_kill} samples, at most {} MiB\n\
         first refusal: {refusal}",
        options.series,
        options.budget_mib,
        sent.retries,
        rss >> 20,
        peak >> 20,
        restarted >> 20
    );
    match findings.is_empty() {
        true => Ok(report),
        false => Err(Error::Check(format!("{}\n{report}", findings.join("; ")))),
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
    for number in series.clone() {
        let sample = Sample::new(timestamp, number as f64);
        encoder.series(&labels(number)?, &[sample]);
        if encoder.samples_len() == PER_REQUEST || number + 1 == series.end {
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
