//! Metadata in a real etcd, and what happens to it.

mod access;
mod announcements;
mod contract;
mod failures;
mod start;
mod watches;
