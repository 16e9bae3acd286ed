//! From the labels of a batch to series, known ones first, new ones defined.

use super::ShardError;
use super::append::{Missing, NO_SLOT, Scratch};
use super::head::{CANONICAL, ENCODED, Head, Names};
use crate::model::{
    AppendReport, Fingerprint, Labels, LabelsBuilder, RejectReason, Rejected, SeriesKey, ShardId,
    WriteBatch,
};
use crate::series::{Definition, SeriesFile};

impl Head {
    /// Fills `scratch.slots` with the slot of each series of the batch, or [`NO_SLOT`] for one
    /// that was rejected. New series are defined, and visible to all, when this returns.
    pub(super) fn look_up(
        &self,
        batch: &WriteBatch<'_>,
        series_file: &SeriesFile,
        scratch: &mut Scratch,
        report: &mut AppendReport,
    ) -> Result<(), ShardError> {
        scratch.slots.clear();
        scratch.missing.clear();
        let names = self.names.read();
        for (at, (key, ..)) in batch.series().enumerate() {
            let fingerprint = self.fingerprint(&key);
            let slot = names.registry.find(fingerprint).unwrap_or(NO_SLOT);
            scratch.slots.push(slot);
            if slot == NO_SLOT {
                scratch.missing.push(Missing {
                    at,
                    fingerprint,
                    labels: None,
                });
            }
        }
        drop(names);
        if scratch.missing.is_empty() {
            return Ok(());
        }
        self.parse_missing(batch, scratch, report);
        self.define_missing(batch, series_file, scratch, report)
    }

    fn fingerprint(&self, key: &SeriesKey<'_>) -> Fingerprint {
        match key {
            SeriesKey::Labels(labels) => self.key.of(CANONICAL, labels.as_bytes()),
            SeriesKey::Encoded(encoded) => self.key.of(ENCODED, encoded.bytes),
        }
    }

    fn parse_missing(
        &self,
        batch: &WriteBatch<'_>,
        scratch: &mut Scratch,
        report: &mut AppendReport,
    ) {
        let Scratch {
            missing, builder, ..
        } = scratch;
        let mut series = batch.series().enumerate();
        for missing in missing {
            let found = series.find(|(at, _)| *at == missing.at);
            let Some((_, (key, timestamps, _))) = found else {
                continue;
            };
            match parse(&key, builder).and_then(|labels| self.check(&labels).map(|()| labels)) {
                Ok(labels) => missing.labels = Some(labels),
                Err(reason) => {
                    let samples = timestamps.len() as u64;
                    let timestamp = timestamps.first().copied();
                    let series = name(&key, builder);
                    report.reject(samples, true, || Rejected {
                        series,
                        timestamp,
                        samples,
                        reason,
                    });
                }
            }
        }
    }

    fn check(&self, labels: &Labels) -> Result<(), RejectReason> {
        let limits = &self.limits;
        if labels.get("__name__").is_none() {
            return Err(RejectReason::NoMetricName);
        }
        if labels.len() > limits.labels {
            return Err(RejectReason::TooManyLabels {
                count: labels.len(),
                limit: limits.labels,
            });
        }
        for label in labels.iter() {
            if label.name.len() > limits.label_name_bytes {
                let (length, limit) = (label.name.len(), limits.label_name_bytes);
                return Err(RejectReason::LabelNameTooLong { length, limit });
            }
            if label.value.len() > limits.label_value_bytes {
                let (length, limit) = (label.value.len(), limits.label_value_bytes);
                let name = label.name.to_owned();
                return Err(RejectReason::LabelValueTooLong {
                    name,
                    length,
                    limit,
                });
            }
        }
        Ok(())
    }

    fn define_missing(
        &self,
        batch: &WriteBatch<'_>,
        series_file: &SeriesFile,
        scratch: &mut Scratch,
        report: &mut AppendReport,
    ) -> Result<(), ShardError> {
        let labels = || {
            scratch
                .missing
                .iter()
                .filter_map(|missing| missing.labels.as_ref())
        };
        let text = labels().map(|labels| labels.as_bytes().len()).sum();
        let count = labels().map(Labels::len).sum();
        let promised = SeriesFile::definitions_bytes_at_most(text, labels().count(), count);
        series_file.reserve(promised)?;
        let names = &mut *self.names.write();
        let mut new = Vec::new();
        for missing in &scratch.missing {
            let Some(labels) = &missing.labels else {
                continue;
            };
            let slot = match self.find_or_insert(names, labels, &mut new) {
                Some(slot) => slot,
                None => {
                    self.reject_for_limit(batch, missing.at, labels, report);
                    continue;
                }
            };
            // Alias only what is no canonical form itself.
            if names.registry.find(missing.fingerprint).is_none() {
                names.registry.alias(missing.fingerprint, slot);
            }
            if let Some(place) = scratch.slots.get_mut(missing.at) {
                *place = slot;
            }
        }
        self.define_new(names, &new, series_file, promised);
        Ok(())
    }

    fn find_or_insert(
        &self,
        names: &mut Names,
        labels: &Labels,
        new: &mut Vec<u32>,
    ) -> Option<u32> {
        let fingerprint = self.key.of(CANONICAL, labels.as_bytes());
        if let Some(slot) = names.registry.find(fingerprint) {
            return Some(slot);
        }
        if names.registry.len() as u64 >= self.limits.series {
            return None;
        }
        let id = names.registry.next_id();
        let slot = names.registry.insert(fingerprint, id)?;
        names.index.add(slot, labels);
        new.push(slot);
        Some(slot)
    }

    fn reject_for_limit(
        &self,
        batch: &WriteBatch<'_>,
        at: usize,
        labels: &Labels,
        report: &mut AppendReport,
    ) {
        let Some((_, timestamps, _)) = batch.series().nth(at) else {
            return;
        };
        let samples = timestamps.len() as u64;
        report.reject(samples, true, || Rejected {
            series: labels.to_string(),
            timestamp: timestamps.first().copied(),
            samples,
            reason: RejectReason::SeriesLimit {
                limit: self.limits.series,
            },
        });
    }

    /// Queues the definitions of new slots, with the registry locked: nobody sees an id sooner.
    fn define_new(&self, names: &Names, new: &[u32], series_file: &SeriesFile, promised: u64) {
        if new.is_empty() {
            series_file.release(promised);
            return;
        }
        let pairs: Vec<Vec<(u32, u32)>> = new
            .iter()
            .map(|&slot| names.index.pairs_of(slot).collect())
            .collect();
        let definitions: Vec<Definition<'_>> = new
            .iter()
            .zip(&pairs)
            .filter_map(|(&slot, labels)| {
                let id = names.registry.id(slot)?;
                Some(Definition {
                    id,
                    shard: ShardId(0),
                    labels,
                })
            })
            .collect();
        series_file.define(promised, &definitions, |symbol| {
            names.index.symbol_text(symbol)
        });
    }
}

fn parse(key: &SeriesKey<'_>, builder: &mut LabelsBuilder) -> Result<Labels, RejectReason> {
    match key {
        SeriesKey::Labels(labels) => Ok((*labels).clone()),
        SeriesKey::Encoded(encoded) => {
            builder.clear();
            (encoded.parse)(encoded.bytes, builder)?;
            Ok(builder.finish()?)
        }
    }
}

/// What can be said of a series whose labels are refused.
fn name(key: &SeriesKey<'_>, builder: &mut LabelsBuilder) -> String {
    match key {
        SeriesKey::Labels(labels) => labels.to_string(),
        SeriesKey::Encoded(_) => builder.describe(),
    }
}
