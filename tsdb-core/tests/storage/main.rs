//! What the storage promises, played against a disk that crashes, fails and lies.
#![cfg(test)]

mod backups;
mod blocks;
mod churn;
mod clock_jumps;
mod corruption;
mod crash;
mod deletes;
mod digests;
mod documents;
mod exemplars;
mod faults;
mod forget_crash;
mod format_compat;
mod histogram_compat;
mod io_budget;
mod lazy_files;
mod model;
mod namespace_limits;
mod placement;
mod read_only;
mod readers;
mod regressions;
mod removal;
mod removal_crash;
mod restart;
mod salvage;
mod scan;
mod simulation;
mod snapshots;
mod support;
mod threads;
