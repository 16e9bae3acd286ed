//! Whose query runs next: senders take turns, so that one with many does not keep out the others.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Who asks; nobody in particular where nothing tells.
pub(super) type Asker = Option<Arc<str>>;

/// Who runs queries and who waits.
#[derive(Debug)]
pub(super) struct Turns {
    limit: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    running: usize,
    /// How many run of each who has any.
    running_of: BTreeMap<Asker, usize>,
    /// Who waits, in the order of their next turns.
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    asker: Asker,
    queries: VecDeque<oneshot::Sender<Turn>>,
}

impl State {
    fn begin(&mut self, asker: &Asker) {
        self.running += 1;
        *self.running_of.entry(asker.clone()).or_default() += 1;
    }

    fn end(&mut self, asker: &Asker) {
        self.running = self.running.saturating_sub(1);
        let Some(of_asker) = self.running_of.get_mut(asker) else {
            return;
        };
        *of_asker = of_asker.saturating_sub(1);
        if *of_asker == 0 {
            self.running_of.remove(asker);
        }
    }

    fn wait(&mut self, asker: &Asker, query: oneshot::Sender<Turn>) {
        let mut waiting = self.waiting.iter_mut();
        if let Some(found) = waiting.find(|waiting| waiting.asker == *asker) {
            found.queries.push_back(query);
            return;
        }
        self.waiting.push_back(Waiting {
            asker: asker.clone(),
            queries: [query].into(),
        });
    }

    /// The query whose turn it is: of those of whom the fewest run, the one who waits for longest.
    fn next(&mut self) -> Option<(Asker, oneshot::Sender<Turn>)> {
        for waiting in &mut self.waiting {
            waiting.queries.retain(|query| !query.is_closed());
        }
        self.waiting.retain(|waiting| !waiting.queries.is_empty());
        let running = |waiting: &Waiting| self.running_of.get(&waiting.asker).copied();
        let (place, _) = self
            .waiting
            .iter()
            .enumerate()
            .min_by_key(|(place, waiting)| (running(waiting).unwrap_or(0), *place))?;
        let mut waiting = self.waiting.remove(place)?;
        let query = waiting.queries.pop_front()?;
        let asker = waiting.asker.clone();
        if !waiting.queries.is_empty() {
            self.waiting.push_back(waiting);
        }
        Some((asker, query))
    }
}

/// The right of one query to run. Dropping it lets the next one run.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Arc<Turns>,
    asker: Asker,
}

impl Turns {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        let state = Mutex::default();
        Arc::new(Self { limit, state })
    }

    /// Counts are changed in one piece, so a panic elsewhere does not matter here.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many may run at a time.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// How many run.
    pub(super) fn running(&self) -> usize {
        self.lock().running
    }

    /// A turn, at once or later. Who does not wait any more drops the receiver.
    pub(super) fn ask(self: &Arc<Self>, asker: Asker) -> oneshot::Receiver<Turn> {
        let (sender, receiver) = oneshot::channel();
        self.lock().wait(&asker, sender);
        self.hand_on();
        receiver
    }

    /// Gives turns as long as there are any and somebody waits.
    fn hand_on(self: &Arc<Self>) {
        loop {
            let mut state = self.lock();
            if state.running >= self.limit {
                return;
            }
            let Some((asker, query)) = state.next() else {
                return;
            };
            state.begin(&asker);
            drop(state);
            let turns = Arc::clone(self);
            // One that went away meanwhile gives its turn back at once.
            drop(query.send(Turn { turns, asker }));
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.lock().end(&self.asker);
        self.turns.hand_on();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asker(name: &str) -> Asker {
        Some(name.into())
    }

    #[test]
    fn one_with_many_does_not_keep_out_the_others() {
        let turns = Turns::new(2);
        let ask = |name: &str| turns.ask(asker(name));
        let mut greedy: Vec<_> = (0..6).map(|_| ask("greedy")).collect();
        let mut others = [ask("one"), ask("two")];
        let running: Vec<Turn> = greedy
            .iter_mut()
            .filter_map(|query| query.try_recv().ok())
            .collect();
        assert_eq!((running.len(), turns.running()), (2, 2));
        let mut running = running.into_iter();
        drop(running.next());
        let first = others[0].try_recv().expect("its turn");
        drop(running.next());
        let third = greedy[2].try_recv().expect("it has none now");
        drop(first);
        let second = others[1]
            .try_recv()
            .expect("its turn before the greedy one's second");
        drop((second, third));
        assert_eq!(turns.running(), 2, "the greedy one has all again");
    }

    #[test]
    fn who_went_away_gets_no_turn() {
        let turns = Turns::new(1);
        let mut first = turns.ask(None);
        let turn = first.try_recv().expect("at once");
        let gone: Vec<_> = (0..3).map(|_| turns.ask(None)).collect();
        let mut stays = turns.ask(None);
        drop(gone);
        drop(turn);
        let turn = stays.try_recv().expect("the next that waits");
        drop(turn);
        assert_eq!(turns.running(), 0);
    }
}
