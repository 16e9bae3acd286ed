//! LEB128 numbers: seven bits a byte, low bits first; signed ones in zigzag order.

/// Appends an unsigned number in 1 to 10 bytes.
#[inline]
pub fn put_uvarint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Appends a signed number in 1 to 10 bytes.
#[inline]
pub fn put_ivarint(out: &mut Vec<u8>, value: i64) {
    put_uvarint(out, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

/// How many bytes [`put_uvarint`] writes.
#[must_use]
pub fn uvarint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros()).div_ceil(7) as usize
}
