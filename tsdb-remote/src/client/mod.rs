//! The client's half of both protocols: requests to send and answers to understand, for any HTTP
//! stack.

mod error;
pub mod read;
pub mod write;

pub use error::ClientError;

use bytes::Bytes;

/// Compresses a message to a snappy block.
fn compress(message: &[u8]) -> Result<Bytes, ClientError> {
    let block = snap::raw::Encoder::new().compress_vec(message);
    block.map(Bytes::from).map_err(|_| ClientError::TooLong {
        bytes: message.len(),
    })
}
