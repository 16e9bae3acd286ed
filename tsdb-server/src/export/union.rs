//! Series of several sets as one.

use tsdb_core::model::{Matcher, TimeRange};
use tsdb_core::{SelectLimits, Series};

use crate::data::{NamespaceData, SeriesSource};
use crate::store::StoreError;

/// Series of several sets, merged by their labels; the sets are sorted.
pub(crate) struct SeriesUnion {
    sets: Vec<(SeriesSource, Option<Series>)>,
}

impl SeriesUnion {
    pub(crate) fn open(
        namespace: &NamespaceData,
        range: Option<TimeRange>,
        sets: &[Vec<Matcher>],
    ) -> Result<Self, StoreError> {
        let mut opened = Vec::new();
        if let Some(range) = range {
            for set in sets {
                let mut series = namespace.select(range, set, SelectLimits::default())?;
                let first = series.next_series()?;
                opened.push((series, first));
            }
        }
        Ok(Self { sets: opened })
    }

    /// The next series in order; one that meets several sets comes once.
    pub(crate) fn next(&mut self) -> Result<Option<Series>, StoreError> {
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
                let series = std::mem::replace(head, set.next_series()?);
                taken = taken.or(series);
            }
        }
        Ok(taken)
    }
}
