//! Bytes that are appended once and never move, behind 32-bit handles.

/// Bytes of an ordinary segment.
const SEGMENT: usize = 1 << 18;
/// Items begin at multiples of this, so that an offset in a segment takes 16 bits.
const ALIGN: usize = 4;
const OFFSET_BITS: u32 = 16;
const MAX_SEGMENTS: usize = 1 << OFFSET_BITS;

/// Appended items of bytes. Growing never copies more than the first segment.
#[derive(Debug, Default)]
pub(super) struct Arena {
    segments: Vec<Vec<u8>>,
}

impl Arena {
    /// Whether an item might find no handle any more: at about 16 GiB.
    pub(super) fn is_full(&self) -> bool {
        self.segments.len() >= MAX_SEGMENTS
    }

    /// Appends an item, made of two parts, and gives its handle.
    pub(super) fn push(&mut self, head: &[u8], body: &[u8]) -> u32 {
        let len = head.len() + body.len();
        let fits = |segment: &Vec<u8>| segment.len().next_multiple_of(ALIGN) + len <= SEGMENT;
        if !self.segments.last().is_some_and(fits) {
            // Small indexes grow by doubling; later segments are taken whole.
            let capacity = if self.segments.is_empty() {
                len
            } else {
                len.max(SEGMENT)
            };
            assert!(
                self.segments.len() < MAX_SEGMENTS,
                "the index holds no more bytes"
            );
            self.segments.push(Vec::with_capacity(capacity));
        }
        let number = self.segments.len() - 1;
        let mut offset = 0;
        if let Some(segment) = self.segments.last_mut() {
            offset = segment.len().next_multiple_of(ALIGN);
            segment.resize(offset, 0);
            segment.extend_from_slice(head);
            segment.extend_from_slice(body);
        }
        (number as u32) << OFFSET_BITS | (offset / ALIGN) as u32
    }

    /// The bytes from the item's first on; more may follow it.
    #[inline]
    pub(super) fn from(&self, handle: u32) -> &[u8] {
        let number = (handle >> OFFSET_BITS) as usize;
        let offset = (handle & ((1 << OFFSET_BITS) - 1)) as usize * ALIGN;
        self.segments
            .get(number)
            .and_then(|segment| segment.get(offset..))
            .unwrap_or_default()
    }

    /// Bytes that have to be taken at once for items of `bytes` in all.
    pub(super) fn growth_bytes(&self, bytes: usize) -> usize {
        let (len, capacity) = self.segments.last().map_or((0, 0), |segment| {
            (segment.len().next_multiple_of(ALIGN), segment.capacity())
        });
        if capacity.saturating_sub(len) >= bytes {
            0
        } else if self.segments.len() <= 1 && len + bytes <= SEGMENT {
            (2 * capacity).max(len + bytes)
        } else {
            (bytes / SEGMENT + 1) * SEGMENT
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.segments.capacity() * size_of::<Vec<u8>>()
            + self.segments.iter().map(Vec::capacity).sum::<usize>()
    }
}

/// Splits a varint off the front of bytes of an arena; 0 at their end.
#[inline]
pub(super) fn take_number(rest: &mut &[u8]) -> u32 {
    let mut number = 0;
    let mut shift = 0;
    while let Some((&byte, tail)) = rest.split_first() {
        *rest = tail;
        number |= u32::from(byte & 0x7f) << shift;
        if byte < 0x80 || shift >= 28 {
            break;
        }
        shift += 7;
    }
    number
}
