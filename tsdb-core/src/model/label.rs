//! Sets of labels, and the scratch in which they are made.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;

use super::quote::{is_legacy_label_name, is_legacy_metric_name, write_quoted};
use crate::bits::{ByteReader, put_uvarint, uvarint_len};

/// The label that holds the metric's name.
pub const METRIC_NAME: &str = "__name__";

/// A name and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label<'a> {
    /// Never empty.
    pub name: &'a str,
    /// Never empty: a label without value is a label that is not there.
    pub value: &'a str,
}

/// Why labels are no valid set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelsError {
    /// Two labels have one name.
    #[error("label name {name:?} occurs twice: send each label once")]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// A name or value is not UTF-8.
    #[error("{what} is not UTF-8 at its byte {position}: send UTF-8")]
    InvalidUtf8 {
        /// `label name` or `label value`.
        what: &'static str,
        /// Offset of the first bad byte in that name or value.
        position: usize,
    },
    /// A label with a value has no name.
    #[error("a label has a value but no name: name it")]
    EmptyName,
    /// Encoded labels do not follow their encoding.
    #[error("malformed labels at byte {offset}")]
    Malformed {
        /// Offset in the encoding.
        offset: usize,
    },
    /// A label is an index beyond the table of symbols.
    #[error("label index {index} is not below the number of symbols, {symbols}: send every symbol")]
    UnknownSymbol {
        /// The index.
        index: u32,
        /// How many symbols there are.
        symbols: usize,
    },
    /// A label name has no value.
    #[error("{count} label indices are no pairs of name and value: send an even number")]
    OddSymbols {
        /// How many indices there are.
        count: usize,
    },
}

/// A set of labels, sorted by name, in one allocation.
///
/// Its canonical bytes are, for each label in order of names,
/// `uvarint(len) name uvarint(len) value`. Equal sets have equal bytes.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Labels {
    bytes: Box<[u8]>,
}

impl Labels {
    /// Makes a set of pairs in any order; pairs with an empty value are left out.
    ///
    /// # Errors
    /// When a name is empty or occurs twice.
    pub fn from_pairs<N: AsRef<str>, V: AsRef<str>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, LabelsError> {
        let mut builder = LabelsBuilder::new();
        for (name, value) in pairs {
            builder.push(name.as_ref(), value.as_ref());
        }
        builder.finish()
    }

    /// Takes canonical bytes after checking them.
    ///
    /// # Errors
    /// When they are not exactly what [`Labels::as_bytes`] gives for some set.
    pub fn from_bytes(bytes: Box<[u8]>) -> Result<Self, LabelsError> {
        let mut reader = ByteReader::new(&bytes);
        let mut last_name: &[u8] = &[];
        while !reader.is_empty() {
            let offset = reader.position();
            let name = checked_text(&mut reader, "label name")?;
            // A name sorts after the last, so it is neither empty nor a second one.
            if name <= last_name {
                return Err(LabelsError::Malformed { offset });
            }
            last_name = name;
            let offset = reader.position();
            if checked_text(&mut reader, "label value")?.is_empty() {
                return Err(LabelsError::Malformed { offset });
            }
        }
        Ok(Self { bytes })
    }

    /// Takes bytes that were made as canonical ones: of texts, their names rising, no value empty.
    pub(crate) fn from_canonical(bytes: &[u8]) -> Self {
        debug_assert!(
            Self::from_bytes(bytes.into()).is_ok(),
            "labels that are not canonical"
        );
        Self {
            bytes: bytes.into(),
        }
    }

    /// The canonical bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The labels in order of their names.
    #[must_use]
    pub fn iter(&self) -> LabelIter<'_> {
        LabelIter { rest: &self.bytes }
    }

    /// The labels in order of their names, as bytes.
    pub(crate) fn raw_pairs(&self) -> RawPairs<'_> {
        RawPairs { rest: &self.bytes }
    }

    /// Makes a set of pairs that another set gave, in the same order.
    pub(crate) fn from_raw_pairs<'a>(pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Self {
        let mut bytes = Vec::with_capacity(256);
        for (name, value) in pairs {
            put_field(&mut bytes, name);
            put_field(&mut bytes, value);
        }
        debug_assert!(
            Self::from_bytes(bytes.as_slice().into()).is_ok(),
            "pairs are canonical"
        );
        Self {
            bytes: bytes.into_boxed_slice(),
        }
    }

    /// The value of the label `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut pairs = self.raw_pairs();
        let (_, value) = pairs
            .find(|pair| pair.0 >= name.as_bytes())
            .filter(|pair| pair.0 == name.as_bytes())?;
        Some(text(value))
    }

    /// The value of `__name__`.
    #[must_use]
    pub fn metric_name(&self) -> Option<&str> {
        self.get(METRIC_NAME)
    }

    /// How many labels there are. Counts them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.raw_pairs().count()
    }

    /// Whether there is no label.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// By the pairs in order: names first, then values, then a prefix before what it begins.
impl Ord for Labels {
    fn cmp(&self, other: &Self) -> Ordering {
        self.raw_pairs().cmp(other.raw_pairs())
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<'a> IntoIterator for &'a Labels {
    type Item = Label<'a>;
    type IntoIter = LabelIter<'a>;

    fn into_iter(self) -> LabelIter<'a> {
        self.iter()
    }
}

/// As Prometheus prints a metric: `name{a="b", c="d"}`, names outside its old alphabet in quotes.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bare = self
            .metric_name()
            .filter(|name| is_legacy_metric_name(name));
        let quoted = self.metric_name().filter(|_| bare.is_none());
        let mut rest = self
            .iter()
            .filter(|label| label.name != METRIC_NAME)
            .peekable();
        if let Some(name) = bare {
            f.write_str(name)?;
            if rest.peek().is_none() {
                return Ok(());
            }
        }
        f.write_str("{")?;
        if let Some(name) = quoted {
            write_quoted(f, name)?;
        }
        for (count, label) in rest.enumerate() {
            if count > 0 || quoted.is_some() {
                f.write_str(", ")?;
            }
            if is_legacy_label_name(label.name) {
                f.write_str(label.name)?;
            } else {
                write_quoted(f, label.name)?;
            }
            f.write_str("=")?;
            write_quoted(f, label.value)?;
        }
        f.write_str("}")
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The labels of a set in order of their names.
#[derive(Clone, Debug)]
pub struct LabelIter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for LabelIter<'a> {
    type Item = Label<'a>;

    #[inline]
    fn next(&mut self) -> Option<Label<'a>> {
        let name = take_field(&mut self.rest)?;
        let value = take_field(&mut self.rest)?;
        Some(Label {
            name: text(name),
            value: text(value),
        })
    }
}

impl std::iter::FusedIterator for LabelIter<'_> {}

/// The pairs of canonical bytes that were checked before, as bytes.
#[derive(Clone, Debug)]
pub(crate) struct RawPairs<'a> {
    rest: &'a [u8],
}

impl<'a> RawPairs<'a> {
    /// The pairs of bytes that [`Labels::as_bytes`] gave.
    pub(crate) fn new(canonical: &'a [u8]) -> Self {
        Self { rest: canonical }
    }

    /// The bytes that were not read yet.
    #[inline]
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// How many bytes of `whole`, which it was made of, were read.
    pub(crate) fn position_in(&self, whole: &[u8]) -> usize {
        whole.len() - self.rest.len()
    }
}

impl<'a> Iterator for RawPairs<'a> {
    type Item = (&'a [u8], &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        Some((take_field(&mut self.rest)?, take_field(&mut self.rest)?))
    }
}

/// Splits a length-prefixed field off; nearly all lengths take one byte.
#[inline]
fn take_field<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (&first, tail) = rest.split_first()?;
    if first < 0x80 {
        let (field, tail) = tail.split_at_checked(usize::from(first))?;
        *rest = tail;
        return Some(field);
    }
    let mut reader = ByteReader::new(rest);
    let len = usize::try_from(reader.uvarint().ok()?).ok()?;
    let field = reader.take(len).ok()?;
    *rest = rest.get(reader.position()..)?;
    Some(field)
}

/// Text of a set: it was checked when the set was made.
#[inline]
fn text(bytes: &[u8]) -> &str {
    let text = std::str::from_utf8(bytes);
    debug_assert!(text.is_ok(), "a label set holds only UTF-8");
    text.unwrap_or_default()
}

/// Reads a length-prefixed field of which nothing is known yet.
fn checked_text<'a>(
    reader: &mut ByteReader<'a>,
    what: &'static str,
) -> Result<&'a [u8], LabelsError> {
    let offset = reader.position();
    let malformed = |_| LabelsError::Malformed { offset };
    let len = reader.uvarint().map_err(malformed)?;
    if reader.position() - offset != uvarint_len(len) {
        return Err(LabelsError::Malformed { offset });
    }
    let len = usize::try_from(len).map_err(|_| LabelsError::Malformed { offset })?;
    let field = reader.take(len).map_err(malformed)?;
    check_utf8(field, what)?;
    Ok(field)
}

fn check_utf8(bytes: &[u8], what: &'static str) -> Result<(), LabelsError> {
    match std::str::from_utf8(bytes) {
        Ok(_) => Ok(()),
        Err(error) => Err(LabelsError::InvalidUtf8 {
            what,
            position: error.valid_up_to(),
        }),
    }
}

/// A name and its value in the builder's text: the value follows the name.
#[derive(Clone, Debug)]
struct Pair {
    start: usize,
    name_end: usize,
    value_end: usize,
}

impl Pair {
    fn name(&self) -> Range<usize> {
        self.start..self.name_end
    }

    fn value(&self) -> Range<usize> {
        self.name_end..self.value_end
    }
}

/// Scratch in which labels are put in any order. Once it has grown it allocates nothing.
///
/// What was pushed stays until [`LabelsBuilder::clear`].
#[derive(Clone, Debug, Default)]
pub struct LabelsBuilder {
    text: Vec<u8>,
    pairs: Vec<Pair>,
    canonical: Vec<u8>,
}

impl LabelsBuilder {
    /// Bytes of memory that it keeps between sets of labels.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let pairs = self.pairs.capacity() * size_of::<Pair>();
        self.text.capacity() + self.canonical.capacity() + pairs
    }

    /// An empty scratch.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            text: Vec::new(),
            pairs: Vec::new(),
            canonical: Vec::new(),
        }
    }

    /// Takes all labels out and keeps the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.pairs.clear();
    }

    /// Adds a label whose bytes need not be checked yet. Empty values are dropped.
    pub fn push_bytes(&mut self, name: &[u8], value: &[u8]) {
        if value.is_empty() {
            return;
        }
        let start = self.text.len();
        self.text.extend_from_slice(name);
        let name_end = self.text.len();
        self.text.extend_from_slice(value);
        self.pairs.push(Pair {
            start,
            name_end,
            value_end: self.text.len(),
        });
    }

    /// Adds a label. Empty values are dropped.
    pub fn push(&mut self, name: &str, value: &str) {
        self.push_bytes(name.as_bytes(), value.as_bytes());
    }

    /// Takes a label out again, however often it was pushed.
    pub fn remove(&mut self, name: &str) {
        let text = &self.text;
        let is_named = |pair: &Pair| text.get(pair.name()) == Some(name.as_bytes());
        self.pairs.retain(|pair| !is_named(pair));
    }

    /// How many labels with a value were pushed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether no label with a value was pushed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// What was pushed, as text for people, whatever is wrong with it; at most a few hundred
    /// bytes.
    #[must_use]
    pub fn describe(&self) -> String {
        const TEXT_BYTES: usize = 300;
        let mut text = String::from("{");
        for pair in &self.pairs {
            if text.len() > TEXT_BYTES {
                text.push_str(", ...");
                break;
            }
            let part = |range: Range<usize>| {
                let bytes = self.text.get(range).unwrap_or_default();
                String::from_utf8_lossy(
                    bytes.get(..bytes.len().min(TEXT_BYTES)).unwrap_or_default(),
                )
            };
            let comma = if text.len() > 1 { ", " } else { "" };
            text += &format!("{comma}{}={:?}", part(pair.name()), part(pair.value()));
        }
        text.push('}');
        text
    }

    /// Makes the set.
    ///
    /// # Errors
    /// When a name is empty or occurs twice, or a name or value is not UTF-8.
    pub fn finish(&mut self) -> Result<Labels, LabelsError> {
        Ok(Labels {
            bytes: self.canonical()?.into(),
        })
    }

    /// The canonical bytes of the set, without making it.
    ///
    /// # Errors
    /// As [`LabelsBuilder::finish`].
    pub fn canonical(&mut self) -> Result<&[u8], LabelsError> {
        let Self {
            text,
            pairs,
            canonical,
        } = self;
        let field = |range: Range<usize>| text.get(range).unwrap_or_default();
        if !pairs.is_sorted_by(|a, b| field(a.name()) <= field(b.name())) {
            pairs.sort_unstable_by(|a, b| field(a.name()).cmp(field(b.name())));
        }
        let ascii = text.is_ascii();
        canonical.clear();
        let mut last_name: &[u8] = &[];
        for pair in pairs.iter() {
            let (name, value) = (field(pair.name()), field(pair.value()));
            if !ascii {
                check_utf8(name, "label name")?;
                check_utf8(value, "label value")?;
            }
            if name.is_empty() {
                return Err(LabelsError::EmptyName);
            }
            if name == last_name {
                let name = String::from_utf8_lossy(name).into_owned();
                return Err(LabelsError::DuplicateName { name });
            }
            last_name = name;
            put_field(canonical, name);
            put_field(canonical, value);
        }
        Ok(canonical)
    }
}

/// Appends a text as canonical labels hold it.
#[inline]
pub(crate) fn put_field(out: &mut Vec<u8>, field: &[u8]) {
    put_uvarint(out, field.len() as u64);
    out.extend_from_slice(field);
}
