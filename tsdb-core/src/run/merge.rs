//! Making one run of several.

use super::RunError;
use super::meta::{ChunkMeta, RowKey, RunMeta};
use super::reader::RunReader;
use super::scan::SectionScan;
use super::writer::RunWriter;
use crate::bits::DecodeError;
use crate::chunk::{ChunkAppender, Encoding, MAX_CHUNK_SAMPLES, decode_into};
use crate::model::{Generation, Histogram, STALE_NAN_BITS, TimeRange, Window, winner};
use crate::series::MergedSamples;

/// Writes the samples of all `inputs` to `out` and finishes it; windows that `keep` refuses are
/// left out. A row that only one input has is copied chunk by chunk; one that several have is
/// merged sample by sample (the one order-free rule at one time) into full
/// chunks, which carry the highest epoch among those read for them. Memory: one directory page
/// and its chunks of each input.
///
/// # Errors
/// When the disk fails, an input is damaged, or its namespace or generations are not those that
/// the header of `out` names (see [`RunHeader::merged`](super::RunHeader::merged)); what was written of `out` is then useless.
pub fn merge_runs(
    inputs: &[&RunReader],
    keep: impl Fn(Window) -> bool,
    out: RunWriter,
) -> Result<RunMeta, RunError> {
    merge_visible(inputs, keep, &mut |_, _| Vec::new(), out)
}

/// As [`merge_runs`], leaving out of each input the samples at the times that `hidden` names for
/// its newest generation and a row: sorted, not overlapping.
///
/// # Errors
/// As [`merge_runs`].
pub fn merge_visible(
    inputs: &[&RunReader],
    keep: impl Fn(Window) -> bool,
    hidden: &mut dyn FnMut(Generation, RowKey) -> Vec<TimeRange>,
    mut out: RunWriter,
) -> Result<RunMeta, RunError> {
    for input in inputs.iter().map(|input| input.meta().header) {
        if input.namespace != out.header().namespace {
            return Err(RunError::refused(out.path(), "rows of another namespace"));
        }
        if input.first_generation < out.header().first_generation
            || input.last_generation > out.header().last_generation
        {
            return Err(RunError::refused(
                out.path(),
                "rows of a generation it does not name",
            ));
        }
    }
    let mut windows: Vec<Window> = Vec::new();
    for input in inputs {
        windows.extend(input.sections()?.iter().map(|section| section.window));
    }
    windows.sort_unstable();
    windows.dedup();
    for window in windows.into_iter().filter(|window| keep(*window)) {
        out.section(window)?;
        merge_window(inputs, window, hidden, &mut out)?;
    }
    out.finish()
}

fn merge_window(
    inputs: &[&RunReader],
    window: Window,
    hidden: &mut dyn FnMut(Generation, RowKey) -> Vec<TimeRange>,
    out: &mut RunWriter,
) -> Result<(), RunError> {
    let mut scans = Vec::new();
    for input in inputs {
        let found = input
            .sections()?
            .binary_search_by_key(&window, |section| section.window);
        if let Ok(at) = found {
            let mut scan = input.iter_section(at)?;
            if scan.advance()? {
                scans.push(RowScan::new(input, scan));
            }
        }
    }
    while let Some(key) = scans.iter().filter_map(|scan| scan.scan.key()).min() {
        let mut holders: Vec<&mut RowScan<'_>> = scans
            .iter_mut()
            .filter(|scan| scan.scan.key() == Some(key))
            .collect();
        for scan in &mut holders {
            scan.hidden = hidden(scan.reader.meta().header.last_generation, key);
        }
        match holders.as_mut_slice() {
            [only] if only.hidden.is_empty() => copy_row(&mut only.scan, key, out)?,
            several => merge_row(several, key, out)?,
        }
    }
    Ok(())
}

fn copy_row(scan: &mut SectionScan<'_>, key: RowKey, out: &mut RunWriter) -> Result<(), RunError> {
    while let Some((chunk, bytes)) = scan.chunk().filter(|(chunk, _)| chunk.key == key) {
        out.chunk(key, &chunk.meta, bytes)?;
        scan.advance()?;
    }
    Ok(())
}

/// A pass over an input that decodes the rows it shares with others.
#[derive(Debug)]
struct RowScan<'a> {
    reader: &'a RunReader,
    scan: SectionScan<'a>,
    timestamps: Vec<i64>,
    /// Of histograms, stale markers that hold their places.
    values: Vec<f64>,
    /// None, or one a timestamp.
    histograms: Vec<(i64, Histogram)>,
    at: usize,
    /// When samples of the present row are left out.
    hidden: Vec<TimeRange>,
}

impl<'a> RowScan<'a> {
    fn new(reader: &'a RunReader, scan: SectionScan<'a>) -> Self {
        Self {
            reader,
            scan,
            timestamps: Vec::new(),
            values: Vec::new(),
            histograms: Vec::new(),
            at: 0,
            hidden: Vec::new(),
        }
    }

    /// Takes out of the decoded samples what is hidden.
    fn hide(&mut self) {
        for range in &self.hidden {
            let from = self.timestamps.partition_point(|&t| t < range.min());
            let to = self.timestamps.partition_point(|&t| t <= range.max());
            if from < to {
                self.timestamps.drain(from..to);
                self.values.drain(from..to);
                if !self.histograms.is_empty() {
                    self.histograms.drain(from..to);
                }
            }
        }
    }

    /// The next sample of row `key`, decoding its next chunk when needed; `epoch` rises to that
    /// chunk's.
    fn peek(&mut self, key: RowKey, epoch: &mut u64) -> Result<Option<(i64, f64)>, RunError> {
        while self.at == self.timestamps.len() {
            let Some((chunk, _)) = self.scan.chunk().filter(|(chunk, _)| chunk.key == key) else {
                return Ok(None);
            };
            self.timestamps.clear();
            self.values.clear();
            self.histograms.clear();
            self.at = 0;
            self.fill(chunk.meta.encoding)
                .map_err(|error| RunError::decode(self.reader.path(), chunk.offset, error))?;
            *epoch = (*epoch).max(chunk.meta.epoch);
            self.scan.advance()?;
            self.hide();
        }
        let timestamp = self.timestamps.get(self.at).copied();
        Ok(timestamp.zip(self.values.get(self.at).copied()))
    }

    fn fill(&mut self, encoding: Encoding) -> Result<(), DecodeError> {
        let bytes = self.scan.chunk().map_or(&[][..], |(_, bytes)| bytes);
        if encoding == Encoding::Xor {
            return decode_into(bytes, &mut self.timestamps, &mut self.values);
        }
        let mut found = MergedSamples::default();
        found.push_chunk(encoding, bytes)?;
        self.histograms = found.histograms;
        self.timestamps
            .extend(self.histograms.iter().map(|one| one.0));
        let placeholder = f64::from_bits(STALE_NAN_BITS);
        self.values.resize(self.timestamps.len(), placeholder);
        Ok(())
    }

    /// The histogram at `time`, if that is what it stands on.
    fn histogram_at(&self, time: i64) -> Option<&(i64, Histogram)> {
        self.histograms.get(self.at).filter(|one| one.0 == time)
    }

    /// Hands over the decoded samples before `end`.
    fn drain(
        &mut self,
        end: i64,
        mut push: impl FnMut(i64, f64) -> Result<(), RunError>,
    ) -> Result<(), RunError> {
        if !self.histograms.is_empty() {
            return Ok(());
        }
        let timestamps = self.timestamps.get(self.at..).unwrap_or_default();
        let values = self.values.get(self.at..).unwrap_or_default();
        for (time, value) in timestamps.iter().zip(values).take_while(|row| *row.0 < end) {
            push(*time, *value)?;
            self.at += 1;
        }
        Ok(())
    }
}

fn merge_row(
    scans: &mut [&mut RowScan<'_>],
    key: RowKey,
    out: &mut RunWriter,
) -> Result<(), RunError> {
    let mut chunk = RowChunk::default();
    let mut epoch = 0;
    loop {
        // The earliest sample, where it is if only one input has it, and the earliest time of the
        // others.
        let mut earliest: Option<(i64, f64)> = None;
        let mut only = None;
        let mut others = i64::MAX;
        for (at, scan) in scans.iter_mut().enumerate() {
            let Some((time, value)) = scan.peek(key, &mut epoch)? else {
                continue;
            };
            match earliest {
                Some((first, _)) if time > first => others = others.min(time),
                Some((first, old)) if time == first => {
                    earliest = Some((first, winner(old, value)));
                    only = None;
                }
                before => {
                    others = others.min(before.map_or(i64::MAX, |(first, _)| first));
                    earliest = Some((time, value));
                    only = Some(at);
                }
            }
        }
        let Some((time, value)) = earliest else { break };
        let histograms = scans.iter().filter_map(|scan| scan.histogram_at(time));
        let histograms: Vec<_> = histograms.cloned().collect();
        if histograms.is_empty() {
            chunk.push(time, value, key, epoch, out)?;
        } else {
            let mut sample = MergedSamples {
                timestamps: vec![time],
                values: vec![value],
                histograms,
            };
            sample.settle();
            chunk.push_settled(sample, key, epoch, out)?;
        }
        for scan in scans.iter_mut() {
            if scan.timestamps.get(scan.at) == Some(&time) {
                scan.at += 1;
            }
        }
        if let Some(scan) = only.and_then(|at| scans.get_mut(at)) {
            scan.drain(others, |time, value| {
                chunk.push(time, value, key, epoch, out)
            })?;
        }
    }
    chunk.write(key, epoch, out)
}

/// The chunk of a merged row that is being filled.
#[derive(Debug, Default)]
struct RowChunk {
    appender: ChunkAppender,
    bits: Vec<u8>,
    min_time: i64,
    /// The histograms of a chunk of these; there are no floats then.
    histograms: MergedSamples,
}

impl RowChunk {
    /// Adds a sample, writing the chunk before it first if that is full.
    #[inline]
    fn push(
        &mut self,
        time: i64,
        value: f64,
        key: RowKey,
        epoch: u64,
        out: &mut RunWriter,
    ) -> Result<(), RunError> {
        if self.appender.is_full() || !self.histograms.is_empty() {
            self.write(key, epoch, out)?;
        }
        if self.appender.count() == 0 {
            self.min_time = time;
        }
        self.appender.push(&mut self.bits, time, value);
        Ok(())
    }

    /// Adds the one sample that is left at a time at which there is a histogram.
    fn push_settled(
        &mut self,
        sample: MergedSamples,
        key: RowKey,
        epoch: u64,
        out: &mut RunWriter,
    ) -> Result<(), RunError> {
        if let (Some(&time), Some(&value)) = (sample.timestamps.first(), sample.values.first()) {
            return self.push(time, value, key, epoch, out);
        }
        if self.appender.count() > 0 || self.histograms.len() >= MAX_CHUNK_SAMPLES {
            self.write(key, epoch, out)?;
        }
        self.histograms.histograms.extend(sample.histograms);
        Ok(())
    }

    /// Writes what it holds, if anything, and empties it.
    fn write(&mut self, key: RowKey, epoch: u64, out: &mut RunWriter) -> Result<(), RunError> {
        for part in std::mem::take(&mut self.histograms).histogram_parts() {
            let meta = ChunkMeta {
                encoding: part.encoding,
                min_time: part.min,
                max_time: part.max,
                count: u16::try_from(part.count).unwrap_or(u16::MAX),
                epoch,
            };
            out.chunk(key, &meta, &part.bytes)?;
        }
        let Some(max_time) = self.appender.last_timestamp() else {
            return Ok(());
        };
        let meta = ChunkMeta {
            encoding: Encoding::Xor,
            min_time: self.min_time,
            max_time,
            count: self.appender.count(),
            epoch,
        };
        out.chunk(key, &meta, &self.appender.finish(&self.bits))?;
        self.appender = ChunkAppender::new();
        self.bits.clear();
        Ok(())
    }
}
