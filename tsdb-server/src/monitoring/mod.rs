//! What others watch the server with, made from the registry of metrics: a Grafana dashboard and
//! Prometheus alert rules.

mod alerts;
mod cluster_panels;
mod dashboard;
mod expression;
mod panels;
mod rules;

pub use alerts::{Alert, Severity, alerts};
pub use dashboard::dashboard;
pub use rules::rules;

#[cfg(test)]
mod tests;
