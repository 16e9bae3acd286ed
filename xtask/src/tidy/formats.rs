//! The pages of `docs/format/` quote the constants of their modules, compared as text.

use std::collections::BTreeSet;

use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

use super::Finding;
use super::source::{SourceFile, Sources};
use crate::repository::Repository;

const FOLDER: &str = "docs/format/";
const README: &str = "docs/format/README.md";
/// Quoted paths that start so are the modules whose constants a page may quote.
const MODULES: &[&str] = &["tsdb-core/src/", "tsdb-cluster/src/wire/"];
/// Constants that a page must quote: these words in their name fix the bytes on disk.
const FORMAT_WORDS: &[&str] = &["MAGIC", "VERSION"];

pub(super) fn check(repository: &Repository, sources: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut quoted: BTreeSet<(String, String)> = BTreeSet::new();
    for (path, text) in repository
        .texts(".md")
        .filter(|(path, _)| path.starts_with(FOLDER))
    {
        if path == README {
            continue;
        }
        let page = Page::read(text);
        if page.quotes.is_empty() {
            let message = "a page of a format quotes constants as `NAME = value`";
            findings.push(Finding::new(path, 0, message));
        }
        for module in page
            .modules
            .iter()
            .filter(|module| files_of(module, sources).next().is_none())
        {
            findings.push(Finding::new(
                path,
                0,
                format!("names `{module}`, which is gone"),
            ));
        }
        for quote in &page.quotes {
            match check_quote(quote, &page.modules, sources) {
                Ok(module) => {
                    quoted.insert((module, quote.name.clone()));
                }
                Err(message) => findings.push(Finding::new(path, quote.line, message)),
            }
        }
    }
    findings.extend(unquoted(&quoted, sources));
    findings
}

/// Constants that fix the bytes on disk and stand on no page.
fn unquoted(quoted: &BTreeSet<(String, String)>, sources: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in MODULES.iter().flat_map(|module| files_of(module, sources)) {
        for constant in constants(file) {
            let fixes = FORMAT_WORDS.iter().any(|word| constant.name.contains(word));
            if fixes && !quoted.contains(&(file.path.clone(), constant.name.clone())) {
                let message = format!("no page of {FOLDER} quotes `{}`", constant.name);
                findings.push(Finding::new(&file.path, constant.line, message));
            }
        }
    }
    findings
}

/// The files that a quoted path stands for: itself, or all below it.
fn files_of<'a>(module: &'a str, sources: &'a Sources) -> impl Iterator<Item = &'a SourceFile> {
    sources.files.iter().filter(move |file| {
        !file.test
            && (file.path == module || module.ends_with('/') && file.path.starts_with(module))
    })
}

/// One `NAME = value`.
struct Quote {
    name: String,
    value: String,
    line: usize,
}

/// What a page says about the code.
#[derive(Default)]
struct Page {
    modules: Vec<String>,
    quotes: Vec<Quote>,
}

impl Page {
    /// Reads what stands in backticks: paths, `` `NAME = value` ``, and rows
    /// `` | `NAME` | `value` | ``.
    fn read(text: &str) -> Self {
        let mut page = Self::default();
        let mut fenced = false;
        for (number, line) in text.lines().enumerate() {
            fenced ^= line.starts_with("```");
            if fenced {
                continue;
            }
            let spans: Vec<&str> = line.split('`').skip(1).step_by(2).collect();
            if let (true, [name, value, ..]) = (line.starts_with("| `"), spans.as_slice()) {
                page.add_quote(name, value, number + 1);
            }
            for span in spans {
                if MODULES.iter().any(|module| span.starts_with(module)) {
                    page.modules.push(span.to_owned());
                } else if let Some((name, value)) = span.split_once(" = ") {
                    page.add_quote(name, value, number + 1);
                }
            }
        }
        page
    }

    fn add_quote(&mut self, name: &str, value: &str, line: usize) {
        let constant = name.len() > 1
            && name.starts_with(|first: char| first.is_ascii_uppercase())
            && name
                .bytes()
                .all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_'));
        if constant {
            self.quotes.push(Quote {
                name: name.to_owned(),
                value: value.to_owned(),
                line,
            });
        }
    }
}

/// The file that holds the quoted constant, or what is wrong with the quote.
fn check_quote(quote: &Quote, modules: &[String], sources: &Sources) -> Result<String, String> {
    let mut other = None;
    for file in modules.iter().flat_map(|module| files_of(module, sources)) {
        for constant in constants(file)
            .into_iter()
            .filter(|found| found.name == quote.name)
        {
            if squeeze(&constant.value) == squeeze(&quote.value) {
                return Ok(file.path.clone());
            }
            other = Some((file.path.as_str(), constant.value));
        }
    }
    Err(match other {
        Some((path, value)) => {
            format!(
                "quotes `{}` as `{}`, {path} has `{value}`",
                quote.name, quote.value
            )
        }
        None => format!(
            "no module that the page names has a constant `{}`",
            quote.name
        ),
    })
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
