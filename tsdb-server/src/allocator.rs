//! What the C library's allocator is told before the program starts: by its environment alone.
//!
//! Looking up a series touches memory at random, and with small pages the processor spends a good
//! part of that on the page tables: it should ask for huge pages where the machine leaves the
//! choice to its programs. And once a large piece was freed, it keeps pieces of that size for
//! later, so that what opening or a compaction took would never be given back.

use std::ffi::{OsStr, OsString};
use std::io;

/// What the C library's allocator reads when a program starts.
const TUNABLES: &str = "GLIBC_TUNABLES";
/// The one of them that decides on huge pages; 1 stands for `madvise`.
const HUGE_PAGES: (&str, &str) = ("glibc.malloc.hugetlb", "1");
/// How the kernel says that huge pages are for those who ask.
const ON_REQUEST: &str = "[madvise]";
/// From how many bytes on a piece is the kernel's and goes back to it when it is freed, and how
/// much may lie free at the end of the heap. Said here, neither grows.
const GIVEN_BACK: [(&str, &str); 2] = [
    ("glibc.malloc.mmap_threshold", "1048576"),
    ("glibc.malloc.trim_threshold", "1048576"),
];

/// What makes the allocator of a build with heap profiles keep an account of the stacks that
/// asked for memory: of one in so many bytes, 2 to the power of 19.
#[cfg(feature = "heap-profile")]
pub(crate) const PROFILING: (&str, &str) = (
    "_RJEM_MALLOC_CONF",
    "prof:true,prof_active:true,lg_prof_sample:19",
);

/// Replaces this program by itself, in the same process, with the allocator told what to do:
/// before any thread is started. What `GLIBC_TUNABLES` decides already stays so; does nothing
/// with another C library.
///
/// # Errors
/// When the program cannot be started again; this one may go on then, as it is.
pub fn prepare() -> io::Result<()> {
    #[cfg(feature = "heap-profile")]
    if std::env::var_os(PROFILING.0).is_none() {
        return Err(start_anew(PROFILING.0, OsStr::new(PROFILING.1)));
    }
    if !cfg!(all(target_os = "linux", target_env = "gnu")) {
        return Ok(());
    }
    // Where the kernel says nothing there is nothing to ask for.
    let kernel = crate::machine::huge_pages().unwrap_or_default();
    let set = std::env::var_os(TUNABLES);
    match tunables(&kernel, set.as_deref()) {
        Some(tunables) => Err(start_anew(TUNABLES, &tunables)),
        None => Ok(()),
    }
}

/// What the tunables have to be; `None` when they may stay as they are.
fn tunables(kernel: &str, set: Option<&OsStr>) -> Option<OsString> {
    let set = set.unwrap_or_default();
    let said = set.to_string_lossy();
    let huge_pages = kernel.contains(ON_REQUEST).then_some(HUGE_PAGES);
    let wanted = huge_pages.into_iter().chain(GIVEN_BACK);
    let missing: Vec<String> = wanted
        .filter(|(name, _)| !said.contains(name))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    if missing.is_empty() {
        return None;
    }
    let mut tunables = OsString::from(missing.join(":"));
    if !set.is_empty() {
        tunables.push(":");
        tunables.push(set);
    }
    Some(tunables)
}

/// Starts the program again with a variable set. Returns only when that fails.
#[cfg(unix)]
fn start_anew(variable: &str, value: &OsStr) -> io::Error {
    use std::os::unix::process::CommandExt as _;
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return error,
    };
    let mut arguments = std::env::args_os();
    let mut command = std::process::Command::new(program);
    command.arg0(arguments.next().unwrap_or_default());
    command.args(arguments).env(variable, value).exec()
}

#[cfg(not(unix))]
fn start_anew(_: &str, _: &OsStr) -> io::Error {
    io::ErrorKind::Unsupported.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tunables_for(kernel: &str, set: Option<&str>) -> Option<String> {
        let tunables = tunables(kernel, set.map(OsStr::new));
        tunables.map(|tunables| tunables.into_string().expect("text"))
    }

    #[test]
    fn the_allocator_is_told_once_and_only_what_nobody_else_said() {
        let on_request = "always [madvise] never\n";
        let limits = "glibc.malloc.mmap_threshold=1048576:glibc.malloc.trim_threshold=1048576";
        let all = format!("glibc.malloc.hugetlb=1:{limits}");
        let asked = |kernel, set| tunables_for(kernel, set);
        assert_eq!(asked(on_request, None), Some(all.clone()));
        assert_eq!(asked(on_request, Some(&all)), None);
        let decided = "glibc.malloc.hugetlb=0";
        assert_eq!(
            asked(on_request, Some(decided)),
            Some(format!("{limits}:{decided}"))
        );
        let other = "glibc.malloc.check=3";
        assert_eq!(
            asked(on_request, Some(other)),
            Some(format!("{all}:{other}"))
        );
        for kernel in ["[always] madvise never\n", "always madvise [never]\n", ""] {
            assert_eq!(asked(kernel, None).as_deref(), Some(limits));
            assert_eq!(asked(kernel, Some(limits)), None);
        }
    }
}
