//! Values in order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::pairs::{CHUNK, Pair};
use super::symbols::Symbols;
use crate::model::Texts;

/// Texts whose memory is asked for at once.
const COPIED_AT_ONCE: usize = 32;

/// Eight bytes of a text from `skip` on, as a number that sorts as they do.
#[inline]
fn key_of(text: &[u8], skip: usize) -> u64 {
    let rest = text.get(skip..).unwrap_or_default();
    let bytes = match rest.first_chunk::<8>() {
        Some(bytes) => *bytes,
        None => {
            let mut bytes = [0; 8];
            bytes
                .iter_mut()
                .zip(rest)
                .for_each(|(to, from)| *to = *from);
            bytes
        }
    };
    u64::from_le_bytes(bytes).swap_bytes()
}

/// How many bytes all texts begin with alike.
fn common_prefix<'a>(mut texts: impl Iterator<Item = &'a [u8]>) -> usize {
    let first = texts.next().unwrap_or_default();
    texts.fold(first.len(), |common, text| {
        let first = first.get(..common).unwrap_or_default();
        if text.starts_with(first) {
            return common;
        }
        first.iter().zip(text).take_while(|(a, b)| a == b).count()
    })
}

/// Texts in order, which most often differ in the few bytes behind what all of them begin with.
pub(super) fn sort_texts(texts: &[&str]) -> Texts {
    let skip = common_prefix(texts.iter().map(|text| text.as_bytes()));
    let mut keyed: Vec<(u64, &str)> = texts
        .iter()
        .map(|text| (key_of(text.as_bytes(), skip), *text))
        .collect();
    // Stable, which is the sort that makes use of chunks already sorted.
    keyed.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.cmp(b.1)));
    let bytes = texts.iter().map(|text| text.len()).sum();
    let mut sorted = Texts::with_capacity(texts.len(), bytes);
    for some in keyed.chunks(COPIED_AT_ONCE) {
        // The texts lie far apart: ask for all of them before the first is waited for.
        let first_bytes = some.iter().filter_map(|(_, text)| text.as_bytes().first());
        std::hint::black_box(first_bytes.fold(0, |sum, byte| sum ^ *byte));
        some.iter().for_each(|(_, text)| sorted.push(text));
    }
    sorted
}

/// Sorts pairs of one name by their values.
pub(super) fn sort_by_value(symbols: &Symbols, all: &[Pair], pairs: &mut [u32]) {
    let text = |pair: u32| {
        let pair = all.get(pair as usize);
        pair.map_or(&[][..], |pair| symbols.bytes(pair.value))
    };
    let skip = common_prefix(pairs.iter().map(|pair| text(*pair)));
    let mut keyed: Vec<(u64, u32)> = pairs
        .iter()
        .map(|&pair| (key_of(text(pair), skip), pair))
        .collect();
    keyed.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| text(a.1).cmp(text(b.1))));
    for (to, (_, pair)) in pairs.iter_mut().zip(keyed) {
        *to = pair;
    }
}

/// Pairs of a name, chunk by sorted chunk and the unsorted rest, merged by value.
pub(super) struct SortedPairs<'a, T: Fn(u32) -> &'a str> {
    /// The next value of each chunk, with its pair, the chunk, and the place in it.
    heads: BinaryHeap<Reverse<(&'a str, u32, usize, usize)>>,
    chunks: Vec<&'a [u32]>,
    rest: Vec<u32>,
    text: T,
}

impl<'a, T: Fn(u32) -> &'a str> SortedPairs<'a, T> {
    /// Merges `pairs`, whose whole chunks are sorted; `rest` are the others, sorted as well.
    pub(super) fn new(pairs: &'a [u32], rest: Vec<u32>, text: T) -> Self {
        let chunks: Vec<&[u32]> = pairs.chunks_exact(CHUNK).collect();
        let mut sorted = Self {
            heads: BinaryHeap::with_capacity(chunks.len() + 1),
            chunks,
            rest,
            text,
        };
        for chunk in 0..=sorted.chunks.len() {
            sorted.advance(chunk, 0);
        }
        sorted
    }

    fn advance(&mut self, chunk: usize, at: usize) {
        let pairs = self.chunks.get(chunk).copied().unwrap_or(&self.rest);
        if let Some(&pair) = pairs.get(at) {
            let head = ((self.text)(pair), pair, chunk, at);
            self.heads.push(Reverse(head));
        }
    }
}

impl<'a, T: Fn(u32) -> &'a str> Iterator for SortedPairs<'a, T> {
    type Item = (u32, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((text, pair, chunk, at)) = self.heads.pop()?;
        self.advance(chunk, at + 1);
        Some((pair, text))
    }
}
