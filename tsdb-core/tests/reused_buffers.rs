//! What is used again allocates nothing. Alone in its process, so that nothing else allocates
//! meanwhile.
#![cfg(test)]

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, Stats, StatsAlloc};
use tsdb_core::model::{
    EncodedLabels, FingerprintDomain, FingerprintKey, Labels, LabelsBuilder, SeriesKey, SymbolHash,
    WriteBatch,
};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// One label set in reverse order, encoded for the test as the number of its pod.
fn parse(bytes: &[u8], builder: &mut LabelsBuilder) -> Result<(), tsdb_core::model::LabelsError> {
    builder.push_bytes(b"pod", bytes);
    builder.push_bytes(b"job", b"service");
    builder.push_bytes(b"__name__", b"up");
    Ok(())
}

/// Sends a batch on its way: built, hashed, parsed and brought into canonical form.
fn round<'a>(
    mut batch: WriteBatch<'a>,
    builder: &mut LabelsBuilder,
    pods: &'a [String],
    known: &'a Labels,
    (key, symbols): (&FingerprintKey, &mut Vec<SymbolHash>),
) -> WriteBatch<'static> {
    for pod in pods {
        batch.begin(SeriesKey::Encoded(EncodedLabels {
            bytes: pod.as_bytes(),
            parse,
        }));
        batch.sample(1, 1.0);
        batch.begin(SeriesKey::Labels(known));
        batch.sample(2, 2.0);
        batch.symbol(pod.as_bytes());
        batch.begin_symbols();
        batch.push_ref(0);
        batch.push_ref(1);
        batch.sample(3, 3.0);
    }
    symbols.clear();
    symbols.extend(batch.symbols().iter().map(|text| key.symbol(text)));
    for (series, timestamps, _) in batch.series() {
        assert_eq!(timestamps.len(), 1);
        let encoded = match series {
            SeriesKey::Labels(_) => continue,
            SeriesKey::Encoded(encoded) => encoded,
            SeriesKey::Symbols(labels) => {
                assert_ne!(key.symbol_lists(symbols).fingerprint(labels.refs).0, 0);
                continue;
            }
        };
        builder.clear();
        (encoded.parse)(encoded.bytes, builder).unwrap();
        let canonical = builder.canonical().unwrap();
        assert_ne!(
            key.of(FingerprintDomain::Canonical, canonical),
            key.of(FingerprintDomain::Encoded, encoded.bytes)
        );
    }
    batch.recycle()
}

#[test]
fn a_second_batch_allocates_nothing() {
    let pods: Vec<_> = (0..500).map(|number| format!("pod-{number:04}")).collect();
    let known = Labels::from_pairs([("a", "b")]).unwrap();
    let key = FingerprintKey::new([1; 16]);
    let mut builder = LabelsBuilder::new();
    let mut symbols = Vec::new();
    let hashing = (&key, &mut symbols);
    let batch = round(WriteBatch::new(), &mut builder, &pods, &known, hashing);
    let region = Region::new(ALLOCATOR);
    let hashing = (&key, &mut symbols);
    let batch = round(batch, &mut builder, &pods, &known, hashing);
    let change = region.change();
    assert_eq!(change, Stats::default(), "of {} bytes", batch.heap_bytes());
}
