//! What can be told of an anchored regular expression without running it.

use regex_syntax::hir::literal::{ExtractKind, Extractor};
use regex_syntax::hir::{Class, Hir, HirKind, Look, Repetition};

/// An anchored expression in the cheapest form that is exactly as strict.
#[derive(Debug)]
pub(super) enum Shape {
    /// One of these texts, sorted.
    Set(Vec<String>),
    /// A text with something before it, after it, or both.
    Around {
        before: Gap,
        literal: String,
        after: Gap,
    },
    /// Neither; all matches begin with `prefix`, which may be empty.
    Other { prefix: String },
}

/// What may stand beside a literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    Nothing,
    Anything,
    Something,
}

/// Looks at the expression `hir`, made from a pattern of `pattern_len` bytes.
pub(super) fn shape_of(hir: &Hir, pattern_len: usize) -> Shape {
    let limits = Limits {
        strings: pattern_len.max(1 << 10),
        bytes: pattern_len.saturating_mul(4).max(8 << 10),
    };
    if let Some(mut set) = strings(
        hir,
        Edges {
            start: true,
            end: true,
        },
        limits,
    ) {
        set.sort_unstable();
        set.dedup();
        return Shape::Set(set);
    }
    around(hir).unwrap_or_else(|| Shape::Other {
        prefix: prefix_of(hir),
    })
}

/// How large a set of strings may get: more only for a pattern that is itself long.
#[derive(Clone, Copy)]
struct Limits {
    strings: usize,
    bytes: usize,
}

/// At which ends of the whole text an expression stands: there `^` and `$` always hold.
#[derive(Clone, Copy)]
struct Edges {
    start: bool,
    end: bool,
}

impl Edges {
    const INSIDE: Self = Self {
        start: false,
        end: false,
    };
}

/// All strings that `hir` matches, if they are few.
fn strings(hir: &Hir, edges: Edges, limits: Limits) -> Option<Vec<String>> {
    match hir.kind() {
        HirKind::Empty => Some(vec![String::new()]),
        HirKind::Look(Look::Start) if edges.start => Some(vec![String::new()]),
        HirKind::Look(Look::End) if edges.end => Some(vec![String::new()]),
        HirKind::Literal(literal) => Some(vec![std::str::from_utf8(&literal.0).ok()?.to_owned()]),
        HirKind::Class(Class::Unicode(class)) => {
            let count: usize = class.ranges().iter().map(|range| range.len()).sum();
            let ranges = class
                .ranges()
                .iter()
                .map(|range| range.start()..=range.end());
            (count <= limits.strings).then(|| ranges.flatten().map(String::from).collect())
        }
        HirKind::Repetition(Repetition {
            min: 0,
            max: Some(1),
            sub,
            ..
        }) => {
            let mut set = strings(sub, Edges::INSIDE, limits)?;
            set.push(String::new());
            Some(set)
        }
        HirKind::Capture(capture) => strings(&capture.sub, edges, limits),
        HirKind::Alternation(branches) => {
            let mut set = Vec::new();
            let mut bytes = 0;
            for branch in branches {
                let more = strings(branch, edges, limits)?;
                bytes += more.iter().map(String::len).sum::<usize>();
                set.extend(more);
                if set.len() > limits.strings || bytes > limits.bytes {
                    return None;
                }
            }
            Some(set)
        }
        HirKind::Concat(parts) => concatenated(parts, edges, limits),
        _ => None,
    }
}

/// Every string of each part joined with every string of the next.
fn concatenated(parts: &[Hir], edges: Edges, limits: Limits) -> Option<Vec<String>> {
    let looks = |parts: &[Hir], look: Look| {
        parts
            .iter()
            .all(|part| matches!(part.kind(), HirKind::Look(l) if *l == look))
    };
    let mut set = vec![String::new()];
    for (index, part) in parts.iter().enumerate() {
        let (before, after) = (parts.get(..index)?, parts.get(index + 1..)?);
        let part_edges = Edges {
            start: edges.start && looks(before, Look::Start),
            end: edges.end && looks(after, Look::End),
        };
        let tails = strings(part, part_edges, limits)?;
        let bytes = |set: &[String]| set.iter().map(String::len).sum::<usize>();
        let joined_bytes = bytes(&set) * tails.len() + bytes(&tails) * set.len();
        if set.len() * tails.len() > limits.strings || joined_bytes > limits.bytes {
            return None;
        }
        set = set
            .iter()
            .flat_map(|head| tails.iter().map(move |tail| [head.as_str(), tail].concat()))
            .collect();
    }
    Some(set)
}

/// `.*`, `.+`, and a literal with those beside it.
fn around(hir: &Hir) -> Option<Shape> {
    let mut parts = match hir.kind() {
        HirKind::Concat(parts) => parts.as_slice(),
        _ => std::slice::from_ref(hir),
    };
    while let [first, rest @ ..] = parts
        && matches!(first.kind(), HirKind::Look(Look::Start))
    {
        parts = rest;
    }
    while let [rest @ .., last] = parts
        && matches!(last.kind(), HirKind::Look(Look::End))
    {
        parts = rest;
    }
    let literal = |hir: &Hir| match hir.kind() {
        HirKind::Literal(literal) => Some(std::str::from_utf8(&literal.0).ok()?.to_owned()),
        _ => None,
    };
    let (before, literal, after) = match parts {
        [one] => (gap(one)?, String::new(), Gap::Nothing),
        [a, b] => match gap(a) {
            Some(before) => (before, literal(b)?, Gap::Nothing),
            None => (Gap::Nothing, literal(a)?, gap(b)?),
        },
        [a, b, c] => (gap(a)?, literal(b)?, gap(c)?),
        _ => return None,
    };
    Some(Shape::Around {
        before,
        literal,
        after,
    })
}

/// `(?s:.*)` or `(?s:.+)`.
fn gap(hir: &Hir) -> Option<Gap> {
    let HirKind::Repetition(Repetition {
        min,
        max: None,
        sub,
        ..
    }) = hir.kind()
    else {
        return None;
    };
    let HirKind::Class(Class::Unicode(class)) = sub.kind() else {
        return None;
    };
    let [range] = class.ranges() else { return None };
    match (range.start(), range.end(), min) {
        ('\0', char::MAX, 0) => Some(Gap::Anything),
        ('\0', char::MAX, 1) => Some(Gap::Something),
        _ => None,
    }
}

/// The longest text that all matches begin with.
fn prefix_of(hir: &Hir) -> String {
    let sequence = Extractor::new().kind(ExtractKind::Prefix).extract(hir);
    let common = sequence.longest_common_prefix().unwrap_or_default();
    // Matches that begin alike may part in the middle of a character.
    let whole = common
        .utf8_chunks()
        .next()
        .map_or("", |chunk| chunk.valid());
    whole.to_owned()
}
