//! Writes a tree from its leaves upwards.

use super::layout::TreeRef;
use super::node::{Child, is_full, put_node};
use super::part::put_part;
use super::term_page::shared_len;

/// The leaves written so far.
#[derive(Debug, Default)]
pub(super) struct TreeWriter {
    level: Vec<Child>,
    items: u32,
}

impl TreeWriter {
    /// Writes a leaf of `items` items behind the last one; `key` is above all keys before it
    /// and not above its first.
    pub(super) fn leaf(
        &mut self,
        (out, base): (&mut Vec<u8>, usize),
        body: &[u8],
        items: u32,
        key: Vec<u8>,
    ) {
        let part = put_part(out, base, body);
        self.level.push(Child { key, part, items });
        self.items += items;
    }

    /// Writes the inner nodes.
    pub(super) fn finish(mut self, out: &mut Vec<u8>, base: usize) -> TreeRef {
        let mut height = 0;
        let mut body = Vec::new();
        while self.level.len() > 1 {
            let mut above = Vec::new();
            let mut children: Vec<Child> = Vec::new();
            let mut key_bytes = 0;
            let mut rest = std::mem::take(&mut self.level).into_iter().peekable();
            while let Some(child) = rest.next() {
                let before = children.last().map_or(&[][..], |last| &last.key);
                key_bytes += child.key.len() - shared_len(before, &child.key);
                children.push(child);
                if rest.peek().is_some() && !is_full(children.len(), key_bytes) {
                    continue;
                }
                // The first key of a node stands in the node above.
                let key = children
                    .first_mut()
                    .map(|first| std::mem::take(&mut first.key));
                body.clear();
                put_node(&mut body, &children);
                above.push(Child {
                    key: key.unwrap_or_default(),
                    part: put_part(out, base, &body),
                    items: children.iter().map(|child| child.items).sum(),
                });
                children.clear();
                key_bytes = 0;
            }
            self.level = above;
            height += 1;
        }
        TreeRef {
            items: self.items,
            root: self.level.first().map(|root| root.part).unwrap_or_default(),
            height,
        }
    }
}
