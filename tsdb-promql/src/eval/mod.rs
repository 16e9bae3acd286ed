//! From a plan to values: a series at a time over all steps.

mod aggregate;
mod binary;
mod budget;
mod classic;
mod column;
mod context;
mod dates;
mod extended;
mod info;
mod kernels;
mod label;
mod map;
mod matching;
mod over_time;
mod parallel;
mod range;
mod rates;
mod regression;
mod result;
mod scalar;
mod select;
mod series;
mod set;
mod sliding;
mod sort;
mod steps;
mod top;
mod tracing;
mod vector;
mod window;

pub(crate) use context::Request;
pub(crate) use dates::Date;
pub(crate) use result::answer;
pub(crate) use steps::Steps;
