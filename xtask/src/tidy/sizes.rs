//! Files of at most 800 lines, functions of at most 70. Exceptions are listed with their size,
//! which may only fall.

use std::collections::BTreeMap;

use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

use super::Finding;
use super::source::Sources;
use crate::repository::Repository;

/// Longest file, in lines.
pub(super) const FILE_LINES_MAX: usize = 800;
/// Longest function from `fn` to the closing brace, in lines.
pub(super) const FUNCTION_LINES_MAX: usize = 70;
/// The exceptions: `file PATH LINES` or `fn PATH NAME LINES`, one a line.
pub(super) const RATCHET: &str = "xtask/ratchet.txt";

pub(super) fn check(repository: &Repository, sources: &Sources) -> Vec<Finding> {
    let (mut ratchet, mut findings) = read_ratchet(repository);
    for file in sources.files.iter().filter(|file| !file.generated) {
        let lines = file.text.lines().count();
        let key = format!("file {}", file.path);
        findings.extend(judge(
            &mut ratchet,
            &key,
            &file.path,
            0,
            lines,
            FILE_LINES_MAX,
        ));

        let mut functions = Functions::default();
        functions.visit_file(&file.syntax);
        for function in functions.found {
            let key = format!("fn {} {}", file.path, function.name);
            findings.extend(judge(
                &mut ratchet,
                &key,
                &file.path,
                function.line,
                function.lines,
                FUNCTION_LINES_MAX,
            ));
        }
    }
    findings.extend(ratchet.into_iter().map(|(key, (_, line))| {
        Finding::new(
            RATCHET,
            line,
            format!("`{key}` is within the limit or gone: remove the line"),
        )
    }));
    findings
}

type Ratchet = BTreeMap<String, (usize, usize)>;

fn read_ratchet(repository: &Repository) -> (Ratchet, Vec<Finding>) {
    let mut ratchet = Ratchet::new();
    let mut findings = Vec::new();
    for (number, line) in repository
        .text(RATCHET)
        .unwrap_or_default()
        .lines()
        .enumerate()
    {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match line.rsplit_once(' ').map(|(key, size)| (key, size.parse())) {
            Some((key, Ok(size))) => {
                ratchet.insert(key.to_owned(), (size, number + 1));
            }
            _ => findings.push(Finding::new(
                RATCHET,
                number + 1,
                "is not `file PATH LINES` or `fn PATH NAME LINES`",
            )),
        }
    }
    (ratchet, findings)
}

fn judge(
    ratchet: &mut Ratchet,
    key: &str,
    path: &str,
    line: usize,
    lines: usize,
    max: usize,
) -> Option<Finding> {
    if lines <= max {
        return None;
    }
    match ratchet.remove(key) {
        None => Some(Finding::new(
            path,
            line,
            format!("`{key}` has {lines} lines, at most {max} are allowed: split it"),
        )),
        Some((listed, _)) if lines > listed => Some(Finding::new(
            path,
            line,
            format!(
                "`{key}` grew to {lines} lines from the {listed} of {RATCHET}: exceptions may only shrink"
            ),
        )),
        Some((listed, at)) if lines < listed => Some(Finding::new(
            RATCHET,
            at,
            format!("`{key}` shrank to {lines} lines: lower the listed {listed}"),
        )),
        Some(_) => None,
    }
}

struct Function {
    name: String,
    line: usize,
    lines: usize,
}

#[derive(Default)]
struct Functions {
    found: Vec<Function>,
}

impl Functions {
    fn add(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let first = signature.span().start().line;
        let last = block.brace_token.span.close().end().line;
        self.found.push(Function {
            name: signature.ident.to_string(),
            line: first,
            lines: last + 1 - first,
        });
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.add(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.add(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(block) = &function.default {
            self.add(&function.sig, block);
        }
        visit::visit_trait_item_fn(self, function);
    }
}
