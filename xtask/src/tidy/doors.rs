//! A `mod.rs` is a door: at most 60 lines of `mod` and `use`.

use syn::Item;
use syn::spanned::Spanned as _;

use super::Finding;
use super::source::{Sources, is_test_only};

const DOOR_LINES_MAX: usize = 60;

pub(super) fn check(sources: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    let doors = sources
        .files
        .iter()
        .filter(|file| file.path.ends_with("/mod.rs") && !file.test && !file.generated);
    for file in doors {
        let lines = file.text.lines().count();
        if lines > DOOR_LINES_MAX {
            let message = format!("a door has at most {DOOR_LINES_MAX} lines, this one {lines}");
            findings.push(Finding::new(&file.path, 0, message));
        }
        for item in &file.syntax.items {
            let plain = match item {
                Item::Use(_) => true,
                Item::Mod(module) => module.content.is_none() || is_test_only(&module.attrs),
                _ => false,
            };
            if !plain {
                let line = item.span().start().line;
                let message =
                    "a door holds only `mod` and `use`: move the item to a file of its own";
                findings.push(Finding::new(&file.path, line, message));
            }
        }
    }
    findings
}
