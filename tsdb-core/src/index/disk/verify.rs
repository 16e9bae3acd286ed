//! Reads a whole index and checks that its parts agree.

use super::layout::{HEADER_BYTES, INDEX_FOOTER_BYTES, check_header};
use super::list::take_list;
use super::name::{split_term_key, take_name};
use super::{IndexError, IndexReader};
use crate::postings::Postings;

/// How many terms are compared with the rows at a time: bounds the memory.
const TERMS_AT_ONCE: u32 = 1 << 16;

impl IndexReader {
    /// Reads everything: every part and its checksum, names and values in order, and that each
    /// list names exactly the rows that carry its label.
    ///
    /// # Errors
    /// The first thing found wrong.
    pub fn verify(&self) -> Result<(), IndexError> {
        if self.parts.section.len < (HEADER_BYTES + INDEX_FOOTER_BYTES) as u64 {
            return Err(IndexError::corrupt(0, "too short for an index"));
        }
        let header = self.parts.section.read(0, HEADER_BYTES)?;
        check_header(&header).map_err(|error| IndexError::decode(0, error))?;
        self.verify_terms()?;
        self.verify_names()?;
        let mut from = 0;
        while from < self.footer.terms.items {
            self.verify_lists(from)?;
            from = from.saturating_add(TERMS_AT_ONCE);
        }
        let rows = self.rows();
        self.labels_many(0..rows, |_, _| {})
    }

    fn verify_terms(&self) -> Result<(), IndexError> {
        let mut last: Vec<u8> = Vec::new();
        let mut count = 0;
        self.terms().scan(0, u32::MAX, |_, key, reader| {
            let value = split_term_key(key).map(|(_, value)| std::str::from_utf8(value));
            let is_text = value.is_some_and(|value| value.is_ok_and(|value| !value.is_empty()));
            if !is_text || key <= last.as_slice() {
                return Err(reader.error("a term out of order"));
            }
            last.clear();
            last.extend_from_slice(key);
            take_list(reader, self.rows())?;
            count += 1;
            Ok(true)
        })?;
        check(count == self.footer.terms.items, "terms are missing")
    }

    /// Names rise, and each has the terms behind those of the one before.
    fn verify_names(&self) -> Result<(), IndexError> {
        let counts = (self.footer.terms.items, self.rows());
        let mut last: Vec<u8> = Vec::new();
        let mut names = Vec::new();
        self.names().scan(0, u32::MAX, |number, key, reader| {
            if key <= last.as_slice() || std::str::from_utf8(key).is_err() {
                return Err(reader.error("a name out of order"));
            }
            last.clear();
            last.extend_from_slice(key);
            names.push(take_name(reader, number, counts)?);
            Ok(true)
        })?;
        check(
            names.len() == self.footer.names.items as usize,
            "names are missing",
        )?;
        let mut next = 0;
        for name in names {
            check(name.first_term == next, "a name with the terms of another")?;
            next = name.first_term + name.values;
            let mut of_terms = Postings::new();
            let mut lists = Vec::new();
            self.terms().scan(name.first_term, next, |_, key, reader| {
                let owner = split_term_key(key).map(|(owner, _)| owner);
                if owner != Some(name.number) {
                    return Err(reader.error("a term of another name"));
                }
                lists.push(take_list(reader, self.rows())?);
                Ok(true)
            })?;
            let mut len = 0;
            for list in &lists {
                let set = self.postings(list)?;
                len += set.len();
                of_terms |= set;
            }
            let same = self.postings(&name.rows)? == of_terms && len == of_terms.len();
            check(same, "a name with the rows of others")?;
        }
        check(next == self.footer.terms.items, "terms without a name")
    }

    /// Compares the lists of some terms with what the rows say.
    fn verify_lists(&self, from: u32) -> Result<(), IndexError> {
        let to = from
            .saturating_add(TERMS_AT_ONCE)
            .min(self.footer.terms.items);
        let mut expected = vec![Vec::new(); (to - from) as usize];
        self.for_each_row(0..self.rows(), |row, terms| {
            let first = terms.partition_point(|term| *term < from);
            for term in terms.iter().skip(first).take_while(|term| **term < to) {
                if let Some(rows) = expected.get_mut((term - from) as usize) {
                    rows.push(row);
                }
            }
            Ok(())
        })?;
        let mut lists = Vec::new();
        self.terms().scan(from, to, |_, _, reader| {
            lists.push(take_list(reader, self.rows())?);
            Ok(true)
        })?;
        for (list, expected) in lists.iter().zip(&expected) {
            let set = self.postings(list)?;
            check(
                set.iter().eq(expected.iter().copied()),
                "a list that differs from its rows",
            )?;
        }
        Ok(())
    }
}

fn check(holds: bool, what: &'static str) -> Result<(), IndexError> {
    if holds {
        Ok(())
    } else {
        Err(IndexError::corrupt(0, what))
    }
}
