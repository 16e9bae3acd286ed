//! What other replicas miss, noted by a node that has it: which windows of which shards. The samples
//! themselves are where they always are, so a mark costs the same however much is missed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tsdb_core::TimeRange;
use tsdb_core::model::Window;

use crate::identity::{Incarnation, NodeId, ShardId};
use crate::message::Missed;

/// How long the windows of marks are, in milliseconds.
pub(super) const WINDOW_MS: i64 = 2 * 60 * 60 * 1000;
/// Windows of a shard that a replica is known to miss; past it, all of them are compared.
const WINDOWS_MAX: usize = 32;
/// Windows of all marks of a namespace, likewise.
const ALL_WINDOWS_MAX: usize = 16_384;
/// Replicas of shards of a namespace that something is marked for. There are never as many.
const REPLICAS_MAX: usize = 65_536;

/// A replica: a node with the data folder that it had.
pub(super) type Away = (NodeId, Incarnation);

/// More replicas than there can be are said to miss something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "more than {REPLICAS_MAX} replicas of shards of one namespace are said to miss something: no \
     cluster has so many, see who writes"
)]
pub struct TooManyMarks;

/// What replicas miss. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Marks {
    state: Arc<Mutex<State>>,
    window_ms: i64,
}

#[derive(Debug, Default)]
struct State {
    namespaces: BTreeMap<Arc<str>, BTreeMap<(Away, ShardId), Windows>>,
    /// Rises with every change.
    changes: u64,
    /// Up to which change all is on disk.
    kept: u64,
    /// Rises with every note, so that what is noted while a mark is looked after stays.
    notes: u64,
}

/// The windows that a replica of a shard misses: their starts, each with its last note.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Windows {
    Some(BTreeMap<i64, u64>),
    All(u64),
}

/// What a replica of a shard misses, as it was noted at some moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) namespace: Arc<str>,
    pub(super) shard: ShardId,
    windows: Windows,
}

impl Mark {
    /// The times to compare.
    pub(super) fn ranges(&self, window_ms: i64) -> Vec<TimeRange> {
        match &self.windows {
            Windows::All(_) => vec![TimeRange::ALL],
            Windows::Some(starts) => {
                let range = |start: &i64| Window::of(*start, window_ms).range();
                starts.keys().map(range).collect()
            }
        }
    }
}

/// The marks of a namespace as they are kept: shards with the same windows together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct KeptMarks {
    window_ms: i64,
    missed: Vec<KeptMissed>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct KeptMissed {
    node: NodeId,
    incarnation: Incarnation,
    /// None: all of them.
    windows: Option<Vec<i64>>,
    shards: BTreeSet<ShardId>,
}

impl Default for Marks {
    fn default() -> Self {
        Self::new(BTreeMap::new(), WINDOW_MS)
    }
}

impl Marks {
    /// As they were kept.
    pub(super) fn new(kept: BTreeMap<Arc<str>, KeptMarks>, window_ms: i64) -> Self {
        let mut namespaces = BTreeMap::new();
        for (namespace, kept) in kept {
            let own: &mut BTreeMap<_, _> = namespaces.entry(namespace).or_default();
            for missed in kept.missed {
                // Windows of another length stand for other times.
                let starts = missed.windows.filter(|_| kept.window_ms == window_ms);
                let windows = match starts {
                    Some(starts) => {
                        Windows::Some(starts.into_iter().map(|start| (start, 0)).collect())
                    }
                    None => Windows::All(0),
                };
                for shard in missed.shards {
                    let away = (missed.node.clone(), missed.incarnation);
                    own.insert((away, shard), windows.clone());
                }
            }
        }
        let state = State {
            namespaces,
            ..State::default()
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            window_ms,
        }
    }

    /// The same, with windows of another length.
    #[cfg(feature = "testkit")]
    #[must_use]
    pub(super) fn with_windows(self, window_ms: i64) -> Self {
        let kept = self.names().into_iter();
        let kept = kept.filter_map(|name| Some((Arc::clone(&name), self.to_keep(&name)?)));
        Self::new(kept.collect(), window_ms)
    }

    /// How long the windows are, in milliseconds.
    pub(super) fn window_ms(&self) -> i64 {
        self.window_ms
    }

    /// Whether nothing is missed.
    pub(super) fn is_empty(&self) -> bool {
        let state = self.lock();
        state.namespaces.values().all(BTreeMap::is_empty)
    }

    /// How many windows of shards each node is known to miss; a shard of which all windows are to
    /// be compared counts once.
    #[must_use]
    pub fn backlog(&self) -> BTreeMap<NodeId, u64> {
        let state = self.lock();
        let mut backlog = BTreeMap::new();
        for (((node, _), _), windows) in state.namespaces.values().flatten() {
            *backlog.entry(node.clone()).or_default() += windows.len() as u64;
        }
        backlog
    }

    /// Where the oldest window begins that some node is known to miss, in milliseconds; `None` where
    /// nothing is missed, and where all windows of a shard are to be compared.
    #[must_use]
    pub fn oldest(&self) -> Option<i64> {
        let state = self.lock();
        let mut oldest: Option<i64> = None;
        for windows in state.namespaces.values().flat_map(BTreeMap::values) {
            let Windows::Some(starts) = windows else {
                return None;
            };
            let first = starts.keys().next().copied();
            oldest = oldest.into_iter().chain(first).min();
        }
        oldest
    }

    /// Notes what replicas miss. Answers the change to keep, if it is not kept yet.
    ///
    /// # Errors
    /// When there are more than a cluster can have.
    pub(super) fn note(
        &self,
        namespace: &Arc<str>,
        missed: &[Missed],
    ) -> Result<Option<u64>, TooManyMarks> {
        let mut state = self.lock();
        state.notes += 1;
        let note = state.notes;
        let own = state.namespaces.entry(Arc::clone(namespace)).or_default();
        let mut left = own.values().map(Windows::len).sum::<usize>();
        left = ALL_WINDOWS_MAX.saturating_sub(left);
        let mut is_changed = false;
        for one in missed {
            let away = (one.node.clone(), one.incarnation);
            for (shard, range) in &one.shards {
                let is_full = own.len() >= REPLICAS_MAX;
                let key = (away.clone(), *shard);
                if is_full && !own.contains_key(&key) {
                    return Err(TooManyMarks);
                }
                let windows = own
                    .entry(key)
                    .or_insert_with(|| Windows::Some(BTreeMap::new()));
                is_changed |= windows.note(*range, self.window_ms, note, &mut left);
            }
        }
        state.changes += u64::from(is_changed);
        Ok((state.changes > state.kept).then_some(state.changes))
    }

    /// Whether all up to a change is on disk.
    pub(super) fn is_kept(&self, change: u64) -> bool {
        self.lock().kept >= change
    }

    /// The newest change.
    pub(super) fn changes(&self) -> u64 {
        self.lock().changes
    }

    /// All up to a change is on disk.
    pub(super) fn kept(&self, change: u64) {
        let mut state = self.lock();
        state.kept = state.kept.max(change);
    }

    /// The namespaces that there are or were marks of.
    pub(super) fn names(&self) -> Vec<Arc<str>> {
        self.lock().namespaces.keys().cloned().collect()
    }

    /// The marks of a namespace, as they are kept; `None` where there are none.
    pub(super) fn to_keep(&self, namespace: &str) -> Option<KeptMarks> {
        let state = self.lock();
        let mut groups: BTreeMap<(&Away, Option<Vec<i64>>), BTreeSet<ShardId>> = BTreeMap::new();
        for ((away, shard), windows) in state.namespaces.get(namespace)? {
            let starts = match windows {
                Windows::Some(starts) => Some(starts.keys().copied().collect()),
                Windows::All(_) => None,
            };
            groups.entry((away, starts)).or_default().insert(*shard);
        }
        let missed = groups.into_iter().map(|((away, windows), shards)| {
            let (node, incarnation) = away.clone();
            KeptMissed {
                node,
                incarnation,
                windows,
                shards,
            }
        });
        let missed: Vec<_> = missed.collect();
        (!missed.is_empty()).then_some(KeptMarks {
            window_ms: self.window_ms,
            missed,
        })
    }

    /// Who misses something, and what.
    pub(super) fn all(&self) -> BTreeMap<Away, Vec<Mark>> {
        let state = self.lock();
        let mut all: BTreeMap<Away, Vec<Mark>> = BTreeMap::new();
        for (namespace, own) in &state.namespaces {
            for ((away, shard), windows) in own {
                all.entry(away.clone()).or_default().push(Mark {
                    namespace: Arc::clone(namespace),
                    shard: *shard,
                    windows: windows.clone(),
                });
            }
        }
        all
    }

    /// A replica has what a mark said, or is none any more: the mark goes, but for what was noted
    /// again since it was looked at.
    pub(super) fn settle(&self, away: &Away, mark: &Mark) {
        let mut state = self.lock();
        let Some(own) = state.namespaces.get_mut(&mark.namespace) else {
            return;
        };
        let key = (away.clone(), mark.shard);
        let Some(windows) = own.get_mut(&key) else {
            return;
        };
        let (is_changed, is_empty) = windows.settle(&mark.windows);
        if is_empty {
            own.remove(&key);
        }
        state.changes += u64::from(is_changed);
    }

    /// Nothing is left half changed under the lock, so a panic elsewhere does not matter here.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Windows {
    fn len(&self) -> usize {
        match self {
            Self::Some(starts) => starts.len(),
            Self::All(_) => 1,
        }
    }

    /// Notes that something of `range` is missed; whether that was not known. `left` windows may be
    /// added before all of them stand for those that are.
    fn note(&mut self, range: TimeRange, window_ms: i64, note: u64, left: &mut usize) -> bool {
        let starts = match self {
            Self::All(last) => {
                *last = note;
                return false;
            }
            Self::Some(starts) => starts,
        };
        let before = starts.len();
        let mut window = Window::of(range.min(), window_ms);
        loop {
            let is_new = starts.insert(window.start, note).is_none();
            let has_room = starts.len() <= WINDOWS_MAX && !(is_new && *left == 0);
            *left = left.saturating_sub(usize::from(is_new));
            if !has_room {
                *self = Self::All(note);
                return true;
            }
            match window.last.checked_add(1) {
                Some(next) if next <= range.max() => window = Window::of(next, window_ms),
                _ => break,
            }
        }
        starts.len() > before
    }

    /// Takes away what `mark` has and was not noted since; whether that is anything, and whether
    /// nothing is left.
    fn settle(&mut self, mark: &Self) -> (bool, bool) {
        match (self, mark) {
            (Self::All(last), Self::All(seen)) => (last == seen, last == seen),
            // More was noted than the mark knew.
            (Self::All(_), Self::Some(_)) => (false, false),
            (Self::Some(starts), Self::Some(seen)) => {
                let before = starts.len();
                starts.retain(|start, last| seen.get(start) != Some(last));
                (starts.len() < before, starts.is_empty())
            }
            (Self::Some(starts), Self::All(seen)) => {
                let before = starts.len();
                starts.retain(|_, last| *last > *seen);
                (starts.len() < before, starts.is_empty())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missed(node: &str, shards: &[ShardId], (min, max): (i64, i64)) -> Vec<Missed> {
        let range = TimeRange::inclusive(min, max).expect("in order");
        vec![Missed {
            node: NodeId::new(node),
            incarnation: Incarnation(1),
            shards: shards.iter().map(|shard| (*shard, range)).collect(),
        }]
    }

    fn namespace() -> Arc<str> {
        "default".into()
    }

    fn marks_of(marks: &Marks) -> Vec<Mark> {
        marks.all().into_values().flatten().collect()
    }

    /// As a restart finds them.
    fn reopened(marks: &Marks) -> Marks {
        let kept = marks.to_keep("default").map(|kept| (namespace(), kept));
        let text = serde_json::to_string(&kept).expect("JSON");
        let kept: Option<(Arc<str>, KeptMarks)> = serde_json::from_str(&text).expect("kept");
        Marks::new(kept.into_iter().collect(), WINDOW_MS)
    }

    #[test]
    fn a_note_is_kept_once_and_again_only_where_it_is_new() {
        let marks = Marks::default();
        let change = marks.note(&namespace(), &missed("a", &[0, 1], (0, 10)));
        assert_eq!(change, Ok(Some(1)));
        // Another writer must wait for the same change, as long as it is on no disk.
        let again = marks.note(&namespace(), &missed("a", &[1], (5, 20)));
        assert_eq!(again, Ok(Some(1)));
        marks.kept(1);
        assert!(marks.is_kept(1) && !marks.is_kept(2));
        let again = marks.note(&namespace(), &missed("a", &[0], (0, 1)));
        assert_eq!(again, Ok(None));
        let new = marks.note(&namespace(), &missed("a", &[0], (0, WINDOW_MS)));
        assert_eq!(new, Ok(Some(2)));
        assert_eq!(marks.backlog(), BTreeMap::from([(NodeId::new("a"), 3)]));
        assert_eq!(marks.oldest(), Some(0));
        assert_eq!(reopened(&marks).backlog(), marks.backlog());
    }

    #[test]
    fn a_mark_goes_but_for_what_was_noted_since_it_was_looked_at() {
        let marks = Marks::default();
        let both = missed("a", &[7], (0, WINDOW_MS));
        marks.note(&namespace(), &both).expect("room");
        let seen = marks_of(&marks);
        let again = missed("a", &[7], (WINDOW_MS, WINDOW_MS));
        marks.note(&namespace(), &again).expect("room");
        let away = (NodeId::new("a"), Incarnation(1));
        marks.settle(&away, &seen[0]);
        assert_eq!(marks.oldest(), Some(WINDOW_MS));
        let seen = marks_of(&marks);
        marks.settle(&away, &seen[0]);
        assert_eq!(marks.backlog(), BTreeMap::new());
        assert_eq!(marks.to_keep("default"), None);
    }

    #[test]
    fn past_the_limit_all_windows_stand_for_those_that_are_missed() {
        let marks = Marks::default();
        let long = (0, WINDOW_MS * i64::try_from(WINDOWS_MAX).expect("small"));
        marks
            .note(&namespace(), &missed("a", &[3], long))
            .expect("room");
        let seen = marks_of(&marks);
        assert_eq!(seen[0].ranges(WINDOW_MS), [TimeRange::ALL]);
        assert_eq!(
            marks_of(&reopened(&marks))[0].ranges(WINDOW_MS),
            [TimeRange::ALL]
        );
        marks
            .note(&namespace(), &missed("a", &[3], (0, 1)))
            .expect("room");
        let away = (NodeId::new("a"), Incarnation(1));
        marks.settle(&away, &seen[0]);
        assert_eq!(marks.backlog().len(), 1, "it was noted again");
        marks.settle(&away, &marks_of(&marks)[0]);
        assert_eq!(marks.backlog().len(), 0);
        // The largest times there are end.
        let everything = missed("a", &[3], (i64::MIN, i64::MAX));
        marks.note(&namespace(), &everything).expect("room");
        assert_eq!(marks_of(&marks)[0].ranges(WINDOW_MS), [TimeRange::ALL]);
    }

    #[test]
    fn windows_of_another_length_are_all_compared() {
        let marks = Marks::default();
        marks
            .note(&namespace(), &missed("a", &[3], (0, 1)))
            .expect("room");
        let kept = marks.to_keep("default").map(|kept| (namespace(), kept));
        let other = Marks::new(kept.into_iter().collect(), WINDOW_MS / 2);
        assert_eq!(marks_of(&other)[0].ranges(1), [TimeRange::ALL]);
    }

    #[test]
    fn many_replicas_take_no_more_than_is_allowed() {
        let marks = Marks::default();
        let shards: Vec<ShardId> = (0..4096).collect();
        for node in 0..16 {
            let name = format!("n{node}");
            let four = missed(&name, &shards, (0, 3 * WINDOW_MS));
            marks.note(&namespace(), &four).expect("room");
        }
        let starts = |mark: &Mark| match &mark.windows {
            Windows::Some(starts) => starts.len(),
            Windows::All(_) => 0,
        };
        let all: usize = marks_of(&marks).iter().map(starts).sum();
        assert!(all <= ALL_WINDOWS_MAX, "{all} windows");
        let kept = serde_json::to_vec(&marks.to_keep("default")).expect("JSON");
        assert!(kept.len() < 1 << 20, "{} bytes", kept.len());
        let more = marks.note(&namespace(), &missed("n16", &[0], (0, 1)));
        assert_eq!(more, Err(TooManyMarks));
    }
}
