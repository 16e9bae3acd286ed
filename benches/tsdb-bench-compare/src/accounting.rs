//! CPU of another process by its own clock, and its memory from /proc.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use nix::errno::Errno;
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;

use crate::error::Error;

/// The highest number of a process in Linux: a clock's number has no room for more, and others would
/// stand for whoever asks, as 0 does.
const PROCESS_MAX: i32 = 1 << 22;

/// What the kernel says about one process.
#[derive(Debug, Clone)]
pub(crate) struct Accounting {
    process: u32,
    folder: PathBuf,
}

impl Accounting {
    pub(crate) fn of(process: u32) -> Self {
        Self {
            process,
            folder: PathBuf::from(format!("/proc/{process}")),
        }
    }

    fn read(&self, name: &str) -> Result<String, Error> {
        let path = self.folder.join(name);
        fs::read_to_string(&path).map_err(Error::io("reading", &path))
    }

    /// CPU time since its start, user and system, of all its threads, those that ended too.
    pub(crate) fn cpu_ns(&self) -> Result<u64, Error> {
        let process = i32::try_from(self.process).ok();
        let spent = process
            .filter(|process| (1..=PROCESS_MAX).contains(process))
            .ok_or(Errno::ESRCH)
            .and_then(|process| clock_getcpuclockid(Pid::from_raw(process))?.now())
            .map_err(|error| Error::io("asking for the CPU time of", &self.folder)(error.into()))?;
        Ok(u64::try_from(Duration::from(spent).as_nanos()).unwrap_or(u64::MAX))
    }

    /// Whether it ended and was not waited for yet: its CPU time still stands there.
    pub(crate) fn has_ended(&self) -> Result<bool, Error> {
        Ok(matches!(state(&self.read("stat")?)?, 'Z' | 'X'))
    }

    /// Memory it holds now, in bytes.
    pub(crate) fn rss_bytes(&self) -> Result<u64, Error> {
        status_bytes(&self.read("status")?, "VmRSS:")
    }

    /// Takes what it holds now for the most it ever held.
    #[expect(
        clippy::disallowed_methods,
        reason = "a harness works on the machine's real files"
    )]
    pub(crate) fn forget_peak(&self) -> Result<(), Error> {
        let path = self.folder.join("clear_refs");
        fs::write(&path, "5").map_err(Error::io("writing", &path))
    }

    /// Most memory it ever held, in bytes, since `forget_peak` if that was called.
    pub(crate) fn peak_bytes(&self) -> Result<u64, Error> {
        status_bytes(&self.read("status")?, "VmHWM:")
    }
}

/// The state in /proc/PID/stat; the program's name may hold spaces and brackets.
pub(crate) fn state(text: &str) -> Result<char, Error> {
    let parsed = || text.rsplit_once(") ")?.1.chars().next();
    parsed().ok_or_else(|| Error::Answer(format!("stat of a process does not parse: {text:?}")))
}

/// A line of /proc/PID/status that is given in kB.
pub(crate) fn status_bytes(text: &str, name: &str) -> Result<u64, Error> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.map(|kib| kib * 1024)
        .ok_or_else(|| Error::Answer(format!("status of a process has no {name} in kB")))
}
