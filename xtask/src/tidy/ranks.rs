//! The rank tables of ARCHITECTURE.md.

use std::collections::BTreeMap;

use super::Finding;
use crate::repository::Repository;

/// The page the tables stand in.
pub(super) const PAGE: &str = "ARCHITECTURE.md";
/// Title over the table of modules.
pub(super) const MODULES: &str = "## Ranks inside tsdb-core";
/// Title over the table of crates.
pub(super) const CRATES: &str = "## Ranks of the crates";

/// Names and their ranks, from the table under a title.
pub(super) fn table(
    repository: &Repository,
    title: &str,
) -> Result<BTreeMap<String, u32>, Finding> {
    let missing = |what: &str| Finding::new(PAGE, 0, format!("{what} `{title}`"));
    let text = repository
        .text(PAGE)
        .ok_or_else(|| missing("no page that could hold"))?;
    let mut ranks = BTreeMap::new();
    let lines = text.lines().skip_while(|line| *line != title).skip(1);
    for line in lines.take_while(|line| !line.starts_with("## ")) {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let Some(Ok(rank)) = cells.next().map(str::parse::<u32>) else {
            continue;
        };
        for name in cells
            .next()
            .unwrap_or_default()
            .split('`')
            .skip(1)
            .step_by(2)
        {
            ranks.insert(name.to_owned(), rank);
        }
    }
    if ranks.is_empty() {
        Err(missing("no table of ranks under"))
    } else {
        Ok(ranks)
    }
}
