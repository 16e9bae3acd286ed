//! Series leave memory, and the series files that define them are written anew without them: step
//! by step, one namespace at a time. `shard/forget.rs` tells how; here is when.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::database::Inner;
use super::maintenance::{Upkeep, note_synced};
use super::namespace::NamespaceState;
use super::{Error, ErrorKind};
use crate::manifest::SeriesFileEntry;
use crate::model::SeriesId;
use crate::series::{SeriesFile, SeriesHeader, series_path, snapshot_path};
use crate::shard::Rebuild;

/// Series leave once they are this part of all: less would not be worth the work.
const LEAVING_PART: usize = 8;
/// So many series are taken over in a step.
const STEP_SERIES: usize = 1 << 16;
/// So many are written to a series file in a step.
const STEP_DEFINITIONS: u32 = 1 << 14;

/// Series that are leaving memory, and their definitions the disk.
#[derive(Debug)]
pub(super) struct Forgetting {
    state: Arc<NamespaceState>,
    stage: Stage,
}

impl Forgetting {
    /// Whether they are those of this namespace.
    pub(super) fn is_of(&self, state: &NamespaceState) -> bool {
        self.state.id == state.id
    }
}

/// How far that is.
#[derive(Debug)]
enum Stage {
    /// They are marked; registry and index are made without them.
    Rebuilding(Option<Rebuild>),
    /// The files are ready to which new definitions go, and those of the series that stay.
    Ready(Option<Rebuild>, Files),
    /// They are gone from memory; definitions of those that stay are written to another file.
    Rewriting(Rewriting),
}

#[derive(Debug)]
struct Files {
    /// Number of the file that definitions are rewritten to: it comes before the next one's.
    rewritten: u64,
    /// Where new definitions will go.
    next: Arc<SeriesFile>,
}

#[derive(Debug)]
struct Rewriting {
    number: u64,
    /// No series that is to be rewritten has this id or a higher one.
    next_id: SeriesId,
    /// Slots of the series to be rewritten: from 0 up to here.
    end: u32,
    done: u32,
    out: Option<SeriesFile>,
    written: bool,
}

impl Inner {
    /// Does one bounded step of letting series leave, if there are any to; whether there was one.
    pub(super) fn forget_some(&self, upkeep: &mut Upkeep) -> Result<bool, Error> {
        let Some(mut forgetting) = upkeep.forgetting.take() else {
            return self.begin_forgetting(upkeep);
        };
        let more = self.step_forgetting(upkeep, &mut forgetting);
        if !matches!(more, Ok(false)) {
            upkeep.forgetting = Some(forgetting);
        }
        more.map(|_| true)
    }

    /// Looks whether enough series of a namespace can leave, and marks them.
    fn begin_forgetting(&self, upkeep: &mut Upkeep) -> Result<bool, Error> {
        for state in self.states() {
            if !may_have_unnamed(upkeep, &state) {
                continue;
            }
            let head = state.head();
            let gone = state.runs_gone.load(Ordering::Relaxed);
            let found = head.unnamed().map_err(Error::from);
            let damaged = |error: &Error| error.kind() == ErrorKind::Corrupt;
            if found.as_ref().err().is_none_or(damaged) {
                // What a damaged run names is not known: nothing leaves until it is gone.
                upkeep.scanned.insert(state.id, gone);
            }
            let (unnamed, all) = found?;
            if unnamed.len() * LEAVING_PART <= all || unnamed.is_empty() {
                continue;
            }
            if !self.has_room(&state, unnamed.len(), all) {
                // Looked at again when more can leave.
                continue;
            }
            let no_append = self.gate.write();
            let leaving = head.mark_leaving(unnamed);
            drop(no_append);
            let forgotten = &self.counters.series_forgotten;
            forgotten.fetch_add(leaving as u64, Ordering::Relaxed);
            upkeep.forgetting = Some(Box::new(Forgetting {
                state,
                stage: Stage::Rebuilding(Some(Rebuild::default())),
            }));
            return Ok(true);
        }
        Ok(false)
    }

    /// Whether registry and index of the series that stay fit beside the old ones.
    fn has_room(&self, state: &NamespaceState, leaving: usize, all: usize) -> bool {
        self.account();
        let used = state.memory();
        let stay = (used.registry + used.index) as u64 / all.max(1) as u64;
        let needed = stay * (all - leaving) as u64;
        self.memory.total() + needed <= self.memory.budget()
    }

    /// One step; whether there are more.
    fn step_forgetting(
        &self,
        upkeep: &mut Upkeep,
        forgetting: &mut Forgetting,
    ) -> Result<bool, Error> {
        let Forgetting { state, stage } = forgetting;
        let head = state.head();
        match stage {
            Stage::Rebuilding(rebuild) => {
                let seen = rebuild
                    .as_mut()
                    .is_none_or(|made| made.step(&head, STEP_SERIES));
                let bytes = rebuild.as_ref().map_or(0, Rebuild::heap_bytes);
                state.rebuild_bytes.store(bytes, Ordering::Relaxed);
                if seen {
                    let files = self.prepare_series_files(state)?;
                    *stage = Stage::Ready(rebuild.take(), files);
                }
            }
            Stage::Ready(rebuild, files) => {
                // What was added meanwhile: little is left for when appends are kept out.
                let made = rebuild.as_mut();
                if made.is_none_or(|made| made.step(&head, STEP_SERIES)) {
                    let next = (&**state, rebuild, &files.next);
                    let cut = self.cut_and_succeed(upkeep, next);
                    if let Some((end, next_id)) = cut.1 {
                        state.rebuild_bytes.store(0, Ordering::Relaxed);
                        *stage = Stage::Rewriting(Rewriting::new(files.rewritten, end, next_id));
                    }
                    cut.0?;
                }
            }
            Stage::Rewriting(rewriting) => {
                return self.rewrite_series_files(upkeep, state, rewriting);
            }
        }
        Ok(true)
    }

    /// Makes and lists the file that new definitions will go to, so that it is found by whoever
    /// opens the folder once there are any.
    fn prepare_series_files(&self, state: &NamespaceState) -> Result<Files, Error> {
        let rewritten = state.new_file().0;
        let number = state.new_file().0;
        let header = SeriesHeader {
            namespace: state.id,
            number,
            next_id: state.head().next_id(),
        };
        let next = Arc::new(SeriesFile::create(&*self.vfs, &state.folder, header)?);
        let mut manifest = state.manifest.lock();
        let mut listing = manifest.clone();
        listing.series_files.push(SeriesFileEntry {
            number,
            synced_len: next.synced_end(),
        });
        self.write_manifest(state, &mut manifest, listing)?;
        drop(manifest);
        self.series_files.0.write().push(Arc::clone(&next));
        Ok(Files { rewritten, next })
    }

    /// Closes the open generation, and lets a `Head` without the series that are leaving take over
    /// with the next. Answers how many slots it has, and its next id, if it did.
    fn cut_and_succeed(
        &self,
        upkeep: &mut Upkeep,
        (state, rebuild, file): (&NamespaceState, &mut Option<Rebuild>, &Arc<SeriesFile>),
    ) -> (Result<(), Error>, Option<(u32, SeriesId)>) {
        let head = state.head();
        let mut succeeded = None;
        let open = |one: &NamespaceState, next| {
            if one.id != state.id {
                return false;
            }
            let Some(rebuild) = rebuild.take() else {
                return false;
            };
            let window_ms = one.options.read().window_ms();
            let next = head.succeed(rebuild, (next, window_ms), Arc::clone(file));
            let end = u32::try_from(next.series_len()).unwrap_or(u32::MAX);
            succeeded = Some((end, next.next_id()));
            one.set_head(next);
            true
        };
        let cut = self.cut_opening(upkeep, open, |_| ());
        if cut.is_ok() && succeeded.is_some() {
            // Nothing is queued for the old file any more, and the cut has synced it.
            if let Some(sealed) = head.series_file() {
                note_synced(&mut state.manifest.lock(), sealed);
                let mut files = self.series_files.0.write();
                files.retain(|file| !Arc::ptr_eq(sealed, file));
            }
        }
        (cut, succeeded)
    }

    /// Writes definitions to a file that takes the place of the sealed ones; whether there is more
    /// to do.
    fn rewrite_series_files(
        &self,
        upkeep: &mut Upkeep,
        state: &NamespaceState,
        rewriting: &mut Rewriting,
    ) -> Result<bool, Error> {
        if !rewriting.written {
            // What fails is begun anew: nothing lists the file yet.
            let step = self.rewrite_some(state, rewriting);
            if step.is_err() {
                (rewriting.out, rewriting.done) = (None, 0);
            }
            step?;
            return Ok(true);
        }
        self.list_rewritten(upkeep, state, rewriting)?;
        Ok(false)
    }

    fn rewrite_some(&self, state: &NamespaceState, rewriting: &mut Rewriting) -> Result<(), Error> {
        if rewriting.out.is_none() {
            let header = SeriesHeader {
                namespace: state.id,
                number: rewriting.number,
                next_id: rewriting.next_id,
            };
            let file = SeriesFile::create(&*self.vfs, &state.folder, header)?;
            rewriting.out = Some(file);
        }
        let Some(out) = &rewriting.out else {
            return Ok(());
        };
        let head = state.head();
        if rewriting.done < rewriting.end {
            let slots = (rewriting.done, rewriting.end);
            rewriting.done = head.define_again(out, slots, STEP_DEFINITIONS)?;
        } else {
            head.describe_again(out)?;
            rewriting.written = true;
        }
        Ok(())
    }

    /// Lists the rewritten file in the place of the sealed ones, and removes these.
    fn list_rewritten(
        &self,
        upkeep: &mut Upkeep,
        state: &NamespaceState,
        rewriting: &Rewriting,
    ) -> Result<(), Error> {
        let Some(out) = &rewriting.out else {
            return Ok(());
        };
        // Frames of exemplars may name series that left, in logs that the cut has closed: these are
        // flushed by now, which saves the exemplars, so that replay passes over such frames.
        let mut manifest = state.manifest.lock();
        let mut next = manifest.clone();
        let is_sealed = |file: &SeriesFileEntry| file.number <= rewriting.number;
        let sealed = next.series_files.iter().filter(|file| is_sealed(file));
        let sealed: Vec<PathBuf> = sealed
            .filter(|file| file.number != rewriting.number)
            .map(|file| series_path(&state.folder, file.number))
            // A snapshot of them fits nothing any more.
            .chain([snapshot_path(&state.folder)])
            .collect();
        if !self.options.rules.series_file_listed_before_sealed_go {
            self.remove_series_files(state, &sealed)?;
        }
        next.series_files.retain(|file| !is_sealed(file));
        let entry = SeriesFileEntry {
            number: rewriting.number,
            synced_len: out.synced_end(),
        };
        next.series_files.insert(0, entry);
        self.write_manifest(state, &mut manifest, next)?;
        drop(manifest);
        self.counters
            .series_files_rewritten
            .fetch_add(1, Ordering::Relaxed);
        if self.options.rules.series_file_listed_before_sealed_go {
            let removed = self.remove_series_files(state, &sealed);
            if removed.is_err() {
                // Nothing lists them: they are removed later.
                upkeep.abandoned.extend(sealed);
            }
            removed?;
        }
        Ok(())
    }

    fn remove_series_files(&self, state: &NamespaceState, paths: &[PathBuf]) -> Result<(), Error> {
        for path in paths {
            crate::vfs::remove_if_there(&*self.vfs, path).map_err(Error::io("removing", path))?;
        }
        let folder: &Path = &state.folder.join("series");
        self.vfs
            .sync_dir(folder)
            .map_err(Error::io("syncing the folder", folder))
    }
}

impl Rewriting {
    fn new(number: u64, end: u32, next_id: SeriesId) -> Self {
        Self {
            number,
            next_id,
            end,
            done: 0,
            out: None,
            written: false,
        }
    }
}

/// Whether a namespace may have series that nothing names: at first, and whenever a run went.
fn may_have_unnamed(upkeep: &Upkeep, state: &NamespaceState) -> bool {
    let head = state.head();
    let live = head.live();
    // A generation that is not flushed may have slots of its own.
    if live.generations.len() > 1 || head.series_len() == 0 {
        return false;
    }
    let gone = state.runs_gone.load(Ordering::Relaxed);
    upkeep.scanned.get(&state.id) != Some(&gone)
}
