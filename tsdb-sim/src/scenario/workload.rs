//! What users do: they write, read and delete.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tsdb_cluster::coordinator::{Answer, Coordinator, CoordinatorError, ReadQuery};
use tsdb_cluster::message::Want;
use tsdb_cluster::runtime::Runtime as _;
use tsdb_core::{Labels, Matcher, Series, TimeRange};

use super::play::Play;
use super::samples::{METRIC, NAMESPACE, NUMBER, SERIES, Samples};
use crate::clock::BEGIN_MS;
use crate::history::{Found, SeriesNumber};
use crate::random::Random;

impl Play {
    /// Writes some of the series, over and over.
    pub(super) async fn write(self, coordinator: &'static str, number: u64, mut random: Random) {
        let writers = self.options.writers.max(1);
        let series: Vec<SeriesNumber> = (0..SERIES).filter(|at| at % writers == number).collect();
        let mut round = 0;
        while !self.is_over() {
            round += 1;
            let timestamp = BEGIN_MS + round * 1000;
            let samples = Samples::new(series.clone(), timestamp, self.options.shards);
            for _ in 0..3 {
                if self.write_once(coordinator, &samples, &mut random).await {
                    break;
                }
            }
            let pause = Duration::from_millis(random.below(200));
            self.executor.sleep(pause).await;
        }
    }

    async fn write_once(&self, coordinator: &str, samples: &Samples, random: &mut Random) -> bool {
        let (now, timestamp) = (self.executor.now(), samples.timestamp);
        for (series, value) in samples.values() {
            self.lock().history.write(now, series, timestamp, value);
        }
        let batch = Arc::clone(&samples.batch);
        let write = |own: Coordinator| async move { own.write(&NAMESPACE.into(), batch).await };
        let written = self.cluster.ask(coordinator, write).await;
        let is_acked = matches!(&written, Some(Ok(outcome)) if outcome.report.is_complete());
        self.count(is_acked);
        let now = self.executor.now();
        for series in &samples.series {
            let mut state = self.lock();
            state.history.written(now, *series, timestamp, is_acked);
        }
        if is_acked && self.options.inspect && random.chance(1, 8) {
            self.inspect(samples).await;
        }
        is_acked
    }

    fn count(&self, is_answered: bool) {
        let mut state = self.lock();
        match is_answered {
            true => state.requests.0 += 1,
            false => state.requests.1 += 1,
        }
    }

    /// Reads this and that, over and over.
    pub(super) async fn read(self, coordinator: &'static str, mut random: Random) {
        while !self.is_over() {
            let read = match random.chance(1, 4) {
                true => self.list_once(coordinator, &mut random).await,
                false => self.read_once(coordinator, &mut random).await,
            };
            self.count(read.is_ok());
            let pause = Duration::from_millis(100 + random.below(900));
            self.executor.sleep(pause).await;
        }
    }

    async fn ask(&self, coordinator: &str, query: ReadQuery) -> Result<Found, CoordinatorError> {
        let begun = self.executor.now();
        let range = (query.range.min(), query.range.max());
        let read = |own: Coordinator| async move {
            let range = query.range;
            collect(own.read(query).await?, range).await
        };
        let read = self.cluster.ask(coordinator, read).await;
        let ended = || CoordinatorError::Invalid("the coordinator ended".to_owned());
        let (samples, texts) = read.unwrap_or_else(|| Err(ended()))?;
        Ok(Found {
            begun,
            ended: self.executor.now(),
            range,
            samples,
            texts,
        })
    }

    /// Reads samples, and holds them against the history.
    pub(super) async fn read_once(
        &self,
        coordinator: &str,
        random: &mut Random,
    ) -> Result<(), CoordinatorError> {
        let mut query = ReadQuery::everything(NAMESPACE.into(), TimeRange::ALL);
        query.matchers = vec![Matcher::equal("__name__", METRIC)];
        if random.chance(1, 3) {
            let min = BEGIN_MS + i64::try_from(random.below(300_000)).unwrap_or(0);
            let range = TimeRange::inclusive(min, min + 60_000);
            query.range = range.map_err(|error| CoordinatorError::Invalid(error.to_string()))?;
        }
        let found = self.ask(coordinator, query).await?;
        let checked = self.lock().history.check(&found);
        if let Err(mut violation) = checked {
            if let Some((series, timestamp)) = violation.sample {
                let who = self.who_has(series, timestamp);
                violation.what = format!("{}; {who}", violation.what);
            }
            self.broken(violation);
        }
        Ok(())
    }

    /// Lists series, names or values, and holds them against the history.
    async fn list_once(
        &self,
        coordinator: &str,
        random: &mut Random,
    ) -> Result<(), CoordinatorError> {
        let mut query = ReadQuery::everything(NAMESPACE.into(), TimeRange::ALL);
        query.want = match random.below(3) {
            0 => Want::Labels,
            1 => Want::Names,
            _ => Want::Values(NUMBER.to_owned()),
        };
        let want = query.want.clone();
        let found = self.ask(coordinator, query).await?;
        let checked = match want {
            Want::Names => self
                .lock()
                .history
                .check_names(&found, ["__name__", NUMBER]),
            _ => self.lock().history.check_series(&found),
        };
        if let Err(violation) = checked {
            self.broken(violation);
        }
        Ok(())
    }

    /// Deletes a series for some time, over and over.
    pub(super) async fn delete(
        self,
        coordinator: &'static str,
        pace: Duration,
        mut random: Random,
    ) {
        let longest = u64::try_from(pace.as_millis()).unwrap_or(u64::MAX);
        while !self.is_over() {
            let pause = Duration::from_millis(longest / 4 + random.below(longest));
            self.executor.sleep(pause).await;
            let series = random.below(SERIES);
            let newest = self.lock().history.newest(series).unwrap_or(BEGIN_MS);
            let max = newest + 5000 - 1000 * i64::try_from(random.below(15)).unwrap_or(0);
            let min = max - 20_000;
            let now = self.executor.now();
            let number = self.lock().history.delete(now, series, min, max);
            let matchers = [Matcher::equal(NUMBER, series.to_string())];
            let Ok(range) = TimeRange::inclusive(min, max) else {
                continue;
            };
            let delete = |own: Coordinator| async move {
                own.delete(&NAMESPACE.into(), range, &matchers).await
            };
            let deleted = self.cluster.ask(coordinator, delete).await;
            if matches!(deleted, Some(Ok(_))) {
                let now = self.executor.now();
                self.lock().history.deleted(now, series, number);
            }
        }
    }
}

/// The samples of all series, the texts, and the series that were listed.
type Collected = (BTreeMap<SeriesNumber, Vec<(i64, f64)>>, BTreeSet<String>);

async fn collect(mut answer: Answer, range: TimeRange) -> Result<Collected, CoordinatorError> {
    let mut found = BTreeMap::new();
    let mut texts: BTreeSet<String> = answer
        .texts
        .iter()
        .map(|text| (**text).to_owned())
        .collect();
    while let Some((labels, chunks)) = answer.series.next().await? {
        let number = number_of(&labels);
        texts.insert(labels.get(NUMBER).unwrap_or_default().to_owned());
        let series = Series::from_chunks(labels, chunks, range);
        let series = series.map_err(|error| CoordinatorError::Invalid(error.to_string()))?;
        let samples = series.samples();
        let samples = samples.map(|sample| (sample.timestamp, sample.value));
        found.insert(number, samples.collect());
    }
    Ok((found, texts))
}

fn number_of(labels: &Labels) -> SeriesNumber {
    let number = labels.get(NUMBER).and_then(|number| number.parse().ok());
    number.unwrap_or(u64::MAX)
}
