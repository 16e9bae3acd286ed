//! Inputs out of inputs, the same ones for the same seed.

/// A small generator of chance (xorshift64*).
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`; 0 when `end` is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        if end == 0 {
            0
        } else {
            (self.next() >> 16) as usize % end
        }
    }
}

/// Values at which code goes wrong, as bytes.
const EDGES: &[&[u8]] = &[
    &[0],
    &[0xff],
    &[0x7f],
    &[0x80],
    &[0, 0, 0, 0],
    &[0xff, 0xff, 0xff, 0xff],
    &[0xff, 0xff, 0xff, 0x7f],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
    &[0, 0, 0, 0, 0, 0, 0, 0x80],
];

/// Changes one of the seeds in one to eight places.
pub(crate) fn mutate(seeds: &[Vec<u8>], chance: &mut Chance, max_len: usize) -> Vec<u8> {
    let mut input = seeds
        .get(chance.below(seeds.len()))
        .cloned()
        .unwrap_or_default();
    let other = seeds
        .get(chance.below(seeds.len()))
        .cloned()
        .unwrap_or_default();
    for _ in 0..=chance.below(8) {
        change(&mut input, &other, chance);
    }
    input.truncate(max_len);
    input
}

fn change(input: &mut Vec<u8>, other: &[u8], chance: &mut Chance) {
    let at = chance.below(input.len() + 1);
    let end = (at + 1 + chance.below(16)).min(input.len());
    match chance.below(8) {
        0 | 1 if at < input.len() => input[at] ^= 1 << chance.below(8),
        2 if at < input.len() => input[at] = chance.next().to_le_bytes()[0],
        3 => input.truncate(at),
        4 => drop(input.drain(at.min(end)..end)),
        5 => {
            let edge = EDGES[chance.below(EDGES.len())];
            let end = (at + edge.len() * chance.below(2)).min(input.len());
            input.splice(at..end, edge.iter().copied());
        }
        6 => {
            let from = chance.below(other.len() + 1);
            let to = (from + 1 + chance.below(64)).min(other.len());
            input.splice(at..at, other[from.min(to)..to].iter().copied());
        }
        _ => input.insert(at, chance.next().to_le_bytes()[0]),
    }
}
