//! Instances that count requests, as a load that queries of dashboards find something in.

use tsdb_bench::{WriteEncoder, below, mix};
use tsdb_core::{Labels, Sample};
use tsdb_remote::write::WriteProtocol;

use crate::deliveries::Delivery;
use crate::error::Error;
use crate::options::Options;

/// Series of an instance: buckets, their sum and count, requests by code, and four others.
const PER_INSTANCE: usize = BOUNDS.len() + 2 + CODES.len() + OTHERS.len();
const BOUNDS: [&str; 10] = [
    "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "+Inf",
];
const CODES: [&str; 4] = ["200", "302", "404", "500"];
const OTHERS: [&str; 4] = [
    "http_request_errors_total",
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "queue_length",
];
const JOBS: usize = 20;
/// Of so many instances one has all of the history.
const DEEP_EVERY: usize = 10;
/// An instance starts anew about once in so many scrapes.
const RESTART_EVERY: usize = 1_500;
/// Fewest scrapes of any instance, as far as there are so many.
const SCRAPES_MIN: usize = 20;

/// One series and what it counts up to.
#[derive(Debug, Clone)]
struct Counted {
    labels: Labels,
    value: f64,
}

/// All series, moved on scrape by scrape.
#[derive(Debug)]
pub(super) struct Fleet {
    instances: Vec<Vec<Counted>>,
    /// Scrapes of every tenth instance.
    pub(super) rounds: usize,
    /// Scrapes of the others, the last ones.
    pub(super) recent: usize,
    pub(super) interval_ms: i64,
    seed: u64,
    per_request: usize,
    pub(super) connections: usize,
    /// No sample is later, in milliseconds.
    pub(super) end_ms: i64,
    round: usize,
}

impl Fleet {
    /// The fleet that the options ask for, its last scrape just before `now_ms`.
    pub(super) fn new(options: &Options, now_ms: i64) -> Result<Self, Error> {
        let instances = (options.series.unwrap_or(20_000) / PER_INSTANCE).max(1);
        let rounds = options.scrapes.unwrap_or(1_440).max(2);
        let instances = (0..instances).map(instance).collect::<Result<_, _>>()?;
        Ok(Self {
            instances,
            rounds,
            recent: (rounds / 6).max(SCRAPES_MIN).min(rounds),
            interval_ms: options.interval_ms.unwrap_or(15_000).max(1),
            seed: options.seed,
            per_request: options.per_request.max(1),
            connections: options.connections.max(1),
            end_ms: now_ms.div_euclid(1_000) * 1_000,
            round: 0,
        })
    }

    /// How many series there are.
    pub(super) fn series_len(&self) -> usize {
        self.instances.len() * PER_INSTANCE
    }

    /// How many instances there are.
    pub(super) fn instances_len(&self) -> usize {
        self.instances.len()
    }

    /// How many jobs they belong to.
    pub(super) fn jobs_len(&self) -> usize {
        self.instances.len().min(JOBS)
    }

    /// When the history begins, in milliseconds.
    pub(super) fn start_ms(&self) -> i64 {
        let rounds = i64::try_from(self.rounds).unwrap_or(i64::MAX);
        self.end_ms.saturating_sub(rounds * self.interval_ms)
    }

    /// The requests of the next scrape; `None` behind the last.
    pub(super) fn next_round(
        &mut self,
        protocol: WriteProtocol,
    ) -> Result<Option<Vec<Delivery>>, Error> {
        let round = self.round;
        let Some(behind) = (self.rounds - round).checked_sub(1) else {
            return Ok(None);
        };
        self.round += 1;
        let behind_ms = i64::try_from(behind).unwrap_or_default() * self.interval_ms;
        let mut requests = Vec::new();
        let mut encoders: Vec<_> = (0..self.connections)
            .map(|_| WriteEncoder::new(protocol))
            .collect();
        for (number, series) in self.instances.iter_mut().enumerate() {
            if number % DEEP_EVERY != 0 && behind >= self.recent {
                continue;
            }
            let chance = mix(self.seed ^ mix(number as u64) ^ (round as u64) << 40);
            move_on(series, chance);
            // Each is scraped at a moment of its own.
            let interval = usize::try_from(self.interval_ms).unwrap_or(1);
            let early_ms = i64::try_from(below(number as u64, interval)).unwrap_or_default();
            let timestamp = self.end_ms - behind_ms - early_ms;
            let connection = number % self.connections;
            let Some(encoder) = encoders.get_mut(connection) else {
                continue;
            };
            for one in series.iter() {
                encoder.series(&one.labels, &[Sample::new(timestamp, one.value)]);
            }
            if encoder.samples_len() + PER_INSTANCE > self.per_request {
                requests.push(delivery(connection, encoder)?);
            }
        }
        for (connection, encoder) in encoders.iter_mut().enumerate() {
            if encoder.samples_len() > 0 {
                requests.push(delivery(connection, encoder)?);
            }
        }
        Ok(Some(requests))
    }
}

fn delivery(connection: usize, encoder: &mut WriteEncoder) -> Result<Delivery, Error> {
    Ok(Delivery {
        connection,
        samples: encoder.samples_len(),
        body: encoder.finish()?,
    })
}

/// Moves all series of an instance on by a scrape.
fn move_on(series: &mut [Counted], chance: u64) {
    if below(chance ^ 1, RESTART_EVERY) == 0 {
        series.iter_mut().for_each(|one| one.value = 0.0);
    }
    let drawn = |place: usize, limit| below(chance ^ mix(place as u64 + 2), limit);
    let mut observed = 0;
    for (place, one) in series.iter_mut().enumerate() {
        match place {
            // A bucket counts what those below it count as well.
            _ if place < BOUNDS.len() => {
                observed += drawn(place, 7);
                one.value += observed as f64;
            }
            _ if place == BOUNDS.len() => one.value += observed as f64 * 0.037,
            _ if place == BOUNDS.len() + 1 => one.value += observed as f64,
            _ if place + 2 == PER_INSTANCE => one.value = (drawn(place, 1 << 20) << 12) as f64,
            _ if place + 1 == PER_INSTANCE => one.value = drawn(place, 100) as f64,
            _ if place + 3 == PER_INSTANCE => one.value += drawn(place, 1_500) as f64 / 100.0,
            _ => one.value += drawn(place, 200) as f64,
        }
    }
}

/// The series of an instance, ten labels each, in the order that `move_on` knows.
fn instance(number: usize) -> Result<Vec<Counted>, Error> {
    let histogram = "http_request_duration_seconds";
    let bucket = format!("{histogram}_bucket");
    let (sum, count) = (format!("{histogram}_sum"), format!("{histogram}_count"));
    let mut names: Vec<(&str, (&str, &str))> = Vec::with_capacity(PER_INSTANCE);
    names.extend(BOUNDS.iter().map(|bound| (bucket.as_str(), ("le", *bound))));
    let plain = ("endpoint", "metrics");
    names.extend([(sum.as_str(), plain), (count.as_str(), plain)]);
    let requests = "http_requests_total";
    names.extend(CODES.iter().map(|code| (requests, ("code", *code))));
    names.extend(OTHERS.iter().map(|name| (*name, plain)));
    names
        .into_iter()
        .map(|(name, more)| {
            let labels = labels(number, name, more)?;
            Ok(Counted { labels, value: 0.0 })
        })
        .collect()
}

fn labels(number: usize, name: &str, more: (&str, &str)) -> Result<Labels, Error> {
    let job = format!("service-{:02}", number % JOBS);
    let pod = format!("{job}-{:08x}", mix(number as u64) >> 32);
    let instance = format!("10.{}.{}.7:8080", number / 250, number % 250);
    let node = format!("node-{:04}.example.net", number / 12);
    let pairs = [
        ("__name__", name),
        ("cluster", "eu-1"),
        ("container", "server"),
        ("instance", instance.as_str()),
        ("job", job.as_str()),
        ("namespace", "shop"),
        ("node", node.as_str()),
        ("pod", pod.as_str()),
        ("service", job.as_str()),
        more,
    ];
    Labels::from_pairs(pairs).map_err(|error| Error::Answer(error.to_string()))
}
