//! In which requests the samples of a load travel.

use std::collections::BTreeMap;

use bytes::Bytes;
use tsdb_bench::{WriteEncoder, below, mix};
use tsdb_core::Sample;
use tsdb_remote::write::WriteProtocol;

use crate::error::Error;
use crate::load::Load;

/// One request, ready to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    /// Which connection sends it; a target always has the same.
    pub(crate) connection: usize,
    pub(crate) samples: usize,
    pub(crate) body: Bytes,
}

/// A sample that waits for its late delivery: its series and round.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    series: u32,
    round: u32,
}

/// All requests of a load in the order they are sent, one slot of time after the other.
#[derive(Debug)]
pub(crate) struct Deliveries<'l> {
    load: &'l Load,
    slot: usize,
    waiting: BTreeMap<usize, Vec<Waiting>>,
    encoders: Vec<WriteEncoder>,
    /// The last sample handed out, and its series.
    last: Option<(usize, Sample)>,
}

impl<'l> Deliveries<'l> {
    pub(crate) fn new(load: &'l Load, protocol: WriteProtocol) -> Self {
        let encoders = (0..load.connections).map(|_| WriteEncoder::new(protocol));
        Self {
            load,
            slot: 0,
            waiting: BTreeMap::new(),
            encoders: encoders.collect(),
            last: None,
        }
    }

    /// The series and sample that stand last in the last request.
    pub(crate) fn last(&self) -> Option<(usize, Sample)> {
        self.last
    }

    /// The requests of the next scrape of all targets, and of what is late by then; `None` behind
    /// the last. The first slot has every series, none of them late.
    pub(crate) fn next_slot(&mut self) -> Result<Option<Vec<Delivery>>, Error> {
        let (load, slot) = (self.load, self.slot);
        let rounds = load.fleet.rounds_len();
        if slot >= rounds && self.waiting.is_empty() {
            return Ok(None);
        }
        self.slot += 1;
        let mut deliveries = Vec::new();
        if slot < rounds {
            for (index, target) in load.fleet.targets().iter().enumerate() {
                for found in load.fleet.scrape(target, slot) {
                    match self.delay(found.series, slot) {
                        0 => self.put(index, found.series, found.sample, &mut deliveries)?,
                        delay => self.wait(found.series, slot, delay),
                    }
                }
            }
        }
        for Waiting { series, round } in self.waiting.remove(&slot).unwrap_or_default() {
            let targets = load.fleet.targets();
            let index = targets.partition_point(|one| one.series.end <= series as usize);
            let sample = targets
                .get(index)
                .and_then(|one| load.fleet.sample(one, series as usize, round as usize));
            if let Some(sample) = sample {
                self.put(index, series as usize, sample, &mut deliveries)?;
            }
        }
        // What comes behind the last scrape may share requests; nothing may wait for more in vain.
        if slot < rounds || self.waiting.is_empty() {
            for connection in 0..self.encoders.len() {
                self.flush(connection, &mut deliveries)?;
            }
        }
        Ok(Some(deliveries))
    }

    /// How many slots a sample comes late.
    fn delay(&self, series: usize, round: usize) -> usize {
        let Some(lateness) = self.load.lateness.filter(|_| round > 0) else {
            return 0;
        };
        let chance = mix(self.load.seed ^ mix(series as u64) ^ (round as u64) << 40);
        match below(chance, 100) < lateness.percent && lateness.rounds_max > 0 {
            true => 1 + below(mix(chance), lateness.rounds_max),
            false => 0,
        }
    }

    /// Keeps a sample for later, at a random place among those of its slot.
    fn wait(&mut self, series: usize, round: usize, delay: usize) {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let slot = self.waiting.entry(round + delay).or_default();
        slot.push(Waiting {
            series: number(series),
            round: number(round),
        });
        let place = below(mix(series as u64) ^ round as u64, slot.len());
        let last = slot.len() - 1;
        slot.swap(place, last);
    }

    fn put(
        &mut self,
        target: usize,
        series: usize,
        sample: Sample,
        deliveries: &mut Vec<Delivery>,
    ) -> Result<(), Error> {
        let connection = target % self.encoders.len();
        let (Some(encoder), Some(labels)) = (
            self.encoders.get_mut(connection),
            self.load.fleet.labels().get(series),
        ) else {
            return Ok(());
        };
        encoder.series(labels, &[sample]);
        self.last = Some((series, sample));
        if encoder.samples_len() >= self.load.per_request {
            self.flush(connection, deliveries)?;
        }
        Ok(())
    }

    fn flush(&mut self, connection: usize, deliveries: &mut Vec<Delivery>) -> Result<(), Error> {
        let Some(encoder) = self.encoders.get_mut(connection) else {
            return Ok(());
        };
        let samples = encoder.samples_len();
        if samples > 0 {
            deliveries.push(Delivery {
                connection,
                samples,
                body: encoder.finish()?,
            });
        }
        Ok(())
    }
}
