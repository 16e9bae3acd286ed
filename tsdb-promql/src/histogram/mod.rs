//! Native histograms as expressions compute with them.

mod arithmetic;
mod bounds;
mod bucket;
mod float_histogram;
mod fractions;
mod layout;
mod quantile;
mod reset;

pub use arithmetic::{MixedSchemas, Reconciled};
pub use bucket::Bucket;
pub use float_histogram::FloatHistogram;
pub use quantile::NanObservations;

#[cfg(test)]
mod tests;
