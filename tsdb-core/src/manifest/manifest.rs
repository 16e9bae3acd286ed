//! MANIFEST: what is live in a namespace, and up to which generation it is flushed.

use std::path::Path;

use super::ManifestError;
use super::entries::{BlockDetails, BlockEntry, RunDetails, RunEntry, SeriesFileEntry};
use super::file::{
    FORMAT_VERSION, MAGIC_BYTES, expect_end, read_count, read_file, replace_file, seal, unseal,
};
use crate::bits::{ByteReader, DecodeError, put_i64, put_u32, put_u64};
use crate::model::{BlockId, Generation, NamespaceId, RunId, SeriesId, Tombstone, Window};
use crate::vfs::Vfs;

const MAGIC: [u8; MAGIC_BYTES] = *b"tsdb-man";
/// A manifest of this version may list blocks.
const BLOCKS_VERSION: u32 = 2;
/// A manifest of this version may list tombstones.
const TOMBSTONES_VERSION: u32 = 3;
/// A manifest of this version tells of runs and blocks what else their footers would.
const DETAILS_VERSION: u32 = 4;
/// A manifest of this version lists tombstones that ask for placement shards.
const SHARDS_VERSION: u32 = 5;
const RUN_BYTES: usize = 6 * 8;
const BLOCK_BYTES: usize = 8 * 8;
const SERIES_FILE_BYTES: usize = 2 * 8;
/// The shortest tombstone: generation, first and last millisecond, no matchers.
const TOMBSTONE_BYTES_MIN: usize = 3 * 8 + 4;

/// What is live in one namespace. Files that it does not list are left over and may be removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The namespace.
    pub namespace: NamespaceId,
    /// Larger than that of the manifest it replaced.
    pub sequence: u64,
    /// The newest generation of the log whose samples of this namespace are all in runs.
    pub flushed_generation: Generation,
    /// Larger than every series id given so far.
    pub next_series: SeriesId,
    /// Larger than every number of a run, block or series file given so far.
    pub next_file: u64,
    /// The latest wall clock seen, in milliseconds since the epoch.
    pub last_wall_clock_ms: i64,
    /// The live runs, by rising id.
    pub runs: Vec<RunEntry>,
    /// The live series files, by rising number.
    pub series_files: Vec<SeriesFileEntry>,
    /// The live blocks, by rising id.
    pub blocks: Vec<BlockEntry>,
    /// Deletes that still hide something, by rising generation; none above the flushed one.
    pub tombstones: Vec<Tombstone>,
    /// The generation of the last delete that was flushed, whether it is still listed or not; 0
    /// for none.
    pub last_delete: Generation,
}

impl Manifest {
    /// The bytes of the file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        put_u32(&mut body, self.namespace.0);
        put_u64(&mut body, self.sequence);
        put_u64(&mut body, self.flushed_generation.0);
        put_u64(&mut body, self.next_series.0);
        put_u64(&mut body, self.next_file);
        put_i64(&mut body, self.last_wall_clock_ms);
        put_u32(
            &mut body,
            u32::try_from(self.runs.len()).unwrap_or(u32::MAX),
        );
        for run in &self.runs {
            put_u64(&mut body, run.id.0);
            put_u64(&mut body, run.generation.0);
            put_i64(&mut body, run.windows_min);
            put_i64(&mut body, run.windows_max);
            put_u64(&mut body, run.bytes);
            put_u64(&mut body, run.samples);
        }
        put_u32(
            &mut body,
            u32::try_from(self.series_files.len()).unwrap_or(u32::MAX),
        );
        for file in &self.series_files {
            put_u64(&mut body, file.number);
            put_u64(&mut body, file.synced_len);
        }
        let tombstones = u32::try_from(self.tombstones.len()).unwrap_or(u32::MAX);
        put_u32(&mut body, tombstones);
        for tombstone in &self.tombstones {
            tombstone.encode(&mut body);
        }
        if self.names_shards() {
            self.put_blocks(&mut body);
            put_u64(&mut body, self.last_delete.0);
            put_u32(&mut body, u32::from(self.has_details()));
            if self.has_details() {
                self.put_details(&mut body);
            }
            return seal(&MAGIC, SHARDS_VERSION, &body);
        }
        if self.has_details() {
            self.put_blocks(&mut body);
            put_u64(&mut body, self.last_delete.0);
            self.put_details(&mut body);
            return seal(&MAGIC, DETAILS_VERSION, &body);
        }
        if self.last_delete > Generation(0) {
            self.put_blocks(&mut body);
            put_u64(&mut body, self.last_delete.0);
            return seal(&MAGIC, TOMBSTONES_VERSION, &body);
        }
        if self.blocks.is_empty() {
            return seal(&MAGIC, FORMAT_VERSION, &body);
        }
        self.put_blocks(&mut body);
        seal(&MAGIC, BLOCKS_VERSION, &body)
    }

    fn names_shards(&self) -> bool {
        self.tombstones.iter().any(Tombstone::names_shards)
    }

    /// Whether there is a run or a block, and of each is known what its footer tells.
    fn has_details(&self) -> bool {
        let listed = !self.runs.is_empty() || !self.blocks.is_empty();
        listed
            && self.runs.iter().all(|run| run.details.is_some())
            && self.blocks.iter().all(|block| block.details.is_some())
    }

    fn put_details(&self, body: &mut Vec<u8>) {
        for details in self.runs.iter().filter_map(|run| run.details) {
            details.encode(body);
        }
        for details in self.blocks.iter().filter_map(|block| block.details) {
            details.encode(body);
        }
    }

    fn read_details(&mut self, reader: &mut ByteReader<'_>) -> Result<(), DecodeError> {
        if self.runs.is_empty() && self.blocks.is_empty() {
            return Err(reader.error("a version that tells of runs and blocks, and none listed"));
        }
        for run in &mut self.runs {
            run.details = Some(RunDetails::decode(reader)?);
        }
        for block in &mut self.blocks {
            block.details = Some(BlockDetails::decode(reader)?);
        }
        Ok(())
    }

    fn put_blocks(&self, body: &mut Vec<u8>) {
        put_u32(body, u32::try_from(self.blocks.len()).unwrap_or(u32::MAX));
        for block in &self.blocks {
            put_u64(body, block.id.0);
            put_u64(body, block.generation.0);
            put_i64(body, block.window.start);
            put_i64(body, block.window.last);
            put_i64(body, block.min_time);
            put_i64(body, block.max_time);
            put_u64(body, block.bytes);
            put_u64(body, block.samples);
        }
    }

    /// Reads the bytes of a file; `path` is for errors only.
    ///
    /// # Errors
    /// When they are damaged, cut short, of another version or say what makes no sense.
    pub fn decode(path: &Path, bytes: &[u8]) -> Result<Self, ManifestError> {
        let (version, mut reader) = unseal(path, &MAGIC, SHARDS_VERSION, bytes)?;
        Self::read_body(&mut reader, version).map_err(|error| ManifestError::corrupt(path, error))
    }

    /// Reads the file at `path`.
    ///
    /// # Errors
    /// When the disk fails, and as [`Manifest::decode`].
    pub fn read(vfs: &dyn Vfs, path: &Path) -> Result<Self, ManifestError> {
        Self::decode(path, &read_file(vfs, path)?)
    }

    /// Replaces the file at `path` atomically and durably.
    ///
    /// # Errors
    /// When what it says makes no sense, before anything is touched. When the disk fails; the old
    /// or the new manifest is then there.
    pub fn write(&self, vfs: &dyn Vfs, path: &Path) -> Result<(), ManifestError> {
        self.check().map_err(|what| ManifestError::Refused {
            path: path.to_owned(),
            what,
        })?;
        replace_file(vfs, path, &self.encode())
    }

    fn read_body(reader: &mut ByteReader<'_>, version: u32) -> Result<Self, DecodeError> {
        let mut manifest = Manifest {
            namespace: NamespaceId(reader.u32()?),
            sequence: reader.u64()?,
            flushed_generation: Generation(reader.u64()?),
            next_series: SeriesId(reader.u64()?),
            next_file: reader.u64()?,
            last_wall_clock_ms: reader.i64()?,
            ..Manifest::default()
        };
        for _ in 0..read_count(reader, RUN_BYTES)? {
            manifest.runs.push(RunEntry {
                id: RunId(reader.u64()?),
                generation: Generation(reader.u64()?),
                windows_min: reader.i64()?,
                windows_max: reader.i64()?,
                bytes: reader.u64()?,
                samples: reader.u64()?,
                details: None,
            });
        }
        for _ in 0..read_count(reader, SERIES_FILE_BYTES)? {
            let number = reader.u64()?;
            let synced_len = reader.u64()?;
            manifest
                .series_files
                .push(SeriesFileEntry { number, synced_len });
        }
        manifest.read_tombstones(reader)?;
        if version < TOMBSTONES_VERSION && !manifest.tombstones.is_empty() {
            return Err(reader.error("tombstones, which this version does not know"));
        }
        if manifest.names_shards() != (version == SHARDS_VERSION) {
            return Err(reader.error(
                "deletes of shards in a version that has none, or none where it must have some",
            ));
        }
        if version >= BLOCKS_VERSION {
            manifest.read_blocks(reader)?;
            if manifest.blocks.is_empty() && version == BLOCKS_VERSION {
                return Err(reader.error("a version that lists blocks, and none listed"));
            }
        }
        if version >= TOMBSTONES_VERSION {
            manifest.last_delete = Generation(reader.u64()?);
            if manifest.last_delete == Generation(0) && version == TOMBSTONES_VERSION {
                return Err(reader.error("a version that knows deletes, and there were none"));
            }
        }
        if version == DETAILS_VERSION || (version == SHARDS_VERSION && read_flag(reader)?) {
            manifest.read_details(reader)?;
        }
        expect_end(reader)?;
        manifest.check().map_err(|what| reader.error(what))?;
        Ok(manifest)
    }

    fn read_tombstones(&mut self, reader: &mut ByteReader<'_>) -> Result<(), DecodeError> {
        for _ in 0..read_count(reader, TOMBSTONE_BYTES_MIN)? {
            self.tombstones.push(Tombstone::decode(reader)?);
        }
        Ok(())
    }

    fn read_blocks(&mut self, reader: &mut ByteReader<'_>) -> Result<(), DecodeError> {
        for _ in 0..read_count(reader, BLOCK_BYTES)? {
            self.blocks.push(BlockEntry {
                id: BlockId(reader.u64()?),
                generation: Generation(reader.u64()?),
                window: Window {
                    start: reader.i64()?,
                    last: reader.i64()?,
                },
                min_time: reader.i64()?,
                max_time: reader.i64()?,
                bytes: reader.u64()?,
                samples: reader.u64()?,
                details: None,
            });
        }
        Ok(())
    }

    fn check(&self) -> Result<(), &'static str> {
        self.check_blocks()?;
        self.check_tombstones()?;
        if !self.runs.is_sorted_by(|a, b| a.id < b.id) {
            return Err("runs out of order or listed twice");
        }
        for run in &self.runs {
            if run.id.0 >= self.next_file {
                return Err("a run numbered past the next file");
            }
            if run.generation > self.flushed_generation {
                return Err("a run newer than the flushed generation");
            }
            if run.windows_min > run.windows_max || run.bytes == 0 || run.samples == 0 {
                return Err("a run that holds nothing");
            }
            if !run.details.is_none_or(|details| details.fits(run)) {
                return Err("what is told of a run contradicts its entry");
            }
        }
        if !self.series_files.is_sorted_by(|a, b| a.number < b.number) {
            return Err("series files out of order or listed twice");
        }
        if self
            .series_files
            .last()
            .is_some_and(|last| last.number >= self.next_file)
        {
            return Err("a series file numbered past the next file");
        }
        Ok(())
    }

    fn check_tombstones(&self) -> Result<(), &'static str> {
        let tombstones = &self.tombstones;
        if !tombstones.is_sorted_by(|a, b| a.generation < b.generation) {
            return Err("tombstones out of order or listed twice");
        }
        if tombstones
            .last()
            .is_some_and(|last| last.generation > self.last_delete)
        {
            return Err("a tombstone newer than the last delete");
        }
        if self.last_delete > self.flushed_generation {
            return Err("a delete newer than the flushed generation");
        }
        Ok(())
    }

    fn check_blocks(&self) -> Result<(), &'static str> {
        if !self.blocks.is_sorted_by(|a, b| a.id < b.id) {
            return Err("blocks out of order or listed twice");
        }
        for block in &self.blocks {
            if block.id.0 >= self.next_file {
                return Err("a block numbered past the next file");
            }
            if block.generation > self.flushed_generation {
                return Err("a block newer than the flushed generation");
            }
            if block.min_time > block.max_time
                || block.min_time < block.window.start
                || block.max_time > block.window.last
                || block.bytes == 0
                || block.samples == 0
            {
                return Err("a block that holds nothing, or times outside its window");
            }
            if !block.details.is_none_or(|details| details.fits(block)) {
                return Err("what is told of a block contradicts its entry");
            }
        }
        Ok(())
    }
}

fn read_flag(reader: &mut ByteReader<'_>) -> Result<bool, DecodeError> {
    match reader.u32()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(reader.error("a flag that is neither 0 nor 1")),
    }
}
