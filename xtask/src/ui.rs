//! `cargo xtask ui [--check]`: the page of the server, built of its sources.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail, ensure};
use flate2::{Compression, GzBuilder};
use sha2::{Digest as _, Sha256};

use crate::repository;

/// Where the sources are.
const FOLDER: &str = "tsdb-server/ui";
/// What the server is built with, as code.
const TABLE: &str = "tsdb-server/src/http/page_files.rs";
/// Which sources the committed files were built of, and their own hashes.
const MANIFEST: &str = "dist/manifest.sha256";
/// What the build reads, besides all of `src/`.
const SOURCES: &[&str] = &[
    "index.html",
    "package-lock.json",
    "package.json",
    "tsconfig.json",
    "vite.config.ts",
];
/// All of the page, compressed: who opens it over a slow line waits for it.
const BYTES_MAX: usize = 1 << 20;

/// Files by their paths.
type Files = BTreeMap<String, Vec<u8>>;

/// Builds the page anew, which needs Node, or with `--check` only says whether that is due.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let root = repository::root()?;
    match arguments {
        [] => build(&root),
        [only] if only == "--check" => check(&root),
        _ => bail!("ui takes nothing or --check"),
    }
}

fn build(root: &Path) -> anyhow::Result<()> {
    let folder = root.join(FOLDER);
    npm(&folder, &["ci"])?;
    npm(&folder, &["run", "build"])?;
    let mut packed = Files::new();
    for (path, bytes) in read_below(&folder, "build")? {
        let path = path.replacen("build/", "dist/", 1);
        packed.insert(format!("{path}.gz"), compress(&bytes)?);
    }
    let whole: usize = packed.values().map(Vec::len).sum();
    ensure!(
        whole <= BYTES_MAX,
        "the page has {whole} bytes: {BYTES_MAX} at most"
    );
    let old = folder.join("dist");
    if old.exists() {
        std::fs::remove_dir_all(&old)?;
    }
    for (path, bytes) in &packed {
        write(&folder.join(path), bytes)?;
    }
    write(
        &folder.join(MANIFEST),
        manifest(&sources(&folder)?, &packed).as_bytes(),
    )?;
    write(&root.join(TABLE), table(&packed)?.as_bytes())?;
    println!("{} files, {whole} bytes", packed.len());
    Ok(())
}

fn check(root: &Path) -> anyhow::Result<()> {
    let folder = root.join(FOLDER);
    let mut packed = read_below(&folder, "dist")?;
    let kept = packed.remove(MANIFEST).unwrap_or_default();
    let fresh = manifest(&sources(&folder)?, &packed);
    if let Some(path) = differing(&String::from_utf8_lossy(&kept), &fresh) {
        bail!("{FOLDER}/{path} is not what {FOLDER}/dist was built of: run `cargo xtask ui`");
    }
    let kept =
        std::fs::read_to_string(root.join(TABLE)).with_context(|| format!("reading {TABLE}"))?;
    ensure!(
        kept == table(&packed)?,
        "{TABLE} is stale: run `cargo xtask ui`"
    );
    Ok(())
}

fn npm(folder: &Path, arguments: &[&str]) -> anyhow::Result<()> {
    let mut command = Command::new("npm");
    let status = command.args(arguments).current_dir(folder).status();
    let status = status.context("running npm, which comes with Node.js 20.19 or later")?;
    ensure!(status.success(), "npm {} failed", arguments.join(" "));
    Ok(())
}

fn sources(folder: &Path) -> anyhow::Result<Files> {
    let mut files = read_below(folder, "src")?;
    for name in SOURCES {
        let bytes = std::fs::read(folder.join(name)).with_context(|| format!("reading {name}"))?;
        files.insert((*name).to_owned(), bytes);
    }
    Ok(files)
}

/// Every file below a folder of another, by its path from that other.
fn read_below(root: &Path, folder: &str) -> anyhow::Result<Files> {
    let mut files = Files::new();
    let path = root.join(folder);
    let entries =
        std::fs::read_dir(&path).with_context(|| format!("listing {}", path.display()))?;
    for entry in entries {
        let entry = entry?;
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        match entry.file_type()?.is_dir() {
            true => files.append(&mut read_below(root, &path)?),
            false => {
                let bytes = std::fs::read(root.join(&path));
                let bytes = bytes.with_context(|| format!("reading {path}"))?;
                files.insert(path, bytes);
            }
        }
    }
    Ok(files)
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, bytes).with_context(|| format!("writing {}", path.display()))
}

/// The same bytes for the same content, whenever and wherever.
fn compress(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut packer = GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), Compression::best());
    packer.write_all(bytes)?;
    Ok(packer.finish()?)
}

fn hash(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _written = write!(text, "{byte:02x}");
        text
    })
}

/// As `sha256sum` writes it.
fn manifest(sources: &Files, packed: &Files) -> String {
    let lines = sources
        .iter()
        .chain(packed)
        .map(|(path, bytes)| format!("{}  {path}\n", hash(bytes)));
    lines.collect()
}

/// The first path of which two manifests say different things.
fn differing(kept: &str, fresh: &str) -> Option<String> {
    let kept: Vec<&str> = kept.lines().collect();
    let fresh: Vec<&str> = fresh.lines().collect();
    let changed = fresh.iter().find(|line| !kept.contains(line));
    let changed = changed.or_else(|| kept.iter().find(|line| !fresh.contains(line)))?;
    let (_, path) = changed.split_once("  ")?;
    Some(path.to_owned())
}

fn content_type(path: &str) -> anyhow::Result<&'static str> {
    let (_, ending) = path.rsplit_once('.').unwrap_or_default();
    Ok(match ending {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "md" => "text/plain; charset=utf-8",
        _ => bail!("{path}: no content type is known for that"),
    })
}

/// The files as the server has them within.
fn table(packed: &Files) -> anyhow::Result<String> {
    let mut code = String::from(
        "//! The files of the page. Written by `cargo xtask ui`.\n\nuse super::page::PageFile;\n\n\
         /// Every file of the page, by its path.\n#[rustfmt::skip]\n\
         pub(super) static FILES: &[PageFile] = &[\n",
    );
    for (path, bytes) in packed {
        let name = path.strip_prefix("dist/").unwrap_or(path);
        let name = name.strip_suffix(".gz").unwrap_or(name);
        let tag = hash(bytes);
        let tag = tag.get(..16).unwrap_or(&tag);
        writeln!(
            code,
            "    PageFile {{ path: {name:?}, content_type: {:?}, etag: \"\\\"{tag}\\\"\", gzip: include_bytes!(\"../../ui/{path}\") }},",
            content_type(name)?
        )?;
    }
    code.push_str("];\n");
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(of: &[(&str, &str)]) -> Files {
        let owned = |(path, text): &(&str, &str)| ((*path).to_owned(), text.as_bytes().to_vec());
        of.iter().map(owned).collect()
    }

    #[test]
    fn a_changed_new_or_lost_source_is_named() {
        let packed = files(&[("dist/index.html.gz", "x")]);
        let kept = manifest(&files(&[("src/a.ts", "1"), ("src/b.ts", "2")]), &packed);
        let against = |sources: &[(&str, &str)]| {
            differing(&kept, &manifest(&files(sources), &packed)).unwrap_or_default()
        };
        assert_eq!(against(&[("src/a.ts", "1"), ("src/b.ts", "2")]), "");
        assert_eq!(against(&[("src/a.ts", "1"), ("src/b.ts", "3")]), "src/b.ts");
        assert_eq!(against(&[("src/a.ts", "1")]), "src/b.ts");
        let more = [("src/a.ts", "1"), ("src/b.ts", "2"), ("src/c.ts", "")];
        assert_eq!(against(&more), "src/c.ts");
    }

    #[test]
    fn files_pack_to_the_same_bytes_and_are_named_as_they_are_asked_for() {
        assert_eq!(compress(b"page").unwrap(), compress(b"page").unwrap());
        let code = table(&files(&[("dist/assets/a-1.js.gz", "")])).unwrap();
        assert!(code.contains("path: \"assets/a-1.js\", content_type: \"text/javascript"));
        assert!(code.contains("include_bytes!(\"../../ui/dist/assets/a-1.js.gz\")"));
        assert!(table(&files(&[("dist/a.exe.gz", "")])).is_err());
    }
}
