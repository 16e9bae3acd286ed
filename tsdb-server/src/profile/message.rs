//! The messages of a profile, and how stacks become one.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message;
use tsdb_core::model::HashMap;

#[derive(Clone, PartialEq, Message)]
struct Profile {
    #[prost(message, repeated, tag = "1")]
    sample_type: Vec<ValueType>,
    #[prost(message, repeated, tag = "2")]
    sample: Vec<Sample>,
    #[prost(message, repeated, tag = "4")]
    location: Vec<Location>,
    #[prost(message, repeated, tag = "5")]
    function: Vec<Function>,
    #[prost(string, repeated, tag = "6")]
    string_table: Vec<String>,
    #[prost(int64, tag = "9")]
    time_nanos: i64,
    #[prost(int64, tag = "10")]
    duration_nanos: i64,
    #[prost(message, optional, tag = "11")]
    period_type: Option<ValueType>,
    #[prost(int64, tag = "12")]
    period: i64,
}

#[derive(Clone, PartialEq, Message)]
struct ValueType {
    #[prost(int64, tag = "1")]
    kind: i64,
    #[prost(int64, tag = "2")]
    unit: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(uint64, repeated, tag = "1")]
    location_id: Vec<u64>,
    #[prost(int64, repeated, tag = "2")]
    value: Vec<i64>,
    #[prost(message, repeated, tag = "3")]
    label: Vec<SampleLabel>,
}

#[derive(Clone, PartialEq, Message)]
struct SampleLabel {
    #[prost(int64, tag = "1")]
    key: i64,
    #[prost(int64, tag = "2")]
    text: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Location {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(message, repeated, tag = "4")]
    line: Vec<Line>,
}

#[derive(Clone, PartialEq, Message)]
struct Line {
    #[prost(uint64, tag = "1")]
    function_id: u64,
    #[prost(int64, tag = "2")]
    line: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Function {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(int64, tag = "2")]
    name: i64,
    #[prost(int64, tag = "3")]
    system_name: i64,
    #[prost(int64, tag = "4")]
    filename: i64,
}

/// A function on a stack.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct StackFunction {
    pub(super) name: String,
    pub(super) system_name: String,
    pub(super) file: String,
    pub(super) line: u32,
}

/// Stacks on their way into a profile of the kind `cpu`.
#[derive(Debug)]
pub(super) struct ProfileBuilder {
    profile: Profile,
    texts: HashMap<String, i64>,
    locations: HashMap<StackFunction, u64>,
    period_nanos: i64,
}

impl ProfileBuilder {
    /// A profile in which each sample stands for `period_nanos` of CPU time.
    pub(super) fn new(time_nanos: i64, duration_nanos: i64, period_nanos: i64) -> Self {
        let mut builder = Self {
            profile: Profile::default(),
            texts: HashMap::default(),
            locations: HashMap::default(),
            period_nanos,
        };
        // The first text has to be the empty one.
        builder.text("");
        let (samples, count) = (builder.text("samples"), builder.text("count"));
        let (cpu, nanoseconds) = (builder.text("cpu"), builder.text("nanoseconds"));
        let value = |kind, unit| ValueType { kind, unit };
        builder.profile.sample_type = vec![value(samples, count), value(cpu, nanoseconds)];
        builder.profile.period_type = Some(value(cpu, nanoseconds));
        builder.profile.period = period_nanos;
        builder.profile.time_nanos = time_nanos;
        builder.profile.duration_nanos = duration_nanos;
        builder
    }

    fn text(&mut self, text: &str) -> i64 {
        if let Some(at) = self.texts.get(text) {
            return *at;
        }
        let at = i64::try_from(self.profile.string_table.len()).unwrap_or(i64::MAX);
        self.profile.string_table.push(text.to_owned());
        self.texts.insert(text.to_owned(), at);
        at
    }

    fn location(&mut self, function: StackFunction) -> u64 {
        if let Some(id) = self.locations.get(&function) {
            return *id;
        }
        let id = self.locations.len() as u64 + 1;
        let described = Function {
            id,
            name: self.text(&function.name),
            system_name: self.text(&function.system_name),
            filename: self.text(&function.file),
        };
        let line = Line {
            function_id: id,
            line: i64::from(function.line),
        };
        self.profile.function.push(described);
        self.profile.location.push(Location {
            id,
            line: vec![line],
        });
        self.locations.insert(function, id);
        id
    }

    /// Adds `count` samples of a stack, innermost function first.
    pub(super) fn add(
        &mut self,
        stack: impl IntoIterator<Item = StackFunction>,
        thread: &str,
        count: i64,
    ) {
        let location_id = stack
            .into_iter()
            .map(|function| self.location(function))
            .collect();
        let label = SampleLabel {
            key: self.text("thread"),
            text: self.text(thread),
        };
        self.profile.sample.push(Sample {
            location_id,
            value: vec![count, count.saturating_mul(self.period_nanos)],
            label: vec![label],
        });
    }

    /// The profile as a file: a message, compressed.
    ///
    /// # Errors
    /// When it cannot be compressed.
    pub(super) fn finish(self) -> io::Result<Vec<u8>> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&self.profile.encode_to_vec())?;
        encoder.finish()
    }
}
