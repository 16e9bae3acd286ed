//! Protobuf's wire format, read from a slice: total, without allocation.

use tsdb_core::bits::DecodeError;

/// How deep messages and groups may be nested, as in prost.
const MAX_DEPTH: u32 = 100;

/// How long a usual sample is: with a value, and when it is zero.
const USUAL_SAMPLE_BYTES: [usize; 2] = [18, 9];

/// How a field's value is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WireType {
    Varint,
    Fixed64,
    Bytes,
    StartGroup,
    EndGroup,
    Fixed32,
}

/// What a known field holds, as far as checking its form needs it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Varint,
    /// Bytes that must be UTF-8.
    Text,
}

/// The known fields of a message.
pub(crate) type Schema = &'static [(u32, Kind)];

/// A cursor over one message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wire<'a> {
    rest: &'a [u8],
    /// Offset of the end of `rest` in the whole input, for errors.
    end: usize,
    /// How many more levels may be entered.
    depth: u32,
}

impl<'a> Wire<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            end: bytes.len(),
            depth: MAX_DEPTH,
        }
    }

    /// The same bytes as the content of a message one level down.
    pub(crate) fn below(self) -> Self {
        Self {
            depth: self.depth.saturating_sub(1),
            ..self
        }
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What was not read yet.
    #[inline(always)]
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    #[inline(always)]
    pub(crate) fn offset(&self) -> usize {
        self.end - self.rest.len()
    }

    #[cold]
    pub(crate) fn error(&self, what: &'static str) -> DecodeError {
        DecodeError {
            what,
            offset: self.offset(),
        }
    }

    /// Steps over one byte if it is `byte`.
    #[inline(always)]
    pub(crate) fn eat(&mut self, byte: u8) -> bool {
        match self.rest.split_first() {
            Some((first, rest)) if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Steps over an empty length-delimited field that begins with the byte `key`.
    #[inline(always)]
    pub(crate) fn eat_empty(&mut self, key: u8) -> bool {
        match self.rest {
            [first, 0, rest @ ..] if *first == key => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Steps over a sample as nearly all senders write it, and answers its timestamp and value:
    /// field 2 with the value as field 1, unless it is zero, and then, as field 2, a timestamp of
    /// six bytes, which is one between 1971 and 2109.
    #[inline(always)]
    pub(crate) fn usual_sample(&mut self) -> Option<(i64, f64)> {
        match self.rest.split_first_chunk::<18>() {
            Some((
                &[
                    0x12,
                    0x10,
                    0x09,
                    a,
                    b,
                    c,
                    d,
                    e,
                    f,
                    g,
                    h,
                    0x10,
                    ref time @ ..,
                ],
                rest,
            )) => {
                let timestamp = usual_timestamp(time)?;
                self.rest = rest;
                let bits = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
                Some((timestamp, f64::from_bits(bits)))
            }
            _ => self.usual_zero(),
        }
    }

    #[inline(always)]
    fn usual_zero(&mut self) -> Option<(i64, f64)> {
        let (bytes, rest) = self.rest.split_first_chunk::<9>()?;
        let [0x12, 0x07, 0x10, time @ ..] = bytes else {
            return None;
        };
        let timestamp = usual_timestamp(time)?;
        self.rest = rest;
        Some((timestamp, 0.0))
    }

    /// Splits a message that ends with the bytes of one usual sample into what stands before it,
    /// timestamp and value. The bytes may yet be the end of another field.
    #[inline(always)]
    pub(crate) fn usual_sample_at_end(&self) -> Option<(&'a [u8], i64, f64)> {
        USUAL_SAMPLE_BYTES.into_iter().find_map(|len| {
            let before = self.rest.len().checked_sub(len)?;
            let (before, sample) = self.rest.split_at_checked(before)?;
            let mut sample = Self::new(sample);
            let (timestamp, value) = sample.usual_sample()?;
            sample.is_empty().then_some((before, timestamp, value))
        })
    }

    #[inline(always)]
    pub(crate) fn varint(&mut self) -> Result<u64, DecodeError> {
        match self.rest.split_first() {
            Some((first, rest)) if *first < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*first))
            }
            _ => self.long_varint(),
        }
    }

    /// [`Wire::varint`] for numbers that mostly have one or two bytes.
    #[inline(always)]
    pub(crate) fn short_varint(&mut self) -> Result<u64, DecodeError> {
        match *self.rest {
            [first @ ..0x80, ref rest @ ..] => {
                self.rest = rest;
                Ok(u64::from(first))
            }
            [first, second @ ..0x80, ref rest @ ..] => {
                self.rest = rest;
                Ok(u64::from(first & 0x7f) | u64::from(second) << 7)
            }
            _ => self.long_varint(),
        }
    }

    #[cold]
    fn long_varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0;
        for (index, &byte) in self.rest.iter().take(10).enumerate() {
            if index == 9 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.rest = self.rest.get(index + 1..).unwrap_or_default();
                return Ok(value);
            }
        }
        Err(self.error(if self.rest.len() < 10 {
            "a number is cut short"
        } else {
            "a number is wider than 64 bits"
        }))
    }

    #[inline(always)]
    fn take(&mut self, len: u64) -> Result<&'a [u8], DecodeError> {
        let split = usize::try_from(len)
            .ok()
            .and_then(|len| self.rest.split_at_checked(len));
        let Some((taken, rest)) = split else {
            return Err(self.error("a field is longer than what holds it"));
        };
        self.rest = rest;
        Ok(taken)
    }

    /// The bytes of a length-delimited field whose key was read.
    #[inline(always)]
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = self.varint()?;
        self.take(len)
    }

    /// The text in a length-delimited field whose key was read.
    pub(crate) fn text(&mut self) -> Result<&'a str, DecodeError> {
        let start = *self;
        std::str::from_utf8(self.bytes()?).map_err(|_| start.error("a text is not UTF-8"))
    }

    /// Steps over all length-delimited fields that begin with the byte `key`, and counts them.
    #[inline(always)]
    pub(crate) fn skip_all(&mut self, key: u8) -> Result<u64, DecodeError> {
        let mut count = 0;
        loop {
            // Nearly all are shorter than 128 bytes.
            while let [first, len @ ..0x80, tail @ ..] = self.rest
                && *first == key
                && let Some(rest) = tail.get(usize::from(*len)..)
            {
                self.rest = rest;
                count += 1;
            }
            if !self.eat(key) {
                return Ok(count);
            }
            self.bytes()?;
            count += 1;
        }
    }

    /// The message in a length-delimited field whose key was read.
    #[inline(always)]
    pub(crate) fn message(&mut self) -> Result<Self, DecodeError> {
        let bytes = self.bytes()?;
        let Some(depth) = self.depth.checked_sub(1) else {
            return Err(self.error("messages are nested too deeply"));
        };
        Ok(Self {
            rest: bytes,
            end: self.offset(),
            depth,
        })
    }

    #[inline(always)]
    pub(crate) fn double(&mut self) -> Result<f64, DecodeError> {
        let Some((bytes, rest)) = self.rest.split_first_chunk::<8>() else {
            return Err(self.error("a double is cut short"));
        };
        self.rest = rest;
        Ok(f64::from_bits(u64::from_le_bytes(*bytes)))
    }

    /// The number and layout of the next field.
    #[inline]
    pub(crate) fn key(&mut self) -> Result<(u32, WireType), DecodeError> {
        let start = *self;
        let key = self.varint()?;
        let wire_type = match key & 7 {
            0 => WireType::Varint,
            1 => WireType::Fixed64,
            2 => WireType::Bytes,
            3 => WireType::StartGroup,
            4 => WireType::EndGroup,
            5 => WireType::Fixed32,
            _ => return Err(start.error("a field has an unknown wire type")),
        };
        match u32::try_from(key) {
            Ok(key) if key >= 8 => Ok((key >> 3, wire_type)),
            _ => Err(start.error("a field has an invalid number")),
        }
    }

    /// Fails unless a known field is laid out as its type wants.
    #[inline]
    pub(crate) fn expect(&self, found: WireType, wanted: WireType) -> Result<(), DecodeError> {
        if found == wanted {
            return Ok(());
        }
        Err(self.error("a known field has the wrong wire type"))
    }

    /// Steps over the value of a field whose key was read.
    pub(crate) fn skip(&mut self, field: u32, wire_type: WireType) -> Result<(), DecodeError> {
        self.skip_within(field, wire_type, self.depth)
    }

    fn skip_within(
        &mut self,
        field: u32,
        wire_type: WireType,
        depth: u32,
    ) -> Result<(), DecodeError> {
        if depth == 0 {
            return Err(self.error("groups are nested too deeply"));
        }
        match wire_type {
            WireType::Varint => self.varint().map(drop),
            WireType::Fixed64 => self.take(8).map(drop),
            WireType::Fixed32 => self.take(4).map(drop),
            WireType::Bytes => self.bytes().map(drop),
            WireType::EndGroup => Err(self.error("a group ends that was not begun")),
            WireType::StartGroup => loop {
                match self.key()? {
                    (inner, WireType::EndGroup) if inner == field => return Ok(()),
                    (_, WireType::EndGroup) => {
                        return Err(self.error("a group ends that was not begun"));
                    }
                    (inner, wire_type) => self.skip_within(inner, wire_type, depth - 1)?,
                }
            },
        }
    }

    /// Reads to the end of the message and checks its form, known fields by `schema`.
    pub(crate) fn check(mut self, schema: Schema) -> Result<(), DecodeError> {
        while !self.is_empty() {
            let (field, wire_type) = self.key()?;
            match schema.iter().find(|(known, _)| *known == field) {
                Some((_, kind)) => self.check_field(wire_type, *kind)?,
                None => self.skip(field, wire_type)?,
            }
        }
        Ok(())
    }

    fn check_field(&mut self, wire_type: WireType, kind: Kind) -> Result<(), DecodeError> {
        match (kind, wire_type) {
            (Kind::Varint, WireType::Varint) => self.varint().map(drop),
            (Kind::Text, WireType::Bytes) => self.text().map(drop),
            _ => Err(self.error("a known field has the wrong wire type")),
        }
    }
}

/// A number of six bytes, if it has as many.
#[inline(always)]
fn usual_timestamp(bytes: &[u8; 6]) -> Option<i64> {
    const CONTINUED: u64 = 0x80_80_80_80_80;
    let [a, b, c, d, e, f] = *bytes;
    let packed = u64::from_le_bytes([a, b, c, d, e, f, 0, 0]);
    if packed & (CONTINUED | 0x80 << 40) != CONTINUED {
        return None;
    }
    // Seven bits of each byte, put together in pairs, and the pairs in one number.
    let pairs = packed & 0x007f_007f_007f | (packed & 0x7f00_7f00_7f00) >> 1;
    let number = pairs & 0x3fff | (pairs >> 2) & 0x3fff << 14 | (pairs >> 4) & 0x3fff << 28;
    Some(number.cast_signed())
}
