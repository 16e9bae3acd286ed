//! Reads the capture that `cargo xtask capture` writes.
//!
//! The file is text under gzip: a line `tsdb-capture 1`, then for each target `target LABELS`,
//! `times T0 D1 D2 ..` (the first in milliseconds since the epoch, then differences) and for each
//! series `series NAME{LABELS}` over a line of values, in which `=N` repeats the value before N
//! times and `!N` means N scrapes without the series.

use std::io::Read as _;

use flate2::read::GzDecoder;

/// The capture of this repository, compressed.
const COMMITTED: &[u8] = include_bytes!("../data/capture.txt.gz");
/// Most bytes that a capture may unpack to.
const TEXT_BYTES_MAX: u64 = 64 << 20;
/// Most scrapes of a capture, so that a repeat count cannot ask for any amount of memory.
const SCRAPES_MAX: usize = 100_000;

/// The scrapes of some real exporters.
#[derive(Debug, Clone, PartialEq)]
pub struct Capture {
    /// One for each exporter, all with the same number of scrapes.
    pub targets: Vec<CapturedTarget>,
}

/// The scrapes of one exporter.
#[derive(Debug, Clone, PartialEq)]
pub struct CapturedTarget {
    /// Labels that Prometheus attaches to each of its series: `job` and `instance`.
    pub labels: Vec<(String, String)>,
    /// When each scrape happened, in milliseconds since the epoch.
    pub times: Vec<i64>,
    /// Its series in the order of their text.
    pub series: Vec<CapturedSeries>,
}

/// One series of an exporter.
#[derive(Debug, Clone, PartialEq)]
pub struct CapturedSeries {
    /// Its labels, `__name__` first, without those of the target.
    pub labels: Vec<(String, String)>,
    /// One value for each scrape, `None` where the exporter did not write the series.
    pub values: Vec<Option<f64>>,
}

/// Why a capture could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The compressed bytes are broken.
    #[error("capture does not unpack")]
    Unpack(#[source] std::io::Error),
    /// The text is not a capture.
    #[error("capture line {line}: {what}")]
    Malformed {
        /// Counted from 1.
        line: usize,
        /// What was expected.
        what: &'static str,
    },
}

impl Capture {
    /// Reads the capture that lies in the repository.
    ///
    /// # Errors
    /// When the committed file is broken.
    pub fn load() -> Result<Self, CaptureError> {
        Self::from_gzip(COMMITTED)
    }

    /// Reads any capture.
    ///
    /// # Errors
    /// When the bytes do not unpack or are no capture.
    pub fn from_gzip(bytes: &[u8]) -> Result<Self, CaptureError> {
        let mut text = String::new();
        GzDecoder::new(bytes)
            .take(TEXT_BYTES_MAX)
            .read_to_string(&mut text)
            .map_err(CaptureError::Unpack)?;
        parse(&text)
    }

    /// Series of all targets.
    #[must_use]
    pub fn series_len(&self) -> usize {
        self.targets.iter().map(|target| target.series.len()).sum()
    }

    /// Scrapes of each target.
    #[must_use]
    pub fn scrapes_len(&self) -> usize {
        self.targets.first().map_or(0, |target| target.times.len())
    }
}

fn parse(text: &str) -> Result<Capture, CaptureError> {
    let mut lines = text
        .lines()
        .enumerate()
        .map(|(number, line)| (number + 1, line));
    let malformed = |line, what| CaptureError::Malformed { line, what };
    if lines.next().map(|(_, line)| line) != Some("tsdb-capture 1") {
        return Err(malformed(1, "not a capture of version 1"));
    }
    let mut targets: Vec<CapturedTarget> = Vec::new();
    while let Some((line, text)) = lines.next() {
        let (_, below) = lines
            .next()
            .ok_or_else(|| malformed(line, "ends behind a heading"))?;
        if let Some(labels) = text.strip_prefix("target ") {
            let labels =
                parse_labels(labels).ok_or_else(|| malformed(line, "labels do not parse"))?;
            let times =
                parse_times(below).ok_or_else(|| malformed(line + 1, "times do not parse"))?;
            if targets
                .first()
                .is_some_and(|first| first.times.len() != times.len())
            {
                return Err(malformed(
                    line + 1,
                    "targets differ in their number of scrapes",
                ));
            }
            targets.push(CapturedTarget {
                labels,
                times,
                series: Vec::new(),
            });
        } else if let Some(series) = text.strip_prefix("series ") {
            let target = targets
                .last_mut()
                .ok_or_else(|| malformed(line, "series before a target"))?;
            let labels =
                parse_series(series).ok_or_else(|| malformed(line, "series does not parse"))?;
            let values = parse_values(below, target.times.len())
                .ok_or_else(|| malformed(line + 1, "values do not parse"))?;
            target.series.push(CapturedSeries { labels, values });
        } else {
            return Err(malformed(line, "neither a target nor a series"));
        }
    }
    Ok(Capture { targets })
}

fn parse_times(line: &str) -> Option<Vec<i64>> {
    let mut time = 0i64;
    let times = line.strip_prefix("times ")?.split(' ').map(|field| {
        time = time.checked_add(field.parse().ok()?)?;
        Some(time)
    });
    times
        .collect::<Option<Vec<i64>>>()
        .filter(|times| times.len() <= SCRAPES_MAX)
}

fn parse_values(line: &str, scrapes: usize) -> Option<Vec<Option<f64>>> {
    let mut values: Vec<Option<f64>> = Vec::with_capacity(scrapes);
    let mut last = None;
    for field in line.split(' ') {
        let (value, count) = if let Some(count) = field.strip_prefix('=') {
            (Some(last?), count.parse().ok()?)
        } else if let Some(count) = field.strip_prefix('!') {
            (None, count.parse().ok()?)
        } else {
            last = Some(parse_value(field)?);
            (last, 1)
        };
        let free = scrapes.checked_sub(values.len())?;
        if count > free {
            return None;
        }
        values.extend(std::iter::repeat_n(value, count));
    }
    (values.len() == scrapes).then_some(values)
}

/// A number; what Prometheus makes of the text `NaN` has one more bit than Rust's.
fn parse_value(field: &str) -> Option<f64> {
    const PROMETHEUS_NAN_BITS: u64 = 0x7ff8_0000_0000_0001;
    match field {
        "NaN" => Some(f64::from_bits(PROMETHEUS_NAN_BITS)),
        _ => field.parse().ok(),
    }
}

type LabelPairs = Vec<(String, String)>;

/// `name` or `name{a="b",c="d"}`, with the name as the label `__name__`.
fn parse_series(text: &str) -> Option<LabelPairs> {
    let (name, rest) = text.split_at_checked(text.find('{').unwrap_or(text.len()))?;
    let mut labels = vec![("__name__".to_owned(), name.to_owned())];
    if !rest.is_empty() {
        labels.extend(parse_labels(rest.strip_prefix('{')?.strip_suffix('}')?)?);
    }
    Some(labels)
}

/// `a="b",c="d"` with the escapes of the exposition format.
fn parse_labels(text: &str) -> Option<LabelPairs> {
    let mut labels = Vec::new();
    let mut rest = text.trim_end_matches(',');
    while !rest.is_empty() {
        let (name, quoted) = rest.split_once("=\"")?;
        let (value, behind) = parse_quoted(quoted)?;
        labels.push((name.to_owned(), value));
        rest = behind.strip_prefix(',').unwrap_or(behind);
        if rest.len() == behind.len() && !rest.is_empty() {
            return None;
        }
    }
    Some(labels)
}

/// The unescaped text up to the closing quote, and what stands behind it.
fn parse_quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.chars();
    loop {
        match characters.next()? {
            '"' => return Some((value, characters.as_str())),
            '\\' => value.push(match characters.next()? {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
}
