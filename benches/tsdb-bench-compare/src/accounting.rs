//! CPU and memory of another process, from /proc.

use std::fs;
use std::path::PathBuf;

use crate::error::Error;

/// Nanoseconds of a tick: Linux tells user space CPU times in hundredths of a second.
const TICK_NS: u64 = 10_000_000;

/// What /proc says about one process.
#[derive(Debug, Clone)]
pub(crate) struct Accounting {
    folder: PathBuf,
}

impl Accounting {
    pub(crate) fn of(process: u32) -> Self {
        Self {
            folder: PathBuf::from(format!("/proc/{process}")),
        }
    }

    fn read(&self, name: &str) -> Result<String, Error> {
        let path = self.folder.join(name);
        fs::read_to_string(&path).map_err(Error::io("reading", &path))
    }

    /// CPU time since its start, user and system, of all its threads: by ticks with those that
    /// ended, or to the nanosecond without them, whichever is more.
    pub(crate) fn cpu_ns(&self) -> Result<u64, Error> {
        let by_ticks = stat(&self.read("stat")?)?.cpu_ns;
        Ok(by_ticks.max(self.threads_ns()?))
    }

    fn threads_ns(&self) -> Result<u64, Error> {
        let folder = self.folder.join("task");
        let threads = fs::read_dir(&folder).map_err(Error::io("listing", &folder))?;
        let mut sum = 0;
        for thread in threads {
            let path = thread.map_err(Error::io("listing", &folder))?.path();
            // A thread may end between the two readings.
            if let Ok(text) = fs::read_to_string(path.join("schedstat")) {
                sum += schedstat_ns(&text).unwrap_or_default();
            }
        }
        Ok(sum)
    }

    /// Whether it ended and was not waited for yet: its CPU time still stands there.
    pub(crate) fn has_ended(&self) -> Result<bool, Error> {
        Ok(matches!(stat(&self.read("stat")?)?.state, 'Z' | 'X'))
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

/// The fields of /proc/PID/stat that matter here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) state: char,
    pub(crate) cpu_ns: u64,
}

/// Reads /proc/PID/stat; the program's name may hold spaces and brackets.
pub(crate) fn stat(text: &str) -> Result<Stat, Error> {
    let parsed = || {
        let (_, fields) = text.rsplit_once(") ")?;
        let fields: Vec<&str> = fields.split(' ').collect();
        let ticks = |index: usize| fields.get(index)?.parse::<u64>().ok();
        Some(Stat {
            state: fields.first()?.chars().next()?,
            // utime and stime are fields 14 and 15, state is field 3.
            cpu_ns: (ticks(11)? + ticks(12)?) * TICK_NS,
        })
    };
    parsed().ok_or_else(|| Error::Answer(format!("stat of a process does not parse: {text:?}")))
}

/// Time on a CPU, the first number of /proc/PID/task/TID/schedstat.
pub(crate) fn schedstat_ns(text: &str) -> Option<u64> {
    text.split(' ').next()?.parse().ok()
}

/// A line of /proc/PID/status that is given in kB.
pub(crate) fn status_bytes(text: &str, name: &str) -> Result<u64, Error> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.map(|kib| kib * 1024)
        .ok_or_else(|| Error::Answer(format!("status of a process has no {name} in kB")))
}
