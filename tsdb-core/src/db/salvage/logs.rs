//! Logs, as far as their frames can be read and their series have names.

use std::path::{Path, PathBuf};

use super::examine::{Examined, ExaminedNamespace, Progress};
use super::log_frames::{Frames, Written};
use super::report::{Damage, Lost, LostSamples, SalvageReport};
use crate::db::{Error, TornTail, logs};
use crate::model::{Generation, NamespaceId};
use crate::vfs::{File, Vfs, create_anew, write_all_at};
use crate::wal::{
    FRAME_STAMP_BYTES, FrameStamp, LOG_HEADER_BYTES, LogHeader, LogReader, Torn, WalError,
    first_valid_frame, log_path,
};

/// What is gathered before it is written.
const BUFFER_BYTES: usize = 1 << 20;

/// Where logs are written anew.
#[derive(Clone, Copy, Debug)]
pub(super) struct LogTarget<'a> {
    pub(super) vfs: &'a dyn Vfs,
    pub(super) root: &'a Path,
}

/// Reads all logs that are not flushed, and notes what is damaged.
pub(super) fn examine_logs(
    vfs: &dyn Vfs,
    examined: &mut Examined,
    progress: Progress<'_>,
) -> Result<(), Error> {
    let flushed = examined.namespaces.iter();
    let flushed = flushed.map(|one| one.manifest.flushed_generation).min();
    let flushed = flushed.unwrap_or_default();
    let listed = match logs::list(vfs) {
        Ok(listed) => listed,
        Err(error) => {
            let what = error.to_string();
            let lost = Lost::Samples(LostSamples::default());
            examined.report.damage.push(Damage {
                path: PathBuf::from("wal"),
                offset: 0,
                bytes: 0,
                what,
                lost,
            });
            examined.logs_damaged = true;
            return Ok(());
        }
    };
    examined.logs = listed.into_iter().filter(|one| *one > flushed).collect();
    let before = examined.report.damage.len();
    let mut report = std::mem::take(&mut examined.report);
    let changed = pass(
        vfs,
        (&examined.logs, &mut examined.namespaces),
        examined.removed_below,
        None,
        progress,
        &mut report,
    )?;
    examined.report = report;
    examined.logs_damaged = changed || examined.report.damage.len() > before;
    Ok(())
}

/// Reads logs, and writes them to `target` without what is lost, if one is given. Whether any
/// frame is not as it was.
pub(super) fn pass(
    vfs: &dyn Vfs,
    (generations, namespaces): (&[Generation], &mut [ExaminedNamespace]),
    removed_below: NamespaceId,
    target: Option<LogTarget<'_>>,
    progress: Progress<'_>,
    report: &mut SalvageReport,
) -> Result<bool, Error> {
    let mut pass = Pass {
        vfs,
        frames: Frames::new(namespaces, removed_below),
        last_lsn: None,
        last_end: (PathBuf::from("wal"), 0),
        next_written: 1,
    };
    let mut changed = false;
    for (at, &generation) in generations.iter().enumerate() {
        progress(&log_path(generation));
        let newest = at + 1 == generations.len();
        changed |= pass.log((generation, newest), target, report)?;
    }
    Ok(changed)
}

struct Pass<'a> {
    vfs: &'a dyn Vfs,
    frames: Frames<'a>,
    /// Of the last frame read; none before the first log.
    last_lsn: Option<u64>,
    /// The log before, and where its frames end.
    last_end: (PathBuf, u64),
    /// LSN of the next frame that is written.
    next_written: u64,
}

/// Frames that are lost: of whom, nobody knows.
fn lost_frames(path: &Path, (offset, bytes): (u64, u64), what: String) -> Damage {
    Damage {
        path: path.to_owned(),
        offset,
        bytes,
        what,
        lost: Lost::Samples(LostSamples::default()),
    }
}

impl Pass<'_> {
    fn log(
        &mut self,
        (generation, newest): (Generation, bool),
        target: Option<LogTarget<'_>>,
        report: &mut SalvageReport,
    ) -> Result<bool, Error> {
        report.files += 1;
        let path = log_path(generation);
        let opened = LogReader::open_damaged(self.vfs, generation, self.last_lsn.unwrap_or(0));
        let (mut reader, header) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                report
                    .damage
                    .push(lost_frames(&path, (0, 0), error.to_string()));
                return Ok(true);
            }
        };
        let is_headless = header.is_err();
        if let Err(error) = header {
            refuse_version(&error)?;
            report.damage.push(Damage {
                path: path.clone(),
                offset: 0,
                bytes: LOG_HEADER_BYTES as u64,
                what: error.to_string(),
                lost: Lost::Nothing,
            });
        } else if let Some(last) = self.last_lsn {
            self.check_begin(&reader, last, report);
        }
        self.frames.begin(generation);
        if is_headless && self.last_lsn.is_none() {
            self.find_first(&mut reader, &path, report);
        }
        let mut out = match target {
            Some(target) => Some(LogWriter::begin(target, generation, self.next_written)?),
            None => None,
        };
        let changed = self.read(&mut reader, (generation, newest), &mut out, report)?;
        self.frames.end(&path, report);
        self.last_lsn = Some(reader.next_lsn().saturating_sub(1));
        self.last_end = (path, reader.offset());
        if let Some(out) = out {
            self.next_written = out.finish()?;
        }
        Ok(changed)
    }

    /// Which frame is the first one, if neither the header nor a log before tells.
    fn find_first(&mut self, reader: &mut LogReader, path: &Path, report: &mut SalvageReport) {
        let begin = reader.offset();
        if let Ok(Some((offset, _))) = reader.resume()
            && offset > begin
        {
            self.frames.lost_some();
            let what = "frames before the first whole one".to_owned();
            report
                .damage
                .push(lost_frames(path, (begin, offset - begin), what));
        }
    }

    /// A log begins behind the last frame of the one before.
    fn check_begin(&self, reader: &LogReader, last: u64, report: &mut SalvageReport) {
        let first = reader.header().first_lsn;
        if first > last.saturating_add(1) {
            let what = format!(
                "{} frames are missing at its end: the next log begins behind them",
                first - last - 1
            );
            let (path, end) = &self.last_end;
            report.damage.push(lost_frames(path, (*end, 0), what));
        }
    }

    fn read(
        &mut self,
        reader: &mut LogReader,
        (generation, newest): (Generation, bool),
        out: &mut Option<LogWriter>,
        report: &mut SalvageReport,
    ) -> Result<bool, Error> {
        let path = log_path(generation);
        let mut changed = false;
        loop {
            let torn = match reader.next_frame() {
                Ok(Ok(None)) => return Ok(changed),
                Ok(Ok(Some(frame))) => {
                    let place = (path.as_path(), frame.offset);
                    let written = self.frames.frame(place, frame.payload, report);
                    changed |= !matches!(written, Written::Same);
                    let payload = match &written {
                        Written::Same => Some(frame.payload),
                        Written::Anew(payload) => Some(payload.as_slice()),
                        Written::Not => None,
                    };
                    if let (Some(out), Some(payload)) = (&mut *out, payload) {
                        out.push(payload, frame.stamp.written_ms)?;
                    }
                    continue;
                }
                Ok(Err(torn)) => torn,
                Err(error) => Torn {
                    path: path.clone(),
                    offset: reader.offset(),
                    bytes: reader.len().saturating_sub(reader.offset()),
                    what: unreadable(&error),
                },
            };
            changed = true;
            if !self.step_over(reader, &torn, newest, report)? {
                return Ok(changed);
            }
        }
    }

    /// Goes on behind a bad frame; whether there is anything to go on with.
    fn step_over(
        &mut self,
        reader: &mut LogReader,
        torn: &Torn,
        newest: bool,
        report: &mut SalvageReport,
    ) -> Result<bool, Error> {
        let expected = reader.next_lsn();
        let last = expected.saturating_sub(1);
        if newest && !self.is_claimed(reader.header().generation, torn.offset, last) {
            report.torn.push(TornTail {
                path: torn.path.clone(),
                offset: torn.offset,
                bytes: torn.bytes,
                what: torn.what.to_owned(),
            });
            return Ok(false);
        }
        self.frames.lost_some();
        // Where the disk cannot be read, nothing can be searched either.
        let next = reader.resume().unwrap_or_default();
        let (bytes, what) = match next {
            Some((offset, stamp)) => (
                offset - torn.offset,
                format!(
                    "{}: {} frames before the next whole one, which was written at {} ms",
                    torn.what,
                    stamp.lsn.saturating_sub(expected),
                    stamp.written_ms
                ),
            ),
            None => (
                torn.bytes,
                format!("{}, and no whole frame follows", torn.what),
            ),
        };
        report
            .damage
            .push(lost_frames(&torn.path, (torn.offset, bytes), what));
        Ok(next.is_some())
    }

    /// Whether a frame behind a bad one says that it was synced: opening cuts it off otherwise.
    fn is_claimed(&self, generation: Generation, offset: u64, last: u64) -> bool {
        match first_valid_frame(self.vfs, generation, offset, last) {
            Ok(found) => found.is_some_and(|(_, synced)| synced > last),
            Err(_) => true,
        }
    }
}

fn unreadable(error: &WalError) -> &'static str {
    match error {
        WalError::Io { .. } => "the disk cannot read it",
        WalError::Corrupt { .. } | WalError::Poisoned { .. } => "it cannot be read",
    }
}

/// A log of a newer build is no damage.
fn refuse_version(error: &WalError) -> Result<(), Error> {
    match error {
        WalError::Corrupt { what, .. } if what.starts_with("log format ") => {
            Err(Error::Wal(error.clone()))
        }
        _ => Ok(()),
    }
}

/// Writes a log from front to back.
struct LogWriter {
    file: Box<dyn File>,
    path: PathBuf,
    buffer: Vec<u8>,
    written: u64,
    next_lsn: u64,
}

impl LogWriter {
    fn begin(target: LogTarget<'_>, generation: Generation, first_lsn: u64) -> Result<Self, Error> {
        let path = target.root.join(log_path(generation));
        let file = create_anew(target.vfs, &path).map_err(Error::io("creating", &path))?;
        let header = LogHeader {
            generation,
            first_lsn,
        };
        Ok(Self {
            file,
            path,
            buffer: header.encode(),
            written: 0,
            next_lsn: first_lsn,
        })
    }

    fn push(&mut self, payload: &[u8], written_ms: i64) -> Result<(), Error> {
        let mut frame = vec![0; FRAME_STAMP_BYTES];
        frame.extend_from_slice(payload);
        // The whole file is synced before anybody reads it.
        let synced = self.next_lsn - 1;
        FrameStamp::stamp(&mut frame, self.next_lsn, synced, written_ms);
        self.next_lsn += 1;
        self.buffer.append(&mut frame);
        if self.buffer.len() >= BUFFER_BYTES {
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), Error> {
        write_all_at(&*self.file, &self.buffer, self.written)
            .map_err(Error::io("writing", &self.path))?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Syncs the file; the LSN behind its last frame.
    fn finish(mut self) -> Result<u64, Error> {
        self.write()?;
        self.file.sync().map_err(Error::io("syncing", &self.path))?;
        Ok(self.next_lsn)
    }
}
