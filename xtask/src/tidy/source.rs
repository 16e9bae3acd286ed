//! All Rust files, parsed once, each known to be a test or not.

use std::collections::BTreeSet;

use syn::punctuated::Punctuated;
use syn::{Attribute, Item, Meta, Token};

use super::Finding;
use crate::repository::Repository;

/// One parsed Rust file.
pub(super) struct SourceFile {
    pub(super) path: String,
    pub(super) text: String,
    pub(super) syntax: syn::File,
    /// Compiled into tests only.
    pub(super) test: bool,
    /// Written by a generator, which the first lines say.
    pub(super) generated: bool,
}

/// Every Rust file of the repository.
pub(super) struct Sources {
    pub(super) files: Vec<SourceFile>,
}

impl Sources {
    /// Parses all; what does not parse is a finding.
    pub(super) fn parse(repository: &Repository) -> (Self, Vec<Finding>) {
        let mut files = Vec::new();
        let mut findings = Vec::new();
        for (path, text) in repository.texts(".rs") {
            match syn::parse_file(text) {
                Ok(syntax) => files.push(SourceFile {
                    path: path.to_owned(),
                    text: text.to_owned(),
                    syntax,
                    test: false,
                    generated: text.lines().take(5).any(|line| line.contains("@generated")),
                }),
                Err(error) => findings.push(Finding::new(
                    path,
                    error.span().start().line,
                    format!("is not Rust: {error}"),
                )),
            }
        }
        let tests: BTreeSet<String> = files.iter().flat_map(test_modules).collect();
        for file in &mut files {
            file.test =
                is_test_path(&file.path) || tests.iter().any(|stem| is_under(&file.path, stem));
        }
        (Self { files }, findings)
    }

    /// One file by its path.
    pub(super) fn get(&self, path: &str) -> Option<&SourceFile> {
        self.files.iter().find(|file| file.path == path)
    }
}

fn is_test_path(path: &str) -> bool {
    path.split('/')
        .any(|part| part == "tests" || part == "benches" || part == "tests.rs")
        && !path.starts_with("benches/tsdb-bench/src/")
        && !path.starts_with("benches/tsdb-bench-compare/src/")
}

fn is_under(path: &str, stem: &str) -> bool {
    path.strip_prefix(stem)
        .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

/// Where the modules lie (without `.rs`) that this file declares under `#[cfg(test)]`.
fn test_modules(file: &SourceFile) -> Vec<String> {
    let folder = module_folder(&file.path);
    file.syntax
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Mod(module) if module.content.is_none() && is_test_only(&module.attrs) => {
                Some(format!("{folder}/{}", module.ident))
            }
            _ => None,
        })
        .collect()
}

/// The folder in which a file's child modules lie.
pub(super) fn module_folder(path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    match name {
        "mod.rs" | "lib.rs" | "main.rs" => folder.to_owned(),
        _ => format!("{folder}/{}", name.trim_end_matches(".rs")),
    }
}

/// Whether `#[cfg(test)]`, `#[cfg(all(test, ..))]` or `#[test]` stands on an item.
pub(super) fn is_test_only(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        if attribute.path().is_ident("test") {
            return true;
        }
        if !attribute.path().is_ident("cfg") {
            return false;
        }
        attribute
            .parse_args::<Meta>()
            .is_ok_and(|meta| requires_test(&meta))
    })
}

fn requires_test(meta: &Meta) -> bool {
    match meta {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("all") => list
            .parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
            .is_ok_and(|inner| inner.iter().any(requires_test)),
        _ => false,
    }
}

/// The attributes of an item, for those kinds that can stand under `#[cfg(test)]`.
pub(super) fn item_attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
