//! Frames of a log put into buffers: many at a time, series by series that lie beside each other,
//! on several threads.
//!
//! A batch of frames is first looked through, each thread taking some of the frames: their rows
//! are cut into spans of series that lie beside each other, which are put into buckets by the page
//! they belong to. Then each stripe is taken by one thread, which applies its buckets one after the
//! other, the spans of each in the order of the log. So what comes out does not depend on the
//! number of threads, rows are not written down in between, and a page of hot lines is fetched once
//! for all of its rows, however shuffled they came.

use parking_lot::Mutex;

use super::DbOptions;
use super::logs::{Target, Targets, check_seen};
use super::replay_exemplars::apply_exemplars;
use super::replay_histograms::apply_histograms;
use crate::bits::{DecodeError, share_out};
use crate::model::{Generation, NamespaceId, SeriesId};
use crate::shard::{
    GenerationBuffers, LockedStripes, PAGE_SLOTS, PREFETCH_LATE_ROWS, PREFETCH_ROWS, STRIPE_SLOTS,
    STRIPES,
};
use crate::wal::{ExemplarFrame, HistogramFrame, Row, RowSpan, SampleFrame};

/// Buckets of a namespace: pages of series that are so far apart share one.
const BUCKETS: usize = 16 * STRIPES;

/// How much is taken into a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchLimits {
    /// Bytes of frames.
    pub(super) bytes: usize,
    /// Spans of rows; a frame that may have more by itself is applied row by row.
    pub(super) spans: u64,
    /// With fewer rows no thread is started: that takes as long as applying some thousand.
    pub(super) rows_worth_threads: u64,
}

impl BatchLimits {
    pub(super) fn of(options: &DbOptions) -> Self {
        if !options.rules.replay_in_large_batches {
            return Self {
                bytes: 4096,
                spans: 24,
                rows_worth_threads: 32,
            };
        }
        // A span takes up to 96 bytes: all of it a fifteenth of the memory budget.
        let budget = options.memory_budget_bytes;
        Self {
            bytes: ((budget / 128) as usize).clamp(4096, 16 << 20),
            spans: (budget / 2048).clamp(64, 1 << 20),
            rows_worth_threads: 8192,
        }
    }
}

/// Why a row cannot be placed.
enum BadRow {
    Undecodable(DecodeError),
    Undefined(String),
}

impl From<DecodeError> for BadRow {
    fn from(error: DecodeError) -> Self {
        Self::Undecodable(error)
    }
}

impl From<BadRow> for String {
    fn from(bad: BadRow) -> Self {
        match bad {
            BadRow::Undecodable(error) => error.to_string(),
            BadRow::Undefined(what) => what,
        }
    }
}

/// How frames are applied.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReplayRules {
    pub(super) threads: usize,
    pub(super) order_free: bool,
    pub(super) limits: BatchLimits,
}

impl ReplayRules {
    pub(super) fn of(options: &DbOptions) -> Self {
        Self {
            threads: options.open_threads,
            order_free: options.rules.order_free_winner,
            limits: BatchLimits::of(options),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct BatchFrame {
    /// Where it stands in the log.
    offset: u64,
    from: usize,
    to: usize,
    /// How many it has at most.
    spans: u64,
}

/// Frames that are applied together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    frames: Vec<BatchFrame>,
    rows: u64,
    spans: u64,
}

impl Batch {
    fn clear(&mut self) {
        self.bytes.clear();
        self.frames.clear();
        (self.rows, self.spans) = (0, 0);
    }

    /// How many frames there are.
    pub(super) fn len(&self) -> usize {
        self.frames.len()
    }

    /// Takes a frame; whether there is room for more.
    pub(super) fn push(&mut self, offset: u64, payload: &[u8], limits: BatchLimits) -> bool {
        let from = self.bytes.len();
        self.bytes.extend_from_slice(payload);
        // What cannot be decoded is reported when its turn comes.
        let (rows, spans) = SampleFrame::decode(payload).map_or((0, 0), |frame| {
            (frame.head.rows, frame.spans_at_most(PAGE_SLOTS as u64))
        });
        self.frames.push(BatchFrame {
            offset,
            from,
            to: self.bytes.len(),
            spans,
        });
        self.rows += rows;
        self.spans += spans;
        self.bytes.len() < limits.bytes
            && self.spans < limits.spans
            && u32::try_from(self.frames.len()).is_ok()
    }

    fn payload(&self, frame: &BatchFrame) -> &[u8] {
        self.bytes.get(frame.from..frame.to).unwrap_or_default()
    }
}

/// Why a frame cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct BadFrame {
    /// Where it stands in the log.
    pub(super) offset: u64,
    /// A frame that cannot be decoded is bad as a whole, 0; else the bad row's number and one.
    row: u64,
    pub(super) what: String,
}

/// Rows of slots that follow each other in one page.
#[derive(Clone, Copy, Debug)]
struct PlacedSpan {
    /// The slot of the first.
    slot: u32,
    /// Number in the batch.
    frame: u32,
    rows: RowSpan,
}

/// What one thread decoded of a batch. Reused: keeps its buckets.
#[derive(Debug, Default)]
struct Decoded {
    /// For each namespace [`BUCKETS`].
    buckets: Vec<Vec<PlacedSpan>>,
    samples: u64,
    bad: Option<BadFrame>,
}

/// Applies batches to the newest generation of each target.
pub(super) struct Replay {
    rules: ReplayRules,
    /// How many threads the batch at hand is worth.
    threads: usize,
    parts: Vec<Mutex<Decoded>>,
    samples: u64,
}

impl Replay {
    pub(super) fn new(rules: ReplayRules) -> Self {
        let parts = (0..rules.threads.max(1))
            .map(|_| Mutex::default())
            .collect();
        Self {
            threads: rules.threads,
            rules,
            parts,
            samples: 0,
        }
    }

    /// Samples that were applied so far.
    pub(super) fn samples(&self) -> u64 {
        self.samples
    }

    /// Applies a batch and empties it; does `meanwhile` as well.
    pub(super) fn apply<T>(
        &mut self,
        targets: &Targets<'_>,
        batch: &mut Batch,
        meanwhile: impl FnOnce() -> T,
    ) -> (Result<(), BadFrame>, T) {
        self.threads = if batch.rows < self.rules.limits.rows_worth_threads {
            1
        } else {
            self.rules.threads
        };
        let large = batch.frames.last().copied();
        let large = large.filter(|frame| frame.spans > self.rules.limits.spans);
        if large.is_some() {
            batch.frames.pop();
        }
        self.decode(targets, batch);
        let (applied, done) = self.apply_decoded(targets, batch, meanwhile);
        let applied = applied.and_then(|()| apply_exemplar_frames(targets, batch));
        let applied = applied.and_then(|()| match large {
            Some(frame) => self.apply_large(targets, batch, &frame),
            None => Ok(()),
        });
        batch.clear();
        (applied, done)
    }

    /// Puts the rows of all frames into buckets, each part taking some frames in a row.
    fn decode(&self, targets: &Targets<'_>, batch: &Batch) {
        let parts = self.parts.len();
        let share = batch.frames.len().div_ceil(parts).max(1);
        let work = |number: usize| {
            let Some(part) = self.parts.get(number) else {
                return;
            };
            let mut part = part.lock();
            part.buckets
                .resize_with(targets.all.len() * BUCKETS, Vec::new);
            part.buckets.iter_mut().for_each(Vec::clear);
            (part.samples, part.bad) = (0, None);
            let frames = batch.frames.iter().enumerate();
            for (at, frame) in frames.skip(number * share).take(share) {
                let place = (u32::try_from(at).unwrap_or(u32::MAX), batch.payload(frame));
                if let Err(what) = decode_frame(targets, place, &mut part) {
                    part.bad = Some(BadFrame {
                        offset: frame.offset,
                        row: 0,
                        what,
                    });
                    return;
                }
            }
        };
        share_out(self.threads, parts, &work, || ());
    }

    fn apply_decoded<T>(
        &mut self,
        targets: &Targets<'_>,
        batch: &Batch,
        meanwhile: impl FnOnce() -> T,
    ) -> (Result<(), BadFrame>, T) {
        let locked: Vec<_> = self.parts.iter().map(Mutex::lock).collect();
        let first_bad = locked.iter().filter_map(|part| part.bad.clone()).min();
        self.samples += locked.iter().map(|part| part.samples).sum::<u64>();
        let bad = Mutex::new(first_bad);
        let parts: Vec<&[Vec<PlacedSpan>]> = locked.iter().map(|part| &*part.buckets).collect();
        let frames = batch.frames.iter();
        let frames = frames.map(|frame| SampleFrame::decode(batch.payload(frame)).ok());
        let frames: Vec<Option<SampleFrame<'_>>> = frames.collect();
        let work = |task: usize| {
            let (number, stripe) = (task / STRIPES, task % STRIPES);
            let buffers = targets.all.get(number);
            let Some(buffers) = buffers.and_then(|target| target.generations.last()) else {
                return;
            };
            let mut locked = None;
            let within = (stripe..BUCKETS).step_by(STRIPES);
            for bucket in within.map(|bucket| number * BUCKETS + bucket) {
                let spans = parts.iter().filter_map(|buckets| buckets.get(bucket));
                let mut spans = spans.flatten();
                let applied = spans.try_for_each(|span| {
                    let stripes = locked.get_or_insert_with(|| {
                        // All of a task's are of one stripe.
                        buffers.lock(std::iter::once(span.slot))
                    });
                    apply_span(stripes, (span, &frames), self.rules.order_free)
                });
                if let Err(NoneBefore { slot, frame }) = applied {
                    let Some(frame) = batch.frames.get(frame as usize) else {
                        return;
                    };
                    let frame = (frame, batch.payload(frame));
                    let found = has_none_before(targets.all.get(number), slot, frame);
                    let mut bad = bad.lock();
                    if bad.as_ref().is_none_or(|bad| found < *bad) {
                        *bad = Some(found);
                    }
                }
            }
        };
        let tasks = targets.all.len() * STRIPES;
        let done = share_out(self.threads, tasks, &work, meanwhile);
        (bad.into_inner().map_or(Ok(()), Err), done)
    }

    /// Applies a frame that is too large for a batch: row by row, on this thread.
    fn apply_large(
        &mut self,
        targets: &Targets<'_>,
        batch: &Batch,
        frame: &BatchFrame,
    ) -> Result<(), BadFrame> {
        let applied = apply_payload(targets, batch.payload(frame), self.rules.order_free);
        self.samples += applied.map_err(|what| BadFrame {
            offset: frame.offset,
            row: 0,
            what,
        })?;
        Ok(())
    }
}

/// Applies the frames of exemplars of a batch, in order.
fn apply_exemplar_frames(targets: &Targets<'_>, batch: &Batch) -> Result<(), BadFrame> {
    for frame in &batch.frames {
        let payload = batch.payload(frame);
        if ExemplarFrame::is_one(payload) {
            apply_exemplars(targets, payload).map_err(|what| BadFrame {
                offset: frame.offset,
                row: 0,
                what,
            })?;
        }
    }
    Ok(())
}

fn decode_frame(
    targets: &Targets<'_>,
    (at, payload): (u32, &[u8]),
    part: &mut Decoded,
) -> Result<(), String> {
    if ExemplarFrame::is_one(payload) {
        // Their order counts: they come after the batch.
        return Ok(());
    }
    if HistogramFrame::is_one(payload) {
        part.samples += apply_histograms(targets, payload)?;
        return Ok(());
    }
    let frame = SampleFrame::decode(payload).map_err(|error| error.to_string())?;
    let (namespace, seen) = (frame.head.namespace, frame.head.delete_seen);
    let Some((number, target, _)) = target_of(targets, namespace, seen)? else {
        return Ok(());
    };
    let first = number * BUCKETS;
    let Some(buckets) = part.buckets.get_mut(first..first + BUCKETS) else {
        return Ok(());
    };
    let placed = frame.spans(
        |series| {
            let slot = slot_of_series(target, series).map_err(BadRow::Undefined)?;
            Ok((slot, neighbours(target, slot)))
        },
        |slot, rows| {
            if let Some(bucket) = buckets.get_mut(slot as usize / STRIPE_SLOTS % BUCKETS) {
                let frame = at;
                bucket.push(PlacedSpan { slot, frame, rows });
            }
        },
    );
    placed.map_err(|bad: BadRow| first_bad_row(target, &frame).unwrap_or_else(|| bad.into()))?;
    part.samples += frame.head.rows;
    Ok(())
}

/// How many slots from `slot` on lie in one page and belong to ids that follow each other.
fn neighbours(target: &Target<'_>, slot: u32) -> u64 {
    let ids = target.registry.ids().get(slot as usize..);
    let page = PAGE_SLOTS - slot as usize % PAGE_SLOTS;
    let ids = ids.and_then(|ids| ids.get(..page.min(ids.len())));
    let (Some(first), Some(last)) = (ids.and_then(<[_]>::first), ids.and_then(<[_]>::last)) else {
        return 1;
    };
    let len = ids.map_or(1, <[_]>::len);
    // Ids rise: without gaps the last is as far from the first as there are others.
    if (last.0 - first.0) as usize == len - 1 {
        return len as u64;
    }
    let apart = ids.unwrap_or_default().windows(2);
    let follow = |pair: &&[SeriesId]| matches!(pair, [a, b] if b.0 == a.0 + 1);
    1 + apart.take_while(follow).count() as u64
}

/// What is wrong with the first row of a frame that cannot be decoded or placed.
fn first_bad_row(target: &Target<'_>, frame: &SampleFrame<'_>) -> Option<String> {
    let placed = frame.rows().for_each(|row| {
        slot_of(target, &row).map_err(BadRow::Undefined)?;
        Ok::<(), BadRow>(())
    });
    placed.err().map(String::from)
}

/// The namespace of a frame and the buffers that it goes to; none if it was flushed, or the namespace
/// removed.
pub(super) fn target_of<'t, 'a>(
    targets: &'t Targets<'a>,
    namespace: NamespaceId,
    delete_seen: Generation,
) -> Result<Option<(usize, &'t Target<'a>, &'t GenerationBuffers)>, String> {
    let found = targets.find(namespace)?;
    let found = found.and_then(|number| Some((number, targets.all.get(number)?)));
    let Some((number, target)) = found else {
        return Ok(None);
    };
    let buffers = target.generations.last().map(|buffers| &**buffers);
    let buffers = buffers.filter(|buffers| buffers.generation() > target.flushed);
    if buffers.is_some() {
        check_seen(target, delete_seen)?;
    }
    Ok(buffers.map(|buffers| (number, target, buffers)))
}

/// What is wrong with the first row of a series in a frame that says "as before".
fn has_none_before(
    target: Option<&Target<'_>>,
    slot: u32,
    (frame, payload): (&BatchFrame, &[u8]),
) -> BadFrame {
    let id = target.and_then(|target| target.registry.id(slot));
    let mut row = 1;
    if let Ok(frame) = SampleFrame::decode(payload) {
        let mut rows = frame.rows();
        while let Ok(Some(found)) = rows.next_row()
            && Some(found.series) != id
        {
            row += 1;
        }
    }
    BadFrame {
        offset: frame.offset,
        row,
        what: none_before(id.map_or(0, |id| id.0)),
    }
}

fn apply_payload(targets: &Targets<'_>, payload: &[u8], order_free: bool) -> Result<u64, String> {
    let frame = SampleFrame::decode(payload).map_err(|error| error.to_string())?;
    let (namespace, seen) = (frame.head.namespace, frame.head.delete_seen);
    let Some((_, target, buffers)) = target_of(targets, namespace, seen)? else {
        return Ok(0);
    };
    // As in a batch: what cannot be decoded comes first.
    let mut rows = frame.rows();
    while let Some(row) = rows.next_row().map_err(|error| error.to_string())? {
        slot_of(target, &row)?;
    }
    let mut stripes = buffers.lock_all();
    let mut rows = frame.rows();
    while let Some(row) = rows.next_row().map_err(|error| error.to_string())? {
        let slot = slot_of(target, &row)?;
        let bits = row.value.or_else(|| stripes.logged(slot));
        let bits = bits.ok_or_else(|| none_before(row.series.0))?;
        stripes.append(slot, row.timestamp, bits, order_free);
    }
    Ok(frame.head.rows)
}

fn none_before(series: u64) -> String {
    format!("a value as before, but series {series} has none before")
}

fn slot_of(target: &Target<'_>, row: &Row) -> Result<u32, String> {
    slot_of_series(target, row.series)
}

pub(super) fn slot_of_series(target: &Target<'_>, series: SeriesId) -> Result<u32, String> {
    target.registry.slot(series).ok_or_else(|| {
        let (series, end) = (series.0, &target.definitions);
        format!("a sample of series {series}, which no series file defines: {end}")
    })
}

/// A row that has a value as before, although there is none.
struct NoneBefore {
    slot: u32,
    frame: u32,
}

/// A span was not applied to its end.
struct Stopped;

impl From<DecodeError> for Stopped {
    fn from(_: DecodeError) -> Self {
        // Frames were looked through when they were cut into spans.
        Self
    }
}

/// Applies the rows of a span to its page, whose stripe is locked.
fn apply_span(
    stripes: &mut LockedStripes<'_>,
    (span, frames): (&PlacedSpan, &[Option<SampleFrame<'_>>]),
    order_free: bool,
) -> Result<(), NoneBefore> {
    let (mut slot, frame) = (span.slot, span.frame);
    let found = frames.get(frame as usize).and_then(Option::as_ref);
    let (Some(rows), Some(mut page)) = (found, stripes.page(slot)) else {
        return Err(NoneBefore { slot, frame });
    };
    let applied = rows.for_each_of(&span.rows, |timestamp, bits| {
        page.prefetch(slot + PREFETCH_ROWS as u32);
        page.prefetch_late(slot + PREFETCH_LATE_ROWS as u32, timestamp);
        if !page.append(slot, timestamp, bits, order_free) {
            return Err(Stopped);
        }
        slot += 1;
        Ok(())
    });
    applied.map_err(|Stopped| NoneBefore { slot, frame })
}
