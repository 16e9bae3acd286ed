//! What is told of backups.

use crate::db::Problem;

/// How far a backup, a check or a restore is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupProgress<'a> {
    /// The file at hand, by its path in the data folder.
    pub path: &'a str,
    /// Bytes that are done with, whether copied or there already.
    pub done_bytes: u64,
    /// Bytes in all.
    pub total_bytes: u64,
}

/// What a backup consists of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackupReport {
    /// Its name.
    pub name: String,
    /// Files in it.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Of these, files that were copied: the others the store had already.
    pub copied_files: u64,
    /// Bytes that were copied.
    pub copied_bytes: u64,
}

/// A backup that is in a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackupSummary {
    /// Its name.
    pub name: String,
    /// When it was begun, in milliseconds since the epoch.
    pub created_ms: i64,
    /// Files in it.
    pub files: u64,
    /// Their bytes, of which other backups may share some.
    pub bytes: u64,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Backups that were checked.
    pub backups: u64,
    /// Files that were read, each once.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What is wrong: objects that are missing or not what was stored.
    pub problems: Vec<Problem>,
}

/// What was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetainReport {
    /// Names of backups that went.
    pub removed: Vec<String>,
    /// Objects that no remaining backup names, and that went.
    pub objects: u64,
}

/// What a restore wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RestoreReport {
    /// The backup it is of.
    pub name: String,
    /// Files in it.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes that were copied: the others an attempt that was cut short had written already.
    pub copied_bytes: u64,
}
