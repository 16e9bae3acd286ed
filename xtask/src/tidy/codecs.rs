//! Every decoder of bytes from disk or wire has a fuzz target.

use std::collections::BTreeMap;

use syn::visit::{self, Visit};

use super::Finding;
use super::source::{Sources, is_test_only, item_attributes};
use crate::repository::Repository;

/// `PATH TARGET`, one decoder a line: which fuzz target plays with which file. `PATH - REASON`
/// names a file that looks like a decoder and reads nothing hostile.
pub(super) const DECODERS: &str = "fuzz/decoders.txt";
/// The table of fuzz targets: a target exists when this file names it in quotes.
pub(super) const TARGETS: &str = "fuzz/src/targets.rs";

/// Crates that read what others wrote.
const DECODING: &[&str] = &[
    "tsdb-cluster/src/",
    "tsdb-core/src/",
    "tsdb-formats/src/",
    "tsdb-remote/src/",
    "tsdb-server/src/",
];
/// Readers of hostile bytes: a file that makes one decodes.
const READERS: &[&str] = &["ByteReader", "BitReader"];
/// How functions that decode are called.
const VERBS: &[&str] = &["decode", "parse", "from_bytes", "from_json"];

pub(super) fn check(repository: &Repository, sources: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut listed: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let targets = repository.text(TARGETS).unwrap_or_default();
    for (number, line) in repository
        .text(DECODERS)
        .unwrap_or_default()
        .lines()
        .enumerate()
    {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((path, target)) = line.split_once(' ') else {
            findings.push(Finding::new(DECODERS, number + 1, "is not `PATH TARGET`"));
            continue;
        };
        if !repository.contains(path) {
            findings.push(Finding::new(
                DECODERS,
                number + 1,
                format!("`{path}` is gone"),
            ));
        }
        let reason = target.strip_prefix("- ");
        if reason.is_none() && !targets.contains(&format!("\"{target}\"")) {
            let message = format!("`{target}` is no target of {TARGETS}");
            findings.push(Finding::new(DECODERS, number + 1, message));
        }
        listed.entry(path).or_default().push(target);
    }
    for file in &sources.files {
        let decoding = DECODING.iter().any(|prefix| file.path.starts_with(prefix));
        if !decoding || file.test || file.generated || listed.contains_key(file.path.as_str()) {
            continue;
        }
        let mut decoders = Decoders::default();
        decoders.visit_file(&file.syntax);
        if let Some((what, line)) = decoders.found {
            let message = format!("decodes (`{what}`) and no line of {DECODERS} gives it a target");
            findings.push(Finding::new(&file.path, line, message));
        }
    }
    findings
}

#[derive(Default)]
struct Decoders {
    found: Option<(String, usize)>,
}

impl Decoders {
    fn add_name(&mut self, ident: &syn::Ident) {
        let name = ident.to_string();
        if VERBS
            .iter()
            .any(|verb| name == *verb || name.starts_with(&format!("{verb}_")))
        {
            self.add(name, ident);
        }
    }

    fn add(&mut self, what: String, ident: &syn::Ident) {
        self.found.get_or_insert((what, ident.span().start().line));
    }
}

impl<'ast> Visit<'ast> for Decoders {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !is_test_only(item_attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.add_name(&function.sig.ident);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.add_name(&function.sig.ident);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        if let syn::Expr::Path(path) = &*call.func {
            let mut segments = path.path.segments.iter().rev();
            let (last, owner) = (segments.next(), segments.next());
            if let (Some(last), Some(owner)) = (last, owner)
                && last.ident == "new"
                && READERS.iter().any(|reader| owner.ident == reader)
            {
                self.add(format!("{}::new", owner.ident), &owner.ident);
            }
        }
        visit::visit_expr_call(self, call);
    }
}
