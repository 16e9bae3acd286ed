//! A fleet of hosts made from one capture: other instances, other moments of it, other values.

use std::ops::Range;

use tsdb_core::model::{Labels, LabelsError, STALE_NAN_BITS, Sample};

use crate::capture::{Capture, CapturedSeries};
use crate::chance::{below, mix};
use crate::column::Column;
use crate::order::Order;

/// Time between two scrapes of a capture, in milliseconds.
const INTERVAL_MS: i64 = 15_000;
/// What the values of two clones differ by at least, in units of their last digit.
const OFFSET_STEP: u64 = 7;

/// How large a fleet is and how it changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FleetSize {
    /// Series that it has at any time; the last target may be cut short.
    pub series: usize,
    /// Scrapes that can be played of it; no clone plays a captured scrape twice.
    pub rounds: usize,
    /// How its series are replaced, if they are.
    pub churn: Option<Churn>,
}

/// How series are replaced: whole targets end and others begin in their place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Churn {
    /// After how many rounds.
    pub every: usize,
    /// How many of a hundred targets.
    pub percent: usize,
}

/// Why there is no fleet.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// The capture's labels are none that a series may have.
    #[error(transparent)]
    Labels(#[from] LabelsError),
    /// More rounds than scrapes.
    #[error(
        "{rounds} scrapes are asked for and the capture has {captured}: ask for fewer, or take a \
         longer capture"
    )]
    TooShort {
        /// Scrapes asked for.
        rounds: usize,
        /// Scrapes of the capture.
        captured: usize,
    },
}

/// Many targets, each a copy of a captured one with another instance and other values.
///
/// The first copy of each target is the captured target itself. Every other one plays a part of
/// the capture of its own in an order of its own (see `Order`), scraped at another moment of the
/// interval, and its values are other ones with the same digits: counters never fall, whole
/// numbers stay whole, constants stay constant. No two copies have the same column of values but
/// for constants.
///
/// The same capture, size and seed give the same fleet, and round `n` of a fleet is always the
/// same samples: nothing is kept between rounds.
#[derive(Debug)]
pub struct Fleet {
    capture: Capture,
    /// For each captured target its series.
    columns: Vec<Vec<Column>>,
    clones: Vec<TargetClone>,
    labels: Vec<Labels>,
    /// Rounds before the captured scrapes come again.
    rounds: usize,
    seed: u64,
    start_ms: i64,
    interval_ms: i64,
}

/// One target of a [`Fleet`].
#[derive(Debug, Clone)]
pub struct TargetClone {
    /// Which of the fleet's series are its own.
    pub series: Range<usize>,
    /// In which rounds it is scraped.
    pub life: Range<usize>,
    /// Index of the captured target it copies.
    target: usize,
    order: Order,
    /// How many milliseconds of each interval it waits before its scrape.
    wait_ms: i64,
    /// What its values are above the captured ones, in units of their last digit.
    offset: i64,
}

/// A sample of a fleet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FleetSample {
    /// Index into [`Fleet::labels`].
    pub series: usize,
    /// Time and value.
    pub sample: Sample,
}

impl Fleet {
    /// A fleet of exactly `series_len` series whose rounds go on without end: behind the
    /// capture's last scrape comes its first again, as if every exporter had been restarted, and
    /// time moves on.
    ///
    /// # Errors
    /// When the capture's labels are none that a series may have.
    pub fn new(capture: Capture, series_len: usize, seed: u64) -> Result<Self, LabelsError> {
        let mut fleet = Self::empty(capture, seed);
        fleet.fill(series_len)?;
        Ok(fleet)
    }

    /// A fleet that plays each captured scrape at most once.
    ///
    /// # Errors
    /// When the capture has fewer scrapes than the fleet shall have rounds, or labels that no
    /// series may have.
    pub fn of_size(capture: Capture, size: FleetSize, seed: u64) -> Result<Self, FleetError> {
        let captured = capture.scrapes_len();
        if size.rounds > captured {
            let rounds = size.rounds;
            return Err(FleetError::TooShort { rounds, captured });
        }
        let mut fleet = Self::empty(capture, seed);
        fleet.rounds = size.rounds;
        fleet.fill(size.series)?;
        if let Some(churn) = size.churn {
            fleet.replace(churn)?;
        }
        Ok(fleet)
    }

    /// The same fleet, its first round at `start_ms` (since the epoch) and its rounds
    /// `interval_ms` apart.
    #[must_use]
    pub fn scraped_from(mut self, start_ms: i64, interval_ms: i64) -> Self {
        self.start_ms = start_ms;
        self.interval_ms = interval_ms.max(1);
        self
    }

    fn empty(capture: Capture, seed: u64) -> Self {
        let columns = |target: &crate::CapturedTarget| {
            let columns = target.series.iter().map(|one| Column::new(&one.values));
            columns.collect()
        };
        let first = capture
            .targets
            .first()
            .and_then(|target| target.times.first());
        Self {
            columns: capture.targets.iter().map(columns).collect(),
            clones: Vec::new(),
            labels: Vec::new(),
            rounds: capture.scrapes_len(),
            seed,
            start_ms: first.copied().unwrap_or_default(),
            interval_ms: INTERVAL_MS,
            capture,
        }
    }

    fn fill(&mut self, series_len: usize) -> Result<(), LabelsError> {
        if self.capture.series_len() == 0 || self.rounds == 0 {
            return Ok(());
        }
        for number in 0u64.. {
            for target in 0..self.capture.targets.len() {
                let free = series_len.saturating_sub(self.labels.len());
                if free == 0 {
                    return Ok(());
                }
                self.add_clone(target, number, free, 0)?;
            }
        }
        Ok(())
    }

    /// Ends the oldest targets and begins others in their place, again and again.
    fn replace(&mut self, churn: Churn) -> Result<(), LabelsError> {
        let alive = self.clones.len();
        let share = (alive * churn.percent).div_ceil(100);
        let mut oldest = 0;
        let every = churn.every.max(1);
        for round in (every..self.rounds).step_by(every) {
            for _ in 0..share {
                let Some(ended) = self.clones.get_mut(oldest) else {
                    break;
                };
                oldest += 1;
                ended.life.end = round;
                let (target, series_len) = (ended.target, ended.series.len());
                // Numbers of the first targets are below their count.
                let number = (self.clones.len() + alive) as u64;
                self.add_clone(target, number, series_len, round)?;
            }
        }
        Ok(())
    }

    fn add_clone(
        &mut self,
        target: usize,
        number: u64,
        series_max: usize,
        from_round: usize,
    ) -> Result<(), LabelsError> {
        let Some(captured) = self.capture.targets.get(target) else {
            return Ok(());
        };
        let chance = mix(self.seed ^ mix(number).wrapping_add(target as u64));
        let first = self.labels.len();
        for series in captured.series.iter().take(series_max) {
            self.labels
                .push(clone_labels(series, &captured.labels, number)?);
        }
        let (order, offset) = match number {
            0 => (Order::captured(self.rounds), 0),
            _ => {
                // Another one for each clone, of whichever target.
                let place = number * self.capture.targets.len() as u64 + target as u64;
                let offset = place * OFFSET_STEP + mix(self.seed) % OFFSET_STEP;
                let captured = captured.times.len();
                (Order::shuffled(captured, self.rounds, chance), offset)
            }
        };
        let interval = usize::try_from(INTERVAL_MS).unwrap_or_default();
        self.clones.push(TargetClone {
            series: first..self.labels.len(),
            life: from_round..usize::MAX,
            target,
            order,
            wait_ms: i64::try_from(below(chance, interval)).unwrap_or_default(),
            offset: i64::try_from(offset).unwrap_or(i64::MAX),
        });
        Ok(())
    }

    /// The labels of each series; those of a target stand together.
    #[must_use]
    pub fn labels(&self) -> &[Labels] {
        &self.labels
    }

    /// The targets in the order of their series.
    #[must_use]
    pub fn targets(&self) -> &[TargetClone] {
        &self.clones
    }

    /// How many rounds there are before captured scrapes come again.
    #[must_use]
    pub fn rounds_len(&self) -> usize {
        self.rounds
    }

    /// How many series are scraped in a round.
    #[must_use]
    pub fn active_len(&self, round: usize) -> usize {
        let alive = self
            .clones
            .iter()
            .filter(|clone| clone.life.contains(&round));
        alive.map(|clone| clone.series.len()).sum()
    }

    /// The target that a series is of.
    #[must_use]
    pub fn target_of(&self, series: usize) -> Option<&TargetClone> {
        let after = self
            .clones
            .partition_point(|clone| clone.series.end <= series);
        self.clones.get(after)
    }

    /// The samples of one scrape of all targets.
    pub fn round(&self, round: usize) -> impl Iterator<Item = FleetSample> {
        self.clones
            .iter()
            .flat_map(move |clone| self.scrape(clone, round))
    }

    /// The samples of one scrape of one target. A series that the exporter stopped writing
    /// gives one stale marker, as a scraper writes it, and so do all of a target that ended.
    pub fn scrape<'a>(
        &'a self,
        clone: &'a TargetClone,
        round: usize,
    ) -> impl Iterator<Item = FleetSample> + 'a {
        // Most targets of a fleet that churns are not there: they cost nothing.
        let there = round >= clone.life.start && round <= clone.life.end;
        let series = if there { clone.series.clone() } else { 0..0 };
        series.filter_map(move |series| {
            let sample = self.sample(clone, series, round)?;
            Some(FleetSample { series, sample })
        })
    }

    /// What one series of a target has in a round, if anything.
    #[must_use]
    pub fn sample(&self, clone: &TargetClone, series: usize, round: usize) -> Option<Sample> {
        let origin = series.checked_sub(clone.series.start)?;
        let column = self.columns.get(clone.target)?.get(origin)?;
        let at = round.checked_rem(clone.order.len())?;
        let value = if clone.life.contains(&round) {
            let value = column.play(&clone.order, at, clone.offset)?;
            // A target that has just begun has nothing that could have ended.
            let ended = value.to_bits() == STALE_NAN_BITS && round == clone.life.start;
            (!ended).then_some(value)?
        } else if round == clone.life.end {
            let last = column.play(&clone.order, at.checked_sub(1)?, clone.offset)?;
            (last.to_bits() != STALE_NAN_BITS).then(|| f64::from_bits(STALE_NAN_BITS))?
        } else {
            return None;
        };
        Some(Sample::new(self.time_of(clone, round, at), value))
    }

    /// The jitter of the captured scrape on the grid of this clone.
    fn time_of(&self, clone: &TargetClone, round: usize, at: usize) -> i64 {
        let scrape = clone.order.scrape(at);
        let jitter = || {
            let times = &self.capture.targets.get(clone.target)?.times;
            let grid = times.first()? + i64::try_from(scrape).ok()? * INTERVAL_MS;
            Some(times.get(scrape)? - grid)
        };
        let round = i64::try_from(round).unwrap_or_default();
        let wait_ms = clone.wait_ms * self.interval_ms / INTERVAL_MS;
        self.start_ms + round * self.interval_ms + wait_ms + jitter().unwrap_or_default()
    }
}

fn clone_labels(
    series: &CapturedSeries,
    target: &[(String, String)],
    number: u64,
) -> Result<Labels, LabelsError> {
    let attached = target
        .iter()
        .map(|(name, value)| match (name.as_str(), number) {
            // The first clone is the captured target itself.
            ("instance", 1..) => {
                let port = value.rsplit(':').next().unwrap_or_default();
                (
                    name.as_str(),
                    format!("host-{number:05}.example.net:{port}"),
                )
            }
            _ => (name.as_str(), value.clone()),
        });
    let own = series.labels.iter().map(|(name, value)| {
        // A label of the exporter gives way to the scraper's, as `honor_labels: false` does.
        let hidden = target.iter().any(|(attached, _)| attached == name);
        let name = if hidden {
            format!("exported_{name}")
        } else {
            name.clone()
        };
        (name, value.clone())
    });
    let attached = attached.map(|(name, value)| (name.to_owned(), value));
    Labels::from_pairs(own.chain(attached))
}
