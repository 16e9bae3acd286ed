//! In which order a clone plays the captured scrapes.

use std::ops::Range;

use crate::chance::{below, mix};

/// Shortest and longest stretch of scrapes that a clone plays as they were captured.
const STRETCH: Range<usize> = 8..41;

/// The captured scrapes that one clone plays, each at most once: a part of the capture of its own,
/// cut into stretches, and those in an order of its own.
///
/// Increments within a stretch are real ones, and all series of a target keep step, so that what
/// makes real data compress is left; but no two clones have the same run of a few dozen scrapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    /// Where the part begins in the capture.
    first: usize,
    /// Its stretches in the order they are played.
    stretches: Vec<Range<usize>>,
    /// For each round: its scrape, and which stretch that is in.
    rounds: Vec<(u32, u32)>,
}

impl Order {
    /// The first `rounds` scrapes as they were captured.
    pub(crate) fn captured(rounds: usize) -> Self {
        Self::of(0, std::iter::once(0..rounds).collect())
    }

    /// An order of `rounds` out of `captured` scrapes that depends on `seed` alone.
    pub(crate) fn shuffled(captured: usize, rounds: usize, seed: u64) -> Self {
        let rounds = rounds.min(captured);
        let first = below(seed, captured - rounds + 1);
        let mut stretches = Vec::new();
        let mut from = first;
        while from < first + rounds {
            let chance = mix(seed).wrapping_add(from as u64);
            let to = from + STRETCH.start + below(chance, STRETCH.len());
            stretches.push(from..to.min(first + rounds));
            from = to;
        }
        for last in (1..stretches.len()).rev() {
            stretches.swap(last, below(seed ^ mix(last as u64), last + 1));
        }
        Self::of(first, stretches)
    }

    fn of(first: usize, stretches: Vec<Range<usize>>) -> Self {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let rounds = stretches.iter().enumerate().flat_map(|(index, stretch)| {
            stretch
                .clone()
                .map(move |scrape| (number(scrape), number(index)))
        });
        Self {
            first,
            rounds: rounds.collect(),
            stretches,
        }
    }

    /// How many rounds it has.
    pub(crate) fn len(&self) -> usize {
        self.rounds.len()
    }

    /// The captured scrape that is played in a round.
    pub(crate) fn scrape(&self, round: usize) -> usize {
        self.rounds
            .get(round)
            .map_or(0, |(scrape, _)| *scrape as usize)
    }

    /// The captured scrape of a round for series that do not stand all scrapes, whose gaps would
    /// multiply if they were cut into stretches.
    pub(crate) fn unshuffled(&self, round: usize) -> usize {
        self.first + round
    }

    /// The stretches played before the one that a round is in, and that one.
    pub(crate) fn played(&self, round: usize) -> (&[Range<usize>], Range<usize>) {
        let index = self.rounds.get(round).map_or(0, |(_, at)| *at as usize);
        let before = self.stretches.get(..index).unwrap_or_default();
        (
            before,
            self.stretches.get(index).cloned().unwrap_or_default(),
        )
    }
}
