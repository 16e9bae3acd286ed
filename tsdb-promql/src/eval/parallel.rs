//! One selector read and worked on by several threads, and given on in the order in which one alone
//! would: a result does not tell how many there were.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{Builder, ScopedJoinHandle};

use super::context::{Evaluation, Noted, Sink};
use super::select::Reading;
use super::series::{RangeSeries, VectorSeries};
use crate::error::QueryError;
use crate::queryable::SeriesStream;

/// Values of all steps out of the samples of one series; false where it has none.
pub(super) type Make<'m> = dyn Fn(&Evaluation<'_>, &mut RangeSeries, &mut VectorSeries) -> Result<bool, QueryError>
    + Sync
    + 'm;

/// So many steps of series are handed over at a time.
const BATCH_STEPS: usize = 1 << 15;
const BATCH_SERIES_MAX: usize = 256;
/// How many batches a thread may be ahead of what is taken.
const BATCHES_AHEAD: usize = 4;
/// Fewer steps of series than this are done sooner than threads are worth: in some milliseconds.
const STEPS_MIN: usize = 1 << 18;
/// What reading a series takes, in steps. Where its labels are made, handing those over costs as much.
const STEPS_A_SERIES: usize = 8;

/// Series that were made, in order. Those behind the first `count` are memory to be used again.
#[derive(Debug, Default)]
struct Batch {
    series: Vec<(usize, VectorSeries)>,
    count: usize,
    bytes: u64,
}

/// One of the threads, as the one that takes from them all sees it.
struct Lane<'s> {
    made: Receiver<Batch>,
    used: Sender<Batch>,
    thread: ScopedJoinHandle<'s, Result<Noted, QueryError>>,
    batch: Batch,
    /// The next series of the batch.
    next: usize,
    ended: bool,
}

impl Lane<'_> {
    /// Where the next series stands; waits for it. `None` at the end.
    fn place(&mut self, evaluation: &Evaluation<'_>) -> Option<usize> {
        while self.next == self.batch.count && !self.ended {
            evaluation.budget.release(0, self.batch.bytes);
            let used = std::mem::take(&mut self.batch);
            // A thread that ended needs no memory.
            let _ = self.used.send(used);
            self.next = 0;
            match self.made.recv() {
                Ok(batch) => self.batch = batch,
                Err(_) => self.ended = true,
            }
        }
        Some(self.batch.series.get(self.next).filter(|_| !self.ended)?.0)
    }
}

/// What each of the threads does.
#[derive(Clone, Copy)]
struct Work<'w> {
    reading: &'w Reading<'w>,
    make: &'w Make<'w>,
    /// Series that were read, by all of them.
    count: &'w AtomicU64,
    /// How many series are handed over at a time.
    batch: usize,
}

impl Work<'_> {
    fn run(
        &self,
        evaluation: &Evaluation<'_>,
        stream: Box<dyn SeriesStream + '_>,
        give: &SyncSender<Batch>,
        take_back: &Receiver<Batch>,
    ) -> Result<(), QueryError> {
        let mut batch = Batch::default();
        let from = (self.reading, self.count);
        evaluation.read_stream(stream, from, &mut |series, place| {
            if batch.series.len() == batch.count {
                batch.series.push(Default::default());
            }
            let Some((at, made)) = batch.series.get_mut(batch.count) else {
                return Ok(());
            };
            if (self.make)(evaluation, series, made)? {
                *at = place;
                batch.count += 1;
            }
            if batch.count < self.batch {
                return Ok(());
            }
            give_on(evaluation, std::mem::take(&mut batch), give)?;
            batch = take_back.try_recv().unwrap_or_default();
            batch.count = 0;
            Ok(())
        })?;
        give_on(evaluation, batch, give)
    }
}

fn cannot_start(error: &io::Error) -> QueryError {
    QueryError::Execution(format!(
        "a thread for a selector cannot be started: {error}; allow the process more, or the query fewer (--query-threads, EngineOptions::threads)"
    ))
}

fn give_on(
    evaluation: &Evaluation<'_>,
    mut batch: Batch,
    give: &SyncSender<Batch>,
) -> Result<(), QueryError> {
    let made = batch.series.iter().take(batch.count);
    batch.bytes = made.map(|(_, series)| series.column.heap_bytes()).sum();
    evaluation.budget.hold(0, batch.bytes)?;
    // Nobody takes it any more where the query failed elsewhere.
    give.send(batch).map_err(|_| QueryError::Cancelled)
}

impl Evaluation<'_> {
    /// Gives what `make` makes of every series to `sink`.
    pub(super) fn stream_made(
        &self,
        reading: &Reading<'_>,
        make: &Make<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        self.open(reading, |stream| {
            self.make_all(stream, (reading, make), sink)
        })
    }

    fn make_all(
        &self,
        mut stream: Box<dyn SeriesStream + '_>,
        (reading, make): (&Reading<'_>, &Make<'_>),
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let count = AtomicU64::new(0);
        let batch = (BATCH_STEPS / reading.steps.count.max(1)).clamp(1, BATCH_SERIES_MAX);
        let others = match self.threads_for(&*stream, reading) {
            1 => Vec::new(),
            // Two batches of each in turn, and so at work beside each other.
            threads => stream.split_off(threads, 2 * batch),
        };
        if others.is_empty() {
            let mut scratch = VectorSeries::default();
            return self.read_stream(stream, (reading, &count), &mut |series, _| match make(
                self,
                series,
                &mut scratch,
            )? {
                true => sink(&mut scratch),
                false => Ok(()),
            });
        }
        let work = Work {
            reading,
            make,
            count: &count,
            batch,
        };
        let (request, budget) = (self.request, &self.budget);
        std::thread::scope(|scope| {
            let streams = std::iter::once(stream).chain(others);
            let lanes = streams.map(|stream| {
                let (give, made) = sync_channel(BATCHES_AHEAD);
                let (used, take_back) = channel();
                let budget = Arc::clone(budget);
                let thread = Builder::new().spawn_scoped(scope, move || {
                    let evaluation = Evaluation::beside(request, budget);
                    work.run(&evaluation, stream, &give, &take_back)?;
                    Ok(evaluation.into_noted())
                });
                Ok(Lane {
                    made,
                    used,
                    thread: thread.map_err(|error| cannot_start(&error))?,
                    batch: Batch::default(),
                    next: 0,
                    ended: false,
                })
            });
            // Those that were started end where another one could not be.
            let lanes: Result<Vec<Lane<'_>>, QueryError> = lanes.collect();
            self.take_all(lanes?, sink)
        })
    }

    /// How many threads are worth their while.
    fn threads_for(&self, stream: &dyn SeriesStream, reading: &Reading<'_>) -> usize {
        let of_reading = match reading.grouping {
            Some(_) => STEPS_A_SERIES,
            None => 0,
        };
        let steps = reading.steps.count.saturating_add(of_reading);
        if stream.len_at_most().saturating_mul(steps) >= STEPS_MIN {
            self.options().threads.max(1)
        } else {
            1
        }
    }

    /// Gives on what the threads made, in order, and waits until they have ended.
    fn take_all(&self, mut lanes: Vec<Lane<'_>>, sink: &mut Sink<'_>) -> Result<(), QueryError> {
        let mut taken = Ok(());
        while taken.is_ok() {
            let first = lanes.iter_mut().enumerate();
            let first = first.filter_map(|(lane, of)| Some((of.place(self)?, lane)));
            let Some((_, lane)) = first.min() else {
                break;
            };
            if let Some(lane) = lanes.get_mut(lane)
                && let Some((_, series)) = lane.batch.series.get_mut(lane.next)
            {
                lane.next += 1;
                taken = sink(series);
            }
        }
        for lane in lanes {
            // Who still has something to give learns that nobody takes it.
            drop(lane.made);
            match lane.thread.join() {
                Ok(Ok(noted)) => self.absorb(noted),
                Ok(Err(error)) => taken = taken.and(Err(error)),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        taken
    }
}
