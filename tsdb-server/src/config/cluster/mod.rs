//! Which cluster M3's keys say that a server is of, and what it is called there.

mod host_id;
mod said;
mod service;
mod settle;
#[cfg(test)]
mod tests;

pub(super) use said::{Beside, Said, Sections};
pub(super) use settle::settle;
