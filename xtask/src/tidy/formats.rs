//! The pages of `docs/format/` quote the constants of their modules, compared as text.

use std::collections::BTreeMap;

use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

use super::Finding;
use super::source::{SourceFile, Sources};
use crate::repository::Repository;

const FOLDER: &str = "docs/format/";
const README: &str = "docs/format/README.md";
/// A line that starts so names a module; the table under it quotes the module's constants.
const OPENING: &str = "Constants of `";
/// Constants that a page must quote: these words in their name fix the bytes on disk.
const FORMAT_WORDS: &[&str] = &["MAGIC", "VERSION"];

pub(super) fn check(repository: &Repository, sources: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut quoted: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (page, text) in repository
        .texts(".md")
        .filter(|(path, _)| path.starts_with(FOLDER))
    {
        if page == README {
            continue;
        }
        let tables = read_tables(text);
        if tables.is_empty() {
            let message = format!("a page of a format has a table under a line `{OPENING}PATH`:`");
            findings.push(Finding::new(page, 0, message));
        }
        for row in tables {
            findings.extend(check_row(page, &row, sources));
            quoted.entry(row.module).or_default().push(row.name);
        }
    }
    for file in sources
        .files
        .iter()
        .filter(|file| file.path.starts_with("tsdb-core/src/") && !file.test)
    {
        for constant in constants(file) {
            let fixes = FORMAT_WORDS.iter().any(|word| constant.name.contains(word));
            let known = quoted
                .get(&file.path)
                .is_some_and(|names| names.contains(&constant.name));
            if fixes && !known {
                let message = format!("no page of {FOLDER} quotes `{}`", constant.name);
                findings.push(Finding::new(&file.path, constant.line, message));
            }
        }
    }
    findings
}

struct Row {
    module: String,
    name: String,
    value: String,
    line: usize,
}

/// Rows `` | `NAME` | `value` | .. `` of the tables that follow an opening line.
fn read_tables(text: &str) -> Vec<Row> {
    let mut module: Option<String> = None;
    let mut rows = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if let Some(rest) = line.strip_prefix(OPENING) {
            module = rest.split('`').next().map(str::to_owned);
        } else if line.starts_with('#') {
            module = None;
        } else if let Some(module) = &module
            && line.starts_with("| `")
        {
            let mut cells = line.split('`').skip(1).step_by(2);
            if let (Some(name), Some(value)) = (cells.next(), cells.next()) {
                rows.push(Row {
                    module: module.clone(),
                    name: name.to_owned(),
                    value: value.to_owned(),
                    line: number + 1,
                });
            }
        }
    }
    rows
}

fn check_row(page: &str, row: &Row, sources: &Sources) -> Option<Finding> {
    let finding = |message: String| Some(Finding::new(page, row.line, message));
    let Some(file) = sources.get(&row.module) else {
        return finding(format!("quotes `{}`, which is gone", row.module));
    };
    let found = constants(file);
    match found.iter().find(|constant| constant.name == row.name) {
        None => finding(format!("`{}` has no constant `{}`", row.module, row.name)),
        Some(constant) if squeeze(&constant.value) != squeeze(&row.value) => finding(format!(
            "quotes `{}` as `{}`, {} has `{}`",
            row.name, row.value, row.module, constant.value
        )),
        Some(_) => None,
    }
}

fn squeeze(text: &str) -> String {
    text.chars()
        .filter(|character| !character.is_whitespace())
        .collect()
}

struct Constant {
    name: String,
    value: String,
    line: usize,
}

fn constants(file: &SourceFile) -> Vec<Constant> {
    let mut visitor = Constants { found: Vec::new() };
    visitor.visit_file(&file.syntax);
    visitor.found
}

struct Constants {
    found: Vec<Constant>,
}

impl Constants {
    fn add(&mut self, ident: &syn::Ident, value: &syn::Expr) {
        self.found.push(Constant {
            name: ident.to_string(),
            value: value.span().source_text().unwrap_or_default(),
            line: ident.span().start().line,
        });
    }
}

impl<'ast> Visit<'ast> for Constants {
    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.add(&item.ident, &item.expr);
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.add(&item.ident, &item.expr);
        visit::visit_impl_item_const(self, item);
    }
}
