//! What Prometheus' API says of the server itself, and of what a store of samples does not have.

mod absent;
mod build;
mod cardinality;
mod features;
mod settings;

pub(super) use absent::{
    alertmanagers, alerts, notifications, rules, scrape_pools, target_metadata, targets,
};
pub(super) use build::{build_info, runtime_info, version};
pub(super) use cardinality::cardinality;
pub(super) use features::features;
pub(super) use settings::{config, flags};
