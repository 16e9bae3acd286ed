//! The buffers of one generation of a namespace, in stripes of one lock each.

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, MutexGuard};

use crate::model::{Generation, TimeRange};
use crate::series::{Buffer, ChunkPart};

/// How many stripes: series are spread over them by slot.
pub const STRIPES: usize = 16;

/// Of this many rows the cache misses overlap.
pub const TOUCH_ROWS: usize = 32;

/// Loads what the buffers of some slots will need, in loads that do not wait for each other.
pub fn touch(
    stripes: &[MutexGuard<'_, Stripe>; STRIPES],
    slots: impl Iterator<Item = u32> + Clone,
) {
    let buffers = slots.filter_map(|slot| stripes.get(slot as usize % STRIPES)?.get(slot));
    let states = buffers
        .clone()
        .fold(0, |touched, buffer| touched ^ buffer.touch_state());
    std::hint::black_box(states);
    std::hint::black_box(buffers.fold(0, |touched, buffer| touched ^ buffer.touch_bytes()));
}

/// A stripe: every [`STRIPES`]th series.
#[derive(Debug, Default)]
pub struct Stripe {
    buffers: Vec<Buffer>,
    chunk_bytes: usize,
    samples: u64,
}

impl Stripe {
    /// The buffer of a slot of this stripe, made if need be.
    #[inline]
    pub fn buffer(&mut self, slot: u32) -> &mut Buffer {
        let at = slot as usize / STRIPES;
        if self.buffers.len() <= at {
            self.buffers.resize_with(at + 1, Buffer::default);
        }
        #[expect(clippy::indexing_slicing, reason = "resized above")]
        &mut self.buffers[at]
    }

    /// Counts what an append did.
    #[inline]
    pub fn grew(&mut self, bytes: usize) {
        self.chunk_bytes += bytes;
        self.samples += 1;
    }

    /// The buffer of a slot of this stripe, if anything was appended to it.
    #[inline]
    #[must_use]
    pub fn get(&self, slot: u32) -> Option<&Buffer> {
        self.buffers
            .get(slot as usize / STRIPES)
            .filter(|buffer| !buffer.is_empty())
    }
}

/// The buffers of one generation. Once a later one is live, nothing is appended any more.
#[derive(Debug)]
pub struct GenerationBuffers {
    generation: Generation,
    window_ms: i64,
    stripes: [Mutex<Stripe>; STRIPES],
    used: AtomicBool,
}

impl GenerationBuffers {
    /// Empty buffers, cut into windows of `window_ms`.
    #[must_use]
    pub fn new(generation: Generation, window_ms: i64) -> Self {
        Self {
            generation,
            window_ms,
            stripes: std::array::from_fn(|_| Mutex::default()),
            used: AtomicBool::new(false),
        }
    }

    /// The generation.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Length of the windows into which chunks are cut, in milliseconds.
    #[must_use]
    pub fn window_ms(&self) -> i64 {
        self.window_ms
    }

    /// Whether no sample was ever appended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.used.load(Ordering::Acquire)
    }

    /// Notes that a sample is being appended.
    pub fn mark_used(&self) {
        self.used.store(true, Ordering::Release);
    }

    /// Locks all stripes, in order.
    pub fn lock(&self) -> [MutexGuard<'_, Stripe>; STRIPES] {
        self.stripes.each_ref().map(|stripe| stripe.lock())
    }

    /// Calls `visit` with the buffers of some slots, in the order given, taking a stripe's lock
    /// for each.
    pub fn read(&self, slots: &[u32], mut visit: impl FnMut(usize, &Buffer)) {
        if self.is_empty() {
            return;
        }
        for (at, &slot) in slots.iter().enumerate() {
            let Some(stripe) = self.stripes.get(slot as usize % STRIPES) else {
                continue;
            };
            if let Some(buffer) = stripe.lock().get(slot) {
                visit(at, buffer);
            }
        }
    }

    /// Copies what a slot has in `range`.
    pub fn parts(&self, slot: u32, range: TimeRange, parts: &mut Vec<ChunkPart>) {
        self.read(&[slot], |_, buffer| buffer.read(range, parts));
    }

    /// Calls `visit` with each slot that has samples.
    pub fn for_each(&self, mut visit: impl FnMut(u32, &Buffer)) {
        for (number, stripe) in self.stripes.iter().enumerate() {
            let stripe = stripe.lock();
            for (at, buffer) in stripe.buffers.iter().enumerate() {
                if !buffer.is_empty() {
                    visit(
                        u32::try_from(at * STRIPES + number).unwrap_or(u32::MAX),
                        buffer,
                    );
                }
            }
        }
    }

    /// Bytes held in memory, and samples appended (duplicates included).
    #[must_use]
    pub fn usage(&self) -> (usize, u64) {
        self.stripes
            .iter()
            .fold((0, 0), |(bytes, samples), stripe| {
                let stripe = stripe.lock();
                let hot = stripe.buffers.capacity() * size_of::<Buffer>();
                (bytes + hot + stripe.chunk_bytes, samples + stripe.samples)
            })
    }
}
