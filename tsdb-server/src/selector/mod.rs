//! Instant vector selectors as `match[]` carries them: `name{a="b",c=~"d"}` and `{"a.b"="c"}`.
//!
//! A total function of its input: any string gives either matchers or one error that
//! names the position, worded and placed as Prometheus words and places it.

mod error;
mod lexer;
mod literal;
mod parser;

#[cfg(test)]
mod tests;

pub use error::SelectorError;
pub use parser::parse_selector;
