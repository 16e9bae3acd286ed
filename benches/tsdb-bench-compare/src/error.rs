//! Why a run failed.

use std::path::{Path, PathBuf};

/// Why a comparison, or one server's part of it, failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file, folder or process of this machine.
    #[error("{doing} {}: {source}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// An exchange with a server.
    #[error("{doing}: {source}")]
    Exchange {
        /// What was tried.
        doing: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// A server answered, but not as it should.
    #[error("{0}")]
    Answer(String),
    /// A program is not installed.
    #[error("{program} is not in PATH: install it, or name it by {flag}")]
    Absent {
        /// What was looked for.
        program: String,
        /// The option that names it.
        flag: &'static str,
    },
    /// A server ended by itself.
    #[error("it ended ({status}); its last words: {said}")]
    Ended {
        /// As the system says it.
        status: String,
        /// The end of its standard error.
        said: String,
    },
    /// Something did not happen in time.
    #[error("{what} did not happen within {seconds} s")]
    Late {
        /// What was waited for.
        what: String,
        /// For how long.
        seconds: u64,
    },
    /// A signal asked for the end.
    #[error("interrupted")]
    Interrupted,
    /// The load cannot be made.
    #[error(transparent)]
    Capture(#[from] tsdb_bench::CaptureError),
    /// The load cannot be made.
    #[error(transparent)]
    Fleet(#[from] tsdb_bench::FleetError),
    /// A request could not be built, or an answer not be understood.
    #[error(transparent)]
    Client(#[from] tsdb_remote::client::ClientError),
    /// `--check` found something.
    #[error("{0}")]
    Check(String),
}

impl Error {
    /// Names what was done with which path.
    pub(crate) fn io(
        doing: &'static str,
        path: impl AsRef<Path>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().to_owned();
        move |source| Self::Io {
            doing,
            path,
            source,
        }
    }

    /// Names what was asked of a server.
    pub(crate) fn exchange(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Exchange { doing, source }
    }
}
