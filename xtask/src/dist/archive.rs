//! The archive for any Linux: a folder to unpack.

use std::path::Path;

use anyhow::Context as _;
use tar::{Builder, EntryType, Header};

use super::payload::{PackedFile, Payload, gzip};

/// Writes the archive to a folder; its name.
pub(super) fn write(payload: &Payload, out: &Path) -> anyhow::Result<String> {
    let (version, architecture) = (&payload.binary.version, payload.binary.architecture);
    let folder = format!("tsdb-server-{version}-linux-{architecture}");
    let bytes = tar(&folder, &files(payload)?, payload.epoch)?;
    let name = format!("{folder}.tar.gz");
    let path = out.join(&name);
    std::fs::write(&path, gzip(&bytes)?).with_context(|| format!("writing {}", path.display()))?;
    Ok(name)
}

fn files(payload: &Payload) -> anyhow::Result<Vec<PackedFile>> {
    let plain = |path: &str, bytes: Vec<u8>| PackedFile::plain(path, bytes);
    let made = &payload.generated;
    let mut files = vec![
        PackedFile::program("tsdb-server", payload.binary.bytes.clone()),
        plain("licences.txt", payload.licences.clone().into()),
        plain("completions/tsdb-server.bash", made.bash.clone().into()),
        plain("completions/_tsdb-server", made.zsh.clone().into()),
        plain("completions/tsdb-server.fish", made.fish.clone().into()),
        plain("grafana/dashboard.json", made.dashboard.clone().into()),
        plain("prometheus/alerts.yml", made.alerts.clone().into()),
    ];
    for (path, source) in [
        ("LICENSE", "LICENSE"),
        ("README.md", "README.md"),
        ("CHANGELOG.md", "CHANGELOG.md"),
        ("docs/server.md", "docs/server.md"),
        ("docs/runbook.md", "docs/runbook.md"),
        (
            "systemd/tsdb-server.service",
            "deploy/systemd/tsdb-server.service",
        ),
        ("systemd/tsdb.yml", "deploy/debian/tsdb.yml"),
    ] {
        files.push(plain(path, payload.source(source)?));
    }
    for (name, page) in &made.pages {
        files.push(PackedFile::plain(format!("man/{name}"), page.clone()));
    }
    Ok(files)
}

/// Files and their folders below `folder`, in the order of their names, of root, all of one time.
pub(super) fn tar(folder: &str, files: &[PackedFile], epoch: u64) -> anyhow::Result<Vec<u8>> {
    let mut entries: Vec<(String, Option<&PackedFile>)> = vec![(format!("{folder}/"), None)];
    for file in files {
        for (end, _) in file.path.match_indices('/') {
            let above = file.path.get(..=end).unwrap_or_default();
            entries.push((format!("{folder}/{above}"), None));
        }
        entries.push((format!("{folder}/{}", file.path), Some(file)));
    }
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    entries.dedup_by(|a, b| a.0 == b.0);
    let mut archive = Builder::new(Vec::new());
    for (path, file) in entries {
        let mut header = Header::new_gnu();
        let bytes = file.map_or(&[][..], |file| &file.bytes);
        header.set_entry_type(match file {
            Some(_) => EntryType::Regular,
            None => EntryType::Directory,
        });
        header.set_mode(file.map_or(0o755, |file| file.mode));
        header.set_mtime(epoch);
        header.set_uid(0);
        header.set_gid(0);
        header.set_username("root")?;
        header.set_groupname("root")?;
        header.set_size(bytes.len() as u64);
        archive.append_data(&mut header, &path, bytes)?;
    }
    Ok(archive.into_inner()?)
}
