//! `cargo xtask monitoring [--check]`: the dashboard and the alerts that are committed.

use std::path::Path;

use anyhow::{Context as _, bail};

use crate::repository;
use crate::tidy::cargo;

/// What the server is asked to generate, and where its copy is kept.
const COPIES: [(&str, &str); 2] = [
    ("dashboard", "deploy/grafana/dashboard.json"),
    ("alerts", "deploy/prometheus/alerts.yml"),
];

/// Writes the copies, or with `--check` only compares them.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let check = match arguments {
        [] => false,
        [only] if only == "--check" => true,
        _ => bail!("monitoring takes nothing or --check"),
    };
    let root = repository::root()?;
    for (what, path) in COPIES {
        let arguments = [
            "run",
            "--quiet",
            "--package",
            "tsdb-server",
            "--",
            "generate",
            what,
        ];
        let fresh = cargo(&root, &arguments)?;
        keep(&root.join(path), &fresh, check)?;
    }
    Ok(())
}

fn keep(path: &Path, fresh: &str, check: bool) -> anyhow::Result<()> {
    if !check {
        return std::fs::write(path, fresh).with_context(|| format!("writing {}", path.display()));
    }
    let committed =
        std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    if committed != fresh {
        bail!("{} is stale: run `cargo xtask monitoring`", path.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_copy_is_named_and_made_anew() {
        let path = std::env::temp_dir().join(format!("tsdb-copy-{}", std::process::id()));
        keep(&path, "old", false).unwrap();
        keep(&path, "old", true).unwrap();
        let error = keep(&path, "new", true).unwrap_err().to_string();
        assert!(
            error.contains("is stale: run `cargo xtask monitoring`"),
            "{error}"
        );
        keep(&path, "new", false).unwrap();
        keep(&path, "new", true).unwrap();
        std::fs::remove_file(&path).unwrap();
    }
}
