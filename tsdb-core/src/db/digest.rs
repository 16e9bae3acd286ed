//! Digests of samples, by which replicas find out what they do not share: of a placement shard and
//! a window of time, or of a series. They say nothing of where samples are or how they came.

use highway::{HighwayHash, HighwayHasher, Key};

use super::{Error, Namespace};
use crate::model::{HashMap, Histogram, Labels, Matcher, ShardSet, TimeRange, Window, shard_of};
use crate::shard::{SelectLimits, Series, SeriesSet};

/// At most so many digests are made at a time, so that their memory is bounded.
const DIGESTS_MAX: usize = 1 << 20;
/// Floats that are hashed at once.
const FLOATS: usize = 64;
/// Replicas have to agree on it, so it is none of a data folder: the digits of pi.
const KEY: Key = Key([
    0x243f_6a88_85a3_08d3,
    0x1319_8a2e_0370_7344,
    0xa409_3822_299f_31d0,
    0x082e_fa98_ec4e_6c89,
]);
/// No limits: a replica that is large is repaired, too.
const LIMITS: SelectLimits = SelectLimits {
    series: usize::MAX,
    samples: u64::MAX,
};

/// Stands for a set of samples: two sets have the same one if they are equal, and otherwise for
/// chances as good as none. Not against somebody who makes up samples for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub u128);

impl Digest {
    /// Of both sets, which share no series.
    #[must_use]
    pub const fn joined(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }
}

/// What a placement shard holds in a window of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardDigest {
    /// The shard.
    pub shard: u32,
    /// The window, of the grid that begins at the epoch; not cut at the range that was asked for.
    pub window: Window,
    /// Of all its samples, and the labels of their series.
    pub digest: Digest,
    /// Series with samples there.
    pub series: u64,
    /// Samples, floats and histograms.
    pub samples: u64,
}

/// What a series holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesDigest {
    /// The labels.
    pub labels: Labels,
    /// Of its samples and labels.
    pub digest: Digest,
    /// Samples, floats and histograms.
    pub samples: u64,
}

impl Namespace {
    /// What each of the placement shards holds in each window of `window_ms` milliseconds, of what
    /// lies in `range`; sorted by shard and window, without those that are empty. Reads all
    /// samples, a few series at a time. Exemplars and metadata do not count.
    ///
    /// # Errors
    /// [`super::ErrorKind::InvalidInput`] when a window has no length, or there would be more than
    /// a million digests; and when samples cannot be read.
    pub fn digests(
        &self,
        range: TimeRange,
        shards: &ShardSet,
        window_ms: i64,
    ) -> Result<Vec<ShardDigest>, Error> {
        if window_ms < 1 {
            return Err(Error::Invalid {
                name: "the window of digests",
                value: format!("{window_ms} ms"),
                why: "it has to be at least one millisecond long",
            });
        }
        let mut found: HashMap<(u32, i64), ShardDigest> = HashMap::new();
        for series in self.select_with(range, &[Matcher::shards(shards.clone())], LIMITS)? {
            let series = series?;
            let shard = shard_of(series.labels(), shards.of());
            for (window, digest, samples) in Windows::of(&series, window_ms) {
                let one = found.entry((shard, window.start)).or_insert(ShardDigest {
                    shard,
                    window,
                    digest: Digest::default(),
                    series: 0,
                    samples: 0,
                });
                one.digest = one.digest.joined(digest);
                one.series += 1;
                one.samples += samples;
                if found.len() > DIGESTS_MAX {
                    return Err(Error::Invalid {
                        name: "the window of digests",
                        value: format!("{window_ms} ms"),
                        why: "more than 1048576 digests would be made: ask for longer windows, a \
                              shorter range or fewer shards",
                    });
                }
            }
        }
        let mut found: Vec<ShardDigest> = found.into_values().collect();
        found.sort_unstable_by_key(|one| (one.shard, one.window));
        Ok(found)
    }

    /// What each series of the placement shards holds in `range`, sorted by labels; read as it is
    /// asked for.
    ///
    /// # Errors
    /// When what matches cannot be read.
    pub fn series_digests(
        &self,
        range: TimeRange,
        shards: &ShardSet,
    ) -> Result<SeriesDigests, Error> {
        let set = self.select_with(range, &[Matcher::shards(shards.clone())], LIMITS)?;
        Ok(SeriesDigests(set))
    }
}

/// The answer of [`Namespace::series_digests`]. An error ends it.
#[derive(Debug)]
pub struct SeriesDigests(SeriesSet);

impl Iterator for SeriesDigests {
    type Item = Result<SeriesDigest, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let series = match self.0.next()? {
            Ok(series) => series,
            Err(error) => return Some(Err(error.into())),
        };
        let (times, values) = (series.timestamps(), series.values());
        let digest = digest(name_of(&series), times, values, series.histograms());
        Some(Ok(SeriesDigest {
            digest,
            samples: series.samples_len() as u64,
            labels: series.into_labels(),
        }))
    }
}

/// The windows in which a series has samples, each with the digest and number of these.
struct Windows<'s> {
    window_ms: i64,
    name: [u64; 2],
    times: &'s [i64],
    values: &'s [f64],
    histograms: &'s [(i64, Histogram)],
}

impl<'s> Windows<'s> {
    fn of(series: &'s Series, window_ms: i64) -> Self {
        Self {
            window_ms,
            name: name_of(series),
            times: series.timestamps(),
            values: series.values(),
            histograms: series.histograms(),
        }
    }
}

impl Iterator for Windows<'_> {
    type Item = (Window, Digest, u64);

    fn next(&mut self) -> Option<Self::Item> {
        let first = self.histograms.first().map(|one| one.0);
        let first = self.times.first().copied().into_iter().chain(first).min()?;
        let window = Window::of(first, self.window_ms);
        let floats = self.times.partition_point(|time| *time <= window.last);
        let histograms = self.histograms.partition_point(|one| one.0 <= window.last);
        let (times, later) = self.times.split_at(floats);
        self.times = later;
        let (values, later) = self.values.split_at(floats.min(self.values.len()));
        self.values = later;
        let (now, later) = self.histograms.split_at(histograms);
        self.histograms = later;
        let digest = digest(self.name, times, values, now);
        Some((window, digest, (floats + histograms) as u64))
    }
}

/// Stands for the labels of a series, the same in every data folder.
fn name_of(series: &Series) -> [u64; 2] {
    HighwayHasher::new(KEY).hash128(series.labels().as_bytes())
}

/// Each part of what is hashed says how long it is, so that no two inputs are one.
fn digest(
    name: [u64; 2],
    times: &[i64],
    values: &[f64],
    histograms: &[(i64, Histogram)],
) -> Digest {
    let mut hasher = HighwayHasher::new(KEY);
    let counts = [times.len() as u64, histograms.len() as u64];
    append_words(&mut hasher, name.into_iter().chain(counts));
    let times = times.chunks(FLOATS);
    for (times, values) in times.zip(values.chunks(FLOATS)) {
        let samples = times.iter().zip(values);
        let words = samples.flat_map(|(time, value)| [time.cast_unsigned(), value.to_bits()]);
        append_words(&mut hasher, words);
    }
    let mut bytes = Vec::new();
    for (time, histogram) in histograms {
        bytes.clear();
        histogram.put_bytes(&mut bytes);
        append_words(&mut hasher, [time.cast_unsigned(), bytes.len() as u64]);
        hasher.append(&bytes);
    }
    let [low, high] = hasher.finalize128();
    Digest(u128::from(high) << 64 | u128::from(low))
}

/// Hashes up to `2 * FLOATS` words.
fn append_words(hasher: &mut HighwayHasher, words: impl IntoIterator<Item = u64>) {
    let mut bytes = [0; 16 * FLOATS];
    let mut used = 0;
    let (places, _) = bytes.as_chunks_mut::<8>();
    for (place, word) in places.iter_mut().zip(words) {
        *place = word.to_le_bytes();
        used += 8;
    }
    hasher.append(bytes.get(..used).unwrap_or_default());
}
