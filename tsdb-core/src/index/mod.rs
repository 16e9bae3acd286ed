//! Temporary.
use crate::model::*;
use crate::postings::Postings;
/// Temporary.
#[derive(Debug, Default)]
pub struct MemIndex {
    all: Vec<Labels>,
    texts: Vec<String>,
    map: std::collections::BTreeMap<String, u32>,
}
#[expect(missing_docs, reason = "temporary")]
impl MemIndex {
    pub fn new() -> Self {
        Self::default()
    }
    fn intern(&mut self, t: &str) {
        if !self.map.contains_key(t) {
            self.map.insert(t.to_owned(), self.texts.len() as u32);
            self.texts.push(t.to_owned());
        }
    }
    pub fn add(&mut self, _slot: u32, labels: &Labels) {
        for l in labels.iter() {
            self.intern(l.name);
            self.intern(l.value);
        }
        self.all.push(labels.clone());
    }
    pub fn labels(&self, slot: u32) -> Option<Labels> {
        self.all.get(slot as usize).cloned()
    }
    pub fn compare(&self, a: u32, b: u32) -> std::cmp::Ordering {
        self.all.get(a as usize).cmp(&self.all.get(b as usize))
    }
    pub fn matches(&self, m: &[Matcher]) -> Postings {
        (0..self.all.len() as u32)
            .filter(|&s| {
                m.iter().all(|m| {
                    m.matches(
                        self.all
                            .get(s as usize)
                            .and_then(|l| l.get(m.name()))
                            .unwrap_or(""),
                    )
                })
            })
            .collect()
    }
    pub fn label_names(&self, _r: Option<&Postings>, _limit: usize) -> (Vec<String>, bool) {
        (vec![], false)
    }
    pub fn label_values(
        &self,
        _n: &str,
        _r: Option<&Postings>,
        _limit: usize,
    ) -> (Vec<String>, bool) {
        (vec![], false)
    }
    pub fn symbol_of(&self, t: &str) -> Option<u32> {
        self.map.get(t).copied()
    }
    pub fn symbol_text(&self, s: u32) -> &str {
        self.texts.get(s as usize).map_or("", |t| t)
    }
    pub fn pairs_of(&self, slot: u32) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.all
            .get(slot as usize)
            .into_iter()
            .flat_map(|l| l.iter())
            .map(|l| {
                (
                    self.symbol_of(l.name).unwrap_or(0),
                    self.symbol_of(l.value).unwrap_or(0),
                )
            })
    }
    pub fn heap_bytes(&self) -> usize {
        0
    }
}
