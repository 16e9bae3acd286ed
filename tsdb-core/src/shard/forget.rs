//! How series leave memory. Those that no buffer, log or live run names are marked with appends
//! kept out: from then on nobody finds them, and one that comes back is a new series. An index
//! without them is made beside the old one, and with the next generation another `Head` takes over,
//! whose slots are others. Readers go on with the old one; older generations keep the ids of their
//! slots.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::{Mutex, RwLock};

use super::append::NO_SLOT;
use super::head::{Head, Live, Names};
use super::{Exemplars, GenerationBuffers, ShardError};
use crate::index::{IndexRebuild, MemIndex};
use crate::model::{Generation, TimeRange};
use crate::series::{Definition, Registry, SeriesFile, slot_of};

/// An index without the series that are leaving, in the making.
#[derive(Debug, Default)]
pub struct Rebuild {
    index: IndexRebuild,
}

impl Rebuild {
    /// Bytes held in memory.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.index.heap_bytes()
    }

    /// Takes over those of the next `at_most` series of `head` that stay; whether all were seen.
    pub fn step(&mut self, head: &Head, at_most: usize) -> bool {
        self.take(&head.names.read(), at_most)
    }

    fn take(&mut self, names: &Names, at_most: usize) -> bool {
        let stays = |slot| !names.registry.is_leaving(slot);
        self.index.step(&names.index, at_most, stays)
    }
}

impl Head {
    /// Whether another has taken over.
    pub(super) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Acquire)
    }

    /// The slots that these are in a generation, [`NO_SLOT`] where the series was not there yet.
    pub(super) fn slots_in<'a>(
        &self,
        generation: &GenerationBuffers,
        slots: &'a [u32],
    ) -> Cow<'a, [u32]> {
        match generation.kept_ids() {
            Some(ids) if generation.era() != self.era => {
                let names = self.names.read();
                let slot = |slot: &u32| slot_of(ids, names.registry.id(*slot)?);
                let slots = slots.iter().map(|at| slot(at).unwrap_or(NO_SLOT));
                Cow::Owned(slots.collect())
            }
            _ => Cow::Borrowed(slots),
        }
    }

    /// The slots that no buffer and no live run names just now, and how many slots there are. What
    /// a generation of an older era names is not known: there must be none.
    ///
    /// # Errors
    /// When a run cannot be read.
    pub fn unnamed(&self) -> Result<(Vec<u32>, usize), ShardError> {
        let len = self.names.read().registry.len();
        let mut named = vec![0u64; len.div_ceil(64)];
        let mut name = |slot: u32| {
            if let Some(word) = named.get_mut(slot as usize / 64) {
                *word |= 1 << (slot % 64);
            }
        };
        let live = self.live();
        for run in live
            .runs
            .iter()
            .filter(|_| self.rules.forgetting_spares_runs)
        {
            let keys = run.ids(TimeRange::ALL)?;
            let names = self.names.read();
            let slots = keys
                .iter()
                .filter_map(|key| names.registry.slot(key.series));
            slots.for_each(&mut name);
        }
        if self.rules.forgetting_spares_buffers {
            for generation in &live.generations {
                generation.for_each(|slot, _| name(slot));
            }
        }
        let is_named = |slot: &u32| {
            let word = named.get(*slot as usize / 64);
            word.is_none_or(|word| word >> (slot % 64) & 1 == 1)
        };
        let slots = 0..u32::try_from(len).unwrap_or(u32::MAX);
        Ok((slots.filter(|slot| !is_named(slot)).collect(), len))
    }

    /// Marks those of `slots` as leaving to which nothing was appended meanwhile, and tells how many
    /// these are. To be called with appends kept out, so that none is on its way to a buffer.
    pub fn mark_leaving(&self, mut slots: Vec<u32>) -> usize {
        let names = &mut *self.names.write();
        if self.rules.forgetting_spares_buffers {
            for generation in &self.live().generations {
                generation.retain_unused(&mut slots);
            }
        }
        slots.iter().for_each(|slot| names.registry.leave(*slot));
        slots.len()
    }

    /// The `Head` that takes over, with a generation of its own; this one is retired. To be called
    /// with appends kept out.
    #[must_use]
    pub fn succeed(
        &self,
        mut rebuild: Rebuild,
        (generation, window_ms): (Generation, i64),
        series_file: Arc<SeriesFile>,
    ) -> Self {
        let names = self.names.write();
        let metadata = self.metadata.of_metric.write();
        rebuild.take(&names, usize::MAX);
        let (index, moves) = rebuild.index.finish();
        let mut registry = names.registry.retain(|slot| moves.slot(slot));
        if !self.rules.ids_are_never_reused {
            registry.reuse_ids();
        }
        let live = self.live();
        let used = live.generations.iter().filter(|open| !open.is_empty());
        let mut generations: Vec<_> = used.cloned().collect();
        let ids: Arc<[_]> = names.registry.ids().into();
        for open in generations.iter().filter(|open| open.era() == self.era) {
            open.keep_ids(&ids);
        }
        let era = self.era + 1;
        let next = GenerationBuffers::new(generation, window_ms).in_era(era);
        generations.push(Arc::new(next));
        self.retired.store(true, Ordering::Release);
        drop(metadata);
        Self {
            namespace: self.namespace,
            era,
            retired: false.into(),
            series_file: Some(series_file),
            key: self.key.clone(),
            limits: self.limits,
            rules: self.rules,
            names: RwLock::new(Names { registry, index }),
            live: RwLock::new(Arc::new(Live {
                generations,
                ..Live::clone(&live)
            })),
            metadata: Arc::clone(&self.metadata),
            scratch: Mutex::default(),
            pins: Arc::clone(&self.pins),
            exemplars: Arc::clone(&self.exemplars),
        }
    }

    /// A `Head` of nothing, which takes over when the namespace is removed; both are retired. To be
    /// called with appends kept out.
    #[must_use]
    pub fn emptied(&self) -> Self {
        let names = self.names.write();
        let metadata = self.metadata.of_metric.write();
        self.retired.store(true, Ordering::Release);
        drop((names, metadata));
        let open = GenerationBuffers::new(Generation(0), 1).in_era(self.era + 1);
        Self {
            namespace: self.namespace,
            era: self.era + 1,
            retired: true.into(),
            series_file: None,
            key: self.key.clone(),
            limits: self.limits,
            rules: self.rules,
            names: RwLock::new(Names {
                registry: Registry::new(),
                index: MemIndex::new(),
            }),
            live: RwLock::new(Arc::new(Live {
                generations: vec![Arc::new(open)],
                ..Live::default()
            })),
            metadata: Arc::default(),
            scratch: Mutex::default(),
            pins: Arc::clone(&self.pins),
            exemplars: Arc::new(Exemplars::none()),
        }
    }

    /// Writes the definitions of the slots from `first` on, up to `end` and at most `at_most`, to
    /// another series file, and answers where to go on.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn define_again(
        &self,
        file: &SeriesFile,
        (first, end): (u32, u32),
        at_most: u32,
    ) -> Result<u32, ShardError> {
        let end = end.min(first.saturating_add(at_most));
        let names = self.names.read();
        let (mut labels, mut text) = (0, 0);
        for (name, value) in (first..end).flat_map(|slot| names.index.pairs_of(slot)) {
            labels += 1;
            text += names.index.symbol_text(name).len() + names.index.symbol_text(value).len();
        }
        drop(names);
        let series = (end - first) as usize;
        let promised = SeriesFile::definitions_bytes_at_most(text, series, labels);
        file.reserve(promised)?;
        let names = self.names.read();
        define(&names, first..end, file, promised);
        drop(names);
        file.sync()?;
        Ok(end)
    }

    /// Writes all metadata to another series file.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn describe_again(&self, file: &SeriesFile) -> Result<(), ShardError> {
        let metadata = self.metadata(None, usize::MAX);
        if metadata.is_empty() {
            return Ok(());
        }
        let promised = SeriesFile::metadata_bytes_at_most(&metadata);
        file.reserve(promised)?;
        file.describe(promised, &metadata);
        Ok(file.sync()?)
    }
}

impl Names {
    /// The same series without those that are leaving, made at once.
    #[must_use]
    pub fn without_leaving(self) -> Self {
        if !self.registry.any_leaving() {
            return self;
        }
        let (index, moves): (MemIndex, _) =
            self.index.retain(|slot| !self.registry.is_leaving(slot));
        let registry = self.registry.retain(|slot| moves.slot(slot));
        Self { registry, index }
    }
}

/// Queues the definitions of slots.
pub(super) fn define(
    names: &Names,
    slots: impl Iterator<Item = u32> + Clone,
    file: &SeriesFile,
    promised: u64,
) {
    let mut pairs = Vec::new();
    let mut ends = Vec::new();
    for slot in slots.clone() {
        pairs.extend(names.index.pairs_of(slot));
        ends.push(pairs.len());
    }
    let mut start = 0;
    let definitions: Vec<Definition<'_>> = slots
        .zip(ends)
        .filter_map(|(slot, end)| {
            let labels = pairs.get(start..end)?;
            start = end;
            let id = names.registry.id(slot)?;
            // Without a cluster there is one placement shard.
            let shard = crate::model::ShardId(0);
            Some(Definition { id, shard, labels })
        })
        .collect();
    file.define(promised, &definitions, |symbol| {
        names.index.symbol_text(symbol)
    });
}
