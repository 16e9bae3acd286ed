//! How nodes, their disks, shards and epochs are named.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A part of all series: `murmur3_32` of a series' id, modulo the number of shards.
pub type ShardId = u32;

/// The number of a membership of a shard. It only rises, and is given by the placement alone.
pub type Epoch = u64;

/// The name of a storage node, the id of its instance in the placement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(Arc<str>);

impl NodeId {
    /// The node of this name.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for NodeId {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

/// Which data folder a node has: drawn at random when the folder is made, and kept in it. A node
/// that comes back under its old name with another folder has lost what it once held, and shows so.
///
/// Written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Incarnation(pub u128);

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Incarnation> for String {
    fn from(incarnation: Incarnation) -> Self {
        incarnation.to_string()
    }
}

impl TryFrom<String> for Incarnation {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = is_hex
            .then(|| u128::from_str_radix(&text, 16).ok())
            .flatten();
        number
            .map(Self)
            .ok_or_else(|| format!("an incarnation has 32 hexadecimal digits, not {text:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incarnation_is_written_as_32_digits_and_nothing_else_is_read() {
        let text = serde_json::to_string(&Incarnation(0xab)).expect("JSON");
        assert_eq!(text, r#""000000000000000000000000000000ab""#);
        let read: Incarnation = serde_json::from_str(&text).expect("what was written");
        assert_eq!(read, Incarnation(0xab));
        for wrong in ["\"ab\"", "\"+00000000000000000000000000000ab\"", "1"] {
            assert!(
                serde_json::from_str::<Incarnation>(wrong).is_err(),
                "{wrong}"
            );
        }
    }
}
