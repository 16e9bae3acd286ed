//! Matchers to slots, the cheapest first.

use super::MemIndex;
use super::pairs::Name;
use crate::model::{HashMap, MatchOp, Matcher};
use crate::postings::{PostingList, Postings, union};

/// Slots that carry a name, chosen by its values: those of `lists`, or all but those.
struct Chosen<'a> {
    lists: Vec<&'a PostingList>,
    all_but: bool,
}

impl MemIndex {
    /// The slots that all `matchers` select; all slots when there are none. A label that a
    /// series does not have counts as having the value "".
    #[must_use]
    pub fn matches(&self, matchers: &[Matcher]) -> Postings {
        let mut equal = Vec::new();
        let mut others = Vec::new();
        for matcher in matchers {
            if matcher.op() == MatchOp::Equal && !matcher.value().is_empty() {
                let Some(list) = self.list(matcher.name(), matcher.value()) else {
                    return Postings::new();
                };
                equal.push(list);
            } else {
                others.push((self.cost(matcher), matcher));
            }
        }
        equal.sort_unstable_by_key(|list| list.len());
        others.sort_by_key(|(cost, _)| *cost);
        // None stands for all slots.
        let mut set: Option<Postings> = None;
        for list in equal {
            keep(&mut set, list);
        }
        for (_, matcher) in others {
            if set.as_ref().is_some_and(Postings::is_empty) {
                break;
            }
            self.narrow(&mut set, matcher);
        }
        set.unwrap_or_else(|| self.all())
    }

    fn all(&self) -> Postings {
        let mut set = Postings::new();
        set.insert_range(0..self.len() as u32);
        set
    }

    fn list(&self, name: &str, value: &str) -> Option<&PostingList> {
        let name = self.pairs.find_name(&self.symbols, name.as_bytes())?;
        self.pairs
            .slots(self.pairs.find(&self.symbols, name, value.as_bytes())?)
    }

    /// How many values a matcher looks at, about.
    fn cost(&self, matcher: &Matcher) -> usize {
        if matcher.is_any_value() || matches!(matcher.op(), MatchOp::Equal | MatchOp::NotEqual) {
            return 1;
        }
        let name = self
            .pairs
            .find_name(&self.symbols, matcher.name().as_bytes());
        let values = name
            .and_then(|name| self.pairs.name(name))
            .map_or(0, |name| name.pairs.len());
        matcher
            .set_matches()
            .map_or(values, |set| set.len().min(values))
    }

    /// Takes out of `set` what a matcher does not select.
    fn narrow(&self, set: &mut Option<Postings>, matcher: &Matcher) {
        let keeps_absent = matcher.matches_empty();
        let number = self
            .pairs
            .find_name(&self.symbols, matcher.name().as_bytes());
        let Some((number, name)) = number.and_then(|n| Some((n, self.pairs.name(n)?))) else {
            if !keeps_absent {
                *set = Some(Postings::new());
            }
            return;
        };
        if let Some(set) = set
            && self.is_scan(matcher, name)
            && set.len() <= name.pairs.len() as u64
        {
            self.filter(set, number, matcher);
            return;
        }
        let mut chosen = self.choose(number, name, matcher);
        chosen.all_but ^= matcher.op().is_negative();
        match (keeps_absent, chosen.all_but) {
            (false, false) => match chosen.lists.as_slice() {
                [list] => keep(set, list),
                lists => {
                    let selected = union(lists.iter().copied());
                    match set {
                        Some(set) => *set &= selected,
                        None => *set = Some(selected),
                    }
                }
            },
            (false, true) => {
                keep(set, &name.slots);
                remove(set.get_or_insert_default(), &chosen.lists);
            }
            (true, true) => remove(set.get_or_insert_with(|| self.all()), &chosen.lists),
            (true, false) => {
                let mut refused = name.slots.to_postings();
                remove(&mut refused, &chosen.lists);
                *set.get_or_insert_with(|| self.all()) -= refused;
            }
        }
    }

    /// Whether a matcher has to try the values of its name.
    fn is_scan(&self, matcher: &Matcher, name: &Name) -> bool {
        matches!(matcher.op(), MatchOp::Regex | MatchOp::NotRegex)
            && !matcher.is_any_value()
            && matcher
                .set_matches()
                .is_none_or(|set| set.len() > name.pairs.len())
    }

    /// What a matcher, its negation left aside, selects among the slots that have the label.
    fn choose(&self, number: u32, name: &Name, matcher: &Matcher) -> Chosen<'_> {
        if matcher.is_any_value() {
            return Chosen {
                lists: Vec::new(),
                all_but: true,
            };
        }
        let list_of = |value: &str| {
            self.pairs
                .slots(self.pairs.find(&self.symbols, number, value.as_bytes())?)
        };
        if !self.is_scan(matcher, name) {
            let lists = match matcher.set_matches() {
                Some(values) => values.iter().filter_map(|value| list_of(value)).collect(),
                None => list_of(matcher.value()).into_iter().collect(),
            };
            return Chosen {
                lists,
                all_but: false,
            };
        }
        let (mut matched, mut unmatched) = (Vec::new(), Vec::new());
        for &pair in &name.pairs {
            let Some(list) = self.pairs.slots(pair) else {
                continue;
            };
            if self.positive_matches(matcher, pair) {
                matched.push(list);
            } else {
                unmatched.push(list);
            }
        }
        if matched.len() <= unmatched.len() {
            Chosen {
                lists: matched,
                all_but: false,
            }
        } else {
            Chosen {
                lists: unmatched,
                all_but: true,
            }
        }
    }

    #[inline]
    fn positive_matches(&self, matcher: &Matcher, pair: u32) -> bool {
        let value = self
            .pairs
            .get(pair)
            .map(|pair| self.symbols.text(pair.value));
        matcher.positive_matches(value.unwrap_or_default())
    }

    /// Looks at the labels of the few slots that are left, instead of at all values of a name.
    fn filter(&self, set: &mut Postings, name: u32, matcher: &Matcher) {
        let absent = matcher.matches_empty();
        let mut verdicts: HashMap<u32, bool> = HashMap::new();
        let kept = set.iter().filter(|&slot| {
            let mut pairs = self.pair_numbers(slot).into_iter().flatten();
            match pairs.find(|&pair| self.pairs.get(pair).is_some_and(|pair| pair.name == name)) {
                Some(pair) => *verdicts.entry(pair).or_insert_with(|| {
                    self.positive_matches(matcher, pair) != matcher.op().is_negative()
                }),
                None => absent,
            }
        });
        *set = kept.collect();
    }
}

fn keep(set: &mut Option<Postings>, list: &PostingList) {
    match set {
        Some(set) => list.keep_in(set),
        None => *set = Some(list.to_postings()),
    }
}

/// Takes `lists` out of `set`: many of them at once, few one by one.
fn remove(set: &mut Postings, lists: &[&PostingList]) {
    if lists.len() > 8 {
        *set -= union(lists.iter().copied());
    } else {
        lists.iter().for_each(|list| list.remove_from(set));
    }
}
