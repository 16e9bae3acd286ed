//! Random changes, one on top of the other, in all their states.

use proptest::prelude::*;

use super::support::{all_copied, all_seal, assert_follows, finished, folder, id, node};
use crate::topology::{Topology, TopologyError};
use crate::{Incarnation, NodeId};

/// What happens next, with numbers to choose by.
type Event = (u8, usize, usize);

fn chosen<T: Clone>(of: impl Iterator<Item = T>, by: usize) -> Option<T> {
    let all: Vec<T> = of.collect();
    all.get(by.checked_rem(all.len())?).cloned()
}

/// Of some things about every second, drawn by a number.
fn some<T>(of: impl Iterator<Item = T>, by: usize) -> Vec<T> {
    let drawn = of.enumerate().filter(|(at, _)| (by >> (at % 16)) & 1 == 1);
    drawn.map(|(_, one)| one).collect()
}

fn play(topology: &Topology, number: usize, event: Event) -> Result<Topology, TopologyError> {
    let (kind, first, second) = event;
    let nodes = || topology.nodes().keys().cloned();
    let any = chosen(nodes(), first).unwrap_or_else(|| id("none"));
    let new = |at: usize| {
        let (group, weight) = ((second + at) % 7, 1 + (first % 3) as u32);
        node(&format!("x{number}-{at}"), &format!("g{group}"), weight)
    };
    match kind % 12 {
        0 => topology.add(vec![new(0)], second % 2 == 0),
        1 => topology.add(vec![new(0), new(1)], second % 2 == 0),
        2 => topology.remove(&[any]),
        3 => topology.replace(&[any], vec![new(0)], false),
        4 => topology.replace(&[any], vec![new(0), new(1)], false),
        5 => topology.abort(&some(topology.in_change(), first)),
        6 => topology.rebind(&any, Incarnation(second as u128 % 4 + 1)),
        7 => Ok(all_copied(topology)),
        8 | 9 => {
            let never = topology.nodes().iter();
            let never = never.filter(|(_, node)| node.incarnation.is_none());
            let one: NodeId = chosen(never.map(|(id, _)| id.clone()), first).unwrap_or(any);
            topology.bind(&one, folder(&one))
        }
        _ => {
            let ready = some(topology.ready(), first);
            let seals: Vec<_> = ready.iter().map(|id| all_seal(topology, *id)).collect();
            topology.open(&seals)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_state_is_sound_and_all_comes_to_an_end(
        replicas in 1..=3_u8,
        shards in 1..=12_u32,
        events in prop::collection::vec(any::<Event>(), 0..40),
    ) {
        let first = (0..5).map(|number| node(&format!("n{number}"), &format!("g{number}"), 2));
        let mut topology = Topology::init(first.collect(), shards, replicas).expect("groups");
        for (number, event) in events.into_iter().enumerate() {
            match play(&topology, number, event) {
                Ok(after) => {
                    assert_follows(&topology, &after);
                    topology = after;
                }
                Err(TopologyError::Locked { shards }) => {
                    let mut changing = topology.in_change();
                    prop_assert!(shards.iter().all(|shard| changing.any(|other| other == *shard)));
                }
                Err(
                    TopologyError::TooFewGroups { .. }
                    | TopologyError::NoPlace { .. }
                    | TopologyError::KnownNode(_)
                    | TopologyError::OtherIncarnation { .. },
                ) => {}
                Err(error) => return Err(TestCaseError::fail(error.to_string())),
            }
        }
        let aborted = finished(topology.abort_all());
        for topology in [finished(topology), aborted] {
            for shard in topology.shards() {
                prop_assert!(shard.slots().iter().all(|slot| !slot.is_handover() && !slot.is_fresh()));
            }
            let loads = topology.loads();
            let slots = u64::from(shards) * u64::from(replicas);
            prop_assert_eq!(loads.values().sum::<u64>(), slots);
            prop_assert!(topology.nodes().values().all(|node| !node.leaving));
        }
    }
}
