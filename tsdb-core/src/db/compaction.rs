//! Compaction as upkeep does it: which files become which block, step by step.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::database::Inner;
use super::delete::still_needed;
use super::maintenance::Upkeep;
use super::namespace::NamespaceState;
use super::paths::{block_path, open_block, run_path};
use super::scrub::Scrub;
use super::{Db, Error, ErrorKind};
use crate::block::{BlockHeader, BlockReader, BlockWriter, Sealing};
use crate::manifest::BlockEntry;
use crate::model::{
    BlockId, Generation, HashSet, NamespaceId, ProtocolRules, RunId, TimeRange, Window,
};
use crate::run::{RunError, RunReader, temporary_path};
use crate::shard::{Compaction, CompactionInput, Delete, Live, train};
use crate::vfs::remove_if_there;

/// A step merges about so many samples.
const STEP_SAMPLES: u64 = 1 << 20;
/// No block of samples kept for ever is longer.
const WINDOW_MAX_MS: i64 = 31 * 24 * 3_600_000;
/// A namespace's blocks are at most this part of its retention long, so that it goes in steps.
const RETENTION_PARTS: i64 = 10;
/// Each level of windows is so many times as long as the one below.
const LEVEL_FACTOR: i64 = 4;
/// A window is compacted when it ended so long ago, or an eighth of its length if that is less.
const SLACK_MS: i64 = 5 * 60_000;
/// A block made of this age is worth the time to make it small.
const DENSE_AFTER_MS: i64 = 24 * 3_600_000;
/// So many files are read at a time at most.
const INPUTS_MAX: usize = 16;
/// Blocks are not merged beyond this size.
const BLOCK_BYTES_MAX: u64 = 8 << 30;
/// Blocks are not merged if a row could have more samples: it is held in memory.
const ROW_SAMPLES_MAX: u64 = 4 << 20;
/// Late samples are folded in when they make this part of what is there,
const LATE_PART: u64 = 8;
/// or when there are so many files of them.
const LATE_FILES: usize = 8;

/// What shall become of which files.
#[derive(Debug, Default)]
struct Plan {
    runs: Vec<Arc<RunReader>>,
    blocks: Vec<Arc<BlockReader>>,
    windows: VecDeque<Window>,
    dense: bool,
}

impl Plan {
    fn inputs(&self) -> Vec<CompactionInput> {
        let runs = self.runs.iter().cloned().map(CompactionInput::Run);
        let blocks = self.blocks.iter().cloned().map(CompactionInput::Block);
        runs.chain(blocks).collect()
    }

    /// The first and the last generation of what it makes.
    fn generations(&self, rules: &ProtocolRules) -> (Generation, Generation) {
        let runs = self.runs.iter().map(|run| run.meta().header);
        let runs = runs.map(|header| (header.first_generation, header.last_generation));
        let blocks = self.blocks.iter().map(|block| block.meta().header);
        let blocks = blocks.map(|header| (header.first_generation, header.last_generation));
        let all = || runs.clone().chain(blocks.clone());
        (
            all().map(|one| one.0).min().unwrap_or_default(),
            if rules.output_has_highest_generation {
                all().map(|one| one.1).max().unwrap_or_default()
            } else {
                // The broken choice, for tests: samples newer than a delete look older.
                all().map(|one| one.1).min().unwrap_or_default()
            },
        )
    }
}

/// How far a compaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Writing,
    /// Nothing is left to do but to list what was made.
    Written,
    /// What it read is not listed any more, and can be removed.
    Listed,
}

/// A compaction that was begun and is not published.
#[derive(Debug)]
pub(super) struct Job {
    state: Arc<NamespaceState>,
    plan: Plan,
    keep: TimeRange,
    /// What is left out of inputs that are older: the deletes that were listed when it began. Those
    /// that come later are newer than all it makes.
    deletes: Vec<Arc<Delete>>,
    current: Option<(BlockId, Compaction)>,
    outputs: Vec<Arc<BlockReader>>,
    stage: Stage,
    /// Files to be removed if it fails now, by their lasting names.
    files: Vec<PathBuf>,
}

impl Job {
    /// Whether it is one of this namespace.
    pub(super) fn is_of(&self, state: &NamespaceState) -> bool {
        self.state.id == state.id
    }

    /// Whether it reads this run.
    pub(super) fn reads(&self, namespace: NamespaceId, run: RunId) -> bool {
        let mut runs = self.plan.runs.iter();
        self.state.id == namespace && runs.any(|one| one.meta().header.id == run)
    }
}

impl Job {
    /// Bytes of what it has made and not written, between two steps.
    fn heap_bytes(&self) -> usize {
        let current = self.current.as_ref();
        current.map_or(0, |(_, compaction)| compaction.heap_bytes())
    }

    /// Whether all it reads is still live.
    fn is_live(&self) -> bool {
        let live = self.state.head().live();
        let mut runs = self.plan.runs.iter();
        let mut blocks = self.plan.blocks.iter();
        runs.all(|run| live.runs.iter().any(|one| Arc::ptr_eq(one, run)))
            && blocks.all(|block| live.blocks.iter().any(|one| Arc::ptr_eq(one, block)))
    }
}

/// What is compacted, and how eagerly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Eagerness {
    /// What is due.
    Due,
    /// Everything that was flushed up to this generation.
    All(Generation),
}

impl Db {
    /// Writes all that is in memory to runs, and all runs to blocks, merged into the longest
    /// windows their namespace allows and encoded as small as can be. For operators and
    /// benchmarks; [`Db::maintain`] does the same in its own time. Others write and read
    /// meanwhile.
    ///
    /// # Errors
    /// When the disk refuses, or a file is damaged; nothing is lost.
    pub fn compact(&self) -> Result<(), Error> {
        self.flush()?;
        let states = self.inner.states();
        let flushed = states
            .iter()
            .map(|state| state.manifest.lock().flushed_generation);
        let eagerness = Eagerness::All(flushed.max().unwrap_or_default());
        loop {
            self.check_open()?;
            let mut upkeep = self.inner.upkeep.lock();
            if !self.inner.compact_some(&mut upkeep, eagerness)? {
                return Ok(());
            }
        }
    }
}

/// Opens files that readers may still come to, before their names go. One that cannot be opened is
/// met again by the reader that needs it.
pub(super) fn hold(runs: &[Arc<RunReader>], blocks: &[Arc<BlockReader>]) {
    for run in runs {
        let _ = run.hold();
    }
    for block in blocks {
        let _ = block.hold();
    }
}

impl Inner {
    /// Does one step of a compaction, of the one that is going on or of the next; whether there
    /// was one to do.
    pub(super) fn compact_some(
        &self,
        upkeep: &mut Upkeep,
        eagerness: Eagerness,
    ) -> Result<bool, Error> {
        let listed = |job: &Job| job.is_live();
        if !upkeep.job.as_deref().is_none_or(listed) {
            // A part of what it reads expired meanwhile: what is left is planned anew.
            Self::abandon_job(upkeep);
        }
        self.remove_abandoned(upkeep)?;
        let mut job = match upkeep.job.take() {
            Some(job) => job,
            None => match self.next_job(upkeep, eagerness)? {
                Some(job) => job,
                None => return Ok(false),
            },
        };
        let stepped = self.step_job(&mut job);
        let held = if matches!(stepped, Ok(true)) {
            job.heap_bytes()
        } else {
            0
        };
        job.state.upkeep_bytes.store(held, Ordering::Relaxed);
        match stepped {
            Ok(true) => upkeep.job = Some(job),
            Ok(false) => {
                self.counters.compactions.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) if job.stage == Stage::Written => {
                // The manifest that lists the new blocks may be the one on the disk, so they stay
                // until another one is written: the next step tries again.
                upkeep.job = Some(job);
                return Err(error);
            }
            Err(error) => {
                if error.kind() == ErrorKind::Corrupt {
                    // The others go on without what is damaged.
                    let blocks = job.plan.blocks.iter().map(|one| one.meta().header.id.0);
                    let runs = job.plan.runs.iter().map(|one| one.meta().header.id.0);
                    let damaged = upkeep.damaged.entry(job.state.id).or_default();
                    damaged.extend(blocks.chain(runs));
                }
                upkeep.abandoned.append(&mut job.files);
                return Err(error);
            }
        }
        Ok(true)
    }

    /// Gives a compaction up: what it has written is removed.
    fn abandon_job(upkeep: &mut Upkeep) {
        if let Some(mut job) = upkeep.job.take() {
            job.state.upkeep_bytes.store(0, Ordering::Relaxed);
            upkeep.abandoned.append(&mut job.files);
        }
    }

    fn remove_abandoned(&self, upkeep: &mut Upkeep) -> Result<(), Error> {
        while let Some(path) = upkeep.abandoned.last() {
            for path in [path.clone(), temporary_path(path)] {
                remove_if_there(&*self.vfs, &path).map_err(Error::io("removing", path))?;
            }
            upkeep.abandoned.pop();
        }
        Ok(())
    }

    /// One bounded step; whether there are more.
    fn step_job(&self, job: &mut Job) -> Result<bool, Error> {
        if let Some((id, mut compaction)) = job.current.take() {
            if !compaction.step(&job.state.head(), STEP_SAMPLES)? {
                job.current = Some((id, compaction));
                return Ok(true);
            }
            if compaction.finish()?.is_some() {
                let block = self.publish_block(&job.state, id)?;
                job.outputs.push(block);
            } else {
                let temporary = temporary_path(&block_path(&job.state.folder, id));
                self.vfs
                    .remove(&temporary)
                    .map_err(Error::io("removing", temporary))?;
            }
            return Ok(true);
        }
        if let Some(window) = job.plan.windows.pop_front() {
            let begun = self.begin_block(job, window)?;
            job.current = Some(begun);
            return Ok(true);
        }
        job.stage = Stage::Written;
        self.publish_job(job)?;
        Ok(false)
    }

    /// Trains the tables of a block, if it has any, and starts it under its temporary name.
    fn begin_block(&self, job: &mut Job, window: Window) -> Result<(BlockId, Compaction), Error> {
        let inputs = job.plan.inputs();
        let sealing = if job.plan.dense {
            Sealing::Dense(train(&inputs, window)?)
        } else {
            Sealing::Fresh
        };
        let id = BlockId(job.state.new_file().0);
        let (first_generation, last_generation) = job.plan.generations(&self.options.rules);
        let header = BlockHeader {
            namespace: job.state.id,
            id,
            first_generation,
            last_generation,
            window,
        };
        let path = block_path(&job.state.folder, id);
        job.files.push(path.clone());
        let temporary = temporary_path(&path);
        let file = self
            .vfs
            .create(&temporary)
            .map_err(Error::io("creating", &temporary))?;
        let writer = BlockWriter::create(&path, file, header, sealing)?;
        let writer = if self.options.rules.run_synced_before_listed {
            writer
        } else {
            writer.unsynced()
        };
        let compaction = Compaction::new(inputs, window, job.keep, writer);
        let compaction = compaction.applying(job.deletes.clone(), self.options.rules);
        Ok((id, compaction))
    }

    /// Gives a block that was written its name, durably, and opens it.
    fn publish_block(
        &self,
        state: &NamespaceState,
        id: BlockId,
    ) -> Result<Arc<BlockReader>, Error> {
        let path = block_path(&state.folder, id);
        self.publish_file(&path)?;
        Ok(Arc::new(open_block(&*self.vfs, &path)?))
    }

    /// Lists what was made in the place of what it was made of.
    fn publish_job(&self, job: &mut Job) -> Result<(), Error> {
        let runs: Vec<RunId> = job
            .plan
            .runs
            .iter()
            .map(|one| one.meta().header.id)
            .collect();
        let blocks = job.plan.blocks.iter().map(|one| one.meta().header.id);
        let blocks: Vec<BlockId> = blocks.collect();
        self.replace_files(&job.state, (&runs, &blocks), (None, &job.outputs))?;
        job.stage = Stage::Listed;
        let old_runs = runs.iter().map(|run| run_path(&job.state.folder, *run));
        let old_blocks = blocks
            .iter()
            .map(|block| block_path(&job.state.folder, *block));
        job.files = old_runs.chain(old_blocks).collect();
        self.remove_files(&job.state, &runs, &blocks)
    }

    /// Takes runs and blocks out of the manifest and of what is live, and others in.
    pub(super) fn replace_files(
        &self,
        state: &NamespaceState,
        (runs, blocks): (&[RunId], &[BlockId]),
        (run, outputs): (Option<Arc<RunReader>>, &[Arc<BlockReader>]),
    ) -> Result<(), Error> {
        let mut manifest = state.manifest.lock();
        let mut next = manifest.clone();
        next.runs.retain(|run| !runs.contains(&run.id));
        let merged = run
            .as_ref()
            .map(|run| crate::manifest::RunEntry::of(run.meta()));
        next.runs.extend(merged.flatten());
        next.blocks.retain(|block| !blocks.contains(&block.id));
        let made = outputs.iter().map(|block| BlockEntry::of(block.meta()));
        next.blocks.extend(made);
        self.drop_tombstones(&mut next);
        self.write_manifest(state, &mut manifest, next)?;
        let gone_run = |run: &&Arc<RunReader>| runs.contains(&run.meta().header.id);
        let gone_block = |block: &&Arc<BlockReader>| blocks.contains(&block.meta().header.id);
        let before = state.head().live();
        state.head().change_live(|live| Live {
            runs: live
                .runs
                .iter()
                .filter(|run| !gone_run(run))
                .cloned()
                .chain(run)
                .collect(),
            blocks: live
                .blocks
                .iter()
                .filter(|block| !gone_block(block))
                .cloned()
                .chain(outputs.iter().cloned())
                .collect(),
            deletes: still_needed(live, &manifest),
            ..live.clone()
        });
        drop(manifest);
        let runs: Vec<_> = before.runs.iter().filter(gone_run).cloned().collect();
        if !runs.is_empty() {
            state.runs_gone.fetch_add(1, Ordering::Relaxed);
        }
        let blocks: Vec<_> = before.blocks.iter().filter(gone_block).cloned().collect();
        hold(&runs, &blocks);
        state.head().pins().note(&runs, &blocks);
        Ok(())
    }

    /// Removes files that nothing lists any more; what readers hold of them stays readable.
    pub(super) fn remove_files(
        &self,
        state: &NamespaceState,
        runs: &[RunId],
        blocks: &[BlockId],
    ) -> Result<(), Error> {
        let runs = runs.iter().map(|run| run_path(&state.folder, *run));
        let blocks = blocks.iter().map(|block| block_path(&state.folder, *block));
        let mut folders = Vec::new();
        for path in runs.chain(blocks) {
            let folder = path.parent().map(std::path::Path::to_path_buf);
            folders.extend(folder.filter(|folder| !folders.contains(folder)));
            self.vfs
                .remove(&path)
                .map_err(Error::io("removing", path))?;
        }
        for folder in folders {
            self.vfs
                .sync_dir(&folder)
                .map_err(Error::io("syncing the folder", folder))?;
        }
        Ok(())
    }

    fn next_job(
        &self,
        upkeep: &mut Upkeep,
        eagerness: Eagerness,
    ) -> Result<Option<Box<Job>>, Error> {
        if let Some(job) = self.next_merge(upkeep, eagerness)? {
            return Ok(Some(job));
        }
        let Some(Scrub { state, block }) = self.next_scrub(upkeep)? else {
            return Ok(None);
        };
        let plan = Plan {
            windows: VecDeque::from([block.meta().header.window]),
            dense: block.meta().dense,
            blocks: vec![block],
            ..Plan::default()
        };
        let oldest_ms = self.left_out_before(&state);
        Ok(Some(self.job(state, plan, oldest_ms)))
    }

    fn job(&self, state: Arc<NamespaceState>, plan: Plan, oldest_ms: i64) -> Box<Job> {
        let keep = TimeRange::inclusive(oldest_ms, i64::MAX);
        Box::new(Job {
            deletes: self.listed_deletes(&state),
            state,
            plan,
            keep: keep.unwrap_or(TimeRange::ALL),
            current: None,
            outputs: Vec::new(),
            stage: Stage::Writing,
            files: Vec::new(),
        })
    }

    fn next_merge(
        &self,
        upkeep: &mut Upkeep,
        eagerness: Eagerness,
    ) -> Result<Option<Box<Job>>, Error> {
        let nothing = HashSet::new();
        for state in self.states() {
            let damaged = upkeep.damaged.get(&state.id).unwrap_or(&nothing);
            let oldest_ms = self.left_out_before(&state);
            let options = state.options.read();
            let part = options.retention_ms().map(|all| all / RETENTION_PARTS);
            let planner = Planner {
                live: state.head().live(),
                base_ms: options.window_ms().max(1),
                max_ms: part.map_or(WINDOW_MAX_MS, |part| part.min(WINDOW_MAX_MS)),
                now_ms: self.clock.now_ms(),
                oldest_ms,
                eagerness,
                damaged,
            };
            drop(options);
            let plan = match planner.runs() {
                Ok(plan) => plan.or_else(|| planner.blocks()),
                Err((run, error)) => return Err(upkeep.leave_out(state.id, run, error)),
            };
            if let Some(plan) = plan {
                return Ok(Some(self.job(state, plan, oldest_ms)));
            }
        }
        Ok(None)
    }
}

/// Chooses what to compact next in one namespace.
struct Planner<'a> {
    live: Arc<Live>,
    /// Length of the namespace's windows.
    base_ms: i64,
    /// No window is made longer, unless it is so already.
    max_ms: i64,
    now_ms: i64,
    /// Samples before this are left out.
    oldest_ms: i64,
    eagerness: Eagerness,
    damaged: &'a HashSet<u64>,
}

impl Planner<'_> {
    /// Whether samples of the window are not expected any more, or not for long yet.
    fn is_settled(&self, window: Window) -> bool {
        let length = window.last.saturating_sub(window.start).saturating_add(1);
        let slack = SLACK_MS.min(length / 8);
        window.last.saturating_add(slack) < self.now_ms
            || window.start > self.now_ms.saturating_add(length)
    }

    /// Whether the windows of a run are all settled. It is read only where what is known of it does
    /// not tell.
    fn is_run_settled(&self, run: &RunReader) -> Result<bool, RunError> {
        let last = run.meta().extent.map(|extent| extent.windows_max);
        if last.is_some_and(|last| last.saturating_add(SLACK_MS) < self.now_ms) {
            return Ok(true);
        }
        let mut sections = run.sections()?.iter();
        Ok(sections.all(|section| self.is_settled(section.window)))
    }

    /// Runs whose windows are all settled, oldest first, as blocks of their windows. The error
    /// names the run that cannot be read.
    fn runs(&self) -> Result<Option<Plan>, (RunId, RunError)> {
        let mut runs = Vec::new();
        for run in &self.live.runs {
            let header = run.meta().header;
            let due = !self.damaged.contains(&header.id.0)
                && match self.eagerness {
                    Eagerness::Due => {
                        let settled = self.is_run_settled(run);
                        settled.map_err(|error| (header.id, error))?
                    }
                    Eagerness::All(flushed) => header.last_generation <= flushed,
                };
            runs.extend(due.then(|| Arc::clone(run)));
        }
        runs.sort_by_key(|run| run.meta().header.id);
        runs.truncate(INPUTS_MAX);
        if runs.is_empty() {
            return Ok(None);
        }
        let mut windows: Vec<Window> = Vec::new();
        for run in &runs {
            let sections = run.sections();
            let sections = sections.map_err(|error| (run.meta().header.id, error))?;
            windows.extend(sections.iter().map(|section| section.window));
        }
        windows.sort_unstable();
        windows.dedup();
        windows.retain(|window| window.last >= self.oldest_ms);
        Ok(Some(Plan {
            runs,
            windows: windows.into(),
            ..Plan::default()
        }))
    }

    /// Blocks of one longer window, or of one window that came late, or one that should be small.
    fn blocks(&self) -> Option<Plan> {
        let mut lengths = vec![self.base_ms];
        while let Some(next) = lengths
            .last()
            .and_then(|last| last.checked_mul(LEVEL_FACTOR))
        {
            if next > self.max_ms {
                break;
            }
            lengths.push(next);
        }
        if self.eagerness != Eagerness::Due {
            // The longest first: what lies in between is not written at all.
            lengths.reverse();
        }
        for length in lengths {
            let mut windows: Vec<Window> = self
                .live
                .blocks
                .iter()
                .map(|b| self.at(b, length))
                .collect();
            windows.sort_unstable();
            windows.dedup();
            let mut plans = windows.into_iter().filter_map(|window| self.merge(window));
            if let Some(plan) = plans.next() {
                return Some(plan);
            }
        }
        self.live.blocks.iter().find_map(|block| self.reseal(block))
    }

    /// The window of some length that a block's window begins in.
    fn at(&self, block: &BlockReader, length: i64) -> Window {
        Window::of(block.meta().header.window.start, length)
    }

    /// The blocks inside a window as one, if there is more than one and it is worth it.
    fn merge(&self, window: Window) -> Option<Plan> {
        if self.eagerness == Eagerness::Due && !self.is_settled(window) {
            return None;
        }
        let inside = |block: &&Arc<BlockReader>| {
            let meta = block.meta();
            let inner = meta.header.window;
            window.start <= inner.start
                && inner.last <= window.last
                && !self.damaged.contains(&meta.header.id.0)
        };
        let mut blocks: Vec<_> = self.live.blocks.iter().filter(inside).cloned().collect();
        blocks.sort_by_key(|block| block.meta().header.id);
        blocks.truncate(INPUTS_MAX);
        let metas = || blocks.iter().map(|block| block.meta());
        let bytes: u64 = metas().map(|meta| meta.bytes).sum();
        let row_samples = metas().map(|meta| meta.row_samples_max).sum::<u64>();
        if blocks.len() < 2 || bytes > BLOCK_BYTES_MAX || row_samples > ROW_SAMPLES_MAX {
            return None;
        }
        let largest = metas().map(|meta| meta.bytes).max().unwrap_or_default();
        let late_only = (bytes - largest).saturating_mul(LATE_PART) < largest;
        if self.eagerness == Eagerness::Due && late_only && blocks.len() < LATE_FILES {
            return None;
        }
        let long = window.last.saturating_sub(window.start) >= self.base_ms;
        let dense = long || self.eagerness != Eagerness::Due || metas().any(|meta| meta.dense);
        Some(Plan {
            blocks,
            windows: VecDeque::from([window]),
            dense,
            ..Plan::default()
        })
    }

    /// A lone block that is old enough to be made small.
    fn reseal(&self, block: &Arc<BlockReader>) -> Option<Plan> {
        let meta = block.meta();
        let old = meta.header.window.last.saturating_add(DENSE_AFTER_MS) < self.now_ms;
        let due = old || self.eagerness != Eagerness::Due;
        let large = meta.row_samples_max > ROW_SAMPLES_MAX;
        if meta.dense || !due || large || self.damaged.contains(&meta.header.id.0) {
            return None;
        }
        Some(Plan {
            blocks: vec![Arc::clone(block)],
            windows: VecDeque::from([meta.header.window]),
            dense: true,
            ..Plan::default()
        })
    }
}
