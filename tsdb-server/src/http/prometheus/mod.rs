//! What Prometheus' API says of the server itself, and of what a store of samples does not have.

mod absent;
mod blocks;
mod build;
mod cardinality;
mod features;
mod settings;
mod targets;

pub(super) use absent::{alertmanagers, alerts, notifications, rules};
pub(super) use blocks::blocks;
pub(super) use build::{build_info, runtime_info, version};
pub(super) use cardinality::cardinality;
pub(super) use features::features;
pub(super) use settings::{config, flags};
pub(super) use targets::{
    relabel_steps, scrape_pool_config, scrape_pools, target_metadata, targets,
};
