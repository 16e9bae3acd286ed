//! Whether enough replicas of a shard have a write.

use super::quorum::WriteLevel;
use super::shard::{Member, Slot};
use crate::{Incarnation, NodeId};

/// Whether a write has what its level asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteDecision {
    /// More must be heard.
    Undecided,
    /// It has.
    Reached,
    /// It will not, whoever answers now.
    Impossible,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Vote {
    Open,
    Has,
    Failed,
}

/// Who has one write of one shard, in the epoch of the slots it is made of. Answers of another
/// epoch are failures.
#[derive(Clone, Debug)]
pub struct WriteVotes<'a> {
    /// Members with the index of their slot.
    members: Vec<(usize, &'a Member, Vote)>,
    replicas: usize,
    needed: usize,
}

impl<'a> WriteVotes<'a> {
    /// A write that nobody has.
    #[must_use]
    pub fn new(slots: &'a [Slot], level: WriteLevel) -> Self {
        let of_slot = |(index, slot): (usize, &'a Slot)| {
            // Who never came up does not count, whatever it says.
            let vote = match slot.is_fresh() {
                true => Vote::Failed,
                false => Vote::Open,
            };
            slot.members().map(move |member| (index, member, vote))
        };
        Self {
            members: slots.iter().enumerate().flat_map(of_slot).collect(),
            replicas: slots.len(),
            needed: level.needed(slots.len()),
        }
    }

    /// Whom the write goes to, each node once.
    pub fn nodes(&self) -> impl Iterator<Item = &'a NodeId> {
        let came_up = |(_, member, _): &&(_, &Member, _)| member.incarnation.is_some();
        let members = self.members.iter().filter(came_up);
        // One that lost its data is in its slot twice, one after the other.
        let mut last = None;
        members.filter_map(move |(_, member, _)| {
            let node = &member.node;
            (last.replace(node) != Some(node)).then_some(node)
        })
    }

    /// A node has the write durable, in the data folder that it has. That it failed before is
    /// forgotten; that another folder was meant is a failure.
    pub fn acked(&mut self, node: &NodeId, incarnation: Incarnation) {
        for (_, member, vote) in &mut self.members {
            let is_bound = member.incarnation.is_some();
            if member.node == *node && is_bound && *vote != Vote::Has {
                *vote = match member.incarnation == Some(incarnation) {
                    true => Vote::Has,
                    false => Vote::Failed,
                };
            }
        }
    }

    /// A node refused, or did not answer in time.
    pub fn failed(&mut self, node: &NodeId) {
        for (_, member, vote) in &mut self.members {
            if member.node == *node && *vote == Vote::Open {
                *vote = Vote::Failed;
            }
        }
    }

    /// How many slots have it: a handover when both do.
    #[must_use]
    pub fn successes(&self) -> usize {
        self.slots_where(|vote| vote == Vote::Has)
    }

    fn slots_where(&self, fits: impl Fn(Vote) -> bool) -> usize {
        let all_fit = |slot| {
            let mut members = self.members.iter().filter(|(of, _, _)| *of == slot);
            members.all(|(_, _, vote)| fits(*vote))
        };
        (0..self.replicas).filter(|slot| all_fit(*slot)).count()
    }

    /// Whether the level is met.
    #[must_use]
    pub fn decision(&self) -> WriteDecision {
        if self.successes() >= self.needed {
            return WriteDecision::Reached;
        }
        match self.slots_where(|vote| vote != Vote::Failed) >= self.needed {
            true => WriteDecision::Undecided,
            false => WriteDecision::Impossible,
        }
    }
}
