//! One server under one load, from an empty folder to its last restart.

use std::path::Path;
use std::time::Duration;

use tsdb_bench::{below, mix};
use tsdb_core::Sample;

use crate::deliveries::{Deliveries, Delivery};
use crate::error::Error;
use crate::figures::{Figures, Part, Restart};
use crate::load::Load;
use crate::options::{Options, ServerName};
use crate::progress::Progress;
use crate::read_back::{self, Comparison};
use crate::sender::{self, Sent};
use crate::server::{Running, Server};
use crate::wait::Watch;

/// After a restart all that is stored can be read at once; this is for what a server does beside.
const LAST_SAMPLE_SECONDS_MAX: u64 = 3;

/// How far in data time one connection may be ahead of another: Prometheus refuses what is an hour
/// older than its newest sample.
const DRIFT_MS_MAX: i64 = 20 * 60_000;

/// What all runs share.
#[derive(Debug)]
pub(crate) struct Bench<'b> {
    pub(crate) options: &'b Options,
    pub(crate) watch: &'b Watch,
    pub(crate) progress: &'b Progress,
}

/// What is left of a load once it was sent.
#[derive(Debug)]
struct Loaded {
    sent: Sent,
    creation: Part,
    known: Part,
    /// Series and sample that stand last in the last request.
    last: Option<(usize, Sample)>,
}

impl Bench<'_> {
    /// Measures one server; `folder` is empty and its own.
    pub(crate) fn run(
        &self,
        name: ServerName,
        load: &Load,
        folder: &Path,
    ) -> Result<Figures, Error> {
        let server = Server::find(name, self.options, folder, load.lateness.is_some())?;
        let version = server.version()?;
        let mut running = server.start(self.watch)?;
        running.until_ready(self.watch)?;
        let rss_empty = running.process.accounting.rss_bytes()?;
        self.pause(&running, "ready for the load")?;
        let loaded = self.load(&mut running, load)?;
        let rss_loaded = running.process.accounting.rss_bytes()?;
        let rss_peak = running.process.accounting.peak_bytes()?;
        let disk_loaded = server.disk()?;
        self.pause(&running, "done with the load")?;

        // Without a pause, or what is lost within seconds would be written by then.
        running.process.kill()?;
        drop(running);
        self.say(name, load, "restarting after kill -9");
        let (mut running, after_kill) = self.restart(&server, load, loaded.last)?;
        if after_kill.stored < loaded.sent.acked {
            // What was lost cannot be settled: the rest is measured with all of the load.
            running.process.kill()?;
            drop(running);
            server.clear()?;
            running = server.start(self.watch)?;
            running.until_ready(self.watch)?;
            self.load(&mut running, load)?;
        }

        self.say(name, load, "settling");
        let rest = server.settle(running, self.watch)?;
        self.say(name, load, "restarting after a clean stop");
        let (mut running, after_stop) = self.restart(&server, load, loaded.last)?;
        running.process.stop(self.watch)?;

        let rounds = load.fleet.rounds_len();
        Ok(Figures {
            version,
            active_series: load.fleet.active_len(rounds.saturating_sub(1)) as u64,
            all_series: load.fleet.labels().len() as u64,
            sent: loaded.sent,
            creation: loaded.creation,
            known: loaded.known,
            rss_empty,
            rss_loaded,
            rss_peak,
            disk_loaded,
            after_kill,
            disk_settled: rest.disk,
            settling_cpu_ns: rest.cpu_ns,
            after_stop,
        })
    }

    /// Starts a server again and looks at what it has.
    fn restart(
        &self,
        server: &Server,
        load: &Load,
        last: Option<(usize, Sample)>,
    ) -> Result<(Running, Restart), Error> {
        let mut running = server.start(self.watch)?;
        let (ready_ms, last_sample) = self.until_back(&mut running, load, last)?;
        let rss_bytes = running.process.accounting.rss_bytes()?;
        self.say(server.name, load, "reading back");
        let restart = Restart {
            ready_ms,
            last_sample,
            rss_bytes,
            stored: read_back::count(&running, load.range_ms)?,
            compared: self.compare(&running, load)?,
        };
        Ok((running, restart))
    }

    /// Sends the whole load: its first scrape, then all others, encoded in slices ahead of time.
    fn load(&self, running: &mut Running, load: &Load) -> Result<Loaded, Error> {
        let mut deliveries = Deliveries::new(load, running.name.protocol());
        let mut sent = Sent::default();
        let mut parts = [Part::default(); 2];
        let mut slice: Vec<Delivery> = Vec::new();
        let (mut bytes, mut slots, mut gathered) = (0, 0usize, 0);
        let gathered_max = (DRIFT_MS_MAX / load.interval_ms).max(1);
        let bytes_max = self.options.encoded_mib << 20;
        loop {
            let next = deliveries.next_slot()?;
            let ended = next.is_none();
            let next = next.unwrap_or_default();
            bytes += next.iter().map(|one| one.body.len()).sum::<usize>();
            slice.extend(next);
            slots += usize::from(!ended);
            gathered += 1;
            if bytes >= bytes_max || gathered >= gathered_max || slots == 1 || ended {
                let part = parts.get_mut(usize::from(slots > 1));
                self.send(running, load, &slice, part, &mut sent)?;
                slice.clear();
                (bytes, gathered) = (0, 0);
            }
            let done = format!("slot {slots}, {} samples acked", sent.acked);
            self.say(running.name, load, &done);
            if ended {
                break;
            }
        }
        let [creation, known] = parts;
        Ok(Loaded {
            sent,
            creation,
            known,
            last: deliveries.last(),
        })
    }

    fn send(
        &self,
        running: &mut Running,
        load: &Load,
        slice: &[Delivery],
        part: Option<&mut Part>,
        sent: &mut Sent,
    ) -> Result<(), Error> {
        running.process.check_running()?;
        let (began_ns, began_ms) = (running.process.accounting.cpu_ns()?, self.watch.now_ms());
        let became = sender::send(
            slice,
            load.connections,
            (running.address, running.name.protocol()),
            self.watch,
        )?;
        if let Some(part) = part {
            part.samples += became.acked;
            part.sending_ms += self.watch.now_ms() - began_ms;
            part.cpu_ns += running
                .process
                .accounting
                .cpu_ns()?
                .saturating_sub(began_ns);
        }
        sent.add(became);
        Ok(())
    }

    /// Waits until a server that was just started is ready and gives back the last sample: after
    /// how many milliseconds, and whether it did.
    fn until_back(
        &self,
        running: &mut Running,
        load: &Load,
        last: Option<(usize, Sample)>,
    ) -> Result<(u64, bool), Error> {
        running.until_ready(self.watch)?;
        let ready_ms = self.watch.now_ms() - running.began_ms;
        let last =
            last.and_then(|(series, sample)| Some((load.fleet.labels().get(series)?, sample)));
        let Some((labels, sample)) = last else {
            return Ok((ready_ms, false));
        };
        let range_ms = (sample.timestamp, sample.timestamp);
        let (what, every) = ("reading the last sample", Duration::from_millis(5));
        let found = self.watch.until(what, every, LAST_SAMPLE_SECONDS_MAX, || {
            let found = read_back::series(running, labels, range_ms)?;
            Ok((!found.is_empty()).then_some(()))
        });
        match found {
            Ok(()) => Ok((self.watch.now_ms() - running.began_ms, true)),
            Err(Error::Late { .. }) => Ok((ready_ms, false)),
            Err(error) => Err(error),
        }
    }

    /// Reads some series back, chosen by the seed, and compares them with what was sent.
    fn compare(&self, running: &Running, load: &Load) -> Result<Comparison, Error> {
        let mut comparison = Comparison::default();
        let all = load.fleet.labels();
        for index in 0..self.options.read_back.min(all.len()) {
            self.watch.interrupt.check()?;
            let series = below(mix(load.seed ^ mix(index as u64)), all.len());
            let (Some(target), Some(labels)) = (load.fleet.target_of(series), all.get(series))
            else {
                continue;
            };
            let rounds = 0..load.fleet.rounds_len();
            let mut sent: Vec<Sample> = rounds
                .filter_map(|round| load.fleet.sample(target, series, round))
                .collect();
            sent.sort_by_key(|sample| sample.timestamp);
            let back = read_back::series(running, labels, load.range_ms)?;
            comparison.add(&sent, &back);
        }
        Ok(comparison)
    }

    fn say(&self, name: ServerName, load: &Load, what: &str) {
        let text = format!("{}, {}: {what}", load.name.text(), name.text());
        self.progress.say(&text);
    }

    /// With `--pause`, tells the process id and waits for Enter.
    #[expect(clippy::print_stderr, reason = "a person asked to be told")]
    fn pause(&self, running: &Running, what: &str) -> Result<(), Error> {
        if !self.options.pause {
            return Ok(());
        }
        let (id, address) = (running.process.id(), running.address);
        eprintln!(
            "{} {what}: process {id}, {address}; Enter goes on",
            running.name.text()
        );
        let mut line = String::new();
        std::io::stdin()
            .read_line(&mut line)
            .map_err(Error::io("reading", "standard input"))?;
        self.watch.interrupt.check()
    }
}
