//! Calls of functions.

use super::cursor::{Node, Parsed, Parser};
use crate::syntax::token::{Kind, Token, quoted};
use crate::syntax::{Call, Expr, Function, Span, function};

/// What stands in the parentheses of a call.
#[derive(Debug)]
pub(super) struct Arguments {
    pub(super) list: Vec<Expr>,
    /// How deep the deepest nests; 0 without any.
    pub(super) height: usize,
    /// Where the parentheses end.
    pub(super) end: usize,
}

/// What Prometheus 2 called a function that it has under another name since.
const RENAMED: (&str, &str) = ("holt_winters", "double_exponential_smoothing");

impl<'t> Parser<'t> {
    /// From behind the function's name.
    pub(super) fn call(&mut self, name: Token<'t>) -> Parsed<Node> {
        let arguments = self.arguments()?;
        let span = Span::new(name.start, arguments.end);
        let call = Call {
            function: self.function(name)?,
            arguments: arguments.list,
            span,
        };
        self.above(arguments.height, span, Expr::Call(call))
    }

    fn function(&self, name: Token<'_>) -> Parsed<&'static Function> {
        let renamed = self.features.prometheus_2 && [RENAMED.0, RENAMED.1].contains(&name.text);
        let found = match renamed {
            true => function(RENAMED.1),
            false => function(name.text),
        };
        let wrong = match found {
            None => format!("unknown function with name {}", quoted(name.text)),
            Some(found)
                if found.experimental && !renamed && !self.features.experimental_functions =>
            {
                format!("function {} is not enabled", quoted(name.text))
            }
            Some(found) => return Ok(found),
        };
        Err(self.error(name.span(), wrong))
    }

    /// Expressions in parentheses.
    pub(super) fn arguments(&mut self) -> Parsed<Arguments> {
        self.expect(Kind::LeftParen)?;
        let (mut list, mut height) = (Vec::new(), 0);
        if let Some(close) = self.accept(Kind::RightParen)? {
            let end = close.end();
            return Ok(Arguments { list, height, end });
        }
        loop {
            let argument = self.expression(0)?;
            height = height.max(argument.height);
            list.push(argument.expr);
            let token = self.next()?;
            match token.kind {
                Kind::RightParen => {
                    let end = token.end();
                    return Ok(Arguments { list, height, end });
                }
                Kind::Comma if !self.peek()?.begins_expression() => {
                    let message = "trailing commas not allowed in function call args";
                    return Err(self.error(token.span(), message));
                }
                Kind::Comma => {}
                _ => return Err(self.unexpected(token)),
            }
        }
    }
}
