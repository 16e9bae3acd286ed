//! How many slots each node should have.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

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

/// Nodes that fail together, each with a number: its weight, or its slots.
#[derive(Debug)]
pub(super) struct Group<'a> {
    /// The sum of the numbers.
    pub(super) sum: u64,
    pub(super) nodes: Vec<(&'a NodeId, u64)>,
}

/// What each node should have, by weight. A group has a shard once at most: one of so much weight
/// that it would have more has all shards, and the other groups share the rest.
#[derive(Debug)]
pub(super) struct Shares<'a> {
    /// By name, with their weights.
    groups: BTreeMap<&'a str, Group<'a>>,
    shards: u64,
    /// The groups that have all shards.
    full: BTreeSet<&'a str>,
    /// Slots of the others to their weight.
    rest: Share,
}

impl<'a> Shares<'a> {
    pub(super) fn new(
        nodes: impl Iterator<Item = (&'a NodeId, &'a Node)>,
        shards: usize,
        replicas: u8,
    ) -> Result<Self, TopologyError> {
        let mut groups: BTreeMap<&str, Group<'a>> = BTreeMap::new();
        for (id, node) in nodes {
            let empty = || Group {
                sum: 0,
                nodes: Vec::new(),
            };
            let group = groups.entry(&node.isolation_group).or_insert_with(empty);
            let weight = u64::from(node.weight.max(1));
            group.sum += weight;
            group.nodes.push((id, weight));
        }
        if groups.len() < usize::from(replicas) {
            let groups = groups.len();
            return Err(TopologyError::TooFewGroups { groups, replicas });
        }
        let mut by_weight: Vec<_> = groups.iter().map(|(name, of)| (of.sum, *name)).collect();
        by_weight.sort_unstable();
        let mut weight_left: u64 = by_weight.iter().map(|(weight, _)| weight).sum();
        let mut replicas_left = u64::from(replicas);
        let mut full = BTreeSet::new();
        while let Some((weight, name)) = by_weight.pop()
            && replicas_left > 0
            && weight * replicas_left >= weight_left
        {
            full.insert(name);
            weight_left -= weight;
            replicas_left -= 1;
        }
        let shards = u64::try_from(shards).unwrap_or(u64::MAX);
        Ok(Self {
            groups,
            shards,
            full,
            rest: Share::new(shards * replicas_left, weight_left),
        })
    }

    pub(super) fn of_topology(topology: &'a Topology) -> Result<Self, TopologyError> {
        Self::new(topology.staying(), topology.shards.len(), topology.replicas)
    }

    /// The share of some weight of a group.
    fn of(&self, name: &str, group: &Group<'_>, weight: u64) -> Share {
        match self.full.contains(name) {
            true => Share::new(self.shards * weight, group.sum),
            false => Share::new(self.rest.numerator * weight, self.rest.denominator),
        }
    }

    /// The share of every node.
    pub(super) fn by_node(&self) -> BTreeMap<&'a NodeId, Share> {
        let mut shares = BTreeMap::new();
        for (name, group) in &self.groups {
            for (id, weight) in &group.nodes {
                shares.insert(*id, self.of(name, group, *weight));
            }
        }
        shares
    }

    /// Whole numbers of slots for every group and node of it: each share rounded up or down, and
    /// together exactly all slots.
    pub(super) fn whole(&self, replicas: u8) -> Vec<Group<'a>> {
        let groups = self.groups.iter();
        let shares = groups.map(|(name, group)| self.of(name, group, group.sum));
        let shares: Vec<_> = shares.collect();
        let slots = round(&shares, self.shards * u64::from(replicas));
        let mut whole = Vec::new();
        for ((name, group), sum) in self.groups.iter().zip(slots) {
            let nodes = group.nodes.iter();
            let shares = nodes.map(|(_, weight)| self.of(name, group, *weight));
            let slots = round(&shares.collect::<Vec<_>>(), sum);
            let ids = group.nodes.iter().map(|(id, _)| *id);
            let nodes = ids.zip(slots).collect();
            whole.push(Group { sum, nodes });
        }
        whole
    }
}

/// Shares rounded to whole numbers of a sum that lies between all rounded down and all rounded up:
/// those with the largest remainders are rounded up. Only shares of one denominator have any.
fn round(shares: &[Share], sum: u64) -> Vec<u64> {
    let mut whole: Vec<u64> = shares.iter().map(|share| share.floor()).collect();
    let missing = sum.saturating_sub(whole.iter().sum());
    let mut order: Vec<_> = whole.iter_mut().zip(shares).collect();
    order.retain(|(_, share)| share.remainder() > 0);
    order.sort_by_key(|(_, share)| Reverse(share.remainder()));
    let missing = usize::try_from(missing).unwrap_or(usize::MAX);
    for (number, _) in order.into_iter().take(missing) {
        *number += 1;
    }
    whole
}
