//! The parts read last, up to a number of bytes.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::model::HashMap;

/// What an entry costs besides its bytes, about.
const ENTRY_BYTES: usize = 64;

/// A part with whether it was used since the hand passed it.
#[derive(Debug)]
struct Entry {
    offset: u64,
    bytes: Arc<[u8]>,
    used: bool,
}

/// Parts by offset. When it is full, those not used for a round give way.
#[derive(Debug)]
pub(super) struct PartCache {
    limit: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    places: HashMap<u64, usize>,
    entries: Vec<Entry>,
    hand: usize,
    bytes: usize,
}

impl PartCache {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            inner: Mutex::default(),
        }
    }

    pub(super) fn get(&self, offset: u64) -> Option<Arc<[u8]>> {
        let mut inner = self.inner.lock();
        let place = *inner.places.get(&offset)?;
        let entry = inner.entries.get_mut(place)?;
        entry.used = true;
        Some(Arc::clone(&entry.bytes))
    }

    /// Keeps a part, unless it alone would take a quarter of the room.
    pub(super) fn put(&self, offset: u64, bytes: &Arc<[u8]>) {
        let cost = bytes.len() + ENTRY_BYTES;
        if cost > self.limit / 4 {
            return;
        }
        let mut inner = self.inner.lock();
        if inner.places.contains_key(&offset) {
            return;
        }
        while inner.bytes + cost > self.limit && inner.evict() {}
        let place = inner.entries.len();
        inner.places.insert(offset, place);
        inner.bytes += cost;
        inner.entries.push(Entry {
            offset,
            bytes: Arc::clone(bytes),
            used: false,
        });
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.inner.lock().bytes
    }
}

impl Inner {
    /// Drops one entry; `false` when there is none.
    fn evict(&mut self) -> bool {
        // Two rounds: the first may only take marks away.
        for _ in 0..self.entries.len() * 2 {
            if self.hand >= self.entries.len() {
                self.hand = 0;
            }
            match self.entries.get_mut(self.hand) {
                Some(entry) if entry.used => {
                    entry.used = false;
                    self.hand += 1;
                }
                Some(_) => {
                    let gone = self.entries.swap_remove(self.hand);
                    self.bytes -= gone.bytes.len() + ENTRY_BYTES;
                    self.places.remove(&gone.offset);
                    if let Some(moved) = self.entries.get(self.hand) {
                        self.places.insert(moved.offset, self.hand);
                    }
                    return true;
                }
                None => return false,
            }
        }
        false
    }
}
