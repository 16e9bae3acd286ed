//! The rules of `deny.toml` over what `cargo metadata` says: licences, bans and sources.

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::repository;
use crate::tidy::cargo;

const RULES: &str = "deny.toml";
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// `cargo xtask licences`.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    if let Some(argument) = arguments.first() {
        bail!("licences takes no arguments, got `{argument}`");
    }
    let root = repository::root()?;
    let rules = std::fs::read_to_string(root.join(RULES)).context("reading deny.toml")?;
    let metadata = cargo(&root, &["metadata", "--format-version", "1", "--locked"])?;
    let metadata =
        serde_json::from_str(&metadata).context("reading the output of cargo metadata")?;
    let (packages, findings) = check(&rules, &metadata);
    for finding in &findings {
        println!("{finding}");
    }
    if !findings.is_empty() {
        bail!("{} packages break the rules of {RULES}", findings.len());
    }
    println!("licences: {packages} packages keep the rules of {RULES}");
    Ok(())
}

/// How many packages come from outside, and what is wrong with them.
fn check(rules: &str, metadata: &Value) -> (usize, Vec<String>) {
    let allowed = quoted_in(rules, "allow = [");
    let banned: Vec<String> = rules
        .lines()
        .filter_map(|line| line.split("crate = \"").nth(1)?.split('"').next())
        .map(str::to_owned)
        .collect();
    let mut findings = Vec::new();
    if allowed.is_empty() || banned.is_empty() {
        findings.push(format!(
            "{RULES} allows no licence or bans no crate: it was not understood"
        ));
    }
    let mut count = 0;
    for package in metadata
        .get("packages")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let text = |key: &str| package.get(key).and_then(Value::as_str);
        let name = text("name").unwrap_or_default();
        let Some(source) = text("source") else {
            continue;
        };
        count += 1;
        if source != REGISTRY {
            findings.push(format!(
                "{name} comes from {source}: only crates.io is allowed"
            ));
        }
        if banned.iter().any(|banned| banned == name) {
            findings.push(format!("{name} is banned by {RULES}"));
        }
        match text("license") {
            Some(licence) if permits(licence, &allowed) => {}
            Some(licence) => findings.push(format!("{name} is under {licence}, not allowed")),
            None => findings.push(format!("{name} names no licence")),
        }
    }
    if count == 0 {
        findings.push("cargo metadata names no package from outside".to_owned());
    }
    (count, findings)
}

fn quoted_in(rules: &str, opening: &str) -> Vec<String> {
    let list = rules
        .split(opening)
        .nth(1)
        .unwrap_or_default()
        .split(']')
        .next();
    list.unwrap_or_default()
        .split('"')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// Whether an SPDX expression can be met with allowed licences alone. `/` is the old `OR`.
fn permits(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let mut words = spaced.split_whitespace().peekable();
    let met = either(&mut words, allowed);
    met && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn either(words: &mut Words<'_>, allowed: &[String]) -> bool {
    let mut met = both(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        met |= both(words, allowed);
    }
    met
}

fn both(words: &mut Words<'_>, allowed: &[String]) -> bool {
    let mut met = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        met &= one(words, allowed);
    }
    met
}

fn one(words: &mut Words<'_>, allowed: &[String]) -> bool {
    if words.next_if_eq(&"(").is_some() {
        let met = either(words, allowed);
        return words.next_if_eq(&")").is_some() && met;
    }
    let Some(licence) = words.next() else {
        return false;
    };
    let licence = match words.next_if_eq(&"WITH") {
        Some(_) => format!("{licence} WITH {}", words.next().unwrap_or_default()),
        None => licence.to_owned(),
    };
    allowed.contains(&licence)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{REGISTRY, check, permits};

    const RULES: &str = "allow = [\n    \"MIT\",\n    \"Apache-2.0 WITH LLVM-exception\",\n]\n\
        deny = [\n    { crate = \"openssl-sys\", reason = \"..\" },\n]\n";

    #[test]
    fn an_expression_is_met_by_what_is_allowed() {
        let allowed = ["MIT".to_owned(), "A WITH B".to_owned(), "C".to_owned()];
        for (expression, met) in [
            ("MIT", true),
            ("GPL-3.0", false),
            ("GPL-3.0 OR MIT", true),
            ("GPL-3.0/MIT", true),
            ("GPL-3.0 AND MIT", false),
            ("C AND (GPL-3.0 OR MIT)", true),
            ("C AND (GPL-3.0 OR X)", false),
            ("MIT AND C OR GPL-3.0", true),
            ("A WITH B", true),
            ("A", false),
            ("(MIT", false),
            ("MIT C", false),
            ("", false),
        ] {
            assert_eq!(permits(expression, &allowed), met, "{expression}");
        }
    }

    #[test]
    fn a_package_that_breaks_a_rule_is_found() {
        let found = |name: &str, source: &str, license: Option<&str>| {
            let package = json!({"name": name, "source": source, "license": license});
            check(
                RULES,
                &json!({"packages": [package, {"name": "own", "source": null}]}),
            )
            .1
        };
        assert!(found("a", REGISTRY, Some("MIT OR Apache-2.0")).is_empty());
        assert!(found("a", REGISTRY, Some("GPL-3.0"))[0].contains("not allowed"));
        assert!(found("a", REGISTRY, None)[0].contains("names no licence"));
        assert!(found("a", "git+https://example.net/a", Some("MIT"))[0].contains("only crates.io"));
        assert!(found("openssl-sys", REGISTRY, Some("MIT"))[0].contains("banned"));
        assert!(check(RULES, &json!({"packages": []})).1[0].contains("no package"));
        assert!(!check("", &json!({})).1.is_empty());
    }
}
