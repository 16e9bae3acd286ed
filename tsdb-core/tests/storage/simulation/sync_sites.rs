//! At which syncs a history passed, and at which it came to its end.

use std::collections::BTreeMap;

use tsdb_core::vfs::{Operation, OperationKind};

use super::NAMES;

/// Every kind of sync that a node does. A new one has to be listed, or a long run fails.
pub(super) const ALL: &[&str] = &[
    "file /CATALOG",
    "file /CATALOG.tmp",
    "file /FORMAT",
    "file /FORMAT.tmp",
    "file .making-N/MANIFEST.tmp",
    "file .making-N/series/N.tmp",
    "file NS/MANIFEST",
    "file NS/MANIFEST.tmp",
    "file NS/blocks/N.block.tmp",
    "file NS/runs/N.run.tmp",
    "file NS/series/N.series",
    "file NS/series/N.tmp",
    "file NS/series/snapshot.tmp",
    "file snapshots/at-N.tmp/CATALOG.tmp",
    "file snapshots/at-N.tmp/FORMAT",
    "file snapshots/at-N.tmp/NS/MANIFEST.tmp",
    "file snapshots/at-N.tmp/NS/series/N.series",
    "file wal/N.log",
    "file wal/N.tmp",
    "folder /",
    "folder /.making-N",
    "folder .making-N/series",
    "folder NS",
    "folder NS/blocks",
    "folder NS/runs",
    "folder NS/series",
    "folder snapshots",
    "folder snapshots/at-N.tmp",
    "folder snapshots/at-N.tmp/NS",
    "folder snapshots/at-N.tmp/NS/blocks",
    "folder snapshots/at-N.tmp/NS/runs",
    "folder snapshots/at-N.tmp/NS/series",
    "folder snapshots/at-N.tmp/wal",
    "folder wal",
];

/// How often each kind of sync was passed, and how often the process was gone there.
#[derive(Debug, Default)]
pub(super) struct SyncSites {
    pub(super) of: BTreeMap<String, (u64, u64)>,
}

impl SyncSites {
    pub(super) fn passed(&mut self, operation: &Operation<'_>) {
        if let Some(site) = site(operation) {
            self.of.entry(site).or_default().0 += 1;
        }
    }

    pub(super) fn crashed_at(&mut self, operation: &Operation<'_>) {
        if let Some(site) = site(operation) {
            self.of.entry(site).or_default().1 += 1;
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (site, (passed, crashed)) in &other.of {
            let sum = self.of.entry(site.clone()).or_default();
            sum.0 += passed;
            sum.1 += crashed;
        }
    }

    /// What is wrong with them for a run that should have seen all.
    pub(super) fn check(&self) -> Result<(), String> {
        for site in ALL {
            match self.of.get(*site) {
                None => return Err(format!("never synced: {site}")),
                Some((_, 0)) => return Err(format!("never a crash at {site}")),
                Some(_) => {}
            }
        }
        match self.of.keys().find(|site| !ALL.contains(&site.as_str())) {
            Some(site) => Err(format!("a sync that is not listed: {site}")),
            None => Ok(()),
        }
    }
}

/// What is synced, without the names of namespaces and the numbers of files.
fn site(operation: &Operation<'_>) -> Option<String> {
    let what = match operation.kind {
        OperationKind::Sync => "file",
        OperationKind::SyncDir => "folder",
        _ => return None,
    };
    let parts: Vec<String> = (operation.path.iter())
        .map(|part| part.to_string_lossy())
        .map(|part| match part {
            part if NAMES.contains(&&*part) => "NS".to_owned(),
            part => part
                .split('.')
                .map(without_number)
                .collect::<Vec<_>>()
                .join("."),
        })
        .collect();
    let root = if parts.len() < 2
        && !matches!(
            parts.first().map(String::as_str),
            Some("NS" | "wal" | "snapshots")
        ) {
        "/"
    } else {
        ""
    };
    Some(format!("{what} {root}{}", parts.join("/")))
}

fn without_number(part: &str) -> &str {
    match part {
        "" => "",
        part if part.starts_with("making-") => "making-N",
        part if part.bytes().all(|byte| byte.is_ascii_hexdigit()) => "N",
        part if part.starts_with("at-") => "at-N",
        part => part,
    }
}
