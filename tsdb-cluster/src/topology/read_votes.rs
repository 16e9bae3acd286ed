//! Whom a read of a shard asks, and whether enough have answered.

use super::quorum::{ReadLevel, majority};
use super::shard::{Member, Slot};
use crate::{Incarnation, NodeId};

/// Whether a read has what its level asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadDecision {
    /// More must be heard.
    Undecided,
    /// It has: nothing that was acknowledged by a majority is missing, unless the level is one.
    Reached,
    /// The level takes what could be had, and that is less than a majority: what was acknowledged
    /// may be missing, and the answer must say so.
    ReachedBelowMajority,
    /// It will not, whoever answers now.
    Impossible,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Vote {
    Open,
    Answered,
    Failed,
}

/// Who answered one read of one shard, in the epoch of the slots it is made of. Answers of another
/// epoch are failures.
#[derive(Clone, Debug)]
pub struct ReadVotes<'a> {
    /// Those that may answer, the ones to ask first in front.
    members: Vec<(&'a Member, Vote)>,
    replicas: usize,
    level: ReadLevel,
}

impl<'a> ReadVotes<'a> {
    /// A read that nobody has answered. Nodes of a low `cost` are asked first, among equals those
    /// of the first slots.
    #[must_use]
    pub fn new<C: Ord>(
        slots: &'a [Slot],
        level: ReadLevel,
        mut cost: impl FnMut(&NodeId) -> C,
    ) -> Self {
        let came_up = slots.iter().filter(|slot| !slot.is_fresh());
        let mut members: Vec<_> = came_up.map(|slot| (slot.answering(), Vote::Open)).collect();
        members.sort_by_cached_key(|(member, _)| cost(&member.node));
        let replicas = slots.len();
        Self {
            members,
            replicas,
            level,
        }
    }

    fn needed(&self) -> usize {
        self.level.needed(self.replicas)
    }

    /// Whom to ask at first: as many as must answer.
    pub fn first(&self) -> impl Iterator<Item = &'a NodeId> {
        let members = self.members.iter().take(self.needed());
        members.map(|(member, _)| &member.node)
    }

    /// Whom to ask when one of the first fails or is slow, in this order.
    pub fn spares(&self) -> impl Iterator<Item = &'a NodeId> {
        let members = self.members.iter().skip(self.needed());
        members.map(|(member, _)| &member.node)
    }

    /// A node answered from the data folder that it has. That it failed before is forgotten; that
    /// another folder was meant is a failure.
    pub fn answered(&mut self, node: &NodeId, incarnation: Incarnation) {
        for (member, vote) in &mut self.members {
            if member.node == *node && *vote != Vote::Answered {
                *vote = match member.incarnation == Some(incarnation) {
                    true => Vote::Answered,
                    false => Vote::Failed,
                };
            }
        }
    }

    /// A node refused, or did not answer in time.
    pub fn failed(&mut self, node: &NodeId) {
        for (member, vote) in &mut self.members {
            if member.node == *node && *vote == Vote::Open {
                *vote = Vote::Failed;
            }
        }
    }

    /// How many slots have answered.
    #[must_use]
    pub fn successes(&self) -> usize {
        self.count(Vote::Answered)
    }

    fn count(&self, of: Vote) -> usize {
        self.members.iter().filter(|(_, vote)| *vote == of).count()
    }

    /// Whether the level is met.
    #[must_use]
    pub fn decision(&self) -> ReadDecision {
        let (answered, open) = (self.count(Vote::Answered), self.count(Vote::Open));
        if answered >= self.needed() {
            return ReadDecision::Reached;
        }
        let can_be = answered + open;
        match self.level {
            ReadLevel::UnstrictMajority if open == 0 && answered > 0 => {
                debug_assert!(answered < majority(self.replicas));
                ReadDecision::ReachedBelowMajority
            }
            ReadLevel::UnstrictMajority if can_be > 0 => ReadDecision::Undecided,
            _ if can_be >= self.needed() => ReadDecision::Undecided,
            _ => ReadDecision::Impossible,
        }
    }
}
