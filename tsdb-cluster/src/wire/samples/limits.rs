//! Bounds of a connection's dictionary and payloads.

/// What a connection may hold. The node that decodes says its own when the stream is opened, and
/// the coordinator encodes within them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleLimits {
    /// Series of the dictionary.
    pub series: usize,
    /// Bytes of all labels of the dictionary.
    pub label_bytes: usize,
    /// Floats of one payload.
    pub samples: usize,
    /// Bytes of one payload, unpacked.
    pub payload_bytes: usize,
}

impl Default for SampleLimits {
    fn default() -> Self {
        Self {
            series: 1 << 20,
            label_bytes: 256 << 20,
            samples: 1 << 19,
            payload_bytes: 32 << 20,
        }
    }
}

/// Whether payloads go through a second stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Packing {
    /// They go as the columns are.
    Plain,
    /// Through snappy, where that makes them shorter.
    #[default]
    Snappy,
}
