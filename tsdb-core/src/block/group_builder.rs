//! A group of rows while it is being written.

use std::hash::BuildHasher;

use hashbrown::DefaultHashBuilder;

use super::cells::cut;
use super::group::{CODE_AGAIN, CODE_AGAIN_TIMES, CODE_BACK, CODE_NEW, TimestampPage};
use super::group_index::GroupSummary;
use super::histograms::HistogramPartBuilder;
use super::layout::{CHECKED_BYTES, GROUP_DATA_BYTES, GROUP_DIRECTORY_BYTES, GROUP_ROWS_MAX};
use super::meta::Sealing;
use crate::bits::{crc32c, put_ivarint, put_u32, put_uvarint};
use crate::model::{HashTable, RowKey, Window};
use crate::page::{PageEncoder, PageStatistics, encode_timestamps};
use crate::series::ChunkPart;

/// Columns that are remembered with their timestamps: as many targets may be scraped in turns.
const RECENT_COLUMNS: usize = 8;

/// A column with the timestamps it was made of, and where these are cut.
#[derive(Debug)]
struct Recent {
    number: usize,
    timestamps: Vec<i64>,
    ends: Vec<usize>,
}

/// A distinct page of values.
#[derive(Clone, Copy, Debug)]
struct ValuePage {
    offset: u32,
    len: u32,
    /// How many samples it stands for; of a constant page any number, which is 0.
    samples: u32,
}

/// Pages and directory of the group that is being written.
#[derive(Debug)]
pub(super) struct GroupBuilder {
    first: RowKey,
    last: RowKey,
    first_row: u32,
    rows: u32,
    min_time: i64,
    max_time: i64,
    timestamp_bytes: Vec<u8>,
    value_bytes: Vec<u8>,
    statistics: Vec<u8>,
    timestamps: Vec<TimestampPage>,
    known_timestamps: HashTable<usize>,
    columns: Vec<Vec<usize>>,
    known_columns: HashTable<usize>,
    recent: Vec<Recent>,
    values: Vec<ValuePage>,
    known_values: HashTable<usize>,
    hasher: DefaultHashBuilder,
    last_column: i64,
    entries: Vec<u8>,
    codes: Codes,
    histograms: HistogramPartBuilder,
}

/// The page codes of one row, repetitions counted before they are written.
#[derive(Debug, Default)]
struct Codes {
    current: Option<usize>,
    again: u64,
}

impl Codes {
    fn flush(&mut self, out: &mut Vec<u8>) {
        match std::mem::take(&mut self.again) {
            0 => {}
            1 => put_uvarint(out, CODE_AGAIN),
            again => {
                put_uvarint(out, CODE_AGAIN_TIMES);
                put_uvarint(out, again);
            }
        }
    }
}

impl GroupBuilder {
    pub(super) fn new(first: RowKey, first_row: u32) -> Self {
        Self {
            first,
            last: first,
            first_row,
            rows: 0,
            min_time: i64::MAX,
            max_time: i64::MIN,
            timestamp_bytes: Vec::new(),
            value_bytes: Vec::new(),
            statistics: Vec::new(),
            timestamps: Vec::new(),
            known_timestamps: HashTable::new(),
            columns: Vec::new(),
            known_columns: HashTable::new(),
            recent: Vec::new(),
            values: Vec::new(),
            known_values: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            last_column: 0,
            entries: Vec::new(),
            codes: Codes::default(),
            histograms: HistogramPartBuilder::default(),
        }
    }

    /// Whether the row `key` belongs to the next group.
    pub(super) fn is_full_for(&self, key: RowKey) -> bool {
        self.first.shard != key.shard
            || self.rows as usize >= GROUP_ROWS_MAX
            || self.data_len() >= GROUP_DATA_BYTES
            || self.entries.len() >= GROUP_DIRECTORY_BYTES
    }

    /// Bytes held in memory.
    pub(super) fn heap_bytes(&self) -> usize {
        let recent = self.recent.iter().map(|one| one.timestamps.capacity());
        let columns = self.columns.iter().map(Vec::capacity);
        self.data_len()
            + self.statistics.capacity()
            + self.entries.capacity()
            + self.timestamps.capacity() * size_of::<TimestampPage>()
            + self.values.capacity() * size_of::<ValuePage>()
            + (recent.sum::<usize>() + columns.sum::<usize>()) * size_of::<u64>()
    }

    fn data_len(&self) -> usize {
        self.value_bytes.len() + self.timestamp_bytes.len() + self.histograms.len()
    }

    /// Adds the histograms of the row added last, whose places stale markers hold.
    pub(super) fn push_histograms(&mut self, parts: &[ChunkPart]) {
        self.histograms.push(self.rows.saturating_sub(1), parts);
    }

    /// Adds a row: its timestamps rise, lie in `window`, and have one value each.
    pub(super) fn push(
        &mut self,
        key: RowKey,
        window: Window,
        (timestamps, values): (&[i64], &[f64]),
        sealing: (&mut PageEncoder, &Sealing),
    ) {
        let recent = self.column(timestamps, window);
        let Some(column) = self.recent.get(recent) else {
            return;
        };
        let (number, ends) = (column.number, column.ends.clone());
        put_uvarint(&mut self.entries, key.series.0 - self.last.series.0);
        let at = i64::try_from(number).unwrap_or(i64::MAX);
        put_ivarint(&mut self.entries, at - self.last_column);
        self.last_column = at;
        self.codes = Codes::default();
        let (encoder, sealing) = sealing;
        let mut from = 0;
        for end in ends {
            self.push_page(values.get(from..end).unwrap_or_default(), encoder, sealing);
            from = end;
        }
        self.codes.flush(&mut self.entries);
        let (first, last) = (timestamps.first(), timestamps.last());
        self.min_time = self.min_time.min(first.copied().unwrap_or(i64::MAX));
        self.max_time = self.max_time.max(last.copied().unwrap_or(i64::MIN));
        self.last = key;
        self.rows += 1;
    }

    /// The column of these timestamps, as a place among the recent ones.
    fn column(&mut self, timestamps: &[i64], window: Window) -> usize {
        let same = |recent: &Recent| recent.timestamps == timestamps;
        if let Some(found) = self.recent.iter().position(same) {
            return found;
        }
        let mut ends = Vec::new();
        cut(timestamps, window, &mut ends);
        let (mut pages, mut from) = (Vec::with_capacity(ends.len()), 0);
        for &end in &ends {
            pages.push(self.timestamp_page(timestamps.get(from..end).unwrap_or_default()));
            from = end;
        }
        // As when the table grows: an option of it.
        let hash = self.hasher.hash_one(Some(&pages));
        let (columns, hasher) = (&mut self.columns, &self.hasher);
        let known = self.known_columns.entry(
            hash,
            |&at| columns.get(at) == Some(&pages),
            |&at| hasher.hash_one(columns.get(at)),
        );
        let number = *known.or_insert(columns.len()).get();
        if number == columns.len() {
            columns.push(pages);
        }
        let recent = Recent {
            number,
            timestamps: timestamps.to_vec(),
            ends,
        };
        if self.recent.len() < RECENT_COLUMNS {
            self.recent.push(recent);
            return self.recent.len() - 1;
        }
        // The one that was remembered longest ago makes room.
        self.recent.remove(0);
        self.recent.push(recent);
        self.recent.len() - 1
    }

    fn timestamp_page(&mut self, timestamps: &[i64]) -> usize {
        let begin = self.timestamp_bytes.len();
        encode_timestamps(timestamps, &mut self.timestamp_bytes);
        let page = TimestampPage {
            offset: narrow(begin),
            len: narrow(self.timestamp_bytes.len() - begin),
            samples: narrow(timestamps.len()),
            min: timestamps.first().copied().unwrap_or_default(),
            max: timestamps.last().copied().unwrap_or_default(),
        };
        let bytes = &self.timestamp_bytes;
        let content = |page: &TimestampPage| {
            let from = page.offset as usize;
            (
                page.min,
                page.samples,
                bytes.get(from..from + page.len as usize),
            )
        };
        let (pages, hasher) = (&self.timestamps, &self.hasher);
        let known = self.known_timestamps.entry(
            hasher.hash_one(Some(content(&page))),
            |&at| pages.get(at).map(content) == Some(content(&page)),
            |&at| hasher.hash_one(pages.get(at).map(content)),
        );
        let number = *known.or_insert(pages.len()).get();
        if number == self.timestamps.len() {
            self.timestamps.push(page);
        } else {
            self.timestamp_bytes.truncate(begin);
        }
        number
    }

    fn push_page(&mut self, values: &[f64], encoder: &mut PageEncoder, sealing: &Sealing) {
        let begin = self.value_bytes.len();
        match sealing {
            Sealing::Fresh => encoder.encode_fresh(values, &mut self.value_bytes),
            Sealing::Dense(tables) => encoder.encode_dense(values, tables, &mut self.value_bytes),
        }
        let constant = is_constant(values);
        let page = ValuePage {
            offset: narrow(begin),
            len: narrow(self.value_bytes.len() - begin),
            samples: if constant { 0 } else { narrow(values.len()) },
        };
        let bytes = &self.value_bytes;
        let content = |page: &ValuePage| {
            let from = page.offset as usize;
            (page.samples, bytes.get(from..from + page.len as usize))
        };
        let (pages, hasher) = (&self.values, &self.hasher);
        let known = self.known_values.entry(
            hasher.hash_one(Some(content(&page))),
            |&at| pages.get(at).map(content) == Some(content(&page)),
            |&at| hasher.hash_one(pages.get(at).map(content)),
        );
        let number = *known.or_insert(pages.len()).get();
        let new = number == self.values.len();
        if new {
            self.values.push(page);
            self.describe(values, constant);
        } else {
            self.value_bytes.truncate(begin);
        }
        if self.codes.current == Some(number) {
            self.codes.again += 1;
            return;
        }
        self.codes.flush(&mut self.entries);
        self.codes.current = Some(number);
        if new {
            put_uvarint(&mut self.entries, CODE_NEW + u64::from(page.len));
        } else {
            put_uvarint(&mut self.entries, CODE_BACK);
            put_uvarint(&mut self.entries, (self.values.len() - 1 - number) as u64);
        }
    }

    /// Statistics of a distinct page; of a constant one its value and length say it all.
    fn describe(&mut self, values: &[f64], constant: bool) {
        if constant {
            self.statistics.push(0);
            return;
        }
        let mut encoded = Vec::new();
        PageStatistics::of(values).encode(&mut encoded);
        put_uvarint(&mut self.statistics, encoded.len() as u64);
        self.statistics.extend_from_slice(&encoded);
    }

    /// Appends the group to what goes to the file, which stands at `offset`.
    pub(super) fn finish(mut self, offset: u64, out: &mut Vec<u8>) -> GroupSummary {
        let begin = out.len();
        out.append(&mut self.timestamp_bytes);
        let timestamps_len = out.len() - begin;
        out.append(&mut self.value_bytes);
        let pages_end = out.len();
        let mut directory = Vec::new();
        for piece in out.get(begin..).unwrap_or_default().chunks(CHECKED_BYTES) {
            put_u32(&mut directory, crc32c(piece));
        }
        self.put_timestamps(&mut directory);
        self.put_columns(&mut directory);
        directory.append(&mut self.entries);
        let crc = crc32c(&directory);
        put_u32(&mut directory, crc);
        let crc = crc32c(&self.statistics);
        put_u32(&mut self.statistics, crc);
        let summary = GroupSummary {
            first: self.first,
            last: self.last,
            first_row: self.first_row,
            rows: self.rows,
            min_time: self.min_time,
            max_time: self.max_time,
            offset,
            timestamps_len: narrow(timestamps_len),
            values_len: narrow(pages_end - begin - timestamps_len),
            statistics_len: narrow(self.statistics.len()),
            directory_len: narrow(directory.len()),
            histograms_len: 0,
        };
        out.append(&mut self.statistics);
        out.append(&mut directory);
        self.histograms.finish(out);
        summary
    }

    fn put_timestamps(&self, out: &mut Vec<u8>) {
        put_uvarint(out, self.timestamps.len() as u64);
        let mut before = self.min_time;
        for page in &self.timestamps {
            put_uvarint(out, u64::from(page.len));
            put_uvarint(out, u64::from(page.samples));
            put_ivarint(out, page.min.wrapping_sub(before));
            put_uvarint(out, page.max.wrapping_sub(page.min).cast_unsigned());
            before = page.min;
        }
    }

    fn put_columns(&self, out: &mut Vec<u8>) {
        put_uvarint(out, self.columns.len() as u64);
        for column in &self.columns {
            let runs = || column.chunk_by(|a, b| a + 1 == *b);
            put_uvarint(out, runs().count() as u64);
            let mut end = 0;
            for run in runs() {
                let start = run.first().copied().unwrap_or_default();
                let start = i64::try_from(start).unwrap_or(i64::MAX);
                put_ivarint(out, start - end);
                put_uvarint(out, run.len() as u64 - 1);
                end = start + i64::try_from(run.len()).unwrap_or(i64::MAX);
            }
        }
    }
}

fn is_constant(values: &[f64]) -> bool {
    let mut bits = values.iter().map(|value| value.to_bits());
    bits.next()
        .is_none_or(|first| bits.all(|bits| bits == first))
}

/// Lengths within a group: the writer refuses rows that could make them too long.
fn narrow(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
