//! What the machine gives this process and what the process uses, read from /proc and /sys.

use std::path::Path;

/// Room on a disk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DiskSpace {
    /// Bytes that this process may still write.
    pub(crate) free_bytes: u64,
    /// Bytes of the disk that this process may write or others have written.
    pub(crate) size_bytes: u64,
}

/// Room on the disk that holds `folder`. `None` when it does not say.
#[must_use]
pub(crate) fn disk_space(folder: &Path) -> Option<DiskSpace> {
    let figures = rustix::fs::statvfs(folder).ok()?;
    // As df counts: blocks kept for the superuser are neither free nor used.
    let used = figures.f_blocks.saturating_sub(figures.f_bfree);
    let size = used.saturating_add(figures.f_bavail);
    Some(DiskSpace {
        free_bytes: figures.f_bavail.saturating_mul(figures.f_frsize),
        size_bytes: size.saturating_mul(figures.f_frsize),
    })
}

/// What this process uses.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ProcessUsage {
    /// Seconds of CPU used, in user and kernel mode.
    pub(crate) cpu_seconds: f64,
    /// Bytes of memory held.
    pub(crate) resident_bytes: u64,
    /// Bytes of address space.
    pub(crate) virtual_bytes: u64,
    /// Open file descriptors.
    pub(crate) open_fds: u64,
    /// Start, in seconds since the epoch.
    pub(crate) start_seconds: f64,
}

/// Bytes of memory this process may have: the least of the machine's and its cgroup's.
/// `None` when the machine does not say.
#[must_use]
pub(crate) fn memory_limit_bytes() -> Option<u64> {
    let machine = read(Path::new("/proc/meminfo")).and_then(|text| meminfo_total(&text));
    let groups = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
    cgroup_files(&groups)
        .iter()
        .filter_map(|path| read(Path::new(path)))
        .filter_map(|text| text.trim().parse::<u64>().ok())
        .chain(machine)
        .min()
}

/// What this machine is called. `None` when it does not say.
#[must_use]
pub(crate) fn host_name() -> Option<String> {
    let name = read(Path::new("/proc/sys/kernel/hostname"))?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// Who gets huge pages, as the kernel says it. `None` when it does not say.
#[must_use]
pub(crate) fn huge_pages() -> Option<String> {
    read(Path::new("/sys/kernel/mm/transparent_hugepage/enabled"))
}

/// What this process uses now. `None` where there is no /proc.
#[must_use]
pub(crate) fn process_usage() -> Option<ProcessUsage> {
    let stat = read(Path::new("/proc/self/stat"))?;
    let boot = read(Path::new("/proc/stat"))?;
    let boot = boot
        .lines()
        .find_map(|line| line.strip_prefix("btime "))?
        .trim()
        .parse::<u64>()
        .ok()?;
    let open_fds = std::fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64);
    usage_of(
        &stat,
        rustix::param::clock_ticks_per_second(),
        rustix::param::page_size() as u64,
        boot,
    )
    .map(|usage| ProcessUsage { open_fds, ..usage })
}

fn read(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

fn meminfo_total(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim()
        .strip_suffix("kB")?
        .trim()
        .parse::<u64>()
        .ok()?
        .checked_mul(1024)
}

/// The files that may hold a memory limit, for each cgroup in /proc/self/cgroup and those above it.
fn cgroup_files(groups: &str) -> Vec<String> {
    let mut files = vec!["/sys/fs/cgroup/memory.max".to_owned()];
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else {
            continue;
        };
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            list if list.split(',').any(|name| name == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => continue,
        };
        let mut path = path;
        loop {
            files.push(format!("{root}{}/{file}", path.trim_end_matches('/')));
            match path.rfind('/') {
                Some(end) if path.len() > 1 => path = path.get(..end.max(1)).unwrap_or("/"),
                _ => break,
            }
        }
    }
    files
}

/// Reads /proc/self/stat: fields count behind the last `)`, as the command may hold anything.
fn usage_of(
    stat: &str,
    ticks_per_second: u64,
    page_bytes: u64,
    boot_seconds: u64,
) -> Option<ProcessUsage> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    let ticks = ticks_per_second as f64;
    Some(ProcessUsage {
        cpu_seconds: (number(11)? + number(12)?) as f64 / ticks,
        start_seconds: boot_seconds as f64 + number(19)? as f64 / ticks,
        virtual_bytes: number(20)?,
        resident_bytes: number(21)?.checked_mul(page_bytes)?,
        open_fds: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn total_memory() {
        assert_eq!(
            meminfo_total("MemTotal:       24684096 kB\nMemFree: 1 kB\n"),
            Some(24_684_096 * 1024)
        );
        assert_eq!(meminfo_total("MemFree: 1 kB\n"), None);
    }

    #[test]
    fn cgroups_of_both_versions_up_to_the_root() {
        let files = cgroup_files("4:memory,cpu:/a\n3:pids:/x\n0::/b/c\n");
        assert_eq!(
            files,
            [
                "/sys/fs/cgroup/memory.max",
                "/sys/fs/cgroup/memory/a/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes",
                "/sys/fs/cgroup/b/c/memory.max",
                "/sys/fs/cgroup/b/memory.max",
                "/sys/fs/cgroup/memory.max",
            ]
        );
    }

    #[test]
    fn a_command_may_hold_blanks_and_parentheses() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 4 0 1000 4096000 250 18446744073709551615";
        let usage = usage_of(stat, 100, 4096, 1_000_000).expect("a stat line");
        assert_eq!(usage.cpu_seconds.to_bits(), 2.0_f64.to_bits());
        assert_eq!(usage.start_seconds.to_bits(), 1_000_010.0_f64.to_bits());
        assert_eq!(
            (usage.virtual_bytes, usage.resident_bytes),
            (4_096_000, 1_024_000)
        );
        assert!(usage_of("", 100, 4096, 0).is_none());
    }

    #[test]
    fn this_process_uses_memory_within_the_limit() {
        let usage = process_usage().expect("/proc");
        assert!(usage.resident_bytes > 0 && usage.open_fds > 0);
        assert!(usage.resident_bytes < memory_limit_bytes().expect("a limit"));
    }
}
