//! What breaks, and what is mended again.

use std::time::Duration;

use tsdb_cluster::NodeId;
use tsdb_cluster::runtime::Runtime as _;

use super::options::Fault;
use super::play::{COORDINATORS, Play, node, node_id};
use crate::metadata::METADATA;
use crate::random::Random;

impl Play {
    /// Breaks things for a while, one after the other, and mends most of them again.
    pub(super) async fn trouble(&self, random: &mut Random) -> Result<(), String> {
        let until = self.executor.now() + self.options.trouble;
        let longest = u64::try_from(self.options.pace.as_millis()).unwrap_or(u64::MAX);
        while self.executor.now() < until && !self.is_over() {
            let pause = Duration::from_millis(longest / 8 + random.below(longest));
            self.executor.sleep(pause).await;
            self.hold_to_promises();
            let faults = self.options.faults;
            // Beside what breaks: the network is mended, and nodes start.
            match faults.get(random.index(faults.len() + 2)) {
                Some(fault) => self.break_by(*fault, random).await?,
                None if random.chance(1, 2) => {
                    self.tell("the network is mended".to_owned());
                    self.cluster.network().mend();
                }
                None => {
                    for id in self.cluster.machines() {
                        self.start(&id).await?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn break_by(&self, fault: Fault, random: &mut Random) -> Result<(), String> {
        let machines = self.cluster.machines();
        let Some(id) = random.pick(&machines).cloned() else {
            return Ok(());
        };
        match fault {
            Fault::Cut => self.cut(&machines, &id, random),
            Fault::Loss => {
                let (lost, slowest) = (random.below(150), 3 + random.below(400));
                self.tell(format!(
                    "{lost} of 1000 messages are lost, others take {slowest} ms"
                ));
                self.cluster.network().trouble(lost, slowest);
            }
            Fault::Crash => match self.cluster.is_up(&id) {
                true => {
                    self.tell(format!("{id} crashes"));
                    self.cluster.crash(&id);
                }
                false => self.start(&id).await?,
            },
            Fault::Power => {
                self.tell("all nodes lose their power".to_owned());
                machines.iter().for_each(|id| self.cluster.crash(id));
                for id in &machines {
                    self.start(id).await?;
                }
            }
            Fault::Disk => self.lose_disk(&id).await?,
            Fault::Removed => self.lose_removed().await?,
            Fault::Pause => {
                let is_paused = random.chance(1, 2);
                self.tell(format!("{id} is paused: {is_paused}"));
                self.cluster.pause(&id, is_paused);
            }
            Fault::Slow => {
                let slowest = match random.below(3) {
                    0 => (3, 1 + random.below(7000)),
                    _ => (1 + random.below(300), 1 + random.below(300)),
                };
                let (read, write) = slowest;
                self.tell(format!(
                    "the disk of {id} takes {read} ms to read, {write} to write"
                ));
                self.cluster.slow_disk(&id, slowest);
            }
            Fault::Clock => {
                let offset = i64::try_from(random.below(14_400_000)).unwrap_or(0) - 7_200_000;
                self.tell(format!("the clock of {id} is {offset} ms ahead"));
                self.cluster.set_clock(&id, offset);
            }
            Fault::Metadata => {
                let is_away = random.chance(1, 2);
                self.tell(format!("the metadata is away: {is_away}"));
                self.cluster.metadata().set_away(is_away);
            }
            Fault::Stale => self.part_from_metadata(&machines, random),
            Fault::Change => self.change(random).await?,
            Fault::Handover => self.hand_over(random).await?,
            Fault::Coordinator => {
                let name = random.pick(&COORDINATORS).copied().unwrap_or_default();
                self.tell(format!("{name} ends, and another begins"));
                self.cluster.coordinate(name);
            }
            Fault::Copying => self.interrupt(random).await?,
        }
        Ok(())
    }

    /// Crashes a node in the middle of copying, if one begins to soon.
    async fn interrupt(&self, random: &mut Random) -> Result<(), String> {
        for _ in 0..20 {
            let mut copying = self.cluster.machines();
            copying.retain(|id| {
                let moves = self.cluster.moves(id);
                moves.iter().any(|one| one.copied_samples > 0)
            });
            if let Some(id) = random.pick(&copying) {
                self.tell(format!("{id} crashes while it copies"));
                self.cluster.crash(id);
                return self.start(id).await;
            }
            self.executor.sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Parts a node from all others.
    fn cut(&self, machines: &[NodeId], id: &NodeId, random: &mut Random) {
        self.tell(format!("{id} is cut off"));
        let one_way = random.chance(1, 3);
        let network = self.cluster.network();
        let others = machines.iter().map(NodeId::as_str).chain(COORDINATORS);
        for other in others {
            network.cut(other, id.as_str(), true);
            if !one_way {
                network.cut(id.as_str(), other, true);
            }
        }
    }

    /// The metadata goes for one, or comes back.
    fn part_from_metadata(&self, machines: &[NodeId], random: &mut Random) {
        let all: Vec<&str> = machines.iter().map(NodeId::as_str).collect();
        let one = match random.chance(2, 3) {
            true => random.pick(&COORDINATORS).copied(),
            false => random.pick(&all).copied(),
        };
        let is_away = random.chance(1, 2);
        if let Some(name) = one {
            self.tell(format!("the metadata is away for {name}: {is_away}"));
            let network = self.cluster.network();
            network.cut(name, METADATA, is_away);
            network.cut(METADATA, name, is_away);
        }
    }

    /// A disk goes, if none else has that was not copied again: one may.
    async fn lose_disk(&self, id: &NodeId) -> Result<(), String> {
        let Ok(known) = self.known().await else {
            return Ok(());
        };
        let nodes = known.topology.nodes();
        let mut machines = self.cluster.machines().into_iter();
        let all_up = machines.all(|id| self.cluster.is_up(&id));
        let is_quiet = known.topology.in_change().count() == 0 && nodes.contains_key(id);
        let is_back = |id: &NodeId| {
            let node = nodes.get(id);
            node.is_none_or(|node| node.incarnation == self.cluster.incarnation(id))
        };
        if !is_quiet || !all_up || !self.lock().lost.iter().all(is_back) {
            return Ok(());
        }
        self.lock().lost = [id.clone()].into();
        self.tell(format!("{id} loses its disk"));
        self.cluster.destroy(id);
        self.executor.sleep(Duration::from_millis(500)).await;
        self.start(id).await?;
        // Not everything breaks until this one has it all again.
        drop(self.settled(Duration::from_secs(5)).await);
        Ok(())
    }

    /// The disks of all nodes that have left the placement go: nobody needs them.
    async fn lose_removed(&self) -> Result<(), String> {
        let Ok(known) = self.known().await else {
            return Ok(());
        };
        for id in self.cluster.machines() {
            if !known.topology.nodes().contains_key(&id) {
                self.tell(format!("{id}, which was removed, loses its disk"));
                self.cluster.destroy(&id);
            }
        }
        Ok(())
    }

    /// A node is added, removed, replaced, or what is under way is undone.
    async fn change(&self, random: &mut Random) -> Result<(), String> {
        let Ok(known) = self.known().await else {
            return Ok(());
        };
        let topology = &known.topology;
        let ids: Vec<NodeId> = topology.nodes().keys().cloned().collect();
        let Some(id) = random.pick(&ids) else {
            return Ok(());
        };
        let one = std::slice::from_ref(id);
        let newcomer = self.cluster.machines().len();
        let has_room = ids.len() < self.options.nodes + 3;
        let (what, after) = match random.below(4) {
            0 if has_room => {
                let added = vec![(node_id(newcomer), node(newcomer))];
                ("a node is added", topology.add(added, false))
            }
            1 if ids.len() > 3 => ("a node is removed", topology.remove(one)),
            2 if has_room => {
                let mut candidate = node(newcomer);
                if let Some(old) = topology.nodes().get(id) {
                    candidate.isolation_group.clone_from(&old.isolation_group);
                }
                let candidates = vec![(node_id(newcomer), candidate)];
                let replaced = topology.replace(one, candidates, false);
                ("a node is replaced", replaced)
            }
            _ => ("what changes is undone", Ok(topology.abort_all())),
        };
        let Ok(after) = after else {
            return Ok(());
        };
        let is_newcomer = after.nodes().contains_key(&node_id(newcomer));
        let put = self.placement.put(Some(known.version), after).await;
        if put.is_err() {
            return Ok(());
        }
        self.tell(format!("{what} ({id})"));
        // Sometimes a newcomer is late, and sometimes it never comes.
        if is_newcomer && random.chance(3, 4) {
            self.start(&node_id(newcomer)).await?;
        }
        Ok(())
    }
}
