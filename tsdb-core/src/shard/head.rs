//! What is alive of a namespace.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::{Mutex, RwLock};

use super::append::Scratch;
use super::pins::Pins;
use super::{Delete, Exemplars, GenerationBuffers, MemoryUse, SeriesLimits, ShardError};
use crate::block::BlockReader;
use crate::index::MemIndex;
use crate::model::{
    Fingerprint, FingerprintKey, Generation, Labels, Matcher, MetricMetadata, NamespaceId,
    ProtocolRules, SeriesId, ShardId,
};
use crate::postings::Postings;
use crate::run::{RowKey, RunReader};
use crate::series::{Registry, SeriesFile};

/// Which series there are, and how to find them.
#[derive(Debug)]
pub struct Names {
    /// By fingerprint and by id.
    pub registry: Registry,
    /// By label.
    pub index: MemIndex,
}

impl Names {
    /// Bytes held in memory.
    pub(super) fn heap_bytes(&self) -> usize {
        self.registry.heap_bytes() + self.index.heap_bytes()
    }

    /// Bytes that have to be taken at once, at most, to add so many series, labels and bytes of
    /// their text.
    pub(super) fn growth_bytes(&self, series: usize, labels: usize, text: usize) -> u64 {
        let registry = self.registry.growth_bytes(series);
        (registry + self.index.growth_bytes(series, labels, text)) as u64
    }

    /// The slot of the series with these labels, whose canonical fingerprint is given.
    pub(super) fn find_labels(&self, canonical: Fingerprint, labels: &Labels) -> Option<u32> {
        self.find_labels_where(canonical, labels, |slot| !self.registry.is_leaving(slot))
    }

    /// The same, of the slots for which `wanted` holds.
    pub(super) fn find_labels_where(
        &self,
        canonical: Fingerprint,
        labels: &Labels,
        wanted: impl Fn(u32) -> bool,
    ) -> Option<u32> {
        let text = |symbol| self.index.symbol_text(symbol);
        self.registry.find_labels(canonical, |slot| {
            let pairs = self.index.pairs_of(slot);
            let pairs = pairs.map(|(name, value)| (text(name), text(value)));
            wanted(slot) && pairs.eq(labels.iter().map(|label| (label.name, label.value)))
        })
    }

    /// The slots that match all `matchers`, but for those of series that are leaving.
    pub(super) fn matches(&self, matchers: &[Matcher]) -> Postings {
        let mut matching = self.index.matches(matchers);
        if self.registry.any_leaving() {
            let leaving = matching
                .iter()
                .filter(|slot| self.registry.is_leaving(*slot));
            let leaving: Postings = leaving.collect();
            matching -= leaving;
        }
        matching
    }
}

/// Where the samples are: an immutable list, replaced as a whole.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// Compacted windows.
    pub blocks: Vec<Arc<BlockReader>>,
    /// Flushed generations.
    pub runs: Vec<Arc<RunReader>>,
    /// Buffers of generations that are not flushed, oldest first; the last one is open.
    pub generations: Vec<Arc<GenerationBuffers>>,
    /// Deletes that may hide some of it, oldest first.
    pub deletes: Vec<Arc<Delete>>,
    /// The generation of the last delete, whether it still hides anything or not; 0 for none.
    pub last_delete: Generation,
}

/// All that is alive of a namespace.
#[derive(Debug)]
pub struct Head {
    pub(super) namespace: NamespaceId,
    /// Counts up each time series leave: all slots are others then, and so is the `Head`. Readers
    /// keep theirs, with what was live.
    pub(super) era: u64,
    /// Set with appends kept out and the names locked: another has taken over.
    pub(super) retired: AtomicBool,
    /// Where definitions go; `None` where the Db was opened for reading only.
    pub(super) series_file: Option<Arc<SeriesFile>>,
    pub(super) key: FingerprintKey,
    pub(super) limits: SeriesLimits,
    pub(super) rules: ProtocolRules,
    pub(super) names: RwLock<Names>,
    pub(super) live: RwLock<Arc<Live>>,
    pub(super) metadata: Arc<Metadata>,
    pub(super) scratch: Mutex<Vec<Scratch>>,
    pub(super) pins: Arc<Pins>,
    pub(super) exemplars: Arc<Exemplars>,
}

/// What metrics are.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    pub(super) of_metric: RwLock<BTreeMap<String, MetricMetadata>>,
    bytes: AtomicUsize,
}

impl Head {
    /// Puts together what was recovered. `live` must hold at least one generation.
    #[must_use]
    pub fn new(
        namespace: NamespaceId,
        (key, limits, rules): (FingerprintKey, SeriesLimits, ProtocolRules),
        names: Names,
        metadata: BTreeMap<String, MetricMetadata>,
        (live, series_file, exemplars): (Live, Option<Arc<SeriesFile>>, Arc<Exemplars>),
    ) -> Self {
        let bytes = metadata.values().map(metadata_bytes).sum();
        Self {
            namespace,
            era: 0,
            retired: AtomicBool::new(false),
            series_file,
            key,
            limits,
            rules,
            names: RwLock::new(names),
            live: RwLock::new(Arc::new(live)),
            metadata: Arc::new(Metadata {
                of_metric: RwLock::new(metadata),
                bytes: AtomicUsize::new(bytes),
            }),
            scratch: Mutex::default(),
            pins: Arc::default(),
            exemplars,
        }
    }

    /// Files that were removed and that readers still hold.
    #[must_use]
    pub fn pins(&self) -> &Pins {
        &self.pins
    }

    /// Adds a series that a series file defines, with the fingerprint of its canonical labels. Ids
    /// must rise.
    ///
    /// # Errors
    /// When they do not, or there are too many series.
    pub fn define(
        names: &mut Names,
        fingerprint: Fingerprint,
        id: SeriesId,
        labels: &Labels,
    ) -> Result<(), &'static str> {
        if id < names.registry.next_id() {
            return Err("series ids that do not rise");
        }
        if let Some(old) = names.find_labels(fingerprint, labels) {
            // The series had left, and came back under another id.
            names.registry.leave(old);
        }
        let slot = names
            .registry
            .insert(fingerprint, id)
            .ok_or("too many series")?;
        names.index.add(slot, labels);
        Ok(())
    }

    /// Calls `read` with the series and what metrics are; none are added meanwhile.
    pub fn read_names<T>(
        &self,
        read: impl FnOnce(&Names, &BTreeMap<String, MetricMetadata>) -> T,
    ) -> T {
        let names = self.names.read();
        let metadata = self.metadata.of_metric.read();
        read(&names, &metadata)
    }

    /// What is live just now.
    #[must_use]
    pub fn live(&self) -> Arc<Live> {
        Arc::clone(&self.live.read())
    }

    /// Replaces what is live by what `change` makes of it.
    pub fn change_live(&self, change: impl FnOnce(&Live) -> Live) {
        let mut live = self.live.write();
        let next = change(&live);
        *live = Arc::new(next);
    }

    /// Opens the next generation; must be called with appends kept out.
    pub fn open_generation(&self, generation: Generation, window_ms: i64) {
        self.change_live(|live| {
            // A generation nothing was appended to need not be flushed.
            let used = live.generations.iter().filter(|open| !open.is_empty());
            let next = GenerationBuffers::new(generation, window_ms).in_era(self.era);
            let next = Arc::new(next);
            let generations = used.cloned().chain([next]).collect();
            Live {
                generations,
                ..live.clone()
            }
        });
    }

    /// Hides from now on what a delete names; must be called with appends kept out, right after
    /// its generation was opened.
    pub fn add_delete(&self, delete: Arc<Delete>) {
        self.exemplars.delete(&delete);
        self.change_live(|live| {
            let last_delete = delete.generation();
            let deletes = live.deletes.iter().cloned().chain([delete]).collect();
            Live {
                deletes,
                last_delete,
                ..live.clone()
            }
        });
    }

    /// How many series there are.
    #[must_use]
    pub fn series_len(&self) -> usize {
        self.names.read().registry.len()
    }

    /// The id the next series gets.
    #[must_use]
    pub fn next_id(&self) -> SeriesId {
        self.names.read().registry.next_id()
    }

    /// Placement shard and id of a slot of a generation.
    #[must_use]
    pub fn row_key(&self, generation: &GenerationBuffers, slot: u32) -> RowKey {
        // Without a cluster there is one placement shard.
        let id = match generation.kept_ids() {
            Some(ids) if generation.era() != self.era => ids.get(slot as usize).copied(),
            _ => self.names.read().registry.id(slot),
        };
        RowKey::new(ShardId(0), id.unwrap_or(SeriesId(0)))
    }

    /// Where definitions go, unless the Db was opened for reading only.
    #[must_use]
    pub fn series_file(&self) -> Option<&Arc<SeriesFile>> {
        self.series_file.as_ref()
    }

    /// Bytes held in memory, the series file's apart.
    #[must_use]
    pub fn memory(&self) -> MemoryUse {
        let names = self.names.read();
        let (registry, index) = (names.registry.heap_bytes(), names.index.heap_bytes());
        drop(names);
        let live = self.live();
        let buffers = |open: &Arc<GenerationBuffers>| open.usage().0;
        let (open, closed) = match live.generations.split_last() {
            Some((open, closed)) => (buffers(open), closed.iter().map(buffers).sum()),
            None => (0, 0),
        };
        let runs = live.runs.iter().map(|run| run.memory_bytes());
        let blocks = live.blocks.iter().map(|block| block.memory_bytes());
        MemoryUse {
            registry,
            index,
            series_file: self
                .series_file
                .as_ref()
                .map_or(0, |file| file.heap_bytes()),
            metadata: self.metadata.bytes.load(Ordering::Relaxed),
            rebuild: 0,
            readers: 0,
            open_buffers: open,
            closed_buffers: closed,
            appends: self.scratch.lock().iter().map(Scratch::heap_bytes).sum(),
            files: runs.chain(blocks).sum(),
            upkeep: 0,
            exemplars: self.exemplars.lock().heap_bytes(),
        }
    }

    /// Metadata of one metric, or of all, at most `limit`, by name.
    #[must_use]
    pub fn metadata(&self, metric: Option<&str>, limit: usize) -> Vec<MetricMetadata> {
        let metadata = self.metadata.of_metric.read();
        match metric {
            Some(metric) => metadata
                .get(metric)
                .into_iter()
                .take(limit)
                .cloned()
                .collect(),
            None => metadata.values().take(limit).cloned().collect(),
        }
    }

    /// Queues metadata that is new for the series file.
    ///
    /// # Errors
    /// When the disk has no space for it, or this `Head` is retired.
    pub fn set_metadata(&self, metadata: &[MetricMetadata]) -> Result<(), ShardError> {
        let Some(series_file) = &self.series_file else {
            return Ok(());
        };
        let mut known = self.metadata.of_metric.write();
        if self.retired.load(Ordering::Acquire) {
            return Err(ShardError::Retired);
        }
        let news = metadata
            .iter()
            .filter(|one| known.get(&one.metric) != Some(one));
        let news: Vec<MetricMetadata> = news.cloned().collect();
        if news.is_empty() {
            return Ok(());
        }
        let promised = SeriesFile::metadata_bytes_at_most(&news);
        series_file.reserve(promised)?;
        series_file.describe(promised, &news);
        for one in news {
            self.metadata
                .bytes
                .fetch_add(metadata_bytes(&one), Ordering::Relaxed);
            if let Some(old) = known.insert(one.metric.clone(), one) {
                self.metadata
                    .bytes
                    .fetch_sub(metadata_bytes(&old), Ordering::Relaxed);
            }
        }
        Ok(())
    }
}

/// Bytes that an entry takes, a third of a node of the tree being empty.
fn metadata_bytes(one: &MetricMetadata) -> usize {
    let texts = 2 * one.metric.capacity() + one.help.capacity() + one.unit.capacity();
    texts + (size_of::<MetricMetadata>() + size_of::<String>()) * 3 / 2
}
