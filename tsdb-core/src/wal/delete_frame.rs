//! The payload of a delete's frame.

use super::FRAME_STAMP_BYTES;
use super::columns::FrameWriter;
use crate::bits::{ByteReader, DecodeError, put_uvarint};
use crate::model::{Generation, NamespaceId, Tombstone};

/// A frame of a delete.
pub const KIND_DELETE: u8 = 2;

/// A delete as the log holds it: the first frame of its generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteFrame {
    /// The namespace it concerns.
    pub namespace: NamespaceId,
    /// Epoch of the placement shard the writer was in; 0 without a cluster.
    pub epoch: u64,
    /// The delete of this namespace before it; 0 for none.
    pub delete_seen: Generation,
    /// What is deleted.
    pub tombstone: Tombstone,
}

impl DeleteFrame {
    /// Whether the payload of a frame is a delete's.
    #[must_use]
    pub fn is_one(payload: &[u8]) -> bool {
        payload.first() == Some(&KIND_DELETE)
    }

    /// The frame: room for the stamp, then the payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![0; FRAME_STAMP_BYTES];
        out.push(KIND_DELETE);
        put_uvarint(&mut out, u64::from(self.namespace.0));
        put_uvarint(&mut out, self.epoch);
        put_uvarint(&mut out, self.delete_seen.0);
        self.tombstone.encode(&mut out);
        out
    }

    /// Decodes the payload of a frame.
    ///
    /// # Errors
    /// When it is not a delete's, or malformed.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = ByteReader::new(payload);
        let writer = FrameWriter::decode(&mut reader, KIND_DELETE)?;
        let frame = Self {
            namespace: writer.namespace,
            epoch: writer.epoch,
            delete_seen: writer.delete_seen,
            tombstone: Tombstone::decode(&mut reader)?,
        };
        if !reader.is_empty() {
            return Err(reader.error("bytes left behind the delete"));
        }
        if frame.delete_seen >= frame.tombstone.generation {
            return Err(reader.error("a delete that has seen a later one"));
        }
        Ok(frame)
    }
}
