//! One pass over a remote write 2.0 request, borrowing its symbols as they lie in the body.

use tsdb_core::bits;
use tsdb_core::model::{
    Labels, LabelsBuilder, METRIC_NAME, MetricKind, MetricMetadata, SymbolLabels, WriteBatch,
};

use super::charge::Charge;
use super::exemplar::{self, ExemplarScratch};
use super::extras::{Extras, METADATA_BYTES};
use super::histogram;
use crate::error::DecodeError;
use crate::inflight::BytePermit;
use crate::wire::{Wire, WireType};

/// Key bytes of the fields that make up nearly all of a request.
const SYMBOL: u8 = 4 << 3 | 2;
const TIME_SERIES: u8 = 5 << 3 | 2;
const REFS: u8 = 1 << 3 | 2;
const METADATA: u8 = 5 << 3 | 2;

/// Memory of a series, a sample, a symbol (with its hash) and an index in a batch, in bytes.
const SERIES_BYTES: u64 = 48;
const SAMPLE_BYTES: u64 = 16;
const SYMBOL_BYTES: u64 = 32;
const REF_BYTES: u64 = 4;

/// The metadata of one series as indices of symbols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetadataRefs {
    /// Index of the metric's name; none when the series has no name.
    name: Option<u32>,
    kind: u64,
    help: u32,
    unit: u32,
}

/// Decodes a request into `batch` and gives back what it holds besides floats. Symbols stay in
/// `body`. `metadata` is scratch. Memory beyond the length of the body is taken out of `permit`.
///
/// # Errors
/// [`DecodeError::Malformed`] when `body` is no `io.prometheus.write.v2.Request`, and
/// [`DecodeError::Request`] when the memory for it is not there. Labels that are no valid set show
/// only when the store parses them.
pub fn decode_v2<'s>(
    body: &'s [u8],
    batch: &mut WriteBatch<'s>,
    metadata: &mut Vec<MetadataRefs>,
    permit: Option<&BytePermit>,
) -> Result<Extras, DecodeError> {
    metadata.clear();
    let mut decoder = Decoder {
        batch,
        metadata,
        extras: Extras::default(),
        exemplars: ExemplarScratch::default(),
        name_symbol: None,
        charge: Charge::new(body, permit),
    };
    let known = decoder.walk(Wire::new(body), true)?;
    if decoder.batch.symbols().len() > known {
        // Symbols after series that may use them: allowed, and nobody's habit.
        decoder.forget_series();
        decoder.walk(Wire::new(body), false)?;
    }
    decoder.resolve_metadata()?;
    Ok(decoder.extras)
}

struct Decoder<'d, 's> {
    batch: &'d mut WriteBatch<'s>,
    metadata: &'d mut Vec<MetadataRefs>,
    extras: Extras,
    exemplars: ExemplarScratch,
    /// Index of `__name__`, once it was met.
    name_symbol: Option<u32>,
    charge: Charge<'d>,
}

/// What a series holds besides refs and samples.
#[derive(Clone, Copy, Debug, Default)]
struct Rest {
    histograms: u64,
    exemplars: u64,
    kind: u64,
    help: u32,
    unit: u32,
}

impl<'s> Decoder<'_, 's> {
    /// Adds the series of a request, and its symbols if `symbols`; answers how many symbols there
    /// were before the first series.
    fn walk(&mut self, mut wire: Wire<'s>, symbols: bool) -> Result<usize, DecodeError> {
        let mut known = None;
        while !wire.is_empty() {
            if wire.eat(TIME_SERIES) {
                known.get_or_insert(self.batch.symbols().len());
                self.series(wire.message()?)?;
                continue;
            }
            if wire.eat(SYMBOL) {
                self.symbol(&mut wire, symbols)?;
                continue;
            }
            let (field, wire_type) = wire.key()?;
            match field {
                4 => {
                    wire.expect(wire_type, WireType::Bytes)?;
                    self.symbol(&mut wire, symbols)?;
                }
                5 => {
                    wire.expect(wire_type, WireType::Bytes)?;
                    known.get_or_insert(self.batch.symbols().len());
                    self.series(wire.message()?)?;
                }
                _ => wire.skip(field, wire_type)?,
            }
        }
        Ok(known.unwrap_or(self.batch.symbols().len()))
    }

    fn forget_series(&mut self) {
        while self.batch.series_len() > 0 {
            self.batch.cancel();
        }
        self.metadata.clear();
        self.extras = Extras::default();
    }

    #[inline]
    fn symbol(&mut self, wire: &mut Wire<'s>, add: bool) -> Result<(), DecodeError> {
        let text = wire.bytes()?;
        if !add {
            return Ok(());
        }
        if !text.is_empty() && self.batch.symbols().is_empty() {
            return Err(wire.error("the first symbol is not empty").into());
        }
        self.charge.take(SYMBOL_BYTES)?;
        self.batch.symbol(text);
        Ok(())
    }

    #[inline(always)]
    fn series(&mut self, mut wire: Wire<'s>) -> Result<(), DecodeError> {
        self.charge.take(SERIES_BYTES)?;
        self.batch.begin_symbols();
        let before = self.batch.samples_len();
        // Nearly all senders write refs, samples and then the rest.
        if wire.eat(REFS) {
            self.refs(wire.message()?)?;
        }
        while let Some((timestamp, value)) = wire.usual_sample() {
            self.charge.take(SAMPLE_BYTES)?;
            self.batch.sample(timestamp, value);
        }
        wire.eat_empty(METADATA);
        if wire.is_empty() && self.batch.samples_len() > before {
            return Ok(());
        }
        self.uncommon_series(wire, before)
    }

    #[inline(always)]
    fn refs(&mut self, packed: Wire<'s>) -> Result<(), DecodeError> {
        let at_most = packed.rest().len();
        self.charge.take(REF_BYTES * at_most as u64)?;
        let unpack = |space: &mut [u32]| unpack(packed, space);
        Ok(self.batch.add_refs(at_most, unpack)?)
    }

    fn sample(&mut self, message: Wire<'s>) -> Result<(), DecodeError> {
        let (timestamp, value) = sample(message)?;
        self.charge.take(SAMPLE_BYTES)?;
        self.batch.sample(timestamp, value);
        Ok(())
    }

    /// A field that is rare, or written in a rare way.
    fn field(&mut self, wire: &mut Wire<'s>, rest: &mut Rest) -> Result<(), DecodeError> {
        let (field, wire_type) = wire.key()?;
        if (2..=5).contains(&field) {
            wire.expect(wire_type, WireType::Bytes)?;
        }
        match field {
            1 if wire_type == WireType::Bytes => {
                self.refs(wire.message()?)?;
            }
            1 => {
                wire.expect(wire_type, WireType::Varint)?;
                let index = wire.varint()? as u32;
                self.charge.take(REF_BYTES)?;
                self.batch.push_ref(index);
            }
            2 => self.sample(wire.message()?)?,
            3 => {
                let message = wire.message()?;
                self.charge.take(histogram::bytes_at_most(message))?;
                let (timestamp, histogram) = histogram::take(message, true)?;
                self.batch.histogram(timestamp, histogram);
                rest.histograms += 1;
            }
            4 => {
                let message = wire.message()?;
                let refs = ExemplarScratch::refs_bytes(message);
                self.charge.take(exemplar::BYTES_AT_MOST + refs)?;
                let symbols = self.batch.symbols();
                let (timestamp, value, labels) = self.exemplars.take_v2(message, symbols)?;
                self.batch.exemplar(timestamp, value, labels);
                rest.exemplars += 1;
            }
            5 => metadata(wire.message()?, rest)?,
            _ => wire.skip(field, wire_type)?,
        }
        Ok(())
    }

    /// What is left of a series that has more than refs and samples, or no samples.
    fn uncommon_series(&mut self, mut wire: Wire<'s>, before: usize) -> Result<(), DecodeError> {
        let mut rest = Rest::default();
        while !wire.is_empty() {
            self.field(&mut wire, &mut rest)?;
        }
        let samples = self.batch.samples_len() - before;
        let Self {
            batch,
            metadata,
            extras,
            name_symbol,
            ..
        } = self;
        let labels = SymbolLabels {
            refs: batch.refs(),
            symbols: batch.symbols(),
        };
        if (rest.kind, rest.help, rest.unit) != (0, 0, 0) {
            let found = MetadataRefs {
                name: name(labels, name_symbol),
                kind: rest.kind,
                help: rest.help,
                unit: rest.unit,
            };
            // Series of one metric lie together, mostly.
            if metadata.last() != Some(&found) {
                self.charge.take(size_of::<MetadataRefs>() as u64)?;
                metadata.push(found);
            }
        }
        // The specification wants a sample or histogram in each series, but Prometheus sends
        // exemplars by themselves.
        if rest.histograms + rest.exemplars == 0 && samples == 0 {
            extras.empty_series.add(1, || Ok(display(labels)))?;
            batch.cancel();
        }
        Ok(())
    }

    /// Turns the metadata of series into that of metrics.
    fn resolve_metadata(&mut self) -> Result<(), DecodeError> {
        let symbols = self.batch.symbols();
        let text = |index: u32| {
            let bytes = symbols.get(usize::try_from(index).ok()?)?;
            std::str::from_utf8(bytes).ok()
        };
        let extras = &mut self.extras;
        for refs in self.metadata.iter() {
            let kind = MetricKind::from_number(refs.kind & 0xffff_ffff).unwrap_or_default();
            let texts = (refs.name.and_then(text), text(refs.help), text(refs.unit));
            let (Some(name), Some(help), Some(unit)) = texts else {
                extras.refused_metadata += 1;
                continue;
            };
            let metric = family(name, kind);
            let same = extras.metadata.last().is_some_and(|last: &MetricMetadata| {
                (last.metric.as_str(), last.kind, &*last.help, &*last.unit)
                    == (metric, kind, help, unit)
            });
            if same {
                continue;
            }
            self.charge.take(METADATA_BYTES)?;
            extras.metadata.push(MetricMetadata {
                metric: metric.to_owned(),
                kind,
                help: help.to_owned(),
                unit: unit.to_owned(),
            });
        }
        Ok(())
    }
}

/// Puts packed indices to the front of `space`, which has a place for each byte, and answers how
/// many they are.
#[inline(always)]
fn unpack(mut packed: Wire<'_>, space: &mut [u32]) -> Result<usize, bits::DecodeError> {
    let mut count = 0;
    for place in space {
        if packed.is_empty() {
            break;
        }
        // Numbers above 32 bits are cut, as all protobuf decoders do.
        *place = packed.short_varint()? as u32;
        count += 1;
    }
    Ok(count)
}

fn sample(mut wire: Wire<'_>) -> Result<(i64, f64), bits::DecodeError> {
    let (mut timestamp, mut value) = (0, 0.0);
    while !wire.is_empty() {
        let (field, wire_type) = wire.key()?;
        match field {
            1 => {
                wire.expect(wire_type, WireType::Fixed64)?;
                value = wire.double()?;
            }
            2 | 3 => {
                wire.expect(wire_type, WireType::Varint)?;
                let number = wire.varint()?.cast_signed();
                // Field 3, the start, is not stored.
                timestamp = if field == 2 { number } else { timestamp };
            }
            _ => wire.skip(field, wire_type)?,
        }
    }
    Ok((timestamp, value))
}

fn metadata(mut wire: Wire<'_>, rest: &mut Rest) -> Result<(), bits::DecodeError> {
    while !wire.is_empty() {
        let (field, wire_type) = wire.key()?;
        if !matches!(field, 1 | 3 | 4) {
            wire.skip(field, wire_type)?;
            continue;
        }
        wire.expect(wire_type, WireType::Varint)?;
        let number = wire.varint()?;
        match field {
            1 => rest.kind = number,
            3 => rest.help = number as u32,
            _ => rest.unit = number as u32,
        }
    }
    Ok(())
}

/// The index of the value of `__name__`; where its name stands in the table is remembered.
fn name(labels: SymbolLabels<'_>, name_symbol: &mut Option<u32>) -> Option<u32> {
    let mut pairs = labels.refs.as_chunks::<2>().0.iter();
    let is_name = |index: u32, known: &mut Option<u32>| {
        if *known == Some(index) {
            return true;
        }
        let text = usize::try_from(index)
            .ok()
            .and_then(|at| labels.symbols.get(at));
        let is_name = text.is_some_and(|text| *text == METRIC_NAME.as_bytes());
        if is_name {
            *known = Some(index);
        }
        is_name
    };
    let found = pairs.find(|[name, _]| is_name(*name, name_symbol))?;
    Some(found[1])
}

/// The metric family that a series belongs to: histograms and summaries have several series.
fn family(name: &str, kind: MetricKind) -> &str {
    let suffixes: &[&str] = match kind {
        MetricKind::Histogram => &["_bucket", "_sum", "_count"],
        MetricKind::GaugeHistogram => &["_bucket", "_gsum", "_gcount"],
        MetricKind::Summary => &["_sum", "_count"],
        _ => &[],
    };
    let stripped = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix));
    stripped.filter(|family| !family.is_empty()).unwrap_or(name)
}

/// A series as people read it, as far as its labels are valid.
fn display(labels: SymbolLabels<'_>) -> String {
    let mut builder = LabelsBuilder::new();
    let parsed = labels.parse(&mut builder);
    match parsed.and_then(|()| builder.finish()) {
        Ok(labels) => Labels::to_string(&labels),
        Err(_) => builder.describe(),
    }
}
