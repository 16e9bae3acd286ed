//! `tsdb-server import prometheus`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tsdb_core::Vfs;
use tsdb_core::vfs::OsVfs;
use tsdb_formats::prometheus_block::{Block, BlockFolder, BlockMeta, Found, find_blocks};
use tsdb_formats::prometheus_head::Head;

use super::block_import::{BlockImport, Stop};
use super::destination::{DataFolder, Destination, Load, Nowhere};
use super::head_import::import_head;
use super::meter::Meter;
use super::remote_write::RemoteWrite;
use super::selection::Selection;
use super::state::{BlockState, Settings, StateFile};
use super::tally::Tally;
use super::{listing, summary};
use crate::commands::CommandError;
use crate::commands::error::DAMAGED;
use crate::commands::remote::Remote;
use crate::commands::selection::{matcher_sets, time_range};
use crate::config::Config;
use crate::units::duration_of;

const EXAMPLES: &str = "\
Examples:
  tsdb-server import prometheus /var/lib/prometheus --dry-run
      Lists the blocks, reads all of them and compares every checksum; stores nothing.
  tsdb-server import prometheus /var/lib/prometheus --url http://127.0.0.1:7201 --add-label replica=a
      Into a running server, with the external_labels that remote_write adds there.
  tsdb-server import prometheus /var/lib/prometheus --data-dir /var/lib/tsdb
      Into a folder that no server has open; made if it is not there.
  tsdb-server import prometheus 01HF4AY8E9YRDFPSJ8ZPNGTVQ8 --url http://127.0.0.1:7201 --match '{job=\"node\"}' --start 2026-01-01T00:00:00Z
      A part of a single block.

Of a data folder the newest hours come from its log, wal/; while Prometheus runs, a snapshot is the safer source.
An import that was cut short goes on where it was when it is repeated: see --state.
Exit codes: 0 everything was stored, 1 not done, or samples were refused, 2 wrong arguments, 3 something is damaged: the rest was stored.";

/// The state is written at least so often, in milliseconds.
const SAVE_EVERY_MS: u64 = 1000;

/// Imports the blocks of a Prometheus.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Prometheus {
    /// A data folder of Prometheus, a snapshot of one, or a block
    #[arg(value_name = "DIR")]
    folder: PathBuf,

    #[command(flatten)]
    remote: Remote,

    /// Namespace of the data folder; left out: the one that exists from the first start. Of a server: --url http://HOST:PORT/tenant/NAME
    #[arg(long, value_name = "NAME", conflicts_with = "url")]
    namespace: Option<String>,

    /// Series to import, as in PromQL; several times for several selectors; left out: all
    #[arg(long = "match", value_name = "SELECTOR")]
    selectors: Vec<String>,

    /// First moment, in seconds since the epoch or RFC 3339; left out: from the beginning
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    start: Option<String>,

    /// Last moment, included; left out: to the end
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    end: Option<String>,

    /// A label for series that have none of its name, as external_labels of Prometheus are; several times for several
    #[arg(long = "add-label", value_name = "NAME=VALUE", value_parser = label_of)]
    labels: Vec<(String, String)>,

    /// Leave out the newest hours, which are in wal/ and in no block yet
    #[arg(long)]
    skip_head: bool,

    /// Read everything and store nothing
    #[arg(long, conflicts_with_all = ["state", "retry_for"])]
    dry_run: bool,

    /// File of how far the import is
    #[arg(long, value_name = "FILE", default_value = "prometheus-import.state")]
    state: PathBuf,

    /// For how long a request that the server turns away is sent again
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration_of)]
    retry_for: Duration,
}

impl Prometheus {
    pub(super) fn run(&self, config: &Config) -> Result<ExitCode, CommandError> {
        let selection = self.selection()?;
        let vfs: Arc<dyn Vfs> = Arc::new(OsVfs::new(&self.folder));
        let found = find_blocks(&*vfs).map_err(|error| self.wrong(error.to_string()))?;
        if found.blocks.is_empty() && !found.has_head {
            return Err(self.wrong(
                "it holds no blocks: name a data folder of Prometheus, a snapshot, or a folder with a meta.json"
                    .to_owned(),
            ));
        }
        listing::print(&found, &mut std::io::stdout())?;
        let metas = found
            .blocks
            .iter()
            .filter_map(|block| block.meta.as_ref().ok());
        let total = metas.map(|meta| meta.samples).sum();
        let mut run = Run {
            root: &self.folder,
            vfs,
            selection,
            state: self.state(config)?,
            meter: Meter::new(total),
            tally: Tally::default(),
            unread: 0,
        };
        let mut destination = self.destination(config)?;
        let mut outcome = run.blocks(&found.blocks, &mut *destination);
        if outcome.is_ok() && found.has_head && !self.skip_head {
            outcome = run.head(&found, &mut *destination);
        }
        run.meter.clear();
        let closed = destination.close();
        outcome?;
        closed?;
        run.report(self.dry_run)?;
        if found.has_head && self.skip_head {
            writeln!(std::io::stdout(), "{}", listing::HEAD_IS_LEFT_OUT)?;
        }
        Ok(run.exit_code())
    }

    fn wrong(&self, why: String) -> CommandError {
        CommandError::Argument {
            argument: "DIR",
            value: self.folder.display().to_string(),
            why,
        }
    }

    fn selection(&self) -> Result<Selection, CommandError> {
        Ok(Selection {
            sets: matcher_sets(&self.selectors)?,
            range: time_range(self.start.as_ref(), self.end.as_ref())?,
            labels: self.labels(),
        })
    }

    fn labels(&self) -> BTreeMap<String, String> {
        self.labels.iter().cloned().collect()
    }

    fn destination(&self, config: &Config) -> Result<Box<dyn Destination>, CommandError> {
        if self.dry_run {
            return Ok(Box::new(Nowhere));
        }
        Ok(match self.remote.server()? {
            Some(server) => Box::new(RemoteWrite::new(server, self.retry_for)?),
            None => Box::new(DataFolder::open(
                &config.data_dir,
                self.namespace.as_deref(),
            )?),
        })
    }

    /// The file of how far the import is; none where nothing is stored.
    fn state(&self, config: &Config) -> Result<Option<StateFile>, CommandError> {
        if self.dry_run {
            return Ok(None);
        }
        let range = time_range(self.start.as_ref(), self.end.as_ref())?;
        let server = self.remote.server()?;
        let target = match &server {
            Some(server) => server.url().to_owned(),
            None => absolute(&config.data_dir),
        };
        let settings = Settings {
            target,
            namespace: self.namespace.clone(),
            selectors: self.selectors.clone(),
            start_ms: range.min(),
            end_ms: range.max(),
            labels: self.labels(),
        };
        let state = StateFile::open(&self.state, settings)?;
        if server.is_none() && state.is_begun() && DataFolder::is_new(&config.data_dir) {
            return Err(CommandError::Argument {
                argument: "--state",
                value: self.state.display().to_string(),
                why: format!(
                    "it says that samples are in {}, where nothing is: remove it to begin anew",
                    config.data_dir.display()
                ),
            });
        }
        Ok(Some(state))
    }
}

/// A path that means the same from any folder.
fn absolute(path: &Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    absolute.display().to_string()
}

fn label_of(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err("write it as NAME=VALUE".to_owned()),
    }
}

/// An import that goes on.
struct Run<'r> {
    root: &'r Path,
    vfs: Arc<dyn Vfs>,
    selection: Selection,
    state: Option<StateFile>,
    meter: Meter,
    /// What became of all blocks, earlier runs included.
    tally: Tally,
    /// Blocks that could not be read to their end.
    unread: u64,
}

impl Run<'_> {
    fn blocks(
        &mut self,
        blocks: &[BlockFolder],
        destination: &mut dyn Destination,
    ) -> Result<(), CommandError> {
        for folder in blocks {
            let opened = match &folder.meta {
                Ok(meta) if self.is_done(meta) => {
                    self.say(&format!("{}: imported before", meta.ulid))?;
                    self.meter.pass(meta.samples);
                    continue;
                }
                Ok(_) => Block::open(&self.vfs, &folder.path).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            match opened {
                Ok(block) => self.block(block, destination)?,
                Err(why) => self.leave_out(&folder.path, &why)?,
            }
        }
        Ok(())
    }

    fn is_done(&mut self, meta: &BlockMeta) -> bool {
        let Some(state) = &mut self.state else {
            return false;
        };
        let block = state.block(&meta.ulid);
        if block.done {
            self.tally.merge(&block.tally);
        }
        block.done
    }

    /// Notes a block of which nothing more can be read.
    fn leave_out(&mut self, path: &Path, why: &str) -> Result<(), CommandError> {
        self.unread += 1;
        let folder = self.root.join(path);
        let text = format!("{}: not imported to its end: {why}", folder.display());
        self.say(&text)?;
        self.tally.damage(text);
        Ok(())
    }

    fn say(&self, text: &str) -> Result<(), CommandError> {
        self.meter.clear();
        writeln!(std::io::stdout(), "{text}")?;
        Ok(())
    }

    fn block(
        &mut self,
        block: Block,
        destination: &mut dyn Destination,
    ) -> Result<(), CommandError> {
        let (meta, all) = (block.meta().clone(), block.series_len());
        let mut progress = match &mut self.state {
            Some(state) => state.block(&meta.ulid).clone(),
            None => BlockState::default(),
        };
        let begun_ms = self.meter.elapsed_ms();
        let (series, chunks) = (progress.series, progress.chunks);
        let resumed = series > 0 || chunks > 0;
        let mut saved_ms = None;
        let (state, meter) = (&mut self.state, &mut self.meter);
        let mut settled = |load: Load| {
            progress.tally.merge(&load.tally);
            (progress.series, progress.chunks) = (load.series, load.chunks);
            meter.show(&meta.ulid, (load.series, all), meta.samples);
            let now_ms = meter.elapsed_ms();
            let due = saved_ms.is_none_or(|saved_ms: u64| now_ms >= saved_ms + SAVE_EVERY_MS);
            if let Some(state) = state.as_mut().filter(|_| due) {
                saved_ms = Some(now_ms);
                *state.block(&meta.ulid) = progress.clone();
                state.save()?;
            }
            Ok(())
        };
        let outcome = BlockImport {
            block,
            selection: &self.selection,
            destination,
            settled: &mut settled,
            load: Load::default(),
        }
        .run(series, chunks);
        progress.done = outcome.is_ok();
        if let Some(state) = &mut self.state {
            *state.block(&meta.ulid) = progress.clone();
            state.save()?;
        }
        self.meter.pass(meta.samples);
        let tally = &progress.tally;
        self.tally.merge(tally);
        match outcome {
            Ok(()) => self.say_done(&meta.ulid, tally, begun_ms, resumed),
            Err(Stop::Block(error)) => self.leave_out(Path::new(&meta.ulid), &error.to_string()),
            Err(Stop::Command(error)) => Err(error),
        }
    }

    /// The newest hours. They are read anew by each run: they are few, and Prometheus goes on.
    fn head(
        &mut self,
        found: &Found,
        destination: &mut dyn Destination,
    ) -> Result<(), CommandError> {
        let metas = found
            .blocks
            .iter()
            .filter_map(|block| block.meta.as_ref().ok());
        let in_order = metas.filter(|meta| !meta.out_of_order);
        let blocks_end = in_order.map(|meta| meta.max_time).max();
        let begun_ms = self.meter.elapsed_ms();
        let mut tally = Tally::default();
        let ended = match Head::open(&self.vfs, blocks_end.unwrap_or(i64::MIN)) {
            Err(error) => Err(error),
            Ok(mut head) => {
                let mut settled = |load: Load| {
                    tally.merge(&load.tally);
                    Ok(())
                };
                import_head(&mut head, &self.selection, destination, &mut settled)?
            }
        };
        self.tally.merge(&tally);
        match ended {
            Ok(()) => self.say_done("wal", &tally, begun_ms, false),
            Err(error) => self.leave_out(Path::new("wal"), &error.to_string()),
        }
    }

    fn say_done(
        &self,
        what: &str,
        tally: &Tally,
        begun_ms: u64,
        resumed: bool,
    ) -> Result<(), CommandError> {
        let seconds = (self.meter.elapsed_ms() - begun_ms) as f64 / 1000.0;
        let again = if resumed {
            ", of which a part before"
        } else {
            ""
        };
        self.say(&format!(
            "{what}: {} series, {} samples, refused: {}, damaged: {}; {seconds:.1} s{again}",
            tally.series,
            tally.samples(),
            tally.refused,
            tally.damaged
        ))
    }

    fn report(&self, dry: bool) -> Result<(), CommandError> {
        let mut out = std::io::stdout();
        summary::print(&self.tally, dry, &mut out)?;
        if let Some(state) = &self.state {
            writeln!(
                out,
                "what is done is noted in {}: remove it to import the same blocks anew",
                state.path().display()
            )?;
        }
        Ok(())
    }

    fn exit_code(&self) -> ExitCode {
        if self.tally.damaged > 0 || self.unread > 0 {
            ExitCode::from(DAMAGED)
        } else if self.tally.refused > 0 {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }
}
