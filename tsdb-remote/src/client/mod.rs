//! The client's half of both protocols: requests to send and answers to understand, for any HTTP
//! stack.

mod compress;
mod error;
pub(crate) mod histogram;
pub mod read;
pub mod write;
pub mod write_v2;

use compress::compress;
pub use error::ClientError;
