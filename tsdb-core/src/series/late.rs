//! Late samples of many series as they came: one arena, in blocks of a cache line, each of which
//! names the one before it of its series. Nothing moves and nothing is sorted before it is read.

use crate::bits::prefetch;
use crate::model::winner;

/// A timestamp in milliseconds since the epoch, and the bits of a value.
pub(super) type LateSample = (i64, u64);

/// Samples of a block: a cache line.
const BLOCK_SAMPLES: u32 = 4;
/// Bits of a [`LateEnd`] that count the samples of a block.
const COUNT_BITS: u32 = 3;
/// Blocks of a page: a power of two.
const PAGE_BLOCKS: u32 = 256;
const PAGE_BYTES: usize = PAGE_BLOCKS as usize * (size_of::<Block>() + size_of::<LateEnd>());
/// A [`LateEnd`] cannot tell more blocks apart.
const BLOCKS_MAX: u32 = u32::MAX >> COUNT_BITS;

#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Block([LateSample; BLOCK_SAMPLES as usize]);

const _: () = assert!(size_of::<Block>() == 64 && BLOCK_SAMPLES < 1 << COUNT_BITS);

/// Where the late samples of a series end: a block's number and one, then how many samples it has;
/// 0 where there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LateEnd(u32);

impl LateEnd {
    fn new(block: u32, count: u32) -> Self {
        Self((block + 1) << COUNT_BITS | count)
    }

    /// Whether there are no samples.
    #[inline]
    pub(super) fn is_none(self) -> bool {
        self.0 == 0
    }

    /// The last block, and how many samples it has.
    #[inline]
    fn block(self) -> Option<(u32, u32)> {
        let block = (self.0 >> COUNT_BITS).checked_sub(1)?;
        Some((block, self.0 & ((1 << COUNT_BITS) - 1)))
    }
}

#[derive(Debug)]
struct Page {
    blocks: Box<[Block]>,
    /// For each block, where the samples before it end; in a free block, the next free one.
    before: Box<[LateEnd]>,
}

/// The late samples of all series of a stripe.
#[derive(Debug, Default)]
pub(super) struct LateSamples {
    pages: Vec<Page>,
    used: u32,
    /// Blocks that were given back.
    free: LateEnd,
}

impl LateSamples {
    /// Bytes of memory held.
    #[must_use]
    pub(super) fn heap_bytes(&self) -> usize {
        self.pages.len() * PAGE_BYTES + self.pages.capacity() * size_of::<Page>()
    }

    /// Adds a sample behind `end`, which moves; whether that took a block. `None` when there are as
    /// many blocks as can be told apart.
    #[inline]
    pub(super) fn push(&mut self, end: &mut LateEnd, sample: LateSample) -> Option<bool> {
        let (block, count, began) = match end.block() {
            Some((block, count)) if count < BLOCK_SAMPLES => (block, count, false),
            _ => (self.begin(*end)?, 0, true),
        };
        let place = self.block_mut(block)?.get_mut(count as usize)?;
        *place = sample;
        *end = LateEnd::new(block, count + 1);
        Some(began)
    }

    /// A block behind `before`.
    fn begin(&mut self, before: LateEnd) -> Option<u32> {
        let block = match self.free.block() {
            Some((block, _)) => {
                self.free = self.before(block);
                block
            }
            None if self.used == BLOCKS_MAX => return None,
            None => {
                if self.used.is_multiple_of(PAGE_BLOCKS) {
                    self.pages.push(Page {
                        blocks: vec![Block::default(); PAGE_BLOCKS as usize].into_boxed_slice(),
                        before: vec![LateEnd::default(); PAGE_BLOCKS as usize].into_boxed_slice(),
                    });
                }
                self.used += 1;
                self.used - 1
            }
        };
        self.set_before(block, before);
        Some(block)
    }

    #[inline]
    fn block_mut(&mut self, block: u32) -> Option<&mut [LateSample; BLOCK_SAMPLES as usize]> {
        let page = self.pages.get_mut((block / PAGE_BLOCKS) as usize)?;
        let block = page.blocks.get_mut((block % PAGE_BLOCKS) as usize)?;
        Some(&mut block.0)
    }

    /// The samples of the last block before an end.
    #[inline]
    fn samples(&self, end: LateEnd) -> &[LateSample] {
        let samples = end.block().and_then(|(block, count)| {
            let page = self.pages.get((block / PAGE_BLOCKS) as usize)?;
            let block = page.blocks.get((block % PAGE_BLOCKS) as usize)?;
            block.0.get(..count as usize)
        });
        samples.unwrap_or_default()
    }

    fn before(&self, block: u32) -> LateEnd {
        let page = self.pages.get((block / PAGE_BLOCKS) as usize);
        let before = page.and_then(|page| page.before.get((block % PAGE_BLOCKS) as usize));
        before.copied().unwrap_or_default()
    }

    fn set_before(&mut self, block: u32, before: LateEnd) {
        let page = self.pages.get_mut((block / PAGE_BLOCKS) as usize);
        let place = page.and_then(|page| page.before.get_mut((block % PAGE_BLOCKS) as usize));
        if let Some(place) = place {
            *place = before;
        }
    }

    /// The blocks of a series, the last one first.
    fn blocks(&self, end: LateEnd) -> impl Iterator<Item = LateEnd> + '_ {
        std::iter::successors(Some(end), |end| Some(self.before(end.block()?.0)))
            .take_while(|end| !end.is_none())
    }

    /// Asks for the memory that [`LateSamples::push`] and [`LateSamples::last`] look at.
    #[inline]
    pub(super) fn prefetch(&self, end: LateEnd) {
        if let Some((block, _)) = end.block()
            && let Some(page) = self.pages.get((block / PAGE_BLOCKS) as usize)
        {
            prefetch(&page.blocks, (block % PAGE_BLOCKS) as usize);
        }
    }

    /// The bits of the sample that came last.
    #[inline]
    pub(super) fn last(&self, end: LateEnd) -> Option<u64> {
        self.samples(end).last().map(|sample| sample.1)
    }

    /// All samples of a series, the last ones first.
    pub(super) fn of(&self, end: LateEnd) -> impl Iterator<Item = LateSample> + '_ {
        let blocks = self.blocks(end).map(|end| self.samples(end));
        blocks.flat_map(|block| block.iter().rev().copied())
    }

    /// Gives back the blocks of a series.
    pub(super) fn release(&mut self, end: LateEnd) {
        if let Some((first, _)) = self.blocks(end).last().and_then(LateEnd::block) {
            self.set_before(first, self.free);
            self.free = end;
        }
    }
}

/// Sorts samples that stand in the order in which they came, and leaves one a timestamp: the
/// winner, or by the broken rule the one that came last.
pub(super) fn settle(samples: &mut Vec<LateSample>, order_free: bool) {
    samples.sort_by_key(|sample| sample.0);
    samples.dedup_by(|later, kept| {
        let same = later.0 == kept.0;
        if same {
            kept.1 = match order_free {
                true => winner(f64::from_bits(kept.1), f64::from_bits(later.1)).to_bits(),
                false => later.1,
            };
        }
        same
    });
}
