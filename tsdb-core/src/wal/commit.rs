//! Group commit. Writers enqueue frames in memory; one of those who wait leads: it takes all that
//! is queued, makes the new series' definitions durable, writes the frames and syncs the log.
//!
//! Lock: [`CommitLog::state`], held for memory only, but for reserving space. The log file is
//! touched by the leader alone, of whom there is one (`State::leading`).

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::{FRAME_STAMP_BYTES, FrameStamp, LOG_HEADER_BYTES, LogFile, WalError};
use crate::clock::Clock;
use crate::model::{Generation, ProtocolRules};
use crate::vfs::Vfs;

/// When a namespace's writers are told that their samples were stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ack {
    /// After fdatasync: survives a power cut.
    #[default]
    Always,
    /// After writing; synced at least once in this time. Survives the process, not the machine.
    Interval(Duration),
    /// After writing; synced when the system pleases.
    Os,
}

/// What must be durable before frames are written: the definitions of the series they name.
pub trait BeforeFrames: Send + Sync + std::fmt::Debug {
    /// Writes and syncs all definitions that are not durable yet.
    ///
    /// # Errors
    /// When the disk refuses; the log is poisoned then.
    fn sync_definitions(&self) -> Result<(), WalError>;
}

type Callback = Box<dyn FnOnce(Result<(), WalError>) + Send>;

/// How far a ticket's frame has to get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goal {
    Written(u64),
    Synced(u64),
    Definitions(u64),
}

struct State {
    file: Arc<LogFile>,
    /// Offsets in the file: of what is written, of what is written or queued, of reserved space.
    end_written: u64,
    end_queued: u64,
    reserved: u64,
    promised: u64,
    queue: Vec<u8>,
    spare: Vec<u8>,
    /// LSN of the last frame enqueued, written, synced.
    enqueued: u64,
    written: u64,
    synced: u64,
    /// LSN up to which somebody waits for a sync.
    sync_wanted: u64,
    /// When, by the monotonic clock, an unsynced frame of an `Interval` namespace falls due.
    sync_due_ms: Option<u64>,
    /// Commits asked for, and done, for the sake of definitions or metadata alone.
    definitions_wanted: u64,
    definitions_done: u64,
    leading: bool,
    closed: bool,
    poisoned: Option<Arc<str>>,
    waiting: Vec<(Goal, Callback)>,
    stats: LogStats,
}

impl State {
    fn reached(&self, goal: Goal) -> bool {
        match goal {
            Goal::Written(lsn) => self.written >= lsn,
            Goal::Synced(lsn) => self.synced >= lsn,
            Goal::Definitions(ask) => self.definitions_done >= ask,
        }
    }

    fn error(&self) -> Option<WalError> {
        self.poisoned.as_ref().map(|reason| WalError::Poisoned {
            reason: Arc::clone(reason),
        })
    }

    fn has_work(&self, now_ms: u64) -> bool {
        self.poisoned.is_none()
            && !self.leading
            && (!self.queue.is_empty()
                || self.definitions_wanted > self.definitions_done
                || self.sync_wanted > self.synced
                || self.sync_due_ms.is_some_and(|due| due <= now_ms))
    }
}

/// Figures of the commit log since opening.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogStats {
    /// Commits led.
    pub commits: u64,
    /// Frames written.
    pub frames: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Times the log was synced.
    pub syncs: u64,
}

/// The commit log of a Db.
pub struct CommitLog {
    state: Mutex<State>,
    changed: Condvar,
    before: Arc<dyn BeforeFrames>,
    clock: Arc<dyn Clock>,
    rules: ProtocolRules,
}

impl std::fmt::Debug for CommitLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CommitLog")
            .field("before", &self.before)
            .finish_non_exhaustive()
    }
}

impl CommitLog {
    /// Goes on in the fresh `file`, behind `last_lsn`, up to which all is durable.
    #[must_use]
    pub fn new(
        file: LogFile,
        last_lsn: u64,
        before: Arc<dyn BeforeFrames>,
        clock: Arc<dyn Clock>,
        rules: ProtocolRules,
    ) -> Self {
        let state = State {
            reserved: file.reserved(),
            file: Arc::new(file),
            end_written: LOG_HEADER_BYTES as u64,
            end_queued: LOG_HEADER_BYTES as u64,
            promised: 0,
            queue: Vec::new(),
            spare: Vec::new(),
            enqueued: last_lsn,
            written: last_lsn,
            synced: last_lsn,
            sync_wanted: 0,
            sync_due_ms: None,
            definitions_wanted: 0,
            definitions_done: 0,
            leading: false,
            closed: false,
            poisoned: None,
            waiting: Vec::new(),
            stats: LogStats::default(),
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
            before,
            clock,
            rules,
        }
    }

    /// Promises space for a frame of at most `bytes`; [`CommitLog::enqueue`] redeems it.
    ///
    /// # Errors
    /// When the disk has no space (nothing is promised then), or the log is poisoned.
    pub fn reserve(&self, bytes: u64) -> Result<(), WalError> {
        let mut state = self.state.lock();
        if let Some(error) = state.error() {
            return Err(error);
        }
        let needed = state.end_queued + state.promised + bytes;
        if needed > state.reserved {
            state.reserved = state.file.reserve(needed)?;
        }
        state.promised += bytes;
        Ok(())
    }

    /// Gives a promise of [`CommitLog::reserve`] back.
    pub fn release(&self, promised: u64) {
        self.state.lock().promised -= promised;
    }

    /// Queues the frame that `frame` holds behind [`FRAME_STAMP_BYTES`] of room. Cannot fail:
    /// on a poisoned log the ticket does.
    pub fn enqueue(self: &Arc<Self>, frame: &[u8], promised: u64, ack: Ack) -> CommitTicket {
        let now_ms = self.clock.monotonic_ms();
        let mut state = self.state.lock();
        state.promised -= promised;
        state.enqueued += 1;
        state.end_queued += frame.len() as u64;
        let lsn = state.enqueued;
        let start = state.queue.len();
        state.queue.extend_from_slice(frame);
        FrameStamp::set_len(state.queue.get_mut(start..).unwrap_or_default());
        let goal = match ack {
            Ack::Always => {
                state.sync_wanted = lsn;
                Goal::Synced(lsn)
            }
            Ack::Interval(interval) => {
                let millis = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
                let due = now_ms.saturating_add(millis);
                state.sync_due_ms = Some(state.sync_due_ms.map_or(due, |other| other.min(due)));
                Goal::Written(lsn)
            }
            Ack::Os => Goal::Written(lsn),
        };
        self.changed.notify_all();
        CommitTicket {
            log: Arc::clone(self),
            goal,
        }
    }

    /// A ticket of an append that had nothing to store.
    pub fn nothing_to_wait_for(self: &Arc<Self>) -> CommitTicket {
        CommitTicket {
            log: Arc::clone(self),
            goal: Goal::Written(0),
        }
    }

    /// A ticket for all frames queued so far: done when they are synced.
    pub fn barrier(self: &Arc<Self>) -> CommitTicket {
        let mut state = self.state.lock();
        state.sync_wanted = state.enqueued;
        let goal = Goal::Synced(state.enqueued);
        self.changed.notify_all();
        CommitTicket {
            log: Arc::clone(self),
            goal,
        }
    }

    /// A ticket for definitions that were made without a frame.
    pub fn enqueue_definitions(self: &Arc<Self>) -> CommitTicket {
        let mut state = self.state.lock();
        state.definitions_wanted += 1;
        let goal = Goal::Definitions(state.definitions_wanted);
        self.changed.notify_all();
        CommitTicket {
            log: Arc::clone(self),
            goal,
        }
    }

    /// Leads one commit if anything waits for one and nobody else leads.
    ///
    /// # Errors
    /// When a write or sync failed: the log is poisoned from then on.
    pub fn commit(&self) -> Result<(), WalError> {
        let now_ms = self.clock.monotonic_ms();
        let mut state = self.state.lock();
        if let Some(error) = state.error() {
            return Err(error);
        }
        if !state.has_work(now_ms) {
            return Ok(());
        }
        state.leading = true;
        self.lead(state)
    }

    /// Blocks until there is something to commit that nobody commits already, or `timeout` has
    /// passed; whether there is.
    pub fn wait_for_work(&self, timeout: Duration) -> bool {
        let mut state = self.state.lock();
        let now_ms = self.clock.monotonic_ms();
        if !state.has_work(now_ms) && !state.closed {
            let due = state.sync_due_ms.map(|due| due.saturating_sub(now_ms));
            let timeout = due.map_or(timeout, |due| timeout.min(Duration::from_millis(due)));
            self.changed.wait_for(&mut state, timeout);
        }
        state.has_work(self.clock.monotonic_ms())
    }

    /// Leads: `state.leading` was set by the caller. Wakes everybody when done.
    fn lead(&self, mut state: MutexGuard<'_, State>) -> Result<(), WalError> {
        let mut batch = std::mem::take(&mut state.spare);
        std::mem::swap(&mut batch, &mut state.queue);
        let taken = Taken {
            file: Arc::clone(&state.file),
            offset: state.end_written,
            first_lsn: state.written + 1,
            last_lsn: state.enqueued,
            synced: state.synced,
            definitions: state.definitions_wanted,
            sync: state.sync_wanted > state.synced
                || state
                    .sync_due_ms
                    .is_some_and(|due| due <= self.clock.monotonic_ms()),
        };
        drop(state);
        let done = self.write_batch(&mut batch, &taken);
        self.finish(batch, &taken, done)
    }

    fn write_batch(&self, batch: &mut Vec<u8>, taken: &Taken) -> Result<u64, WalError> {
        if self.rules.definitions_before_frames {
            self.before.sync_definitions()?;
        }
        if !self.rules.batch_before_definitions {
            // The broken order, for tests: frames whose definitions were not synced slip in.
            let mut state = self.state.lock();
            if Arc::ptr_eq(&state.file, &taken.file) {
                batch.extend_from_slice(&std::mem::take(&mut state.queue));
            }
        }
        let frames = self.stamp(batch, taken);
        if !batch.is_empty() {
            taken.file.write(batch, taken.offset)?;
        }
        if taken.sync {
            taken.file.sync()?;
        }
        if !self.rules.definitions_before_frames {
            self.before.sync_definitions()?;
        }
        Ok(frames)
    }

    fn stamp(&self, batch: &mut [u8], taken: &Taken) -> u64 {
        let written_ms = self.clock.now_ms();
        let (mut rest, mut lsn) = (batch, taken.first_lsn);
        let mut frames = 0;
        while let Ok((room, _)) = FrameStamp::parse(rest) {
            let len = FRAME_STAMP_BYTES + room.payload_len as usize;
            let Some((frame, behind)) = rest.split_at_mut_checked(len) else {
                break;
            };
            FrameStamp::stamp(frame, lsn, taken.synced, written_ms);
            (rest, lsn, frames) = (behind, lsn + 1, frames + 1);
        }
        frames
    }

    fn finish(
        &self,
        mut batch: Vec<u8>,
        taken: &Taken,
        done: Result<u64, WalError>,
    ) -> Result<(), WalError> {
        let mut state = self.state.lock();
        let result = match done {
            Ok(frames) => {
                state.end_written = taken.offset + batch.len() as u64;
                state.written = taken.first_lsn + frames - 1;
                if taken.sync {
                    state.synced = state.written;
                    state.sync_due_ms = None;
                    state.stats.syncs += 1;
                }
                state.definitions_done = taken.definitions;
                state.stats.commits += 1;
                state.stats.frames += frames;
                state.stats.bytes += batch.len() as u64;
                debug_assert!(state.written >= taken.last_lsn);
                Ok(())
            }
            Err(error) => {
                if self.rules.failure_poisons {
                    state.poisoned = Some(Arc::from(error.to_string()));
                } else {
                    // The broken way, for tests: the next sync is taken for one of these frames.
                    state.end_written = taken.offset + batch.len() as u64;
                    state.written = taken.last_lsn;
                }
                Err(error)
            }
        };
        batch.clear();
        state.spare = batch;
        state.leading = false;
        self.wake(state);
        result
    }

    /// Wakes those who block, and calls back those who asked for it, with no lock held.
    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let error = state.error();
        let waiting = std::mem::take(&mut state.waiting);
        let (done, still): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .partition(|(goal, _)| error.is_some() || state.reached(*goal));
        state.waiting = still;
        let reached: Vec<_> = done
            .into_iter()
            .map(|(goal, call)| (state.reached(goal), call))
            .collect();
        drop(state);
        self.changed.notify_all();
        for (reached, call) in reached {
            call(match &error {
                Some(error) if !reached => Err(error.clone()),
                _ => Ok(()),
            });
        }
    }

    /// Ends the present generation: the log of generation `next` takes over for all frames enqueued after `switch` has
    /// run. Frames of the old one are written and synced before this returns.
    ///
    /// `switch` is called once, with no lock of the log held, and must keep out every append
    /// between its reservation and its enqueueing while it calls the closure it is given.
    ///
    /// # Errors
    /// When a write or sync failed: the log is poisoned from then on.
    pub fn cut(
        &self,
        vfs: &dyn Vfs,
        next: Generation,
        switch: impl FnOnce(&mut dyn FnMut()),
    ) -> Result<(), WalError> {
        let mut state = self.state.lock();
        while state.leading {
            self.changed.wait(&mut state);
        }
        if let Some(error) = state.error() {
            return Err(error);
        }
        state.leading = true;
        drop(state);
        self.cut_as_leader(vfs, next, switch)
    }

    fn cut_as_leader(
        &self,
        vfs: &dyn Vfs,
        next: Generation,
        switch: impl FnOnce(&mut dyn FnMut()),
    ) -> Result<(), WalError> {
        let next = match LogFile::prepare(vfs, next) {
            Ok(file) => Arc::new(file),
            Err(error) => {
                let mut state = self.state.lock();
                state.leading = false;
                self.wake(state);
                return Err(error);
            }
        };
        let mut taken = None;
        switch(&mut || taken = Some(self.switch_file(&next)));
        let Some((mut batch, old)) = taken else {
            let mut state = self.state.lock();
            state.leading = false;
            self.wake(state);
            return Ok(());
        };
        let begin = |frames| {
            next.begin(vfs, old.last_lsn + 1, &self.rules)?;
            Ok(frames)
        };
        let done = if self.rules.cut_syncs_the_old_log {
            self.write_batch(&mut batch, &old)
        } else {
            self.before.sync_definitions().and_then(|()| {
                let frames = self.stamp(&mut batch, &old);
                old.file.write(&batch, old.offset).map(|()| frames)
            })
        };
        let done = done.and_then(begin);
        let mut state = self.state.lock();
        match done {
            Ok(frames) => {
                state.written = old.first_lsn + frames - 1;
                state.synced = state.written;
                state.sync_due_ms = None;
                state.definitions_done = old.definitions;
                state.stats.frames += frames;
                state.stats.bytes += batch.len() as u64;
                state.stats.syncs += 1;
                state.stats.commits += 1;
            }
            Err(ref error) => state.poisoned = Some(Arc::from(error.to_string())),
        }
        state.leading = false;
        self.wake(state);
        done.map(|_| ())
    }

    fn switch_file(&self, next: &Arc<LogFile>) -> (Vec<u8>, Taken) {
        let mut state = self.state.lock();
        let batch = std::mem::take(&mut state.queue);
        let old = Taken {
            file: std::mem::replace(&mut state.file, Arc::clone(next)),
            offset: state.end_written,
            first_lsn: state.written + 1,
            last_lsn: state.enqueued,
            synced: state.synced,
            definitions: state.definitions_wanted,
            sync: true,
        };
        state.end_written = LOG_HEADER_BYTES as u64;
        state.end_queued = state.end_written;
        state.reserved = next.reserved();
        (batch, old)
    }

    /// The generation being written, and the bytes of its file, queued frames included.
    #[must_use]
    pub fn position(&self) -> (Generation, u64) {
        let state = self.state.lock();
        (state.file.generation(), state.end_queued)
    }

    /// Bytes held in memory for frames that wait.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        let state = self.state.lock();
        state.queue.capacity() + state.spare.capacity()
    }

    /// Figures since opening.
    #[must_use]
    pub fn stats(&self) -> LogStats {
        self.state.lock().stats
    }

    /// The first failure after which nothing more can be promised.
    #[must_use]
    pub fn poisoned(&self) -> Option<Arc<str>> {
        self.state.lock().poisoned.clone()
    }

    /// Refuses everything from now on; who waits is told so.
    pub fn poison(&self, reason: &str) {
        let mut state = self.state.lock();
        state.poisoned.get_or_insert_with(|| Arc::from(reason));
        state.closed = true;
        self.wake(state);
    }
}

/// What a leader took with it.
#[derive(Debug)]
struct Taken {
    file: Arc<LogFile>,
    offset: u64,
    first_lsn: u64,
    last_lsn: u64,
    synced: u64,
    definitions: u64,
    sync: bool,
}

/// What a writer holds until its frame is as safe as its namespace's [`Ack`] asks.
#[must_use = "a sample is durable when its ticket says so"]
#[derive(Debug)]
pub struct CommitTicket {
    log: Arc<CommitLog>,
    goal: Goal,
}

impl CommitTicket {
    /// Whether the frame already is as safe as asked.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.log.state.lock().reached(self.goal)
    }

    /// Blocks until the frame is safe; leads the commit if nobody else does.
    ///
    /// # Errors
    /// When it will never be known to be safe: the log is poisoned.
    pub fn wait(self) -> Result<(), WalError> {
        let mut state = self.log.state.lock();
        loop {
            if state.reached(self.goal) {
                return Ok(());
            }
            if let Some(error) = state.error() {
                return Err(error);
            }
            if state.leading {
                self.log.changed.wait(&mut state);
            } else {
                state.leading = true;
                let led = self.log.lead(state);
                // A failure of this commit is seen above, as everybody else sees it; where the
                // broken rule hides it, for tests, by nobody else.
                if !self.log.rules.failure_poisons {
                    led?;
                }
                state = self.log.state.lock();
            }
        }
    }

    /// Calls back once the frame is safe, or never will be: on the thread that leads that commit,
    /// or at once if it is already known.
    pub fn on_commit(self, call: impl FnOnce(Result<(), WalError>) + Send + 'static) {
        let mut state = self.log.state.lock();
        if state.reached(self.goal) {
            drop(state);
            call(Ok(()));
        } else if let Some(error) = state.error() {
            drop(state);
            call(Err(error));
        } else {
            state.waiting.push((self.goal, Box::new(call)));
        }
    }

    /// Calls back once the frames of all of these are safe, or with the first failure.
    pub fn on_all(
        mut tickets: Vec<Self>,
        call: impl FnOnce(Result<(), WalError>) + Send + 'static,
    ) {
        match tickets.pop() {
            None => call(Ok(())),
            Some(ticket) => ticket.on_commit(move |durable| match durable {
                Ok(()) => Self::on_all(tickets, call),
                Err(error) => call(Err(error)),
            }),
        }
    }
}
