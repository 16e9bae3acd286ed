//! Pairs of Prometheus servers that scrape the same targets: one copy of what they send is stored.
//!
//! One replica of each cluster is elected, the first to come. Requests of the others wait until
//! the elected one has delivered as far as they reach, and are then answered without being stored;
//! so an ack still means that the time it covers is on the disk. When nothing comes from the
//! elected one for as long as [`HaOptions::failover`], the first that waits takes over, with all
//! that is newer than what its predecessor delivered: nobody drops anything before that.

mod election;
mod pairs;
#[cfg(test)]
mod tests;

pub(crate) use pairs::{Claim, Claimed, HaFigures, HaOptions, HaPairs, Verdict};
