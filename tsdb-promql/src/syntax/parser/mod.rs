//! Tokens to syntax tree: recursive descent, operators by precedence.

mod aggregate;
mod binary;
mod call;
mod cursor;
mod duration;
mod expression;
mod modifier;
mod selector;

pub use cursor::{MAX_DEPTH, parse, parse_metric_selector};
