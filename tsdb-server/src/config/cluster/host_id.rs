//! What a node is called.

use std::path::Path;

use super::said::{Beside, Said};
use crate::access::read_file;
use crate::config::load::Value;
use crate::machine::host_name;

/// The name of the node as `db.hostID` has it resolved; none where nothing is said of it.
pub(super) fn node_id(values: &[&Value], beside: Beside<'_>, said: &mut Said) -> Option<Value> {
    let get = |key: &str| {
        let path = format!("db.hostID.{key}");
        values.iter().find(|value| value.path == path).copied()
    };
    let first = values
        .iter()
        .find(|value| value.path.starts_with("db.hostID."))?;
    let resolver = get("resolver").map_or("config", |resolver| resolver.text.as_str());
    let needs = |key: &str| {
        get(key).ok_or_else(|| {
            format!("db.hostID.resolver is {resolver}, and db.hostID.{key} is not there")
        })
    };
    let found = match resolver {
        "config" => needs("value").cloned(),
        "hostname" => match host_name() {
            Some(name) => Ok(named(get("resolver").unwrap_or(first), name)),
            None => Err("db.hostID.resolver: this machine does not say its name".to_owned()),
        },
        "environment" => needs("envVarName").and_then(|of| {
            let mut all = beside.environment.iter();
            let name = all.find(|(name, _)| *name == of.text);
            let name = name.map(|(_, name)| named(of, name.clone()));
            name.ok_or_else(|| {
                format!(
                    "db.hostID.envVarName: the environment variable {} is not set",
                    of.text
                )
            })
        }),
        "file" => needs("file.path").and_then(|of| {
            let bytes = read_file(Path::new(&of.text));
            let text = bytes.and_then(|bytes| {
                String::from_utf8(bytes).map_err(|_| "it is no text in UTF-8".to_owned())
            });
            let text = text.map_err(|why| format!("db.hostID.file.path: {}: {why}", of.text))?;
            Ok(named(of, text.trim().to_owned()))
        }),
        other => Err(format!(
            "db.hostID.resolver: {other:?} is none of config, hostname, environment and file"
        )),
    };
    match found {
        Ok(name) if name.text.is_empty() => {
            said.refuse(&name, format!("{}: the node's name is empty", name.path));
            None
        }
        Ok(name) => Some(name),
        Err(what) => {
            said.refuse(first, what);
            None
        }
    }
}

/// A name that a value leads to.
fn named(by: &Value, name: String) -> Value {
    let mut value = by.clone();
    value.text = name;
    value
}
