//! Backups: data folders at some moments, in a store that keeps each file once.

mod backups;
mod check;
mod report;
mod restore;
mod source;
mod store;
mod take;

pub use backups::Backups;
pub use report::{
    BackupProgress, BackupReport, BackupSummary, CheckReport, RestoreReport, RetainReport,
};
pub use store::{BackupStore, FolderStore, NewObject, StoredObject};
