//! Keys of the file in environment variables: `TSDB__COORDINATOR__LOGGING__LEVEL=debug`.

use super::findings::{Finding, Place};
use super::keys::{Key, Known, look_up};
use super::load::{Origin, Value, nearest};

const PREFIX: &str = "TSDB__";

/// The values that variables give; those that name no key go to `wrong`.
pub(super) fn overrides(
    keys: &[Key],
    environment: &[(String, String)],
    wrong: &mut Vec<Finding>,
) -> Vec<Value> {
    let ours = environment.iter();
    let mut ours: Vec<_> = ours.filter(|(name, _)| name.starts_with(PREFIX)).collect();
    ours.sort_unstable();
    let mut values = Vec::new();
    for (name, text) in ours {
        match path_of(keys, name) {
            Some(path) => values.push(Value {
                path,
                text: text.clone(),
                origin: Origin::Environment(name.clone()),
            }),
            None => wrong.push(Finding {
                place: Place::default(),
                what: unknown(keys, name),
            }),
        }
    }
    values
}

/// The variable of a path, with `0` in the place of `[]`.
pub(super) fn variable_of(path: &str) -> String {
    let path = path.replace("[]", ".0").to_uppercase();
    format!("{PREFIX}{}", path.replace('.', "__"))
}

/// The path that a variable names.
fn path_of(keys: &[Key], name: &str) -> Option<String> {
    let parts: Vec<&str> = name.strip_prefix(PREFIX)?.split("__").collect();
    let found = keys.iter().find_map(|key| path_with(&key.path, &parts))?;
    matches!(look_up(keys, &found), Known::Key(_)).then_some(found)
}

/// The path of a key with the places in lists that `parts` name.
fn path_with(key: &str, parts: &[&str]) -> Option<String> {
    let mut parts = parts.iter();
    let mut path = String::new();
    for segment in key.split('.') {
        let (segment, is_list) = match segment.strip_suffix("[]") {
            Some(segment) => (segment, true),
            None => (segment, false),
        };
        if !parts.next()?.eq_ignore_ascii_case(segment) {
            return None;
        }
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(segment);
        if is_list {
            let place: u32 = parts.next()?.parse().ok()?;
            path.push_str(&format!("[{place}]"));
        }
    }
    parts.next().is_none().then_some(path)
}

fn unknown(keys: &[Key], name: &str) -> String {
    let single = keys.iter().filter(|key| !key.path.ends_with("**"));
    let variables: Vec<String> = single.map(|key| variable_of(&key.path)).collect();
    match nearest(name, &variables) {
        Some(nearest) => format!("{name} names no key: did you mean {nearest}?"),
        None => format!(
            "{name} names no key: write the names of a key with two underscores between, as TSDB__COORDINATOR__LISTENADDRESS"
        ),
    }
}
