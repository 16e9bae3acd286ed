//! What is alive of a namespace.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use super::append::Scratch;
use super::pins::Pins;
use super::{Delete, GenerationBuffers, SeriesLimits};
use crate::block::BlockReader;
use crate::index::MemIndex;
use crate::model::{
    Fingerprint, FingerprintDomain, FingerprintKey, Generation, Labels, MetricMetadata,
    NamespaceId, ProtocolRules, SeriesId, ShardId,
};
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
    /// The slot of the series with these labels, whose canonical fingerprint is given.
    pub(super) fn find_labels(&self, canonical: Fingerprint, labels: &Labels) -> Option<u32> {
        let text = |symbol| self.index.symbol_text(symbol);
        self.registry.find_labels(canonical, |slot| {
            let pairs = self.index.pairs_of(slot);
            let pairs = pairs.map(|(name, value)| (text(name), text(value)));
            pairs.eq(labels.iter().map(|label| (label.name, label.value)))
        })
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
    pub(super) key: FingerprintKey,
    pub(super) limits: SeriesLimits,
    pub(super) rules: ProtocolRules,
    pub(super) names: RwLock<Names>,
    pub(super) live: RwLock<Arc<Live>>,
    pub(super) metadata: RwLock<BTreeMap<String, MetricMetadata>>,
    pub(super) scratch: Mutex<Vec<Scratch>>,
    pub(super) pins: Pins,
}

impl Head {
    /// Puts together what was recovered. `live` must hold at least one generation.
    #[must_use]
    pub fn new(
        namespace: NamespaceId,
        (key, limits, rules): (FingerprintKey, SeriesLimits, ProtocolRules),
        names: Names,
        metadata: BTreeMap<String, MetricMetadata>,
        live: Live,
    ) -> Self {
        Self {
            namespace,
            key,
            limits,
            rules,
            names: RwLock::new(names),
            live: RwLock::new(Arc::new(live)),
            metadata: RwLock::new(metadata),
            scratch: Mutex::default(),
            pins: Pins::default(),
        }
    }

    /// Files that were removed and that readers still hold.
    #[must_use]
    pub fn pins(&self) -> &Pins {
        &self.pins
    }

    /// Adds a series that a series file defines. Ids must rise.
    ///
    /// # Errors
    /// When they do not, or there are too many series.
    pub fn define(
        names: &mut Names,
        key: &FingerprintKey,
        id: SeriesId,
        labels: &Labels,
    ) -> Result<(), &'static str> {
        if id < names.registry.next_id() {
            return Err("series ids that do not rise");
        }
        let fingerprint = key.of(FingerprintDomain::Canonical, labels.as_bytes());
        if names.find_labels(fingerprint, labels).is_some() {
            return Err("one set of labels with two ids");
        }
        let slot = names
            .registry
            .insert(fingerprint, id)
            .ok_or("too many series")?;
        names.index.add(slot, labels);
        Ok(())
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
            let next = Arc::new(GenerationBuffers::new(generation, window_ms));
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

    /// Placement shards and ids by slot.
    #[must_use]
    pub fn row_keys(&self) -> Vec<RowKey> {
        let names = self.names.read();
        let slots = 0..u32::try_from(names.registry.len()).unwrap_or(u32::MAX);
        // Without a cluster there is one placement shard.
        slots
            .filter_map(|slot| Some(RowKey::new(ShardId(0), names.registry.id(slot)?)))
            .collect()
    }

    /// Bytes held for series and their index, and for the samples in buffers.
    #[must_use]
    pub fn heap_bytes(&self) -> (usize, usize) {
        let names = self.names.read();
        let series = names.registry.heap_bytes() + names.index.heap_bytes();
        drop(names);
        let buffers = self
            .live()
            .generations
            .iter()
            .map(|open| open.usage().0)
            .sum();
        (series, buffers)
    }

    /// Metadata of one metric, or of all, at most `limit`, by name.
    #[must_use]
    pub fn metadata(&self, metric: Option<&str>, limit: usize) -> Vec<MetricMetadata> {
        let metadata = self.metadata.read();
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
    /// When the disk has no space for it.
    pub fn set_metadata(
        &self,
        metadata: &[MetricMetadata],
        series_file: &SeriesFile,
    ) -> Result<(), crate::series::SeriesError> {
        let mut known = self.metadata.write();
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
        known.extend(news.into_iter().map(|one| (one.metric.clone(), one)));
        Ok(())
    }
}
