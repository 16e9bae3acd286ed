//! From the labels of a batch to series, known ones first, new ones defined.

use std::sync::atomic::Ordering;

use super::append::{Missing, NO_SLOT, NewLabels, Scratch};
use super::forget::define;
use super::head::{Head, Names};
use super::{AppendEnvironment, MemoryBounds, ShardError};
use crate::model::{
    AppendReport, Fingerprint, FingerprintDomain, Labels, LabelsBuilder, LabelsError, METRIC_NAME,
    RejectReason, Rejected, SeriesKey, SymbolLists, WriteBatch,
};
use crate::series::SeriesFile;

/// So many series before it is used, an entry of the registry is asked for,
const PREFETCH_SERIES: usize = 16;
/// and so many before, what proves the entry.
const PREFETCH_PROOFS: usize = 12;

impl Head {
    /// Fills `scratch.slots` with the slot of each series of the batch, or [`NO_SLOT`] for one
    /// that was rejected. New series are defined, and visible to all, when this returns.
    pub(super) fn look_up(
        &self,
        batch: &WriteBatch<'_>,
        environment: &AppendEnvironment<'_>,
        scratch: &mut Scratch,
        report: &mut AppendReport,
    ) -> Result<(), ShardError> {
        self.find_known(batch, scratch);
        let Scratch {
            slots,
            missing,
            fingerprints,
            ..
        } = &mut *scratch;
        missing.clear();
        if slots.contains(&NO_SLOT) {
            let series = batch.series().zip(&*slots).zip(&*fingerprints).enumerate();
            let new = series.filter(|(_, ((_, slot), _))| **slot == NO_SLOT);
            missing.extend(
                new.map(|(at, (((_, timestamps, _), _), fingerprint))| Missing {
                    at,
                    fingerprint: *fingerprint,
                    labels: None,
                    samples: timestamps.len() as u64,
                    timestamp: timestamps.first().copied(),
                }),
            );
            for missing in &mut *missing {
                let all = batch.histograms();
                let first = all.partition_point(|one| one.series < missing.at);
                let of_one = all.iter().skip(first);
                let of_one = of_one.take_while(|one| one.series == missing.at);
                missing.samples += of_one.count() as u64;
            }
        }
        if scratch.missing.is_empty() {
            return Ok(());
        }
        self.parse_missing(batch, scratch, report)?;
        self.define_missing(environment, scratch, report)
    }

    /// Fills `scratch.slots` with the series that are known by their fingerprints.
    fn find_known(&self, batch: &WriteBatch<'_>, scratch: &mut Scratch) {
        let Scratch {
            slots,
            fingerprints,
            deferred,
            symbols,
            ..
        } = scratch;
        symbols.clear();
        symbols.extend(batch.symbols().iter().map(|text| self.key.symbol(text)));
        let mut lists = self.key.symbol_lists(symbols);
        let left_out = self.left_out(batch);
        fingerprints.clear();
        slots.clear();
        deferred.clear();
        let names = self.names.read();
        let registry = &names.registry;
        let find = |fingerprint| registry.find(fingerprint).unwrap_or(NO_SLOT);
        // While series leave, two slots may have one encoding, and the table knows which counts.
        let in_order = !registry.any_leaving();
        // The slot that follows the last one, and how many were not near where they were expected.
        let (mut next, mut astray) = (0, 0u32);
        for (at, (key, ..)) in batch.series().enumerate() {
            let fingerprint = self.fingerprint(&key, &mut lists).without(left_out);
            fingerprints.push(fingerprint);
            let near = match in_order {
                true => registry.find_near(next, fingerprint),
                false => None,
            };
            let slot = match near {
                Some(slot) => {
                    astray = 0;
                    slot
                }
                None => {
                    astray += 1;
                    if astray.is_power_of_two() {
                        // The order may go on elsewhere; where there is none it is asked for less
                        // and less.
                        find(fingerprint)
                    } else {
                        registry.prefetch(fingerprint);
                        // One that cannot be told is found by its labels.
                        deferred.push(u32::try_from(at).unwrap_or(u32::MAX));
                        NO_SLOT
                    }
                }
            };
            slots.push(slot);
            if slot != NO_SLOT {
                next = slot.wrapping_add(1);
            }
        }
        // What finds these was asked for; what proves it is asked for some series before.
        let mut ahead = deferred.iter().skip(PREFETCH_PROOFS);
        for &at in &*deferred {
            let later = ahead.next();
            if let Some(later) = later.and_then(|later| fingerprints.get(*later as usize)) {
                registry.prefetch_usual(*later);
            }
            let at = at as usize;
            if let (Some(slot), Some(fingerprint)) = (slots.get_mut(at), fingerprints.get(at)) {
                *slot = find(*fingerprint);
            }
        }
        names.skip_leaving(slots);
    }

    /// What sets the fingerprints of series without a label apart from those of the whole series.
    fn left_out(&self, batch: &WriteBatch<'_>) -> Fingerprint {
        batch.left_out().map_or(Fingerprint(0), |label| {
            self.key.of(FingerprintDomain::Encoded, label.as_bytes())
        })
    }

    #[inline]
    fn fingerprint<'k>(&self, key: &SeriesKey<'k>, lists: &mut SymbolLists<'k>) -> Fingerprint {
        match key {
            SeriesKey::Labels(labels) => {
                self.key.of(FingerprintDomain::Canonical, labels.as_bytes())
            }
            SeriesKey::Encoded(encoded) => self.key.of(FingerprintDomain::Encoded, encoded.bytes),
            SeriesKey::Symbols(labels) => lists.fingerprint(labels.refs),
        }
    }

    fn parse_missing(
        &self,
        batch: &WriteBatch<'_>,
        scratch: &mut Scratch,
        report: &mut AppendReport,
    ) -> Result<(), ShardError> {
        let Scratch {
            missing, builder, ..
        } = scratch;
        let mut series = batch.series().enumerate();
        for missing in missing {
            let found = series.find(|(at, _)| *at == missing.at);
            let Some((_, (key, ..))) = found else {
                continue;
            };
            match parse(&key, batch.left_out(), builder).and_then(|labels| self.check(labels)) {
                Ok(labels) => missing.labels = Some(labels),
                Err(RejectReason::Labels(LabelsError::Malformed { .. })) if batch.is_guessed() => {
                    return Err(ShardError::Misread);
                }
                Err(reason) => missing.reject(name(&key, builder), reason, report),
            }
        }
        Ok(())
    }

    /// Looks at bytes alone, which is all that the limits ask for.
    fn check(&self, labels: Labels) -> Result<NewLabels, RejectReason> {
        let limits = &self.limits;
        let (mut count, mut has_metric_name, mut too_long) = (0, false, None);
        for (name, value) in labels.raw_pairs() {
            count += 1;
            has_metric_name |= name == METRIC_NAME.as_bytes();
            let fits =
                name.len() <= limits.label_name_bytes && value.len() <= limits.label_value_bytes;
            if !fits && too_long.is_none() {
                too_long = Some((name, value));
            }
        }
        if !has_metric_name {
            return Err(RejectReason::NoMetricName);
        }
        if count > limits.labels {
            return Err(RejectReason::TooManyLabels {
                count,
                limit: limits.labels,
            });
        }
        match too_long {
            Some((name, _)) if name.len() > limits.label_name_bytes => {
                Err(RejectReason::LabelNameTooLong {
                    length: name.len(),
                    limit: limits.label_name_bytes,
                })
            }
            Some((name, value)) => Err(RejectReason::LabelValueTooLong {
                name: String::from_utf8_lossy(name).into_owned(),
                length: value.len(),
                limit: limits.label_value_bytes,
            }),
            None => Ok(NewLabels {
                fingerprint: self.key.of(FingerprintDomain::Canonical, labels.as_bytes()),
                count,
                labels,
            }),
        }
    }

    fn define_missing(
        &self,
        environment: &AppendEnvironment<'_>,
        scratch: &mut Scratch,
        report: &mut AppendReport,
    ) -> Result<(), ShardError> {
        let labels = || {
            scratch
                .missing
                .iter()
                .filter_map(|missing| missing.labels.as_ref())
        };
        let text = labels().map(|new| new.labels.as_bytes().len()).sum();
        let count = labels().map(|new| new.count).sum();
        let series = labels().count();
        let promised = SeriesFile::definitions_bytes_at_most(text, series, count);
        let memory = environment.memory;
        let Some(series_file) = &self.series_file else {
            return Ok(());
        };
        memory.check_series(self.growth_bytes(series, count, text))?;
        series_file.reserve(promised)?;
        let names = &mut *self.names.write();
        if self.retired.load(Ordering::Acquire) {
            series_file.release(promised);
            return Err(ShardError::Retired);
        }
        let mut ledger = Ledger {
            memory,
            series_max: environment.series_max,
            held: names.heap_bytes(),
            all_fit: memory
                .check_share(names.growth_bytes(series, count, text))
                .is_ok(),
        };
        let mut new = Vec::new();
        for (at, missing) in scratch.missing.iter().enumerate() {
            if let Some(later) = scratch.missing.get(at + PREFETCH_SERIES)
                && let Some(labels) = &later.labels
            {
                names.registry.prefetch(later.fingerprint);
                names.registry.prefetch_labels(labels.fingerprint);
            }
            let Some(labels) = &missing.labels else {
                continue;
            };
            let found = self.find_or_insert(names, labels, &mut ledger, &mut new);
            let slot = match found {
                Ok(slot) => slot,
                Err(reason) => {
                    missing.reject(labels.labels.to_string(), reason, report);
                    continue;
                }
            };
            let known = names.registry.find(missing.fingerprint);
            if known.is_none_or(|known| names.registry.is_leaving(known)) {
                names.registry.alias(missing.fingerprint, slot);
            }
            if let Some(place) = scratch.slots.get_mut(missing.at) {
                *place = slot;
            }
        }
        ledger.note(names);
        self.define_new(names, &new, series_file, promised);
        Ok(())
    }

    /// Bytes that new series take at once, at most.
    fn growth_bytes(&self, series: usize, labels: usize, text: usize) -> u64 {
        self.names.read().growth_bytes(series, labels, text)
    }

    fn find_or_insert(
        &self,
        names: &mut Names,
        labels: &NewLabels,
        ledger: &mut Ledger<'_>,
        new: &mut Vec<u32>,
    ) -> Result<u32, RejectReason> {
        if let Some(slot) = names.find_labels(labels.fingerprint, &labels.labels) {
            return Ok(slot);
        }
        ledger.check(names, labels)?;
        if let Some(limit) = ledger.series_max
            && names.registry.len() as u64 >= limit
        {
            return Err(RejectReason::NamespaceSeriesLimit { limit });
        }
        let limit = self.limits.series;
        let full = || RejectReason::SeriesLimit { limit };
        if names.registry.len() as u64 >= limit || names.index.is_full() {
            return Err(full());
        }
        let id = names.registry.next_id();
        let slot = names.registry.insert(labels.fingerprint, id);
        let slot = slot.ok_or_else(full)?;
        names.index.add(slot, &labels.labels);
        new.push(slot);
        Ok(slot)
    }

    /// Queues the definitions of new slots, with the registry locked: nobody sees an id sooner.
    fn define_new(&self, names: &Names, new: &[u32], series_file: &SeriesFile, promised: u64) {
        if new.is_empty() {
            series_file.release(promised);
            return;
        }
        define(names, new.iter().copied(), series_file, promised);
    }
}

impl Names {
    /// Lets those of the slots that are leaving count as not found.
    fn skip_leaving(&self, slots: &mut [u32]) {
        if self.registry.any_leaving() {
            let leaving = slots
                .iter_mut()
                .filter(|slot| self.registry.is_leaving(**slot));
            leaving.for_each(|slot| *slot = NO_SLOT);
        }
    }
}

/// What new series take while they are made, with the registry locked.
#[derive(Debug)]
struct Ledger<'a> {
    memory: MemoryBounds<'a>,
    series_max: Option<u64>,
    /// Bytes of the registry and the index, as noted last.
    held: usize,
    /// Whether there is room for all of the batch.
    all_fit: bool,
}

impl Ledger<'_> {
    fn note(&mut self, names: &Names) {
        let held = names.heap_bytes();
        let grown = held.saturating_sub(self.held);
        self.memory.add_series(grown as u64);
        self.held = held;
    }

    fn check(&mut self, names: &Names, new: &NewLabels) -> Result<(), RejectReason> {
        if self.all_fit {
            return Ok(());
        }
        self.note(names);
        let growth = names.growth_bytes(1, new.count, new.labels.as_bytes().len());
        self.memory.check_share(growth)
    }
}

impl Missing {
    fn reject(&self, series: String, reason: RejectReason, report: &mut AppendReport) {
        report.reject(self.samples, true, || Rejected {
            series,
            timestamp: self.timestamp,
            samples: self.samples,
            reason,
        });
    }
}

fn parse(
    key: &SeriesKey<'_>,
    left_out: Option<&str>,
    builder: &mut LabelsBuilder,
) -> Result<Labels, RejectReason> {
    if let (SeriesKey::Labels(labels), None) = (key, left_out) {
        return Ok((*labels).clone());
    }
    builder.clear();
    key.parse(builder)?;
    if let Some(label) = left_out {
        builder.remove(label);
    }
    Ok(builder.finish()?)
}

/// What can be said of a series whose labels are refused.
fn name(key: &SeriesKey<'_>, builder: &mut LabelsBuilder) -> String {
    match key {
        SeriesKey::Labels(labels) => labels.to_string(),
        SeriesKey::Encoded(_) | SeriesKey::Symbols(_) => builder.describe(),
    }
}
