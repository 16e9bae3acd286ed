//! Matchers to rows, the cheapest first: one plan for the index in memory and those on disk.

use crate::model::{MatchOp, Matcher, ShardSet};
use crate::postings::Postings;

/// What a plan asks of an index: names, their sorted values, and the rows that carry them.
pub(super) trait Terms {
    /// A label name that some row has.
    type Name;
    /// A list of rows that need not have been read yet.
    type List: Clone;
    /// Why it cannot be read.
    type Error;

    /// How many values are tried in the time it takes to look at the labels of one row.
    const VALUES_PER_ROW: u64;

    /// Number of rows: they are 0 and those after it.
    fn rows(&self) -> u32;
    fn find_name(&self, name: &str) -> Result<Option<Self::Name>, Self::Error>;
    fn values_len(&self, name: &Self::Name) -> usize;
    /// The rows that have the label, whatever its value.
    fn list_of_name(&self, name: &Self::Name) -> Self::List;
    fn find_list(&self, name: &Self::Name, value: &str) -> Result<Option<Self::List>, Self::Error>;
    /// The rows of the values that begin with `prefix` and are `selected`, in any order.
    fn scan(
        &self,
        name: &Self::Name,
        prefix: &str,
        selected: impl FnMut(&str) -> bool,
    ) -> Result<Vec<Self::List>, Self::Error>;
    fn list_len(&self, list: &Self::List) -> u64;
    /// The rows of all lists.
    fn union(&self, lists: &[Self::List]) -> Result<Postings, Self::Error>;
    /// Takes out of `set` what is not in the list.
    fn keep_in(&self, set: &mut Postings, list: &Self::List) -> Result<(), Self::Error>;
    /// Takes out of `set` what is in the list.
    fn remove_from(&self, set: &mut Postings, list: &Self::List) -> Result<(), Self::Error>;
    /// Keeps of `set` the rows whose value of the label, if they have it, is `selected`.
    fn filter(
        &self,
        set: &mut Postings,
        name: &Self::Name,
        selected: impl FnMut(Option<&str>) -> bool,
    ) -> Result<(), Self::Error>;
    /// Keeps of `set` the rows whose labels put them in one of the placement shards.
    fn keep_shards(&self, set: &mut Postings, shards: &ShardSet) -> Result<(), Self::Error>;
}

/// Rows that carry a name, chosen by its values: those of `lists`, or all but those.
struct Chosen<L> {
    lists: Vec<L>,
    all_but: bool,
}

/// The rows that all `matchers` select; all rows when there are none. A label that a row does
/// not have counts as having the value "".
pub(super) fn rows_matching<T: Terms>(
    terms: &T,
    matchers: &[Matcher],
) -> Result<Postings, T::Error> {
    let mut equal = Vec::new();
    let mut others = Vec::new();
    let mut shards = Vec::new();
    for matcher in matchers {
        if let Some(set) = matcher.shard_set() {
            shards.push(set);
            continue;
        }
        let name = terms.find_name(matcher.name())?;
        if matcher.op() == MatchOp::Equal && !matcher.value().is_empty() {
            let list = match &name {
                Some(name) => terms.find_list(name, matcher.value())?,
                None => None,
            };
            let Some(list) = list else {
                return Ok(Postings::new());
            };
            equal.push((terms.list_len(&list), list));
        } else {
            others.push((cost(terms, matcher, name.as_ref()), matcher, name));
        }
    }
    equal.sort_by_key(|(len, _)| *len);
    others.sort_by_key(|(cost, _, _)| *cost);
    // None stands for all rows.
    let mut set: Option<Postings> = None;
    for (_, list) in equal {
        keep(terms, &mut set, &list)?;
        if set.as_ref().is_some_and(Postings::is_empty) {
            return Ok(Postings::new());
        }
    }
    for (_, matcher, name) in others {
        if set.as_ref().is_some_and(Postings::is_empty) {
            break;
        }
        match name {
            Some(name) => narrow(terms, &mut set, matcher, &name)?,
            None if matcher.matches_empty() => {}
            None => return Ok(Postings::new()),
        }
    }
    let mut set = set.unwrap_or_else(|| all(terms));
    // The last, as they look at all labels of each row that is left.
    for shards in shards.into_iter().filter(|shards| !shards.is_all()) {
        terms.keep_shards(&mut set, shards)?;
    }
    Ok(set)
}

fn all<T: Terms>(terms: &T) -> Postings {
    let mut set = Postings::new();
    set.insert_range(0..terms.rows());
    set
}

/// How many values a matcher looks at, about.
fn cost<T: Terms>(terms: &T, matcher: &Matcher, name: Option<&T::Name>) -> usize {
    if matcher.is_any_value() || matches!(matcher.op(), MatchOp::Equal | MatchOp::NotEqual) {
        return 1;
    }
    let values = name.map_or(0, |name| terms.values_len(name));
    match (matcher.set_matches(), matcher.prefix()) {
        (Some(set), _) => set.len().min(values),
        // A prefix leaves some of the values.
        (None, Some(_)) => values.div_ceil(2),
        (None, None) => values,
    }
}

/// Takes out of `set` what a matcher does not select.
fn narrow<T: Terms>(
    terms: &T,
    set: &mut Option<Postings>,
    matcher: &Matcher,
    name: &T::Name,
) -> Result<(), T::Error> {
    let keeps_absent = matcher.matches_empty();
    let values = terms.values_len(name);
    if let Some(set) = set
        && is_scan(matcher, values)
        && set.len().saturating_mul(T::VALUES_PER_ROW) <= values as u64
    {
        return terms.filter(set, name, |value| {
            matcher.matches(value.unwrap_or_default())
        });
    }
    let mut chosen = choose(terms, name, matcher)?;
    chosen.all_but ^= matcher.op().is_negative();
    let of_name = terms.list_of_name(name);
    match (keeps_absent, chosen.all_but) {
        (false, false) => keep_any(terms, set, &chosen.lists),
        (false, true) => {
            keep(terms, set, &of_name)?;
            remove(terms, set.get_or_insert_default(), &chosen.lists)
        }
        (true, true) => {
            let set = set.get_or_insert_with(|| all(terms));
            remove(terms, set, &chosen.lists)
        }
        (true, false) => {
            let mut refused = terms.union(&[of_name])?;
            remove(terms, &mut refused, &chosen.lists)?;
            *set.get_or_insert_with(|| all(terms)) -= refused;
            Ok(())
        }
    }
}

/// Whether a matcher has to try values of its name.
fn is_scan(matcher: &Matcher, values: usize) -> bool {
    matches!(matcher.op(), MatchOp::Regex | MatchOp::NotRegex)
        && !matcher.is_any_value()
        && matcher.set_matches().is_none_or(|set| set.len() > values)
}

/// What a matcher, its negation left aside, selects among the rows that have the label.
fn choose<T: Terms>(
    terms: &T,
    name: &T::Name,
    matcher: &Matcher,
) -> Result<Chosen<T::List>, T::Error> {
    let mut chosen = Chosen {
        lists: Vec::new(),
        all_but: false,
    };
    if matcher.is_any_value() {
        chosen.all_but = true;
        return Ok(chosen);
    }
    if !is_scan(matcher, terms.values_len(name)) {
        match matcher.set_matches() {
            Some(values) => {
                for value in values {
                    chosen.lists.extend(terms.find_list(name, value)?);
                }
            }
            None => chosen.lists.extend(terms.find_list(name, matcher.value())?),
        }
        return Ok(chosen);
    }
    let prefix = matcher.prefix().unwrap_or_default();
    chosen.lists = terms.scan(name, prefix, |value| matcher.positive_matches(value))?;
    Ok(chosen)
}

fn keep<T: Terms>(terms: &T, set: &mut Option<Postings>, list: &T::List) -> Result<(), T::Error> {
    match set {
        Some(set) => terms.keep_in(set, list)?,
        None => *set = Some(terms.union(std::slice::from_ref(list))?),
    }
    Ok(())
}

/// Keeps what is in any of `lists`.
fn keep_any<T: Terms>(
    terms: &T,
    set: &mut Option<Postings>,
    lists: &[T::List],
) -> Result<(), T::Error> {
    match (set, lists) {
        (Some(set), [list]) => terms.keep_in(set, list)?,
        (Some(set), lists) => *set &= terms.union(lists)?,
        (set, lists) => *set = Some(terms.union(lists)?),
    }
    Ok(())
}

/// Takes `lists` out of `set`: many of them at once, few one by one.
fn remove<T: Terms>(terms: &T, set: &mut Postings, lists: &[T::List]) -> Result<(), T::Error> {
    if lists.len() > 8 {
        *set -= terms.union(lists)?;
        return Ok(());
    }
    lists
        .iter()
        .try_for_each(|list| terms.remove_from(set, list))
}
