//! Native histograms as expressions compute with them.

mod arithmetic;
mod bounds;
mod bucket;
mod classic;
mod float_histogram;
mod fractions;
mod from_classic;
mod layout;
mod quantile;
pub(crate) mod read_hints;
mod reset;
mod statistics;
mod text;
mod trim;

pub use arithmetic::{MixedSchemas, Reconciled};
pub use bucket::Bucket;
pub use classic::{ClassicBucket, ForcedMonotonicity, bucket_fraction, bucket_quantile};
pub use float_histogram::FloatHistogram;
pub use from_classic::ClassicError;
pub use quantile::NanObservations;

#[cfg(test)]
mod tests;
