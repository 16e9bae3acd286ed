//! Looking items of a tree up, by key and by number.

use std::sync::Arc;

use super::IndexError;
use super::cache::PartCache;
use super::layout::TreeRef;
use super::node::for_each_child;
use super::part::{PartRef, Section};

/// A leaf, and the number of its first item.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    pub(super) bytes: Arc<[u8]>,
    pub(super) part: PartRef,
    pub(super) first: u32,
    pub(super) items: u32,
}

/// Parts of an index, read when asked for and kept for a while.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) section: Section,
    pub(super) cache: PartCache,
}

impl Parts {
    pub(super) fn get(&self, part: PartRef) -> Result<Arc<[u8]>, IndexError> {
        if let Some(bytes) = self.cache.get(part.offset)
            && bytes.len() == part.len as usize
        {
            return Ok(bytes);
        }
        let bytes: Arc<[u8]> = self.section.read_part(part)?.into();
        self.cache.put(part.offset, &bytes);
        Ok(bytes)
    }

    /// The leaf of item `number`.
    pub(super) fn leaf_of(&self, tree: &TreeRef, number: u32) -> Result<Leaf, IndexError> {
        self.descend(tree, |_, first, items| {
            number >= first && number - first < items
        })
    }

    /// The last leaf that may hold `key`.
    pub(super) fn leaf_for(&self, tree: &TreeRef, key: &[u8]) -> Result<Leaf, IndexError> {
        self.descend(tree, |child_key, _, _| child_key <= key)
    }

    /// Goes down from the root to the last child of each node for which `choose` holds, given
    /// its key, the number of its first item and how many it has.
    fn descend(
        &self,
        tree: &TreeRef,
        choose: impl Fn(&[u8], u32, u32) -> bool,
    ) -> Result<Leaf, IndexError> {
        let mut leaf = Leaf {
            bytes: self.get(tree.root)?,
            part: tree.root,
            first: 0,
            items: tree.items,
        };
        for _ in 0..tree.height {
            let mut chosen = None;
            let (mut first, mut left) = (leaf.first, leaf.items);
            let mut wrong = false;
            for_each_child(&leaf.bytes, |child| {
                wrong |= child.items == 0 || child.items > left;
                if wrong {
                    return false;
                }
                if choose(&child.key, first, child.items) {
                    chosen = Some((child.part, first, child.items));
                }
                first += child.items;
                left -= child.items;
                true
            })
            .map_err(|error| IndexError::decode(leaf.part.offset, error))?;
            let chosen = chosen.filter(|_| !wrong && left == 0);
            let Some((part, first, items)) = chosen else {
                let what = "a node that does not fit the one above";
                return Err(IndexError::corrupt(leaf.part.offset, what));
            };
            leaf = Leaf {
                bytes: self.get(part)?,
                part,
                first,
                items,
            };
        }
        Ok(leaf)
    }
}
