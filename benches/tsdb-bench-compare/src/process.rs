//! A server as a child process that ends with whoever started it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::accounting::Accounting;
use crate::error::Error;
use crate::wait::Watch;

/// First argument of this program when it shall become a server.
const BECOME: &str = "--become-server";
/// How much of a server's last words an error repeats.
const WORDS_BYTES_MAX: u64 = 600;
/// A clean stop may take this long; Prometheus writes out what it has.
const STOP_SECONDS_MAX: u64 = 300;

/// The command that follows when this program was started to become a server.
#[must_use]
pub(crate) fn is_server_start(arguments: &[OsString]) -> Option<&[OsString]> {
    match arguments.get(1) {
        Some(first) if first == BECOME => arguments.get(2..),
        _ => None,
    }
}

/// Becomes the server under the same process id, which the kernel ends when its parent ends,
/// however that may happen.
///
/// # Errors
/// When the program cannot be executed; else it does not return.
pub(crate) fn become_server(command: &[OsString]) -> Result<(), Error> {
    let missing = || Error::Answer(format!("{BECOME} needs a program"));
    let (program, arguments) = command.split_first().ok_or_else(missing)?;
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| Error::io("tying to its parent", program)(error.into()))?;
    let error = Command::new(program).args(arguments).exec();
    Err(Error::io("executing", program)(error))
}

/// A running server. Killed by its id when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    words: PathBuf,
    pub(crate) accounting: Accounting,
}

impl Process {
    /// Starts a program; what it says goes to the file `words`.
    pub(crate) fn start(
        program: &Path,
        arguments: &[OsString],
        words: &Path,
    ) -> Result<Self, Error> {
        let own = std::env::current_exe().map_err(Error::io("finding", "this program"))?;
        let file = file_for_words(words)?;
        let also = file.try_clone().map_err(Error::io("opening", words))?;
        let child = Command::new(own)
            .arg(BECOME)
            .arg(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::from(also))
            .stderr(Stdio::from(file))
            .spawn()
            .map_err(Error::io("starting", program))?;
        Ok(Self {
            accounting: Accounting::of(child.id()),
            child,
            words: words.to_owned(),
        })
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Fails when it ended by itself.
    pub(crate) fn check_running(&mut self) -> Result<(), Error> {
        match self
            .child
            .try_wait()
            .map_err(Error::io("waiting for", "the server"))?
        {
            None => Ok(()),
            Some(status) => Err(Error::Ended {
                status: status.to_string(),
                said: self.last_words(),
            }),
        }
    }

    /// SIGKILL, and waits until it is gone.
    pub(crate) fn kill(&mut self) -> Result<(), Error> {
        self.child
            .kill()
            .map_err(Error::io("killing", "the server"))?;
        let ended = self.child.wait();
        ended
            .map(drop)
            .map_err(Error::io("waiting for", "the server"))
    }

    /// SIGTERM, and waits until it is gone; all the CPU it used, in nanoseconds.
    pub(crate) fn stop(&mut self, watch: &Watch) -> Result<u64, Error> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)
            .map_err(|error| Error::io("stopping", "the server")(error.into()))?;
        let every = Duration::from_millis(2);
        watch.until("a clean stop", every, STOP_SECONDS_MAX, || {
            Ok(self.accounting.has_ended()?.then_some(()))
        })?;
        let cpu_ns = self.accounting.cpu_ns()?;
        let status = self
            .child
            .wait()
            .map_err(Error::io("waiting for", "the server"))?;
        match status.success() {
            true => Ok(cpu_ns),
            false => Err(Error::Ended {
                status: status.to_string(),
                said: self.last_words(),
            }),
        }
    }

    fn last_words(&self) -> String {
        let read = || {
            let mut file = open(&self.words)?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(WORDS_BYTES_MAX)))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok::<_, std::io::Error>(String::from_utf8_lossy(&bytes).trim().to_owned())
        };
        read().unwrap_or_else(|error| format!("unknown: {error}"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already, which is what is wanted.
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a harness works on the machine's real files"
)]
fn file_for_words(path: &Path) -> Result<File, Error> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    options.open(path).map_err(Error::io("opening", path))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a harness works on the machine's real files"
)]
fn open(path: &Path) -> std::io::Result<File> {
    File::open(path)
}

/// Where a program is: as it was named, or the first of that name in PATH.
pub(crate) fn program(name: &OsStr, flag: &'static str) -> Result<PathBuf, Error> {
    let absent = || Error::Absent {
        program: name.display().to_string(),
        flag,
    };
    let named = Path::new(name);
    if named.components().count() > 1 {
        let path = named.canonicalize().map_err(|_| absent())?;
        return path.is_file().then_some(path).ok_or_else(absent);
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .ok_or_else(absent)
}
