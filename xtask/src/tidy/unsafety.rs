//! Unsafe code only in the listed files; every other crate forbids it.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::Meta;

use super::Finding;
use super::source::{SourceFile, Sources};

/// The files of tsdb-core that may lift the crate's denial.
const UNSAFE_FILES: &[&str] = &["tsdb-core/src/bits/prefetch.rs"];
/// The crate whose listed files may lift the denial.
const LIFTING_CRATE: &str = "tsdb-core/src/lib.rs";

pub(super) fn check(sources: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    for path in UNSAFE_FILES
        .iter()
        .filter(|path| sources.get(path).is_none())
    {
        findings.push(Finding::new(
            path,
            0,
            "is on the list of unsafe files and gone",
        ));
    }
    for file in &sources.files {
        if !UNSAFE_FILES.contains(&file.path.as_str())
            && let Some(line) = unsafe_line(file.syntax.to_token_stream())
        {
            findings.push(Finding::new(
                &file.path,
                line,
                "unsafe code outside the listed files",
            ));
        }
        let level = if file.path == LIFTING_CRATE {
            "deny"
        } else {
            "forbid"
        };
        if is_crate_root(&file.path) && !has_level(file, level) {
            let message = format!("a crate root starts with `#![{level}(unsafe_code)]`");
            findings.push(Finding::new(&file.path, 1, message));
        }
    }
    findings
}

fn is_crate_root(path: &str) -> bool {
    path.ends_with("src/lib.rs") || path.ends_with("src/main.rs") || path.contains("/src/bin/")
}

fn has_level(file: &SourceFile, level: &str) -> bool {
    file.syntax
        .attrs
        .iter()
        .any(|attribute| match &attribute.meta {
            Meta::List(list) => {
                list.path.is_ident(level) && list.tokens.to_string().contains("unsafe_code")
            }
            _ => false,
        })
}

fn unsafe_line(tokens: TokenStream) -> Option<usize> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Ident(ident) if ident == "unsafe" => Some(ident.span().start().line),
        TokenTree::Group(group) => unsafe_line(group.stream()),
        _ => None,
    })
}
