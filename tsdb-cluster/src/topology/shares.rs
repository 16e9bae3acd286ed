//! How many slots each node should have.

use std::collections::BTreeMap;

use super::error::TopologyError;
use super::topology::{Node, Topology};
use crate::NodeId;

/// A number of slots as an exact fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    numerator: u64,
    denominator: u64,
}

impl Share {
    pub(super) fn new(numerator: u64, denominator: u64) -> Self {
        Self {
            numerator,
            denominator,
        }
    }

    pub(super) fn floor(self) -> u64 {
        self.numerator / self.denominator.max(1)
    }

    pub(super) fn ceil(self) -> u64 {
        self.numerator.div_ceil(self.denominator.max(1))
    }

    /// What is left of the numerator; compares among shares of one denominator.
    fn remainder(self) -> u64 {
        self.numerator % self.denominator.max(1)
    }
}

/// Weights of groups, and of their nodes.
type Groups<'a> = BTreeMap<&'a str, Vec<(&'a NodeId, u64)>>;

/// What each node should have, by weight. A group has a shard once at most: one of so much weight
/// that it would have more has all shards, and the other groups share the rest.
#[derive(Debug)]
pub(super) struct Shares<'a> {
    pub(super) groups: Groups<'a>,
    shards: u64,
    /// The groups that have all shards.
    full: Vec<&'a str>,
    /// Slots left for the others, and their weight.
    rest: Share,
}

fn weight(nodes: &[(&NodeId, u64)]) -> u64 {
    nodes.iter().map(|(_, weight)| weight).sum()
}

impl<'a> Shares<'a> {
    pub(super) fn new(
        nodes: impl Iterator<Item = (&'a NodeId, &'a Node)>,
        shards: usize,
        replicas: u8,
    ) -> Result<Self, TopologyError> {
        let shards = u64::try_from(shards).unwrap_or(u64::MAX);
        let mut groups: Groups<'a> = BTreeMap::new();
        for (id, node) in nodes {
            let group = groups.entry(&node.isolation_group).or_default();
            group.push((id, u64::from(node.weight.max(1))));
        }
        if groups.len() < usize::from(replicas) {
            let groups = groups.len();
            return Err(TopologyError::TooFewGroups { groups, replicas });
        }
        let mut by_weight: Vec<_> = groups
            .iter()
            .map(|(name, of)| (weight(of), *name))
            .collect();
        by_weight.sort_unstable();
        let mut left: u64 = by_weight.iter().map(|(weight, _)| weight).sum();
        let mut replicas = u64::from(replicas);
        let mut full = Vec::new();
        while let Some((weight, name)) = by_weight.pop()
            && u128::from(weight) * u128::from(replicas) >= u128::from(left)
            && replicas > 0
        {
            full.push(name);
            left -= weight;
            replicas -= 1;
        }
        let rest = Share {
            numerator: shards * replicas,
            denominator: left.max(1),
        };
        Ok(Self {
            groups,
            shards,
            full,
            rest,
        })
    }

    pub(super) fn of_topology(topology: &'a Topology) -> Result<Self, TopologyError> {
        Self::new(topology.staying(), topology.shards.len(), topology.replicas)
    }

    fn of(&self, group: &str, of_group: u64, weight: u64) -> Share {
        match self.full.contains(&group) {
            true => Share {
                numerator: self.shards * weight,
                denominator: of_group,
            },
            false => Share {
                numerator: self.rest.numerator * weight,
                denominator: self.rest.denominator,
            },
        }
    }

    /// The share of every node.
    pub(super) fn by_node(&self) -> BTreeMap<&'a NodeId, Share> {
        let of_group = |(group, nodes): (&&str, &Vec<(&'a NodeId, u64)>)| {
            let sum = weight(nodes);
            let share = |(id, weight): &(&'a NodeId, u64)| (*id, self.of(group, sum, *weight));
            nodes.iter().map(share).collect::<Vec<_>>()
        };
        self.groups.iter().flat_map(of_group).collect()
    }

    /// Whole numbers of slots for every group and node of it: each share rounded up or down, and
    /// together exactly all slots.
    pub(super) fn whole(&self, replicas: u8) -> Vec<(u64, Vec<(&'a NodeId, u64)>)> {
        let sums = self.groups.iter().map(|(group, nodes)| {
            let sum = weight(nodes);
            self.of(group, sum, sum)
        });
        let slots = self.shards * u64::from(replicas);
        let sums = round(&sums.collect::<Vec<_>>(), slots);
        let of_group = |((group, nodes), slots): ((&&str, &Vec<(&'a NodeId, u64)>), u64)| {
            let sum = weight(nodes);
            let shares = nodes.iter().map(|(_, weight)| self.of(group, sum, *weight));
            let whole = round(&shares.collect::<Vec<_>>(), slots);
            let ids = nodes.iter().map(|(id, _)| *id);
            (slots, ids.zip(whole).collect())
        };
        self.groups.iter().zip(sums).map(of_group).collect()
    }
}

/// Shares rounded to whole numbers of a sum that lies between all rounded down and all rounded up:
/// those with the largest remainders are rounded up. Shares of other denominators are whole.
fn round(shares: &[Share], sum: u64) -> Vec<u64> {
    let mut whole: Vec<u64> = shares.iter().map(|share| share.floor()).collect();
    let missing = sum.saturating_sub(whole.iter().sum());
    let mut order: Vec<_> = (0..).zip(shares).collect();
    order.retain(|(_, share)| share.remainder() > 0);
    order.sort_by_key(|(index, share)| (std::cmp::Reverse(share.remainder()), *index));
    let ups = order.iter().take(usize::try_from(missing).unwrap_or(0));
    for (index, _) in ups {
        let index: usize = *index;
        if let Some(number) = whole.get_mut(index) {
            *number += 1;
        }
    }
    whole
}
