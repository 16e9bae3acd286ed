//! The Debian package, put together by `dpkg-deb`.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context as _, bail};

use super::payload::{PackedFile, Payload, gzip};

/// Files that an upgrade leaves as the administrator made them.
const CONFIGURATION: &[&str] = &["etc/tsdb/tsdb.yml"];

/// Writes the package to a folder; its name. `staging` is used for what goes into it.
pub(super) fn write(payload: &Payload, staging: &Path, out: &Path) -> anyhow::Result<String> {
    let files = files(payload)?;
    let mut all = control_files(payload, &files)?;
    all.extend(files);
    for file in &all {
        stage(staging, file)?;
    }
    settle(staging, payload.epoch)?;
    let (version, architecture) = (&payload.binary.version, payload.binary.architecture);
    let name = format!("tsdb-server_{version}_{architecture}.deb");
    let built = Command::new("dpkg-deb")
        // gzip gives the same bytes whatever the number of cores, and every dpkg reads it.
        .args(["--root-owner-group", "-Zgzip", "-z9", "--build"])
        .arg(staging)
        .arg(out.join(&name))
        .env("SOURCE_DATE_EPOCH", payload.epoch.to_string())
        .output()
        .context("starting dpkg-deb: apt-get install dpkg")?;
    if !built.status.success() {
        bail!("dpkg-deb: {}", String::from_utf8_lossy(&built.stderr));
    }
    Ok(name)
}

/// The files that are installed.
fn files(payload: &Payload) -> anyhow::Result<Vec<PackedFile>> {
    let made = &payload.generated;
    let share = |path: &str, text: &str| PackedFile::plain(format!("usr/share/{path}"), text);
    let mut files = vec![
        PackedFile::program("usr/bin/tsdb-server", payload.binary.bytes.clone()),
        share("bash-completion/completions/tsdb-server", &made.bash),
        share("zsh/vendor-completions/_tsdb-server", &made.zsh),
        share("fish/vendor_completions.d/tsdb-server.fish", &made.fish),
        share("tsdb-server/grafana/dashboard.json", &made.dashboard),
        share("tsdb-server/prometheus/alerts.yml", &made.installed_alerts),
    ];
    let documents = "usr/share/doc/tsdb-server";
    for (path, source) in [
        ("etc/tsdb/tsdb.yml".to_owned(), "deploy/debian/tsdb.yml"),
        (
            "usr/lib/systemd/system/tsdb-server.service".to_owned(),
            "deploy/systemd/tsdb-server.service",
        ),
        (format!("{documents}/copyright"), "deploy/debian/copyright"),
        (format!("{documents}/README.md"), "README.md"),
        (format!("{documents}/server.md"), "docs/server.md"),
        (format!("{documents}/runbook.md"), "docs/runbook.md"),
    ] {
        files.push(PackedFile::plain(path, payload.source(source)?));
    }
    let changes = gzip(&payload.source("CHANGELOG.md")?)?;
    files.push(PackedFile::plain(
        format!("{documents}/CHANGELOG.md.gz"),
        changes,
    ));
    let changelog = gzip(changelog(payload)?.as_bytes())?;
    files.push(PackedFile::plain(
        format!("{documents}/changelog.gz"),
        changelog,
    ));
    let licences = gzip(payload.licences.as_bytes())?;
    files.push(PackedFile::plain(
        format!("{documents}/licences.txt.gz"),
        licences,
    ));
    for (name, page) in &made.pages {
        let path = format!("usr/share/man/man1/{name}.gz");
        files.push(PackedFile::plain(path, gzip(page)?));
    }
    Ok(files)
}

/// The changelog in Debian's form, which points to the one for people.
fn changelog(payload: &Payload) -> anyhow::Result<String> {
    let control = String::from_utf8(payload.source("deploy/debian/control")?)?;
    let maintainer = control
        .lines()
        .find_map(|line| line.strip_prefix("Maintainer: "));
    let maintainer = maintainer.context("deploy/debian/control names no maintainer")?;
    let of = format!("@{}", payload.epoch);
    let date = Command::new("date")
        .args(["--utc", "--rfc-email", "--date", &of])
        .env("LC_ALL", "C")
        .output()
        .context("starting date")?;
    if !date.status.success() {
        bail!("date {of}: {}", String::from_utf8_lossy(&date.stderr));
    }
    Ok(format!(
        "tsdb-server ({}) unstable; urgency=medium\n\n  * What changed is in CHANGELOG.md.gz beside this file.\n\n -- {maintainer}  {}",
        payload.binary.version,
        String::from_utf8_lossy(&date.stdout)
    ))
}

/// What dpkg reads itself.
fn control_files(payload: &Payload, files: &[PackedFile]) -> anyhow::Result<Vec<PackedFile>> {
    let bytes: usize = files.iter().map(|file| file.bytes.len()).sum();
    let template = String::from_utf8(payload.source("deploy/debian/control")?)?;
    let control = template
        .replace("@VERSION@", &payload.binary.version)
        .replace("@ARCHITECTURE@", payload.binary.architecture)
        .replace("@GLIBC@", &payload.binary.glibc)
        .replace("@INSTALLED_SIZE@", &bytes.div_ceil(1024).to_string());
    let mut kept = String::new();
    for path in CONFIGURATION {
        if !files.iter().any(|file| file.path == *path) {
            bail!("{path} is to be kept by upgrades, but it is not packed");
        }
        writeln!(kept, "/{path}")?;
    }
    let mut all = vec![
        PackedFile::plain("DEBIAN/control", control),
        PackedFile::plain("DEBIAN/conffiles", kept),
    ];
    for name in ["postinst", "prerm", "postrm"] {
        let script = payload.source(&format!("deploy/debian/{name}"))?;
        all.push(PackedFile::program(format!("DEBIAN/{name}"), script));
    }
    Ok(all)
}

fn stage(staging: &Path, file: &PackedFile) -> anyhow::Result<()> {
    let path = staging.join(&file.path);
    let writing = || format!("writing {}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(writing)?;
    }
    std::fs::write(&path, &file.bytes).with_context(writing)?;
    let rights = std::fs::Permissions::from_mode(file.mode);
    std::fs::set_permissions(&path, rights).with_context(writing)
}

/// Gives all below a folder one time, and its folders the same rights whatever the umask is.
fn settle(path: &Path, epoch: u64) -> anyhow::Result<()> {
    let settling = || format!("setting the time of {}", path.display());
    if path.is_dir() {
        let rights = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(path, rights).with_context(settling)?;
        for entry in std::fs::read_dir(path).with_context(settling)? {
            settle(&entry?.path(), epoch)?;
        }
    }
    let file = std::fs::File::open(path).with_context(settling)?;
    file.set_modified(UNIX_EPOCH + Duration::from_secs(epoch))
        .with_context(settling)
}
