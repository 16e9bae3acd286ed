//! Writes an index: terms sorted, then lists, terms, names and rows, each in parts.

use super::layout::{Footer, INDEX_FOOTER_BYTES, PAGE_BYTES, TreeRef, put_footer, put_header};
use super::list::put_list;
use super::name::put_term_key;
use super::row_page::RowPageBuilder;
use super::term_page::{TermPageBuilder, shared_len};
use super::tree_writer::TreeWriter;
use crate::bits::put_uvarint;
use crate::index::MemIndex;
use crate::model::Labels;
use crate::postings::PostingList;

/// Gathers the labels of rows and writes them as an index.
///
/// Holds each distinct name and value once, and some ten bytes for each label of a row.
#[derive(Debug, Default)]
pub struct IndexWriter {
    index: MemIndex,
}

impl IndexWriter {
    /// An index without rows.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the labels of a row. Rows are numbered from 0 without gaps, in the order in which
    /// the block file holds its series.
    ///
    /// # Panics
    /// When `row` is not [`IndexWriter::rows`], or the index [is full](IndexWriter::is_full).
    pub fn add(&mut self, row: u32, labels: &Labels) {
        self.index.add(row, labels);
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> u32 {
        self.index.len() as u32
    }

    /// Whether its 32-bit numbers are used up: at 16 GiB of label text, or as much of rows.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.index.is_full()
    }

    /// Bytes of memory it holds. Finishing takes 12 bytes more for each distinct pair, and the
    /// longest list of rows.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.index.heap_bytes()
    }

    /// Appends the index to `out`, complete with its footer.
    pub fn finish(self, out: &mut Vec<u8>) {
        self.index.write_index(out);
    }
}

/// The pairs of an index in the order of the terms.
struct Order {
    /// Names in order: number in the memory index, and how many values.
    names: Vec<(u32, u32)>,
    /// Pairs in order of names, then of values.
    pairs: Vec<u32>,
    /// The place of each pair in `pairs`.
    places: Vec<u32>,
}

impl MemIndex {
    /// Appends the index as it stands in a block file; its slots are the rows.
    pub fn write_index(&self, out: &mut Vec<u8>) {
        let base = out.len();
        put_header(out);
        let order = self.order();
        let mut body = Vec::new();
        let mut lists = Lists::default();
        let (terms, names) = self.write_terms(out, base, &order, &mut lists);
        // Lists are written before the leaves that name them, which follow each other.
        let terms = write_leaves(out, base, terms);
        let names = write_leaves(out, base, names);
        let rows = self.write_rows(out, base, &order, &mut body);
        let footer = Footer { names, terms, rows };
        let len = (out.len() - base + INDEX_FOOTER_BYTES) as u64;
        put_footer(out, &footer, len);
    }

    fn order(&self) -> Order {
        let mut names: Vec<u32> = (0..self.pairs.names().len() as u32).collect();
        let text = |name: &u32| {
            let name = self.pairs.name(*name);
            name.map_or(&[][..], |name| self.symbols.bytes(name.symbol))
        };
        names.sort_unstable_by(|a, b| text(a).cmp(text(b)));
        let mut order = Order {
            names: Vec::with_capacity(names.len()),
            pairs: Vec::with_capacity(self.pairs.len()),
            places: vec![0; self.pairs.len()],
        };
        for name in names {
            let Some(of_name) = self.pairs.name(name) else {
                continue;
            };
            let start = order.pairs.len();
            order.pairs.extend_from_slice(&of_name.pairs);
            let values = order.pairs.get_mut(start..).unwrap_or_default();
            self.sort_pairs(values);
            order.names.push((name, values.len() as u32));
        }
        for (place, &pair) in (0..).zip(&order.pairs) {
            if let Some(of_pair) = order.places.get_mut(pair as usize) {
                *of_pair = place;
            }
        }
        order
    }

    /// Writes the long lists, and gives the leaves of both trees of terms.
    fn write_terms(
        &self,
        out: &mut Vec<u8>,
        base: usize,
        order: &Order,
        lists: &mut Lists,
    ) -> (Leaves, Leaves) {
        let (mut terms, mut names) = (Leaves::default(), Leaves::default());
        let mut key = Vec::new();
        let mut pairs = order.pairs.iter();
        let mut first = 0u32;
        for (number, &(name, values)) in (0..).zip(&order.names) {
            for &pair in pairs.by_ref().take(values as usize) {
                put_term_key(&mut key, number, self.pair_bytes(pair).1);
                let payload = terms.push(&key);
                if let Some(list) = self.pairs.slots(pair) {
                    lists.put(payload, (out, base), list);
                }
            }
            if let Some(name) = self.pairs.name(name) {
                let payload = names.push(self.symbols.bytes(name.symbol));
                put_uvarint(payload, u64::from(first));
                put_uvarint(payload, u64::from(values));
                lists.put(payload, (out, base), &name.slots);
            }
            first += values;
        }
        (terms, names)
    }

    fn write_rows(
        &self,
        out: &mut Vec<u8>,
        base: usize,
        order: &Order,
        body: &mut Vec<u8>,
    ) -> TreeRef {
        let mut tree = TreeWriter::default();
        let mut page = RowPageBuilder::default();
        let mut row = Vec::new();
        for slot in 0..self.len() as u32 {
            if page.is_full()
                && let Some(items) = page.take(body)
            {
                tree.leaf((out, base), body, items, Vec::new());
            }
            row.clear();
            let pairs = self.pair_numbers(slot).into_iter().flatten();
            row.extend(pairs.filter_map(|pair| order.places.get(pair as usize)));
            page.push(&row);
        }
        if let Some(items) = page.take(body) {
            tree.leaf((out, base), body, items, Vec::new());
        }
        tree.finish(out, base)
    }
}

/// Scratch for lists.
#[derive(Default)]
struct Lists {
    rows: Vec<u32>,
    bytes: Vec<u8>,
}

impl Lists {
    fn put(&mut self, payload: &mut Vec<u8>, parts: (&mut Vec<u8>, usize), list: &PostingList) {
        self.rows.clear();
        list.for_each(|row| self.rows.push(row));
        put_list(payload, parts, &self.rows, &mut self.bytes);
    }
}

/// The leaves of a tree of terms, one after the other: they are written when all lists are.
#[derive(Default)]
struct Leaves {
    page: TermPageBuilder,
    bytes: Vec<u8>,
    /// Where each leaf ends in `bytes`, its items, and its key.
    leaves: Vec<(usize, u32, Vec<u8>)>,
    /// The key of the leaf being made.
    key: Vec<u8>,
    body: Vec<u8>,
}

impl Leaves {
    /// Adds a key above the last, and gives the bytes to append its payload to.
    fn push(&mut self, key: &[u8]) -> &mut Vec<u8> {
        if self.page.is_full() {
            self.close();
            // Shorter than the key itself, and still above all before it.
            let shared = shared_len(self.page.last_key(), key);
            self.key = key.get(..=shared).unwrap_or(key).to_vec();
        }
        self.page.push(key)
    }

    fn close(&mut self) {
        if let Some(items) = self.page.take(&mut self.body) {
            self.bytes.extend_from_slice(&self.body);
            let key = std::mem::take(&mut self.key);
            self.leaves.push((self.bytes.len(), items, key));
        }
    }
}

fn write_leaves(out: &mut Vec<u8>, base: usize, mut leaves: Leaves) -> TreeRef {
    leaves.close();
    out.reserve(leaves.bytes.len() + leaves.leaves.len() * PAGE_BYTES / 64);
    let mut tree = TreeWriter::default();
    let mut start = 0;
    for (end, items, key) in leaves.leaves {
        let body = leaves.bytes.get(start..end).unwrap_or_default();
        tree.leaf((out, base), body, items, key);
        start = end;
    }
    tree.finish(out, base)
}
