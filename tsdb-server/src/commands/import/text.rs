//! A file of text, or the standard input, on its way into a folder or a server.

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tsdb_core::{Clock, SystemClock};

use super::destination::{DataFolder, Destination as _};
use super::text_outcome::TextOutcome;
use super::upload::upload;
use crate::commands::CommandError;
use crate::commands::progress::Progress;
use crate::commands::remote::Remote;
use crate::config::Config;
use crate::import::{Encoding, ImportFormat, Intake, IntakeError};
use crate::timestamp::parse_time;

/// Bytes read from the file at a time.
const READ_BYTES: usize = 256 << 10;

/// What is imported, and where it goes.
#[derive(Clone, Debug, Args)]
pub(super) struct Text {
    /// The file, packed with gzip or not; - for the standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,

    #[command(flatten)]
    remote: Remote,

    /// Namespace of the data folder; left out: the one that exists from the first start
    #[arg(long, value_name = "NAME", conflicts_with = "url")]
    namespace: Option<String>,

    /// Time of samples that have none, in seconds since the epoch or RFC 3339; left out: now
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    timestamp: Option<String>,

    /// End with the first line that is wrong; those before it are stored
    #[arg(long)]
    strict: bool,
}

/// The route of a server that takes a text.
#[derive(Debug)]
pub(super) struct TextRoute {
    pub(super) path: &'static str,
    pub(super) parameters: Vec<(&'static str, String)>,
    pub(super) content_type: &'static str,
}

/// The bytes of a text, and how many of them were read.
pub(super) struct TextSource {
    name: String,
    input: Box<dyn Read + Send>,
    /// What was read already.
    begin: Vec<u8>,
    /// Length of the file, as far as it has one.
    length: Option<u64>,
    read: u64,
    progress: Progress,
}

impl TextSource {
    fn open(file: &PathBuf) -> Result<Self, CommandError> {
        let stdin = file.as_os_str() == "-";
        let name = match stdin {
            true => "stdin".to_owned(),
            false => file.display().to_string(),
        };
        let unreadable = |error: std::io::Error| CommandError::Argument {
            argument: "FILE",
            value: name.clone(),
            why: error.to_string(),
        };
        let (input, length): (Box<dyn Read + Send>, _) = if stdin {
            (Box::new(std::io::stdin()), None)
        } else {
            #[expect(
                clippy::disallowed_methods,
                reason = "the operator's file, which may be a pipe, is no data of ours"
            )]
            let file = std::fs::File::open(file).map_err(unreadable)?;
            let metadata = file.metadata().map_err(unreadable)?;
            let length = metadata.is_file().then_some(metadata.len());
            (Box::new(file), length)
        };
        let mut source = Self {
            name: name.clone(),
            input,
            begin: Vec::new(),
            length,
            read: 0,
            progress: Progress::new(),
        };
        source.begin = source.next().map_err(unreadable)?;
        Ok(source)
    }

    /// The next bytes; none at the end.
    pub(super) fn next(&mut self) -> std::io::Result<Vec<u8>> {
        if !self.begin.is_empty() {
            return Ok(std::mem::take(&mut self.begin));
        }
        let mut piece = Vec::with_capacity(READ_BYTES);
        let mut part = self.input.by_ref().take(READ_BYTES as u64);
        part.read_to_end(&mut piece)?;
        self.read += piece.len() as u64;
        let (name, read, length) = (&self.name, self.read, self.length);
        self.progress.update(|| match length {
            Some(length) => {
                let percent = read * 100 / length.max(1);
                format!("{name}: {percent} %, {read} of {length} bytes")
            }
            None => format!("{name}: {read} bytes"),
        });
        Ok(piece)
    }

    fn encoding(&self) -> Encoding {
        Encoding::of_bytes(&self.begin)
    }

    /// Wipes what it says of its progress.
    pub(super) fn clear(&self) {
        self.progress.clear();
    }

    /// Why what was read cannot be taken on.
    fn wrong(&self, error: &IntakeError) -> CommandError {
        CommandError::Argument {
            argument: "FILE",
            value: self.name.clone(),
            why: error.to_string(),
        }
    }

    /// Why a piece could not be read.
    pub(super) fn failed(&self, error: &std::io::Error) -> CommandError {
        CommandError::Argument {
            argument: "FILE",
            value: self.name.clone(),
            why: format!("cannot be read behind byte {}: {error}", self.read),
        }
    }
}

impl Text {
    pub(super) fn run(
        &self,
        config: &Config,
        format: ImportFormat,
        route: TextRoute,
    ) -> Result<ExitCode, CommandError> {
        let default_ms = match &self.timestamp {
            None => SystemClock::new().now_ms(),
            Some(text) => parse_time(text).ok_or_else(|| CommandError::Argument {
                argument: "--timestamp",
                value: text.clone(),
                why: "write seconds since the epoch, or RFC 3339".to_owned(),
            })?,
        };
        let source = TextSource::open(&self.file)?;
        let (name, encoding) = (source.name.clone(), source.encoding());
        let outcome = match self.remote.server()? {
            None => {
                let intake = Intake::new(format, encoding, default_ms, self.strict);
                self.store(config, source, intake)?
            }
            Some(server) => {
                let mut query = form_urlencoded::Serializer::new(String::new());
                for (name, value) in &route.parameters {
                    query.append_pair(name, value);
                }
                query.append_pair("timestamp", &default_ms.to_string());
                query.append_pair("strict", &self.strict.to_string());
                let path = format!("{}?{}", route.path, query.finish());
                upload(&server, &path, (route.content_type, encoding), source)?
            }
        };
        outcome.tell(&name)
    }

    /// Stores it in a folder.
    fn store(
        &self,
        config: &Config,
        mut source: TextSource,
        mut intake: Intake,
    ) -> Result<TextOutcome, CommandError> {
        let folder = DataFolder::open(&config.data_dir, self.namespace.as_deref())?;
        let mut outcome = TextOutcome::default();
        let stored = store_all(&folder, &mut source, &mut intake, &mut outcome);
        source.clear();
        let closed = Box::new(folder).close();
        stored?;
        closed?;
        Ok(outcome)
    }
}

fn store_all(
    folder: &DataFolder,
    source: &mut TextSource,
    intake: &mut Intake,
    outcome: &mut TextOutcome,
) -> Result<(), CommandError> {
    loop {
        let piece = source.next().map_err(|error| source.failed(&error))?;
        let mut rest = piece.as_slice();
        let ended = rest.is_empty();
        while !rest.is_empty() {
            let taken = intake.take(rest).map_err(|error| source.wrong(&error))?;
            rest = rest.get(taken..).unwrap_or_default();
            store_rows(folder, intake, outcome)?;
            if intake.rows().stopped() {
                return Ok(());
            }
        }
        if ended {
            intake.finish().map_err(|error| source.wrong(&error))?;
            return store_rows(folder, intake, outcome);
        }
    }
}

fn store_rows(
    folder: &DataFolder,
    intake: &mut Intake,
    outcome: &mut TextOutcome,
) -> Result<(), CommandError> {
    let rows = intake.rows();
    let (lines, refused) = rows.counts();
    outcome.lines += lines;
    outcome.refused_lines += refused;
    outcome.list(rows.problems().iter().cloned());
    if rows.has_begun() {
        let report = folder.write(&rows.batch())?;
        outcome.stored += report.appended + report.appended_histograms;
        outcome.refused_samples += report.rejected_samples;
        outcome.list(rows.place(&report.rejected).into_iter());
    }
    if !rows.metadata().is_empty() {
        folder.describe(rows.metadata())?;
    }
    intake.clear();
    Ok(())
}
