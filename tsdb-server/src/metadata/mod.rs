//! Where the metadata of a server is kept.

mod embedded;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use embedded::EmbeddedMetadata;
