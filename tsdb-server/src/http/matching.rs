//! The `match[]` parameters: sets of matchers, of which a series must meet one.

use tsdb_core::model::Matcher;
use tsdb_promql::syntax::parse_metric_selector;

use super::envelope::ApiError;
use super::form::Form;

/// Most sets in one request: each costs a select of its own.
const MAX_SETS: usize = 1000;

/// The sets of a request, in order.
pub(super) fn matcher_sets(form: &Form) -> Result<Vec<Vec<Matcher>>, ApiError> {
    let mut sets = Vec::new();
    for selector in form.all("match[]") {
        if sets.len() >= MAX_SETS {
            let reason =
                format!("more than {MAX_SETS} selectors: join them, as in {{__name__=~\"a|b\"}}");
            return Err(ApiError::invalid_parameter("match[]", reason));
        }
        let set = parse_metric_selector(selector)
            .map_err(|error| ApiError::invalid_parameter("match[]", error))?;
        if set.iter().all(Matcher::matches_empty) {
            let reason = "match[] must contain at least one non-empty matcher";
            return Err(ApiError::invalid_parameter("match[]", reason));
        }
        sets.push(set);
    }
    Ok(sets)
}

/// As [`matcher_sets`], for routes that want at least one.
pub(super) fn required_matcher_sets(form: &Form) -> Result<Vec<Vec<Matcher>>, ApiError> {
    if form.all("match[]").next().is_none() {
        return Err(ApiError::bad_data("no match[] parameter provided"));
    }
    matcher_sets(form)
}

/// As [`matcher_sets`]; without any, one set that everything meets.
pub(super) fn optional_matcher_sets(form: &Form) -> Result<Vec<Vec<Matcher>>, ApiError> {
    let mut sets = matcher_sets(form)?;
    if sets.is_empty() {
        sets.push(Vec::new());
    }
    Ok(sets)
}

/// Joins the sorted lists of all sets into one, each value once, up to `limit`. Says whether more were there.
pub(super) fn union<T: Ord>(lists: Vec<Vec<T>>, limit: Option<usize>) -> (Vec<T>, bool) {
    let mut all: Vec<T> = match <[Vec<T>; 1]>::try_from(lists) {
        Ok([only]) => only,
        Err(lists) => {
            let mut all: Vec<T> = lists.into_iter().flatten().collect();
            all.sort_unstable();
            all.dedup();
            all
        }
    };
    let truncated = limit.is_some_and(|limit| all.len() > limit);
    if let Some(limit) = limit {
        all.truncate(limit);
    }
    (all, truncated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_joined_in_order_without_doubles() {
        assert_eq!(
            union(vec![vec![1, 3], vec![2, 3]], None),
            (vec![1, 2, 3], false)
        );
        assert_eq!(
            union(vec![vec![1, 3], vec![2, 3]], Some(2)),
            (vec![1, 2], true)
        );
        assert_eq!(union(vec![vec![1, 3]], Some(2)), (vec![1, 3], false));
        assert_eq!(union::<i32>(vec![], Some(2)), (vec![], false));
    }

    #[test]
    fn a_set_must_say_something() {
        for query in [
            "match[]={}",
            "match[]={a=\"\"}",
            "match[]=up&match[]={a=~\".*\"}",
        ] {
            let error = matcher_sets(&Form::of_query(Some(query))).expect_err(query);
            assert_eq!(
                error.message,
                "invalid parameter \"match[]\": match[] must contain at least one non-empty matcher"
            );
        }
    }
}
