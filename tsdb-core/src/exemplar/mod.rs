//! Rank 4: the newest exemplars of a namespace: a ring in memory, and the file that it is saved to.
//! Bytes: `docs/format/exemplars.md`.

mod file;
mod ring;
#[cfg(test)]
mod tests;

pub use file::{
    EXEMPLARS_HEADER_BYTES, EXEMPLARS_MAGIC, EXEMPLARS_VERSION, ExemplarsHeader, ExemplarsImage,
    SavedExemplar, exemplars_path,
};
pub use ring::{ExemplarRing, RingLimits, SeriesExemplars};
