//! From a syntax tree to what has to be done: types told apart, times and durations settled.

mod build;
mod durations;
mod histogram_use;
mod invariant;
mod nodes;
mod repeated;
mod selectors;

pub(crate) use build::{Planned, plan};
pub(crate) use nodes::{
    AggregateNode, DateField, FloatFunction, HistogramFunction, HistogramInput, InfoNode,
    LabelChange, MapFunction, RangeCall, RangeFunction, RangeNode, RangeSelect, ScalarNode, Select,
    SortBy, SubqueryNode, VectorBinary, VectorNode, VectorScalar,
};
