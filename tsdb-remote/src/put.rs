//! Protobuf fields on their way out.

use tsdb_core::bits::{put_uvarint, uvarint_len};
use tsdb_core::model::{Exemplar, Histogram, Labels, Sample};

use crate::write::put_histogram;

/// Bytes of a sample's value with its key.
const VALUE_BYTES: usize = 9;

/// Key of a length-delimited field.
const fn bytes_key(field: u8) -> u8 {
    field << 3 | 2
}

/// Appends a length-delimited field with a number below 16.
pub(crate) fn put_bytes(out: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    put_head(out, field, bytes.len());
    out.extend_from_slice(bytes);
}

/// Appends key and length of a length-delimited field; its content must follow.
pub(crate) fn put_head(out: &mut Vec<u8>, field: u8, len: usize) {
    out.push(bytes_key(field));
    put_uvarint(out, len as u64);
}

/// Appends a varint field.
pub(crate) fn put_int(out: &mut Vec<u8>, field: u8, value: i64) {
    out.push(field << 3);
    put_uvarint(out, value.cast_unsigned());
}

/// How many bytes a length-delimited field takes.
pub(crate) fn field_len(len: usize) -> usize {
    1 + uvarint_len(len as u64) + len
}

/// How many bytes a varint field takes.
pub(crate) fn int_len(value: i64) -> usize {
    1 + uvarint_len(value.cast_unsigned())
}

/// Appends labels as the repeated field 1 of a series.
pub(crate) fn put_labels(out: &mut Vec<u8>, labels: &Labels) {
    for label in labels.iter() {
        put_head(
            out,
            1,
            field_len(label.name.len()) + field_len(label.value.len()),
        );
        put_bytes(out, 1, label.name.as_bytes());
        put_bytes(out, 2, label.value.as_bytes());
    }
}

/// How many bytes [`put_labels`] appends.
pub(crate) fn labels_len(labels: &Labels) -> usize {
    let one = |name: &str, value: &str| field_len(field_len(name.len()) + field_len(value.len()));
    labels
        .iter()
        .map(|label| one(label.name, label.value))
        .sum()
}

/// Appends histograms as the repeated field `field` of a series.
pub(crate) fn put_histograms(out: &mut Vec<u8>, field: u8, histograms: &[(i64, Histogram)]) {
    let mut one = Vec::new();
    for (timestamp, histogram) in histograms {
        one.clear();
        put_histogram(&mut one, *timestamp, histogram);
        put_bytes(out, field, &one);
    }
}

/// Appends value and time of an exemplar, the fields behind its labels.
pub(crate) fn put_exemplar_end(out: &mut Vec<u8>, exemplar: &Exemplar) {
    out.push(2 << 3 | 1);
    out.extend_from_slice(&exemplar.value.to_bits().to_le_bytes());
    put_int(out, 3, exemplar.timestamp);
}

fn sample_len(sample: &Sample) -> usize {
    VALUE_BYTES + int_len(sample.timestamp)
}

/// Appends samples as the repeated field 2 of a series, in remote write 1.0 and 2.0 alike.
pub(crate) fn put_samples(out: &mut Vec<u8>, samples: &[Sample]) {
    for sample in samples {
        put_head(out, 2, sample_len(sample));
        out.push(1 << 3 | 1);
        out.extend_from_slice(&sample.value.to_bits().to_le_bytes());
        put_int(out, 2, sample.timestamp);
    }
}

/// How many bytes [`put_samples`] appends.
pub(crate) fn samples_len(samples: &[Sample]) -> usize {
    let one = |sample: &Sample| field_len(sample_len(sample));
    samples.iter().map(one).sum()
}
