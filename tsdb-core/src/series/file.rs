//! The series file: which id means which labels, and what a metric is. Append-only.
//!
//! Definitions are queued in memory with the lock of the registry held, so that nobody sees an id
//! that has none; the leader of a commit writes and syncs them before the frames that name them.

use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::SeriesError;
use crate::bits::{crc32c, crc32c_append, put_u32, put_u64, put_uvarint};
use crate::model::{MetricMetadata, NamespaceId, SeriesId, ShardId};
use crate::vfs::{File, OpenMode, Vfs, allocate_some, create_anew, write_all_at};

/// First bytes of a series file.
pub const SERIES_MAGIC: [u8; 8] = *b"TSDBSER\n";
/// Version of the series file format.
pub const SERIES_VERSION: u32 = 1;
/// Magic, version, namespace, file number, next series id, checksum.
pub const SERIES_HEADER_BYTES: usize = 8 + 4 + 4 + 8 + 8 + 4;

/// Length and checksum in front of each record.
pub(super) const RECORD_HEAD_BYTES: usize = 4 + 4;
pub(super) const KIND_DEFINITIONS: u8 = 1;
pub(super) const KIND_METADATA: u8 = 2;

const RESERVE_STEP_BYTES: u64 = 1 << 20;
const NO_SYMBOL: u32 = u32::MAX;

/// Path of a series file inside its namespace's folder.
#[must_use]
pub fn series_path(namespace: &Path, number: u64) -> PathBuf {
    namespace.join(format!("series/{number:010}.series"))
}

/// What stands at the front of a series file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeriesHeader {
    /// The namespace it belongs to.
    pub namespace: NamespaceId,
    /// Its number, as in its name.
    pub number: u64,
    /// No id at or above this one was given when the file was made.
    pub next_id: SeriesId,
}

impl SeriesHeader {
    /// The header's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = SERIES_MAGIC.to_vec();
        put_u32(&mut out, SERIES_VERSION);
        put_u32(&mut out, self.namespace.0);
        put_u64(&mut out, self.number);
        put_u64(&mut out, self.next_id.0);
        let crc = crc32c(&out);
        put_u32(&mut out, crc);
        out
    }
}

/// A series to be defined. Symbols are numbers the caller can turn into text.
#[derive(Clone, Copy, Debug)]
pub struct Definition<'a> {
    /// Its id; ids of one file rise.
    pub id: SeriesId,
    /// Its placement shard.
    pub shard: ShardId,
    /// Name and value symbols, sorted by the names' text.
    pub labels: &'a [(u32, u32)],
}

#[derive(Debug)]
struct State {
    /// Records that are not written yet.
    queue: Vec<u8>,
    end_written: u64,
    end_synced: u64,
    reserved: u64,
    promised: u64,
    /// The caller's symbol number to that of this file.
    symbols: Vec<u32>,
    next_symbol: u32,
}

impl State {
    fn unsynced(&self) -> bool {
        !self.queue.is_empty() || self.end_synced < self.end_written
    }
}

/// The series file that new definitions go to.
#[derive(Debug)]
pub struct SeriesFile {
    path: PathBuf,
    number: u64,
    file: Box<dyn File>,
    state: Mutex<State>,
}

impl SeriesFile {
    /// Makes a new file, durable with its folder entry when this returns.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn create(
        vfs: &dyn Vfs,
        namespace: &Path,
        header: SeriesHeader,
    ) -> Result<Self, SeriesError> {
        let path = series_path(namespace, header.number);
        let temporary = path.with_extension("tmp");
        let io = |operation| {
            let path = path.clone();
            move |source| SeriesError::io(operation, path, source)
        };
        let file = create_anew(vfs, &temporary).map_err(io("creating"))?;
        let bytes = header.encode();
        write_all_at(&*file, &bytes, 0).map_err(io("writing"))?;
        file.sync().map_err(io("syncing"))?;
        vfs.rename(&temporary, &path).map_err(io("renaming"))?;
        vfs.sync_dir(path.parent().unwrap_or(namespace))
            .map_err(io("syncing the folder"))?;
        let end = bytes.len() as u64;
        Ok(Self::at(path, header.number, file, end, 0))
    }

    /// Opens a file to go on at `end`; all behind it is cut off, and what was not known to be
    /// synced, from `known_synced` on, is written once more and synced.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn open(
        vfs: &dyn Vfs,
        namespace: &Path,
        number: u64,
        end: u64,
        known_synced: u64,
        next_symbol: u32,
    ) -> Result<Self, SeriesError> {
        let path = series_path(namespace, number);
        let io = |operation| {
            let path = path.clone();
            move |source| SeriesError::io(operation, path, source)
        };
        let file = vfs
            .open(&path, OpenMode::ReadWrite)
            .map_err(io("opening"))?;
        if file.len().map_err(io("reading the length"))? != end {
            file.set_len(end).map_err(io("cutting"))?;
        }
        crate::vfs::rewrite(&*file, known_synced, end).map_err(io("rewriting"))?;
        file.sync().map_err(io("syncing"))?;
        Ok(Self::at(path, number, file, end, next_symbol))
    }

    fn at(path: PathBuf, number: u64, file: Box<dyn File>, end: u64, next_symbol: u32) -> Self {
        let state = State {
            queue: Vec::new(),
            end_written: end,
            end_synced: end,
            reserved: end,
            promised: 0,
            symbols: Vec::new(),
            next_symbol,
        };
        Self {
            path,
            number,
            file,
            state: Mutex::new(state),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file's number.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Tells that the caller's symbol already stands in this file under `in_file`.
    pub fn know_symbol(&self, symbol: u32, in_file: u32) {
        let mut state = self.state.lock();
        *slot(&mut state.symbols, symbol) = in_file;
    }

    /// No record of definitions with `labels_bytes` of label text in `series` series with
    /// `labels` labels in all is longer.
    #[must_use]
    pub fn definitions_bytes_at_most(labels_bytes: usize, series: usize, labels: usize) -> u64 {
        (labels_bytes + 20 * series + 14 * labels + 64) as u64
    }

    /// Promises space for `bytes`; [`SeriesFile::define`] redeems the promise.
    ///
    /// # Errors
    /// When the disk has no space; nothing is promised then.
    pub fn reserve(&self, bytes: u64) -> Result<(), SeriesError> {
        let mut state = self.state.lock();
        let needed = state.end_written + state.queue.len() as u64 + state.promised + bytes;
        if needed > state.reserved {
            let step = needed.next_multiple_of(RESERVE_STEP_BYTES);
            state.reserved = allocate_some(&*self.file, needed, step)
                .map_err(|error| SeriesError::io("reserving space", &self.path, error))?;
        }
        state.promised += bytes;
        Ok(())
    }

    /// Gives a promise back, or redeems it for nothing.
    pub fn release(&self, promised: u64) {
        self.state.lock().promised -= promised;
    }

    /// Queues the definitions of new series in one record. `text` tells a symbol's text.
    pub fn define<'a>(
        &self,
        promised: u64,
        definitions: &[Definition<'_>],
        text: impl Fn(u32) -> &'a str,
    ) {
        let mut state = self.state.lock();
        state.promised -= promised;
        let mut texts = Vec::new();
        let mut count = 0;
        for &(name, value) in definitions.iter().flat_map(|definition| definition.labels) {
            for symbol in [name, value] {
                let next = state.next_symbol;
                let known = slot(&mut state.symbols, symbol);
                if *known == NO_SYMBOL {
                    *known = next;
                    state.next_symbol += 1;
                    count += 1;
                    put_text(&mut texts, text(symbol));
                }
            }
        }
        let State { queue, symbols, .. } = &mut *state;
        record(queue, |out| {
            out.push(KIND_DEFINITIONS);
            put_uvarint(out, count);
            out.extend_from_slice(&texts);
            put_uvarint(out, definitions.len() as u64);
            let mut last = 0;
            for definition in definitions {
                put_uvarint(out, definition.id.0 - last);
                last = definition.id.0;
                put_uvarint(out, u64::from(definition.shard.0));
                put_uvarint(out, definition.labels.len() as u64);
                for &(name, value) in definition.labels {
                    put_uvarint(out, u64::from(*slot(symbols, name)));
                    put_uvarint(out, u64::from(*slot(symbols, value)));
                }
            }
        });
    }

    /// Length of the record that [`SeriesFile::describe`] queues, to be promised before.
    #[must_use]
    pub fn metadata_bytes_at_most(metadata: &[MetricMetadata]) -> u64 {
        let texts = metadata
            .iter()
            .map(|one| one.metric.len() + one.help.len() + one.unit.len());
        (texts.sum::<usize>() + 31 * metadata.len() + 64) as u64
    }

    /// Queues metadata of metrics in one record.
    pub fn describe(&self, promised: u64, metadata: &[MetricMetadata]) {
        let mut state = self.state.lock();
        state.promised -= promised;
        record(&mut state.queue, |out| {
            out.push(KIND_METADATA);
            put_metadata(out, metadata.iter());
        });
    }

    /// How many symbols the file defines, with those that are not written yet.
    #[must_use]
    pub fn symbols_len(&self) -> u32 {
        self.state.lock().next_symbol
    }

    /// Whether anything is not durable yet.
    #[must_use]
    pub fn has_unsynced(&self) -> bool {
        self.state.lock().unsynced()
    }

    /// Up to which byte the file is durable.
    #[must_use]
    pub fn synced_end(&self) -> u64 {
        self.state.lock().end_synced
    }

    /// Writes and syncs all that is queued; called by one thread at a time, the leader of a
    /// commit.
    ///
    /// # Errors
    /// When the disk refuses; what is durable is not known then, and the Db must be reopened.
    pub fn sync(&self) -> Result<(), SeriesError> {
        let mut state = self.state.lock();
        if !state.unsynced() {
            return Ok(());
        }
        let records = std::mem::take(&mut state.queue);
        let offset = state.end_written;
        state.end_written += records.len() as u64;
        drop(state);
        write_all_at(&*self.file, &records, offset)
            .map_err(|error| SeriesError::io("writing", &self.path, error))?;
        self.file
            .sync()
            .map_err(|error| SeriesError::io("syncing", &self.path, error))?;
        self.state.lock().end_synced = offset + records.len() as u64;
        Ok(())
    }

    /// Bytes held in memory.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let state = self.state.lock();
        state.queue.capacity() + state.symbols.capacity() * size_of::<u32>()
    }
}

fn slot(symbols: &mut Vec<u32>, symbol: u32) -> &mut u32 {
    let at = symbol as usize;
    if symbols.len() <= at {
        symbols.resize(at + 1, NO_SYMBOL);
    }
    #[expect(clippy::indexing_slicing, reason = "resized above")]
    &mut symbols[at]
}

/// How many metrics, and what each is.
pub(super) fn put_metadata<'m>(
    out: &mut Vec<u8>,
    metadata: impl ExactSizeIterator<Item = &'m MetricMetadata>,
) {
    put_uvarint(out, metadata.len() as u64);
    for one in metadata {
        put_text(out, &one.metric);
        out.push(one.kind.number());
        put_text(out, &one.help);
        put_text(out, &one.unit);
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_uvarint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn record(queue: &mut Vec<u8>, payload: impl FnOnce(&mut Vec<u8>)) {
    let start = queue.len();
    queue.extend_from_slice(&[0; RECORD_HEAD_BYTES]);
    payload(queue);
    let written = queue.get_mut(start..).unwrap_or_default();
    let Some((head, payload)) = written.split_at_mut_checked(RECORD_HEAD_BYTES) else {
        return;
    };
    let len = u32::try_from(payload.len())
        .unwrap_or(u32::MAX)
        .to_le_bytes();
    let crc = crc32c_append(crc32c(&len), payload).to_le_bytes();
    head.iter_mut()
        .zip(len.iter().chain(&crc))
        .for_each(|(to, from)| *to = *from);
}
