//! The labels of a series as the wire carries them: the raw field-1 region of a `TimeSeries`.

use tsdb_core::bits::DecodeError;
use tsdb_core::model::{EncodedLabels, LabelsBuilder, LabelsError, SeriesKey};

use crate::wire::{Wire, WireType};

/// A key made of raw label fields, which are split only if the series is new.
pub(crate) fn encoded_key(region: &[u8]) -> SeriesKey<'_> {
    SeriesKey::Encoded(EncodedLabels {
        bytes: region,
        parse,
    })
}

/// Pushes the labels of a region to a cleared builder.
///
/// # Errors
/// [`LabelsError::Malformed`] when the bytes are not label fields of a `prometheus.TimeSeries`.
pub fn parse(region: &[u8], builder: &mut LabelsBuilder) -> Result<(), LabelsError> {
    split(region, |name, value| builder.push_bytes(name, value)).map_err(|error| {
        LabelsError::Malformed {
            offset: error.offset,
        }
    })
}

/// Calls `each` with name and value of every label of a region.
pub(crate) fn split<'a>(
    region: &'a [u8],
    mut each: impl FnMut(&'a [u8], &'a [u8]),
) -> Result<(), DecodeError> {
    let mut wire = Wire::new(region).below();
    while !wire.is_empty() {
        let (field, wire_type) = wire.key()?;
        if field != 1 || wire_type != WireType::Bytes {
            return Err(wire.error("labels hold another field"));
        }
        let (name, value) = label(wire.message()?)?;
        each(name, value);
    }
    Ok(())
}

/// Name and value of a label.
pub(super) fn label(mut wire: Wire<'_>) -> Result<(&[u8], &[u8]), DecodeError> {
    let (mut name, mut value) = (&[][..], &[][..]);
    while !wire.is_empty() {
        let (field, wire_type) = wire.key()?;
        match field {
            1 | 2 => {
                wire.expect(wire_type, WireType::Bytes)?;
                let bytes = wire.bytes()?;
                if field == 1 {
                    name = bytes
                } else {
                    value = bytes
                }
            }
            _ => wire.skip(field, wire_type)?,
        }
    }
    Ok((name, value))
}
