//! What a node promises, kept as documents of its database.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tsdb_core::Db;

use super::copying::Progress;
use super::deletes::DeleteRecord;
use super::epochs::{Epochs, ShardState, raised};
use super::marks::{KeptMarks, Marks};
use super::storage_node::failure;
use crate::identity::{Epoch, Incarnation, ShardId};
use crate::message::NodeError;

const INCARNATION: &str = "_node/incarnation";
const EPOCHS: &str = "_node/epochs";
const DELETES: &str = "_node/deletes/";
const MARKS: &str = "_node/marks/";
const COPIES: &str = "_node/copies";

/// Writes what a node promises. Cloning shares the right to.
#[derive(Clone, Debug, Default)]
pub(super) struct Records {
    /// One writes at a time: what is written later knows all that was written before.
    writing: Arc<Mutex<()>>,
}

impl Records {
    /// Which data folder this is; `fresh` where it does not say so yet.
    pub(super) fn incarnation(db: &Db, fresh: Incarnation) -> Result<Incarnation, NodeError> {
        match read(db, INCARNATION)? {
            Some(kept) => Ok(kept),
            None => {
                write(db, INCARNATION, &fresh)?;
                Ok(fresh)
            }
        }
    }

    pub(super) fn epochs(db: &Db) -> Result<BTreeMap<ShardId, ShardState>, NodeError> {
        Ok(read(db, EPOCHS)?.unwrap_or_default())
    }

    pub(super) fn deletes(db: &Db) -> Result<BTreeMap<Arc<str>, Vec<DeleteRecord>>, NodeError> {
        let mut all = BTreeMap::new();
        for document in db.documents(DELETES) {
            let records = parse(&document.name, &document.bytes)?;
            let namespace = document.name.strip_prefix(DELETES).unwrap_or_default();
            all.insert(namespace.into(), records);
        }
        Ok(all)
    }

    /// Keeps that the node is in these epochs where they are newer, then goes on to them.
    pub(super) fn raise(
        &self,
        db: &Db,
        epochs: &Epochs,
        to: &[(ShardId, Epoch)],
    ) -> Result<(), NodeError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        write(db, EPOCHS, &raised(epochs.states(), to))?;
        epochs.raise(to);
        Ok(())
    }

    pub(super) fn marks(db: &Db) -> Result<BTreeMap<Arc<str>, KeptMarks>, NodeError> {
        let mut all = BTreeMap::new();
        for document in db.documents(MARKS) {
            let kept = parse(&document.name, &document.bytes)?;
            let namespace = document.name.strip_prefix(MARKS).unwrap_or_default();
            all.insert(namespace.into(), kept);
        }
        Ok(all)
    }

    /// Keeps what other replicas miss, as it is noted up to `change` at least.
    pub(super) fn keep_marks(&self, db: &Db, marks: &Marks, change: u64) -> Result<(), NodeError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if marks.is_kept(change) {
            return Ok(());
        }
        let newest = marks.changes();
        for namespace in marks.names() {
            let name = format!("{MARKS}{namespace}");
            let kept = db.document(&name);
            match marks.to_keep(&namespace) {
                Some(now) => {
                    let before = kept.map(|kept| parse::<KeptMarks>(&name, &kept.bytes));
                    if before.transpose()?.as_ref() != Some(&now) {
                        write(db, &name, &now)?;
                    }
                }
                None => {
                    if let Some(kept) = kept {
                        let removed = db.remove_document(&name, kept.version);
                        removed.map_err(|error| failure(&error))?;
                    }
                }
            }
        }
        marks.kept(newest);
        Ok(())
    }

    /// How far each shard that is given to the node was copied.
    pub(super) fn copies(&self, db: &Db) -> Result<BTreeMap<ShardId, Progress>, NodeError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(read(db, COPIES)?.unwrap_or_default())
    }

    /// Changes that.
    pub(super) fn change_copies(
        &self,
        db: &Db,
        change: impl FnOnce(&mut BTreeMap<ShardId, Progress>),
    ) -> Result<(), NodeError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let before: BTreeMap<ShardId, Progress> = read(db, COPIES)?.unwrap_or_default();
        let mut after = before.clone();
        change(&mut after);
        match after == before {
            true => Ok(()),
            false => write(db, COPIES, &after),
        }
    }

    /// Keeps the epochs as they are.
    pub(super) fn keep(&self, db: &Db, epochs: &Epochs) -> Result<(), NodeError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        write(db, EPOCHS, &epochs.states())
    }

    /// Keeps which deletes were applied to a namespace.
    pub(super) fn keep_deletes(
        db: &Db,
        namespace: &str,
        records: &[DeleteRecord],
    ) -> Result<(), NodeError> {
        write(db, &format!("{DELETES}{namespace}"), &records)
    }
}

fn read<T: DeserializeOwned>(db: &Db, name: &str) -> Result<Option<T>, NodeError> {
    let document = db.document(name);
    document
        .map(|document| parse(name, &document.bytes))
        .transpose()
}

fn parse<T: DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T, NodeError> {
    serde_json::from_slice(bytes).map_err(|error| {
        NodeError::Failed(format!(
            "document {name} of the data folder is not as this version writes it: {error}"
        ))
    })
}

fn write<T: Serialize>(db: &Db, name: &str, value: &T) -> Result<(), NodeError> {
    let bytes = serde_json::to_vec(value).map_err(|error| NodeError::Failed(error.to_string()))?;
    let version = db.document(name).map(|document| document.version);
    let put = db.put_document(name, version, &bytes);
    put.map(drop).map_err(|error| failure(&error))
}
