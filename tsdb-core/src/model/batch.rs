//! Samples on their way in: many series, in columns, in buffers that are used again.

use std::sync::Arc;

use super::{
    BatchExemplar, Exemplar, ExemplarError, Histogram, Labels, LabelsBuilder, LabelsError, Sample,
    SymbolLabels,
};

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
    /// By indices into the symbols of the batch.
    Symbols(SymbolLabels<'a>),
}

impl SeriesKey<'_> {
    /// Pushes the labels to a cleared builder.
    ///
    /// # Errors
    /// When they do not follow their encoding.
    pub fn parse(&self, builder: &mut LabelsBuilder) -> Result<(), LabelsError> {
        match self {
            Self::Labels(labels) => {
                labels
                    .iter()
                    .for_each(|label| builder.push(label.name, label.value));
                Ok(())
            }
            Self::Encoded(encoded) => (encoded.parse)(encoded.bytes, builder),
            Self::Symbols(labels) => labels.parse(builder),
        }
    }
}

/// A [`SeriesKey`] as an entry keeps it.
#[derive(Clone, Copy, Debug)]
enum Key<'a> {
    Labels(&'a Labels),
    Encoded(EncodedLabels<'a>),
    /// A range of the batch's refs.
    Symbols {
        start: usize,
        end: usize,
    },
}

#[derive(Clone, Copy, Debug)]
struct Entry<'a> {
    key: Key<'a>,
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
    copied: bool,
    /// A label that no series of the batch is to have.
    left_out: Option<Arc<str>>,
    symbols: Vec<&'a [u8]>,
    /// Indices of symbols of all series; what is behind `refs_len` is left over.
    refs: Vec<u32>,
    refs_len: usize,
    /// Native histograms, which few series have: beside the columns of floats.
    histograms: Vec<BatchHistogram>,
    /// Exemplars, which few series have.
    exemplars: Vec<BatchExemplar>,
}

/// A native histogram of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchHistogram {
    /// Which of the batch's series it belongs to, in the order they were begun.
    pub series: usize,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    /// The histogram.
    pub histogram: Histogram,
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
            copied: false,
            left_out: None,
            symbols: Vec::new(),
            refs: Vec::new(),
            refs_len: 0,
            histograms: Vec::new(),
            exemplars: Vec::new(),
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

    /// Says that the samples come from another store that has taken them: they may lie as far ahead
    /// of this one's clock as they like.
    pub fn mark_copied(&mut self) {
        self.copied = true;
    }

    /// Whether [`WriteBatch::mark_copied`] was called.
    #[must_use]
    pub fn is_copied(&self) -> bool {
        self.copied
    }

    /// Leaves a label out of all series of the batch: those that differ in nothing else are one.
    pub fn leave_out(&mut self, label: Arc<str>) {
        self.left_out = Some(label);
    }

    /// The label that [`WriteBatch::leave_out`] named.
    #[must_use]
    pub fn left_out(&self) -> Option<&str> {
        self.left_out.as_deref()
    }

    /// Adds one sample of one series. Samples of the same `labels` in a row share an entry.
    pub fn push(&mut self, labels: &'a Labels, sample: Sample) {
        self.begin_same(labels);
        self.sample(sample.timestamp, sample.value);
    }

    /// Adds one native histogram of one series, taken at a time in milliseconds.
    pub fn push_histogram(&mut self, labels: &'a Labels, timestamp: i64, histogram: Histogram) {
        self.begin_same(labels);
        self.histogram(timestamp, histogram);
    }

    /// Adds one exemplar of one series.
    pub fn push_exemplar(&mut self, labels: &'a Labels, exemplar: Exemplar) {
        self.begin_same(labels);
        self.exemplar(exemplar.timestamp, exemplar.value, Ok(exemplar.labels));
    }

    /// Begins a series unless it is the one begun last.
    fn begin_same(&mut self, labels: &'a Labels) {
        let same = self
            .series
            .last()
            .is_some_and(|last| matches!(last.key, Key::Labels(l) if std::ptr::eq(l, labels)));
        if !same {
            self.begin(SeriesKey::Labels(labels));
        }
    }

    /// Starts a series, to which the samples that follow belong. Symbols of a
    /// [`SeriesKey::Symbols`] are added to those of the batch.
    #[inline]
    pub fn begin(&mut self, key: SeriesKey<'a>) {
        match key {
            SeriesKey::Labels(labels) => self.enter(Key::Labels(labels)),
            SeriesKey::Encoded(encoded) => self.enter(Key::Encoded(encoded)),
            SeriesKey::Symbols(labels) => {
                let first = u32::try_from(self.symbols.len()).unwrap_or(u32::MAX);
                self.symbols.extend_from_slice(labels.symbols);
                self.begin_symbols();
                let known = labels.symbols.len();
                let moved = |at: &u32| {
                    let found = usize::try_from(*at).is_ok_and(|at| at < known);
                    if found {
                        at.saturating_add(first)
                    } else {
                        u32::MAX
                    }
                };
                labels.refs.iter().for_each(|at| self.push_ref(moved(at)));
            }
        }
    }

    #[inline]
    fn enter(&mut self, key: Key<'a>) {
        self.series.push(Entry {
            key,
            end: self.timestamps.len(),
        });
    }

    /// Adds a text to the symbols that series may be made of; the first has index 0.
    #[inline]
    pub fn symbol(&mut self, text: &'a [u8]) {
        self.symbols.push(text);
    }

    /// The symbols added so far.
    #[must_use]
    pub fn symbols(&self) -> &[&'a [u8]] {
        &self.symbols
    }

    /// Starts a series made of symbols, which [`WriteBatch::add_refs`] names. They may be added to
    /// the batch later.
    #[inline]
    pub fn begin_symbols(&mut self) {
        let start = self.refs_len;
        self.enter(Key::Symbols { start, end: start });
    }

    /// Adds the index of one symbol to the series begun last.
    ///
    /// # Panics
    /// As [`WriteBatch::add_refs`].
    pub fn push_ref(&mut self, index: u32) {
        let written: Result<(), std::convert::Infallible> = self.add_refs(1, |space| {
            space.fill(index);
            Ok(1)
        });
        match written {
            Ok(()) => {}
            Err(never) => match never {},
        }
    }

    /// Lets `write` put up to `at_most` indices of symbols (name, value, name, value) into a slice
    /// of as many numbers, whatever they are, and say how many it put to its front. They follow
    /// those of the series begun last.
    ///
    /// # Errors
    /// Those of `write`; nothing is added then.
    ///
    /// # Panics
    /// When the series begun last is not made of symbols, which is a mistake of the caller's.
    #[inline]
    pub fn add_refs<E>(
        &mut self,
        at_most: usize,
        write: impl FnOnce(&mut [u32]) -> Result<usize, E>,
    ) -> Result<(), E> {
        let begun = self.series.last_mut().map(|entry| &mut entry.key);
        let Some(Key::Symbols { end, .. }) = begun else {
            panic!("indices of symbols were added to a series that is not made of symbols")
        };
        let space_end = self.refs_len + at_most;
        if self.refs.len() < space_end {
            self.refs.resize(space_end, 0);
        }
        let space = self.refs.get_mut(self.refs_len..space_end);
        self.refs_len += write(space.unwrap_or_default())?.min(at_most);
        *end = self.refs_len;
        Ok(())
    }

    /// The indices of the series begun last; none when it is not made of symbols.
    #[must_use]
    pub fn refs(&self) -> &[u32] {
        match self.series.last().map(|last| last.key) {
            Some(Key::Symbols { start, end }) => self.refs.get(start..end).unwrap_or_default(),
            _ => &[],
        }
    }

    /// Takes the series begun last out again, with its samples.
    pub fn cancel(&mut self) {
        if let Some(Entry { key, .. }) = self.series.pop()
            && let Key::Symbols { start, .. } = key
        {
            self.refs_len = start;
        }
        let end = self.series.last().map_or(0, |last| last.end);
        self.timestamps.truncate(end);
        self.values.truncate(end);
        let series = self.series.len();
        while self
            .histograms
            .pop_if(|last| last.series >= series)
            .is_some()
        {}
        while self
            .exemplars
            .pop_if(|last| last.series >= series)
            .is_some()
        {}
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

    /// Adds samples (milliseconds, values; as many of both) to the series begun last.
    ///
    /// # Panics
    /// When no series was begun or one column is longer, which is a mistake of the caller's.
    pub fn columns(&mut self, timestamps: &[i64], values: &[f64]) {
        assert_eq!(
            timestamps.len(),
            values.len(),
            "columns of different lengths were added to a batch"
        );
        let begun = self.series.last_mut();
        assert!(
            begun.is_some(),
            "samples were added to a batch in which no series was begun"
        );
        self.timestamps.extend_from_slice(timestamps);
        self.values.extend_from_slice(values);
        if let Some(entry) = begun {
            entry.end = self.timestamps.len();
        }
    }

    /// Adds a native histogram (milliseconds, histogram) to the series begun last.
    ///
    /// # Panics
    /// When no series was begun, which is a mistake of the caller's.
    pub fn histogram(&mut self, timestamp: i64, histogram: Histogram) {
        let begun = self.series.len().checked_sub(1);
        let Some(series) = begun else {
            panic!("a histogram was added to a batch in which no series was begun")
        };
        self.histograms.push(BatchHistogram {
            series,
            timestamp,
            histogram,
        });
    }

    /// Adds an exemplar (milliseconds, value, its own labels or why there are none) to the series
    /// begun last. Labels that are no valid set are refused by the append, with this exemplar alone.
    ///
    /// # Panics
    /// When no series was begun, which is a mistake of the caller's.
    pub fn exemplar(&mut self, timestamp: i64, value: f64, labels: Result<Labels, ExemplarError>) {
        let begun = self.series.len().checked_sub(1);
        let Some(series) = begun else {
            panic!("an exemplar was added to a batch in which no series was begun")
        };
        self.exemplars.push(BatchExemplar {
            series,
            timestamp,
            value,
            labels,
        });
    }

    /// The exemplars, in the order of their series.
    #[must_use]
    pub fn exemplars(&self) -> &[BatchExemplar] {
        &self.exemplars
    }

    /// The native histograms, in the order of their series.
    #[must_use]
    pub fn histograms(&self) -> &[BatchHistogram] {
        &self.histograms
    }

    /// How many series were begun.
    #[must_use]
    pub fn series_len(&self) -> usize {
        self.series.len()
    }

    /// How many floats it holds.
    #[must_use]
    pub fn samples_len(&self) -> usize {
        self.timestamps.len()
    }

    /// Whether it holds neither series nor samples.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// The earliest and the latest time of its samples, floats and histograms, in milliseconds;
    /// `None` when it has none.
    #[must_use]
    pub fn times(&self) -> Option<(i64, i64)> {
        let histograms = self.histograms.iter().map(|one| one.timestamp);
        let mut all = self.timestamps.iter().copied().chain(histograms);
        let first = all.next()?;
        Some(all.fold((first, first), |(from, to), ms| (from.min(ms), to.max(ms))))
    }

    /// Takes out the samples and exemplars at `ms`, in milliseconds, and before. Series stay, with
    /// what they have left.
    pub fn keep_newer_than(&mut self, ms: i64) {
        let (mut start, mut kept) = (0, 0);
        for entry in &mut self.series {
            for at in start..entry.end {
                let sample = self.timestamps.get(at).zip(self.values.get(at));
                let Some((&timestamp, &value)) = sample.filter(|(at, _)| **at > ms) else {
                    continue;
                };
                let places = self.timestamps.get_mut(kept).zip(self.values.get_mut(kept));
                if let Some((time, number)) = places {
                    (*time, *number) = (timestamp, value);
                    kept += 1;
                }
            }
            (start, entry.end) = (entry.end, kept);
        }
        self.timestamps.truncate(kept);
        self.values.truncate(kept);
        self.histograms.retain(|one| one.timestamp > ms);
        self.exemplars.retain(|one| one.timestamp > ms);
    }

    /// Takes everything out and keeps the memory.
    pub fn clear(&mut self) {
        self.series.clear();
        self.timestamps.clear();
        self.values.clear();
        self.guessed = false;
        self.copied = false;
        self.left_out = None;
        self.symbols.clear();
        self.refs_len = 0;
        self.histograms.clear();
        self.exemplars.clear();
    }

    /// Empties the batch and frees it from what it borrowed; the memory goes on to the next use.
    #[must_use]
    pub fn recycle(mut self) -> WriteBatch<'static> {
        self.clear();
        // Collecting an emptied Vec into one of the same layout keeps its allocation.
        let series = self.series.into_iter().map_while(|_| None).collect();
        let symbols = self.symbols.into_iter().map_while(|_| None).collect();
        WriteBatch {
            series,
            timestamps: self.timestamps,
            values: self.values,
            guessed: false,
            copied: false,
            left_out: None,
            symbols,
            refs: self.refs,
            refs_len: 0,
            histograms: self.histograms,
            exemplars: self.exemplars,
        }
    }

    /// Bytes of memory the batch keeps, in use or not.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.series.capacity() * size_of::<Entry<'_>>()
            + self.timestamps.capacity() * size_of::<i64>()
            + self.values.capacity() * size_of::<f64>()
            + self.symbols.capacity() * size_of::<&[u8]>()
            + self.refs.capacity() * size_of::<u32>()
            + self.histograms.capacity() * size_of::<BatchHistogram>()
            + (self.histograms.iter())
                .map(|one| one.histogram.heap_bytes())
                .sum::<usize>()
            + self.exemplars.capacity() * size_of::<BatchExemplar>()
            + (self.exemplars.iter())
                .flat_map(|one| &one.labels)
                .map(|labels| labels.as_bytes().len())
                .sum::<usize>()
    }

    /// The series that was begun as number `index`, from 0; `None` when there are fewer.
    ///
    /// ```
    /// # use tsdb_core::{Labels, Sample, WriteBatch};
    /// let [up, down] = ["up", "down"].map(|name| Labels::from_pairs([("__name__", name)]));
    /// let (up, down) = (up?, down?);
    /// let mut batch = WriteBatch::new();
    /// batch.push(&up, Sample::new(1, 1.0));
    /// batch.push(&down, Sample::new(2, 0.0));
    /// batch.sample(3, 0.5);
    /// let columns = batch.series_at(1).map(|(_, timestamps, values)| (timestamps, values));
    /// assert_eq!(columns, Some((&[2, 3][..], &[0.0, 0.5][..])));
    /// assert!(batch.series_at(2).is_none());
    /// # Ok::<(), tsdb_core::LabelsError>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn series_at(&self, index: usize) -> Option<SeriesBatch<'_>> {
        let before = index.checked_sub(1).map(|before| self.series.get(before));
        SeriesBatches {
            batch: self,
            entries: self.series.get(index..)?.iter(),
            start: before.flatten().map_or(0, |before| before.end),
        }
        .next()
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
pub type SeriesBatch<'b> = (SeriesKey<'b>, &'b [i64], &'b [f64]);

/// Iterator over the series of a [`WriteBatch`].
#[derive(Clone, Debug)]
pub struct SeriesBatches<'b, 'a> {
    batch: &'b WriteBatch<'a>,
    entries: std::slice::Iter<'b, Entry<'a>>,
    start: usize,
}

impl<'b> Iterator for SeriesBatches<'b, '_> {
    type Item = SeriesBatch<'b>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.entries.next()?;
        let range = self.start..entry.end;
        self.start = entry.end;
        let timestamps = self.batch.timestamps.get(range.clone())?;
        let key = match entry.key {
            Key::Labels(labels) => SeriesKey::Labels(labels),
            Key::Encoded(encoded) => SeriesKey::Encoded(encoded),
            Key::Symbols { start, end } => SeriesKey::Symbols(SymbolLabels {
                refs: self.batch.refs.get(start..end)?,
                symbols: &self.batch.symbols,
            }),
        };
        Some((key, timestamps, self.batch.values.get(range)?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.entries.size_hint()
    }
}

impl ExactSizeIterator for SeriesBatches<'_, '_> {}
