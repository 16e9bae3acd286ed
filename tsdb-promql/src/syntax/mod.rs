//! Text to syntax tree and back.

mod ast;
mod check;
mod error;
mod functions;
mod json;
mod lexer;
mod literal;
mod parser;
mod prettify;
mod print;
mod span;
#[cfg(test)]
mod tests;
mod token;

pub use ast::{
    Aggregate, AggregateOp, At, Binary, BinaryOp, Call, DurationExpr, DurationOp, Expr, Fill,
    Grouping, Matching, MatrixSelector, NumberLiteral, Paren, Side, StringLiteral, Subquery, Unary,
    ValueType, VectorSelector,
};
pub use error::ParseError;
pub use functions::{FUNCTIONS, Function, function};
pub use json::to_json;
pub use parser::{MAX_DEPTH, parse, parse_metric_selector};
pub use prettify::prettify;
pub use span::Span;
