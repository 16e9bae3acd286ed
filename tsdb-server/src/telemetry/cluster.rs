//! What a server that is part of a cluster counts of it.

use std::time::Duration;

use super::exposition::{Exposition, count_as_value};
use super::families;
use crate::cluster::ClusterFigures;
use crate::rpc::{Call, CircuitState, Outcome, PeerFigures, RpcFigures};

/// All of it.
pub(super) fn cluster(page: &mut Exposition, figures: &ClusterFigures) {
    let version = count_as_value(figures.placement_version);
    page.single(&families::CLUSTER_PLACEMENT_VERSION, version);
    let shards = figures.shards;
    page.family(&families::CLUSTER_SHARDS);
    for (state, count) in [
        ("initializing", shards.initializing),
        ("available", shards.available),
        ("leaving", shards.leaving),
    ] {
        page.sample(&[("state", state)], count_as_value(count));
    }
    let backlog = &figures.backlog;
    let sum = |counts: &mut dyn Iterator<Item = &u64>| count_as_value(counts.sum());
    let divergence = sum(&mut backlog.divergence.values());
    page.single(&families::CLUSTER_DIVERGENCE_WINDOWS, divergence);
    let hints = sum(&mut backlog.hints.values());
    page.single(&families::CLUSTER_HINT_BACKLOG, hints);
    let moves = count_as_value(backlog.moves.len() as u64);
    page.single(&families::CLUSTER_MOVES, moves);
    let below = count_as_value(figures.writes_below_level);
    page.single(&families::CLUSTER_WRITES_BELOW_LEVEL, below);
    let hedges = count_as_value(figures.hedges);
    page.single(&families::CLUSTER_HEDGES, hedges);
    peers(page, &figures.peers);
    let sides = [
        ("client", Some(&figures.client)),
        ("server", figures.server.as_ref()),
    ];
    let sides = sides
        .into_iter()
        .filter_map(|(side, figures)| Some((side, &**figures?)));
    rpc(page, &sides.collect::<Vec<_>>());
}

/// The ways to the nodes.
fn peers(page: &mut Exposition, peers: &[PeerFigures]) {
    let queue = |page: &mut Exposition, family, value: fn(&PeerFigures) -> usize| {
        page.family(family);
        for peer in peers {
            let value = count_as_value(value(peer) as u64);
            page.sample(&[("node", peer.node.as_str())], value);
        }
    };
    queue(page, &families::CLUSTER_WRITE_QUEUE_REQUESTS, |peer| {
        peer.queue.requests
    });
    queue(page, &families::CLUSTER_WRITE_QUEUE_BYTES, |peer| {
        peer.queue.bytes
    });
    queue(page, &families::CLUSTER_WRITE_QUEUE_LIMIT_BYTES, |peer| {
        peer.queue.bytes_max
    });
    page.family(&families::CLUSTER_CIRCUIT_OPEN);
    for peer in peers {
        for (way, circuit) in [("writes", peer.writes), ("calls", peer.calls)] {
            let is_open = u8::from(circuit.state != CircuitState::Closed);
            let labels = [("node", peer.node.as_str()), ("way", way)];
            page.sample(&labels, is_open.into());
        }
    }
    page.family(&families::CLUSTER_NODE_UNREACHABLE_SECONDS);
    for peer in peers {
        let unreachable = peer.writes.unreachable_for.max(peer.calls.unreachable_for);
        let seconds = unreachable.map_or(0.0, |lasting: Duration| lasting.as_secs_f64());
        page.sample(&[("node", peer.node.as_str())], seconds);
    }
}

/// The calls between servers, of each side.
fn rpc(page: &mut Exposition, sides: &[(&str, &RpcFigures)]) {
    page.family(&families::RPC_CALLS);
    for (side, figures) in sides {
        for call in Call::ALL {
            for outcome in Outcome::ALL {
                let labels = [
                    ("side", *side),
                    ("call", call.name()),
                    ("outcome", outcome.name()),
                ];
                page.sample(&labels, count_as_value(figures.answers(call, outcome)));
            }
        }
    }
    for (family, bytes) in [
        (
            &families::RPC_SENT_BYTES,
            RpcFigures::bytes_sent as fn(&RpcFigures) -> u64,
        ),
        (&families::RPC_RECEIVED_BYTES, RpcFigures::bytes_received),
    ] {
        page.family(family);
        for (side, figures) in sides {
            page.sample(&[("side", *side)], count_as_value(bytes(figures)));
        }
    }
}
