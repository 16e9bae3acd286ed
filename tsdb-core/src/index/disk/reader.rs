//! Reads an index: opening reads its footer, a look-up the few parts on its way.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use super::IndexError;
use super::cache::PartCache;
use super::disk_terms::{DiskTerms, term_of_name, value_text};
use super::layout::{Footer, INDEX_FOOTER_BYTES, ROW_BLOCK, decode_footer};
use super::list::{ListRef, inline_postings, part_postings, skip_list, take_list};
use super::name::{DiskName, skip_name, split_term_key, take_name};
use super::part::Section;
use super::row::take_row;
use super::term_page::BlockPage;
use super::terms::TermTree;
use super::tree::Parts;
use crate::bits::{put_uvarint, uvarint_len};
use crate::index::plan::{Terms, rows_matching};
use crate::model::{HashMap, Labels, Matcher, Texts};
use crate::postings::Postings;
use crate::vfs::File;

/// Parts are kept up to so many bytes.
const CACHE_BYTES: usize = 512 << 10;
/// Terms whose text is remembered while many rows are read.
const TERMS_REMEMBERED: usize = 1 << 14;
/// Rows beyond one in so many values are compared list by list.
const SPARSE: u64 = 16;

/// An index in a file. Immutable; shared freely.
#[derive(Debug)]
pub struct IndexReader {
    pub(super) parts: Parts,
    pub(super) footer: Footer,
}

impl IndexReader {
    /// Opens the index that takes `len` bytes from `offset` on, with one read of its footer.
    ///
    /// # Errors
    /// When the disk fails, or there is no whole index of a version that this build reads.
    pub fn open(file: Arc<dyn File>, offset: u64, len: u64) -> Result<Self, IndexError> {
        let file_len = file.len().map_err(|source| IndexError::read(0, source))?;
        if offset.checked_add(len).is_none_or(|end| end > file_len) {
            return Err(IndexError::corrupt(
                0,
                "the file ends before the index does",
            ));
        }
        let section = Section { file, offset, len };
        let Some(at) = len.checked_sub(INDEX_FOOTER_BYTES as u64) else {
            return Err(IndexError::corrupt(0, "too short for an index"));
        };
        let footer = decode_footer(&section.read(at, INDEX_FOOTER_BYTES)?, len)?;
        for tree in [footer.names, footer.terms, footer.rows] {
            // Every item takes a byte: more of them have no right to memory.
            if u64::from(tree.items) > len {
                return Err(IndexError::corrupt(at, "more items than bytes"));
            }
        }
        let cache = PartCache::new(CACHE_BYTES);
        let parts = Parts { section, cache };
        Ok(Self { parts, footer })
    }

    /// How many rows there are: they are numbered from 0.
    #[must_use]
    pub fn rows(&self) -> u32 {
        self.footer.rows.items
    }

    /// Bytes of memory it holds just now: parts that were read and kept.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.parts.cache.heap_bytes()
    }

    /// The rows that all `matchers` select; all rows when there are none. A label that a row
    /// does not have counts as having the value "".
    ///
    /// # Errors
    /// When the disk fails or a part is damaged.
    pub fn matches(&self, matchers: &[Matcher]) -> Result<Postings, IndexError> {
        rows_matching(&DiskTerms(self), matchers)
    }

    /// The labels of a row; none for one that does not exist.
    ///
    /// # Errors
    /// When the disk fails or a part is damaged.
    pub fn labels(&self, row: u32) -> Result<Option<Labels>, IndexError> {
        let mut found = None;
        if row < self.rows() {
            self.labels_many([row], |_, labels| found = Some(labels))?;
        }
        Ok(found)
    }

    /// Calls `each` with the labels of the given rows, in the given order; rising rows are read
    /// fastest. Rows that do not exist are passed.
    ///
    /// # Errors
    /// When the disk fails or a part is damaged.
    pub fn labels_many(
        &self,
        rows: impl IntoIterator<Item = u32>,
        mut each: impl FnMut(u32, Labels),
    ) -> Result<(), IndexError> {
        self.canonical_many(rows, |row, bytes| {
            each(row, Labels::from_canonical(bytes));
            Ok(())
        })
    }

    /// The same, the labels as their canonical bytes.
    pub(super) fn canonical_many(
        &self,
        rows: impl IntoIterator<Item = u32>,
        mut each: impl FnMut(u32, &[u8]) -> Result<(), IndexError>,
    ) -> Result<(), IndexError> {
        let no_set = || IndexError::corrupt(0, "labels of a row that are no set");
        let mut bytes = Vec::with_capacity(256);
        let mut known = KnownTerms::default();
        self.for_each_row(rows, |row, terms| {
            if known.places.len() > TERMS_REMEMBERED {
                known = KnownTerms::default();
            }
            bytes.clear();
            let mut last_name = 0..0;
            for &term in terms {
                let place = match known.places.get(&term) {
                    Some(place) => place.clone(),
                    None => known
                        .add(term, &self.label_bytes(term)?)
                        .ok_or_else(no_set)?,
                };
                // Names rise, so that there is none twice.
                if known.text(&place.name) <= known.text(&last_name) {
                    return Err(no_set());
                }
                bytes.extend_from_slice(known.text(&place.label));
                last_name = place.name;
            }
            each(row, &bytes)
        })
    }

    /// Name and value of a term as canonical labels hold them.
    fn label_bytes(&self, term: u32) -> Result<Vec<u8>, IndexError> {
        let mut found = None;
        self.terms()
            .scan(term, term.saturating_add(1), |_, key, reader| {
                skip_list(reader)?;
                found = split_term_key(key).map(|(name, value)| (name, value.to_vec()));
                Ok(false)
            })?;
        let Some((name, value)) = found else {
            return Err(IndexError::corrupt(0, "a term that does not exist"));
        };
        let mut bytes = Vec::new();
        self.names()
            .scan(name, name.saturating_add(1), |_, key, reader| {
                skip_name(reader)?;
                put_uvarint(&mut bytes, key.len() as u64);
                bytes.extend_from_slice(key);
                Ok(false)
            })?;
        if bytes.is_empty() {
            return Err(IndexError::corrupt(0, "a name that does not exist"));
        }
        put_uvarint(&mut bytes, value.len() as u64);
        bytes.extend_from_slice(&value);
        Ok(bytes)
    }

    /// Calls `each` with rows and the numbers of their terms.
    pub(super) fn for_each_row(
        &self,
        rows: impl IntoIterator<Item = u32>,
        mut each: impl FnMut(u32, &[u32]) -> Result<(), IndexError>,
    ) -> Result<(), IndexError> {
        let mut rows = rows.into_iter().peekable();
        let (mut terms, mut scratch) = (Vec::new(), Vec::new());
        while let Some(&row) = rows.peek() {
            if row >= self.rows() {
                rows.next();
                continue;
            }
            let leaf = self.parts.leaf_of(&self.footer.rows, row)?;
            let failed =
                |at: usize| move |error| IndexError::decode(leaf.part.offset + at as u64, error);
            let page = BlockPage::open(&leaf.bytes, ROW_BLOCK).map_err(failed(0))?;
            if page.count != leaf.items as usize {
                let what = "a leaf of another length than its node says";
                return Err(IndexError::corrupt(leaf.part.offset, what));
            }
            let in_leaf = |row: u32| {
                let at = row.checked_sub(leaf.first).filter(|at| *at < leaf.items)?;
                Some((at as usize / ROW_BLOCK, at as usize % ROW_BLOCK))
            };
            while let Some((block, _)) = rows.peek().and_then(|&row| in_leaf(row)) {
                let (mut reader, start) = page.reader(block);
                terms.clear();
                let mut read = 0;
                while let Some((_, item)) = rows
                    .peek()
                    .and_then(|&row| in_leaf(row))
                    .filter(|(of, item)| *of == block && (read == 0 || *item + 1 >= read))
                {
                    while read <= item {
                        let count = self.footer.terms.items;
                        take_row(&mut reader, &mut terms, &mut scratch, count)
                            .map_err(failed(start))?;
                        read += 1;
                    }
                    if let Some(row) = rows.next() {
                        each(row, &terms)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The first `limit` label names of the rows in `within`, or of all, sorted; and whether
    /// there are more.
    ///
    /// # Errors
    /// When the disk fails or a part is damaged.
    pub fn label_names(
        &self,
        within: Option<&Postings>,
        limit: usize,
    ) -> Result<(Texts, bool), IndexError> {
        let mut found = Texts::new();
        let mut lists = Vec::new();
        let (terms, rows) = (self.footer.terms.items, self.rows());
        let wanted = match within {
            None => limit.saturating_add(1),
            Some(_) => usize::MAX,
        };
        self.names().scan(0, u32::MAX, |number, key, reader| {
            let name = take_name(reader, number, (terms, rows))?;
            let key = std::str::from_utf8(key).map_err(|_| reader.error("a name not in UTF-8"))?;
            lists.push((key.to_owned(), name.rows));
            Ok(lists.len() < wanted)
        })?;
        for (name, list) in lists {
            if found.len() > limit {
                break;
            }
            if self.meets(&list, within)? {
                found.push(&name);
            }
        }
        let truncated = found.len() > limit;
        found.truncate(limit);
        Ok((found, truncated))
    }

    /// The first `limit` values of the label `name` in the rows in `within`, or in all, sorted;
    /// and whether there are more.
    ///
    /// # Errors
    /// When the disk fails or a part is damaged.
    pub fn label_values(
        &self,
        name: &str,
        within: Option<&Postings>,
        limit: usize,
    ) -> Result<(Texts, bool), IndexError> {
        let Some(name) = DiskTerms(self).find_name(name)? else {
            return Ok((Texts::new(), false));
        };
        let mut found = match within {
            Some(set) if set.len() * SPARSE < u64::from(name.values) => {
                self.values_of_rows(&name, set)?
            }
            _ => self.first_values(&name, within, limit.saturating_add(1))?,
        };
        let truncated = found.len() > limit;
        found.truncate(limit);
        Ok((found, truncated))
    }

    fn first_values(
        &self,
        name: &DiskName,
        within: Option<&Postings>,
        wanted: usize,
    ) -> Result<Texts, IndexError> {
        let mut found = Texts::new();
        let mut failed = None;
        let end = name.first_term.saturating_add(name.values);
        self.terms().scan(name.first_term, end, |_, key, reader| {
            let list = take_list(reader, self.rows())?;
            match self.meets(&list, within) {
                Ok(true) => found.push(value_text(key, reader)?),
                Ok(false) => {}
                Err(error) => failed = Some(error),
            }
            Ok(found.len() < wanted && failed.is_none())
        })?;
        failed.map_or(Ok(found), Err)
    }

    /// The values that few rows have, sorted.
    fn values_of_rows(&self, name: &DiskName, set: &Postings) -> Result<Texts, IndexError> {
        let mut terms = BTreeSet::new();
        self.for_each_row(set, |_, of_row| {
            terms.extend(term_of_name(name, of_row));
            Ok(())
        })?;
        terms.into_iter().map(|term| self.value(term)).collect()
    }

    /// The value of a term.
    pub(super) fn value(&self, term: u32) -> Result<String, IndexError> {
        let mut found = None;
        self.terms()
            .scan(term, term.saturating_add(1), |_, key, reader| {
                skip_list(reader)?;
                found = Some(value_text(key, reader)?.to_owned());
                Ok(false)
            })?;
        found.ok_or_else(|| IndexError::corrupt(0, "a term that does not exist"))
    }

    fn meets(&self, list: &ListRef, within: Option<&Postings>) -> Result<bool, IndexError> {
        Ok(match (within, list) {
            (None, _) => true,
            (Some(set), ListRef::Run(first, last)) => set.range(*first..=*last).next().is_some(),
            (Some(set), list) => !self.postings(list)?.is_disjoint(set),
        })
    }

    /// Reads a list.
    pub(super) fn postings(&self, list: &ListRef) -> Result<Postings, IndexError> {
        match list {
            ListRef::Run(first, last) => {
                let mut set = Postings::new();
                set.insert_range(*first..=*last);
                Ok(set)
            }
            ListRef::Inline { steps, .. } => {
                inline_postings(steps, self.rows()).map_err(|error| IndexError::decode(0, error))
            }
            ListRef::Part { part, bits, len } => {
                let body = self.parts.get(*part)?;
                part_postings((*part, *bits), &body, (*len, self.rows()))
            }
        }
    }

    pub(super) fn names(&self) -> TermTree<'_> {
        TermTree {
            parts: &self.parts,
            tree: &self.footer.names,
            skip: skip_name,
        }
    }

    pub(super) fn terms(&self) -> TermTree<'_> {
        TermTree {
            parts: &self.parts,
            tree: &self.footer.terms,
            skip: skip_list,
        }
    }
}

/// Labels of terms while many rows are read, each found to be a set of its own.
#[derive(Debug, Default)]
struct KnownTerms {
    bytes: Vec<u8>,
    places: HashMap<u32, TermPlace>,
}

/// Where the label of a term is in canonical form, and within it the name.
#[derive(Clone, Debug)]
struct TermPlace {
    label: Range<usize>,
    name: Range<usize>,
}

impl KnownTerms {
    /// `None` where the bytes are no canonical label.
    fn add(&mut self, term: u32, label: &[u8]) -> Option<TermPlace> {
        let labels = Labels::from_bytes(label.into()).ok()?;
        let name = labels.iter().next()?.name.len();
        let from = self.bytes.len();
        let name_from = from + uvarint_len(name as u64);
        self.bytes.extend_from_slice(label);
        let place = TermPlace {
            label: from..self.bytes.len(),
            name: name_from..name_from + name,
        };
        self.places.insert(term, place.clone());
        Some(place)
    }

    fn text(&self, place: &Range<usize>) -> &[u8] {
        self.bytes.get(place.clone()).unwrap_or_default()
    }
}
