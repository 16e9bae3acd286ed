//! A replica is replaced while one of the two others misses writes, and the last one is slow to
//! store them and deaf to whoever changes the placement.

use std::time::Duration;

use tsdb_cluster::NodeId;
use tsdb_cluster::runtime::Runtime as _;
use tsdb_cluster::topology::Topology;

use super::play::{COORDINATORS, Play, node, node_id};
use crate::random::Random;

/// Longer than a message is waited for.
const SEALING: Duration = Duration::from_millis(2500);

impl Play {
    pub(super) async fn hand_over(&self, random: &mut Random) -> Result<(), String> {
        let Ok(known) = self.known().await else {
            return Ok(());
        };
        let Some([old, other, late]) = replicas(&known.topology, random) else {
            return Ok(());
        };
        self.tell(format!(
            "{old} is replaced; {other} misses writes, {late} is slow"
        ));
        self.cluster.slow_disk(&late, (3, 8000));
        self.deafen(&other, true);
        let pause = Duration::from_millis(100 + random.below(400));
        self.executor.sleep(pause).await;
        self.deafen(&other, false);
        self.deafen(&late, true);
        // What changed meanwhile is left alone.
        let newcomer = self.cluster.machines().len();
        let mut candidate = node(newcomer);
        if let Some(old) = known.topology.nodes().get(&old) {
            candidate.isolation_group.clone_from(&old.isolation_group);
        }
        let candidates = vec![(node_id(newcomer), candidate)];
        let replaced = known
            .topology
            .replace(std::slice::from_ref(&old), candidates, false);
        if let Ok(replaced) = replaced
            && self
                .placement
                .put(Some(known.version), replaced)
                .await
                .is_ok()
        {
            let newcomer = node_id(newcomer);
            self.cluster
                .network()
                .cut(newcomer.as_str(), old.as_str(), true);
            self.start(&newcomer).await?;
            self.executor.sleep(SEALING + 2 * pause).await;
            self.cluster
                .network()
                .cut(newcomer.as_str(), old.as_str(), false);
        }
        self.deafen(&late, false);
        self.cluster.slow_disk(&late, (3, 3));
        Ok(())
    }

    /// Whether a node hears nothing of the coordinators.
    fn deafen(&self, id: &NodeId, is_deaf: bool) {
        let network = self.cluster.network();
        for coordinator in COORDINATORS {
            network.cut(coordinator, id.as_str(), is_deaf);
        }
    }
}

/// The replicas of some shard that is not in change, in some order.
fn replicas(topology: &Topology, random: &mut Random) -> Option<[NodeId; 3]> {
    let shard = random.pick(topology.shards())?;
    let slots = shard.slots().iter();
    let mut nodes: Vec<NodeId> = slots.map(|slot| slot.answering().node.clone()).collect();
    let turns = random.index(nodes.len());
    nodes.rotate_left(turns);
    if random.chance(1, 2) {
        nodes.reverse();
    }
    let is_quiet = topology.in_change().count() == 0;
    nodes.try_into().ok().filter(|_| is_quiet)
}
