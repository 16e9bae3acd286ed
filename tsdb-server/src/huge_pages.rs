//! Memory in huge pages, where the machine leaves the choice to its programs.
//!
//! Looking up a series touches memory at random, and with small pages the processor spends a good
//! part of that on the page tables. The C library's allocator asks for huge pages only when the
//! environment tells it so before the program starts.

use std::ffi::{OsStr, OsString};
use std::io;

/// What the C library's allocator reads when a program starts.
const TUNABLES: &str = "GLIBC_TUNABLES";
/// The one of them that decides on huge pages; 1 stands for `madvise`.
const HUGE_PAGES: &str = "glibc.malloc.hugetlb";
/// How the kernel says that huge pages are for those who ask.
const ON_REQUEST: &str = "[madvise]";

/// Replaces this program by itself, in the same process, with huge pages asked for: before any
/// thread is started. Does nothing where huge pages are given without asking or never, where
/// `GLIBC_TUNABLES` decides on them already, or with another C library.
///
/// # Errors
/// When the program cannot be started again; this one may go on then, without them.
pub fn prefer() -> io::Result<()> {
    if !cfg!(all(target_os = "linux", target_env = "gnu")) {
        return Ok(());
    }
    // Where the kernel says nothing there is nothing to ask for.
    let kernel = crate::machine::huge_pages().unwrap_or_default();
    let set = std::env::var_os(TUNABLES);
    match tunables(&kernel, set.as_deref()) {
        Some(tunables) => Err(start_anew(&tunables)),
        None => Ok(()),
    }
}

/// What the tunables have to be; `None` when they may stay as they are.
fn tunables(kernel: &str, set: Option<&OsStr>) -> Option<OsString> {
    if !kernel.contains(ON_REQUEST) {
        return None;
    }
    let set = set.unwrap_or_default();
    if set.to_string_lossy().contains(HUGE_PAGES) {
        return None;
    }
    let mut tunables = OsString::from(HUGE_PAGES);
    tunables.push("=1");
    if !set.is_empty() {
        tunables.push(":");
        tunables.push(set);
    }
    Some(tunables)
}

/// Returns only when it fails.
#[cfg(unix)]
fn start_anew(tunables: &OsStr) -> io::Error {
    use std::os::unix::process::CommandExt as _;
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return error,
    };
    let mut arguments = std::env::args_os();
    let mut command = std::process::Command::new(program);
    command.arg0(arguments.next().unwrap_or_default());
    command.args(arguments).env(TUNABLES, tunables).exec()
}

#[cfg(not(unix))]
fn start_anew(_: &OsStr) -> io::Error {
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
    fn huge_pages_are_asked_for_once_and_where_they_are_given_on_request() {
        let on_request = "always [madvise] never\n";
        let asked = tunables_for(on_request, None).expect("to be asked for");
        assert_eq!(asked, "glibc.malloc.hugetlb=1");
        assert_eq!(tunables_for(on_request, Some(&asked)), None);
        assert_eq!(
            tunables_for(on_request, Some("glibc.malloc.hugetlb=0")),
            None
        );
        assert_eq!(
            tunables_for(on_request, Some("glibc.malloc.check=3")).as_deref(),
            Some("glibc.malloc.hugetlb=1:glibc.malloc.check=3")
        );
        assert_eq!(tunables_for("[always] madvise never\n", None), None);
        assert_eq!(tunables_for("always madvise [never]\n", None), None);
        assert_eq!(tunables_for("", None), None);
    }
}
