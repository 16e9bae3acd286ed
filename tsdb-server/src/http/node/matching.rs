//! Series that have an id and no tags: which labels they have here, and that queries of tags do
//! not meet them, as in M3, whose index does not know them.

use tsdb_core::model::{Labels, METRIC_NAME, Matcher};
use tsdb_promql::syntax::parse_metric_selector;

use crate::node_json::{BodyError, Query};
use crate::store::{StoreError, id_of};

/// Name of the metric of all series that have no tags.
const UNTAGGED: &str = "__m3_untagged__";
/// The label with their id.
pub(super) const ID_LABEL: &str = "__m3_id__";

/// The labels of the series with this id that has no tags.
///
/// # Errors
/// When there can be none.
pub(super) fn untagged(id: &str) -> Result<Labels, StoreError> {
    let labels = Labels::from_pairs([(METRIC_NAME, UNTAGGED), (ID_LABEL, id)]);
    labels.map_err(|error| StoreError::Refused(format!("id {id:?}: {error}")))
}

/// The labels that an id like `{a="1",b="2"}` follows from.
pub(super) fn labels_of_id(id: &str) -> Option<Labels> {
    let matchers = id
        .starts_with('{')
        .then(|| parse_metric_selector(id).ok())??;
    let pairs = matchers.iter().map(|one| (one.name(), one.value()));
    let labels = Labels::from_pairs(pairs).ok()?;
    // Which leaves out other operators and other ways to write the same.
    (!labels.is_empty() && id_of(&labels) == id).then_some(labels)
}

/// The sets of matchers that mean what `query` means among the series with tags.
pub(super) fn tagged_sets(query: &Query) -> Result<Vec<Vec<Matcher>>, BodyError> {
    let mut sets = query.matcher_sets()?;
    for set in &mut sets {
        set.push(Matcher::equal(ID_LABEL, ""));
    }
    Ok(sets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_follow_from_the_ids_that_follow_from_them() {
        let labels = |pairs: &[(&str, &str)]| {
            Labels::from_pairs(pairs.iter().copied()).expect("valid labels")
        };
        for pairs in [
            &[("__name__", "up")][..],
            &[("__name__", "a.b"), ("x", "\"\\\n\u{e9}\u{7f}")],
            &[("__name__", "up"), ("zone.name", "{,}"), ("a b", "=")],
        ] {
            let labels = labels(pairs);
            assert_eq!(labels_of_id(&id_of(&labels)), Some(labels));
        }
        let ids = id_of(&labels(&[("b", "2"), ("__name__", "up"), ("c.d", "3")]));
        assert_eq!(ids, "{__name__=\"up\",b=\"2\",\"c.d\"=\"3\"}");
        for id in [
            "foo",
            "{}",
            "{a=\"1\"",
            "{a!=\"1\"}",
            "{a=~\"1\"}",
            "{b=\"1\",a=\"2\"}",
            "{a=\"1\", b=\"2\"}",
            "up{a=\"1\"}",
        ] {
            assert_eq!(labels_of_id(id), None, "{id}");
        }
    }
}
