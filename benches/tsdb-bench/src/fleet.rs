//! A fleet of hosts made from one capture: other instances, other moments of it, other totals.

use std::ops::Range;

use tsdb_core::model::{Labels, LabelsError, STALE_NAN_BITS, Sample};

use crate::capture::{Capture, CapturedSeries};

/// Time between two scrapes of a capture, in milliseconds.
const INTERVAL_MS: i64 = 15_000;
/// Counters above this get a total of their own in each clone; small gauges stay as they are.
const TOTAL_MIN: f64 = 1_000.0;
/// Whole numbers up to here add without rounding.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// Many targets, each a copy of a captured one.
///
/// The same capture, size and seed give the same fleet, and round `n` of a fleet is always the
/// same samples: nothing is kept between rounds.
#[derive(Debug)]
pub struct Fleet {
    capture: Capture,
    clones: Vec<TargetClone>,
    labels: Vec<Labels>,
    origins: Vec<usize>,
}

/// One target of a [`Fleet`].
#[derive(Debug, Clone)]
pub struct TargetClone {
    /// Which of the fleet's series are its own.
    pub series: Range<usize>,
    /// Index of the captured target it copies.
    target: usize,
    /// How many scrapes it is ahead of the capture.
    shift: usize,
    /// How many milliseconds of each interval it waits before its scrape.
    offset_ms: i64,
    /// What its totals have more than the captured ones.
    total: f64,
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
    /// A fleet of exactly `series_len` series; the last target may be cut short.
    ///
    /// # Errors
    /// When the capture's labels are none that a series may have.
    pub fn new(capture: Capture, series_len: usize, seed: u64) -> Result<Self, LabelsError> {
        let mut fleet = Self {
            capture,
            clones: Vec::new(),
            labels: Vec::new(),
            origins: Vec::new(),
        };
        if fleet.capture.series_len() == 0 || fleet.capture.scrapes_len() == 0 {
            return Ok(fleet);
        }
        for number in 0u64.. {
            for target in 0..fleet.capture.targets.len() {
                if fleet.labels.len() >= series_len {
                    return Ok(fleet);
                }
                fleet.add_clone(target, number, seed, series_len)?;
            }
        }
        Ok(fleet)
    }

    fn add_clone(
        &mut self,
        target: usize,
        number: u64,
        seed: u64,
        series_len: usize,
    ) -> Result<(), LabelsError> {
        let Some(captured) = self.capture.targets.get(target) else {
            return Ok(());
        };
        let chance = mix(seed ^ mix(number).wrapping_add(target as u64));
        let scrapes = captured.times.len() as u64;
        let first = self.labels.len();
        for (origin, series) in captured.series.iter().take(series_len - first).enumerate() {
            self.labels
                .push(clone_labels(series, &captured.labels, number)?);
            self.origins.push(origin);
        }
        self.clones.push(TargetClone {
            series: first..self.labels.len(),
            target,
            shift: usize::try_from(chance % scrapes).unwrap_or_default(),
            offset_ms: i64::try_from(mix(chance) % INTERVAL_MS.unsigned_abs()).unwrap_or_default(),
            total: f64::from(u32::try_from(mix(chance ^ 1) % 100_000).unwrap_or_default()),
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

    /// The samples of one scrape of all targets. Rounds go on without end: behind the capture's
    /// last scrape comes its first, and time moves on.
    pub fn round(&self, round: usize) -> impl Iterator<Item = FleetSample> {
        self.clones
            .iter()
            .flat_map(move |clone| self.scrape(clone, round))
    }

    /// The samples of one scrape of one target. A series that the exporter stopped writing
    /// gives one stale marker, as a scraper writes it.
    pub fn scrape<'a>(
        &'a self,
        clone: &'a TargetClone,
        round: usize,
    ) -> impl Iterator<Item = FleetSample> + 'a {
        let target = self.capture.targets.get(clone.target);
        let scrapes = self.capture.scrapes_len();
        let at = (round + clone.shift) % scrapes;
        let before = (round > 0).then(|| (at + scrapes - 1) % scrapes);
        let timestamp = target.map_or(0, |target| time_of(&target.times, at, round, clone));
        clone.series.clone().filter_map(move |series| {
            let captured = target?.series.get(*self.origins.get(series)?)?;
            let value = value_at(captured, at, before, clone.total)?;
            Some(FleetSample {
                series,
                sample: Sample::new(timestamp, value),
            })
        })
    }
}

/// The jitter of the captured scrape on the grid of this clone.
fn time_of(times: &[i64], at: usize, round: usize, clone: &TargetClone) -> i64 {
    let start = times.first().copied().unwrap_or_default();
    let index = i64::try_from(at).unwrap_or_default();
    let jitter = times.get(at).copied().unwrap_or(start) - start - index * INTERVAL_MS;
    start + i64::try_from(round).unwrap_or_default() * INTERVAL_MS + clone.offset_ms + jitter
}

fn value_at(
    captured: &CapturedSeries,
    at: usize,
    before: Option<usize>,
    total: f64,
) -> Option<f64> {
    match captured.values.get(at).copied().flatten() {
        Some(value) if (TOTAL_MIN..EXACT_MAX).contains(&value) && value.fract() == 0.0 => {
            Some(value + total)
        }
        Some(value) => Some(value),
        None => {
            let was_there = captured.values.get(before?).copied().flatten().is_some();
            was_there.then(|| f64::from_bits(STALE_NAN_BITS))
        }
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

/// SplitMix64's finalizer: a number as good as random for each input.
fn mix(input: u64) -> u64 {
    let mut z = input.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
