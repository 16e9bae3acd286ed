//! `cargo xtask capture --out DIR --scrapes N --interval-ms M`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::exporters::{self, Exporter};
use super::exposition;
use super::recording::TargetRecording;

/// Two hours divide it, so the capture begins where a window begins.
const FIRST_TIME_MS: i64 = 1_699_999_200_000;
/// The scrape interval that the capture pretends, that of most Prometheus servers.
const GRID_MS: i64 = 15_000;
/// Targets are scraped apart from each other, as Prometheus spreads them over its interval.
const TARGET_OFFSET_MS: i64 = 4_217;
const FILE_NAME: &str = "capture.txt.gz";

#[derive(Debug)]
struct Options {
    out: PathBuf,
    scrapes: u32,
    interval: Duration,
}

fn options(arguments: &[String]) -> anyhow::Result<Options> {
    let mut out = None;
    let mut scrapes = 240;
    let mut interval_ms = 1_000;
    let mut arguments = arguments.iter();
    while let Some(name) = arguments.next() {
        let value = arguments
            .next()
            .with_context(|| format!("`{name}` needs a value"))?;
        match name.as_str() {
            "--out" => out = Some(PathBuf::from(value)),
            "--scrapes" => scrapes = value.parse().context("--scrapes is no number")?,
            "--interval-ms" => interval_ms = value.parse().context("--interval-ms is no number")?,
            _ => bail!("unknown option `{name}`: --out, --scrapes and --interval-ms exist"),
        }
    }
    if scrapes == 0 || interval_ms == 0 {
        bail!("--scrapes and --interval-ms are at least 1");
    }
    let out = out.context("--out DIR is needed")?;
    Ok(Options {
        out,
        scrapes,
        interval: Duration::from_millis(interval_ms),
    })
}

/// Starts the exporters, scrapes them, and writes the capture.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let options = options(arguments)?;
    std::fs::create_dir_all(&options.out)
        .with_context(|| format!("creating {}", options.out.display()))?;
    let folder = std::env::temp_dir().join(format!("tsdb-capture-{}", std::process::id()));
    std::fs::create_dir(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let outcome = record(&options, &folder);
    std::fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))?;
    write(&options.out, &outcome?)
}

fn record(options: &Options, folder: &Path) -> anyhow::Result<Vec<TargetRecording>> {
    let exporters = exporters::start_all(folder)?;
    let mut recordings: Vec<TargetRecording> = exporters
        .iter()
        .map(|exporter| TargetRecording::new(exporter.job, exporter.instance))
        .collect();
    let start = Instant::now();
    for scrape in 0..options.scrapes {
        let planned = options.interval * scrape;
        std::thread::sleep(planned.saturating_sub(start.elapsed()));
        let targets = exporters.iter().zip(&mut recordings).zip(0i64..);
        for ((exporter, recording), target) in targets {
            // How late the scraper woke is real; the work of the targets before is not jitter.
            let late = if target == 0 {
                start.elapsed().saturating_sub(planned)
            } else {
                wake()?
            };
            let grid = FIRST_TIME_MS + i64::from(scrape) * GRID_MS + target * TARGET_OFFSET_MS;
            scrape_into(exporter, recording, grid + i64::try_from(late.as_millis())?)?;
        }
    }
    Ok(recordings)
}

/// How late this machine wakes a sleeper, which is the jitter of a scrape.
fn wake() -> anyhow::Result<Duration> {
    let asked = Duration::from_millis(5);
    let before = Instant::now();
    std::thread::sleep(asked);
    before
        .elapsed()
        .checked_sub(asked)
        .context("a sleep ended early")
}

fn scrape_into(
    exporter: &Exporter,
    recording: &mut TargetRecording,
    time_ms: i64,
) -> anyhow::Result<()> {
    let before = Instant::now();
    let page = exporter
        .scrape()
        .with_context(|| format!("scraping {}", exporter.job))?;
    let took = before.elapsed().as_secs_f64();
    recording.add(time_ms, took, exposition::parse_page(&page)?);
    Ok(())
}

fn write(out: &Path, recordings: &[TargetRecording]) -> anyhow::Result<()> {
    let mut text = "tsdb-capture 1\n".to_owned();
    for recording in recordings {
        recording.write(&mut text);
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes())?;
    let bytes = encoder.finish()?;
    let path = out.join(FILE_NAME);
    std::fs::write(&path, &bytes).with_context(|| format!("writing {}", path.display()))?;
    let series: usize = recordings.iter().map(TargetRecording::series_len).sum();
    println!(
        "capture: {series} series, {} bytes in {}",
        bytes.len(),
        path.display()
    );
    Ok(())
}
