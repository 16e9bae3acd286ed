//! Bodies of either remote write protocol.

use bytes::Bytes;
use tsdb_core::model::{Labels, Sample};
use tsdb_remote::client::{ClientError, write, write_v2};
use tsdb_remote::write::WriteProtocol;

/// Builds the bodies of write requests of one protocol.
#[derive(Debug)]
pub enum WriteEncoder {
    /// Of remote write 1.0.
    V1(write::WriteEncoder),
    /// Of remote write 2.0.
    V2(Box<write_v2::WriteEncoder>),
}

impl WriteEncoder {
    /// An empty body.
    #[must_use]
    pub fn new(protocol: WriteProtocol) -> Self {
        match protocol {
            WriteProtocol::V1 => Self::V1(write::WriteEncoder::new()),
            WriteProtocol::V2 => Self::V2(Box::default()),
        }
    }

    /// Adds samples of a series.
    pub fn series(&mut self, labels: &Labels, samples: &[Sample]) {
        match self {
            Self::V1(encoder) => encoder.series(labels, samples),
            Self::V2(encoder) => encoder.series(labels, samples),
        }
    }

    /// How many samples were added.
    #[must_use]
    pub fn samples_len(&self) -> usize {
        match self {
            Self::V1(encoder) => encoder.samples_len(),
            Self::V2(encoder) => encoder.samples_len(),
        }
    }

    /// Gives out the compressed body and starts anew.
    ///
    /// # Errors
    /// When the body has 4 GiB or more.
    pub fn finish(&mut self) -> Result<Bytes, ClientError> {
        match self {
            Self::V1(encoder) => encoder.finish(),
            Self::V2(encoder) => encoder.finish(),
        }
    }
}
