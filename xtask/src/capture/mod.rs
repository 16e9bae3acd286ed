//! Scrapes real exporters of this machine into a small file that benches and tests replay.

mod command;
mod exporters;
mod exposition;
mod recording;

#[cfg(test)]
mod tests;

pub(crate) use command::run;
