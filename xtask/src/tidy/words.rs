//! ASCII sources, no unfinished marks, and no type named after what it is not.

use syn::visit::{self, Visit};

use super::Finding;
use super::source::Sources;
use crate::repository::Repository;

/// Suffixes that say nothing about a type.
const BANNED_SUFFIXES: &[&str] = &[
    "Manager", "Helper", "Helpers", "Util", "Utils", "Info", "Impl",
];

/// Texts that must not be committed, each with what to do instead. Split, so that this file passes.
const BANNED_TEXTS: &[(&str, &str)] = &[
    (concat!("FIX", "ME"), "finish it"),
    (
        concat!("TO", "DO"),
        "finish it, or say in the documentation what is not there",
    ),
    (concat!("XX", "X "), "finish it"),
    (concat!("dbg", "!("), "remove it"),
    (concat!("/work", "/shared"), "name no folder of one machine"),
    (concat!("/tmp", "/w/"), "name no folder of one machine"),
];

/// Kinds of files that people write.
const WRITTEN: &[&str] = &[
    ".rs", ".md", ".toml", ".sh", ".proto", ".yml", ".yaml", "/run",
];

pub(super) fn check(repository: &Repository, sources: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    for suffix in WRITTEN {
        for (path, text) in repository.texts(suffix) {
            findings.extend(check_text(path, text));
        }
    }
    findings.extend(check_readme(repository));
    for file in sources.files.iter().filter(|file| !file.generated) {
        if let Some((number, _)) = file
            .text
            .lines()
            .enumerate()
            .find(|(_, line)| !line.is_ascii())
        {
            findings.push(Finding::new(
                &file.path,
                number + 1,
                "sources are ASCII: use an escape",
            ));
        }
        let mut types = Types::default();
        types.visit_file(&file.syntax);
        for (name, line) in types.found {
            if let Some(suffix) = BANNED_SUFFIXES
                .iter()
                .find(|suffix| name.ends_with(**suffix))
            {
                let message = format!("`{name}` ends in `{suffix}`: say what it is");
                findings.push(Finding::new(&file.path, line, message));
            }
        }
    }
    findings
}

/// The example of the front page is the one that the engine's doctest runs.
fn check_readme(repository: &Repository) -> Option<Finding> {
    let example = |path: &str| {
        repository
            .text(path)
            .map(|text| text.split("```").find(|block| block.starts_with("rust")))
    };
    let (front, engine) = (example("README.md")?, example("tsdb-core/README.md")?);
    (front.is_none() || front != engine).then(|| {
        Finding::new(
            "README.md",
            0,
            "its first Rust example is not that of tsdb-core/README.md",
        )
    })
}

fn check_text(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for (banned, instead) in BANNED_TEXTS {
            if line.contains(banned) {
                let message = format!("`{banned}` is banned: {instead}");
                findings.push(Finding::new(path, number + 1, message));
            }
        }
    }
    findings
}

#[derive(Default)]
struct Types {
    found: Vec<(String, usize)>,
}

impl Types {
    fn add(&mut self, ident: &syn::Ident) {
        self.found
            .push((ident.to_string(), ident.span().start().line));
    }
}

impl<'ast> Visit<'ast> for Types {
    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.add(&item.ident);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.add(&item.ident);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.add(&item.ident);
        visit::visit_item_trait(self, item);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.add(&item.ident);
    }
}
