//! The buffers of one generation of a namespace, in stripes of one lock each.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex, MutexGuard};

use crate::bits::{DecodeError, prefetch};
use crate::model::{Generation, HashMap, SeriesId, TimeRange};
use crate::series::{
    Buffer, BufferArena, BufferView, ChunkPart, HistogramBuffer, NewestSample, SettleSpace,
};

/// How many stripes there are.
pub const STRIPES: usize = 16;

/// As many slots in a row belong to one stripe: series that came together, as those of one target
/// do, are written together, and mostly under one lock.
pub const STRIPE_SLOTS: usize = 1024;

/// Hot lines are taken from the allocator so many at a time: where few of a namespace's series
/// have samples, most of a page lies idle.
pub const PAGE_SLOTS: usize = 256;

/// So many rows before it is used, a buffer is asked for,
pub const PREFETCH_ROWS: usize = 24;
/// and so many before, where its late samples end.
pub const PREFETCH_LATE_ROWS: usize = 8;

/// A reader holds a stripe's lock for so many series at most: some ten microseconds.
const SCAN_SLOTS: usize = 16;
/// The same where it looks at hot lines alone.
const NEWEST_SLOTS: usize = 256;

/// Bytes of a page.
pub(super) const PAGE_BYTES: usize = PAGE_SLOTS * size_of::<Buffer>();

/// A sample takes no more than this beside its series' hot line, but for the odd one that fills
/// an arena's page: four segments, where one chunk ends in one that a state is noted in front of, is
/// described, and another begins, or the block of a late sample.
pub(super) const ROW_BYTES: usize = 144;

/// Which stripe a slot belongs to.
#[inline]
const fn stripe_of(slot: u32) -> usize {
    slot as usize / STRIPE_SLOTS % STRIPES
}

/// Which page of its stripe a slot lies in, and where in it.
#[inline]
const fn place_of(slot: u32) -> (usize, usize) {
    let round = slot as usize / (STRIPE_SLOTS * STRIPES);
    let within = slot as usize % STRIPE_SLOTS;
    (
        round * (STRIPE_SLOTS / PAGE_SLOTS) + within / PAGE_SLOTS,
        within % PAGE_SLOTS,
    )
}

/// The first slot of a page of a stripe.
const fn first_slot(stripe: usize, page: usize) -> usize {
    let pages = STRIPE_SLOTS / PAGE_SLOTS;
    (page / pages * STRIPES + stripe) * STRIPE_SLOTS + page % pages * PAGE_SLOTS
}

/// A stripe: of all series, [`STRIPE_SLOTS`] in each [`STRIPES`] times as many.
#[derive(Debug)]
struct Stripe {
    /// Hot lines, where there are any.
    pages: Vec<Option<Box<[Buffer]>>>,
    /// How many there are.
    pages_made: usize,
    arena: BufferArena,
    /// By slot, of the few series that have any.
    histograms: HashMap<u32, HistogramBuffer>,
    /// Bytes of those.
    histogram_bytes: usize,
    samples: u64,
    window_ms: i64,
}

impl Stripe {
    fn new(window_ms: i64) -> Self {
        Self {
            pages: Vec::new(),
            pages_made: 0,
            arena: BufferArena::new(window_ms),
            histograms: HashMap::new(),
            histogram_bytes: 0,
            samples: 0,
            window_ms,
        }
    }

    /// The buffer of a slot of this stripe, if anything was appended to it.
    #[inline]
    fn get(&self, slot: u32) -> Option<&Buffer> {
        let (page, at) = place_of(slot);
        let buffer = self.pages.get(page)?.as_ref()?.get(at)?;
        Some(buffer).filter(|buffer| !buffer.is_empty())
    }

    /// What a slot of this stripe has, if anything was appended to it.
    #[inline]
    fn view(&self, slot: u32) -> Option<BufferView<'_>> {
        // Most namespaces have no histograms, and a look into an empty map is not for nothing.
        let histograms = match self.histograms.is_empty() {
            true => None,
            false => self.histograms.get(&slot),
        };
        BufferView::new(self.get(slot), &self.arena, histograms)
    }

    /// Makes the page of a slot.
    #[cold]
    fn make_page(&mut self, page: usize) {
        if self.pages.len() <= page {
            self.pages.resize_with(page + 1, || None);
        }
        self.pages_made += 1;
        if let Some(page) = self.pages.get_mut(page) {
            page.get_or_insert_with(|| (0..PAGE_SLOTS).map(|_| Buffer::default()).collect());
        }
    }

    /// The buffer of a slot of this stripe, made if need be, and the arena it uses.
    #[inline]
    fn buffer(&mut self, slot: u32) -> Option<(&mut Buffer, &mut BufferArena)> {
        let (page, at) = place_of(slot);
        if self.pages.get(page).is_none_or(Option::is_none) {
            self.make_page(page);
        }
        let buffers = self.pages.get_mut(page)?.as_mut()?;
        Some((buffers.get_mut(at)?, &mut self.arena))
    }

    fn heap_bytes(&self) -> usize {
        self.pages_made * PAGE_BYTES
            + self.pages.capacity() * size_of::<Option<Box<[Buffer]>>>()
            + self.arena.heap_bytes()
            + self.histograms.capacity() * size_of::<(u32, HistogramBuffer)>()
            + self.histogram_bytes
    }
}

/// Some stripes of a generation, locked.
#[derive(Debug)]
pub struct LockedStripes<'a> {
    stripes: [Option<MutexGuard<'a, Stripe>>; STRIPES],
}

impl LockedStripes<'_> {
    /// Asks for the memory that appending to a slot will look at.
    #[inline]
    pub fn prefetch(&self, slot: u32) {
        let stripe = self.stripes.get(stripe_of(slot)).and_then(Option::as_ref);
        let (page, at) = place_of(slot);
        if let Some(Some(page)) = stripe.and_then(|stripe| stripe.pages.get(page)) {
            prefetch(page, at);
        }
    }

    /// Asks for what [`Buffer::prefetch`] does, of a slot that was asked for.
    #[inline]
    pub fn prefetch_late(&self, slot: u32, timestamp: i64) {
        if let Some(stripe) = self.stripes.get(stripe_of(slot)).and_then(Option::as_ref)
            && let (page, at) = place_of(slot)
            && let Some(Some(page)) = stripe.pages.get(page)
            && let Some(buffer) = page.get(at)
        {
            buffer.prefetch(&stripe.arena, timestamp);
        }
    }

    /// Adds a sample; whether its value is known to be that of the row of its series that was
    /// logged before.
    /// The slot's stripe must be locked.
    #[inline]
    pub fn append(&mut self, slot: u32, timestamp: i64, bits: u64, order_free: bool) -> bool {
        let stripe = self.stripes.get_mut(stripe_of(slot));
        let Some(stripe) = stripe.and_then(Option::as_mut) else {
            debug_assert!(false, "the stripe of slot {slot} is not locked");
            return false;
        };
        stripe.samples += 1;
        let Some((buffer, arena)) = stripe.buffer(slot) else {
            return false;
        };
        let same = buffer.repeats(bits);
        buffer.append(arena, timestamp, bits, order_free);
        same
    }

    /// The page of a slot, made if need be, to append to its slots one after the other. The slot's
    /// stripe must be locked.
    #[inline]
    pub fn page(&mut self, slot: u32) -> Option<LockedPage<'_>> {
        let stripe = self.stripes.get_mut(stripe_of(slot))?.as_mut()?;
        let (page, _) = place_of(slot);
        if stripe.pages.get(page).is_none_or(Option::is_none) {
            stripe.make_page(page);
        }
        let stripe = &mut **stripe;
        Some(LockedPage {
            number: slot as usize / PAGE_SLOTS,
            buffers: stripe.pages.get_mut(page)?.as_mut()?,
            arena: &mut stripe.arena,
            samples: &mut stripe.samples,
        })
    }

    /// Adds a histogram given by its canonical bytes. The slot's stripe must be locked.
    pub fn append_histogram(&mut self, slot: u32, timestamp: i64, bytes: &[u8]) {
        let stripe = self.stripes.get_mut(stripe_of(slot));
        let Some(stripe) = stripe.and_then(Option::as_mut) else {
            debug_assert!(false, "the stripe of slot {slot} is not locked");
            return;
        };
        stripe.samples += 1;
        let window_ms = stripe.window_ms;
        let buffer = stripe.histograms.entry(slot).or_default();
        let before = buffer.heap_bytes();
        buffer.append(timestamp, bytes, window_ms);
        let after = buffer.heap_bytes();
        // Compressing may take less than what it replaces.
        stripe.histogram_bytes = (stripe.histogram_bytes + after).saturating_sub(before);
    }

    /// Bytes that the locked stripes hold.
    pub(super) fn heap_bytes(&self) -> usize {
        let locked = self.stripes.iter().flatten();
        locked.map(|stripe| stripe.heap_bytes()).sum()
    }

    /// How many pages appending to these slots will make.
    pub(super) fn missing_pages(&self, slots: impl Iterator<Item = u32>) -> usize {
        let missing = slots.filter_map(|slot| {
            let stripe = self.stripes.get(stripe_of(slot))?.as_ref()?;
            let (page, _) = place_of(slot);
            let made = stripe.pages.get(page).is_some_and(Option::is_some);
            (!made).then_some((stripe_of(slot), page))
        });
        let mut missing: Vec<_> = missing.collect();
        missing.sort_unstable();
        missing.dedup();
        missing.len()
    }

    /// The value of the row of a series that was logged last.
    #[inline]
    #[must_use]
    pub fn logged(&self, slot: u32) -> Option<u64> {
        let stripe = self.stripes.get(stripe_of(slot))?.as_ref()?;
        stripe.get(slot)?.logged(&stripe.arena)
    }
}

/// The buffers of some slots that lie beside each other, locked.
#[derive(Debug)]
pub struct LockedPage<'a> {
    /// Of all slots' pages.
    number: usize,
    buffers: &'a mut [Buffer],
    arena: &'a mut BufferArena,
    samples: &'a mut u64,
}

impl LockedPage<'_> {
    /// Whether a slot lies in it.
    #[inline]
    #[must_use]
    pub fn has(&self, slot: u32) -> bool {
        slot as usize / PAGE_SLOTS == self.number
    }

    /// Asks for the memory that appending to a slot will look at, if it lies in this page.
    #[inline]
    pub fn prefetch(&self, slot: u32) {
        if self.has(slot) {
            prefetch(self.buffers, slot as usize % PAGE_SLOTS);
        }
    }

    /// Asks for what [`Buffer::prefetch`] does, if the slot lies in this page.
    #[inline]
    pub fn prefetch_late(&self, slot: u32, timestamp: i64) {
        if self.has(slot)
            && let Some(buffer) = self.buffers.get(slot as usize % PAGE_SLOTS)
        {
            buffer.prefetch(self.arena, timestamp);
        }
    }

    /// Adds a sample to a slot of this page; without bits, with those of the row of its series that
    /// was logged before. Whether it could: false if there is no such row.
    #[inline]
    pub fn append(
        &mut self,
        slot: u32,
        timestamp: i64,
        bits: Option<u64>,
        order_free: bool,
    ) -> bool {
        debug_assert!(self.has(slot), "slot {slot} lies in another page");
        let Some(buffer) = self.buffers.get_mut(slot as usize % PAGE_SLOTS) else {
            return false;
        };
        let Some(bits) = bits.or_else(|| buffer.logged(self.arena)) else {
            return false;
        };
        *self.samples += 1;
        buffer.append(self.arena, timestamp, bits, order_free);
        true
    }
}

const _: () = assert!(STRIPE_SLOTS.is_multiple_of(PAGE_SLOTS));

/// The buffers of one generation. Once a later one is live, nothing is appended any more.
#[derive(Debug)]
pub struct GenerationBuffers {
    generation: Generation,
    /// Which [`super::Head`] of the namespace its slots are of.
    era: u64,
    /// Ids by slot, once series have left and the slots of a later era are others.
    ids: OnceLock<Arc<[SeriesId]>>,
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
            era: 0,
            ids: OnceLock::new(),
            window_ms,
            stripes: std::array::from_fn(|_| Mutex::new(Stripe::new(window_ms))),
            used: AtomicBool::new(false),
        }
    }

    /// The same, for the slots of an era.
    #[must_use]
    pub(super) fn in_era(self, era: u64) -> Self {
        Self { era, ..self }
    }

    /// Which era its slots are of.
    pub(super) fn era(&self) -> u64 {
        self.era
    }

    /// Keeps the ids of its slots, which are about to mean other series elsewhere.
    pub(super) fn keep_ids(&self, ids: &Arc<[SeriesId]>) {
        // Once kept they stay: slots of one era never change.
        self.ids.get_or_init(|| Arc::clone(ids));
    }

    /// The ids of its slots, if they are not those of the present era.
    pub(super) fn kept_ids(&self) -> Option<&[SeriesId]> {
        self.ids.get().map(|ids| &**ids)
    }

    /// Keeps only those slots to which nothing was ever appended.
    pub(super) fn retain_unused(&self, slots: &mut Vec<u32>) {
        if self.is_empty() {
            return;
        }
        let stripes: Vec<_> = self.stripes.iter().map(|stripe| stripe.lock()).collect();
        slots.retain(|&slot| {
            let stripe = stripes.get(stripe_of(slot));
            stripe.is_none_or(|stripe| stripe.view(slot).is_none())
        });
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

    /// Locks the stripes of some slots, in order, for appending.
    pub fn lock(&self, slots: impl Iterator<Item = u32>) -> LockedStripes<'_> {
        self.lock_some(slots.fold(0, |wanted, slot| wanted | 1 << stripe_of(slot)))
    }

    /// Locks all stripes, in order, for appending.
    pub fn lock_all(&self) -> LockedStripes<'_> {
        self.lock_some(u32::MAX)
    }

    /// Locks the stripes whose bits are set.
    fn lock_some(&self, wanted: u32) -> LockedStripes<'_> {
        if wanted != 0 {
            self.used.store(true, Ordering::Release);
        }
        let mut stripes = [const { None }; STRIPES];
        let places = stripes.iter_mut().zip(&self.stripes).enumerate();
        for (number, (place, stripe)) in places {
            if wanted >> number & 1 == 1 {
                *place = Some(stripe.lock());
            }
        }
        LockedStripes { stripes }
    }

    /// Brings late samples in order, once nothing is appended any more, so that each chunk is read
    /// as it is from then on.
    ///
    /// # Errors
    /// When a chunk cannot be decoded.
    pub(super) fn settle(&self) -> Result<(), DecodeError> {
        let mut space = SettleSpace::default();
        for stripe in &self.stripes {
            let pages = stripe.lock().pages.len();
            for page in 0..pages {
                // Readers wait for a page of buffers, no longer.
                let stripe = &mut *stripe.lock();
                let buffers = stripe.pages.get_mut(page).and_then(Option::as_mut);
                for buffer in buffers.into_iter().flatten() {
                    buffer.settle(&mut stripe.arena, &mut space)?;
                }
            }
            stripe.lock().arena.release_late();
        }
        Ok(())
    }

    /// Calls `visit` with the buffers of some slots, in the order given, taking a stripe's lock
    /// for each.
    pub fn read(&self, slots: &[u32], mut visit: impl FnMut(usize, BufferView<'_>)) {
        if self.is_empty() {
            return;
        }
        for (at, &slot) in slots.iter().enumerate() {
            let Some(stripe) = self.stripes.get(stripe_of(slot)) else {
                continue;
            };
            let stripe = stripe.lock();
            if let Some(view) = stripe.view(slot) {
                visit(at, view);
            }
        }
    }

    /// As [`GenerationBuffers::read`], with a stripe's lock held for some slots that follow each
    /// other; what `range` needs of them is asked for at once.
    pub(super) fn scan(
        &self,
        slots: &[u32],
        range: TimeRange,
        mut visit: impl FnMut(usize, BufferView<'_>),
    ) {
        if self.is_empty() {
            return;
        }
        let (mut at, mut walks) = (0, Vec::with_capacity(SCAN_SLOTS));
        let of_stripe = slots.chunk_by(|a, b| stripe_of(*a) == stripe_of(*b));
        for slots in of_stripe.flat_map(|slots| slots.chunks(SCAN_SLOTS)) {
            let stripe = slots
                .first()
                .and_then(|slot| self.stripes.get(stripe_of(*slot)));
            let Some(stripe) = stripe.map(Mutex::lock) else {
                return;
            };
            let views = || slots.iter().map(|slot| stripe.view(*slot));
            walks.extend(views().flatten().filter_map(|view| view.walk(range)));
            if let Some(view) = views().flatten().next() {
                view.prefetch(range, &mut walks);
            }
            for view in views() {
                if let Some(view) = view {
                    visit(at, view);
                }
                at += 1;
            }
        }
    }

    /// Calls `visit` with the newest sample of those of the slots that have any, as far as hot lines
    /// tell it.
    pub(super) fn newest(&self, slots: &[u32], mut visit: impl FnMut(usize, NewestSample)) {
        if self.is_empty() {
            return;
        }
        let mut at = 0;
        let of_stripe = slots.chunk_by(|a, b| stripe_of(*a) == stripe_of(*b));
        for slots in of_stripe.flat_map(|slots| slots.chunks(NEWEST_SLOTS)) {
            let stripe = slots
                .first()
                .and_then(|slot| self.stripes.get(stripe_of(*slot)));
            let Some(stripe) = stripe.map(Mutex::lock) else {
                return;
            };
            for &slot in slots {
                if let Some(view) = stripe.view(slot) {
                    visit(at, view.newest());
                }
                at += 1;
            }
        }
    }

    /// Copies what a slot has in `range`.
    pub fn parts(&self, slot: u32, range: TimeRange, parts: &mut Vec<ChunkPart>) {
        self.read(&[slot], |_, buffer| buffer.read(range, parts));
    }

    /// Calls `visit` with each slot that has samples.
    pub fn for_each(&self, mut visit: impl FnMut(u32, BufferView<'_>)) {
        for (number, stripe) in self.stripes.iter().enumerate() {
            let stripe = stripe.lock();
            for (page, buffers) in stripe.pages.iter().enumerate() {
                let first = first_slot(number, page);
                for (at, buffer) in buffers.iter().flat_map(|page| page.iter().enumerate()) {
                    if !buffer.is_empty() {
                        let slot = u32::try_from(first + at).unwrap_or(u32::MAX);
                        stripe
                            .view(slot)
                            .into_iter()
                            .for_each(|view| visit(slot, view));
                    }
                }
            }
            let only = stripe.histograms.keys();
            for slot in only.filter(|slot| stripe.get(**slot).is_none()) {
                stripe
                    .view(*slot)
                    .into_iter()
                    .for_each(|view| visit(*slot, view));
            }
        }
    }

    /// Bytes held in memory, and samples appended (duplicates included).
    #[must_use]
    pub fn usage(&self) -> (usize, u64) {
        let stripes = self.stripes.iter().map(|stripe| stripe.lock());
        stripes.fold((0, 0), |(bytes, samples), stripe| {
            (bytes + stripe.heap_bytes(), samples + stripe.samples)
        })
    }
}
