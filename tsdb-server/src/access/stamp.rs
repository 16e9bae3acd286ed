//! Whether a file is still as it was.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// A file and what tells that it changed. Links are followed: what they lead to counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    file: PathBuf,
    /// `None` when it cannot be asked for.
    state: Option<State>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct State {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// The file as it is.
    pub(super) fn of(file: &Path) -> Self {
        let state = std::fs::metadata(file).ok().map(|found| State {
            device: found.dev(),
            inode: found.ino(),
            bytes: found.size(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        });
        Self {
            file: file.to_owned(),
            state,
        }
    }

    /// The same file as it is now.
    pub(super) fn again(&self) -> Self {
        Self::of(&self.file)
    }
}

/// Files that are read together: what they were when they were read, and at the last look.
#[derive(Clone, Debug)]
pub(crate) struct Stamps {
    read: Vec<Stamp>,
    seen: Vec<Stamp>,
}

impl Stamps {
    /// The files as they are.
    pub(crate) fn of<'a>(files: impl IntoIterator<Item = &'a Path>) -> Self {
        let read: Vec<Stamp> = files.into_iter().map(Stamp::of).collect();
        let seen = read.clone();
        Self { read, seen }
    }

    /// Looks at them: whether they are to be read, as they changed and then stayed the same from one
    /// look to the next.
    pub(crate) fn look(&mut self) -> bool {
        let now: Vec<Stamp> = self.seen.iter().map(Stamp::again).collect();
        let is_still = now == self.seen;
        self.seen = now;
        let is_ripe = is_still && self.seen != self.read;
        if is_ripe {
            self.read.clone_from(&self.seen);
        }
        is_ripe
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "files of settings are no data")]
mod tests {
    use super::{Stamp, Stamps};

    #[test]
    fn files_are_read_once_they_changed_and_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let (one, other) = (folder.path().join("1"), folder.path().join("2"));
        std::fs::write(&one, "1").expect("writing");
        let mut stamps = Stamps::of([one.as_path(), other.as_path()]);
        assert!(!stamps.look());
        std::fs::write(&other, "2").expect("writing");
        assert!(!stamps.look(), "it may be half written");
        std::fs::write(&one, "11").expect("writing");
        assert!(!stamps.look(), "and the other one");
        assert!(stamps.look());
        assert!(!stamps.look());
    }

    #[test]
    fn a_file_that_changes_comes_or_goes_is_seen() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a");
        let none = Stamp::of(&file);
        assert_eq!(none.again(), none);
        std::fs::write(&file, "1").expect("writing");
        let first = none.again();
        assert_ne!(first, none);
        assert_eq!(first.again(), first);
        // As long, and another file: what an atomic replacement leaves.
        let other = folder.path().join("b");
        std::fs::write(&other, "2").expect("writing");
        std::fs::rename(&other, &file).expect("renaming");
        assert_ne!(first.again(), first);
        std::fs::remove_file(&file).expect("removing");
        assert_eq!(first.again(), none);
    }
}
