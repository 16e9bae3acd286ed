//! Selects that are being read. Each goes on with what was live when it began, so that upkeep waits
//! for none of them; what it thereby keeps from being freed is counted, bounded and, past a bound,
//! taken from it: it is refused at its next step.

use std::cell::OnceCell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use super::{Head, Live, ShardError};
use crate::model::HashSet;

/// Has not been seen to hold anything that was replaced.
const NEVER: u64 = u64::MAX;

/// What a reader reads.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) head: Arc<Head>,
    pub(super) live: Arc<Live>,
}

impl Held {
    /// Whether all it holds is still live.
    pub(super) fn is_live(&self, now: &Present<'_>) -> bool {
        let live = &self.live;
        !self.head.is_retired()
            && (now.is(live)
                || live.runs.iter().all(|run| now.has(run))
                    && live.blocks.iter().all(|block| now.has(block))
                    && live.generations.iter().all(|one| now.has(one)))
    }

    /// Calls `held` with the address and the bytes of memory of all that is not live any more.
    fn replaced(&self, now: &Present<'_>, held: &mut impl FnMut(usize, usize)) {
        if now.is(&self.live) {
            return;
        }
        for run in self.live.runs.iter().filter(|run| !now.has(run)) {
            held(address(run), run.memory_bytes());
        }
        for block in self.live.blocks.iter().filter(|block| !now.has(block)) {
            held(address(block), block.memory_bytes());
        }
        for one in self.live.generations.iter().filter(|one| !now.has(one)) {
            held(address(one), one.usage().0);
        }
    }

    /// Bytes of memory that only readers hold, this one among them.
    fn replaced_bytes(&self, now: &Present<'_>) -> usize {
        let mut bytes = match self.head.is_retired() {
            true => self.head.names.read().heap_bytes(),
            false => 0,
        };
        self.replaced(now, &mut |_, held| bytes += held);
        bytes
    }
}

fn address<T>(one: &Arc<T>) -> usize {
    Arc::as_ptr(one) as usize
}

/// What is live, to be compared with what readers hold.
#[derive(Debug)]
pub(super) struct Present<'a> {
    live: &'a Live,
    /// Where its files and buffers are; gathered once a reader holds another `Live`.
    addresses: OnceCell<HashSet<usize>>,
}

impl<'a> Present<'a> {
    pub(super) fn new(live: &'a Live) -> Self {
        let addresses = OnceCell::new();
        Self { live, addresses }
    }

    fn is(&self, live: &Arc<Live>) -> bool {
        std::ptr::eq(self.live, &**live)
    }

    fn has<T>(&self, one: &Arc<T>) -> bool {
        let gather = || {
            let runs = self.live.runs.iter().map(address);
            let blocks = self.live.blocks.iter().map(address);
            let generations = self.live.generations.iter().map(address);
            runs.chain(blocks).chain(generations).collect()
        };
        let addresses: &HashSet<usize> = self.addresses.get_or_init(gather);
        addresses.contains(&address(one))
    }
}

/// A reader was refused, as it held too much that was replaced, or for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overtaken {
    /// What there was too much of.
    pub what: &'static str,
    /// The limit's name.
    pub name: &'static str,
    /// The limit's value.
    pub limit: u64,
    /// What there was.
    pub value: u64,
}

/// A select that is being read.
#[derive(Debug)]
pub(super) struct Reader {
    held: Mutex<Result<Held, Overtaken>>,
    /// Bytes of what it has read and not given out.
    own_bytes: AtomicUsize,
    /// By the monotonic clock, when it was first seen to hold what was replaced, or [`NEVER`].
    since_ms: AtomicU64,
}

impl Reader {
    /// What it reads.
    ///
    /// # Errors
    /// When that was taken from it.
    pub(super) fn held(&self) -> Result<Held, ShardError> {
        let held = self.held.lock();
        held.clone().map_err(ShardError::Overtaken)
    }

    /// Notes the bytes of what was read and is not given out.
    pub(super) fn set_own_bytes(&self, bytes: usize) {
        self.own_bytes.store(bytes, Ordering::Relaxed);
    }

    fn peek(&self) -> Option<Held> {
        self.held.lock().as_ref().ok().cloned()
    }

    fn refuse(&self, why: Overtaken) {
        // What it held is freed without its lock.
        let held = std::mem::replace(&mut *self.held.lock(), Err(why));
        drop(held);
    }

    /// For how long it has held what was replaced, as far as was looked.
    fn held_ms(&self, now_ms: u64) -> u64 {
        let since = self.since_ms.load(Ordering::Relaxed);
        if since == NEVER {
            self.since_ms.store(now_ms, Ordering::Relaxed);
            return 0;
        }
        now_ms.saturating_sub(since)
    }
}

/// What readers may hold of what was replaced.
#[derive(Clone, Copy, Debug)]
pub struct ReaderLimits {
    /// Bytes of memory, of all readers of a namespace together.
    pub memory_bytes: u64,
    /// For how long; `None` without end.
    pub age: Option<Duration>,
}

/// Readers of a namespace as upkeep sees them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReaderCounts {
    /// How many are being read.
    pub readers: usize,
    /// How many of them hold what was replaced.
    pub overtaken: usize,
    /// Bytes of memory of what was replaced, registries and indexes apart, and of what was read and
    /// not given out.
    pub memory_bytes: usize,
}

/// All readers of a namespace.
#[derive(Debug)]
pub struct Readers {
    all: Mutex<Vec<Weak<Reader>>>,
    limits: Mutex<ReaderLimits>,
    refused: AtomicU64,
}

impl Default for Readers {
    fn default() -> Self {
        Self {
            all: Mutex::default(),
            limits: Mutex::new(ReaderLimits {
                memory_bytes: u64::MAX,
                age: None,
            }),
            refused: AtomicU64::new(0),
        }
    }
}

impl Readers {
    /// Sets what readers may hold.
    pub fn set_limits(&self, limits: ReaderLimits) {
        *self.limits.lock() = limits;
    }

    /// How many were refused since opening.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, held: Held) -> Arc<Reader> {
        let reader = Arc::new(Reader {
            held: Mutex::new(Ok(held)),
            own_bytes: AtomicUsize::new(0),
            since_ms: AtomicU64::new(NEVER),
        });
        let mut all = self.all.lock();
        if all.len() == all.capacity() {
            // Where nobody else looks, those that ended go before more room is taken.
            all.retain(|reader| reader.strong_count() > 0);
        }
        all.push(Arc::downgrade(&reader));
        reader
    }

    pub(super) fn count_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    fn all(&self) -> Vec<Arc<Reader>> {
        let mut all = self.all.lock();
        all.retain(|reader| reader.strong_count() > 0);
        all.iter().filter_map(Weak::upgrade).collect()
    }

    /// What they hold; `now` is what is live.
    #[must_use]
    pub fn counts(&self, now: &Live) -> ReaderCounts {
        let now = Present::new(now);
        let mut counts = ReaderCounts::default();
        let mut seen: HashSet<usize> = HashSet::new();
        for reader in self.all() {
            counts.readers += 1;
            counts.memory_bytes += reader.own_bytes.load(Ordering::Relaxed);
            let Some(held) = reader.peek() else {
                continue;
            };
            counts.overtaken += usize::from(!held.is_live(&now));
            held.replaced(&now, &mut |address, bytes| {
                if seen.insert(address) {
                    counts.memory_bytes += bytes;
                }
            });
        }
        counts
    }

    /// Takes what was replaced from those that hold it past a limit, the longest first. `now` is
    /// what is live, `now_ms` the monotonic clock.
    pub fn enforce(&self, now: &Live, now_ms: u64) {
        let now = Present::new(now);
        let limits = *self.limits.lock();
        let age_ms = limits.age.map_or(u64::MAX, |age| {
            u64::try_from(age.as_millis()).unwrap_or(u64::MAX)
        });
        let mut overtaken = Vec::new();
        for reader in self.all() {
            let Some(held) = reader.peek().filter(|held| !held.is_live(&now)) else {
                continue;
            };
            let held_ms = reader.held_ms(now_ms);
            if held_ms > age_ms {
                let (name, what) = ("reader_age_max", "milliseconds for which it was replaced");
                self.refuse(&reader, (what, name), (age_ms, held_ms));
            } else {
                overtaken.push((held_ms, held.replaced_bytes(&now), reader));
            }
        }
        overtaken.sort_by_key(|(held_ms, ..)| *held_ms);
        // Shared by several, it counts for each: the sum is an upper bound, and at worst one of
        // them goes sooner.
        let mut bytes: u64 = overtaken.iter().map(|(_, bytes, _)| *bytes as u64).sum();
        while bytes > limits.memory_bytes {
            let Some((_, held, reader)) = overtaken.pop() else {
                return;
            };
            let (name, what) = ("reader_memory_max", "bytes of memory that were replaced");
            self.refuse(&reader, (what, name), (limits.memory_bytes, bytes));
            bytes = bytes.saturating_sub(held as u64);
        }
    }

    fn refuse(
        &self,
        reader: &Reader,
        (what, name): (&'static str, &'static str),
        (limit, value): (u64, u64),
    ) {
        self.count_refused();
        reader.refuse(Overtaken {
            what,
            name,
            limit,
            value,
        });
    }
}
