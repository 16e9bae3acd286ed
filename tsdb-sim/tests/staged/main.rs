//! Clusters in which nothing happens but what a test does: without luck.
#![cfg(test)]

mod availability;
mod changes;
mod convergence;
mod stage;
