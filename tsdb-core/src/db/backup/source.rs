//! Which files a data folder consists of.

use std::path::Path;

use crate::db::Error;
use crate::db::copy::file_len;
use crate::db::logs;
use crate::db::open::{CATALOG_PATH, FORMAT_PATH};
use crate::db::paths::{block_path, run_path};
use crate::exemplar::exemplars_path;
use crate::manifest::{Catalog, Manifest};
use crate::series::series_path;
use crate::vfs::Vfs;
use crate::wal::log_path;

/// The files of a folder that nobody changes, with their lengths, in the order of their paths: all
/// that manifests list, and the logs.
pub(super) fn files_of(vfs: &dyn Vfs) -> Result<Vec<(String, u64)>, Error> {
    let mut paths = vec![FORMAT_PATH.into(), CATALOG_PATH.into()];
    let catalog = Catalog::read(vfs, Path::new(CATALOG_PATH))?;
    for entry in &catalog.namespaces {
        let folder = Path::new(&entry.name);
        let path = folder.join("MANIFEST");
        let manifest = Manifest::read(vfs, &path)?;
        paths.push(path);
        let series = manifest.series_files.iter();
        paths.extend(series.map(|file| series_path(folder, file.number)));
        paths.extend(manifest.runs.iter().map(|run| run_path(folder, run.id)));
        paths.extend(manifest.blocks.iter().map(|one| block_path(folder, one.id)));
        let names = vfs.list(folder).map_err(Error::io("listing", folder))?;
        let exemplars = exemplars_path(folder);
        let has_exemplars = names.iter().any(|name| exemplars.ends_with(name));
        paths.extend(has_exemplars.then_some(exemplars));
    }
    paths.extend(logs::list(vfs)?.into_iter().map(log_path));
    let mut files = Vec::new();
    for path in paths {
        let len = file_len(vfs, &path)?;
        let text = path.to_str().unwrap_or_default();
        files.push((text.to_owned(), len));
    }
    files.sort_unstable();
    Ok(files)
}
