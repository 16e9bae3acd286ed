//! One load into a server that is alone and into a cluster, then a node that dies and comes back.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use clap::Parser;
use tsdb_bench::Capture;
use tsdb_core::Clock as _;
use tsdb_remote::write::WriteProtocol;

use super::figures::Figures;
use super::plant::{Member, Plant};
use crate::command::folder;
use crate::deliveries::{Deliveries, Delivery};
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::load::Load;
use crate::options::{LoadName, Options};
use crate::progress::Progress;
use crate::read_back;
use crate::sender::{self, Sent};
use crate::wait::Watch;

/// Scrapes of ten minutes, and of an hour.
const TEN_MINUTES: usize = 40;
const HOUR: usize = 240;
/// When a node is killed while a scrape is being sent.
const KILLED_AFTER: Duration = Duration::from_millis(100);
/// A node that was away may take this long.
const EQUAL_SECONDS_MAX: u64 = 1_800;

/// Figures of a cluster of three nodes and a coordinator, beside those of one server.
#[derive(Debug, Clone, Parser)]
#[command(name = "cluster")]
pub struct ClusterOptions {
    /// Active series
    #[arg(long, value_name = "COUNT", default_value_t = 100_000)]
    pub series: usize,

    /// Scrapes while everything is well, fifteen seconds apart
    #[arg(long, value_name = "COUNT", default_value_t = 40)]
    pub scrapes: usize,

    /// Series of the hour with a dead node, of those that there are
    #[arg(long, value_name = "COUNT", default_value_t = 20_000)]
    pub hour_series: usize,

    /// Shards of the placement
    #[arg(long, value_name = "COUNT", default_value_t = 64)]
    pub shards: u32,

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

    /// A further argument for all our servers; may be repeated
    #[arg(long, value_name = "ARGUMENT", allow_hyphen_values = true)]
    pub server_argument: Vec<OsString>,

    /// etcd
    #[arg(long, value_name = "PROGRAM", default_value = "etcd")]
    pub etcd: OsString,
}

/// Measures, and answers a table.
///
/// # Errors
/// When a server fails, or something that was acknowledged is not there.
pub fn cluster(options: &ClusterOptions) -> Result<String, Error> {
    let watch = Watch::new(Interrupt::on_signals()?);
    let progress = Progress::new();
    let folder = folder("cluster-", None)?;
    let run = Run {
        options,
        watch: &watch,
        progress: &progress,
        folder: folder.path(),
    };
    let mut figures = Figures::default();
    run.alone(&mut figures)?;
    let mut plant = Plant::start(options, folder.path(), &watch)?;
    run.well(&mut plant, &mut figures)?;
    run.hour(&mut plant, &mut figures)?;
    progress.clear();
    Ok(figures.report())
}

struct Run<'a> {
    options: &'a ClusterOptions,
    watch: &'a Watch,
    progress: &'a Progress,
    folder: &'a Path,
}

impl Run<'_> {
    fn load(&self, series: usize, scrapes: usize) -> Result<Load, Error> {
        let options = Options::parse_from([
            "cluster".to_owned(),
            format!("--series={series}"),
            format!("--scrapes={scrapes}"),
            format!("--connections={}", self.options.connections),
        ]);
        let now_ms = self.watch.clock.now_ms();
        Load::new(LoadName::Steady, &options, Capture::load()?, now_ms)
    }

    fn send(&self, to: &mut Member, requests: &[Delivery]) -> Result<Sent, Error> {
        let running = to.running()?;
        running.process.check_running()?;
        let to = (running.address, WriteProtocol::V1);
        let sent = sender::send(requests, self.options.connections, to, self.watch)?;
        match sent.refusal {
            Some(refusal) => Err(Error::Answer(format!("a write is refused: {refusal}"))),
            None => Ok(sent),
        }
    }

    /// The load into a server that is alone.
    fn alone(&self, figures: &mut Figures) -> Result<(), Error> {
        let load = self.load(self.options.series, self.options.scrapes)?;
        let mut deliveries = Deliveries::new(&load, WriteProtocol::V1);
        let mut alone = Member::alone(self.options, self.folder)?;
        alone.start(self.watch)?;
        let mut slot = 0;
        while let Some(requests) = deliveries.next_slot()? {
            let before_ns = alone.cpu_ns()?;
            let sent = self.send(&mut alone, &requests)?;
            if slot > 0 {
                figures.alone.samples += sent.acked;
                figures.alone.cpu_ns += alone.cpu_ns()?.saturating_sub(before_ns);
            }
            slot += 1;
            self.progress.say(&format!("alone: scrape {slot}"));
        }
        alone.kill()
    }

    /// The same into a cluster; then a node dies, is away for ten minutes, and comes back.
    fn well(&self, plant: &mut Plant, figures: &mut Figures) -> Result<(), Error> {
        let well = self.options.scrapes;
        let load = self.load(self.options.series, well + TEN_MINUTES)?;
        let mut deliveries = Deliveries::new(&load, WriteProtocol::V1);
        let mut acked = 0;
        for slot in 0..well {
            let requests = deliveries.next_slot()?.unwrap_or_default();
            let before = (
                plant.coordinator.cpu_ns()?,
                plant.nodes_cpu_ns()?,
                bytes_sent(plant)?,
            );
            let sent = self.send(&mut plant.coordinator, &requests)?;
            acked += sent.acked;
            if slot > 0 {
                let spent = plant.coordinator.cpu_ns()?.saturating_sub(before.0);
                figures.coordinator.cpu_ns += spent;
                figures.coordinator.samples += sent.acked;
                figures.nodes.cpu_ns += plant.nodes_cpu_ns()?.saturating_sub(before.1);
                figures.nodes.samples += sent.acked;
                figures.bytes_per_sample += bytes_sent(plant)? - before.2;
            }
            self.progress.say(&format!("cluster: scrape {}", slot + 1));
        }
        figures.bytes_per_sample /= figures.coordinator.samples as f64;
        let known = (load.range_ms, &mut acked);
        self.away(plant, &mut deliveries, figures, known)?;
        self.read(plant, &load, acked, figures)
    }

    /// The last node is killed while a scrape is being sent, misses the next ones, and comes back.
    fn away(
        &self,
        plant: &mut Plant,
        deliveries: &mut Deliveries<'_>,
        figures: &mut Figures,
        (range_ms, acked): ((i64, i64), &mut u64),
    ) -> Result<(), Error> {
        let mut is_killed = false;
        while let Some(requests) = deliveries.next_slot()? {
            let Plant {
                nodes, coordinator, ..
            } = &mut *plant;
            let dies = nodes.last_mut().filter(|_| !is_killed);
            is_killed = true;
            let sent = std::thread::scope(|scope| {
                let killed = dies.map(|node| {
                    scope.spawn(|| {
                        std::thread::park_timeout(KILLED_AFTER);
                        node.kill()
                    })
                });
                let sent = self.send(coordinator, &requests)?;
                let panicked = |_| Error::Answer("killing a node panicked".to_owned());
                killed.map_or(Ok(Ok(())), |killed| killed.join().map_err(panicked))??;
                Ok::<_, Error>(sent)
            })?;
            figures.slowest_ms = figures.slowest_ms.max(sent.slowest_ms);
            figures.retries += sent.retries;
            figures.missed += sent.acked;
            *acked += sent.acked;
            let done = format!("a node is away: {} samples", figures.missed);
            self.progress.say(&done);
        }
        plant.node(2)?.start(self.watch)?;
        let began_ms = plant.node(2)?.running()?.began_ms;
        let every = Duration::from_millis(500);
        self.watch
            .until("a node to have all again", every, EQUAL_SECONDS_MAX, || {
                Ok((plant.to_do()? == 0).then_some(()))
            })?;
        figures.equal_after_ms = self.watch.now_ms() - began_ms;
        self.has_all(plant, range_ms, *acked)
    }

    /// The last node has everything, with nobody else to ask.
    fn has_all(&self, plant: &mut Plant, range_ms: (i64, i64), acked: u64) -> Result<(), Error> {
        plant.node(0)?.kill()?;
        plant.node(1)?.kill()?;
        let stored = read_back::count(plant.coordinator.running()?, range_ms)?;
        plant.node(0)?.start(self.watch)?;
        plant.node(1)?.start(self.watch)?;
        is_whole(acked, stored)
    }

    /// Everything is read back.
    fn read(
        &self,
        plant: &mut Plant,
        load: &Load,
        acked: u64,
        figures: &mut Figures,
    ) -> Result<(), Error> {
        // At rest all is in pages, of which a node tells the bytes; each shard is read at one node.
        for node in &mut plant.nodes {
            node.restart(self.watch)?;
        }
        let of_node = |name| {
            plant
                .nodes
                .first()
                .map_or(Ok(0.0), |node| node.metric(name))
        };
        let pages = of_node("tsdb_run_bytes")? + of_node("tsdb_block_bytes")?;
        let before = bytes_received(plant)?;
        let stored = read_back::count(plant.coordinator.running()?, load.range_ms)?;
        is_whole(acked, stored)?;
        figures.bytes_per_page_byte = (bytes_received(plant)? - before) / pages;
        Ok(())
    }

    /// An hour of writes while a node is dead.
    fn hour(&self, plant: &mut Plant, figures: &mut Figures) -> Result<(), Error> {
        let load = self.load(self.options.hour_series, HOUR)?;
        let mut deliveries = Deliveries::new(&load, WriteProtocol::V1);
        plant.node(2)?.kill()?;
        let mut slot = 0;
        while let Some(requests) = deliveries.next_slot()? {
            self.send(&mut plant.coordinator, &requests)?;
            let rss = plant
                .coordinator
                .running()?
                .process
                .accounting
                .rss_bytes()?;
            if slot == TEN_MINUTES {
                figures.rss_before = rss;
            }
            figures.rss_after = rss;
            slot += 1;
            self.progress.say(&format!("a node is dead: scrape {slot}"));
        }
        Ok(())
    }
}

fn is_whole(acked: u64, stored: u64) -> Result<(), Error> {
    match acked == stored {
        true => Ok(()),
        false => Err(Error::Answer(format!(
            "{acked} samples were acknowledged and {stored} are there"
        ))),
    }
}

fn bytes_sent(plant: &Plant) -> Result<f64, Error> {
    plant.coordinator.metric("tsdb_rpc_sent_bytes_total")
}

fn bytes_received(plant: &Plant) -> Result<f64, Error> {
    let name = "tsdb_rpc_received_bytes_total";
    plant.coordinator.metric(name)
}
