//! Reads everything there is and says what is wrong with it.

use std::path::{Path, PathBuf};

use super::database::Inner;
use super::namespace::NamespaceState;
use super::{Db, Error};
use crate::bits::DecodeError;
use crate::exemplar::exemplars_path;
use crate::manifest::{Catalog, DataFormat, Manifest};
use crate::model::{Histogram, Labels};
use crate::series::read_series_file;
use crate::wal::{DeleteFrame, ExemplarFrame, HistogramFrame, LogReader, SampleFrame};

/// Something that is wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub path: PathBuf,
    /// What is wrong, with the offset where it is known.
    pub what: String,
}

/// What [`Db::verify`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Files that were read.
    pub files: u64,
    /// Series that were read from series files.
    pub series: u64,
    /// Samples that were read from runs.
    pub run_samples: u64,
    /// Samples that were read from blocks.
    pub block_samples: u64,
    /// Exemplars that were read from their files.
    pub exemplars: u64,
    /// Rows that were read from logs.
    pub log_samples: u64,
    /// What is wrong; empty if nothing is.
    pub problems: Vec<Problem>,
}

impl VerifyReport {
    fn check<T>(&mut self, path: impl Into<PathBuf>, found: Result<T, impl std::fmt::Display>) {
        self.files += 1;
        if let Err(error) = found {
            self.problems.push(Problem {
                path: path.into(),
                what: error.to_string(),
            });
        }
    }
}

impl Db {
    /// Reads every file that is listed and checks every checksum, chunk and frame. Appends and
    /// reads go on; upkeep waits.
    ///
    /// # Errors
    /// When the Db is closed, or a folder cannot be listed. What is wrong with files is told in
    /// the report.
    pub fn verify(&self) -> Result<VerifyReport, Error> {
        self.check_open()?;
        let inner = &self.inner;
        // Nothing is removed meanwhile.
        let _upkeep = inner.upkeep.lock();
        let mut report = VerifyReport::default();
        let vfs = &*inner.vfs;
        report.check("FORMAT", DataFormat::read(vfs, Path::new("FORMAT")));
        report.check("CATALOG", Catalog::read(vfs, Path::new("CATALOG")));
        for state in inner.states() {
            inner.verify_namespace(&state, &mut report);
        }
        inner.verify_logs(&mut report)?;
        Ok(report)
    }
}

/// Reads all rows of a frame and counts them.
fn count_rows(payload: &[u8]) -> Result<u64, DecodeError> {
    let mut count = 0;
    if DeleteFrame::is_one(payload) {
        return DeleteFrame::decode(payload).map(|_| 0);
    }
    if ExemplarFrame::is_one(payload) {
        let mut rows = ExemplarFrame::decode(payload)?.rows();
        while let Some(row) = rows.next_row()? {
            let labels = Labels::from_bytes(row.labels.into());
            labels.map_err(|_| DecodeError {
                what: "labels of an exemplar",
                offset: 0,
            })?;
            count += 1;
        }
        return Ok(count);
    }
    if HistogramFrame::is_one(payload) {
        let mut rows = HistogramFrame::decode(payload)?.rows();
        while let Some(row) = rows.next_row()? {
            Histogram::from_bytes(row.bytes)?;
            count += 1;
        }
    } else {
        let mut rows = SampleFrame::decode(payload)?.rows();
        while rows.next_row()?.is_some() {
            count += 1;
        }
    }
    Ok(count)
}

impl Inner {
    fn verify_namespace(&self, state: &NamespaceState, report: &mut VerifyReport) {
        let vfs = &*self.vfs;
        let path = NamespaceState::manifest_path(&state.folder);
        report.check(&path, Manifest::read(vfs, &path));
        let files = state.manifest.lock().series_files.clone();
        for file in files {
            let namespace = (state.folder.as_path(), state.id);
            let mut series = 0;
            let read = read_series_file(vfs, namespace, file.number, &mut |record| {
                series += u64::from(matches!(record, crate::series::SeriesRecord::Series(..)));
                Ok(())
            });
            report.series += series;
            let read = read.map_err(|error| error.to_string()).and_then(|end| {
                if end.end < file.synced_len {
                    return Err(format!(
                        "a bad record at byte {}, of {} that were synced",
                        end.end, file.synced_len
                    ));
                }
                Ok(())
            });
            report.check(crate::series::series_path(&state.folder, file.number), read);
        }
        if let Some(read) = self.verify_series_snapshot(state) {
            report.check(crate::series::snapshot_path(&state.folder), read);
        }
        match super::exemplars::read(vfs, &state.folder, state.id) {
            Ok(None) => {}
            Ok(Some(image)) => {
                report.files += 1;
                report.exemplars += image.exemplars.len() as u64;
            }
            Err(error) => report.check::<()>(exemplars_path(&state.folder), Err(error)),
        }
        for run in &state.head().live().runs {
            let verified = run.verify();
            if let Ok(samples) = &verified {
                report.run_samples += samples.samples;
            }
            report.check(run.path(), verified);
        }
        for block in &state.head().live().blocks {
            let verified = block.verify();
            if let Ok(totals) = &verified {
                report.block_samples += totals.samples;
            }
            report.check(block.path(), verified);
        }
    }

    fn verify_logs(&self, report: &mut VerifyReport) -> Result<(), Error> {
        let open = self.log.as_ref().map(|log| log.position().0);
        for generation in super::logs::list(&*self.vfs)? {
            let path = crate::wal::log_path(generation);
            let read = self.verify_log(generation, report);
            // The open log grows while it is read: its end may be a frame half written.
            let growing = open == Some(generation);
            let read = read.and_then(|torn| match torn {
                Some(what) if !growing => Err(what),
                _ => Ok(()),
            });
            report.check(path, read);
        }
        Ok(())
    }

    fn verify_log(
        &self,
        generation: crate::model::Generation,
        report: &mut VerifyReport,
    ) -> Result<Option<String>, String> {
        let text = |error: crate::wal::WalError| error.to_string();
        let mut reader = LogReader::open(&*self.vfs, generation).map_err(text)?;
        loop {
            match reader.next_frame().map_err(text)? {
                Ok(None) => return Ok(None),
                Err(torn) => return Ok(Some(format!("{} at byte {}", torn.what, torn.offset))),
                Ok(Some(frame)) => {
                    let at = |error| format!("{error} in the frame at byte {}", frame.offset);
                    report.log_samples += count_rows(frame.payload).map_err(at)?;
                }
            }
        }
    }
}
