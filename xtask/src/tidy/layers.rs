//! Modules of tsdb-core import only downwards, siblings never; tests are free.

use std::collections::BTreeMap;

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::visit::{self, Visit};
use syn::{ItemUse, UseTree};

use super::Finding;
use super::ranks;
use super::source::{SourceFile, Sources, is_test_only, item_attributes};
use crate::repository::Repository;

const SOURCES: &str = "tsdb-core/src/";

pub(super) fn check(repository: &Repository, sources: &Sources) -> Vec<Finding> {
    let ranks = match ranks::table(repository, ranks::MODULES) {
        Ok(ranks) => ranks,
        Err(finding) => return vec![finding],
    };
    let mut findings = Vec::new();
    for file in &sources.files {
        let Some(inner) = file.path.strip_prefix(SOURCES) else {
            continue;
        };
        if file.test || inner == "lib.rs" {
            continue;
        }
        let path = module_path(inner);
        let Some(own) = path
            .first()
            .and_then(|name| ranks.get_key_value(name.as_str()))
        else {
            let message = format!("its module has no rank: add it to `{}`", ranks::MODULES);
            findings.push(Finding::new(&file.path, 0, message));
            continue;
        };
        findings.extend(check_file(file, &path, own, &ranks));
    }
    findings.extend(unused_ranks(&ranks, sources));
    findings
}

/// `wal/reader.rs` is the module `wal::reader`, `wal/mod.rs` is `wal`.
fn module_path(inner: &str) -> Vec<String> {
    let mut path: Vec<String> = inner
        .trim_end_matches(".rs")
        .split('/')
        .map(str::to_owned)
        .collect();
    if path.last().is_some_and(|last| last == "mod") {
        path.pop();
    }
    path
}

fn unused_ranks(ranks: &BTreeMap<String, u32>, sources: &Sources) -> Vec<Finding> {
    ranks
        .keys()
        .filter(|name| {
            sources.get(&format!("{SOURCES}{name}.rs")).is_none()
                && sources.get(&format!("{SOURCES}{name}/mod.rs")).is_none()
        })
        .map(|name| {
            Finding::new(
                ranks::PAGE,
                0,
                format!("ranks the module `{name}`, which is gone"),
            )
        })
        .collect()
}

fn check_file(
    file: &SourceFile,
    path: &[String],
    own: (&String, &u32),
    ranks: &BTreeMap<String, u32>,
) -> Vec<Finding> {
    let mut paths = CratePaths {
        module: path.to_vec(),
        found: Vec::new(),
    };
    paths.visit_file(&file.syntax);
    let mut findings = Vec::new();
    for (name, line) in paths.found {
        if name == *own.0 {
            continue;
        }
        let message = match ranks.get(&name) {
            Some(rank) if rank < own.1 => continue,
            Some(rank) => format!(
                "`{}` (rank {}) must not import `{name}` (rank {rank}): only lower ranks",
                own.0, own.1
            ),
            None => format!("`crate::{name}` is no module with a rank: name the module it is from"),
        };
        findings.push(Finding::new(&file.path, line, message));
    }
    findings
}

/// Gathers the first name behind `crate::`, and behind a chain of `super::` that reaches the root.
struct CratePaths {
    module: Vec<String>,
    found: Vec<(String, usize)>,
}

impl CratePaths {
    /// `segments` are the leading identifiers of a path.
    fn add(&mut self, segments: &[Ident]) {
        let Some(first) = segments.first() else {
            return;
        };
        let line = first.span().start().line;
        let name = |ident: Option<&Ident>| ident.map_or_else(|| "*".to_owned(), Ident::to_string);
        if first == "crate" {
            self.found.push((name(segments.get(1)), line));
        } else if first == "super" {
            let ups = segments
                .iter()
                .take_while(|segment| *segment == "super")
                .count();
            if ups >= self.module.len() {
                self.found.push((name(segments.get(ups)), line));
            }
        }
    }

    fn add_use(&mut self, before: &[Ident], tree: &UseTree) {
        let mut path = before.to_vec();
        match tree {
            UseTree::Path(inner) => {
                path.push(inner.ident.clone());
                self.add_use(&path, &inner.tree);
            }
            UseTree::Name(name) => {
                path.push(name.ident.clone());
                self.add(&path);
            }
            UseTree::Rename(rename) => {
                path.push(rename.ident.clone());
                self.add(&path);
            }
            UseTree::Glob(_) => self.add(&path),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.add_use(&path, tree);
                }
            }
        }
    }

    /// Macro bodies are not syntax yet: read runs of `a::b::c` from their tokens.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut run: Vec<Ident> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.add(&std::mem::take(&mut run));
                    }
                    run.push(ident);
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.add(&std::mem::take(&mut run));
                    colons = 0;
                    self.add_tokens(group.stream());
                }
                _ => {
                    self.add(&std::mem::take(&mut run));
                    colons = 0;
                }
            }
        }
        self.add(&run);
    }
}

impl<'ast> Visit<'ast> for CratePaths {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !is_test_only(item_attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        self.module.push(module.ident.to_string());
        visit::visit_item_mod(self, module);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.add_use(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<Ident> = path
            .segments
            .iter()
            .map(|segment| segment.ident.clone())
            .collect();
        self.add(&segments);
        visit::visit_path(self, path);
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {
        // `pub(crate)` and `pub(in crate::db)` widen who may see, they import nothing.
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.add_tokens(call.tokens.to_token_stream());
    }
}
