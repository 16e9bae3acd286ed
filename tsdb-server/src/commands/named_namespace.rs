//! The namespace that a command is about.

use tsdb_core::{Db, Namespace};

use super::CommandError;

/// The namespace of this name; left out: the one that exists from the first start.
pub(super) fn namespace_of(db: &Db, name: Option<&str>) -> Result<Namespace, CommandError> {
    let Some(name) = name else {
        return Ok(db.default_namespace());
    };
    db.find(name).ok_or_else(|| {
        let names = db.namespaces();
        let names: Vec<&str> = names.iter().map(Namespace::name).collect();
        CommandError::Argument {
            argument: "--namespace",
            value: name.to_owned(),
            why: format!("there is none of this name, but {}", names.join(", ")),
        }
    })
}
