//! Random operations against a sorted map with the winner rule.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tsdb_core::clock::ManualClock;
use tsdb_core::model::ProtocolRules;
use tsdb_core::vfs::{MemVfs, SplitMix64};
use tsdb_core::{
    Ack, Clock, Db, DbOptions, Matcher, NamespaceOptions, RejectReason, Series, TimeRange,
    WriteBatch,
};

use crate::support::{
    Covered, History, Loss, Place, START, Universe, chain, coded, coded_chunks, delete, must, push,
    read_all, small_options, some_shards, value,
};

/// Four tests, so that they run side by side.
const SEEDS_PER_TEST: u64 = 25;
const OPERATIONS_PER_SEED: u64 = 10_000;
const NAMES: [&str; 3] = ["default", "short", "second"];
const HOUR_MS: i64 = 3_600_000;

struct Player {
    random: SplitMix64,
    universe: Universe,
    clock: Arc<ManualClock>,
    vfs: Arc<MemVfs>,
    db: Db,
    history: History,
    /// How far back most samples lie at most, in milliseconds.
    spread_ms: i64,
}

type Outcome = Result<(), String>;

fn options(random: &mut SplitMix64) -> DbOptions {
    let mut options = small_options(ProtocolRules::default());
    options.log_cap_bytes = 1 << (12 + random.below(8));
    options.runs_max = 1 + random.index(6);
    options
}

impl Player {
    fn new(seed: u64) -> Self {
        let mut random = SplitMix64::new(seed);
        let (vfs, clock) = (Arc::new(MemVfs::new()), Arc::new(ManualClock::new(START)));
        let db = Db::open_with(vfs.clone(), clock.clone(), options(&mut random)).unwrap();
        Self {
            universe: Universe::new(2 + random.index(12)),
            spread_ms: [50, 10_000, HOUR_MS, 30 * HOUR_MS][random.index(4)],
            random,
            clock,
            vfs,
            db,
            history: History::default(),
        }
    }

    fn step(&mut self) -> Outcome {
        match self.random.below(1000) {
            0..800 => self.append(),
            800..860 => self.select(),
            860..880 => self.labels(),
            880 if self.random.chance(1, 4) => self.remove(),
            880..883 => self.delete(),
            883..960 => self.pass_time(),
            960..993 => self.maintain(),
            993..995 => self.flush(),
            995..997 => self.change_options(),
            997 => self.step_clock(),
            998 => self.check(),
            _ => self.reopen(),
        }
    }

    fn note_floors(&mut self) {
        for (number, name) in NAMES.iter().enumerate() {
            let namespace = self.db.find(name);
            if let Some(retention) = namespace.and_then(|one| one.options().retention) {
                let retention = i64::try_from(retention.as_millis()).unwrap();
                self.history
                    .expires(number, self.clock.now_ms() - retention);
            }
        }
    }

    fn time(&mut self) -> i64 {
        let now = self.clock.now_ms();
        let random = &mut self.random;
        match random.below(50) {
            0 => random.between(-5, 5),
            1 => random.between(now, now + 100 * HOUR_MS),
            2..=9 => now - random.between(0, self.spread_ms) / 1000 * 1000,
            10..=19 => now - random.between(0, 20),
            _ => now,
        }
    }

    fn append(&mut self) -> Outcome {
        let number = self.random.index(NAMES.len());
        let Some(namespace) = self.db.find(NAMES[number]) else {
            return self.change_options();
        };
        let mut samples: Vec<(Place, u64)> = Vec::new();
        for _ in 0..=self.random.below(4) {
            let rank = self.random.index(self.universe.series.len());
            samples.push(((number, rank, self.time()), value(&mut self.random)));
        }
        let mut batch = WriteBatch::new();
        for &((_, rank, timestamp), bits) in &samples {
            push(&mut batch, &self.universe.series[rank], timestamp, bits);
        }
        let appended = namespace.append(&batch).map_err(|error| chain(&error))?;
        let report = appended.report;
        let stored = report.appended + report.appended_histograms;
        if stored + report.rejected_samples != samples.len() as u64 {
            return Err(format!("{report:?} of {} samples", samples.len()));
        }
        let oldest = namespace.options().retention.map(|retention| {
            self.clock.now_ms() - i64::try_from(retention.as_millis()).unwrap_or(i64::MAX)
        });
        for rejected in &report.rejected {
            match rejected.reason {
                RejectReason::OutsideRetention {
                    timestamp,
                    oldest: limit,
                } if timestamp < limit && Some(limit) == oldest => {}
                _ => return Err(format!("rejected without reason: {rejected}")),
            }
        }
        if report.rejected_samples > 0 {
            samples.retain(|(place, _)| oldest.is_none_or(|oldest| place.2 >= oldest));
        }
        if stored != samples.len() as u64 {
            return Err(format!("{report:?}, {} are in retention", samples.len()));
        }
        let moment = self.history.append(&samples);
        if self.random.chance(3, 4) {
            appended.ticket.wait().map_err(|error| chain(&error))?;
            self.history.acked(&samples, moment, true);
        }
        Ok(())
    }

    fn delete(&mut self) -> Outcome {
        let number = self.random.index(NAMES.len());
        let Some(namespace) = self.db.find(NAMES[number]) else {
            return Ok(());
        };
        let time = (self.clock.now_ms(), self.spread_ms);
        let (matchers, covered) = self.universe.to_delete(&mut self.random, number, time);
        let moment = self.history.delete_begins(&covered);
        let done = delete(&namespace, covered.range, &matchers);
        let report = done.map_err(|error| chain(&error))?;
        self.history.deleted(&covered, moment);
        if report.series > covered.ranks.len() as u64 {
            return Err(format!("{report:?} of {covered:?}"));
        }
        self.check()
    }

    /// Removes a namespace; it is made anew when it is next written to.
    fn remove(&mut self) -> Outcome {
        let number = 1 + self.random.index(NAMES.len() - 1);
        let covered = Covered::all_of(number, self.universe.series.len());
        let there = self.db.find(NAMES[number]).is_some();
        let moment = self.history.delete_begins(&covered);
        let removed = self.db.remove_namespace(NAMES[number]);
        if removed.map_err(|error| chain(&error))? != there {
            return Err(format!("{} was there: {there}", NAMES[number]));
        }
        self.history.deleted(&covered, moment);
        if self.db.find(NAMES[number]).is_some() {
            return Err(format!("{} is there", NAMES[number]));
        }
        self.check()
    }

    fn pass_time(&mut self) -> Outcome {
        let far = self.random.chance(1, 100);
        let most = if far { 3 * HOUR_MS } else { 15_000 };
        self.clock.advance(self.random.below(most.unsigned_abs()));
        self.note_floors();
        Ok(())
    }

    fn step_clock(&mut self) -> Outcome {
        let step = self.random.between(-50 * HOUR_MS, 50 * HOUR_MS);
        self.clock.step_wall(step);
        self.maintain()?;
        if self.random.coin() {
            self.clock.step_wall(-step);
        } else {
            self.db.confirm_clock();
        }
        self.note_floors();
        Ok(())
    }

    fn maintain(&mut self) -> Outcome {
        let steps = self.random.below(16);
        for _ in 0..steps {
            if !self.db.maintain().map_err(|error| chain(&error))?.more {
                break;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Outcome {
        let done = if self.random.chance(1, 4) {
            self.db.compact()
        } else {
            self.db.flush()
        };
        done.map_err(|error| chain(&error))
    }

    fn change_options(&mut self) -> Outcome {
        let number = self.random.index(NAMES.len());
        let hours = Duration::from_secs(3600);
        let options = NamespaceOptions {
            retention: (number == 1 || self.random.chance(1, 8))
                .then(|| hours * u32::try_from(self.random.between(4, 40)).unwrap()),
            window: Duration::from_secs(60 << self.random.below(8)),
            ack: *self
                .random
                .pick(&[Ack::Always, Ack::Interval(Duration::from_secs(5)), Ack::Os])
                .unwrap(),
            ..NamespaceOptions::default()
        };
        let made = self.db.namespace(NAMES[number], options);
        made.map_err(|error| chain(&error))?;
        self.note_floors();
        Ok(())
    }

    fn check(&mut self) -> Outcome {
        let found = read_all(&self.db, &NAMES, &self.universe)?;
        self.history.check_live(&found)?;
        let report = self.db.verify().map_err(|error| chain(&error))?;
        if report.problems.is_empty() {
            Ok(())
        } else {
            Err(format!("{report:?}"))
        }
    }

    /// Ends the process, tidily or not, and starts the next one.
    fn reopen(&mut self) -> Outcome {
        let tidily = self.random.coin();
        if tidily {
            let db = self.db.clone();
            db.close().map_err(|error| chain(&error))?;
        }
        // The last handle goes, and the lock with it.
        self.db = Db::in_memory(DbOptions::default()).map_err(|error| chain(&error))?;
        let options = options(&mut self.random);
        self.db = Db::open_with(self.vfs.clone(), self.clock.clone(), options)
            .map_err(|error| chain(&error))?;
        let recovery = self.db.recovery();
        if !recovery.torn.is_empty() || (tidily && recovery.frames > 0) {
            return Err(format!("after closing ({tidily}): {recovery:?}"));
        }
        let found = read_all(&self.db, &NAMES, &self.universe)?;
        if tidily {
            self.history.check_live(&found)?;
        }
        let now = self.history.tick();
        self.history.check_after(&found, now, Loss::Process)?;
        self.history.adopt(&found);
        Ok(())
    }

    fn range(&mut self) -> TimeRange {
        let now = self.clock.now_ms();
        if self.random.chance(1, 4) {
            return TimeRange::ALL;
        }
        let end = now - self.random.between(-5, self.spread_ms);
        let start = end - self.random.between(0, self.spread_ms);
        TimeRange::inclusive(start, end).unwrap()
    }

    fn matchers(&mut self) -> Vec<Matcher> {
        let random = &mut self.random;
        let host = format!("host{}", random.below(8));
        let mut matchers = Vec::new();
        for _ in 0..random.below(3) {
            matchers.push(match random.below(10) {
                0 => Matcher::equal("host", &host),
                1 => Matcher::not_equal("host", &host),
                2 => Matcher::equal("zone", ""),
                3 => Matcher::not_equal("absent", "x"),
                4 => Matcher::regex("__name__", "up|cpu.*").unwrap(),
                5 => Matcher::not_regex("zone", "a|").unwrap(),
                6 => Matcher::regex("host", "host[0-3]").unwrap(),
                7 | 8 => some_shards(random),
                _ => Matcher::equal("__name__", "up"),
            });
        }
        matchers
    }

    fn select(&mut self) -> Outcome {
        let number = self.random.index(NAMES.len());
        let Some(namespace) = self.db.find(NAMES[number]) else {
            return Ok(());
        };
        let (range, matchers) = (self.range(), self.matchers());
        if self.random.chance(1, 3) {
            crate::scan::check(&namespace, range, &matchers, &mut self.random)?;
        }
        let mut set = namespace
            .select(range, &matchers)
            .map_err(|error| chain(&error))?;
        let mut found = Vec::new();
        if self.random.coin() {
            for series in set {
                let series = series.map_err(|error| chain(&error))?;
                let samples: Result<Vec<_>, String> = series.all_samples().map(coded).collect();
                let samples = samples?;
                found.push((series.into_labels(), samples));
            }
        } else if self.random.coin() {
            while let Some(series) = set.next_exact_chunks().map_err(|error| chain(&error))? {
                let made = Series::from_chunks(series.labels, series.chunks, range);
                let made = made.map_err(|error| chain(&error))?;
                let samples: Result<Vec<_>, String> = made.all_samples().map(coded).collect();
                let samples = samples?;
                found.push((made.into_labels(), samples));
            }
        } else {
            let exact = namespace.select(TimeRange::ALL, &matchers);
            let mut exact = exact.map_err(|error| chain(&error))?;
            while let Some(series) = set.next_chunks().map_err(|error| chain(&error))? {
                let same =
                    exact.find(|one| one.as_ref().is_ok_and(|one| *one.labels() == series.labels));
                let same = same.ok_or("a series that is not there")?;
                let same = same.map_err(|error| chain(&error))?;
                let same: Result<Vec<_>, String> = same.all_samples().map(coded).collect();
                let mut samples = coded_chunks(&series, &same?)?;
                samples.retain(|(t, _)| range.contains(*t));
                found.push((series.labels, samples));
            }
        }
        let mut found = found.into_iter().peekable();
        for rank in self.universe.matching(&matchers) {
            let series = found.next_if(|(labels, _)| *labels == self.universe.series[rank]);
            let samples = series.map(|(_, samples)| samples).unwrap_or_default();
            self.history
                .check_series((number, rank), range, &samples)
                .map_err(|what| format!("select {matchers:?} {range:?}: {what}"))?;
        }
        match found.next() {
            Some((labels, _)) => Err(format!("{labels} does not match {matchers:?}")),
            None => Ok(()),
        }
    }

    /// Series and label names and values hold at least those with samples and at most those that
    /// match.
    fn labels(&mut self) -> Outcome {
        let number = self.random.index(NAMES.len());
        let Some(namespace) = self.db.find(NAMES[number]) else {
            return Ok(());
        };
        let (range, matchers) = (self.range(), self.matchers());
        let mut least = Vec::new();
        for series in namespace
            .select(range, &matchers)
            .map_err(|error| chain(&error))?
        {
            least.push(series.map_err(|error| chain(&error))?.into_labels());
        }
        let most: Vec<_> = self.universe.matching(&matchers);
        let most: Vec<_> = most
            .iter()
            .map(|&rank| self.universe.series[rank].clone())
            .collect();
        let names = |labels: &[tsdb_core::Labels]| -> BTreeSet<String> {
            let names = labels
                .iter()
                .flat_map(|one| one.iter().map(|label| label.name.to_owned()));
            names.collect()
        };
        let values = |labels: &[tsdb_core::Labels]| -> BTreeSet<String> {
            labels
                .iter()
                .filter_map(|one| one.get("host").map(str::to_owned))
                .collect()
        };
        let limit = if self.random.coin() {
            usize::MAX
        } else {
            self.random.index(10)
        };
        let found = namespace
            .series(range, &matchers, limit)
            .map_err(|error| chain(&error))?;
        between(
            &least.iter().cloned().collect(),
            &most.iter().cloned().collect(),
            &found.values,
            (limit, found.truncated),
        )?;
        let found = namespace
            .label_names(range, &matchers, limit)
            .map_err(|e| chain(&e))?;
        between(
            &names(&least),
            &names(&most),
            &found.values.to_vec(),
            (limit, found.truncated),
        )?;
        let found = namespace
            .label_values("host", range, &matchers, limit)
            .map_err(|error| chain(&error))?;
        between(
            &values(&least),
            &values(&most),
            &found.values.to_vec(),
            (limit, found.truncated),
        )
    }
}

/// Checks that a sorted answer, cut at a limit if there is more, holds all of `least` and nothing
/// but `most`.
fn between<T: Ord + std::fmt::Debug>(
    least: &BTreeSet<T>,
    most: &BTreeSet<T>,
    found: &[T],
    (limit, truncated): (usize, bool),
) -> Outcome {
    let sorted = found.windows(2).all(|pair| pair[0] < pair[1]);
    let right = found.len() <= limit
        && found.iter().all(|one| most.contains(one))
        && (truncated || least.iter().all(|one| found.contains(one)))
        && (!truncated || (found.len() == limit && most.len() > limit));
    if sorted && right {
        Ok(())
    } else {
        Err(format!(
            "{found:?} (limit {limit}, truncated {truncated}), not between {least:?} and {most:?}"
        ))
    }
}

fn play(seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let mut player = Player::new(seed);
        for operation in 0..OPERATIONS_PER_SEED {
            must((seed, operation), player.step());
        }
        must((seed, "end"), player.check());
        must((seed, "reopening"), player.reopen());
    }
}

#[test]
fn a_quarter_million_random_operations_1() {
    play(0..SEEDS_PER_TEST);
}

#[test]
fn a_quarter_million_random_operations_2() {
    play(SEEDS_PER_TEST..2 * SEEDS_PER_TEST);
}

#[test]
fn a_quarter_million_random_operations_3() {
    play(2 * SEEDS_PER_TEST..3 * SEEDS_PER_TEST);
}

#[test]
fn a_quarter_million_random_operations_4() {
    play(3 * SEEDS_PER_TEST..4 * SEEDS_PER_TEST);
}
