//! Native histograms as expressions compute with them.

mod float_histogram;

pub use float_histogram::FloatHistogram;
