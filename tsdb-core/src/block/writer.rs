use std::path::{Path, PathBuf};

use super::BlockError;
use super::group_builder::GroupBuilder;
use super::group_index::{GroupSummary, encode_group_index};
use super::layout::{encode_footer, encode_header, encode_trailer};
use super::meta::{BlockHeader, BlockMeta, Footer, Sealing, Span};
use crate::bits::{crc32c, put_u32};
use crate::index::IndexWriter;
use crate::model::{Labels, RowKey, STALE_NAN_BITS, SeriesId};
use crate::page::PageEncoder;
use crate::series::{MergedSamples, SampleRef};
use crate::vfs::{File, write_all_at};

/// What is gathered before it is written.
const BUFFER_BYTES: usize = 256 << 10;
/// A row has no more samples, so that the pages of a group are counted in four bytes.
pub const ROW_SAMPLES_MAX: usize = 1 << 24;

/// Writes a block from front to back. Memory: one group of rows (a mebibyte and one row), what
/// the index of labels needs, and 72 bytes for each group.
#[derive(Debug)]
pub struct BlockWriter {
    file: Box<dyn File>,
    path: PathBuf,
    buffer: Vec<u8>,
    written: u64,
    meta: BlockMeta,
    sealing: Sealing,
    encoder: PageEncoder,
    labels: IndexWriter,
    group: Option<GroupBuilder>,
    groups: Vec<GroupSummary>,
    last: Option<RowKey>,
    synced: bool,
}

impl BlockWriter {
    /// Begins a block in an empty file. `path` is for errors only.
    ///
    /// # Errors
    /// When the generations or the window of `header` are out of order.
    pub fn create(
        path: &Path,
        file: Box<dyn File>,
        header: BlockHeader,
        sealing: Sealing,
    ) -> Result<Self, BlockError> {
        if header.first_generation > header.last_generation {
            return Err(BlockError::refused(path, "generations out of order"));
        }
        if header.window.start > header.window.last {
            return Err(BlockError::refused(path, "a window that holds no time"));
        }
        let meta = BlockMeta {
            header,
            bytes: 0,
            dense: matches!(sealing, Sealing::Dense(_)),
            histograms: false,
            min_time: i64::MAX,
            max_time: i64::MIN,
            first_series: SeriesId(u64::MAX),
            last_series: SeriesId(0),
            rows: 0,
            samples: 0,
            row_samples_max: 0,
        };
        Ok(Self {
            file,
            path: path.to_owned(),
            buffer: encode_header(&header),
            written: 0,
            meta,
            sealing,
            encoder: PageEncoder::new(),
            labels: IndexWriter::new(),
            group: None,
            groups: Vec::new(),
            last: None,
            synced: true,
        })
    }

    /// The broken order, for tests: [`BlockWriter::finish`] will not sync the file.
    #[doc(hidden)]
    #[must_use]
    pub fn unsynced(self) -> Self {
        Self {
            synced: false,
            ..self
        }
    }

    /// Bytes held in memory: what waits to be written, a group, and the index of labels.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.buffer.capacity()
            + self.labels.heap_bytes()
            + self.groups.capacity() * size_of::<GroupSummary>()
            + self.group.as_ref().map_or(0, GroupBuilder::heap_bytes)
    }

    /// Adds a row: rows in order, timestamps rising and inside the window, a value each.
    ///
    /// # Errors
    /// When one of these rules is broken, the row is longer than a block can hold, or the disk
    /// fails.
    pub fn row(
        &mut self,
        key: RowKey,
        labels: &Labels,
        timestamps: &[i64],
        values: &[f64],
    ) -> Result<(), BlockError> {
        let (min, max) = self
            .check(key, timestamps, values)
            .map_err(|what| BlockError::refused(&self.path, what))?;
        if self
            .group
            .as_ref()
            .is_some_and(|group| group.is_full_for(key))
        {
            self.close_group()?;
        }
        let row = self.meta.rows;
        let group = self
            .group
            .get_or_insert_with(|| GroupBuilder::new(key, row));
        let sealing = (&mut self.encoder, &self.sealing);
        group.push(key, self.meta.header.window, (timestamps, values), sealing);
        self.labels.add(row, labels);
        let meta = &mut self.meta;
        meta.min_time = meta.min_time.min(min);
        meta.max_time = meta.max_time.max(max);
        meta.first_series = meta.first_series.min(key.series);
        meta.last_series = meta.last_series.max(key.series);
        meta.rows += 1;
        meta.samples += timestamps.len() as u64;
        meta.row_samples_max = meta.row_samples_max.max(timestamps.len() as u64);
        self.last = Some(key);
        Ok(())
    }

    /// Adds a row of floats and histograms: rows in order, all samples inside the window.
    ///
    /// # Errors
    /// As [`BlockWriter::row`].
    pub fn samples(
        &mut self,
        key: RowKey,
        labels: &Labels,
        samples: &MergedSamples,
    ) -> Result<(), BlockError> {
        if samples.histograms.is_empty() {
            return self.row(key, labels, &samples.timestamps, &samples.values);
        }
        let (mut timestamps, mut values) = (Vec::new(), Vec::new());
        for sample in samples.samples() {
            timestamps.push(sample.timestamp());
            values.push(match sample {
                SampleRef::Float(float) => float.value,
                SampleRef::Histogram(..) => f64::from_bits(STALE_NAN_BITS),
            });
        }
        self.row(key, labels, &timestamps, &values)?;
        self.meta.histograms = true;
        if let Some(group) = &mut self.group {
            group.push_histograms(&samples.histogram_parts());
        }
        Ok(())
    }

    fn check(
        &self,
        key: RowKey,
        timestamps: &[i64],
        values: &[f64],
    ) -> Result<(i64, i64), &'static str> {
        if self.last.is_some_and(|last| last >= key) {
            return Err("rows out of order");
        }
        if self.meta.rows == u32::MAX {
            return Err("more rows than a block can hold");
        }
        let (Some(&min), Some(&max)) = (timestamps.first(), timestamps.last()) else {
            return Err("a row without samples");
        };
        if timestamps.len() != values.len() {
            return Err("timestamps and values of different number");
        }
        if timestamps.len() > ROW_SAMPLES_MAX {
            return Err("a row of more samples than a block can hold");
        }
        if !timestamps.is_sorted_by(|a, b| a < b) {
            return Err("timestamps that do not rise");
        }
        let window = self.meta.header.window;
        if min < window.start || max > window.last {
            return Err("times of a row outside the window");
        }
        Ok((min, max))
    }

    fn close_group(&mut self) -> Result<(), BlockError> {
        if let Some(group) = self.group.take() {
            let offset = self.offset();
            self.groups.push(group.finish(offset, &mut self.buffer));
        }
        if self.buffer.len() >= BUFFER_BYTES {
            self.write()?;
        }
        Ok(())
    }

    /// Writes tables, indexes and footer and syncs the file; its name is the caller's to publish.
    /// None if there was no row: the file is then useless.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn finish(mut self) -> Result<Option<BlockMeta>, BlockError> {
        if self.meta.rows == 0 {
            return Ok(None);
        }
        self.close_group()?;
        let mut tables = Vec::new();
        if let Sealing::Dense(trained) = &self.sealing {
            trained.encode(&mut tables);
        }
        let crc = crc32c(&tables);
        put_u32(&mut tables, crc);
        let tables = self.place(tables);
        let index = encode_group_index(&self.groups);
        let group_index = self.place(index);
        self.write()?;
        let offset = self.offset();
        let labels = std::mem::take(&mut self.labels);
        labels.finish(&mut self.buffer);
        let footer_offset = self.offset();
        let footer = Footer {
            meta: self.meta,
            tables,
            group_index,
            labels: Span {
                offset,
                len: footer_offset - offset,
            },
        };
        self.buffer.extend(encode_footer(&footer));
        self.buffer.extend(encode_trailer(footer_offset));
        self.write()?;
        self.meta.bytes = self.written;
        if self.synced {
            let synced = self.file.sync();
            synced.map_err(|source| BlockError::io(&self.path, "sync", self.written, source))?;
        }
        Ok(Some(self.meta))
    }

    fn place(&mut self, bytes: Vec<u8>) -> Span {
        let span = Span {
            offset: self.offset(),
            len: bytes.len() as u64,
        };
        self.buffer.extend(bytes);
        span
    }

    /// Where the next byte will stand.
    fn offset(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    fn write(&mut self) -> Result<(), BlockError> {
        write_all_at(&*self.file, &self.buffer, self.written)
            .map_err(|source| BlockError::io(&self.path, "write", self.written, source))?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}
