//! The form of what is checked and not stored.

use crate::wire::{Kind, Schema};

const LABEL_V1: Schema = &[(1, Kind::Bytes), (2, Kind::Bytes)];

/// An exemplar of remote write 1.0.
pub(super) const EXEMPLAR_V1: Schema = &[
    (1, Kind::Message(LABEL_V1)),
    (2, Kind::Double),
    (3, Kind::Varint),
];

/// An exemplar of remote write 2.0.
pub(super) const EXEMPLAR_V2: Schema = &[(1, Kind::Varints), (2, Kind::Double), (3, Kind::Varint)];
