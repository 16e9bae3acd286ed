//! Snappy blocks whose declared length is checked before anything is allocated for it.

use snap::raw::{Decoder, decompress_len};

use crate::error::{DecodeError, RequestFault};

/// The most a block can grow: a copy of 64 bytes takes 3 bytes of input.
const MAX_GROWTH: usize = 22;

/// The length a block decodes to.
///
/// # Errors
/// When the block is empty or has no valid header, claims more than its own length can hold, or decodes to
/// more than `limit` bytes.
pub(crate) fn decoded_len(block: &[u8], limit: usize) -> Result<usize, DecodeError> {
    if block.is_empty() {
        return Err(snap::Error::Empty.into());
    }
    let declared = decompress_len(block)?;
    if declared > limit {
        return Err(RequestFault::DecodedTooLarge { declared, limit }.into());
    }
    if declared > block.len().saturating_mul(MAX_GROWTH) {
        return Err(DecodeError::SnappyLength {
            compressed: block.len(),
            declared,
        });
    }
    Ok(declared)
}

/// Decodes a block into the front of `buffer`, which only ever grows.
///
/// # Errors
/// As [`decoded_len`], or when the block is malformed.
pub(crate) fn decode<'b>(
    block: &[u8],
    limit: usize,
    buffer: &'b mut Vec<u8>,
) -> Result<&'b [u8], DecodeError> {
    let len = decoded_len(block, limit)?;
    if buffer.len() < len {
        buffer.resize(len, 0);
    }
    let target = buffer.get_mut(..len).unwrap_or_default();
    let written = Decoder::new().decompress(block, target)?;
    Ok(target.get(..written).unwrap_or_default())
}
