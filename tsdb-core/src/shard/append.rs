//! Appending a batch: look up, check, log and apply.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::RwLock;

use super::buffers::{PAGE_BYTES, ROW_BYTES};
use super::exemplars::CheckedExemplars;
use super::histograms::CheckedHistograms;
use super::{
    Head, LockedStripes, MemoryBounds, PREFETCH_LATE_ROWS, PREFETCH_ROWS, Pressure, ShardError,
};
use crate::model::{
    AppendReport, Fingerprint, Labels, LabelsBuilder, RejectReason, Rejected, SeriesId, ShardId,
    SymbolHash, WriteBatch,
};
use crate::wal::{Ack, CommitLog, CommitTicket, FRAME_STAMP_BYTES, Row, SampleFrameEncoder};

/// What one append leaves for the next; after a larger batch all is given back.
const SCRATCH_BYTES_MAX: usize = 4 << 20;

/// Rows are sorted where more than one of so many lies before the one that came before it.
const SCATTERED_ROWS: usize = 8;

/// Stands where a series has no slot, as one of a batch that was rejected.
pub(super) const NO_SLOT: u32 = u32::MAX;

/// A series of a batch that was not found by its fingerprint.
#[derive(Debug)]
pub(super) struct Missing {
    pub(super) at: usize,
    pub(super) fingerprint: Fingerprint,
    /// None until they are parsed, or when they are refused.
    pub(super) labels: Option<NewLabels>,
    pub(super) samples: u64,
    pub(super) timestamp: Option<i64>,
}

/// Labels that may be those of a new series.
#[derive(Debug)]
pub(super) struct NewLabels {
    pub(super) labels: Labels,
    /// How many there are.
    pub(super) count: usize,
    pub(super) fingerprint: Fingerprint,
}

/// Buffers of an append that are used again.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub(super) slots: Vec<u32>,
    pub(super) fingerprints: Vec<Fingerprint>,
    /// Numbers of the series of the batch that were not where their order told.
    pub(super) deferred: Vec<u32>,
    /// Hashes of the symbols of the batch.
    pub(super) symbols: Vec<SymbolHash>,
    pub(super) missing: Vec<Missing>,
    pub(super) builder: LabelsBuilder,
    /// Slot, timestamp and value bits of each sample that is stored.
    rows: Vec<(u32, i64, u64)>,
    /// Room to sort them.
    order: Vec<u64>,
    sorted: Vec<(u32, i64, u64)>,
    ids: Vec<u64>,
    encoder: SampleFrameEncoder,
    frame: Vec<u8>,
    pub(super) histograms: CheckedHistograms,
    pub(super) exemplars: CheckedExemplars,
}

/// What an append needs from the Db around it.
#[derive(Debug)]
pub struct AppendEnvironment<'a> {
    /// The commit log.
    pub log: &'a Arc<CommitLog>,
    /// Read-locked between reservation and enqueueing: a generation is cut under its write lock.
    pub gate: &'a RwLock<()>,
    /// When the ticket shall be done.
    pub ack: Ack,
    /// The latest that it may be now, milliseconds since the epoch.
    pub now_ms: i64,
    /// What may be held in memory.
    pub memory: MemoryBounds<'a>,
    /// Series that the namespace may hold.
    pub series_max: Option<u64>,
    /// Samples before this are outside of retention.
    pub oldest_ms: Option<i64>,
}

/// What became of a batch.
#[must_use = "samples are durable when the ticket says so"]
#[derive(Debug)]
pub struct Appended {
    /// How much was stored, and why the rest was not.
    pub report: AppendReport,
    /// Done when what was stored is as safe as the namespace's [`Ack`] asks.
    pub ticket: CommitTicket,
}

/// What rows may take in buffers at most.
const fn most_bytes(rows: usize) -> u64 {
    (rows * (PAGE_BYTES + ROW_BYTES)) as u64
}

/// Whether buffers may grow by so many rows, and by `beside` bytes.
fn has_room(
    memory: MemoryBounds<'_>,
    stripes: &LockedStripes<'_>,
    rows: &[(u32, i64, u64)],
    beside: u64,
) -> Result<(), Pressure> {
    // Usually there is room for a page each; only if there is none pages are counted.
    if memory.check(most_bytes(rows.len()) + beside).is_ok() {
        return Ok(());
    }
    let pages = stripes.missing_pages(rows.iter().map(|row| row.0));
    let needed = pages * PAGE_BYTES + rows.len() * ROW_BYTES;
    memory.check(needed as u64 + beside)
}

/// Appends rows of floats to their buffers and to their frame, which knows series by `ids`.
#[inline]
fn apply_rows(
    stripes: &mut LockedStripes<'_>,
    (rows, ids): (&[(u32, i64, u64)], &[u64]),
    encoder: &mut SampleFrameEncoder,
    order_free: bool,
) {
    let mut ahead = rows.iter().skip(PREFETCH_ROWS);
    let mut soon = rows.iter().skip(PREFETCH_LATE_ROWS);
    for (&(slot, timestamp, bits), &id) in rows.iter().zip(ids) {
        if let Some(row) = ahead.next() {
            stripes.prefetch(row.0);
        }
        if let Some(row) = soon.next() {
            stripes.prefetch_late(row.0, row.1);
        }
        let same = stripes.append(slot, timestamp, bits, order_free);
        encoder.push(Row {
            series: SeriesId(id),
            timestamp,
            value: (!same).then_some(bits),
        });
    }
}

impl Scratch {
    /// Puts rows that are scattered in the order of slots, those of one as they came: hot lines that
    /// lie beside each other are then touched one after the other, and ids rise in small steps.
    fn gather_rows(&mut self) {
        let rows = &self.rows;
        let falls = rows.windows(2).filter(|pair| match pair {
            [before, after] => before.0 > after.0,
            _ => false,
        });
        if falls.count() * SCATTERED_ROWS <= rows.len() {
            return;
        }
        let slots = (0..).zip(rows).map(|(at, row)| u64::from(row.0) << 32 | at);
        self.order.clear();
        self.order.extend(slots);
        self.order.sort_unstable();
        self.sorted.clear();
        let at = |key: &u64| (key & u64::from(u32::MAX)) as usize;
        self.sorted
            .extend(self.order.iter().filter_map(|key| rows.get(at(key))));
        std::mem::swap(&mut self.rows, &mut self.sorted);
    }

    /// Bytes held between appends.
    pub(super) fn heap_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<u32>()
            + self.fingerprints.capacity() * size_of::<Fingerprint>()
            + self.symbols.capacity() * size_of::<SymbolHash>()
            + self.missing.capacity() * size_of::<Missing>()
            + (self.rows.capacity() + self.sorted.capacity()) * size_of::<(u32, i64, u64)>()
            + self.order.capacity() * size_of::<u64>()
            + self.deferred.capacity() * size_of::<u32>()
            + self.histograms.heap_bytes()
            + self.exemplars.heap_bytes()
            + self.ids.capacity() * size_of::<u64>()
            + self.frame.capacity()
            + self.encoder.heap_bytes()
            + self.builder.heap_bytes()
    }
}

impl Head {
    /// Stores the samples of a batch: readable when this returns, safe when the ticket is done.
    ///
    /// # Errors
    /// When nothing was stored: no space to log it, or a poisoned log.
    pub fn append(
        &self,
        batch: &WriteBatch<'_>,
        environment: &AppendEnvironment<'_>,
    ) -> Result<Appended, ShardError> {
        let mut scratch = self.scratch.lock().pop().unwrap_or_default();
        let appended = self.append_with(batch, environment, &mut scratch);
        // Labels of new series and of exemplars are not kept until the next batch.
        scratch.missing.clear();
        scratch.exemplars.clear();
        if scratch.heap_bytes() <= SCRATCH_BYTES_MAX {
            self.scratch.lock().push(scratch);
        }
        appended
    }

    fn append_with(
        &self,
        batch: &WriteBatch<'_>,
        environment: &AppendEnvironment<'_>,
        scratch: &mut Scratch,
    ) -> Result<Appended, ShardError> {
        let mut report = AppendReport::default();
        self.look_up(batch, environment, scratch, &mut report)?;
        self.check_samples(batch, environment, scratch, &mut report);
        if !self.rules.duplicates_are_logged && self.all_known(&scratch.rows) {
            // The broken short cut, for tests: what is known may not be durable yet.
            scratch.rows.clear();
        }
        self.check_histograms(batch, environment, scratch, &mut report);
        self.check_exemplars(batch, scratch, &mut report);
        let exemplars = scratch.exemplars.len() as u64;
        if scratch.rows.is_empty() && scratch.histograms.is_empty() && exemplars == 0 {
            return Ok(Appended {
                report,
                ticket: environment.log.nothing_to_wait_for(),
            });
        }
        scratch.gather_rows();
        let ticket = self.log_and_apply(environment, scratch)?;
        report.appended = scratch.rows.len() as u64;
        report.appended_histograms = scratch.histograms.len() as u64;
        report.appended_exemplars = exemplars;
        if exemplars > 0 {
            self.count_exemplars(exemplars);
        }
        Ok(Appended { report, ticket })
    }

    fn check_samples(
        &self,
        batch: &WriteBatch<'_>,
        environment: &AppendEnvironment<'_>,
        scratch: &mut Scratch,
        report: &mut AppendReport,
    ) {
        let (oldest, newest) = self.times_taken(environment);
        scratch.rows.clear();
        for ((_, timestamps, values), &slot) in batch.series().zip(&scratch.slots) {
            if slot == NO_SLOT {
                continue;
            }
            for (&timestamp, value) in timestamps.iter().zip(values) {
                if timestamp > newest || timestamp < oldest {
                    let reason = self.refusal(timestamp, environment);
                    self.reject(slot, timestamp, reason, report);
                } else {
                    scratch.rows.push((slot, timestamp, value.to_bits()));
                }
            }
        }
    }

    /// The oldest and the newest timestamp that are taken.
    pub(super) fn times_taken(&self, environment: &AppendEnvironment<'_>) -> (i64, i64) {
        let newest = self
            .max_future_ms()
            .map_or(i64::MAX, |limit| environment.now_ms.saturating_add(limit));
        (environment.oldest_ms.unwrap_or(i64::MIN), newest)
    }

    fn max_future_ms(&self) -> Option<i64> {
        let limit = self.limits.max_future;
        limit.map(|limit| i64::try_from(limit.as_millis()).unwrap_or(i64::MAX))
    }

    /// Why a timestamp is not taken.
    pub(super) fn refusal(
        &self,
        timestamp: i64,
        environment: &AppendEnvironment<'_>,
    ) -> RejectReason {
        let (oldest, newest) = self.times_taken(environment);
        if timestamp > newest {
            RejectReason::TooFarInFuture {
                timestamp,
                now: environment.now_ms,
                limit_ms: self.max_future_ms().unwrap_or(i64::MAX),
            }
        } else {
            RejectReason::OutsideRetention { timestamp, oldest }
        }
    }

    /// Reports one sample as refused.
    pub(super) fn reject(
        &self,
        slot: u32,
        timestamp: i64,
        reason: RejectReason,
        report: &mut AppendReport,
    ) {
        report.reject(1, false, || Rejected {
            series: self.describe(slot),
            timestamp: Some(timestamp),
            samples: 1,
            reason,
        });
    }

    pub(super) fn describe(&self, slot: u32) -> String {
        self.names
            .read()
            .index
            .labels(slot)
            .map(|labels| labels.to_string())
            .unwrap_or_default()
    }

    /// Encodes the rows, applies them to the open generation and queues their frame: all under
    /// the locks of the stripes, so that frames of a series are queued in the order in which its
    /// buffer changed. Replay relies on that: a row may say "value as before".
    fn log_and_apply(
        &self,
        environment: &AppendEnvironment<'_>,
        scratch: &mut Scratch,
    ) -> Result<CommitTicket, ShardError> {
        let Scratch {
            rows,
            ids,
            encoder,
            frame,
            histograms,
            exemplars,
            ..
        } = scratch;
        let base = rows.first().map_or(0, |row| row.1);
        let promised = match rows.len() {
            0 => 0,
            rows => SampleFrameEncoder::bytes_at_most(rows),
        };
        let promised_histograms = histograms.frame_bytes_at_most();
        let promised_exemplars = exemplars.frame_bytes_at_most();
        let all_promised = promised + promised_histograms + promised_exemplars;
        let _open = environment.gate.read();
        self.ids_of((rows, ids), histograms, exemplars)?;
        environment.log.reserve(all_promised)?;
        let live = self.live();
        #[expect(clippy::expect_used, reason = "a Head always has an open generation")]
        let buffers = live.generations.last().expect("an open generation");
        let order_free = self.rules.order_free_winner;
        let slots = rows.iter().map(|row| row.0);
        let mut stripes = buffers.lock(slots.chain(histograms.slots()));
        let before = stripes.heap_bytes();
        let ring = (!exemplars.is_empty()).then(|| self.exemplars.lock());
        let beside = histograms.buffer_bytes_at_most()
            + ring.as_ref().map_or(0, |ring| exemplars.growth_bytes(ring));
        if let Err(pressure) = has_room(environment.memory, &stripes, rows, beside) {
            environment.log.release(all_promised);
            return Err(ShardError::Pressure(pressure));
        }
        let mut ticket = environment.log.nothing_to_wait_for();
        if !histograms.is_empty() {
            frame.clear();
            frame.resize(FRAME_STAMP_BYTES, 0);
            let seen = live.last_delete;
            histograms.apply((self.namespace, seen), &mut stripes, frame);
            let log = environment.log;
            ticket = log.enqueue(frame, promised_histograms, environment.ack);
        }
        if let Some(mut ring) = ring {
            let generations = (buffers.generation(), live.last_delete);
            let place = (promised_exemplars, &mut *frame);
            ticket = self.log_exemplars(exemplars, (&mut ring, environment), generations, place);
        }
        if !rows.is_empty() {
            encoder.start(base);
            encoder.saw_delete(live.last_delete);
            apply_rows(&mut stripes, (rows, ids), encoder, order_free);
        }
        let grown = stripes.heap_bytes().saturating_sub(before);
        environment.memory.add(grown as u64);
        if rows.is_empty() {
            return Ok(ticket);
        }
        frame.clear();
        frame.resize(FRAME_STAMP_BYTES, 0);
        encoder.finish(self.namespace, ShardId(0), frame);
        Ok(environment.log.enqueue(frame, promised, environment.ack))
    }

    /// The ids of rows' slots, which stay theirs as long as the gate is held.
    fn ids_of(
        &self,
        (rows, ids): (&[(u32, i64, u64)], &mut Vec<u64>),
        histograms: &mut CheckedHistograms,
        exemplars: &mut CheckedExemplars,
    ) -> Result<(), ShardError> {
        ids.clear();
        let names = self.names.read();
        let registry = &names.registry;
        let leaving = || {
            let beside = histograms.slots().chain(exemplars.slots());
            let mut slots = rows.iter().map(|row| row.0).chain(beside);
            slots.any(|slot| registry.is_leaving(slot))
        };
        if self.retired.load(Ordering::Acquire) || (registry.any_leaving() && leaving()) {
            return Err(ShardError::Retired);
        }
        ids.extend(
            rows.iter()
                .map(|row| registry.id(row.0).map_or(0, |id| id.0)),
        );
        histograms.find_ids(&names);
        exemplars.find_series(&names);
        Ok(())
    }

    /// The broken short cut's question, for tests: is every row in memory already?
    fn all_known(&self, rows: &[(u32, i64, u64)]) -> bool {
        let live = self.live();
        rows.iter().all(|&(slot, timestamp, bits)| {
            let mut parts = Vec::new();
            let range = crate::model::TimeRange::at(timestamp);
            for open in &live.generations {
                if let [slot] = *self.slots_in(open, &[slot]) {
                    open.parts(slot, range, &mut parts);
                }
            }
            crate::series::merge_parts(&mut parts, range)
                .is_ok_and(|found| found.values.first().map(|v| v.to_bits()) == Some(bits))
        })
    }
}
