//! Prefix codes of limited length.

/// Longest code, in bits: a table of 2^11 entries decodes any.
pub(super) const CODE_BITS_MAX: u32 = 11;

/// The lengths of the best prefix code for symbols of these weights: 0 for a weight of 0.
///
/// Package-merge: level by level, the leaves are merged with pairs of the level below. The cheapest
/// `2n - 2` items of the last level say how long codes are: each level that a leaf is taken from
/// makes its code a bit longer.
pub(super) fn code_lengths<const N: usize>(weights: &[u64; N]) -> [u8; N] {
    let mut lengths = [0; N];
    let mut leaves: Vec<(u64, usize)> = weights.iter().copied().zip(0..N).collect();
    leaves.retain(|(weight, _)| *weight > 0);
    leaves.sort_unstable();
    if let [(_, symbol)] = leaves.as_slice() {
        if let Some(length) = lengths.get_mut(*symbol) {
            *length = 1;
        }
        return lengths;
    }
    let mut levels: Vec<Vec<bool>> = Vec::new();
    let mut pairs: Vec<u64> = Vec::new();
    for _ in 0..CODE_BITS_MAX {
        let leaf_items = leaves.iter().map(|(weight, _)| (*weight, true));
        let mut items: Vec<(u64, bool)> = leaf_items.collect();
        items.extend(pairs.iter().map(|weight| (*weight, false)));
        items.sort_by_key(|(weight, _)| *weight);
        let weights = items.chunks_exact(2);
        pairs = weights
            .map(|pair| pair.iter().map(|(weight, _)| weight).sum())
            .collect();
        levels.push(items.into_iter().map(|(_, is_leaf)| is_leaf).collect());
    }
    let mut taken = 2 * leaves.len().saturating_sub(1);
    for level in levels.iter().rev() {
        let from_leaves = level.iter().take(taken).filter(|is_leaf| **is_leaf).count();
        for (_, symbol) in leaves.iter().take(from_leaves) {
            if let Some(length) = lengths.get_mut(*symbol) {
                *length += 1;
            }
        }
        taken = 2 * (taken - from_leaves);
    }
    lengths
}

/// The codes of canonical lengths, lowest bit first; none when the lengths ask for more codes than there are.
pub(super) fn codes<const N: usize>(lengths: &[u8; N]) -> Option<[u16; N]> {
    let mut codes = [0; N];
    let mut next = 0u32;
    for length in 1..=CODE_BITS_MAX {
        let step = 1 << (CODE_BITS_MAX - length);
        for (code, _) in codes
            .iter_mut()
            .zip(lengths)
            .filter(|(_, found)| u32::from(**found) == length)
        {
            if next + step > 1 << CODE_BITS_MAX {
                return None;
            }
            *code = (next as u16).reverse_bits() >> (u16::BITS - CODE_BITS_MAX);
            next += step;
        }
    }
    Some(codes)
}
