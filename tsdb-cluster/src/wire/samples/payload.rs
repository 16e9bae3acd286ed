//! The outside of a payload: which request of its connection it is, packed or not, a checksum.

use snap::raw::{Decoder, Encoder, decompress_len, max_compress_len};
use tsdb_core::bits::{ByteReader, DecodeError, crc32c, put_u32, put_uvarint};

use super::Packing;
use crate::wire::WireError;

/// The version of the payload's bytes, the low four bits of its first byte.
pub const SAMPLES_VERSION: u8 = 1;
/// Flag of a payload before which both sides empty their dictionaries.
const RESET: u8 = 1 << 4;
/// Flag of a body that is a snappy block.
const PACKED: u8 = 1 << 5;
/// The most a snappy block can grow: a copy of 64 bytes takes 3 bytes of input.
const GROWTH_MAX: usize = 22;
const CRC_BYTES: usize = 4;
const WHAT: &str = "payload of samples";

/// What the front of a payload says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Front {
    /// The request's number on its connection, from 0.
    pub(super) request: u64,
    /// Series of the dictionary before it.
    pub(super) known: u64,
    /// Whether the dictionary begins anew.
    pub(super) reset: bool,
}

/// Puts bodies into payloads. Reused: keeps its buffers.
#[derive(Debug)]
pub(super) struct Packer {
    encoder: Encoder,
    packed: Vec<u8>,
}

impl Packer {
    pub(super) fn new() -> Self {
        Self {
            encoder: Encoder::new(),
            packed: Vec::new(),
        }
    }

    /// Bytes of memory that it keeps, without those of the compressor.
    pub(super) fn heap_bytes(&self) -> usize {
        self.packed.capacity()
    }

    /// Appends the payload of `body`.
    pub(super) fn seal(&mut self, front: Front, body: &[u8], packing: Packing, out: &mut Vec<u8>) {
        let packed = match packing {
            Packing::Plain => None,
            Packing::Snappy => self.pack(body),
        };
        let start = out.len();
        let reset = if front.reset { RESET } else { 0 };
        let flag = if packed.is_some() { PACKED } else { 0 };
        out.push(SAMPLES_VERSION | reset | flag);
        put_uvarint(out, front.request);
        put_uvarint(out, front.known);
        out.extend_from_slice(packed.unwrap_or(body));
        let crc = crc32c(out.get(start..).unwrap_or_default());
        put_u32(out, crc);
    }

    /// The body as a snappy block; `None` where that is not shorter.
    fn pack(&mut self, body: &[u8]) -> Option<&[u8]> {
        let most = max_compress_len(body.len());
        if self.packed.len() < most {
            self.packed.resize(most, 0);
        }
        // Fails only for bodies of 4 GiB, which then go as they are.
        let len = self.encoder.compress(body, &mut self.packed).ok()?;
        self.packed
            .get(..len)
            .filter(|packed| packed.len() < body.len())
    }
}

/// Takes a payload apart; its body is unpacked to `scratch` if it is packed.
pub(super) fn open<'p>(
    payload: &'p [u8],
    limit: usize,
    scratch: &'p mut Vec<u8>,
) -> Result<(Front, &'p [u8]), WireError> {
    let malformed = WireError::malformed(WHAT);
    let error = |what, offset| malformed(DecodeError { what, offset });
    let end = payload.len().checked_sub(CRC_BYTES);
    let Some((covered, crc)) = end.and_then(|end| payload.split_at_checked(end)) else {
        return Err(error("truncated", payload.len()));
    };
    let expected = ByteReader::new(crc).u32().map_err(&malformed)?;
    let mut reader = ByteReader::new(covered);
    let flags = reader.u8().map_err(&malformed)?;
    if flags & 15 != SAMPLES_VERSION {
        return Err(error("a version of its bytes that is not 1", 0));
    }
    if crc32c(covered) != expected {
        return Err(error("a checksum that does not match", covered.len()));
    }
    if flags & !(15 | RESET | PACKED) != 0 {
        return Err(error("unknown flags", 0));
    }
    let front = Front {
        request: reader.uvarint().map_err(&malformed)?,
        known: reader.uvarint().map_err(&malformed)?,
        reset: flags & RESET != 0,
    };
    let at = reader.position();
    let body = covered.get(at..).unwrap_or_default();
    let unpacked = match flags & PACKED {
        0 => body.len(),
        _ => decompress_len(body).map_err(|_| error("no snappy block", at))?,
    };
    if unpacked > limit {
        return Err(WireError::TooLarge {
            what: "unpacked bytes of a payload",
            name: "payload_bytes",
            value: unpacked as u64,
            limit: limit as u64,
            advice: "send less in one request",
        });
    }
    if flags & PACKED == 0 {
        return Ok((front, body));
    }
    if unpacked > body.len().saturating_mul(GROWTH_MAX) {
        return Err(error(
            "a snappy block that claims more than it can hold",
            at,
        ));
    }
    if scratch.len() < unpacked {
        scratch.resize(unpacked, 0);
    }
    let target = scratch.get_mut(..unpacked).unwrap_or_default();
    let written = Decoder::new()
        .decompress(body, target)
        .map_err(|_| error("a snappy block that does not unpack", at))?;
    Ok((front, target.get(..written).unwrap_or_default()))
}
