//! Answers of `/fetch` and `/query`, written in pieces.

use bytes::Bytes;
use tsdb_core::Series;
use tsdb_core::model::Labels;
use tsdb_formats::number::append;

use crate::node_json::TimeUnit;
use crate::sample_json::{write_string, write_value};

/// Bytes of an answer made at a time. Between two pieces no thread waits for the client.
pub(super) const PIECE_BYTES: usize = 256 << 10;

/// Room for a piece: the last thing written may stand over.
pub(super) fn piece() -> Vec<u8> {
    Vec::with_capacity(PIECE_BYTES + 1024)
}

/// `{"id":"..","tags":[{"name":"..","value":".."}],"datapoints":`
pub(super) fn write_head(out: &mut Vec<u8>, id: &str, labels: &Labels) {
    out.extend_from_slice(b"{\"id\":");
    write_string(id, out);
    out.extend_from_slice(b",\"tags\":[");
    for (index, label) in labels.iter().enumerate() {
        out.extend_from_slice(if index > 0 { b",{" } else { b"{" });
        out.extend_from_slice(b"\"name\":");
        write_string(label.name, out);
        out.extend_from_slice(b",\"value\":");
        write_string(label.value, out);
        out.push(b'}');
    }
    out.extend_from_slice(b"],\"datapoints\":");
}

/// The samples of a series as a list; remembers where it stopped.
pub(super) struct PointsWriter {
    series: Series,
    unit: TimeUnit,
    written: usize,
    begun: bool,
}

impl PointsWriter {
    pub(super) fn new(series: Series, unit: TimeUnit) -> Self {
        Self {
            series,
            unit,
            written: 0,
            begun: false,
        }
    }

    /// Appends more of them until `out` holds a piece. Returns whether the list is complete.
    pub(super) fn write(&mut self, out: &mut Vec<u8>) -> bool {
        if !self.begun {
            out.push(b'[');
            self.begun = true;
        }
        let (timestamps, values) = (self.series.timestamps(), self.series.values());
        let points = timestamps.iter().zip(values).skip(self.written);
        for (ms, value) in points {
            if out.len() >= PIECE_BYTES {
                return false;
            }
            if self.written > 0 {
                out.push(b',');
            }
            let time = self.unit.of_ms(*ms);
            append(out, format_args!("{{\"timestamp\":{time},\"value\":"));
            write_value(out, *value);
            out.push(b'}');
            self.written += 1;
        }
        out.push(b']');
        true
    }
}

/// A piece that is not empty.
pub(super) fn full(out: Vec<u8>) -> Option<Bytes> {
    (!out.is_empty()).then(|| Bytes::from(out))
}
