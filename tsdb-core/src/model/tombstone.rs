//! A delete as log and manifest keep it.

use super::{Generation, MatchOp, Matcher, MatcherError, TimeRange};
use crate::bits::{ByteReader, DecodeError, put_i64, put_u32, put_u64};

/// A delete has at most so many matchers,
pub const TOMBSTONE_MATCHERS_MAX: usize = 64;
/// and takes at most so many bytes.
pub const TOMBSTONE_BYTES_MAX: usize = 16 << 10;
/// Generation, first and last millisecond, number of matchers.
const FIXED_BYTES: usize = 3 * 8 + 4;
/// Operator and two lengths.
const MATCHER_FIXED_BYTES: usize = 1 + 2 * 4;

/// A matcher as text: what it was made of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MatcherText {
    /// How it compares.
    pub op: MatchOp,
    /// The label it looks at.
    pub name: String,
    /// A value, a pattern or shards.
    pub value: String,
}

impl MatcherText {
    /// What `matcher` was made of.
    #[must_use]
    pub fn of(matcher: &Matcher) -> Self {
        Self {
            op: matcher.op(),
            name: matcher.name().to_owned(),
            value: matcher.value().to_owned(),
        }
    }

    /// The matcher.
    ///
    /// # Errors
    /// When the pattern is no regular expression, or the shards are no set of them.
    pub fn compile(&self) -> Result<Matcher, MatcherError> {
        Matcher::new(self.op, self.name.as_str(), self.value.as_str())
    }
}

/// A delete: hides the samples of `range` of all series that match from every buffer, run and
/// block that holds nothing of `generation` or later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tombstone {
    /// The generation that it began. No two deletes have the same one.
    pub generation: Generation,
    /// When the hidden samples were taken.
    pub range: TimeRange,
    /// All of which a series must match; every series if there are none.
    pub matchers: Vec<MatcherText>,
}

impl Tombstone {
    /// Bytes that [`Tombstone::encode`] appends.
    #[must_use]
    pub fn encoded_bytes(&self) -> usize {
        let matchers = self.matchers.iter();
        let bytes = matchers.map(|one| MATCHER_FIXED_BYTES + one.name.len() + one.value.len());
        FIXED_BYTES + bytes.sum::<usize>()
    }

    /// Whether a matcher asks for placement shards.
    #[must_use]
    pub fn names_shards(&self) -> bool {
        self.matchers.iter().any(|one| one.op == MatchOp::Shards)
    }

    /// Whether it hides anything of a source whose newest samples are of `generation` and whose
    /// timestamps lie between `min` and `max`, if its series match.
    #[must_use]
    pub fn reaches(&self, generation: Generation, (min, max): (i64, i64)) -> bool {
        generation < self.generation && self.range.overlaps(min, max)
    }

    /// Appends its bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let narrow = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        put_u64(out, self.generation.0);
        put_i64(out, self.range.min());
        put_i64(out, self.range.max());
        put_u32(out, narrow(self.matchers.len()));
        for matcher in &self.matchers {
            out.push(code(matcher.op));
            put_u32(out, narrow(matcher.name.len()));
            out.extend_from_slice(matcher.name.as_bytes());
            put_u32(out, narrow(matcher.value.len()));
            out.extend_from_slice(matcher.value.as_bytes());
        }
    }

    /// Reads one. Patterns are not looked at: see [`MatcherText::compile`].
    ///
    /// # Errors
    /// When it is cut short, holds no time, or is larger than a delete may be.
    pub fn decode(reader: &mut ByteReader<'_>) -> Result<Self, DecodeError> {
        let began = reader.position();
        let generation = Generation(reader.u64()?);
        let (min, max) = (reader.i64()?, reader.i64()?);
        let range = TimeRange::inclusive(min, max)
            .map_err(|_| reader.error("a delete that ends before it starts"))?;
        let count = usize::try_from(reader.u32()?).unwrap_or(usize::MAX);
        if count > TOMBSTONE_MATCHERS_MAX {
            return Err(reader.error("a delete of more than 64 matchers"));
        }
        let mut matchers = Vec::new();
        for _ in 0..count {
            let matcher = MatcherText {
                op: decode_op(reader)?,
                name: text(reader)?,
                value: text(reader)?,
            };
            if matcher.op == MatchOp::Shards && !matcher.name.is_empty() {
                return Err(reader.error("a matcher of shards that names a label"));
            }
            matchers.push(matcher);
        }
        if reader.position() - began > TOMBSTONE_BYTES_MAX {
            return Err(reader.error("a delete of more than 16 KiB"));
        }
        Ok(Self {
            generation,
            range,
            matchers,
        })
    }
}

fn code(op: MatchOp) -> u8 {
    match op {
        MatchOp::Equal => 0,
        MatchOp::NotEqual => 1,
        MatchOp::Regex => 2,
        MatchOp::NotRegex => 3,
        MatchOp::Shards => 4,
    }
}

fn decode_op(reader: &mut ByteReader<'_>) -> Result<MatchOp, DecodeError> {
    match reader.u8()? {
        0 => Ok(MatchOp::Equal),
        1 => Ok(MatchOp::NotEqual),
        2 => Ok(MatchOp::Regex),
        3 => Ok(MatchOp::NotRegex),
        4 => Ok(MatchOp::Shards),
        _ => Err(reader.error("unknown operator of a matcher")),
    }
}

fn text(reader: &mut ByteReader<'_>) -> Result<String, DecodeError> {
    let len = usize::try_from(reader.u32()?).unwrap_or(usize::MAX);
    if len > TOMBSTONE_BYTES_MAX {
        return Err(reader.error("a delete of more than 16 KiB"));
    }
    let bytes = reader.take(len)?;
    let text = std::str::from_utf8(bytes).map_err(|_| reader.error("a matcher not in UTF-8"))?;
    Ok(text.to_owned())
}
