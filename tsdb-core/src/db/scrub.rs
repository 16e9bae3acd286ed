//! Taking deleted samples off the disk where no other compaction does: block by block.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::database::Inner;
use super::delete::still_needed;
use super::maintenance::Upkeep;
use super::namespace::NamespaceState;
use super::{Error, ErrorKind};
use crate::block::BlockReader;
use crate::model::{Generation, HashSet};
use crate::shard::{Delete, Live};

/// So many rows of a block are looked into at a time.
const ROWS_AT_A_TIME: usize = 256;

/// A block that must be written anew, without what is deleted.
pub(super) struct Scrub {
    pub(super) state: Arc<NamespaceState>,
    pub(super) block: Arc<BlockReader>,
}

impl Inner {
    /// A block that holds samples which a listed delete hides, if there is one. Tombstones that
    /// are found to hide nothing any more go.
    pub(super) fn next_scrub(&self, upkeep: &mut Upkeep) -> Result<Option<Scrub>, Error> {
        for state in self.states() {
            let deletes = self.listed_deletes(&state);
            if deletes.is_empty() {
                continue;
            }
            for block in &state.head().live().blocks {
                if deletes_concern(upkeep, &state, &deletes, block)? {
                    return Ok(Some(Scrub {
                        block: Arc::clone(block),
                        state,
                    }));
                }
            }
            self.drop_done(upkeep, &state, &deletes)?;
        }
        Ok(None)
    }

    /// Takes tombstones off the list that no file which is older holds anything of.
    fn drop_done(
        &self,
        upkeep: &mut Upkeep,
        state: &NamespaceState,
        deletes: &[Arc<Delete>],
    ) -> Result<(), Error> {
        let live = state.head().live();
        let is_done = |delete: &&Arc<Delete>| {
            let tombstone = delete.tombstone();
            let mut runs = live.runs.iter().map(|run| run.meta());
            let mut blocks = live.blocks.iter();
            let in_runs = runs.any(|meta| {
                let times = meta.time_range();
                times.is_some_and(|at| tombstone.reaches(meta.header.last_generation, at))
            });
            let spared = |block: &Arc<BlockReader>| {
                !reaches(delete, block)
                    || upkeep.spared.contains(&(
                        state.id,
                        block.meta().header.id.0,
                        delete.generation(),
                    ))
            };
            !in_runs && blocks.all(spared)
        };
        let done: HashSet<Generation> = deletes
            .iter()
            .filter(is_done)
            .map(|delete| delete.generation())
            .collect();
        if done.is_empty() {
            return Ok(());
        }
        let mut manifest = state.manifest.lock();
        let mut next = manifest.clone();
        next.tombstones
            .retain(|one| !done.contains(&one.generation));
        self.write_manifest(state, &mut manifest, next)?;
        state.head().change_live(|live| Live {
            deletes: still_needed(live, &manifest),
            ..live.clone()
        });
        upkeep
            .spared
            .retain(|(_, _, delete)| !done.contains(delete));
        Ok(())
    }
}

fn reaches(delete: &Delete, block: &BlockReader) -> bool {
    let meta = block.meta();
    let times = (meta.min_time, meta.max_time);
    delete
        .tombstone()
        .reaches(meta.header.last_generation, times)
}

/// Whether a block holds samples that one of the deletes hides; remembers of which it does not.
fn deletes_concern(
    upkeep: &mut Upkeep,
    state: &NamespaceState,
    deletes: &[Arc<Delete>],
    block: &Arc<BlockReader>,
) -> Result<bool, Error> {
    let id = block.meta().header.id.0;
    let damaged = |upkeep: &Upkeep| {
        let files = upkeep.damaged.get(&state.id);
        files.is_some_and(|files| files.contains(&id))
    };
    for delete in deletes.iter().filter(|delete| reaches(delete, block)) {
        let key = (state.id, id, delete.generation());
        if upkeep.spared.contains(&key) || damaged(upkeep) {
            continue;
        }
        match holds(block, delete) {
            Ok(true) => return Ok(true),
            Ok(false) => {
                upkeep.spared.insert(key);
            }
            Err(error) => {
                if error.kind() == ErrorKind::Corrupt {
                    upkeep.damaged.entry(state.id).or_default().insert(id);
                }
                return Err(error);
            }
        }
    }
    Ok(false)
}

/// Whether a block that is older than a delete holds samples that it hides.
fn holds(block: &BlockReader, delete: &Delete) -> Result<bool, Error> {
    let range = delete.tombstone().range;
    let mut rows = Vec::new();
    block.keys(block.matches(delete.matchers())?.iter(), range, |row, _| {
        rows.push(row);
    })?;
    let mut found = false;
    for rows in rows.chunks(ROWS_AT_A_TIME) {
        block.read_rows(rows, range, |_, timestamps, _| {
            found |= timestamps.iter().any(|at| range.contains(*at));
            if found {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        if found {
            break;
        }
    }
    Ok(found)
}
