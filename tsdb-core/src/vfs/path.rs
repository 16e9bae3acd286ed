use std::io;
use std::path::{Component, Path};

/// The names a path consists of; none for the root. Refuses what could lead out of the root.
pub(super) fn names(path: &Path) -> io::Result<Vec<&str>> {
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => {
                names.push(name.to_str().ok_or_else(|| refused(path, "is not UTF-8"))?);
            }
            Component::CurDir => {}
            Component::ParentDir => return Err(refused(path, "contains `..`")),
            Component::RootDir | Component::Prefix(_) => {
                return Err(refused(path, "is absolute"));
            }
        }
    }
    Ok(names)
}

/// The names of the folder that holds the entry, and the entry's own name. The root has none.
pub(super) fn split(path: &Path) -> io::Result<(Vec<&str>, &str)> {
    let mut folder = names(path)?;
    match folder.pop() {
        Some(name) => Ok((folder, name)),
        None => Err(refused(path, "names the root, not an entry in it")),
    }
}

fn refused(path: &Path, why: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("path {path:?} {why}: give a UTF-8 path relative to the data folder"),
    )
}
