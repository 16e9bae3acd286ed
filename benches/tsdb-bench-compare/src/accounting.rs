//! CPU and memory of another process, from /proc.

use std::collections::BTreeMap;
use std::ffi::OsString;
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

    /// CPU time as it is now, to be compared with a later one.
    pub(crate) fn reading(&self) -> Result<Reading, Error> {
        Ok(Reading {
            by_ticks: stat(&self.read("stat")?)?.cpu_ns,
            threads: self.threads()?,
        })
    }

    fn threads_ns(&self) -> Result<u64, Error> {
        Ok(self.threads()?.values().sum())
    }

    /// CPU time of each thread that lives, by its number.
    fn threads(&self) -> Result<BTreeMap<OsString, u64>, Error> {
        let folder = self.folder.join("task");
        let threads = fs::read_dir(&folder).map_err(Error::io("listing", &folder))?;
        let mut found = BTreeMap::new();
        for thread in threads {
            let thread = thread.map_err(Error::io("listing", &folder))?;
            // A thread may end between the two readings.
            if let Ok(text) = fs::read_to_string(thread.path().join("schedstat")) {
                let ns = schedstat_ns(&text).unwrap_or_default();
                found.insert(thread.file_name(), ns);
            }
        }
        Ok(found)
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

/// CPU time of a process at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reading {
    pub(crate) by_ticks: u64,
    pub(crate) threads: BTreeMap<OsString, u64>,
}

impl Reading {
    /// CPU time from an earlier reading to this one: of the threads that live, to the nanosecond,
    /// unless ticks tell that others took some and ended.
    pub(crate) fn since_ns(&self, earlier: &Self) -> u64 {
        let of = |(thread, ns): (&OsString, &u64)| {
            let before = earlier.threads.get(thread).copied().unwrap_or_default();
            ns.saturating_sub(before)
        };
        let living: u64 = self.threads.iter().map(of).sum();
        let by_ticks = self.by_ticks.saturating_sub(earlier.by_ticks);
        match by_ticks > living + TICK_NS {
            true => by_ticks,
            false => living,
        }
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
