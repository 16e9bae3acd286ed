//! Labels as what differs from those before them.

use tsdb_core::Labels;
use tsdb_core::bits::{ByteReader, DecodeError, put_uvarint};

use super::WireError;

/// Bytes that labels may share with those before them at either end, each told in one byte: few
/// bytes can ask for little memory.
const SHARED_MAX: usize = 255;

/// Writes sets of labels, each `shared at the front u8, shared at the end u8, length uvarint,
/// bytes between`.
#[derive(Debug, Default)]
pub(super) struct LabelsWriter {
    last: Vec<u8>,
}

impl LabelsWriter {
    /// Forgets the labels before: the next are written whole.
    pub(super) fn clear(&mut self) {
        self.last.clear();
    }

    /// Bytes of memory that it keeps.
    pub(super) fn heap_bytes(&self) -> usize {
        self.last.capacity()
    }

    /// Appends canonical bytes of labels.
    pub(super) fn put(&mut self, canonical: &[u8], out: &mut Vec<u8>) {
        let same = |pair: &(&u8, &u8)| pair.0 == pair.1;
        let front = self.last.iter().zip(canonical).take(SHARED_MAX);
        let front = front.take_while(same).count();
        let room = self.last.len().min(canonical.len()) - front;
        let back = self.last.iter().rev().zip(canonical.iter().rev());
        let back = back.take(room.min(SHARED_MAX)).take_while(same).count();
        let between = canonical.get(front..canonical.len() - back);
        let between = between.unwrap_or_default();
        let byte = |len: usize| u8::try_from(len).unwrap_or(u8::MAX);
        out.extend_from_slice(&[byte(front), byte(back)]);
        put_uvarint(out, between.len() as u64);
        out.extend_from_slice(between);
        self.last.clear();
        self.last.extend_from_slice(canonical);
    }
}

/// Reads what a [`LabelsWriter`] wrote.
#[derive(Debug, Default)]
pub(super) struct LabelsReader {
    last: Vec<u8>,
    next: Vec<u8>,
}

impl LabelsReader {
    /// Forgets the labels before.
    pub(super) fn clear(&mut self) {
        self.last.clear();
    }

    /// The next labels.
    pub(super) fn take(
        &mut self,
        reader: &mut ByteReader<'_>,
        what: &'static str,
    ) -> Result<Labels, WireError> {
        self.take_bytes(reader)
            .map_err(WireError::malformed(what))?;
        let labels = Labels::from_bytes(self.next.as_slice().into())?;
        std::mem::swap(&mut self.last, &mut self.next);
        Ok(labels)
    }

    fn take_bytes(&mut self, reader: &mut ByteReader<'_>) -> Result<(), DecodeError> {
        let (front, back) = (usize::from(reader.u8()?), usize::from(reader.u8()?));
        let len = usize::try_from(reader.uvarint()?).unwrap_or(usize::MAX);
        let between = reader.take(len)?;
        let rest = self.last.len().checked_sub(back);
        let shared = self.last.get(..front).zip(rest);
        let shared = shared.and_then(|(head, at)| Some((head, self.last.get(at..)?)));
        let Some((head, tail)) = shared.filter(|_| front + back <= self.last.len()) else {
            return Err(reader.error("labels share more than those before them have"));
        };
        self.next.clear();
        self.next.extend_from_slice(head);
        self.next.extend_from_slice(between);
        self.next.extend_from_slice(tail);
        Ok(())
    }
}
