//! What all messages have in common.

use bytes::Bytes;
use prost::Message as _;

use crate::Incarnation;
use crate::wire::{WireError, check_version};

/// A message of the node protocol: a plain value here, protobuf on the wire.
pub trait NodeMessage: Sized {
    /// Its name in the protocol.
    const NAME: &'static str;
    /// Its form on the wire.
    type Proto: prost::Message + Default;

    /// Its form on the wire.
    fn into_proto(self) -> Self::Proto;

    /// Takes its form on the wire, and checks it. A version that is not understood is told before
    /// anything else.
    ///
    /// # Errors
    /// When a field makes no sense, or the version is not understood.
    fn from_proto(proto: Self::Proto) -> Result<Self, WireError>;

    /// Its bytes.
    #[must_use]
    fn encode(self) -> Vec<u8> {
        self.into_proto().encode_to_vec()
    }

    /// Reads its bytes; the payload of a write and frames of series go on sharing them.
    ///
    /// # Errors
    /// When they are no protobuf of it, and as [`NodeMessage::from_proto`].
    fn decode(bytes: Bytes) -> Result<Self, WireError> {
        let proto = Self::Proto::decode(bytes).map_err(|source| WireError::Protobuf {
            message: Self::NAME,
            source,
        })?;
        Self::from_proto(proto)
    }
}

/// The error of a field of the message `M`.
pub(super) fn field<M: NodeMessage>(field: &'static str, reason: impl Into<String>) -> WireError {
    WireError::Field {
        message: M::NAME,
        field,
        reason: reason.into(),
    }
}

/// A field that must be there.
pub(super) fn required<M: NodeMessage, T>(
    name: &'static str,
    value: Option<T>,
) -> Result<T, WireError> {
    value.ok_or_else(|| field::<M>(name, "is missing"))
}

pub(super) fn incarnation_bytes(incarnation: Incarnation) -> Vec<u8> {
    incarnation.0.to_le_bytes().to_vec()
}

pub(super) fn incarnation_of<M: NodeMessage>(bytes: &[u8]) -> Result<Incarnation, WireError> {
    let bytes = <[u8; 16]>::try_from(bytes).map_err(|_| {
        field::<M>(
            "incarnation",
            format!("has {} bytes and not 16", bytes.len()),
        )
    })?;
    Ok(Incarnation(u128::from_le_bytes(bytes)))
}

/// What every request says first: the version, and which node is meant.
pub(super) fn addressed<M: NodeMessage>(
    version: u32,
    incarnation: &[u8],
) -> Result<Incarnation, WireError> {
    check_version(version)?;
    incarnation_of::<M>(incarnation)
}
