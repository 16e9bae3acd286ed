//! How the plan sees an index on disk.

use super::list::{ListRef, skip_list, take_list};
use super::name::{DiskName, NAME_NUMBER_BYTES, put_term_key, take_name};
use super::{IndexError, IndexReader};
use crate::bits::{ByteReader, DecodeError};
use crate::index::plan::Terms;
use crate::index::values::begins_with;
use crate::model::{HashMap, ShardSet, placement_hash};
use crate::postings::Postings;

pub(super) struct DiskTerms<'a>(pub(super) &'a IndexReader);

impl Terms for DiskTerms<'_> {
    type Name = DiskName;
    type List = ListRef;
    type Error = IndexError;

    const VALUES_PER_ROW: u64 = 8;

    fn rows(&self) -> u32 {
        self.0.footer.rows.items
    }

    fn find_name(&self, name: &str) -> Result<Option<DiskName>, IndexError> {
        let counts = (self.0.footer.terms.items, self.0.footer.rows.items);
        let mut found = None;
        self.0.names().find(name.as_bytes(), |number, reader| {
            found = Some(take_name(reader, number, counts)?);
            Ok(())
        })?;
        Ok(found)
    }

    fn values_len(&self, name: &DiskName) -> usize {
        name.values as usize
    }

    fn list_of_name(&self, name: &DiskName) -> ListRef {
        name.rows.clone()
    }

    fn find_list(&self, name: &DiskName, value: &str) -> Result<Option<ListRef>, IndexError> {
        let mut key = Vec::new();
        put_term_key(&mut key, name.number, value.as_bytes());
        let mut found = None;
        self.0.terms().find(&key, |_, reader| {
            found = Some(take_list(reader, self.0.footer.rows.items)?);
            Ok(())
        })?;
        Ok(found)
    }

    fn scan(
        &self,
        name: &DiskName,
        prefix: &str,
        mut selected: impl FnMut(&str) -> bool,
    ) -> Result<Vec<ListRef>, IndexError> {
        let mut lists = Vec::new();
        let mut first = name.first_term;
        if !prefix.is_empty() {
            let mut key = Vec::new();
            put_term_key(&mut key, name.number, prefix.as_bytes());
            first = self.0.terms().find(&key, |_, _| Ok(()))?.0;
        }
        let end = name.first_term.saturating_add(name.values);
        self.0.terms().scan(first, end, |_, key, reader| {
            let value = value_text(key, reader)?;
            if !begins_with(value, prefix) {
                return Ok(false);
            }
            if selected(value) {
                lists.push(take_list(reader, self.0.footer.rows.items)?);
            } else {
                skip_list(reader)?;
            }
            Ok(true)
        })?;
        Ok(lists)
    }

    fn list_len(&self, list: &ListRef) -> u64 {
        u64::from(list.len())
    }

    fn union(&self, lists: &[ListRef]) -> Result<Postings, IndexError> {
        let mut single = Vec::new();
        let mut set = Postings::new();
        for list in lists {
            match list {
                ListRef::Run(first, last) if first == last => single.push(*first),
                list => set |= self.0.postings(list)?,
            }
        }
        single.sort_unstable();
        set |= single.into_iter().collect::<Postings>();
        Ok(set)
    }

    fn keep_in(&self, set: &mut Postings, list: &ListRef) -> Result<(), IndexError> {
        *set &= self.0.postings(list)?;
        Ok(())
    }

    fn remove_from(&self, set: &mut Postings, list: &ListRef) -> Result<(), IndexError> {
        *set -= self.0.postings(list)?;
        Ok(())
    }

    fn filter(
        &self,
        set: &mut Postings,
        name: &DiskName,
        mut selected: impl FnMut(Option<&str>) -> bool,
    ) -> Result<(), IndexError> {
        let absent = selected(None);
        let mut verdicts: HashMap<u32, bool> = HashMap::new();
        let mut kept = Vec::new();
        self.0.for_each_row(&*set, |row, terms| {
            let verdict = match term_of_name(name, terms) {
                None => absent,
                Some(term) => match verdicts.get(&term) {
                    Some(verdict) => *verdict,
                    None => {
                        let verdict = selected(Some(&self.0.value(term)?));
                        verdicts.insert(term, verdict);
                        verdict
                    }
                },
            };
            if verdict {
                kept.push(row);
            }
            Ok(())
        })?;
        *set = kept.into_iter().collect();
        Ok(())
    }

    fn keep_shards(&self, set: &mut Postings, shards: &ShardSet) -> Result<(), IndexError> {
        let mut kept = Vec::new();
        self.0.canonical_many(&*set, |row, labels| {
            if shards.holds_hash(placement_hash(labels)) {
                kept.push(row);
            }
            Ok(())
        })?;
        *set = kept.into_iter().collect();
        Ok(())
    }
}

/// The term of a row that is of this name.
pub(super) fn term_of_name(name: &DiskName, terms: &[u32]) -> Option<u32> {
    let after = terms.partition_point(|term| *term < name.first_term);
    let term = *terms.get(after)?;
    (term - name.first_term < name.values).then_some(term)
}

/// The value in the key of a term.
pub(super) fn value_text<'a>(
    key: &'a [u8],
    reader: &ByteReader<'_>,
) -> Result<&'a str, DecodeError> {
    let value = key.get(NAME_NUMBER_BYTES..).map(std::str::from_utf8);
    match value {
        Some(Ok(value)) => Ok(value),
        _ => Err(reader.error("a value not in UTF-8")),
    }
}
