//! A random model of one shard: coordinators and readers with old topologies, lost messages, nodes
//! that stop and lose their disks, changes at any time. No acknowledged write is ever missing in a
//! read that a majority answered; and each rule, taken away, is seen to be needed.
#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use tsdb_cluster::topology::{
    Member, Node, ReadDecision, ReadLevel, ReadVotes, Seals, Shard, Slot, Topology, WriteDecision,
    WriteLevel, WriteVotes, majority, seals_needed,
};
use tsdb_cluster::{Epoch, Incarnation, NodeId};

/// A rule that is taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Without {
    Nothing,
    SealBeforeOpen,
    TheLastSeal,
    EpochCheck,
    BothOfAHandover,
    Folders,
    TheLastCopy,
}

/// xorshift: the same seed, the same run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    fn one_in(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }

    /// Takes one of some out.
    fn take<T>(&mut self, of: &mut Vec<T>) -> Option<T> {
        let at = self.below(of.len());
        (at < of.len()).then(|| of.swap_remove(at))
    }
}

/// What a node has durably; a write is a bit.
#[derive(Clone, Copy, Debug)]
struct Disk {
    folder: Incarnation,
    is_up: bool,
    /// The highest epoch it has seen, and the highest it sealed.
    seen: Epoch,
    sealed: Epoch,
    data: u128,
}

impl Disk {
    /// Whether a request of an epoch is taken; a higher one is learned of by it.
    fn admits(&mut self, epoch: Epoch, without: Without) -> bool {
        if without == Without::EpochCheck {
            return true;
        }
        if epoch < self.seen || epoch <= self.sealed {
            return false;
        }
        self.seen = epoch;
        true
    }

    fn is(&self, member: &Member) -> bool {
        member.incarnation == Some(self.folder)
    }
}

/// Where somebody is while the network is split: the metadata is near.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Near,
    Far,
}

struct Split {
    far: BTreeSet<NodeId>,
    /// What was known when it began, and is believed by those who are far.
    known: Rc<Topology>,
}

struct Write {
    bit: u128,
    side: Side,
    topology: Rc<Topology>,
    waiting: Vec<NodeId>,
    acks: Vec<(NodeId, Incarnation)>,
}

struct Read {
    /// What was acknowledged before it began.
    expected: u128,
    side: Side,
    topology: Rc<Topology>,
    waiting: Vec<NodeId>,
    answers: Vec<(NodeId, Incarnation)>,
    found: u128,
}

struct Sealing {
    seals: Seals,
    waiting: Vec<Member>,
}

struct Copying {
    to: Member,
    topology: Rc<Topology>,
    /// Those it copied from.
    sources: Seals,
    waiting: Vec<Member>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    acked: u32,
    read: u32,
    opened: u32,
    copied: u32,
    aborted: u32,
    lost: u32,
    missing: u32,
}

struct World {
    without: Without,
    chance: Chance,
    topologies: Vec<Rc<Topology>>,
    split: Option<Split>,
    disks: BTreeMap<NodeId, Disk>,
    writes: Vec<Write>,
    reads: Vec<Read>,
    sealings: Vec<Sealing>,
    copyings: Vec<Copying>,
    written: u32,
    acked: u128,
    named: u32,
    counts: Counts,
}

const WRITES_MAX: u32 = 128;

fn shard(topology: &Topology) -> &Shard {
    &topology.shards()[0]
}

impl World {
    fn new(seed: u64, replicas: u8, without: Without) -> Self {
        let mut world = Self {
            without,
            chance: Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
            topologies: Vec::new(),
            split: None,
            disks: BTreeMap::new(),
            writes: Vec::new(),
            reads: Vec::new(),
            sealings: Vec::new(),
            copyings: Vec::new(),
            written: 0,
            acked: 0,
            named: 0,
            counts: Counts::default(),
        };
        let nodes = (0..=replicas).map(|_| world.new_node()).collect();
        let first = Topology::init(nodes, 1, replicas).expect("enough nodes");
        world.topologies.push(Rc::new(first));
        world
    }

    fn new_node(&mut self) -> (NodeId, Node) {
        self.named += 1;
        let name = format!("n{}", self.named);
        let id = NodeId::from(name.as_str());
        let folder = Incarnation(u128::from(self.named) << 32);
        let is_up = !self.chance.one_in(6);
        let disk = Disk {
            folder,
            is_up,
            seen: 0,
            sealed: 0,
            data: 0,
        };
        self.disks.insert(id.clone(), disk);
        let node = Node {
            isolation_group: name,
            weight: 1,
            ..Node::default()
        };
        (id, node)
    }

    fn latest(&self) -> Rc<Topology> {
        Rc::clone(self.topologies.last().unwrap())
    }

    /// Somebody, and what it believes to be the latest topology.
    fn believed(&mut self) -> (Side, Rc<Topology>) {
        if let Some(split) = &self.split
            && self.chance.one_in(2)
        {
            return (Side::Far, Rc::clone(&split.known));
        }
        let count = self.topologies.len();
        let ago = match self.chance.below(4) {
            0 | 1 => 0,
            2 => self.chance.below(4),
            _ => self.chance.below(count),
        };
        let topology = Rc::clone(&self.topologies[count - 1 - ago.min(count - 1)]);
        (Side::Near, topology)
    }

    fn split_or_join(&mut self) {
        if self.split.take().is_none() {
            let (known, chance) = (self.latest(), &mut self.chance);
            let all = self.disks.keys();
            let far = all.filter(|_| chance.one_in(2)).cloned().collect();
            self.split = Some(Split { far, known });
        }
    }

    fn publish<E>(&mut self, result: Result<Topology, E>) -> bool {
        let Ok(new) = result else {
            return false;
        };
        // The worst moment for it.
        if shard(&new).is_ready() && self.split.is_none() && self.chance.one_in(3) {
            self.split_or_join();
        }
        self.topologies.push(Rc::new(new));
        true
    }

    /// The node, when a message reaches it.
    fn reach(&mut self, side: Side, node: &NodeId) -> Option<&mut Disk> {
        let is_cut = |split: &Split| split.far.contains(node) != (side == Side::Far);
        let is_lost = self.split.as_ref().is_some_and(is_cut) || self.chance.one_in(10);
        let disk = self.disks.get_mut(node).filter(|disk| disk.is_up);
        disk.filter(|_| !is_lost)
    }

    fn begin_write(&mut self) {
        if self.written >= WRITES_MAX || self.writes.len() >= 6 {
            return;
        }
        let (side, topology) = self.believed();
        let votes = WriteVotes::new(shard(&topology).slots(), WriteLevel::Majority);
        let waiting = votes.nodes().cloned().collect();
        let bit = 1 << self.written;
        self.written += 1;
        let acks = Vec::new();
        self.writes.push(Write {
            bit,
            side,
            topology,
            waiting,
            acks,
        });
    }

    fn is_reached(&self, write: &Write) -> bool {
        let slots = shard(&write.topology).slots();
        if self.without == Without::BothOfAHandover {
            let has = |member: &Member| {
                let acked = |(node, folder): &(NodeId, Incarnation)| {
                    *node == member.node && Some(*folder) == member.incarnation
                };
                write.acks.iter().any(acked)
            };
            let slots_with = slots.iter().filter(|slot| slot.members().any(has));
            return slots_with.count() >= majority(slots.len());
        }
        let mut votes = WriteVotes::new(slots, WriteLevel::Majority);
        for (node, folder) in &write.acks {
            votes.acked(node, *folder);
        }
        votes.decision() == WriteDecision::Reached
    }

    fn step_write(&mut self) {
        let Some(mut write) = self.chance.take(&mut self.writes) else {
            return;
        };
        let without = self.without;
        let of = shard(&write.topology);
        if let Some(node) = self.chance.take(&mut write.waiting) {
            let ack_is_lost = self.chance.one_in(10);
            if let Some(disk) = self.reach(write.side, &node) {
                let mut members = of.slots().iter().flat_map(Slot::members);
                let is_member = members.any(|member| member.node == node && disk.is(member));
                if is_member && disk.admits(of.epoch(), without) {
                    disk.data |= write.bit;
                    let folder = disk.folder;
                    if !ack_is_lost {
                        write.acks.push((node, folder));
                    }
                }
            }
        }
        if self.acked & write.bit == 0 && self.is_reached(&write) {
            self.acked |= write.bit;
            self.counts.acked += 1;
            // Who asked may stop here, and the others never hear of it.
            if self.chance.one_in(2) {
                write.waiting.clear();
            }
        }
        if !write.waiting.is_empty() {
            self.writes.push(write);
        }
    }

    fn begin_read(&mut self) {
        if self.reads.len() >= 4 {
            return;
        }
        let (side, topology) = self.believed();
        self.read_by(side, topology);
    }

    fn read_by(&mut self, side: Side, topology: Rc<Topology>) {
        let votes = ReadVotes::new(shard(&topology).slots(), ReadLevel::Majority, |_| 0);
        let waiting = votes.first().chain(votes.spares()).cloned().collect();
        self.reads.push(Read {
            expected: self.acked,
            side,
            topology,
            waiting,
            answers: Vec::new(),
            found: 0,
        });
    }

    fn step_read(&mut self) {
        let Some(mut read) = self.chance.take(&mut self.reads) else {
            return;
        };
        let without = self.without;
        let of = shard(&read.topology);
        if let Some(node) = self.chance.take(&mut read.waiting)
            && let Some(disk) = self.reach(read.side, &node)
        {
            let mut answering = of.slots().iter().map(Slot::answering);
            let answers = answering.any(|member| member.node == node && disk.is(member));
            if answers && disk.admits(of.epoch(), without) {
                read.found |= disk.data;
                let folder = disk.folder;
                read.answers.push((node, folder));
            }
        }
        let mut votes = ReadVotes::new(of.slots(), ReadLevel::Majority, |_| 0);
        for (node, folder) in &read.answers {
            votes.answered(node, *folder);
        }
        if votes.decision() == ReadDecision::Reached {
            self.counts.read += 1;
            self.counts.missing += u32::from(read.expected & !read.found != 0);
        } else if !read.waiting.is_empty() {
            self.reads.push(read);
        }
    }

    fn begin_sealing(&mut self) {
        let topology = self.latest();
        let of = shard(&topology);
        if of.is_ready() && self.sealings.len() < 3 {
            let answering = of.slots().iter().map(|slot| slot.answering().clone());
            let waiting = answering.collect();
            let seals = Seals::new(0, of.epoch());
            self.sealings.push(Sealing { seals, waiting });
        }
    }

    fn step_sealing(&mut self) {
        let Some(mut sealing) = self.chance.take(&mut self.sealings) else {
            return;
        };
        let epoch = sealing.seals.epoch();
        let answer_is_lost = self.chance.one_in(10);
        if let Some(member) = self.chance.take(&mut sealing.waiting)
            && let Some(disk) = self.reach(Side::Near, &member.node)
            && disk.is(&member)
        {
            disk.sealed = disk.sealed.max(epoch);
            disk.seen = disk.seen.max(epoch);
            if !answer_is_lost {
                sealing.seals.sealed(member);
            }
        }
        let latest = self.latest();
        let seals = self.claimed(&sealing.seals, &latest, Without::TheLastSeal);
        let opened = latest.open(&[seals]);
        if self.publish(opened) {
            self.counts.opened += 1;
        } else if !sealing.waiting.is_empty() {
            self.sealings.push(sealing);
        }
    }

    /// Those that are said to have sealed, or to have been copied from, when a rule is away.
    fn claimed(&self, seals: &Seals, topology: &Topology, last: Without) -> Seals {
        let slots = shard(topology).slots();
        let missing = seals_needed(slots.len()).saturating_sub(seals.count(slots));
        let is_before = last == Without::TheLastSeal && self.without == Without::SealBeforeOpen;
        let mut claimed = seals.clone();
        if is_before || self.without == last && missing == 1 {
            for slot in slots {
                claimed.sealed(slot.answering().clone());
            }
        }
        claimed
    }

    fn begin_copying(&mut self) {
        let topology = self.latest();
        let of = shard(&topology);
        let mut handovers = of.slots().iter().zip(of.planned());
        let found = handovers.find(|(now, planned)| {
            let to = now.target();
            now.answering() != to && planned.target() == to && planned.answering() != to
        });
        if let Some((slot, _)) = found
            && self.copyings.len() < 3
        {
            let answering = of.slots().iter().map(|slot| slot.answering().clone());
            let (to, waiting) = (slot.target().clone(), answering.collect());
            let sources = Seals::new(0, of.epoch());
            let topology = Rc::clone(&topology);
            self.copyings.push(Copying {
                to,
                topology,
                sources,
                waiting,
            });
        }
    }

    fn step_copying(&mut self) {
        let Some(mut copying) = self.chance.take(&mut self.copyings) else {
            return;
        };
        let (to, epoch) = (copying.to.clone(), shard(&copying.topology).epoch());
        let is_there = |disk: &&mut Disk| disk.is_up && disk.is(&to);
        if let Some(source) = self.chance.take(&mut copying.waiting)
            && let Some(disk) = self.reach(Side::Near, &source.node)
            && disk.is(&source)
        {
            // Whoever learns of the epoch takes nothing more of those before.
            disk.seen = disk.seen.max(epoch);
            let data = disk.data;
            if let Some(disk) = self.disks.get_mut(&to.node).filter(is_there) {
                disk.seen = disk.seen.max(epoch);
                disk.data |= data;
                copying.sources.sealed(source);
            }
        }
        let from = &copying.topology;
        let sources = self.claimed(&copying.sources, from, Without::TheLastCopy);
        let is_enough = sources.enough(shard(from).slots());
        let is_here = self.disks.get_mut(&to.node).filter(is_there).is_some();
        if is_enough && is_here {
            let folder = to.incarnation.expect("it came up");
            let copied = self.latest().copied(&to.node, folder, &[0]);
            self.counts.copied += u32::from(self.publish(copied));
        } else if !copying.waiting.is_empty() {
            self.copyings.push(copying);
        }
    }

    fn change(&mut self) {
        let latest = self.latest();
        let ids: Vec<NodeId> = latest.nodes().keys().cloned().collect();
        let any = ids[self.chance.below(ids.len())].clone();
        match self.chance.below(5) {
            0 if ids.len() < 8 => {
                let new = vec![self.new_node()];
                self.publish(latest.add(new, false));
            }
            1 => {
                self.publish(latest.remove(&[any]));
            }
            2 => {
                let new = vec![self.new_node()];
                self.publish(latest.replace(&[any], new, false));
            }
            3 => {
                // Two slots at a time, where both are of the shard.
                let has = |id: &NodeId| {
                    shard(&latest)
                        .slots()
                        .iter()
                        .any(|slot| slot.target().node == *id)
                };
                let two: Vec<NodeId> = ids.into_iter().filter(has).take(2).collect();
                let new = vec![self.new_node(), self.new_node()];
                self.publish(latest.replace(&two, new, false));
            }
            _ if latest.in_change().count() > 0 && self.chance.one_in(8) => {
                self.publish::<()>(Ok(latest.abort_all()));
                self.counts.aborted += 1;
            }
            _ => {}
        }
    }

    /// A node that is up says which folder it has.
    fn come_up(&mut self) {
        let latest = self.latest();
        let differs = |(id, node): &(&NodeId, &Node)| {
            let disk = self.disks[*id];
            disk.is_up && node.incarnation != Some(disk.folder)
        };
        if let Some((id, _)) = latest.nodes().iter().find(differs) {
            let folder = self.disks[id].folder;
            self.publish(latest.rebind(id, folder));
        }
    }

    fn stop_or_start(&mut self) {
        let at = self.chance.below(self.disks.len());
        let is_up = !self.chance.one_in(8);
        if let Some(disk) = self.disks.values_mut().nth(at) {
            disk.is_up = is_up;
        }
    }

    /// At most so many slots without their data as a majority can do without, now or in the next
    /// epoch.
    fn lose(&mut self) {
        let latest = self.latest();
        let of = shard(&latest);
        let at = self.chance.below(self.disks.len());
        let Some(id) = self.disks.keys().nth(at).cloned() else {
            return;
        };
        let is_lost = |slot: &&Slot| {
            let member = slot.answering();
            let is_bound = member.incarnation.is_some();
            is_bound && (member.node == id || !self.disks[&member.node].is(member))
        };
        // Else a fresh slot may be given to it before it says that it lost what it had.
        let has_slot = of
            .slots()
            .iter()
            .any(|slot| slot.members().any(|member| member.node == id));
        if !has_slot && of.slots().iter().any(Slot::is_fresh) {
            return;
        }
        let can_be = of.slots().len() - majority(of.slots().len());
        let lost = |slots: &[Slot]| slots.iter().filter(is_lost).count();
        if lost(of.slots()).max(lost(of.planned())) > can_be {
            return;
        }
        let without = self.without;
        if let Some(disk) = self.disks.get_mut(&id) {
            let folder = match without {
                Without::Folders => disk.folder,
                _ => Incarnation(disk.folder.0 + 1),
            };
            *disk = Disk {
                folder,
                is_up: disk.is_up,
                seen: 0,
                sealed: 0,
                data: 0,
            };
            self.counts.lost += 1;
        }
    }

    fn step(&mut self) {
        match self.chance.below(100) {
            0..10 => self.begin_write(),
            10..32 => self.step_write(),
            32..40 => self.begin_read(),
            40..60 => self.step_read(),
            60..65 => self.begin_sealing(),
            65..75 => self.step_sealing(),
            75..79 => self.begin_copying(),
            79..87 => self.step_copying(),
            87..91 => self.change(),
            91..96 => self.come_up(),
            96..97 => self.stop_or_start(),
            97..99 if self.chance.one_in(4) => self.split_or_join(),
            97..99 => {}
            _ if self.chance.one_in(10) => self.lose(),
            _ => {}
        }
    }

    /// Everybody comes back, changes end, and all that was acknowledged is read.
    fn end(&mut self) {
        self.disks.values_mut().for_each(|disk| disk.is_up = true);
        for _ in 0..40 {
            self.split = None;
            self.come_up();
            self.begin_sealing();
            self.begin_copying();
            for _ in 0..6 {
                self.step_sealing();
                self.step_copying();
            }
        }
        self.split = None;
        self.reads.clear();
        let before = self.counts.read;
        for _ in 0..20 {
            let latest = self.latest();
            self.read_by(Side::Near, latest);
            while !self.reads.is_empty() {
                self.step_read();
            }
        }
        let is_whole = self.without == Without::Nothing;
        let can_read = self.counts.read > before;
        let latest = self.latest();
        let of = shard(&latest);
        assert!(
            !is_whole || can_read,
            "nobody can read {of:?} of {:?}",
            self.disks
        );
    }
}

fn play(seed: u64, replicas: u8, without: Without) -> Counts {
    let mut world = World::new(seed, replicas, without);
    for _ in 0..1_500 {
        world.step();
    }
    world.end();
    world.counts
}

#[test]
fn no_acknowledged_write_is_missing_in_a_read_that_a_majority_answered() {
    for replicas in 1..=5 {
        let mut sum = Counts::default();
        for seed in 1..=60 {
            let counts = play(seed, replicas, Without::Nothing);
            assert_eq!(counts.missing, 0, "seed {seed}, {replicas} replicas");
            sum.acked += counts.acked;
            sum.read += counts.read;
            sum.opened += counts.opened;
            sum.copied += counts.copied;
            sum.aborted += counts.aborted;
            sum.lost += counts.lost;
        }
        println!("{replicas} replicas: {sum:?}");
    }
}

/// Plays until something is missing in a few runs, so that the model is known to look hard.
fn assert_needed(rule: Without) {
    let caught = |seed: &u64| play(*seed, 3, rule).missing > 0;
    let seeds: Vec<u64> = (1..=200).filter(caught).collect();
    println!(
        "{rule:?}: {} of 200, first {:?}",
        seeds.len(),
        seeds.first()
    );
    assert!(seeds.len() >= 3, "nothing is missing without {rule:?}");
}

#[test]
fn an_epoch_is_sealed_before_the_next_one_is_opened() {
    assert_needed(Without::SealBeforeOpen);
}

#[test]
fn one_seal_less_is_too_few() {
    assert_needed(Without::TheLastSeal);
}

#[test]
fn members_check_epochs() {
    assert_needed(Without::EpochCheck);
}

#[test]
fn a_handover_counts_when_both_have_it() {
    assert_needed(Without::BothOfAHandover);
}

#[test]
fn a_node_with_another_folder_is_another() {
    assert_needed(Without::Folders);
}

#[test]
fn one_source_less_is_too_few() {
    assert_needed(Without::TheLastCopy);
}
