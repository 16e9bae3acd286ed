//! A coordinator over nodes in memory, which go away and break off.

mod beside;
mod limits;
mod marks;
mod support;
