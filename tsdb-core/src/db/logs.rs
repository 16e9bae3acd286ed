//! Replay: every log above the flushed generations, each into a generation of its own.

use std::path::Path;
use std::sync::Arc;

use super::recovery::{RecoveryReport, TornTail};
use super::replay::{Batch, BatchLimits, Replay, ReplayRules};
use super::{DbOptions, Error};
use crate::index::MemIndex;
use crate::model::{Generation, NamespaceId};
use crate::series::Registry;
use crate::shard::{Delete, Exemplars, GenerationBuffers};
use crate::vfs::{OpenMode, Vfs};
use crate::wal::{
    DeleteFrame, LOG_HEADER_BYTES, LogFile, LogReader, Torn, WalError, first_valid_frame, log_path,
};

/// A namespace as replay needs it.
pub(super) struct Target<'a> {
    pub(super) id: NamespaceId,
    pub(super) flushed: Generation,
    pub(super) window_ms: i64,
    pub(super) registry: &'a Registry,
    pub(super) index: &'a MemIndex,
    pub(super) exemplars: &'a Exemplars,
    /// Where its definitions end, in words.
    pub(super) definitions: String,
    /// Filled by replay, oldest first.
    pub(super) generations: Vec<Arc<GenerationBuffers>>,
    /// Those that the manifest lists, and behind them those of the logs.
    pub(super) deletes: Vec<Arc<Delete>>,
    /// The generation of the last delete so far.
    pub(super) last_delete: Generation,
}

impl Target<'_> {
    /// What replay found of it.
    pub(super) fn replayed(self) -> Replayed {
        Replayed {
            generations: self.generations,
            deletes: self.deletes,
            last_delete: self.last_delete,
        }
    }
}

/// All namespaces as replay needs them.
pub(super) struct Targets<'a> {
    pub(super) all: Vec<Target<'a>>,
    /// Numbers below it that none of them has were those of namespaces that were removed.
    pub(super) next_namespace: NamespaceId,
}

impl<'a> Targets<'a> {
    /// Which of them has this number; none if it was removed.
    pub(super) fn find(&self, id: NamespaceId) -> Result<Option<usize>, String> {
        let found = self.all.iter().position(|target| target.id == id);
        if found.is_none() && id >= self.next_namespace {
            return Err(format!(
                "a frame of namespace {id}, which the catalog has never listed"
            ));
        }
        Ok(found)
    }
}

/// What logs and manifest hold of a namespace.
#[derive(Debug, Default)]
pub(super) struct Replayed {
    pub(super) generations: Vec<Arc<GenerationBuffers>>,
    pub(super) deletes: Vec<Arc<Delete>>,
    pub(super) last_delete: Generation,
}

/// A log that was replayed.
#[derive(Debug)]
struct ReplayedLog {
    generation: Generation,
    /// Behind the last good frame.
    end: u64,
    /// Length of the file.
    len: u64,
    /// LSN and offset of some frames, the first among them: all would be too many to keep.
    landmarks: Vec<(u64, u64)>,
}

/// What replay found.
#[derive(Debug, Default)]
pub(super) struct Logs {
    /// Logs that must stay until they are flushed, with their lengths.
    pub(super) live: Vec<(Generation, u64)>,
    /// Logs that no namespace needs.
    pub(super) dead: Vec<Generation>,
    pub(super) last_lsn: u64,
    pub(super) last_generation: Generation,
    /// The wall clock when the last frame was written.
    pub(super) last_wall_ms: Option<i64>,
    replayed: Vec<ReplayedLog>,
    synced: u64,
}

/// Generations that have a log, in order.
pub(super) fn list(vfs: &dyn Vfs) -> Result<Vec<Generation>, Error> {
    let names = vfs
        .list(Path::new("wal"))
        .map_err(Error::io("listing", "wal"))?;
    let numbers = names
        .iter()
        .filter_map(|name| name.strip_suffix(".log")?.parse().ok());
    let mut generations: Vec<Generation> = numbers.map(Generation).collect();
    generations.sort_unstable();
    Ok(generations)
}

/// Reads all logs. Changes nothing on disk.
pub(super) fn replay(
    vfs: &dyn Vfs,
    options: &DbOptions,
    targets: &mut Targets<'_>,
    report: &mut RecoveryReport,
) -> Result<Logs, Error> {
    let generations = list(vfs)?;
    let flushed_by_all = targets
        .all
        .iter()
        .map(|target| target.flushed)
        .min()
        .unwrap_or_default();
    let mut logs = Logs {
        last_generation: flushed_by_all,
        ..Logs::default()
    };
    for target in &targets.all {
        let noted = target.exemplars.lock().last_generation();
        logs.last_generation = logs.last_generation.max(target.flushed).max(noted);
    }
    let live = generations.iter().filter(|one| **one > flushed_by_all);
    count_logs(vfs, options, live.copied())?;
    let mut expected = None;
    for (at, &generation) in generations.iter().enumerate() {
        logs.last_generation = logs.last_generation.max(generation);
        if generation <= flushed_by_all {
            logs.dead.push(generation);
            continue;
        }
        let newer = generations.get(at + 1..).unwrap_or_default();
        match read_log(
            vfs, options, generation, expected, targets, &mut logs, report,
        )? {
            None => expected = Some(logs.last_lsn + 1),
            Some(torn) => {
                refuse_if_claimed(vfs, options, &torn, generation, newer, logs.last_lsn)?;
                report.torn.push(TornTail {
                    path: torn.path,
                    offset: torn.offset,
                    bytes: torn.bytes,
                    what: torn.what.to_owned(),
                });
            }
        }
    }
    finish(&mut targets.all, &mut logs);
    Ok(logs)
}

/// Tells whoever looks how much there is to replay.
fn count_logs(
    vfs: &dyn Vfs,
    options: &DbOptions,
    generations: impl Iterator<Item = Generation>,
) -> Result<(), Error> {
    let Some(progress) = &options.progress else {
        return Ok(());
    };
    let (mut logs, mut bytes) = (0, 0);
    for path in generations.map(log_path) {
        let file = vfs.open(&path, OpenMode::Read);
        let len = file.and_then(|file| file.len());
        bytes += len.map_err(Error::io("reading the length of", path))?;
        logs += 1;
    }
    progress.set_logs(logs, bytes);
    Ok(())
}

impl Logs {
    /// Tells whoever looks how much was replayed, `offset` bytes of the log at hand among it.
    fn tell(&self, options: &DbOptions, offset: u64) {
        if let Some(progress) = &options.progress {
            let before: u64 = self.replayed.iter().map(|log| log.len).sum();
            progress.replayed(self.replayed.len() as u64, before + offset);
        }
    }
}

fn finish(targets: &mut [Target<'_>], logs: &mut Logs) {
    for target in &mut *targets {
        target.generations.retain(|buffers| !buffers.is_empty());
    }
    for log in &logs.replayed {
        let used = |target: &Target<'_>| {
            target
                .generations
                .iter()
                .any(|buffers| buffers.generation() == log.generation)
                || target
                    .deletes
                    .iter()
                    .any(|delete| delete.generation() == log.generation)
                || target.exemplars.lock().needs_log(log.generation)
        };
        // Those that are removed are the oldest ones: no number of a frame may be missing between
        // logs that stay, although all of one in between are of a namespace that was removed.
        let between = !logs.live.is_empty() && !log.landmarks.is_empty();
        if targets.iter().any(used) || between {
            logs.live.push((log.generation, log.end));
        } else {
            logs.dead.push(log.generation);
        }
    }
}

fn read_log(
    vfs: &dyn Vfs,
    options: &DbOptions,
    generation: Generation,
    expected: Option<u64>,
    targets: &mut Targets<'_>,
    logs: &mut Logs,
    report: &mut RecoveryReport,
) -> Result<Option<Torn>, Error> {
    let mut reader = LogReader::open(vfs, generation)?;
    report.logs += 1;
    let mut log = ReplayedLog {
        generation,
        end: LOG_HEADER_BYTES as u64,
        len: reader.len(),
        landmarks: Vec::new(),
    };
    if expected.is_none() {
        logs.last_lsn = reader.header().first_lsn.saturating_sub(1);
    }
    let path = log_path(generation);
    if let Some(expected) = expected.filter(|expected| *expected != reader.header().first_lsn) {
        return Err(ends_early(logs, expected, &path));
    }
    begin_generation(&mut targets.all, options, generation);
    let rules = ReplayRules::of(options);
    let mut replay = Replay::new(rules);
    let mut read = |batch: &mut Batch| {
        // What stands before it was applied, or is being.
        logs.tell(options, reader.offset());
        read_batch(&mut reader, batch, rules.limits, &mut log, logs)
    };
    let (mut batch, mut next) = (Batch::default(), Batch::default());
    let mut end = read(&mut batch);
    let corrupt = |offset, what| {
        let path = path.clone();
        Error::Corrupt { path, offset, what }
    };
    let torn = loop {
        report.frames += batch.len() as u64;
        let is_full = matches!(end, Ok(ReadEnd::Full));
        // The next batch is read while this one is applied.
        let (applied, next_end) =
            replay.apply(targets, &mut batch, || is_full.then(|| read(&mut next)));
        applied.map_err(|bad| corrupt(bad.offset, bad.what))?;
        end = match (next_end, end?) {
            (Some(next_end), _) => {
                std::mem::swap(&mut batch, &mut next);
                next_end
            }
            (None, ReadEnd::Last(torn)) => break torn,
            (None, ReadEnd::Alone { offset, payload }) => {
                report.frames += 1;
                let first = offset == LOG_HEADER_BYTES as u64;
                let first = first || !options.rules.delete_begins_generation;
                apply_delete(&payload, generation, first, targets)
                    .map_err(|what| corrupt(offset, what))?;
                read(&mut batch)
            }
            (None, ReadEnd::Full) => read(&mut batch),
        };
    };
    report.samples += replay.samples();
    log.end = reader.offset();
    logs.replayed.push(log);
    logs.tell(options, 0);
    Ok(torn)
}

/// Gives each namespace buffers for the samples of a log.
fn begin_generation(targets: &mut [Target<'_>], options: &DbOptions, generation: Generation) {
    for target in targets {
        if options.rules.replay_keeps_generations || target.generations.is_empty() {
            let buffers = GenerationBuffers::new(generation, target.window_ms);
            target.generations.push(Arc::new(buffers));
        }
    }
}

/// Why a batch has no more frames.
enum ReadEnd {
    /// It is full.
    Full,
    /// A frame comes that is applied by itself: after all before it, before all behind it.
    Alone { offset: u64, payload: Vec<u8> },
    /// The log ends, perhaps torn.
    Last(Option<Torn>),
}

/// Reads frames until there is a reason to stop.
fn read_batch(
    reader: &mut LogReader,
    batch: &mut Batch,
    limits: BatchLimits,
    log: &mut ReplayedLog,
    logs: &mut Logs,
) -> Result<ReadEnd, Error> {
    loop {
        match reader.next_frame()? {
            Err(torn) => return Ok(ReadEnd::Last(Some(torn))),
            Ok(None) => return Ok(ReadEnd::Last(None)),
            Ok(Some(frame)) => {
                logs.synced = logs.synced.max(frame.stamp.synced);
                logs.last_lsn = frame.stamp.lsn;
                logs.last_wall_ms = Some(frame.stamp.written_ms);
                log.note(frame.offset, frame.stamp.lsn);
                if DeleteFrame::is_one(frame.payload) {
                    let (offset, payload) = (frame.offset, frame.payload.to_vec());
                    return Ok(ReadEnd::Alone { offset, payload });
                }
                if !batch.push(frame.offset, frame.payload, limits) {
                    return Ok(ReadEnd::Full);
                }
            }
        }
    }
}

/// The log before `newer` lacks frames, although `newer` was begun only when they were synced.
fn ends_early(logs: &Logs, expected: u64, newer: &Path) -> Error {
    let last = logs.replayed.last();
    let (generation, offset) = last.map_or_else(Default::default, |log| (log.generation, log.end));
    Error::Corrupt {
        path: log_path(generation),
        offset,
        what: format!(
            "frame {expected} does not follow, although {} begins behind it: restore this log \
             from a backup",
            newer.display()
        ),
    }
}

impl ReplayedLog {
    /// Remembers where frames start: sparsely, each remembered LSN standing for those behind it.
    fn note(&mut self, offset: u64, lsn: u64) {
        const STRIDE: u64 = 64;
        if lsn.is_multiple_of(STRIDE) || self.landmarks.is_empty() {
            self.landmarks.push((lsn, offset));
        }
    }

    /// An offset at or before the first frame behind `synced`.
    fn first_unsynced(&self, synced: u64) -> u64 {
        let at = self
            .landmarks
            .partition_point(|(lsn, _)| *lsn <= synced + 1);
        let frame = at.checked_sub(1).and_then(|at| self.landmarks.get(at));
        frame.map_or(LOG_HEADER_BYTES as u64, |(_, offset)| *offset)
    }
}

/// Notes a delete, unless the manifest is past it; a log has one, in front.
fn apply_delete(
    payload: &[u8],
    generation: Generation,
    first: bool,
    targets: &mut Targets<'_>,
) -> Result<(), String> {
    let frame = DeleteFrame::decode(payload).map_err(|error| error.to_string())?;
    if !first || frame.tombstone.generation != generation {
        return Err("a delete that does not begin its generation".to_owned());
    }
    let found = targets.find(frame.namespace)?;
    let Some(target) = found.and_then(|at| targets.all.get_mut(at)) else {
        return Ok(());
    };
    if generation <= target.flushed {
        return Ok(());
    }
    check_seen(target, frame.delete_seen)?;
    let delete = Delete::new(frame.tombstone).map_err(|error| error.to_string())?;
    target.exemplars.delete(&delete);
    target.deletes.push(Arc::new(delete));
    target.last_delete = generation;
    Ok(())
}

/// A writer has seen no delete that is not known: deletes come first in their logs.
pub(super) fn check_seen(target: &Target<'_>, seen: Generation) -> Result<(), String> {
    if seen <= target.last_delete {
        return Ok(());
    }
    Err(format!(
        "its writer had seen the delete of generation {seen}, but the last one found is of {}",
        target.last_delete
    ))
}

/// A bad frame is corruption if a valid frame behind it claims that it was synced, or if there is
/// a newer log: none is begun before all that stands in the older ones is synced.
fn refuse_if_claimed(
    vfs: &dyn Vfs,
    options: &DbOptions,
    torn: &Torn,
    generation: Generation,
    newer: &[Generation],
    last_lsn: u64,
) -> Result<(), Error> {
    let corrupt = |what: String| {
        Err(Error::Wal(WalError::Corrupt {
            path: torn.path.clone(),
            offset: torn.offset,
            what,
        }))
    };
    let advice = format!(
        "restore this log from a backup, or give up what follows byte {}",
        torn.offset
    );
    if let Some(&newer) = newer.first() {
        let (what, newer) = (torn.what, log_path(newer));
        return corrupt(format!(
            "{what}, although it was synced before {} was begun: {advice}",
            newer.display()
        ));
    }
    match first_valid_frame(vfs, generation, torn.offset, last_lsn)? {
        Some((offset, synced)) if synced > last_lsn || !options.rules.torn_unless_claimed => {
            corrupt(format!(
                "{}, but the frame at byte {offset} says that it was synced: {advice}",
                torn.what
            ))
        }
        _ => Ok(()),
    }
}

impl Logs {
    /// Cuts torn ends off, writes anew what was not known to be synced, and syncs it all.
    pub(super) fn make_durable(&self, vfs: &dyn Vfs, options: &DbOptions) -> Result<(), Error> {
        let rules = &options.rules;
        for log in &self.replayed {
            let file = LogFile::open(vfs, log.generation)?;
            let keep = if rules.recovery_cuts_torn_frames {
                log.end
            } else {
                log.len
            };
            let from = if rules.recovery_rewrites_unsynced {
                log.first_unsynced(self.synced).min(keep)
            } else {
                keep
            };
            file.cut_and_rewrite(keep, from)?;
            if rules.recovery_syncs {
                file.sync()?;
            }
        }
        if rules.recovery_syncs {
            vfs.sync_dir(Path::new("wal"))
                .map_err(Error::io("syncing the folder", "wal"))?;
        }
        Ok(())
    }
}
