//! What a salvage found and gives up.

use std::path::{Path, PathBuf};

use super::names::Definitions;
use crate::db::TornTail;
use crate::model::{Generation, Labels, LostPart, SeriesId};

/// Why rows are given up whose labels nothing tells.
pub(super) const NAMELESS: &str = "rows of series that no series file and no block names";

/// What is damaged in a data folder, and what is given up for it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SalvageReport {
    /// Files that were read.
    pub files: u64,
    /// Series that have names.
    pub series: u64,
    /// Samples that can be read, each counted in every file that has it.
    pub samples: u64,
    /// What is damaged, in the order of the files and of their bytes.
    pub damage: Vec<Damage>,
    /// Ends of logs and series files that a crash may have left: nothing in them was acked, unless
    /// they were cut afterwards.
    pub torn: Vec<TornTail>,
    /// Files that the salvaged folder has anew; empty if nothing was written.
    pub rewritten: Vec<PathBuf>,
}

/// Something that is damaged.
#[derive(Clone, Debug, PartialEq)]
pub struct Damage {
    /// The file, relative to the data folder.
    pub path: PathBuf,
    /// Where in it, in bytes.
    pub offset: u64,
    /// How many bytes are concerned; 0 where that is not known.
    pub bytes: u64,
    /// What is wrong.
    pub what: String,
    /// What is given up for it.
    pub lost: Lost,
}

/// What is given up.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Lost {
    /// Nothing that was stored: what stood there stands elsewhere too, or is made anew.
    Nothing,
    /// Samples.
    Samples(LostSamples),
    /// Which labels series have. What is lost with them is told where it names them.
    Names {
        /// The namespace.
        namespace: String,
        /// The first id that may be concerned,
        first: SeriesId,
        /// and the last one.
        last: SeriesId,
    },
    /// Deletes: what they hid may be seen again.
    Deletes {
        /// The namespace; any if that is not known.
        namespace: Option<String>,
        /// The delete; any if that is not known.
        generation: Option<Generation>,
    },
    /// Exemplars.
    Exemplars {
        /// The namespace; any if that is not known.
        namespace: Option<String>,
        /// How many there are, if that is known.
        exemplars: Option<u64>,
    },
    /// Documents, if there were any.
    Documents,
    /// The options of a namespace, which has those of a new one instead.
    Options {
        /// The namespace.
        namespace: String,
    },
}

/// Samples that are given up. What is `None` is not known: it may be any.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LostSamples {
    /// The namespace.
    pub namespace: Option<String>,
    /// Ids of the series, as ranges of which both ends are included.
    pub series: Option<Vec<(SeriesId, SeriesId)>>,
    /// The labels of the series, if it is one and they are known.
    pub labels: Option<Labels>,
    /// The first and the last millisecond.
    pub times: Option<(i64, i64)>,
    /// How many there are.
    pub samples: Option<u64>,
}

impl SalvageReport {
    /// Whether nothing is damaged.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.damage.is_empty()
    }

    /// How many samples are given up as far as they are counted, and whether there are some that
    /// are not. A sample that stands in several files may be counted although it is still there.
    #[must_use]
    pub fn lost_samples(&self) -> (u64, bool) {
        let lost = self.damage.iter().filter_map(|damage| match &damage.lost {
            Lost::Samples(samples) => Some(samples.samples),
            _ => None,
        });
        lost.fold((0, false), |(sum, more), samples| match samples {
            Some(samples) => (sum + samples, more),
            None => (sum, true),
        })
    }
}

impl SalvageReport {
    /// Tells the labels of single series, now that all that are known are.
    pub(super) fn name_series(&mut self, namespace: &str, names: &Definitions) {
        for damage in &mut self.damage {
            let Lost::Samples(lost) = &mut damage.lost else {
                continue;
            };
            let single = lost.series.as_deref().and_then(|ranges| match ranges {
                [(first, last)] if first == last => Some(*first),
                _ => None,
            });
            if lost.namespace.as_deref() == Some(namespace) {
                lost.labels = single.and_then(|id| names.get(id)).cloned();
            }
        }
    }

    /// Takes what was met later, but for what is known.
    pub(super) fn add_later(&mut self, later: Vec<Damage>) {
        for one in later {
            let place = |damage: &Damage| (damage.path.clone(), damage.offset, damage.what.clone());
            if !self.damage.iter().any(|known| place(known) == place(&one)) {
                self.damage.push(one);
            }
        }
    }
}

impl Damage {
    /// A part that is lost of a file of a namespace, whose ids are noted as given.
    pub(super) fn of(
        (path, namespace): (&Path, &str),
        part: LostPart,
        names: &mut Definitions,
    ) -> Self {
        let samples = part.series.map(|(first, last)| {
            names.given(last);
            Lost::Samples(LostSamples {
                namespace: Some(namespace.to_owned()),
                series: Some(vec![(first, last)]),
                labels: None,
                times: Some(part.times),
                samples: part.samples,
            })
        });
        Self {
            path: path.to_owned(),
            offset: part.offset,
            bytes: part.bytes,
            what: part.what,
            lost: samples.unwrap_or(Lost::Nothing),
        }
    }
}

/// Collects ids as ranges.
#[derive(Debug, Default)]
pub(super) struct IdRanges(std::collections::BTreeSet<SeriesId>);

impl IdRanges {
    pub(super) fn add(&mut self, id: SeriesId) {
        self.0.insert(id);
    }

    pub(super) fn ranges(&self) -> Vec<(SeriesId, SeriesId)> {
        let mut ranges: Vec<(SeriesId, SeriesId)> = Vec::new();
        for &id in &self.0 {
            match ranges.last_mut() {
                Some((_, last)) if last.0.checked_add(1) == Some(id.0) => *last = id,
                _ => ranges.push((id, id)),
            }
        }
        ranges
    }
}

/// Samples of several series that are given up for one reason.
#[derive(Debug, Default)]
pub(super) struct LostRows {
    ids: IdRanges,
    times: Option<(i64, i64)>,
    samples: u64,
}

impl LostRows {
    pub(super) fn add(&mut self, id: SeriesId, (min, max): (i64, i64), samples: u64) {
        self.ids.add(id);
        let (first, last) = self.times.unwrap_or((min, max));
        self.times = Some((first.min(min), last.max(max)));
        self.samples += samples;
    }

    /// What is given up of a file of a namespace, and why; none if nothing is.
    pub(super) fn damage(
        &self,
        (path, namespace): (&Path, &str),
        offset: u64,
        what: &str,
    ) -> Option<Damage> {
        let times = self.times?;
        Some(Damage {
            path: path.to_owned(),
            offset,
            bytes: 0,
            what: what.to_owned(),
            lost: Lost::Samples(LostSamples {
                namespace: Some(namespace.to_owned()),
                series: Some(self.ids.ranges()),
                labels: None,
                times: Some(times),
                samples: Some(self.samples),
            }),
        })
    }
}
