//! Numbers as good as random, the same for the same seed.

/// SplitMix64's finalizer: a number as good as random for each input.
#[must_use]
pub fn mix(input: u64) -> u64 {
    let mut z = input.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number below `limit` for each input; zero when the limit is zero.
#[must_use]
pub fn below(input: u64, limit: usize) -> usize {
    let limit = limit as u64;
    let found = mix(input).checked_rem(limit).unwrap_or_default();
    usize::try_from(found).unwrap_or_default()
}
