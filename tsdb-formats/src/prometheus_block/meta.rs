//! The file `meta.json`: what a block says of itself.

use std::path::Path;

use serde_json::Value;
use tsdb_core::vfs::Vfs;

use super::error::BlockError;
use super::window::Source;

/// The only version.
const VERSION: u64 = 1;
/// Longest file in bytes.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// What a block says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockMeta {
    /// Its name, 26 digits and letters.
    pub ulid: String,
    /// Its first time, milliseconds since the epoch.
    pub min_time: i64,
    /// The time behind its last one.
    pub max_time: i64,
    /// How many samples it has.
    pub samples: u64,
    /// How many of them are native histograms, where it says so.
    pub histograms: u64,
    /// How many series it has.
    pub series: u64,
    /// How many chunks it has.
    pub chunks: u64,
    /// How often it was compacted, from 1.
    pub level: u64,
    /// Milliseconds between samples of a block that was thinned out by Thanos; 0 for all others.
    pub resolution: u64,
}

impl BlockMeta {
    /// Reads the file.
    ///
    /// # Errors
    /// When it cannot be read, is no JSON, or lacks what every block says.
    pub fn open(vfs: &dyn Vfs, path: &Path) -> Result<Self, BlockError> {
        let source = Source::open(vfs, path)?;
        if source.len > FILE_BYTES_MAX {
            let why = format!(
                "{} bytes are more than the {FILE_BYTES_MAX} that are read",
                source.len
            );
            return Err(source.damaged(0, why));
        }
        let mut bytes = vec![0; usize::try_from(source.len).unwrap_or(0)];
        source.read(&mut bytes, 0)?;
        let json: Value = serde_json::from_slice(&bytes).map_err(|error| {
            let lines = bytes.split_inclusive(|byte| *byte == b'\n');
            let before: usize = lines
                .take(error.line().saturating_sub(1))
                .map(<[u8]>::len)
                .sum();
            let offset = before.saturating_add(error.column().saturating_sub(1));
            source.damaged(offset as u64, format!("no JSON: {error}"))
        })?;
        Self::of(&json).map_err(|why| source.damaged(0, why))
    }

    fn of(json: &Value) -> Result<Self, String> {
        let version = json.get("version").and_then(Value::as_u64);
        if version != Some(VERSION) {
            let said = json.get("version").unwrap_or(&Value::Null);
            return Err(format!(
                "version {said} of a block: this version reads {VERSION}"
            ));
        }
        let time = |name: &str| {
            let time = json.get(name).and_then(Value::as_i64);
            time.ok_or_else(|| format!("{name} is no number of milliseconds"))
        };
        let number = |pointer| json.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
        let ulid = json.get("ulid").and_then(Value::as_str);
        let ulid = ulid.filter(|ulid| is_ulid(ulid));
        let meta = Self {
            ulid: ulid.ok_or("ulid is none")?.to_owned(),
            min_time: time("minTime")?,
            max_time: time("maxTime")?,
            samples: number("/stats/numSamples"),
            histograms: number("/stats/numHistogramSamples"),
            series: number("/stats/numSeries"),
            chunks: number("/stats/numChunks"),
            level: number("/compaction/level"),
            resolution: number("/thanos/downsample/resolution"),
        };
        if meta.max_time < meta.min_time {
            return Err("maxTime lies before minTime".to_owned());
        }
        Ok(meta)
    }
}

/// Whether a text names a block: 26 digits and capital letters.
pub(super) fn is_ulid(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
    text.len() == 26 && text.bytes().all(known)
}
