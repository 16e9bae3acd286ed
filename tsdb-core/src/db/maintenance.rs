//! Upkeep in bounded steps on the caller's thread: cut, flush, expire, compact, merge.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::compaction::{Eagerness, Job};
use super::database::Inner;
use super::delete::still_needed;
use super::forget::Forgetting;
use super::namespace::NamespaceState;
use super::paths::{open_run, run_path};
use super::{Db, Error, ErrorKind, NamespaceStats, Stats};
use crate::clock::Clock as _;
use crate::manifest::{Manifest, RunEntry};
use crate::model::{BlockId, Generation, HashMap, HashSet, NamespaceId, RowKey, RunId, Window};
use crate::run::{
    RunError, RunHeader, RunReader, RunWriter, merge_visible, publish, temporary_path,
};
use crate::series::SeriesFile;
use crate::shard::{Delete, GenerationBuffers, Head, Live, Mask, write_generation};
use crate::vfs::{create_anew, remove_if_there};
use crate::wal::{WalError, log_path};

/// The log's cap grows by this much a series, so that a generation holds some scrapes of each.
const LOG_BYTES_PER_SERIES: u64 = 400;
/// And never beyond this.
const LOG_CAP_MAX: u64 = 1 << 30;

/// What a call of [`Db::maintain`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MaintenanceStep {
    /// There was nothing to do.
    Idle,
    /// Another thread is at it.
    Busy,
    /// A generation was closed.
    Cut,
    /// A closed generation was written as runs, and its log removed.
    Flush,
    /// Runs or blocks outside of retention were dropped.
    Expire,
    /// A part of a block was written, of runs or of other blocks.
    Compact,
    /// Some runs were merged into one.
    Merge,
    /// Series that only blocks name were taken out of memory, or definitions that nothing names
    /// out of the series files: a part of it.
    Forget,
}

/// The answer of [`Db::maintain`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Maintenance {
    /// What was done.
    pub step: MaintenanceStep,
    /// Whether there may be more to do at once.
    pub more: bool,
}

/// A generation that takes no more samples and is not flushed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Closed {
    pub(super) generation: Generation,
    pub(super) log_bytes: u64,
}

/// What upkeep remembers; its lock is held by the one thread that is at it.
#[derive(Debug, Default)]
pub(super) struct Upkeep {
    pub(super) closed: Vec<Closed>,
    /// Whether the open log has frames of a namespace that was removed: it is closed although there
    /// may be nothing to flush, or it would never go.
    pub(super) has_removed: bool,
    /// The time window, by the wall clock, in which the open generation was begun.
    pub(super) window: Option<Window>,
    /// The compaction that is going on.
    pub(super) job: Option<Box<Job>>,
    /// Files of compactions that were given up, still to be removed.
    pub(super) abandoned: Vec<PathBuf>,
    /// Numbers of files that a compaction found damaged, by namespace.
    pub(super) damaged: HashMap<NamespaceId, HashSet<u64>>,
    /// Series that are leaving memory.
    pub(super) forgetting: Option<Box<Forgetting>>,
    /// How often runs of each namespace had gone when its series were last looked at.
    pub(super) scanned: HashMap<NamespaceId, u64>,
    /// Namespace and number of a block, and a delete that hides nothing of it.
    pub(super) spared: HashSet<(NamespaceId, u64, Generation)>,
    /// Folders of namespaces that were removed, still to be removed.
    pub(super) removed: Vec<(NamespaceId, PathBuf)>,
    /// By the monotonic clock, until when no compaction goes on: it takes half of the time.
    pub(super) rest_until_ms: u64,
}

impl Upkeep {
    /// Notes that a run cannot be read, if it is damaged: the next steps go on without it.
    pub(super) fn leave_out(&mut self, namespace: NamespaceId, run: RunId, why: RunError) -> Error {
        let error = Error::from(why);
        if error.kind() == ErrorKind::Corrupt {
            self.damaged.entry(namespace).or_default().insert(run.0);
        }
        error
    }
}

impl Upkeep {
    /// Forgets all that is about a namespace that was removed. What it was about to remove goes
    /// with the folder.
    pub(super) fn forget(&mut self, state: &NamespaceState) {
        if self.job.as_deref().is_some_and(|job| job.is_of(state)) {
            self.job = None;
        }
        let leaving = self.forgetting.as_deref();
        if leaving.is_some_and(|leaving| leaving.is_of(state)) {
            self.forgetting = None;
        }
        self.abandoned
            .retain(|path| !path.starts_with(&state.folder));
        self.damaged.remove(&state.id);
        self.scanned.remove(&state.id);
        self.spared.retain(|(namespace, ..)| *namespace != state.id);
    }
}

impl Db {
    /// Does one bounded step of upkeep on this thread: syncs what is due, closes a generation,
    /// writes one out, drops expired runs, or merges some. Call it again while `more` is true.
    ///
    /// # Errors
    /// When the disk refuses: nothing is lost, and the step is tried again by the next call.
    pub fn maintain(&self) -> Result<Maintenance, Error> {
        self.check_open()?;
        let done = |step| {
            Ok(Maintenance {
                step,
                more: step != MaintenanceStep::Idle,
            })
        };
        let Some(log) = &self.inner.log else {
            return Err(Error::ReadOnly);
        };
        let Some(mut upkeep) = self.inner.upkeep.try_lock() else {
            return Ok(Maintenance {
                step: MaintenanceStep::Busy,
                more: false,
            });
        };
        log.commit()?;
        let inner = &self.inner;
        let trusted = inner.trusted_clock.is_trusted();
        inner.refuse_overtaken();
        inner.remove_folders(&mut upkeep)?;
        if inner.wants_cut(&mut upkeep) {
            inner.cut(&mut upkeep)?;
            return done(MaintenanceStep::Cut);
        }
        if !upkeep.closed.is_empty() {
            inner.flush_oldest(&mut upkeep)?;
            return done(MaintenanceStep::Flush);
        }
        for state in inner.states() {
            if (trusted && inner.expire(&state)?) || inner.expire_bytes(&state)? {
                return done(MaintenanceStep::Expire);
            }
        }
        if inner.compact_in_time(&mut upkeep)? {
            return done(MaintenanceStep::Compact);
        }
        if inner.forget_some(&mut upkeep)? {
            return done(MaintenanceStep::Forget);
        }
        for state in inner.states() {
            if inner.merge(&mut upkeep, &state)? {
                return done(MaintenanceStep::Merge);
            }
        }
        done(MaintenanceStep::Idle)
    }

    /// Writes all that is in memory to runs and removes its logs.
    ///
    /// # Errors
    /// When the disk refuses; nothing is lost.
    pub fn flush(&self) -> Result<(), Error> {
        self.check_open()?;
        self.inner.flush_all()
    }
}

impl Inner {
    pub(super) fn states(&self) -> Vec<Arc<NamespaceState>> {
        self.namespaces.read().clone()
    }

    /// Takes what was replaced from readers that hold too much of it, or for too long.
    fn refuse_overtaken(&self) {
        let now_ms = self.clock.monotonic_ms();
        let mut removed = self.removed.write();
        for state in self.states().iter().chain(&*removed) {
            let head = state.head();
            head.pins().readers().enforce(&head.live(), now_ms);
        }
        removed.retain(|state| {
            let gone = state.is_let_go();
            if gone {
                let refused = state.head().pins().readers().refused();
                let all = &self.counters.readers_refused;
                all.fetch_add(refused, Ordering::Relaxed);
            }
            !gone
        });
    }

    pub(super) fn flush_all(&self) -> Result<(), Error> {
        self.flush_with(&mut self.upkeep.lock())
    }

    pub(super) fn flush_with(&self, upkeep: &mut Upkeep) -> Result<(), Error> {
        if upkeep.has_removed || self.states().iter().any(has_open_samples) {
            self.cut(upkeep)?;
        }
        while !upkeep.closed.is_empty() {
            self.flush_oldest(upkeep)?;
        }
        Ok(())
    }

    fn log_cap(&self) -> u64 {
        let series: usize = self
            .states()
            .iter()
            .map(|state| state.head().series_len())
            .sum();
        let grown = (series as u64).saturating_mul(LOG_BYTES_PER_SERIES);
        self.options.log_cap_bytes.max(grown).min(LOG_CAP_MAX)
    }

    /// Logs on disk may not take more than this before appends are held up.
    pub(super) fn log_backlog_max(&self) -> u64 {
        2 * self.log_cap()
    }

    /// Bytes of all logs on disk, but for what another thread is flushing just now.
    pub(super) fn log_backlog_bytes(&self) -> u64 {
        let open = self.log.as_ref().map_or(0, |log| log.position().1);
        let closed = self.counters.closed_log_bytes.load(Ordering::Relaxed);
        open + closed
    }

    fn note_closed(&self, upkeep: &Upkeep) {
        let bytes = upkeep.closed.iter().map(|closed| closed.log_bytes).sum();
        self.counters
            .closed_log_bytes
            .store(bytes, Ordering::Relaxed);
    }

    fn wants_cut(&self, upkeep: &mut Upkeep) -> bool {
        let states = self.states();
        if !states.iter().any(has_open_samples) {
            upkeep.window = None;
            return upkeep.has_removed;
        }
        let window_ms = states
            .iter()
            .map(|state| state.options.read().window_ms())
            .min();
        let now = Window::of(self.clock.now_ms(), window_ms.unwrap_or(i64::MAX));
        let began = *upkeep.window.get_or_insert(now);
        let log_bytes = self.log.as_ref().map_or(0, |log| log.position().1);
        let (used, _) = self.account();
        let budget = self.options.memory_budget_bytes;
        let crowded = self.memory.total() > budget / 2 && used.buffers() as u64 > budget / 8;
        let crowded = crowded || states.iter().any(|state| state.ledger.is_crowded());
        now != began || log_bytes >= self.log_cap() || crowded
    }

    /// Closes the open generation: the next one takes all appends from now on.
    fn cut(&self, upkeep: &mut Upkeep) -> Result<(), Error> {
        self.cut_with(upkeep, |_| ())
    }

    /// As [`Inner::cut`]; `begin` is called once the next generation is open and before anything
    /// is appended to it.
    pub(super) fn cut_with(
        &self,
        upkeep: &mut Upkeep,
        begin: impl FnOnce(Generation),
    ) -> Result<(), Error> {
        self.cut_opening(upkeep, |_, _| false, begin)
    }

    /// The same; `open` may open the next generation of a namespace by itself, and tells whether
    /// it did. Appends are kept out while it runs.
    pub(super) fn cut_opening(
        &self,
        upkeep: &mut Upkeep,
        mut open: impl FnMut(&NamespaceState, Generation) -> bool,
        begin: impl FnOnce(Generation),
    ) -> Result<(), Error> {
        let log = self.log.as_ref().ok_or(Error::ReadOnly)?;
        let (generation, log_bytes) = log.position();
        let next = Generation(generation.0 + 1);
        let mut switched = false;
        let cut = log.cut(&*self.vfs, next, |switch| {
            let _no_append = self.gate.write();
            switch();
            for state in self.states() {
                if !open(&state, next) {
                    let window_ms = state.options.read().window_ms();
                    state.head().open_generation(next, window_ms);
                }
            }
            switched = true;
            begin(next);
        });
        if switched {
            upkeep.closed.push(Closed {
                generation,
                log_bytes,
            });
            upkeep.window = None;
            upkeep.has_removed = false;
            self.note_closed(upkeep);
        }
        Ok(cut?)
    }

    /// Writes the oldest closed generation as a run per namespace, then removes its log.
    fn flush_oldest(&self, upkeep: &mut Upkeep) -> Result<(), Error> {
        let Some(&Closed { generation, .. }) = upkeep.closed.first() else {
            return Ok(());
        };
        // A cut that failed closed its generation too, and what that names may not be durable.
        if let Some(reason) = self.log.as_ref().and_then(|log| log.poisoned()) {
            return Err(Error::Wal(WalError::Poisoned { reason }));
        }
        if !self.options.rules.run_listed_before_log_goes {
            self.remove_log(generation)?;
        }
        for state in self.states() {
            self.flush_namespace(&state, generation)?;
            if !self.options.rules.log_kept_for_every_namespace {
                self.remove_log(generation)?;
            }
        }
        self.remove_log(generation)?;
        for state in self.states() {
            // Nothing is left to save where rules hold.
            if !self.options.rules.exemplars_saved_before_log_goes {
                self.save_exemplars(&state)?;
            }
        }
        upkeep.closed.remove(0);
        self.counters.flushes.fetch_add(1, Ordering::Relaxed);
        self.note_closed(upkeep);
        // Writers that wait for room see that there is some.
        self.account();
        Ok(())
    }

    fn remove_log(&self, generation: Generation) -> Result<(), Error> {
        let path = log_path(generation);
        remove_if_there(&*self.vfs, &path).map_err(Error::io("removing", path))?;
        self.vfs
            .sync_dir(Path::new("wal"))
            .map_err(Error::io("syncing the folder", "wal"))
    }

    fn flush_namespace(&self, state: &NamespaceState, generation: Generation) -> Result<(), Error> {
        if self.options.rules.exemplars_saved_before_log_goes {
            self.save_exemplars(state)?;
        }
        let live = state.head().live();
        let mut closed = live.generations.iter();
        let buffers = closed.find(|buffers| buffers.generation() == generation);
        let run = match buffers.filter(|buffers| !buffers.is_empty()) {
            Some(buffers) => Some(self.write_buffers(state, buffers)?),
            None => None,
        };
        // A step that failed for another namespace is done again.
        let flushed = state.manifest.lock().flushed_generation;
        let began = |delete: &&Arc<Delete>| delete.generation() == generation;
        let delete = live.deletes.iter().find(began);
        let delete = delete.filter(|_| generation > flushed);
        if run.is_none() && delete.is_none() {
            return Ok(());
        }
        let mut manifest = state.manifest.lock();
        let mut next = manifest.clone();
        next.flushed_generation = generation;
        next.runs
            .extend(run.as_ref().and_then(|run| RunEntry::of(run.meta())));
        if self.options.rules.tombstone_listed_before_log_goes
            && let Some(delete) = delete
        {
            next.tombstones.push(delete.tombstone().clone());
            next.last_delete = generation;
            self.drop_tombstones(&mut next);
        }
        self.write_manifest(state, &mut manifest, next)?;
        let flushed = |buffers: &&Arc<GenerationBuffers>| buffers.generation() == generation;
        let gone = |buffers: &&Arc<GenerationBuffers>| !flushed(buffers);
        state.head().change_live(|live| Live {
            runs: live.runs.iter().cloned().chain(run).collect(),
            generations: live.generations.iter().filter(gone).cloned().collect(),
            deletes: still_needed(live, &manifest),
            ..live.clone()
        });
        Ok(())
    }

    /// Writes the buffers of a closed generation as a run.
    fn write_buffers(
        &self,
        state: &NamespaceState,
        buffers: &GenerationBuffers,
    ) -> Result<Arc<RunReader>, Error> {
        let generation = buffers.generation();
        let run = state.new_file();
        let head = state.head();
        let key = |slot: u32| head.row_key(buffers, slot);
        let writer = self.create_run(state, run, (generation, generation))?;
        let written = write_generation(buffers, key, writer, &state.upkeep_bytes);
        state.upkeep_bytes.store(0, Ordering::Relaxed);
        written?;
        self.publish_run(state, run)
    }

    /// Starts a run under its temporary name.
    fn create_run(
        &self,
        state: &NamespaceState,
        id: RunId,
        (first_generation, last_generation): (Generation, Generation),
    ) -> Result<RunWriter, Error> {
        let path = run_path(&state.folder, id);
        let temporary = temporary_path(&path);
        let file =
            create_anew(&*self.vfs, &temporary).map_err(Error::io("creating", &temporary))?;
        let header = RunHeader {
            namespace: state.id,
            id,
            first_generation,
            last_generation,
        };
        let writer = RunWriter::create(&path, file, header)?;
        let synced = self.options.rules.run_synced_before_listed;
        Ok(if synced { writer } else { writer.unsynced() })
    }

    /// Gives a run that was written its name, durably, and opens it.
    fn publish_run(&self, state: &NamespaceState, id: RunId) -> Result<Arc<RunReader>, Error> {
        let path = run_path(&state.folder, id);
        self.publish_file(&path)?;
        Ok(Arc::new(open_run(&*self.vfs, &path)?))
    }

    /// Gives a run or a block that was written its name, durably.
    pub(super) fn publish_file(&self, path: &Path) -> Result<(), Error> {
        let temporary = temporary_path(path);
        let published = if self.options.rules.run_synced_before_listed {
            publish(&*self.vfs, &temporary, path)
        } else {
            self.vfs.rename(&temporary, path)
        };
        published.map_err(Error::io("renaming", path))
    }

    /// Writes the manifest, and only then takes it for true.
    pub(super) fn write_manifest(
        &self,
        state: &NamespaceState,
        manifest: &mut Manifest,
        mut next: Manifest,
    ) -> Result<(), Error> {
        next.sequence += 1;
        next.next_series = state.head().next_id();
        // A clock that jumped is not noted: the next Db shall see the jump too.
        next.last_wall_clock_ms = self.trusted_clock.now_ms();
        if let Some(active) = state.head().series_file() {
            note_synced(&mut next, active);
        }
        next.write(&*self.vfs, &NamespaceState::manifest_path(&state.folder))?;
        *manifest = next;
        Ok(())
    }

    /// The newest timestamp that is outside of a namespace's retention, if it has one.
    pub(super) fn expired_before(&self, state: &NamespaceState) -> Option<i64> {
        let retention = state.options.read().retention_ms()?;
        Some(self.clock.now_ms().saturating_sub(retention))
    }

    /// Samples before this are left out of what is made; none are while the clock is not trusted.
    pub(super) fn left_out_before(&self, state: &NamespaceState) -> i64 {
        let expired = self.expired_before(state);
        let expired = expired.filter(|_| self.trusted_clock.is_trusted());
        expired.unwrap_or(i64::MIN)
    }

    fn expire(&self, state: &NamespaceState) -> Result<bool, Error> {
        let Some(before) = self.expired_before(state) else {
            return Ok(false);
        };
        let live = state.head().live();
        let runs = live.runs.iter().filter(|run| is_before(run, before));
        let runs: Vec<RunId> = runs.map(|run| run.meta().header.id).collect();
        let blocks = live.blocks.iter().map(|block| block.meta());
        let blocks = blocks.filter(|meta| meta.max_time < before);
        let blocks: Vec<BlockId> = blocks.map(|meta| meta.header.id).collect();
        self.drop_files(state, &runs, &blocks)
    }

    /// Drops the oldest blocks while runs and blocks take more than the namespace may keep.
    fn expire_bytes(&self, state: &NamespaceState) -> Result<bool, Error> {
        let Some(limit) = state.options.read().retention_bytes else {
            return Ok(false);
        };
        let live = state.head().live();
        let runs = live.runs.iter().map(|run| run.meta().bytes);
        let blocks = live.blocks.iter().map(|block| block.meta().bytes);
        let mut bytes: u64 = runs.chain(blocks).sum();
        let mut oldest: Vec<_> = live.blocks.iter().map(|block| block.meta()).collect();
        oldest.sort_by_key(|meta| (meta.max_time, meta.header.id));
        let mut expired = Vec::new();
        for meta in oldest {
            if bytes <= limit {
                break;
            }
            bytes = bytes.saturating_sub(meta.bytes);
            expired.push(meta.header.id);
        }
        self.drop_files(state, &[], &expired)
    }

    /// Takes what is expired off the list, then removes it; whether there was any.
    fn drop_files(
        &self,
        state: &NamespaceState,
        runs: &[RunId],
        blocks: &[BlockId],
    ) -> Result<bool, Error> {
        if runs.is_empty() && blocks.is_empty() {
            return Ok(false);
        }
        self.replace_files(state, (runs, blocks), (None, &[]))?;
        let count = |files: usize| files as u64;
        let expired = (&self.counters.runs_expired, &self.counters.blocks_expired);
        expired.0.fetch_add(count(runs.len()), Ordering::Relaxed);
        expired.1.fetch_add(count(blocks.len()), Ordering::Relaxed);
        self.remove_files(state, runs, blocks)?;
        Ok(true)
    }

    /// A step of a compaction, unless the last ones took their share of the time.
    fn compact_in_time(&self, upkeep: &mut Upkeep) -> Result<bool, Error> {
        let began = self.clock.monotonic_ms();
        if began < upkeep.rest_until_ms {
            return Ok(false);
        }
        let done = self.compact_some(upkeep, Eagerness::Due)?;
        let now = self.clock.monotonic_ms();
        upkeep.rest_until_ms = now.saturating_add(now.saturating_sub(began));
        Ok(done)
    }

    /// Merges the runs of the smallest sizes once there are too many of them. Damaged ones are left
    /// as they are.
    fn merge(&self, upkeep: &mut Upkeep, state: &NamespaceState) -> Result<bool, Error> {
        let live = state.head().live();
        let is_free = |run: &&Arc<RunReader>| {
            let id = run.meta().header.id;
            let damaged = upkeep.damaged.get(&state.id);
            let job = upkeep.job.as_ref();
            !job.is_some_and(|job| job.reads(state.id, id))
                && !damaged.is_some_and(|damaged| damaged.contains(&id.0))
        };
        let free: Vec<_> = live.runs.iter().filter(is_free).cloned().collect();
        let Some(inputs) = choose_runs(&free, self.options.runs_max) else {
            return Ok(false);
        };
        for run in &inputs {
            if let Err(error) = run.sections() {
                return Err(upkeep.leave_out(state.id, run.meta().header.id, error));
            }
        }
        let before = self.left_out_before(state);
        let run = state.new_file();
        let headers = inputs.iter().map(|run| run.meta().header);
        let first = headers.clone().map(|header| header.first_generation).min();
        let last = headers
            .map(|header| header.last_generation)
            .max()
            .unwrap_or_default();
        let writer = self.create_run(state, run, (first.unwrap_or(last), last))?;
        let readers: Vec<&RunReader> = inputs.iter().map(|run| &**run).collect();
        let deletes = self.listed_deletes(state);
        let mut hidden = |source: Generation, key: RowKey| {
            if deletes.is_empty() {
                return Vec::new();
            }
            let labels = state.head().labels_of(key.series).unwrap_or_default();
            Mask::of(&deletes, &labels).hidden_by(source, &self.options.rules)
        };
        let keep = |window: Window| window.last >= before;
        let merged = merge_visible(&readers, keep, &mut hidden, writer)?;
        let path = run_path(&state.folder, run);
        let reader = if merged.samples() > 0 {
            Some(self.publish_run(state, run)?)
        } else {
            let temporary = temporary_path(&path);
            let removed = self.vfs.remove(&temporary);
            removed.map_err(Error::io("removing", temporary))?;
            None
        };
        let ids: Vec<RunId> = inputs.iter().map(|run| run.meta().header.id).collect();
        self.replace_files(state, (&ids, &[]), (reader, &[]))?;
        self.remove_files(state, &ids, &[])?;
        self.counters.merges.fetch_add(1, Ordering::Relaxed);
        Ok(true)
    }

    pub(super) fn stats(&self) -> Stats {
        let (used, queue) = self.account();
        let log = self.log.as_ref();
        let mut states = self.states();
        states.extend(self.removed.read().iter().cloned());
        let pinned: Vec<_> = states
            .iter()
            .map(|one| one.head().pins().pinned())
            .collect();
        let of_readers = |state: &Arc<NamespaceState>| {
            let refused = state.head().pins().readers().refused();
            (state.reader_counts(), refused)
        };
        let readers: Vec<_> = states.iter().map(of_readers).collect();
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            log: log.map(|log| log.stats()).unwrap_or_default(),
            log_open_bytes: log.map_or(0, |log| log.position().1),
            generations_closed: self
                .states()
                .iter()
                .map(closed_generations)
                .max()
                .unwrap_or(0),
            series_memory_bytes: used.series(),
            buffer_memory_bytes: used.buffers(),
            append_memory_bytes: used.appends,
            file_memory_bytes: used.files,
            upkeep_memory_bytes: used.upkeep,
            exemplar_memory_bytes: used.exemplars,
            queue_memory_bytes: queue,
            memory_budget_bytes: self.options.memory_budget_bytes,
            flushes: count(&self.counters.flushes),
            merges: count(&self.counters.merges),
            runs_expired: count(&self.counters.runs_expired),
            compactions: count(&self.counters.compactions),
            blocks_expired: count(&self.counters.blocks_expired),
            series_forgotten: count(&self.counters.series_forgotten),
            series_files_rewritten: count(&self.counters.series_files_rewritten),
            files_refused: self.files.refused(),
            pinned_files: pinned.iter().map(|one| one.files).sum(),
            pinned_bytes: pinned.iter().map(|one| one.bytes).sum(),
            pinned_memory_bytes: used.readers,
            readers: readers.iter().map(|one| one.0.readers).sum(),
            readers_overtaken: readers.iter().map(|one| one.0.overtaken).sum(),
            readers_refused: count(&self.counters.readers_refused)
                + readers.iter().map(|one| one.1).sum::<u64>(),
            expiry_suspended: !self.trusted_clock.is_trusted(),
            poisoned: log.is_some_and(|log| log.poisoned().is_some()),
            namespaces: self
                .states()
                .iter()
                .map(|state| namespace_stats(state))
                .collect(),
        }
    }
}

/// Lists how much of a series file is durable.
pub(super) fn note_synced(manifest: &mut Manifest, active: &SeriesFile) {
    let mut files = manifest.series_files.iter_mut();
    if let Some(file) = files.find(|file| file.number == active.number()) {
        file.synced_len = active.synced_end();
    }
}

fn is_before(run: &RunReader, before: i64) -> bool {
    run.meta().time_range().is_none_or(|(_, max)| max < before)
}

fn has_open_samples(state: &Arc<NamespaceState>) -> bool {
    has_open(&state.head())
}

/// Whether the open generation has anything that must be flushed: samples, exemplars, or a delete.
pub(super) fn has_open(head: &Head) -> bool {
    let live = head.live();
    live.generations.last().is_some_and(|open| {
        let began = |delete: &Arc<Delete>| delete.generation() == open.generation();
        !open.is_empty()
            || live.deletes.last().is_some_and(began)
            || head.exemplars().lock().needs_log(open.generation())
    })
}

fn closed_generations(state: &Arc<NamespaceState>) -> usize {
    state.head().live().generations.len() - 1
}

fn namespace_stats(state: &NamespaceState) -> NamespaceStats {
    let live = state.head().live();
    NamespaceStats {
        name: state.name.clone(),
        memory: state.memory(),
        memory_max: state.options.read().memory_max,
        series_max: state.options.read().series_max,
        series: state.head().series_len(),
        series_file_bytes: series_file_bytes(state),
        buffered_samples: live.generations.iter().map(|open| open.usage().1).sum(),
        runs: live.runs.len(),
        run_bytes: live.runs.iter().map(|run| run.meta().bytes).sum(),
        run_samples: live.runs.iter().map(|run| run.meta().samples()).sum(),
        blocks: live.blocks.len(),
        block_bytes: live.blocks.iter().map(|block| block.meta().bytes).sum(),
        tombstones: live.deletes.len(),
        exemplars: state.head().exemplars().stats(),
        block_samples: live.blocks.iter().map(|block| block.meta().samples).sum(),
    }
}

/// The runs to merge, if there are more than `runs_max`: the smaller half, and with them all that
/// are at most twice as large as the ones before, so that sizes grow in steps.
fn choose_runs(runs: &[Arc<RunReader>], runs_max: usize) -> Option<Vec<Arc<RunReader>>> {
    if runs.len() <= runs_max.max(1) {
        return None;
    }
    let mut by_size: Vec<&Arc<RunReader>> = runs.iter().collect();
    by_size.sort_by_key(|run| (run.meta().bytes, run.meta().header.id));
    let mut chosen = Vec::new();
    let mut total = 0;
    for run in by_size {
        let enough = chosen.len() * 2 > runs_max && chosen.len() > 1;
        if enough && run.meta().bytes > total {
            break;
        }
        total += run.meta().bytes;
        chosen.push(Arc::clone(run));
    }
    Some(chosen)
}

/// Bytes of the series files: of those that are sealed as listed, of the one being written as synced.
fn series_file_bytes(state: &NamespaceState) -> u64 {
    let head = state.head();
    let active = head.series_file();
    let files = state.manifest.lock().series_files.clone();
    let bytes = files.iter().map(|file| match active {
        Some(active) if active.number() == file.number => active.synced_end(),
        _ => file.synced_len,
    });
    bytes.sum()
}
