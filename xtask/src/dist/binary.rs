//! The binary that is packed: built without anything of the machine in it, and looked at.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use super::command::Options;

/// Separates flags in `CARGO_ENCODED_RUSTFLAGS`, so that paths may hold blanks.
const SEPARATOR: &str = "\u{1f}";

/// A built binary.
#[derive(Debug)]
pub(super) struct Binary {
    pub(super) bytes: Vec<u8>,
    /// As it says itself.
    pub(super) version: String,
    /// As Debian names it.
    pub(super) architecture: &'static str,
    /// The oldest C library that it runs with.
    pub(super) glibc: String,
}

impl Binary {
    /// Reads one, and asks it for its version.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        let said = ask(path, &["--version"])?;
        let version = said.trim().strip_prefix("tsdb-server ");
        let version = version.with_context(|| format!("{} is no tsdb-server", path.display()))?;
        Ok(Self {
            version: version.to_owned(),
            architecture: architecture(&bytes)?,
            glibc: glibc(&bytes).context("the binary names no version of the C library")?,
            bytes,
        })
    }
}

/// Runs the binary; what it printed.
pub(super) fn ask(path: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(path).args(arguments).output();
    let output = output.with_context(|| format!("starting {}", path.display()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{} {} failed: {said}", path.display(), arguments.join(" "));
    }
    String::from_utf8(output.stdout).context("the binary wrote something that is not UTF-8")
}

/// Builds the server, stripped, with no path of this machine in it; where it lies.
pub(super) fn build(root: &Path, options: &Options) -> anyhow::Result<PathBuf> {
    let profile = options.profile.to_uppercase().replace('-', "_");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--locked", "--package", "tsdb-server"])
        .args(["--profile", &options.profile])
        .arg("--target-dir")
        .arg(&options.target_dir)
        .env(format!("CARGO_PROFILE_{profile}_STRIP"), "symbols")
        .env(format!("CARGO_PROFILE_{profile}_DEBUG"), "false")
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_ENCODED_RUSTFLAGS", flags(root)?.join(SEPARATOR))
        .current_dir(root)
        .status()
        .context("starting cargo")?;
    if !status.success() {
        bail!("cargo does not build the server: {status}");
    }
    let folder = match options.profile.as_str() {
        "dev" => "debug",
        other => other,
    };
    Ok(options.target_dir.join(folder).join("tsdb-server"))
}

/// The flags that are set already, and those that name folders of this machine anew.
fn flags(root: &Path) -> anyhow::Result<Vec<String>> {
    let plain = std::env::var("RUSTFLAGS").unwrap_or_default();
    let mut flags: Vec<String> = match std::env::var("CARGO_ENCODED_RUSTFLAGS") {
        Ok(encoded) => encoded.split(SEPARATOR).map(str::to_owned).collect(),
        Err(_) => plain.split_whitespace().map(str::to_owned).collect(),
    };
    flags.retain(|flag| !flag.is_empty());
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let home = home.context("neither CARGO_HOME nor HOME is set")?;
    for (folder, name) in [(root, "/source"), (&home, "/cargo")] {
        flags.push(format!("--remap-path-prefix={}={name}", folder.display()));
    }
    Ok(flags)
}

/// The machine that an ELF file is for, as Debian names it.
fn architecture(bytes: &[u8]) -> anyhow::Result<&'static str> {
    let machine = match bytes.get(..20) {
        Some([0x7f, b'E', b'L', b'F', .., low, high]) => u16::from_le_bytes([*low, *high]),
        _ => bail!("the binary is no ELF file"),
    };
    match machine {
        62 => Ok("amd64"),
        183 => Ok("arm64"),
        other => {
            bail!("the binary is for the ELF machine {other}: only amd64 and arm64 are packed")
        }
    }
}

/// The newest version of glibc that a binary names among its symbols.
fn glibc(bytes: &[u8]) -> Option<String> {
    const NAME: &[u8] = b"GLIBC_";
    let places = bytes.windows(NAME.len()).enumerate();
    let places = places.filter(|(_, window)| *window == NAME);
    let versions = places.filter_map(|(at, _)| {
        let rest = bytes.get(at + NAME.len()..)?;
        let end = rest.iter().position(|byte| *byte == 0)?;
        let text = std::str::from_utf8(rest.get(..end)?).ok()?;
        let numbers = text.split('.').map(str::parse);
        numbers.collect::<Result<Vec<u32>, _>>().ok()
    });
    let newest = versions.max()?;
    let numbers: Vec<String> = newest.iter().map(ToString::to_string).collect();
    Some(numbers.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_c_library_counts() {
        let bytes = b"..GLIBC_2.4\0GLIBC_2.34\0GLIBC_PRIVATE\0GLIBC_2.17\0";
        assert_eq!(glibc(bytes).as_deref(), Some("2.34"));
        assert_eq!(glibc(b"GLIBC_2."), None);
    }

    #[test]
    fn machines_are_named_as_debian_does() {
        let mut bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0".to_vec();
        assert_eq!(architecture(&bytes).unwrap(), "amd64");
        bytes[18] = 183;
        assert_eq!(architecture(&bytes).unwrap(), "arm64");
        bytes[18] = 8;
        assert!(architecture(&bytes).is_err());
        assert!(architecture(b"#!/bin/sh").is_err());
    }
}
