//! Looking items of a tree up, by key and by number.

use std::sync::Arc;

use super::IndexError;
use super::cache::PartCache;
use super::layout::TreeRef;
use super::node::{Child, for_each_child};
use super::part::{PartRef, Section};

/// A leaf, and the number of its first item.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    pub(super) bytes: Arc<[u8]>,
    pub(super) part: PartRef,
    pub(super) first: u32,
    pub(super) items: u32,
}

/// Where a leaf is, before it is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct LeafRef {
    part: PartRef,
    first: u32,
    items: u32,
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
        self.descend(tree, tree.height, holds(number))
    }

    /// The last leaf that may hold `key`.
    pub(super) fn leaf_for(&self, tree: &TreeRef, key: &[u8]) -> Result<Leaf, IndexError> {
        self.descend(tree, tree.height, |child_key, _, _| child_key <= key)
    }

    /// The leaf of item `from`, and those behind it that the same node leads to, as far as they
    /// hold items below `to`.
    pub(super) fn leaves(
        &self,
        tree: &TreeRef,
        from: u32,
        to: u32,
    ) -> Result<Vec<LeafRef>, IndexError> {
        let root = LeafRef {
            part: tree.root,
            first: 0,
            items: tree.items,
        };
        let Some(above) = tree.height.checked_sub(1) else {
            return Ok(vec![root]);
        };
        let node = self.descend(tree, above, holds(from))?;
        let mut leaves = Vec::new();
        for_each_child_of(&node, |child, first| {
            if first < to && first + child.items > from {
                leaves.push(LeafRef {
                    part: child.part,
                    first,
                    items: child.items,
                });
            }
        })?;
        Ok(leaves)
    }

    pub(super) fn leaf(&self, leaf: LeafRef) -> Result<Leaf, IndexError> {
        Ok(Leaf {
            bytes: self.get(leaf.part)?,
            part: leaf.part,
            first: leaf.first,
            items: leaf.items,
        })
    }

    /// Goes down from the root, `levels` times, to the last child of each node for which
    /// `choose` holds, given its key, the number of its first item and how many it has.
    fn descend(
        &self,
        tree: &TreeRef,
        levels: u8,
        choose: impl Fn(&[u8], u32, u32) -> bool,
    ) -> Result<Leaf, IndexError> {
        let mut leaf = Leaf {
            bytes: self.get(tree.root)?,
            part: tree.root,
            first: 0,
            items: tree.items,
        };
        for _ in 0..levels {
            let mut chosen = None;
            for_each_child_of(&leaf, |child, first| {
                if choose(&child.key, first, child.items) {
                    chosen = Some(LeafRef {
                        part: child.part,
                        first,
                        items: child.items,
                    });
                }
            })?;
            leaf = self.leaf(chosen.ok_or_else(|| unfit(&leaf))?)?;
        }
        Ok(leaf)
    }
}

/// Whether a child holds item `number`.
fn holds(number: u32) -> impl Fn(&[u8], u32, u32) -> bool {
    move |_, first, items| number >= first && number - first < items
}

/// Calls `each` with the children of a node and the numbers of their first items.
fn for_each_child_of(node: &Leaf, mut each: impl FnMut(&Child, u32)) -> Result<(), IndexError> {
    let (mut first, mut left) = (node.first, node.items);
    let mut wrong = false;
    for_each_child(&node.bytes, |child| {
        wrong |= child.items == 0 || child.items > left;
        if !wrong {
            each(child, first);
            first += child.items;
            left -= child.items;
        }
        !wrong
    })
    .map_err(|error| IndexError::decode(node.part.offset, error))?;
    if wrong || left > 0 {
        return Err(unfit(node));
    }
    Ok(())
}

fn unfit(node: &Leaf) -> IndexError {
    IndexError::corrupt(node.part.offset, "a node that does not fit the one above")
}
