//! Deleting: a tombstone is logged as the first frame of a new generation, and hides from then on
//! what is older. Compaction takes the samples off the disk in its own time.

use std::sync::Arc;

use super::database::Inner;
use super::maintenance::Upkeep;
use super::namespace::NamespaceState;
use super::{Error, Namespace};
use crate::manifest::Manifest;
use crate::model::{
    Generation, Matcher, MatcherText, TOMBSTONE_BYTES_MAX, TOMBSTONE_MATCHERS_MAX, TimeRange,
    Tombstone,
};
use crate::shard::{Delete, Live};
use crate::wal::{Ack, CommitLog, CommitTicket, DeleteFrame};

/// What became of a delete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeleteReport {
    /// Series that matched and had samples in the range, to the exactness of chunks.
    pub series: u64,
    /// The generation of the log that the delete began; `None` if there was nothing to delete.
    pub generation: Option<Generation>,
}

impl Namespace {
    /// Deletes the samples and exemplars in `range` of all series that match all `matchers`: durable, and seen
    /// by no read any more, when this returns. Samples that are written afterwards are seen, also
    /// at the same timestamps. The disk comes free as compaction goes on.
    ///
    /// # Errors
    /// [`super::ErrorKind::InvalidInput`] without matchers (see
    /// [`Namespace::delete_all_series`]) or when they are too many or too long;
    /// [`super::ErrorKind::Backpressure`] when too many deletes wait for compaction; and when the
    /// disk refuses: then it may or may not have happened once the Db is opened again.
    pub fn delete(&self, range: TimeRange, matchers: &[Matcher]) -> Result<DeleteReport, Error> {
        if matchers.is_empty() {
            return Err(Error::Invalid {
                name: "the list of matchers of a delete",
                value: "empty".to_owned(),
                why: "it would delete every series: name some, or call delete_all_series",
            });
        }
        self.delete_matching(range, matchers)
    }

    /// [`Namespace::delete`] of every series.
    ///
    /// # Errors
    /// As [`Namespace::delete`].
    pub fn delete_all_series(&self, range: TimeRange) -> Result<DeleteReport, Error> {
        self.delete_matching(range, &[])
    }

    fn delete_matching(
        &self,
        range: TimeRange,
        matchers: &[Matcher],
    ) -> Result<DeleteReport, Error> {
        self.inner.check_open()?;
        let log = self.inner.log.as_ref().ok_or(Error::ReadOnly)?;
        let tombstone = Tombstone {
            generation: Generation(0),
            range,
            matchers: matchers.iter().map(MatcherText::of).collect(),
        };
        check_size(&tombstone)?;
        let head = self.state.head_there()?;
        let series = head.count(range, matchers)?;
        if series == 0 && !head.has_exemplars(range, matchers) {
            // Perhaps since an earlier delete hides it, which must not be lost then.
            log.barrier().wait()?;
            return Ok(DeleteReport::default());
        }
        let mut upkeep = self.inner.upkeep.lock();
        self.inner.check_open()?;
        self.state.head_there()?;
        self.check_number()?;
        let (generation, ticket) = if self.inner.options.rules.delete_begins_generation {
            self.inner
                .cut_for(log, &mut upkeep, &self.state, tombstone)?
        } else {
            let _no_append = self.inner.gate.write();
            let generation = log.position().0;
            let ticket = log_delete(log, &self.state, tombstone, generation)?;
            (generation, ticket)
        };
        drop(upkeep);
        ticket.wait()?;
        Ok(DeleteReport {
            series,
            generation: Some(generation),
        })
    }

    fn check_number(&self) -> Result<(), Error> {
        let limit = self.inner.options.tombstones_max as u64;
        let value = self.state.head().live().deletes.len() as u64;
        if value < limit {
            return Ok(());
        }
        Err(Error::TooManyDeletes { value, limit })
    }
}

impl Inner {
    /// Closes the open generation; the next one begins with a delete.
    fn cut_for(
        &self,
        log: &Arc<CommitLog>,
        upkeep: &mut Upkeep,
        state: &NamespaceState,
        tombstone: Tombstone,
    ) -> Result<(Generation, CommitTicket), Error> {
        let mut logged = None;
        let cut = self.cut_with(upkeep, |next| {
            logged = Some(log_delete(log, state, tombstone, next).map(|ticket| (next, ticket)));
        });
        cut?;
        logged.unwrap_or(Err(Error::Closed))
    }

    /// The deletes that files made of `state`'s files may and must leave out.
    pub(super) fn listed_deletes(&self, state: &NamespaceState) -> Vec<Arc<Delete>> {
        let manifest = state.manifest.lock();
        let live = state.head().live();
        if !self.options.rules.tombstone_listed_before_applied {
            return live.deletes.clone();
        }
        let listed = |delete: &&Arc<Delete>| {
            let mut tombstones = manifest.tombstones.iter();
            tombstones.any(|one| one.generation == delete.generation())
        };
        live.deletes.iter().filter(listed).cloned().collect()
    }

    /// Takes tombstones that no live file is older than off a manifest that is about to be
    /// written.
    pub(super) fn drop_tombstones(&self, manifest: &mut Manifest) {
        let (runs, blocks) = (&manifest.runs, &manifest.blocks);
        let kept = self.options.rules.tombstone_kept_for_older_files;
        manifest.tombstones.retain(|tombstone| {
            let older_run = runs
                .iter()
                .any(|run| tombstone.reaches(run.generation, (run.windows_min, run.windows_max)));
            let older_block = || {
                blocks.iter().any(|block| {
                    tombstone.reaches(block.generation, (block.min_time, block.max_time))
                })
            };
            kept && (older_run || older_block())
        });
    }
}

/// Makes a delete known and queues its frame; called with appends kept out, so that the frame is
/// the first of its generation and every append sees either none of it or all.
fn log_delete(
    log: &Arc<CommitLog>,
    state: &NamespaceState,
    tombstone: Tombstone,
    generation: Generation,
) -> Result<CommitTicket, Error> {
    let tombstone = Tombstone {
        generation,
        ..tombstone
    };
    let delete = Delete::new(tombstone.clone()).map_err(|_| Error::Invalid {
        name: "a matcher of a delete",
        value: format!("{:?}", tombstone.matchers),
        why: "its pattern is no regular expression",
    })?;
    let frame = DeleteFrame {
        namespace: state.id,
        epoch: 0,
        delete_seen: state.head().live().last_delete,
        tombstone,
    };
    let frame = frame.encode();
    let promised = frame.len() as u64;
    log.reserve(promised)?;
    state.head().add_delete(Arc::new(delete));
    Ok(log.enqueue(&frame, promised, Ack::Always))
}

/// The deletes of `live` that are not flushed, or that the manifest lists.
pub(super) fn still_needed(live: &Live, manifest: &Manifest) -> Vec<Arc<Delete>> {
    let needed = |delete: &&Arc<Delete>| {
        let mut listed = manifest.tombstones.iter();
        delete.generation() > manifest.flushed_generation
            || listed.any(|one| one.generation == delete.generation())
    };
    live.deletes.iter().filter(needed).cloned().collect()
}

fn check_size(tombstone: &Tombstone) -> Result<(), Error> {
    let invalid = |name, value, why| Err(Error::Invalid { name, value, why });
    if tombstone.matchers.len() > TOMBSTONE_MATCHERS_MAX {
        let value = tombstone.matchers.len().to_string();
        return invalid(
            "the number of matchers of a delete",
            value,
            "at most 64 are kept: delete in several steps",
        );
    }
    if tombstone.encoded_bytes() > TOMBSTONE_BYTES_MAX {
        let value = format!("{} bytes", tombstone.encoded_bytes());
        return invalid(
            "the size of a delete",
            value,
            "at most 16 KiB are kept: shorten its matchers, or delete in several steps",
        );
    }
    Ok(())
}
