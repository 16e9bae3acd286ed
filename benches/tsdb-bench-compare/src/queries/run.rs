//! Each server in turn: the fleet into it, then every question some times.

use std::path::Path;
use std::time::Instant;

use tsdb_core::Clock as _;

use super::answer::Answer;
use super::fleet::Fleet;
use super::question::{QUESTIONS, Question};
use super::report::{Cost, Read, Report, Row, Stage};
use crate::command::folder;
use crate::error::Error;
use crate::http::{Connection, Request};
use crate::options::{Options, ServerName};
use crate::read_back;
use crate::run::Bench;
use crate::sender::{self, Sent};
use crate::server::{Running, Server};

/// Ours evaluates as the Prometheus it is compared with.
const AS_PROMETHEUS_2: &str = "--promql-features=prometheus-2";
/// Requests of so many scrapes are encoded ahead of sending: five minutes of them, for Prometheus
/// refuses what is an hour older than its newest sample, and connections drift apart.
const ROUNDS_AHEAD: usize = 20;

/// Measures all servers that the options name.
///
/// # Errors
/// When the fleet cannot be made, or on a signal; a server that fails is a row that says why.
pub(crate) fn queries(bench: &Bench<'_>) -> Result<Report, Error> {
    let mut options = bench.options.clone();
    options.server_argument.push(AS_PROMETHEUS_2.into());
    let now_ms = bench.watch.clock.now_ms();
    let fleet = Fleet::new(&options, now_ms)?;
    let runs = options.query_runs.max(1);
    let mut report = Report {
        description: format!(
            "queries: {} series of {} instances and {} jobs, scraped {} s apart, {} times, and nine of ten instances \
             the last {} times alone; each query {runs} times, CPU ms least / median, wall ms median",
            fleet.series_len(),
            fleet.instances_len(),
            fleet.jobs_len(),
            fleet.interval_ms as f64 / 1e3,
            fleet.rounds,
            fleet.recent,
        ),
        runs,
        rows: Vec::new(),
    };
    for server in &options.only {
        let folder = folder("compare-", options.folder.as_deref())?;
        let mut run = Run {
            bench,
            options: &options,
            rows: Vec::new(),
        };
        let fleet = Fleet::new(&options, now_ms)?;
        let outcome = run.server(*server, fleet, folder.path());
        bench.watch.interrupt.check()?;
        report.rows.append(&mut run.rows);
        if let Err(error) = outcome {
            report.rows.push(Row {
                server: *server,
                title: server.text().to_owned(),
                outcome: Err(error.to_string()),
            });
        }
    }
    Ok(report)
}

/// One server.
struct Run<'r> {
    bench: &'r Bench<'r>,
    options: &'r Options,
    rows: Vec<Row>,
}

impl Run<'_> {
    fn server(&mut self, name: ServerName, mut fleet: Fleet, folder: &Path) -> Result<(), Error> {
        let watch = self.bench.watch;
        let server = Server::find(name, self.options, folder, false)?;
        let version = server.version()?;
        let mut running = server.start(watch)?;
        running.until_ready(watch)?;
        let sent = self.load(&mut running, &mut fleet)?;
        if sent.refused > 0 {
            let why = sent.refusal.unwrap_or_default();
            return Err(Error::Answer(format!(
                "it refused {} samples: {why}",
                sent.refused
            )));
        }
        if name == ServerName::VictoriaMetrics {
            // What it took last cannot be found before.
            running.get("/internal/force_flush")?;
        }
        let range_ms = (fleet.start_ms(), fleet.end_ms);
        self.stage(&mut running, range_ms, (name.text().to_owned(), &version))?;
        if name.is_ours() {
            running.post("/api/v1/admin/compact")?;
            let compacted = format!("{}, compacted", name.text());
            self.stage(&mut running, range_ms, (compacted, &version))?;
        }
        running.process.stop(watch).map(drop)
    }

    fn load(&self, running: &mut Running, fleet: &mut Fleet) -> Result<Sent, Error> {
        let mut sent = Sent::default();
        let to = (running.address, running.name.protocol());
        loop {
            running.process.check_running()?;
            let mut slice = Vec::new();
            for _ in 0..ROUNDS_AHEAD {
                let round = fleet.next_round(running.name.protocol())?;
                slice.extend(round.into_iter().flatten());
            }
            if slice.is_empty() {
                return Ok(sent);
            }
            sent.add(sender::send(
                &slice,
                fleet.connections,
                to,
                self.bench.watch,
            )?);
            let done = format!("{} samples acked", sent.acked);
            self.say(running.name, &done);
        }
    }

    /// Asks everything of a server as it is now.
    fn stage(
        &mut self,
        running: &mut Running,
        range_ms: (i64, i64),
        (title, version): (String, &str),
    ) -> Result<(), Error> {
        running.until_idle(self.bench.watch)?;
        let rss = running.process.accounting.rss_bytes()?;
        running.process.accounting.forget_peak()?;
        let mut costs = Vec::with_capacity(QUESTIONS.len());
        for question in QUESTIONS {
            self.say(running.name, question.expression);
            costs.push(self.ask(running, question, range_ms)?);
        }
        self.say(running.name, "remote read");
        let stage = Stage {
            version: version.to_owned(),
            costs,
            read: match running.name {
                ServerName::VictoriaMetrics => None,
                _ => Some(self.read(running, range_ms)?),
            },
            rss,
            peak: running.process.accounting.peak_bytes()?,
        };
        self.rows.push(Row {
            server: running.name,
            title,
            outcome: Ok(stage),
        });
        Ok(())
    }

    fn read(&self, running: &mut Running, range_ms: (i64, i64)) -> Result<Read, Error> {
        let mut read = Read::default();
        for _ in 0..self.options.query_runs.max(1) {
            self.bench.watch.interrupt.check()?;
            running.process.check_running()?;
            let before = running.process.accounting.cpu_ns()?;
            read.samples = read_back::count(running, range_ms)?;
            let after = running.process.accounting.cpu_ns()?;
            read.cpu_ns.push(after.saturating_sub(before));
        }
        Ok(read)
    }

    fn ask(
        &self,
        running: &mut Running,
        question: Question,
        range_ms: (i64, i64),
    ) -> Result<Cost, Error> {
        let path = question.path(range_ms);
        let doing = || Error::exchange(question.expression);
        let mut connection = Connection::open(running.address).map_err(doing())?;
        let mut cost = Cost::default();
        for _ in 0..self.options.query_runs.max(1) {
            self.bench.watch.interrupt.check()?;
            running.process.check_running()?;
            let before = running.process.accounting.cpu_ns()?;
            let began = now();
            let request = Request {
                method: "GET",
                path: &path,
                headers: "",
                body: &[],
            };
            let (head, body) = connection.exchange(request).map_err(doing())?;
            cost.wall_ns
                .push(u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX));
            let after = running.process.accounting.cpu_ns()?;
            cost.cpu_ns.push(after.saturating_sub(before));
            if !head.is_success() {
                let said = String::from_utf8_lossy(&body);
                let said: String = said.trim().chars().take(300).collect();
                let text = format!(
                    "{} was answered {}: {said}",
                    question.expression, head.status
                );
                return Err(Error::Answer(text));
            }
            cost.answer = Answer::read(&body)?;
        }
        Ok(cost)
    }

    fn say(&self, name: ServerName, what: &str) {
        let text = format!("queries, {}: {what}", name.text());
        self.bench.progress.say(&text);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "an answer takes less than the milliseconds that a Clock tells"
)]
fn now() -> Instant {
    Instant::now()
}
