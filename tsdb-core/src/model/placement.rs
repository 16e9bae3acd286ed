//! Which placement shard a series belongs to, as M3 decides it: by the murmur3 hash, of seed 0, of
//! its quoted tag id, `{__name__="foo",host="a"}`.
//!
//! Labels stand in the order of their names. Values are quoted as Go's `strconv.Quote` does, and
//! names are escaped alike, without quotes; without labels the id is `{}`. Of M3's own quoting
//! this differs for U+007F alone: `\x7f`, as newer versions of Go write it, not `\u007f`.

use std::fmt::{self, Write};
use std::num::NonZeroU32;

use super::quote::{write_escaped, write_quoted};
use super::{Labels, RawPairs};
use crate::bits::{Murmur3, uvarint_len};

/// The placement shard, of `shards`, of the series with these labels.
#[must_use]
pub fn shard_of(labels: &Labels, shards: NonZeroU32) -> u32 {
    placement_hash(labels.as_bytes()) % shards
}

/// The hash of the quoted tag id of a series, given the canonical bytes of its labels.
pub(crate) fn placement_hash(canonical: &[u8]) -> u32 {
    let mut hash = Murmur3::new(0);
    let mut special = 0;
    let mut before = "{";
    for (name, value) in RawPairs::new(canonical) {
        special += special_in_length(name.len()) + special_in_length(value.len());
        hash.append(before.as_bytes());
        hash.append(name);
        hash.append(b"=\"");
        hash.append(value);
        before = "\",";
    }
    // Where more bytes are special than those of lengths, some text has to be escaped.
    if canonical.is_empty() || special_in(canonical) != special {
        return escaped_hash(canonical);
    }
    hash.append(b"\"}");
    hash.finish()
}

#[cold]
fn escaped_hash(canonical: &[u8]) -> u32 {
    let mut hash = Hashed(Murmur3::new(0));
    // A hash takes every text.
    let _: fmt::Result = write_tag_id(&mut hash, canonical);
    hash.0.finish()
}

fn write_tag_id(out: &mut impl Write, canonical: &[u8]) -> fmt::Result {
    let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
    out.write_char('{')?;
    for (number, (name, value)) in RawPairs::new(canonical).enumerate() {
        if number > 0 {
            out.write_char(',')?;
        }
        write_escaped(out, text(name))?;
        out.write_char('=')?;
        write_quoted(out, text(value))?;
    }
    out.write_char('}')
}

struct Hashed(Murmur3);

impl Write for Hashed {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.append(text.as_bytes());
        Ok(())
    }
}

/// Whether a byte of text may have to be escaped.
#[inline]
const fn is_special(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\' || byte > b'~'
}

/// How many bytes are special, counted many at a time.
fn special_in(bytes: &[u8]) -> u32 {
    let of_chunk =
        |chunk: &[u8]| -> u8 { chunk.iter().map(|&byte| u8::from(is_special(byte))).sum() };
    bytes
        .chunks(128)
        .map(|chunk| u32::from(of_chunk(chunk)))
        .sum()
}

/// The same for the length before a text, as canonical labels have it.
#[inline]
fn special_in_length(len: usize) -> u32 {
    if len < 0x80 {
        return u32::from(is_special(len as u8));
    }
    let more = uvarint_len(len as u64) as u32 - 1;
    more + u32::from(is_special((len >> (7 * more)) as u8))
}
