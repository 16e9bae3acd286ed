//! Tokens of PromQL.

use tsdb_core::model::write_quoted;

use super::{AggregateOp, BinaryOp, Span};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    End,
    Comma,
    Colon,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    LeftParen,
    RightParen,
    /// `=`
    Assign,
    /// `=~`
    EqualRegex,
    /// `!~`
    NotEqualRegex,
    /// `@`
    At,
    /// `!=` within braces is one as well.
    Operator(BinaryOp),
    Aggregate(AggregateOp),
    Keyword(Keyword),
    /// A word that is a function's name where a parenthesis follows.
    Word(Word),
    Identifier,
    /// An identifier with a colon.
    MetricIdentifier,
    Number,
    Duration,
    /// Quotes are part of its text.
    String,
}

/// Words with a meaning of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keyword {
    Anchored,
    Bool,
    By,
    Fill,
    FillLeft,
    FillRight,
    GroupLeft,
    GroupRight,
    Ignoring,
    Offset,
    On,
    Smoothed,
    Without,
}

/// Words that stand for a time or a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Start,
    End,
    Step,
    Range,
    MinOf,
    MaxOf,
}

const KEYWORDS: &[(&str, Kind)] = &[
    ("and", Kind::Operator(BinaryOp::And)),
    ("or", Kind::Operator(BinaryOp::Or)),
    ("unless", Kind::Operator(BinaryOp::Unless)),
    ("atan2", Kind::Operator(BinaryOp::Atan2)),
    ("sum", Kind::Aggregate(AggregateOp::Sum)),
    ("avg", Kind::Aggregate(AggregateOp::Avg)),
    ("count", Kind::Aggregate(AggregateOp::Count)),
    ("min", Kind::Aggregate(AggregateOp::Min)),
    ("max", Kind::Aggregate(AggregateOp::Max)),
    ("group", Kind::Aggregate(AggregateOp::Group)),
    ("stddev", Kind::Aggregate(AggregateOp::Stddev)),
    ("stdvar", Kind::Aggregate(AggregateOp::Stdvar)),
    ("topk", Kind::Aggregate(AggregateOp::Topk)),
    ("bottomk", Kind::Aggregate(AggregateOp::Bottomk)),
    ("count_values", Kind::Aggregate(AggregateOp::CountValues)),
    ("quantile", Kind::Aggregate(AggregateOp::Quantile)),
    ("limitk", Kind::Aggregate(AggregateOp::Limitk)),
    ("limit_ratio", Kind::Aggregate(AggregateOp::LimitRatio)),
    ("offset", Kind::Keyword(Keyword::Offset)),
    ("smoothed", Kind::Keyword(Keyword::Smoothed)),
    ("anchored", Kind::Keyword(Keyword::Anchored)),
    ("by", Kind::Keyword(Keyword::By)),
    ("without", Kind::Keyword(Keyword::Without)),
    ("on", Kind::Keyword(Keyword::On)),
    ("ignoring", Kind::Keyword(Keyword::Ignoring)),
    ("group_left", Kind::Keyword(Keyword::GroupLeft)),
    ("group_right", Kind::Keyword(Keyword::GroupRight)),
    ("fill", Kind::Keyword(Keyword::Fill)),
    ("fill_left", Kind::Keyword(Keyword::FillLeft)),
    ("fill_right", Kind::Keyword(Keyword::FillRight)),
    ("bool", Kind::Keyword(Keyword::Bool)),
    ("start", Kind::Word(Word::Start)),
    ("end", Kind::Word(Word::End)),
    ("step", Kind::Word(Word::Step)),
    ("range", Kind::Word(Word::Range)),
    ("min_of", Kind::Word(Word::MinOf)),
    ("max_of", Kind::Word(Word::MaxOf)),
    ("inf", Kind::Number),
    ("nan", Kind::Number),
];

/// What a word means outside of braces, in whatever case it is written; `None` for names.
pub(super) fn keyword(word: &str) -> Option<Kind> {
    KEYWORDS
        .iter()
        .find(|(text, _)| text.eq_ignore_ascii_case(word))
        .map(|(_, kind)| *kind)
}

/// A token: what it is and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'t> {
    pub(super) kind: Kind,
    pub(super) text: &'t str,
    pub(super) start: usize,
}

impl Token<'_> {
    /// Where it stands.
    pub(super) fn span(&self) -> Span {
        Span::new(self.start, self.end())
    }

    /// One behind its last byte.
    pub(super) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// In the words of Prometheus' errors.
    pub(super) fn describe(&self) -> String {
        let text = self.text;
        match self.kind {
            Kind::End => "end of input".to_owned(),
            Kind::Identifier => format!("identifier {}", quoted(text)),
            Kind::MetricIdentifier => format!("metric identifier {}", quoted(text)),
            Kind::Number => format!("number {}", shortened(text)),
            Kind::Duration => format!("duration {}", shortened(text)),
            Kind::String => format!("string {}", shortened(text)),
            Kind::Operator(_) | Kind::At | Kind::EqualRegex | Kind::NotEqualRegex => {
                format!("<op:{text}>")
            }
            Kind::Aggregate(_) => format!("<aggr:{text}>"),
            Kind::Keyword(_) => format!("<{text}>"),
            _ => shortened(text),
        }
    }

    /// Whether it may name a metric where an expression is expected.
    pub(super) fn names_metric(&self) -> bool {
        match self.kind {
            Kind::Identifier | Kind::MetricIdentifier | Kind::Aggregate(_) | Kind::Word(_) => true,
            Kind::Operator(op) => op.is_set(),
            Kind::Keyword(keyword) => !matches!(
                keyword,
                Keyword::Bool
                    | Keyword::On
                    | Keyword::Ignoring
                    | Keyword::GroupLeft
                    | Keyword::GroupRight
            ),
            _ => false,
        }
    }

    /// Whether it may name a label in a list of labels.
    pub(super) fn names_label(&self) -> bool {
        match self.kind {
            Kind::Identifier | Kind::MetricIdentifier | Kind::Aggregate(_) | Kind::Word(_) => true,
            Kind::Operator(op) => op.is_set() || op == BinaryOp::Atan2,
            Kind::Keyword(keyword) => keyword != Keyword::Without,
            _ => false,
        }
    }

    /// Whether an expression may begin with it.
    pub(super) fn begins_expression(&self) -> bool {
        self.names_metric()
            || matches!(
                self.kind,
                Kind::Number
                    | Kind::Duration
                    | Kind::String
                    | Kind::LeftParen
                    | Kind::LeftBrace
                    | Kind::Operator(BinaryOp::Add | BinaryOp::Sub)
            )
    }
}

/// `text` in double quotes, as Go prints it.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    // Writing to a string does not fail.
    let _ = write_quoted(&mut out, text);
    out
}

fn shortened(text: &str) -> String {
    if text.len() <= 10 {
        return quoted(text);
    }
    let head: String = text.chars().take(10).collect();
    format!("{}...", quoted(&head))
}

/// A character in single quotes, as Go prints it.
pub(super) fn quoted_char(char: char) -> String {
    match char {
        '\'' => r"'\''".to_owned(),
        '"' => "'\"'".to_owned(),
        other => {
            let quoted = quoted(other.encode_utf8(&mut [0; 4]));
            format!("'{}'", quoted.trim_matches('"'))
        }
    }
}

/// A character by its number, as Go prints it.
pub(super) fn code_point(char: char) -> String {
    let number = format!("U+{:04X}", u32::from(char));
    let quoted = quoted(char.encode_utf8(&mut [0; 4]));
    let hidden = quoted.starts_with("\"\\") && !matches!(char, '"' | '\\');
    match hidden {
        true => number,
        false => format!("{number} '{char}'"),
    }
}
