//! The rules of the project as checks, each with a test that plants the offence it looks for.

mod codecs;
mod command;
mod crates;
mod doors;
mod formats;
mod layers;
mod modules;
mod ranks;
mod sizes;
mod source;
mod unsafety;
mod words;

#[cfg(test)]
mod tests;

pub(crate) use command::{Finding, run};
pub(crate) use crates::cargo;
