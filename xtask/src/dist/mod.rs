//! `cargo xtask dist`: the archive and the Debian package, the same bytes each time they are made.

mod archive;
mod binary;
mod command;
mod debian;
mod payload;
mod third_party;

pub(crate) use command::run;

#[cfg(test)]
mod tests;
