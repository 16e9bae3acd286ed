//! The exemplars of a namespace: those of a batch checked, logged and taken beside its samples, and
//! the ring that all of its `Head`s share.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};

use super::append::{NO_SLOT, Scratch};
use super::{AppendEnvironment, Delete, Head, Names};
use crate::exemplar::{ExemplarRing, ExemplarsHeader, ExemplarsImage, RingLimits, SeriesExemplars};
use crate::model::{
    AppendReport, BatchExemplar, Exemplar, ExemplarError, Generation, Labels, Matcher, NamespaceId,
    ProtocolRules, Rejected, SeriesId, ShardId, TimeRange, WriteBatch,
};
use crate::wal::{ExemplarFrameEncoder, ExemplarRow};

/// Figures of a namespace's exemplars since opening.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExemplarStats {
    /// How many there are just now.
    pub held: usize,
    /// Bytes of memory that they take.
    pub bytes: usize,
    /// Stored, those that were there already included.
    pub stored: u64,
    /// Not stored since none are kept.
    pub dropped: u64,
}

/// The exemplars of a namespace: one ring, whichever `Head` is alive.
///
/// Lock: `ring`, taken after those of stripes and before the log's; appends hold it until their
/// frame is queued, so that frames stand in the log in the order in which the ring changed.
#[derive(Debug)]
pub struct Exemplars {
    ring: Mutex<ExemplarRing>,
    saved: Option<ExemplarsHeader>,
    rules: ProtocolRules,
    stored: AtomicU64,
    dropped: AtomicU64,
}

impl Exemplars {
    /// What was saved, or none.
    #[must_use]
    pub fn new(limits: RingLimits, image: Option<ExemplarsImage>, rules: ProtocolRules) -> Self {
        let saved = image.as_ref().map(|image| image.header);
        let ring = match image {
            Some(image) => ExemplarRing::from_image(limits, image),
            None => ExemplarRing::new(limits),
        };
        Self {
            ring: Mutex::new(ring),
            saved,
            rules,
            stored: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    /// None, with room for none.
    #[must_use]
    pub fn none() -> Self {
        let (exemplars, bytes) = (0, 0);
        Self::new(
            RingLimits { exemplars, bytes },
            None,
            ProtocolRules::default(),
        )
    }

    /// What the file that was read said, if there was one.
    #[must_use]
    pub fn saved(&self) -> Option<ExemplarsHeader> {
        self.saved
    }

    /// The ring.
    pub fn lock(&self) -> MutexGuard<'_, ExemplarRing> {
        self.ring.lock()
    }

    /// Figures.
    #[must_use]
    pub fn stats(&self) -> ExemplarStats {
        let ring = self.ring.lock();
        ExemplarStats {
            held: ring.len(),
            bytes: ring.heap_bytes(),
            stored: self.stored.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
        }
    }

    /// Drops what a delete names; must be called with appends kept out, or while the log is
    /// replayed.
    pub fn delete(&self, delete: &Delete) {
        let tombstone = delete.tombstone();
        let older_than = if self.rules.delete_spares_newer_exemplars {
            tombstone.generation
        } else {
            Generation(u64::MAX)
        };
        let mut ring = self.ring.lock();
        ring.delete(older_than, tombstone.range, |labels| delete.matches(labels));
    }
}

/// An exemplar that will be stored.
#[derive(Debug)]
struct CheckedExemplar {
    slot: u32,
    id: SeriesId,
    series: Labels,
    exemplar: Exemplar,
}

/// Exemplars that will be stored. Reused: keeps its buffers.
#[derive(Debug, Default)]
pub(super) struct CheckedExemplars {
    rows: Vec<CheckedExemplar>,
    encoder: ExemplarFrameEncoder,
}

impl CheckedExemplars {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.rows.clear();
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = u32> + '_ {
        self.rows.iter().map(|row| row.slot)
    }

    /// Bytes held between appends.
    pub(super) fn heap_bytes(&self) -> usize {
        self.rows.capacity() * size_of::<CheckedExemplar>() + self.encoder.heap_bytes()
    }

    /// Notes the ids and the labels of all series.
    pub(super) fn find_series(&mut self, names: &Names) {
        for row in &mut self.rows {
            row.id = names.registry.id(row.slot).unwrap_or(SeriesId(0));
            row.series = names.index.labels(row.slot).unwrap_or_default();
        }
    }

    pub(super) fn frame_bytes_at_most(&self) -> u64 {
        match self.rows.len() {
            0 => 0,
            rows => {
                let labels = self.rows.iter().map(|row| &row.exemplar.labels);
                let bytes = labels.map(|labels| labels.as_bytes().len()).sum();
                ExemplarFrameEncoder::bytes_at_most(rows, bytes)
            }
        }
    }

    /// What they may take in the ring at most.
    pub(super) fn growth_bytes(&self, ring: &ExemplarRing) -> u64 {
        let text = |row: &CheckedExemplar| {
            row.series.as_bytes().len() + row.exemplar.labels.as_bytes().len()
        };
        ring.growth_bytes(self.rows.len(), self.rows.iter().map(text).sum()) as u64
    }

    /// Puts all into the ring and appends the payload of their frame, whose writer has `seen` this
    /// delete last; how much the ring has grown.
    pub(super) fn apply(
        &mut self,
        ring: &mut ExemplarRing,
        (namespace, open, seen): (NamespaceId, Generation, Generation),
        frame: &mut Vec<u8>,
    ) -> usize {
        let before = ring.heap_bytes();
        let base = self.rows.first().map_or(0, |row| row.exemplar.timestamp);
        self.encoder.start(base, ring.next_arrival());
        self.encoder.saw_delete(seen);
        for row in self.rows.drain(..) {
            self.encoder.push(ExemplarRow {
                series: row.id,
                timestamp: row.exemplar.timestamp,
                bits: row.exemplar.value.to_bits(),
                labels: row.exemplar.labels.as_bytes(),
            });
            ring.append(&row.series, open, row.exemplar);
        }
        self.encoder.finish(namespace, ShardId(0), frame);
        ring.heap_bytes().saturating_sub(before)
    }
}

fn check(of: &BatchExemplar) -> Result<Exemplar, ExemplarError> {
    let exemplar = Exemplar {
        labels: of.labels.clone()?,
        value: of.value,
        timestamp: of.timestamp,
    };
    exemplar.validate()?;
    Ok(exemplar)
}

impl Head {
    /// Fills `scratch.exemplars` with those of the batch that are valid. Any time will do.
    pub(super) fn check_exemplars(
        &self,
        batch: &WriteBatch<'_>,
        scratch: &mut Scratch,
        report: &mut AppendReport,
    ) {
        scratch.exemplars.clear();
        if batch.exemplars().is_empty() {
            return;
        }
        let is_off = self.exemplars.lock().limits().exemplars == 0;
        for of in batch.exemplars() {
            let slot = scratch.slots.get(of.series).copied();
            let Some(slot) = slot.filter(|slot| *slot != NO_SLOT) else {
                report.rejected_exemplars += 1;
                continue;
            };
            match check(of) {
                Ok(_) if is_off => report.dropped_exemplars += 1,
                Ok(exemplar) => scratch.exemplars.rows.push(CheckedExemplar {
                    slot,
                    id: SeriesId(0),
                    series: Labels::default(),
                    exemplar,
                }),
                Err(reason) => report.reject_exemplar(|| Rejected {
                    series: self.describe(slot),
                    timestamp: Some(of.timestamp),
                    samples: 0,
                    reason: reason.into(),
                }),
            }
        }
        self.exemplars
            .dropped
            .fetch_add(report.dropped_exemplars, Ordering::Relaxed);
    }

    /// Counts what was stored.
    pub(super) fn count_exemplars(&self, stored: u64) {
        self.exemplars.stored.fetch_add(stored, Ordering::Relaxed);
    }

    /// The exemplars in `range` of all series that match all `matchers`, series in order of their
    /// labels.
    #[must_use]
    pub fn select_exemplars(&self, range: TimeRange, matchers: &[Matcher]) -> Vec<SeriesExemplars> {
        let wanted = |labels: &Labels| Matcher::all_match(matchers, labels);
        self.exemplars.lock().select(range, wanted)
    }

    /// Whether there is any of those.
    #[must_use]
    pub fn has_exemplars(&self, range: TimeRange, matchers: &[Matcher]) -> bool {
        let wanted = |labels: &Labels| Matcher::all_match(matchers, labels);
        self.exemplars.lock().has_any(range, wanted)
    }

    /// The exemplars of the namespace.
    #[must_use]
    pub fn exemplars(&self) -> &Exemplars {
        &self.exemplars
    }

    /// What the append of a batch needs of the environment for its exemplars.
    pub(super) fn log_exemplars(
        &self,
        exemplars: &mut CheckedExemplars,
        (ring, environment): (&mut ExemplarRing, &AppendEnvironment<'_>),
        (open, seen): (Generation, Generation),
        (promised, frame): (u64, &mut Vec<u8>),
    ) -> crate::wal::CommitTicket {
        frame.clear();
        frame.resize(crate::wal::FRAME_STAMP_BYTES, 0);
        let grown = exemplars.apply(ring, (self.namespace, open, seen), frame);
        environment.memory.add(grown as u64);
        environment.log.enqueue(frame, promised, environment.ack)
    }
}
