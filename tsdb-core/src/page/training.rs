//! From the tokens of many pages to the tables that they share.

use super::tables::{TABLES_MAX, TokenTable, TokenTables};
use super::tokens::{TOKENS, TokenCounts};

/// Pages kept at most; then each second one is dropped, and each second one kept from then on.
const PAGES_MAX: usize = 4_096;
/// A table more for so many pages: its stored lengths cost about as much as it saves.
const PAGES_PER_TABLE: usize = 16;
/// How often pages look for a better table.
const ROUNDS: usize = 8;
/// A token that occurs weighs as much as so many that a table must only be able to say.
const WEIGHT: u64 = 1 << 16;

/// The tokens of one page that occur, with how often.
type Page = Box<[(u8, u32)]>;

/// Counts the tokens of pages. Bounded: of very many pages it keeps an even sample.
#[derive(Debug, Default)]
pub struct TokenTraining {
    pages: Vec<Page>,
    seen: u64,
    /// Each 2^n-th page is kept.
    keep_shift: u32,
}

impl TokenTraining {
    /// Nothing counted yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one page.
    pub(super) fn add(&mut self, counts: &TokenCounts) {
        let number = self.seen;
        self.seen += 1;
        if number & ((1 << self.keep_shift) - 1) != 0 {
            return;
        }
        self.pages.push(counts.used().collect());
        if self.pages.len() >= PAGES_MAX {
            self.keep_shift += 1;
            let mut number = 0;
            self.pages.retain(|_| {
                number += 1;
                number % 2 == 1
            });
        }
    }

    /// The tables that suit the pages seen. The same pages in the same order make the same tables.
    #[must_use]
    pub fn train(&self) -> TokenTables {
        let count = (self.pages.len() / PAGES_PER_TABLE).clamp(1, TABLES_MAX);
        if self.pages.is_empty() {
            return TokenTables::none();
        }
        // The last table can say everything; the others are for pages alike.
        let mut places = self.first_places(count);
        let mut tables = Vec::new();
        for _ in 0..ROUNDS {
            tables = self.tables_of(&places, count);
            let mut moved = false;
            for (page, place) in self.pages.iter().zip(&mut places) {
                let bits = |table: &TokenTable| table.code_bits(page.iter().copied());
                let costs = tables.iter().enumerate();
                let costs = costs.filter_map(|(at, table)| Some((bits(table)?, at)));
                let best = costs.min().map_or(count - 1, |(_, at)| at);
                moved |= best != *place;
                *place = best;
            }
            if !moved {
                break;
            }
        }
        tables.retain(|table| !table.is_empty());
        TokenTables::from_tables(tables)
    }

    /// Pages in groups of equal size by the average of their tokens.
    fn first_places(&self, count: usize) -> Vec<usize> {
        let average = |page: &Page| {
            let total: u64 = page.iter().map(|(_, count)| u64::from(*count)).sum();
            let sum: u64 = page
                .iter()
                .map(|(symbol, count)| u64::from(*symbol) * u64::from(*count))
                .sum();
            (sum << 16).checked_div(total).unwrap_or(0)
        };
        let mut order: Vec<(u64, usize)> = self.pages.iter().map(average).zip(0..).collect();
        order.sort_unstable();
        let mut places = vec![0; order.len()];
        let len = order.len();
        for (rank, (_, page)) in order.into_iter().enumerate() {
            if let Some(place) = places.get_mut(page) {
                *place = rank * count / len;
            }
        }
        places
    }

    /// The best table for the pages at each place.
    fn tables_of(&self, places: &[usize], count: usize) -> Vec<TokenTable> {
        let mut weights = vec![[0; TOKENS]; count];
        if let Some(last) = weights.last_mut() {
            last.fill(1);
        }
        for (page, place) in self.pages.iter().zip(places) {
            for (symbol, count) in page {
                let weights = weights.get_mut(*place);
                if let Some(weight) = weights.and_then(|all| all.get_mut(usize::from(*symbol))) {
                    *weight += u64::from(*count) * WEIGHT;
                }
            }
        }
        weights.iter().filter_map(TokenTable::of_weights).collect()
    }
}
