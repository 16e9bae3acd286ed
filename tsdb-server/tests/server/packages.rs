//! What `cargo xtask dist` packs, and what the binary makes and says for packages and probes.

use std::ffi::OsStr;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use rustix::process::Signal;

use crate::support::{Process, Server, free_port, program};

const BINARY: &str = env!("CARGO_BIN_EXE_tsdb-server");
const WITHIN: Duration = Duration::from_secs(30);

fn run<A: AsRef<OsStr>>(program: impl AsRef<OsStr>, arguments: &[A]) -> Output {
    let program = program.as_ref();
    let output = Command::new(program).args(arguments).output();
    output.unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()))
}

/// What a program printed that has to succeed.
fn done<A: AsRef<OsStr>>(program: impl AsRef<OsStr>, arguments: &[A]) -> String {
    let output = run(program, arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

fn repository() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().expect("a workspace").to_owned()
}

/// Packs a binary, with the rights of new files that `umask` leaves.
fn pack(binary: &Path, out: &Path, umask: &str) {
    let script = format!(
        "umask {umask}; exec \"$CARGO\" run --quiet --locked --package xtask -- dist --binary \"$0\" --out \"$1\""
    );
    let mut command = Command::new("sh");
    command.args(["-c", &script, text(binary), text(out)]);
    command
        .current_dir(repository())
        .env("CARGO", env!("CARGO"))
        .env("SOURCE_DATE_EPOCH", "1700000000");
    let output = command.output().expect("sh starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
}

/// The one file in a folder whose name ends so.
fn one(folder: &Path, end: &str) -> PathBuf {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut found = paths.filter(|path| text(path).ends_with(end));
    let path = found.next().unwrap_or_else(|| panic!("no {end}"));
    assert_eq!(found.next(), None);
    path
}

#[tokio::test]
async fn packages_are_the_same_bytes_each_time_and_what_is_in_them_runs() {
    let (Some(dpkg), Some(strip)) = (program("dpkg-deb", "dpkg"), program("strip", "binutils"))
    else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let [first, second] = ["a", "b"].map(|name| folder.path().join(name));
    let binary = folder.path().join("tsdb-server");
    done(strip, &["-o", text(&binary), BINARY]);
    pack(&binary, &first, "022");
    pack(&binary, &second, "077");
    for end in [".deb", ".tar.gz", "SHA256SUMS"] {
        let [one, other] = [&first, &second].map(|folder| std::fs::read(one(folder, end)));
        assert!(
            one.expect("a file") == other.expect("a file"),
            "{end} differs"
        );
    }
    let sums = std::fs::read_to_string(first.join("SHA256SUMS")).expect("sums");
    assert_eq!(sums.lines().count(), 2);
    let check = "cd \"$0\" && sha256sum --check --quiet SHA256SUMS";
    done("sh", &["-c", check, text(&first)]);
    the_archive_is_whole(&one(&first, ".tar.gz"), folder.path());
    the_package_is_as_debian_wants_it(&dpkg, &one(&first, ".deb"), folder.path());
    let root = folder.path().join("root");
    done(&dpkg, &["-x", text(&one(&first, ".deb")), text(&root)]);
    the_unit_is_understood(&root, folder.path());
    the_installed_binary_serves(&root, folder.path()).await;
}

fn the_archive_is_whole(archive: &Path, folder: &Path) {
    done("tar", &["-xzf", text(archive), "-C", text(folder)]);
    let unpacked = one(folder, "-linux-amd64").join("tsdb-server");
    let said = done(&unpacked, &["--version"]);
    let beside = |path: &str| {
        let path = unpacked.with_file_name(path);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"))
    };
    let version = format!("tsdb-server {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(said, version);
    let committed = std::fs::read_to_string(repository().join("deploy/grafana/dashboard.json"));
    assert_eq!(beside("grafana/dashboard.json"), committed.expect("a file"));
    for (path, part) in [
        ("LICENSE", "Apache License"),
        ("README.md", "# tsdb"),
        ("licences.txt", "\ntokio 1."),
        ("completions/_tsdb-server", "#compdef tsdb-server"),
        ("completions/tsdb-server.fish", "complete -c tsdb-server"),
        ("man/tsdb-server-backup.1", ".SH EXAMPLES"),
        ("prometheus/alerts.yml", "'docs/runbook.md#tsdbdown'"),
        ("docs/runbook.md", "## TsdbDown"),
        ("systemd/tsdb-server.service", "[Service]"),
    ] {
        assert!(beside(path).contains(part), "{path} has no {part}");
    }
}

fn the_package_is_as_debian_wants_it(dpkg: &Path, package: &Path, folder: &Path) {
    let field = |name: &str| done(dpkg, &["-f", text(package), name]).trim().to_owned();
    assert_eq!(field("Package"), "tsdb-server");
    assert_eq!(field("Version"), env!("CARGO_PKG_VERSION"));
    let depends = field("Depends");
    assert!(depends.contains("libc6 (>= 2."), "{depends}");
    let contents = done(dpkg, &["--contents", text(package)]);
    for line in contents.lines() {
        let is_fine = |rights: &str| {
            line.starts_with(rights) && line.contains(" root/root ") && line.contains(" 2023-11-1")
        };
        let fine = ["drwxr-xr-x", "-rwxr-xr-x", "-rw-r--r--"].into_iter();
        assert!(fine.clone().any(is_fine), "{line}");
    }
    for path in [
        "/usr/bin/tsdb-server",
        "/etc/tsdb/tsdb.yml",
        "/usr/lib/systemd/system/tsdb-server.service",
        "/usr/share/man/man1/tsdb-server.1.gz",
        "/usr/share/bash-completion/completions/tsdb-server",
        "/usr/share/doc/tsdb-server/licences.txt.gz",
        "/usr/share/doc/tsdb-server/runbook.md",
        "/usr/share/tsdb-server/prometheus/alerts.yml",
    ] {
        assert!(
            contents.contains(&format!(" .{path}\n")),
            "{path} is not in {contents}"
        );
    }
    let control = folder.join("control");
    done(dpkg, &["-e", text(package), text(&control)]);
    let kept = std::fs::read_to_string(control.join("conffiles")).expect("a file");
    assert_eq!(kept, "/etc/tsdb/tsdb.yml\n");
    for script in ["postinst", "prerm", "postrm"] {
        done("sh", &["-n", text(&control.join(script))]);
    }
}

fn the_unit_is_understood(root: &Path, folder: &Path) {
    let unit = root.join("usr/lib/systemd/system/tsdb-server.service");
    let unit = std::fs::read_to_string(unit).expect("a unit");
    for line in unit.lines().filter(|line| line.starts_with("ExecStart=")) {
        let mut words = line.trim_start_matches("ExecStart=").split(' ');
        let program = words.next().expect("a program").trim_start_matches('/');
        let file = words.next_back().expect("a file").trim_start_matches('/');
        for packed in [program, file] {
            assert!(root.join(packed).is_file(), "{packed} is not packed");
        }
    }
    let Some(analyze) = program("systemd-analyze", "systemd") else {
        return;
    };
    let here = folder.join("tsdb-server.service");
    let at_root = unit.replace("/usr/bin/tsdb-server", BINARY);
    std::fs::write(&here, at_root.replace("man:tsdb-server(1) ", "")).expect("a file");
    let verified = run(&analyze, &["verify", "--man=no", text(&here)]);
    let stderr = String::from_utf8_lossy(&verified.stderr);
    let about_it: Vec<_> = stderr
        .lines()
        .filter(|line| line.contains("tsdb-server"))
        .collect();
    assert!(about_it.is_empty() && verified.status.success(), "{stderr}");
    // 100 is without any bounds, 0 is a unit that can do nothing.
    let bounded = ["security", "--offline=true", "--threshold=20", text(&here)];
    done(&analyze, &bounded);
}

async fn the_installed_binary_serves(root: &Path, folder: &Path) {
    let installed = root.join("usr/bin/tsdb-server");
    let settings = root.join("etc/tsdb/tsdb.yml");
    let checked = done(
        &installed,
        &["config", "check", "--config", text(&settings)],
    );
    assert!(checked.ends_with("every key is used\n"), "{checked}");
    let shown = done(&installed, &["config", "show", "--config", text(&settings)]);
    for row in ["data-dir", "listen", "metrics-listen"] {
        let row = shown.lines().find(|line| line.starts_with(row));
        assert!(row.is_some_and(|row| row.contains(" file, ")), "{shown}");
    }
    let socket = folder.join("notify");
    let told = UnixDatagram::bind(&socket).expect("a socket");
    told.set_read_timeout(Some(WITHIN)).expect("a timeout");
    let api = format!("127.0.0.1:{}", free_port());
    let data = folder.join("data");
    let arguments = [
        &format!("NOTIFY_SOCKET={}", text(&socket)),
        text(&installed),
        "--config",
        text(&settings),
        "--data-dir",
        text(&data),
        "--listen",
        &api,
        "--metrics-listen",
        "127.0.0.1:0",
        "--disk-high-water",
        "100",
    ];
    let mut server = Process::start("env", &arguments.map(str::to_owned));
    let received = || {
        let mut text = [0; 200];
        let length = told.recv(&mut text).expect("to be told");
        String::from_utf8_lossy(&text[..length]).into_owned()
    };
    assert!(received().starts_with("READY=1\n"));
    let ready = done(&installed, &["--listen", &api, "health"]);
    assert_eq!(ready, format!("http://{api}: ready\n"));
    server.signal(Signal::TERM);
    assert!(received().starts_with("STOPPING=1\n"));
    assert!(server.ended(WITHIN).await.success());
    assert!(data.join("FORMAT").is_file());
}

#[tokio::test]
async fn health_is_what_the_server_says_of_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let full = ["--disk-high-water", "0"];
    let mut server = Server::start(folder.path(), &full);
    let url = server.api.clone();
    let ask = |more: &[&str]| run(BINARY, &[&["health", "--url", &url], more].concat());
    let alive = ask(&["--alive"]);
    assert_eq!(alive.status.code(), Some(0));
    assert_eq!(alive.stdout, format!("{url}: alive\n").into_bytes());
    let unready = ask(&[]);
    let said = String::from_utf8_lossy(&unready.stderr);
    assert_eq!(unready.status.code(), Some(1));
    assert!(
        said.contains("/ready answered 503") && said.contains("disk-high-water"),
        "{said}"
    );
    server.process.kill();
    let gone = ask(&["--alive"]);
    assert_eq!(gone.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&gone.stderr).contains(&url));
}

/// A server that takes connections and says nothing is not waited for without end.
#[test]
fn a_silent_server_is_not_healthy() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", silent.local_addr().expect("an address"));
    let asked = run(BINARY, &["health", "--url", &url]);
    assert_eq!(asked.status.code(), Some(1));
    let said = String::from_utf8_lossy(&asked.stderr);
    assert!(said.contains("no answer within 5 s"), "{said}");
}

#[test]
fn completions_complete() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("completions");
    std::fs::write(&file, done(BINARY, &["generate", "completions", "bash"])).expect("a file");
    let script = "source \"$0\"; words=($(complete -p tsdb-server)); \
                  while [[ ${words[0]} != -F ]]; do words=(\"${words[@]:1}\"); done; \
                  COMP_WORDS=(tsdb-server \"$@\"); COMP_CWORD=$#; \
                  ${words[1]} tsdb-server \"${@: -1}\" \"\"; echo \"${COMPREPLY[@]}\"";
    let complete = |words: &[&str]| {
        let arguments = [&["-c", script, text(&file)], words].concat();
        done("bash", &arguments).trim().to_owned()
    };
    assert_eq!(complete(&["ver"]), "verify");
    assert_eq!(complete(&["generate", "d"]), "dashboard");
    assert_eq!(complete(&["--memory"]), "--memory-budget");
    assert_eq!(complete(&["health", "--a"]), "--alive");
}

#[test]
fn a_page_of_the_manual_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("a file");
    let to = file.join("man");
    let refused = run(BINARY, &["generate", "man", "--to", text(&to)]);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(
        said.contains("cannot write") && said.contains(text(&to)),
        "{said}"
    );
    let none = run(BINARY, &["generate", "completions", "ksh"]);
    assert_eq!(none.status.code(), Some(2));
}
