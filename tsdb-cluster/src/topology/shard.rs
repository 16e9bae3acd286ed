//! The replicas of one shard, and the steps they may take.

use std::iter::once;

use super::error::TopologyError;
use crate::{Epoch, Incarnation, NodeId, ShardId};

/// A node with the data folder that it had when it became a replica.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Member {
    /// The node.
    pub node: NodeId,
    /// Its folder; `None` as long as the node never came up.
    pub incarnation: Option<Incarnation>,
}

/// A replica of a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot {
    /// At one member. Without an incarnation it is fresh: it neither acknowledges nor answers.
    Settled(Member),
    /// On the way: a write counts when both have it, reads are answered by `from` alone.
    Handover {
        /// Has all that the slot has.
        from: Member,
        /// Copies it, and takes what is written since.
        to: Member,
    },
}

impl Slot {
    /// The member that answers reads, seals, and is copied from.
    #[must_use]
    pub fn answering(&self) -> &Member {
        match self {
            Self::Settled(member) => member,
            Self::Handover { from, .. } => from,
        }
    }

    /// The member that has the slot once it is settled.
    #[must_use]
    pub fn target(&self) -> &Member {
        match self {
            Self::Settled(member) => member,
            Self::Handover { to, .. } => to,
        }
    }

    /// All that must have a write for it to count here.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        let second = match self {
            Self::Settled(_) => None,
            Self::Handover { to, .. } => Some(to),
        };
        once(self.answering()).chain(second)
    }

    /// Whether the node of the slot never came up: the slot never held anything.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        matches!(self, Self::Settled(member) if member.incarnation.is_none())
    }

    /// The newcomer that has not come up.
    fn awaited(&self) -> Option<&NodeId> {
        match self {
            Self::Handover { to, .. } if to.incarnation.is_none() => Some(&to.node),
            _ => None,
        }
    }

    pub(super) fn is_handover(&self) -> bool {
        matches!(self, Self::Handover { .. })
    }

    /// Whether this slot may be `next` in the same epoch's change: who answers stays, or is the one
    /// that copied.
    fn may_become(&self, next: &Self) -> bool {
        match self {
            _ if self.is_fresh() => self == next,
            Self::Settled(member) => next.answering() == member,
            Self::Handover { from, to } => {
                next.answering() == from || matches!(next, Self::Settled(at) if at == to)
            }
        }
    }
}

/// A shard: its epoch, its replicas, and those it is about to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    epoch: Epoch,
    slots: Vec<Slot>,
    next: Option<Vec<Slot>>,
    /// Whether members may have sealed the epoch already, whatever became of the change since.
    is_sealing: bool,
}

impl Shard {
    /// A shard as somebody else knows it.
    ///
    /// # Errors
    /// When no sequence of steps leads there; `shard` names it in the error.
    pub fn new(
        shard: ShardId,
        epoch: Epoch,
        slots: Vec<Slot>,
        next: Option<Vec<Slot>>,
        is_sealing: bool,
    ) -> Result<Self, TopologyError> {
        let built = Self {
            epoch,
            slots,
            next,
            is_sealing,
        };
        match built.fault() {
            None => Ok(built),
            Some(what) => Err(TopologyError::BrokenShard { shard, what }),
        }
    }

    /// A shard of epoch 1.
    pub(super) fn first(members: Vec<Member>) -> Self {
        let slots = members.into_iter().map(Slot::Settled).collect();
        Self {
            epoch: 1,
            slots,
            next: None,
            is_sealing: false,
        }
    }

    fn fault(&self) -> Option<String> {
        if self.epoch == 0 {
            return Some("its epoch is 0, the first one is 1".to_owned());
        }
        if self.is_sealing && self.next.is_none() {
            return Some("it is sealed for a change that is not there".to_owned());
        }
        let planned = self.planned();
        if planned.len() != self.slots.len() {
            let (slots, next) = (self.slots.len(), planned.len());
            return Some(format!("it has {slots} slots and is to have {next}"));
        }
        for (index, (now, next)) in self.pairs().enumerate() {
            let both = once(now).chain(once(next));
            for slot in both {
                if slot.is_handover() && slot.answering() == slot.target() {
                    return Some(format!("slot {index} is handed over to who has it"));
                }
                if slot.is_handover() && slot.answering().incarnation.is_none() {
                    return Some(format!("slot {index} is handed over by who never came up"));
                }
            }
            if now.is_handover() && now.target().incarnation.is_none() {
                return Some(format!("slot {index} is handed over to who never came up"));
            }
            if !now.may_become(next) {
                return Some(format!("slot {index} cannot become what it is to be"));
            }
            let mut nodes = now.members().chain(next.members());
            if let Some(twice) = nodes.find(|member| self.has_beside(index, &member.node)) {
                return Some(format!("{} is in two slots", twice.node));
            }
        }
        None
    }

    /// The number of this membership.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The replicas.
    #[must_use]
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The replicas of the next epoch, while a change is under way that is not opened.
    #[must_use]
    pub fn next(&self) -> Option<&[Slot]> {
        self.next.as_deref()
    }

    /// `next`, or the present replicas where nothing is about to change.
    #[must_use]
    pub fn planned(&self) -> &[Slot] {
        self.next.as_deref().unwrap_or(&self.slots)
    }

    /// Whether a change is under way: to be opened, or a handover to be finished.
    #[must_use]
    pub fn is_in_change(&self) -> bool {
        self.next.is_some() || self.slots.iter().any(Slot::is_handover)
    }

    /// Whether the epoch may be sealed: something is to change that waits for no newcomer to come
    /// up. Before that nobody seals, so that a node that never comes up costs the shard nothing.
    /// Once true, it stays so until the next epoch is opened.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let can_change = |(now, next): (&Slot, &Slot)| now != next && next.awaited().is_none();
        let waits_only = self.awaited().is_some() && !self.pairs().any(can_change);
        self.next.is_some() && (self.is_sealing || !waits_only)
    }

    /// Whether members may have sealed the epoch for a change that was altered since.
    pub(super) fn is_sealing(&self) -> bool {
        self.is_sealing
    }

    /// A newcomer that has not come up.
    pub(super) fn awaited(&self) -> Option<&NodeId> {
        self.next.iter().flatten().find_map(Slot::awaited)
    }

    /// Slots as they are, each with what it is to become.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&Slot, &Slot)> {
        self.slots.iter().zip(self.planned())
    }

    /// All members, present and planned, of all slots but one.
    pub(super) fn members_beside(&self, index: usize) -> impl Iterator<Item = &Member> {
        let others = self.pairs().enumerate().filter(move |(at, _)| *at != index);
        others.flat_map(|(_, (now, next))| now.members().chain(next.members()))
    }

    pub(super) fn has_beside(&self, index: usize, node: &NodeId) -> bool {
        self.members_beside(index)
            .any(|member| member.node == *node)
    }

    /// Whether a node is in any slot, present or planned.
    pub(super) fn has(&self, node: &NodeId) -> bool {
        self.has_beside(usize::MAX, node)
    }

    /// Lets slot `index` go to a member: a fresh one at once, any other by the next epoch; back to
    /// who answers where that is the same.
    pub(super) fn steer(&mut self, index: usize, to: Member) {
        let Some(now) = self.slots.get(index) else {
            return;
        };
        if now.is_fresh() {
            self.refresh(index, &to);
            return;
        }
        let from = now.answering().clone();
        self.amend(
            index,
            match from == to {
                true => Slot::Settled(from),
                false => Slot::Handover { from, to },
            },
        );
    }

    /// Gives a fresh slot to a member at once.
    fn refresh(&mut self, index: usize, to: &Member) {
        let next = self.next.iter_mut().filter_map(|next| next.get_mut(index));
        for slot in self.slots.get_mut(index).into_iter().chain(next) {
            *slot = Slot::Settled(to.clone());
        }
        self.epoch += 1;
    }

    fn amend(&mut self, index: usize, slot: Slot) {
        if self.planned().get(index) == Some(&slot) {
            return;
        }
        // Who sealed may be waiting for it: then even the same slots are opened anew.
        self.is_sealing = self.is_ready();
        let next = self.next.take().unwrap_or_else(|| self.slots.clone());
        let change = |(at, old)| match at == index {
            true => slot.clone(),
            false => old,
        };
        let next: Vec<_> = next.into_iter().enumerate().map(change).collect();
        self.next = (self.is_sealing || next != self.slots).then_some(next);
    }

    /// The newcomers of `node` know their folder.
    pub(super) fn bind(&mut self, node: &NodeId, incarnation: Incarnation) {
        let bound = Member {
            node: node.clone(),
            incarnation: Some(incarnation),
        };
        let is_fresh = |slot: &Slot| slot.is_fresh() && slot.target().node == *node;
        if let Some(index) = self.slots.iter().position(is_fresh) {
            self.refresh(index, &bound);
        }
        for slot in self.next.iter_mut().flatten() {
            if let Slot::Handover { to, .. } = slot
                && to.node == *node
                && to.incarnation.is_none()
            {
                *to = bound.clone();
            }
        }
    }

    /// `member` copied all: the slot that is handed over to it is to settle there. Answers whether
    /// there is one.
    pub(super) fn settle(&mut self, member: &Member) -> bool {
        let found = self.pairs().position(|(now, planned)| {
            now.is_handover() && now.target() == member && planned.target() == member
        });
        if let Some(index) = found {
            self.amend(index, Slot::Settled(member.clone()));
        }
        found.is_some()
    }

    /// The next epoch begins. Slots whose newcomer has not come up stay as they are, and go on
    /// waiting.
    pub(super) fn open(&mut self) {
        let Some(next) = self.next.take() else {
            return;
        };
        for (now, next) in self.slots.iter_mut().zip(&next) {
            if next.awaited().is_none() {
                *now = next.clone();
            }
        }
        self.next = (next != self.slots).then_some(next);
        self.epoch += 1;
        self.is_sealing = false;
    }
}
