//! The list of all series of an index.

use super::error::BlockError;
use super::window::{Source, Window};

/// Bytes of a number in a list.
const NUMBER_BYTES: u64 = 4;
/// Bytes read at once.
const STEP: usize = 64 << 10;
/// Parts of an entry of the table: a name and a value.
const KEY_PARTS: u8 = 2;

/// References of all series, read from the file as they are asked for.
#[derive(Debug)]
pub(super) struct AllSeries {
    window: Window,
    /// Where the first reference stands.
    first: u64,
    count: u64,
    next: u64,
    last: Option<u32>,
}

impl AllSeries {
    /// Finds the list in the table at `offset`; 0 says that there is none.
    pub(super) fn open(source: &Source, offset: u64) -> Result<Self, BlockError> {
        let mut all = Self {
            window: source.window(STEP),
            first: 0,
            count: 0,
            next: 0,
            last: None,
        };
        if offset == 0 {
            return Ok(all);
        }
        let Some(list) = find_all(&mut all.window, offset)? else {
            return Ok(all);
        };
        let len = u64::from(all.window.u32(list)?);
        source.check_crc(list.saturating_add(NUMBER_BYTES), len, "the list of series")?;
        let count = u64::from(all.window.u32(list + NUMBER_BYTES)?);
        if (count + 1) * NUMBER_BYTES != len {
            let why = format!("a list of {count} series does not take {len} bytes");
            return Err(source.damaged(list, why));
        }
        all.first = list + 2 * NUMBER_BYTES;
        all.count = count;
        Ok(all)
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// How many were given out.
    pub(super) fn position(&self) -> u64 {
        self.next
    }

    /// Goes on behind the first `position` series.
    pub(super) fn seek(&mut self, position: u64) {
        self.next = position.min(self.count);
        self.last = None;
    }

    /// The next one.
    pub(super) fn next(&mut self) -> Result<Option<u32>, BlockError> {
        if self.next >= self.count {
            return Ok(None);
        }
        let at = self.first + self.next * NUMBER_BYTES;
        self.next += 1;
        let reference = self.window.u32(at)?;
        if self.last.is_some_and(|last| last >= reference) {
            let why = format!("series {reference} does not follow the one before it");
            return Err(self.window.source.damaged(at, why));
        }
        self.last = Some(reference);
        Ok(Some(reference))
    }
}

/// Where the list stands whose name and value are empty.
fn find_all(window: &mut Window, offset: u64) -> Result<Option<u64>, BlockError> {
    let len = u64::from(window.u32(offset)?);
    let begin = offset.saturating_add(NUMBER_BYTES);
    window
        .source
        .check_crc(begin, len, "the table of postings")?;
    let count = window.u32(begin)?;
    let end = begin + len;
    let mut at = begin + NUMBER_BYTES;
    for _ in 0..count {
        let entry = at;
        let parts = window.bytes(at, 1)?.first().copied();
        if parts != Some(KEY_PARTS) {
            let why = "an entry of the table of postings has not a name and a value";
            return Err(window.source.damaged(at, why));
        }
        at += 1;
        let mut is_all = true;
        for _ in 0..KEY_PARTS {
            let (len, start) = window.uvarint(at, "the table of postings")?;
            is_all &= len == 0;
            at = start.saturating_add(len);
            if at > end {
                let why = "an entry of the table of postings is longer than the table";
                return Err(window.source.damaged(entry, why));
            }
        }
        let (list, next) = window.uvarint(at, "the table of postings")?;
        if is_all {
            return Ok(Some(list));
        }
        at = next;
        if at > end {
            let why = "the table of postings ends within an entry";
            return Err(window.source.damaged(entry, why));
        }
    }
    Ok(None)
}
