//! Symbols of an index: the texts that labels are made of.

use tsdb_core::model::LabelsBuilder;

use super::error::BlockError;
use super::index::Version;
use super::pages::Pages;
use super::window::Source;

/// Of so many symbols the place of one is kept.
const KEPT_EVERY: u64 = 32;
/// Longest symbol in bytes: no label that can be stored is longer.
const SYMBOL_BYTES_MAX: u64 = 16 << 20;
/// Bytes of a length or a count in front of symbols.
const COUNT_BYTES: u64 = 4;

/// Finds symbols by what series call them: their number, or in the first version of the format
/// their offset in the file.
#[derive(Debug)]
pub(super) struct Symbols {
    pages: Pages,
    version: Version,
    /// Where the first symbol stands, and where the last ends.
    range: (u64, u64),
    count: u64,
    /// Where every [`KEPT_EVERY`]th symbol stands.
    places: Vec<u64>,
    name: Vec<u8>,
    value: Vec<u8>,
}

impl Symbols {
    /// Reads the section at `offset` once; 0 says that there is none.
    pub(super) fn open(source: &Source, version: Version, offset: u64) -> Result<Self, BlockError> {
        let mut symbols = Self {
            pages: Pages::new(source.clone()),
            version,
            range: (0, 0),
            count: 0,
            places: Vec::new(),
            name: Vec::new(),
            value: Vec::new(),
        };
        if offset == 0 {
            return Ok(symbols);
        }
        let mut window = source.window(0);
        let len = u64::from(window.u32(offset)?);
        let begin = offset + COUNT_BYTES;
        source.check_crc(begin, len, "the symbols")?;
        let count = u64::from(window.u32(begin)?);
        let (first, end) = (begin + COUNT_BYTES, begin + len);
        // Each takes a byte at least.
        if first > end || count > end - first {
            let why = format!("{count} symbols do not fit into a section of {len} bytes");
            return Err(source.damaged(begin, why));
        }
        symbols.range = (first, end);
        symbols.count = count;
        if version == Version::V2 {
            let mut at = first;
            for number in 0..count {
                if number.is_multiple_of(KEPT_EVERY) {
                    symbols.places.push(at);
                }
                at = symbols.entry(at)?.1;
            }
        }
        Ok(symbols)
    }

    /// Pushes a label to a builder.
    pub(super) fn push_label(
        &mut self,
        (name, value): (u64, u64),
        builder: &mut LabelsBuilder,
    ) -> Result<(), BlockError> {
        let mut buffer = std::mem::take(&mut self.name);
        let found = self.text(name, &mut buffer);
        self.name = buffer;
        found?;
        let mut buffer = std::mem::take(&mut self.value);
        let found = self.text(value, &mut buffer);
        self.value = buffer;
        found?;
        builder.push_bytes(&self.name, &self.value);
        Ok(())
    }

    fn text(&mut self, reference: u64, out: &mut Vec<u8>) -> Result<(), BlockError> {
        out.clear();
        let mut at = match self.version {
            Version::V1 => reference,
            Version::V2 => {
                let place = usize::try_from(reference / KEPT_EVERY).unwrap_or(usize::MAX);
                let known = self.places.get(place).copied();
                let Some(place) = known.filter(|_| reference < self.count) else {
                    let why = format!(
                        "a series has symbol {reference}, but there are only {}",
                        self.count
                    );
                    return Err(self.pages.source.damaged(self.range.0, why));
                };
                place
            }
        };
        if self.version == Version::V2 {
            for _ in 0..reference % KEPT_EVERY {
                at = self.entry(at)?.1;
            }
        }
        let (start, end) = self.entry(at)?;
        let len = usize::try_from(end - start).unwrap_or(usize::MAX);
        self.pages.append(start, len, out)
    }

    /// Where the text of the symbol at `at` starts and ends.
    fn entry(&mut self, at: u64) -> Result<(u64, u64), BlockError> {
        if at < self.range.0 || at >= self.range.1 {
            let why = "a symbol is outside of the symbols";
            return Err(self.pages.source.damaged(at, why));
        }
        let (len, start) = self.pages.uvarint(at)?;
        if len > SYMBOL_BYTES_MAX || start.saturating_add(len) > self.range.1 {
            let why = format!("a symbol of {len} bytes does not fit into the symbols");
            return Err(self.pages.source.damaged(at, why));
        }
        Ok((start, start + len))
    }
}
