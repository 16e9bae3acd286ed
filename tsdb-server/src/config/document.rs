//! YAML as a tree that knows where each of its parts stands.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::findings::{ConfigError, Finding, Place};

/// A value of the file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    /// Nothing was written, or `null`.
    Null,
    /// A text, number or boolean, as text.
    Scalar(String),
    List(Vec<Placed>),
    Map(Vec<(String, Placed, Place)>),
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Placed {
    pub(crate) node: Node,
    pub(crate) place: Place,
}

/// Reads the one document of a file that holds secrets: no error shows a line of it.
pub(crate) fn parse_secretive(text: &str) -> Result<Placed, ConfigError> {
    match serde_saphyr::from_str::<Spanned<Node>>(text) {
        Ok(document) => Ok(placed(document)),
        Err(error) => {
            let place = error
                .location()
                .map_or(Place { line: 1, column: 1 }, |at| Place {
                    line: at.line(),
                    column: at.column(),
                });
            let what = error.without_snippet().to_string();
            // The place is said already, and advice to programmers is none to users.
            let what = what.lines().next().unwrap_or_default();
            let ends = [" at line ", ", set "].map(|end| what.find(end).unwrap_or(what.len()));
            let end = ends.into_iter().min().unwrap_or(what.len());
            let what = what.get(..end).unwrap_or_default().to_owned();
            Err(ConfigError::Wrong(vec![Finding { place, what }]))
        }
    }
}

/// Reads the one document of a file.
pub(super) fn parse(text: &str) -> Result<Placed, ConfigError> {
    let document: Spanned<Node> =
        serde_saphyr::from_str(text).map_err(|error| ConfigError::Syntax(error.render()))?;
    Ok(placed(document))
}

impl Node {
    /// What it is, for errors.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Scalar(_) => "a single value",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

fn placed(value: Spanned<Node>) -> Placed {
    Placed {
        place: place_of(&value),
        node: value.value,
    }
}

fn place_of<T>(value: &Spanned<T>) -> Place {
    Place {
        line: value.referenced.line(),
        column: value.referenced.column(),
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of YAML")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Spanned<Node>>()? {
            list.push(placed(item));
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some((key, value)) = entries.next_entry::<Spanned<String>, Spanned<Node>>()? {
            let place = place_of(&key);
            map.push((key.value, placed(value), place));
        }
        Ok(Node::Map(map))
    }
}
