//! Snappy blocks on their way out.

use bytes::Bytes;

use super::ClientError;

/// Compresses a message to a snappy block.
pub(super) fn compress(message: &[u8]) -> Result<Bytes, ClientError> {
    let block = snap::raw::Encoder::new().compress_vec(message);
    block.map(Bytes::from).map_err(|_| ClientError::TooLong {
        bytes: message.len(),
    })
}
