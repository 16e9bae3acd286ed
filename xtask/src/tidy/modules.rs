//! No dead file: every Rust file is a crate root or named by a `mod`.

use std::collections::BTreeSet;

use syn::{Expr, Item, ItemMod, Lit, Meta};

use super::Finding;
use super::source::{SourceFile, Sources, module_folder};
use crate::repository::Repository;

pub(super) fn check(repository: &Repository, sources: &Sources) -> Vec<Finding> {
    let named = manifest_paths(repository);
    let mut reached: BTreeSet<String> = BTreeSet::new();
    let mut open: Vec<String> = sources
        .files
        .iter()
        .filter(|file| is_root(repository, &file.path) || named.contains(&file.path))
        .map(|file| file.path.clone())
        .collect();
    while let Some(path) = open.pop() {
        let Some(file) = sources.get(&path) else {
            continue;
        };
        if reached.insert(path.clone()) {
            open.extend(children(
                file,
                is_root(repository, &path) || named.contains(&path),
            ));
        }
    }
    sources
        .files
        .iter()
        .filter(|file| !reached.contains(&file.path))
        .map(|file| {
            Finding::new(
                &file.path,
                0,
                "no `mod` names this file: delete it or name it",
            )
        })
        .collect()
}

/// Files that Cargo finds by itself.
fn is_root(repository: &Repository, path: &str) -> bool {
    let Some((folder, name)) = path.rsplit_once('/') else {
        return false;
    };
    let package = |folder: &str| repository.contains(&format!("{folder}/Cargo.toml"));
    if let Some(package_folder) = folder.strip_suffix("/src") {
        return package(package_folder) && matches!(name, "lib.rs" | "main.rs");
    }
    if let Some(package_folder) = folder.strip_suffix("/src/bin") {
        return package(package_folder);
    }
    // `tests/a.rs` and `tests/a/main.rs` are the same to Cargo.
    let folder_of_targets = match folder.rsplit_once('/') {
        Some((above, _)) if name == "main.rs" && is_target_folder(above) => above,
        _ => folder,
    };
    match folder_of_targets.rsplit_once('/') {
        Some((package_folder, _)) if is_target_folder(folder_of_targets) => package(package_folder),
        _ => name == "build.rs" && package(folder),
    }
}

fn is_target_folder(folder: &str) -> bool {
    matches!(
        folder.rsplit('/').next(),
        Some("tests" | "benches" | "examples")
    )
}

/// Targets that a manifest names with `path = "..."`.
fn manifest_paths(repository: &Repository) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for (manifest, text) in repository.texts("Cargo.toml") {
        let folder = manifest.trim_end_matches("Cargo.toml");
        for line in text.lines() {
            if let Some((key, value)) = line.split_once('=')
                && key.trim() == "path"
            {
                paths.insert(format!("{folder}{}", value.trim().trim_matches('"')));
            }
        }
    }
    paths
}

/// Files that the `mod` items of a file may lie in. A root's modules lie beside it.
fn children(file: &SourceFile, root: bool) -> Vec<String> {
    let beside = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let folder = if root {
        beside.to_owned()
    } else {
        module_folder(&file.path)
    };
    let mut found = Vec::new();
    add_children(&file.syntax.items, &folder, beside, &mut found);
    found
}

fn add_children(items: &[Item], folder: &str, beside: &str, found: &mut Vec<String>) {
    for item in items {
        if let Some(included) = included(item) {
            found.push(format!("{beside}/{included}"));
        }
        let Item::Mod(module) = item else { continue };
        match (&module.content, path_attribute(module)) {
            (Some((_, items)), _) => {
                let inner = format!("{folder}/{}", module.ident);
                add_children(items, &inner, beside, found);
            }
            (None, Some(path)) => found.push(format!("{beside}/{path}")),
            (None, None) => {
                found.push(format!("{folder}/{}.rs", module.ident));
                found.push(format!("{folder}/{}/mod.rs", module.ident));
            }
        }
    }
}

/// The file that an `include!("..")` item names.
fn included(item: &Item) -> Option<String> {
    let Item::Macro(item) = item else { return None };
    if !item.mac.path.is_ident("include") {
        return None;
    }
    item.mac
        .parse_body::<syn::LitStr>()
        .ok()
        .map(|path| path.value())
}

fn path_attribute(module: &ItemMod) -> Option<String> {
    module
        .attrs
        .iter()
        .find_map(|attribute| match &attribute.meta {
            Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
                Expr::Lit(literal) => match &literal.lit {
                    Lit::Str(path) => Some(path.value()),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        })
}
