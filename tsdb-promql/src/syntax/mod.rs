//! Text to syntax tree and back.

mod ast;
mod error;
mod functions;
mod span;

pub use ast::{
    Aggregate, AggregateOp, At, Binary, BinaryOp, Call, DurationExpr, DurationOp, Expr, Fill,
    Grouping, Matching, MatrixSelector, NumberLiteral, Paren, Side, StringLiteral, Subquery, Unary,
    ValueType, VectorSelector,
};
pub use error::ParseError;
pub use functions::{FUNCTIONS, Function, function};
pub use span::Span;
