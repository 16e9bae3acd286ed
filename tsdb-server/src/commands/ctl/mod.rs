//! `tsdb-server ctl`: operates a cluster, over the HTTP API of any of its servers.

mod api;
mod common;
#[expect(
    clippy::module_inception,
    reason = "the layer is named after its main file"
)]
mod ctl;
mod namespace;
mod node_spec;
mod placement;
mod placement_change;
mod repair;
mod status;
mod table;
mod waiting;

pub use ctl::Ctl;
