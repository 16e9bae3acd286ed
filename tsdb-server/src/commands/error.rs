//! Why a command was not done.

use std::path::PathBuf;

/// Exit code of a command that found damage.
pub(super) const DAMAGED: u8 = 3;

/// Why a command was not done; exit code 1.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The data folder is none, or does not open, or an operation on it failed.
    #[error("{folder}: {source}", folder = folder.display())]
    Database {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: tsdb_core::Error,
    },
    /// Nothing of a database is there: opening it would make one.
    #[error("{folder} holds no database (no file FORMAT): name another folder with --data-dir", folder = folder.display())]
    NoDatabase {
        /// The folder.
        folder: PathBuf,
    },
    /// An argument that has to be there is not.
    #[error("{argument} is missing: {why}")]
    Missing {
        /// Which one.
        argument: &'static str,
        /// What it is for.
        why: &'static str,
    },
    /// An argument that cannot be.
    #[error("{argument} {value:?}: {why}")]
    Argument {
        /// Which one.
        argument: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it.
        why: String,
    },
    /// A running server cannot be asked.
    #[error("{url}: {why}")]
    Unreachable {
        /// The URL.
        url: String,
        /// Why not.
        why: String,
    },
    /// A running server refused.
    #[error("{url} answered {status}: {text}")]
    Refused {
        /// The URL.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What it said.
        text: String,
    },
    /// An expression has no result, though nothing is wrong with its text.
    #[error("{0}")]
    Unevaluated(String),
    /// A file cannot be written.
    #[error("cannot write {path}: {source}", path = path.display())]
    Unwritten {
        /// The file, or its folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A change takes longer than was waited for.
    #[error(
        "not finished within {after}: {left}; it goes on by itself: look with `ctl status`, undo it with `ctl placement abort`"
    )]
    Unfinished {
        /// How long was waited.
        after: String,
        /// What is still to be done.
        left: String,
    },
    /// A change ended in another way than was asked for.
    #[error(
        "all shards are at their places, but not as was asked for: {what}, {node}: somebody else changed the placement meanwhile, look with `ctl placement show` and ask again"
    )]
    Undone {
        /// The node that it was about.
        node: String,
        /// How it is now.
        what: &'static str,
    },
    /// A node could not be asked for something.
    #[error("{node} was not asked: {why}; `ctl status` says how it is")]
    Unasked {
        /// The node.
        node: String,
        /// Why not.
        why: String,
    },
    /// Standard output is closed, or what is to be written there cannot be made.
    #[error("nobody reads the output: {0}")]
    Output(#[from] std::io::Error),
}
