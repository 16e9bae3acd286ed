//! Samples on their way in: many series, in columns, in buffers that are used again.

use super::{Labels, LabelsBuilder, LabelsError, Sample};

/// Labels in some wire encoding. The bytes are hashed as they are to find the series; only
/// when that series is new are they parsed.
#[derive(Clone, Copy, Debug)]
pub struct EncodedLabels<'a> {
    /// The encoding, which must tell the labels without anything outside of it.
    pub bytes: &'a [u8],
    /// Pushes the labels that `bytes` hold to a cleared builder.
    pub parse: for<'b> fn(&'b [u8], &mut LabelsBuilder) -> Result<(), LabelsError>,
}

/// Which series samples belong to.
#[derive(Clone, Copy, Debug)]
pub enum SeriesKey<'a> {
    /// By its labels.
    Labels(&'a Labels),
    /// By its labels in a wire encoding.
    Encoded(EncodedLabels<'a>),
}

#[derive(Clone, Copy, Debug)]
struct Entry<'a> {
    key: SeriesKey<'a>,
    /// Where its samples end; they start where those of the entry before end.
    end: usize,
}

/// A batch of samples of many series, columnar and reusable.
///
/// A series may be begun more than once in a batch, and its samples may come in any order.
#[derive(Clone, Debug, Default)]
pub struct WriteBatch<'a> {
    series: Vec<Entry<'a>>,
    timestamps: Vec<i64>,
    values: Vec<f64>,
    guessed: bool,
}

impl<'a> WriteBatch<'a> {
    /// An empty batch.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            series: Vec::new(),
            timestamps: Vec::new(),
            values: Vec::new(),
            guessed: false,
        }
    }

    /// Says that encoded labels were not walked: where they end is a guess. A guess is right when
    /// the bytes are those of a known series, or when they parse; if any other is left, the append
    /// stores nothing and answers that the batch was misread.
    pub fn mark_guessed(&mut self) {
        self.guessed = true;
    }

    /// Whether [`WriteBatch::mark_guessed`] was called.
    #[must_use]
    pub fn is_guessed(&self) -> bool {
        self.guessed
    }

    /// Adds one sample of one series. Samples of the same `labels` in a row share an entry.
    pub fn push(&mut self, labels: &'a Labels, sample: Sample) {
        let same = self.series.last().is_some_and(
            |last| matches!(last.key, SeriesKey::Labels(l) if std::ptr::eq(l, labels)),
        );
        if !same {
            self.begin(SeriesKey::Labels(labels));
        }
        self.sample(sample.timestamp, sample.value);
    }

    /// Starts a series, to which the samples that follow belong.
    #[inline]
    pub fn begin(&mut self, key: SeriesKey<'a>) {
        self.series.push(Entry {
            key,
            end: self.timestamps.len(),
        });
    }

    /// Adds a sample (milliseconds, value) to the series begun last.
    ///
    /// # Panics
    /// When no series was begun, which is a mistake of the caller's.
    #[inline]
    pub fn sample(&mut self, timestamp: i64, value: f64) {
        let begun = self.series.last_mut();
        assert!(
            begun.is_some(),
            "a sample was added to a batch in which no series was begun"
        );
        self.timestamps.push(timestamp);
        self.values.push(value);
        if let Some(entry) = begun {
            entry.end = self.timestamps.len();
        }
    }

    /// How many series were begun.
    #[must_use]
    pub fn series_len(&self) -> usize {
        self.series.len()
    }

    /// How many samples it holds.
    #[must_use]
    pub fn samples_len(&self) -> usize {
        self.timestamps.len()
    }

    /// Whether it holds neither series nor samples.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// Takes everything out and keeps the memory.
    pub fn clear(&mut self) {
        self.series.clear();
        self.timestamps.clear();
        self.values.clear();
        self.guessed = false;
    }

    /// Empties the batch and frees it from what it borrowed; the memory goes on to the next use.
    #[must_use]
    pub fn recycle(mut self) -> WriteBatch<'static> {
        self.clear();
        // Collecting an emptied Vec into one of the same layout keeps its allocation.
        let series = self.series.into_iter().map_while(|_| None).collect();
        WriteBatch {
            series,
            timestamps: self.timestamps,
            values: self.values,
            guessed: false,
        }
    }

    /// Bytes of memory the batch keeps, in use or not.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.series.capacity() * size_of::<Entry<'_>>()
            + self.timestamps.capacity() * size_of::<i64>()
            + self.values.capacity() * size_of::<f64>()
    }

    /// The series in the order they were begun, each with its columns.
    pub fn series(&self) -> SeriesBatches<'_, 'a> {
        SeriesBatches {
            batch: self,
            entries: self.series.iter(),
            start: 0,
        }
    }
}

/// One series of a batch: its key, timestamps and values; the columns are equally long.
pub type SeriesBatch<'b, 'a> = (SeriesKey<'a>, &'b [i64], &'b [f64]);

/// Iterator over the series of a [`WriteBatch`].
#[derive(Clone, Debug)]
pub struct SeriesBatches<'b, 'a> {
    batch: &'b WriteBatch<'a>,
    entries: std::slice::Iter<'b, Entry<'a>>,
    start: usize,
}

impl<'b, 'a> Iterator for SeriesBatches<'b, 'a> {
    type Item = SeriesBatch<'b, 'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.entries.next()?;
        let range = self.start..entry.end;
        self.start = entry.end;
        let timestamps = self.batch.timestamps.get(range.clone())?;
        Some((entry.key, timestamps, self.batch.values.get(range)?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.entries.size_hint()
    }
}

impl ExactSizeIterator for SeriesBatches<'_, '_> {}
