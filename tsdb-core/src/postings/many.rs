//! A bitmap that knows what memory it holds.

use super::Postings;

/// Values that one container of a bitmap holds as an array, 2 bytes each.
const ARRAY_LIMIT: usize = 4096;
/// Bytes of a container that is no array.
const BITSET_BYTES: usize = 8192;
/// Bytes of a container's entry in its bitmap.
const CONTAINER_BYTES: usize = 40;

#[derive(Clone, Debug)]
pub(super) struct Many {
    pub(super) bitmap: Postings,
    pub(super) len: u32,
    pub(super) last: u32,
    /// How many numbers the bitmap's last container holds.
    in_last_container: usize,
    containers: usize,
    /// Bytes that containers hold besides their entries.
    container_bytes: usize,
}

impl Many {
    pub(super) fn new() -> Self {
        Self {
            bitmap: Postings::new(),
            len: 0,
            last: 0,
            in_last_container: 0,
            containers: 0,
            container_bytes: 0,
        }
    }

    /// Appends, and follows what that costs: an array of 16-bit numbers doubles as it grows
    /// and becomes a bit set past its limit. Tells by how many bytes it grew.
    pub(super) fn push(&mut self, number: u32) -> usize {
        let mut grew = 0;
        if self.containers == 0 || number >> 16 != self.last >> 16 {
            grew += (grown(self.containers + 1) - grown(self.containers)) * CONTAINER_BYTES;
            self.containers += 1;
            self.in_last_container = 0;
        }
        // Only a number that is not the highest is refused; the list checks that before.
        let pushed = self.bitmap.try_push(number).is_ok();
        debug_assert!(pushed, "posting {number} is in order");
        let before = container_bytes(self.in_last_container);
        self.in_last_container += 1;
        let in_container = container_bytes(self.in_last_container) - before;
        self.container_bytes += in_container;
        self.last = number;
        self.len += 1;
        grew + in_container
    }

    pub(super) fn heap_bytes(&self) -> usize {
        size_of::<Self>() + grown(self.containers) * CONTAINER_BYTES + self.container_bytes
    }
}

fn container_bytes(len: usize) -> usize {
    if len > ARRAY_LIMIT {
        BITSET_BYTES
    } else {
        grown(len) * size_of::<u16>()
    }
}

/// The capacity of a vector that was filled one by one.
pub(super) fn grown(len: usize) -> usize {
    if len == 0 {
        0
    } else {
        len.next_power_of_two().max(4)
    }
}
