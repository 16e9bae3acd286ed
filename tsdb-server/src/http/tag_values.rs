//! Names of labels and their values, as M3 lists them together.

use tsdb_core::Limited;
use tsdb_core::model::{Matcher, Texts, TimeRange};

use crate::data::NamespaceData;
use crate::store::StoreError;

/// Most names and values in one answer.
pub(super) const MAX_NAMES_AND_VALUES: usize = 1_000_000;

/// Which names and values are wanted.
pub(super) struct Wanted<'a> {
    /// When; nothing is found without a range.
    pub(super) range: Option<TimeRange>,
    /// Sets of matchers, of which a series must meet one.
    pub(super) sets: &'a [Vec<Matcher>],
    /// Names that are wanted alone; all when it is empty.
    pub(super) names: &'a [String],
    /// Whether values are wanted as well.
    pub(super) values: bool,
    /// Most names, or values of all names together.
    pub(super) limit: usize,
}

/// A name with its values.
pub(super) type TagValues = (String, Texts);

impl Wanted<'_> {
    /// Finds them, sorted, and says whether that is all.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) fn find(
        &self,
        namespace: &NamespaceData,
    ) -> Result<(Vec<TagValues>, bool), StoreError> {
        let (names, mut exhaustive) = self.joined(MAX_NAMES_AND_VALUES, |range, set| {
            namespace.label_names(range, set, MAX_NAMES_AND_VALUES)
        })?;
        let wanted =
            |name: &&str| self.names.is_empty() || self.names.iter().any(|one| one == name);
        let (mut found, mut left) = (Vec::new(), self.limit);
        for name in names.iter().filter(wanted) {
            if left == 0 {
                return Ok((found, false));
            }
            let mut values = Texts::new();
            if self.values {
                let all;
                (values, all) = self.joined(left, |range, set| {
                    namespace.label_values(name, range, set, left)
                })?;
                exhaustive &= all;
            }
            left = left.saturating_sub(if self.values { values.len() } else { 1 });
            found.push((name.to_owned(), values));
        }
        Ok((found, exhaustive))
    }

    /// Joins what `find` finds for each set, up to `limit`, and says whether that is all.
    fn joined(
        &self,
        limit: usize,
        find: impl Fn(TimeRange, &[Matcher]) -> Result<Limited<Texts>, StoreError>,
    ) -> Result<(Texts, bool), StoreError> {
        let (mut all, mut truncated) = (Texts::new(), false);
        if let Some(range) = self.range {
            for set in self.sets {
                let found = find(range, set)?;
                let (union, more) = all.union(&found.values, limit);
                all = union;
                truncated |= more | found.truncated;
            }
        }
        Ok((all, !truncated))
    }
}
