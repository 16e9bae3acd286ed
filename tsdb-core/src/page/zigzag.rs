//! Signed numbers as unsigned ones, small in both directions.

/// 0, -1, 1, -2, .. as 0, 1, 2, 3, ..
#[inline(always)]
pub(super) fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

/// The inverse of [`zigzag`], as the bits of the signed number.
#[inline(always)]
pub(super) fn unzigzag(code: u64) -> u64 {
    (code >> 1) ^ (code & 1).wrapping_neg()
}
