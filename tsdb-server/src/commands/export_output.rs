//! Where an export is written.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::CommandError;
use super::progress::Progress;

/// A file that gets its name once it is complete, or the standard output.
pub(super) struct ExportOutput {
    file: Option<(File, PathBuf, PathBuf)>,
    written: u64,
    progress: Progress,
}

impl ExportOutput {
    pub(super) fn open(path: Option<&Path>) -> Result<Self, CommandError> {
        let file = match path {
            None => None,
            Some(path) => {
                let mut part = path.as_os_str().to_owned();
                part.push(".part");
                let part = PathBuf::from(part);
                #[expect(
                    clippy::disallowed_methods,
                    reason = "the operator's file is no data of ours"
                )]
                let file = File::create(&part).map_err(unwritable(&part))?;
                Some((file, part, path.to_owned()))
            }
        };
        Ok(Self {
            file,
            written: 0,
            progress: Progress::new(),
        })
    }

    pub(super) fn write(&mut self, piece: &[u8]) -> Result<(), CommandError> {
        match &mut self.file {
            None => std::io::stdout().write_all(piece)?,
            Some((file, part, _)) => file.write_all(piece).map_err(unwritable(part))?,
        }
        self.written += piece.len() as u64;
        if self.file.is_some() {
            let written = self.written;
            self.progress.update(|| format!("{written} bytes"));
        }
        Ok(())
    }

    /// All is written: says how much, behind `counts`, where that does not stand among it.
    pub(super) fn finish(mut self, counts: &str) -> Result<(), CommandError> {
        self.progress.clear();
        let Some((file, part, path)) = self.file.take() else {
            return Ok(std::io::stdout().flush()?);
        };
        file.sync_all().map_err(unwritable(&part))?;
        #[expect(
            clippy::disallowed_methods,
            reason = "the operator's file is no data of ours"
        )]
        std::fs::rename(&part, &path).map_err(unwritable(&path))?;
        let (path, written) = (path.display(), self.written);
        writeln!(std::io::stdout(), "{path}: {counts}{written} bytes")?;
        Ok(())
    }

    /// Says what the export lacks, also where nobody watches.
    pub(super) fn warn(text: &str) -> Result<(), CommandError> {
        Ok(writeln!(std::io::stderr(), "{text}")?)
    }
}

impl Drop for ExportOutput {
    /// What is not complete does not stay.
    fn drop(&mut self) {
        if let Some((_, part, _)) = &self.file {
            let removed = std::fs::remove_file(part);
            debug_assert!(removed.is_ok(), "{removed:?}");
        }
    }
}

fn unwritable(path: &Path) -> impl Fn(std::io::Error) -> CommandError + use<> {
    let path = path.display().to_string();
    move |error| CommandError::Argument {
        argument: "--out",
        value: path.clone(),
        why: error.to_string(),
    }
}
