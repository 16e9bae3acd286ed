//! The built server from outside: real senders and readers, kills, wrong input, its whole API.
#![forbid(unsafe_code)]
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests own their processes, files and deadlines, and fail by panics"
)]

mod access;
mod api;
mod back_pressure;
mod backups;
mod cluster;
mod cluster_api;
mod cluster_convergence;
mod cluster_ctl;
mod cluster_roles;
mod cluster_storm;
mod commands;
mod config;
mod differential;
mod etcd;
mod exemplars;
mod export_import;
mod formats;
mod full_disk;
mod ha_pairs;
mod import_head;
mod import_prometheus;
mod interop;
mod interop_tls;
mod kill;
mod kustomize;
mod lifecycle;
mod m3;
mod m3_routes;
mod monitoring;
mod node_json;
mod opening;
mod packages;
mod profiles;
mod promqltest;
mod query_api;
mod query_command;
mod support;
mod tenancy;
mod text_commands;
mod tls;
mod web_config;
mod write_v2;
mod wrong_input;
