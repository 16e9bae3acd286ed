//! Series of several selects, merged by their labels.

use tsdb_core::model::{Matcher, TimeRange};
use tsdb_core::{Namespace, Series, SeriesSet};

use crate::store::StoreError;

/// Series of several selects in order of their labels; one that is in several comes once.
pub(super) struct MergedSets {
    sets: Vec<(SeriesSet, Option<Series>)>,
}

impl MergedSets {
    /// Selects the series that meet all matchers of one of `sets`; none when there is no range.
    ///
    /// # Errors
    /// When too many do, or they cannot be read.
    pub(super) fn open(
        namespace: &Namespace,
        range: Option<TimeRange>,
        sets: &[Vec<Matcher>],
    ) -> Result<Self, StoreError> {
        let mut opened = Vec::new();
        if let Some(range) = range {
            for set in sets {
                let mut series = namespace.select(range, set).map_err(StoreError::database)?;
                let first = series.next().transpose().map_err(StoreError::database)?;
                opened.push((series, first));
            }
        }
        Ok(Self { sets: opened })
    }

    /// The next series.
    ///
    /// # Errors
    /// When it cannot be read, or holds more than the answer may.
    pub(super) fn next_series(&mut self) -> Result<Option<Series>, StoreError> {
        let heads = self
            .sets
            .iter()
            .enumerate()
            .filter_map(|(index, (_, head))| Some((index, head.as_ref()?)));
        let Some((first, _)) = heads.min_by(|a, b| a.1.labels().cmp(b.1.labels())) else {
            return Ok(None);
        };
        let mut taken: Option<Series> = None;
        for (index, (set, head)) in self.sets.iter_mut().enumerate() {
            let same = match (&taken, &head) {
                (Some(taken), Some(head)) => taken.labels() == head.labels(),
                _ => index == first,
            };
            if same {
                let series =
                    std::mem::replace(head, set.next().transpose().map_err(StoreError::database)?);
                taken = taken.or(series);
            }
        }
        Ok(taken)
    }
}
