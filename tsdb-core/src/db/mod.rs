//! Rank 8: the facade: namespaces, catalog, the log and maintenance.

mod backup;
mod compaction;
mod copy;
mod database;
mod delete;
mod digest;
mod documents;
mod error;
mod exemplars;
mod forget;
mod listed_files;
mod logs;
mod maintenance;
mod namespace;
mod open;
mod options;
mod paths;
mod progress;
mod read_only;
mod read_series;
mod recovery;
mod removal;
mod replay;
mod replay_exemplars;
mod replay_histograms;
mod salvage;
mod scrub;
mod series_snapshot;
mod snapshot;
mod stats;
mod verify;

pub use backup::{
    BackupProgress, BackupReport, BackupStore, BackupSummary, Backups, CheckReport, FolderStore,
    NewObject, RestoreReport, RetainReport, StoredObject,
};
pub use database::Db;
pub use delete::DeleteReport;
pub use digest::{Digest, SeriesDigest, SeriesDigests, ShardDigest};
pub use error::{Error, ErrorKind};
pub use maintenance::{Maintenance, MaintenanceStep};
pub use namespace::Namespace;
pub use options::{DbOptions, NamespaceOptions};
pub use progress::{OpeningPhase, OpeningProgress, OpeningState};
pub use recovery::{RecoveryReport, RefusedSnapshot, TornTail};
pub use salvage::{Damage, Lost, LostSamples, SalvageReport};
pub use snapshot::SnapshotReport;
pub use stats::{NamespaceStats, Stats};
pub use verify::{Problem, VerifyReport};
