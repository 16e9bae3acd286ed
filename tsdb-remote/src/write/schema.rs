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

const SPAN: Schema = &[(1, Kind::Varint), (2, Kind::Varint)];

/// A histogram of remote write 2.0.
pub(super) const HISTOGRAM_V2: Schema = &[
    (1, Kind::Varint),
    (2, Kind::Double),
    (3, Kind::Double),
    (4, Kind::Varint),
    (5, Kind::Double),
    (6, Kind::Varint),
    (7, Kind::Double),
    (8, Kind::Message(SPAN)),
    (9, Kind::Varints),
    (10, Kind::Doubles),
    (11, Kind::Message(SPAN)),
    (12, Kind::Varints),
    (13, Kind::Doubles),
    (14, Kind::Varint),
    (15, Kind::Varint),
    (16, Kind::Doubles),
    (17, Kind::Varint),
];

/// A histogram of remote write 1.0, which has no start.
pub(super) const HISTOGRAM_V1: Schema = match HISTOGRAM_V2.split_last() {
    Some((_, fields)) => fields,
    None => &[],
};
