//! Exemplars on the wire: their labels are texts in remote write 1.0, indices of symbols in 2.0.

use tsdb_core::bits;
use tsdb_core::model::{
    BatchExemplar, Exemplar, ExemplarError, Labels, LabelsBuilder, LabelsError, SymbolLabels,
};

use super::labels::label;
use crate::wire::{Wire, WireType};

/// Text of labels that are not too long is at most so long: a character takes up to four bytes.
const TEXT_BYTES_MAX: usize = 4 * Exemplar::MAX_LABEL_CHARACTERS;

/// An exemplar as a batch takes it: timestamp, value, labels.
pub(super) type Taken = (i64, f64, Result<Labels, ExemplarError>);

/// Bytes of memory that an exemplar takes at most.
pub(super) const BYTES_AT_MOST: u64 = (size_of::<BatchExemplar>() + 2 * TEXT_BYTES_MAX) as u64;

/// Memory for the labels of an exemplar, used again for the next.
#[derive(Debug, Default)]
pub(super) struct ExemplarScratch {
    builder: LabelsBuilder,
    refs: Vec<u32>,
}

impl ExemplarScratch {
    /// Reads an exemplar of remote write 1.0.
    pub(super) fn take_v1(&mut self, mut wire: Wire<'_>) -> Result<Taken, bits::DecodeError> {
        let Self { builder, .. } = self;
        builder.clear();
        let (mut timestamp, mut value) = (0, 0.0);
        let mut text = Text::default();
        while !wire.is_empty() {
            let (field, wire_type) = wire.key()?;
            match field {
                1 => {
                    wire.expect(wire_type, WireType::Bytes)?;
                    let (name, value) = label(wire.message()?)?;
                    if text.add(name, value) {
                        builder.push_bytes(name, value);
                    }
                }
                2 | 3 => {
                    (timestamp, value) = number(&mut wire, field, wire_type, timestamp, value)?
                }
                _ => wire.skip(field, wire_type)?,
            }
        }
        let labels = text.check().and_then(|()| Ok(builder.finish()?));
        Ok((timestamp, value, labels))
    }

    /// Reads an exemplar of remote write 2.0, of which these are the symbols.
    pub(super) fn take_v2(
        &mut self,
        mut wire: Wire<'_>,
        symbols: &[&[u8]],
    ) -> Result<Taken, bits::DecodeError> {
        let Self { builder, refs } = self;
        refs.clear();
        let (mut timestamp, mut value) = (0, 0.0);
        while !wire.is_empty() {
            let (field, wire_type) = wire.key()?;
            match field {
                1 if wire_type == WireType::Bytes => {
                    let mut packed = wire.message()?;
                    while !packed.is_empty() {
                        refs.push(packed.varint()? as u32);
                    }
                }
                1 => {
                    wire.expect(wire_type, WireType::Varint)?;
                    refs.push(wire.varint()? as u32);
                }
                2 | 3 => {
                    (timestamp, value) = number(&mut wire, field, wire_type, timestamp, value)?
                }
                _ => wire.skip(field, wire_type)?,
            }
        }
        Ok((timestamp, value, resolve(refs, symbols, builder)))
    }

    /// Bytes of memory that indices may take, which come with a message of that length.
    pub(super) fn refs_bytes(message: Wire<'_>) -> u64 {
        2 * (size_of::<u32>() * message.rest().len()) as u64
    }
}

fn number(
    wire: &mut Wire<'_>,
    field: u32,
    wire_type: WireType,
    timestamp: i64,
    value: f64,
) -> Result<(i64, f64), bits::DecodeError> {
    if field == 2 {
        wire.expect(wire_type, WireType::Fixed64)?;
        return Ok((timestamp, wire.double()?));
    }
    wire.expect(wire_type, WireType::Varint)?;
    Ok((wire.varint()?.cast_signed(), value))
}

/// The labels that indices name. Symbols may be long, and named often: not before all are known to
/// be short enough is any of them copied.
fn resolve(
    refs: &[u32],
    symbols: &[&[u8]],
    builder: &mut LabelsBuilder,
) -> Result<Labels, ExemplarError> {
    let (pairs, odd) = refs.as_chunks::<2>();
    if !odd.is_empty() {
        let count = refs.len();
        return Err(LabelsError::OddSymbols { count }.into());
    }
    let mut text = Text::default();
    for pair in pairs {
        let [name, value] = pair.map(|index| {
            let found = usize::try_from(index).ok().and_then(|at| symbols.get(at));
            found.copied().ok_or(LabelsError::UnknownSymbol {
                index,
                symbols: symbols.len(),
            })
        });
        text.add(name?, value?);
    }
    text.check()?;
    builder.clear();
    SymbolLabels { refs, symbols }.parse(builder)?;
    Ok(builder.finish()?)
}

/// How long labels are, as far as it matters.
#[derive(Debug, Default)]
struct Text {
    bytes: usize,
}

impl Text {
    /// Adds a label, unless its value is empty; whether all may still be short enough.
    fn add(&mut self, name: &[u8], value: &[u8]) -> bool {
        if !value.is_empty() {
            self.bytes = self.bytes.saturating_add(name.len() + value.len());
        }
        self.bytes <= TEXT_BYTES_MAX
    }

    fn check(&self) -> Result<(), ExemplarError> {
        if self.bytes <= TEXT_BYTES_MAX {
            return Ok(());
        }
        Err(ExemplarError::LabelsTooLong {
            characters: self.bytes.div_ceil(4),
            limit: Exemplar::MAX_LABEL_CHARACTERS,
        })
    }
}
