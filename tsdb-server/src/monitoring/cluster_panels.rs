//! What the dashboard shows of a cluster.

use super::panels::Unit::{Bytes, BytesPerSecond, Count, PerSecond, Seconds};
use super::panels::{Panel, lines, q, stack};

/// Its row.
pub(super) const CLUSTER: &[Panel] = &[
    lines(
        "Windows to mend, and shards to copy",
        Count,
        &[
            q(
                "tsdb_cluster_divergence_windows",
                "{{instance}} differing windows",
            ),
            q(
                "tsdb_cluster_hint_backlog",
                "{{instance}} windows others miss",
            ),
            q("tsdb_cluster_moves", "{{instance}} shards being copied"),
        ],
    ),
    lines(
        "Writes below their level, and reads that asked further",
        PerSecond,
        &[
            q(
                "rate(tsdb_cluster_writes_below_level_total[$__rate_interval])",
                "{{instance}} writes",
            ),
            q(
                "rate(tsdb_cluster_hedges_total[$__rate_interval])",
                "{{instance}} reads",
            ),
        ],
    ),
    lines(
        "Nodes that are not reached",
        Seconds,
        &[q(
            "tsdb_cluster_node_unreachable_seconds",
            "{{instance}} to {{node}}",
        )],
    ),
    lines(
        "Nodes that are not asked",
        Count,
        &[q(
            "tsdb_cluster_circuit_open",
            "{{instance}} to {{node}}, {{way}}",
        )],
    ),
    lines(
        "Waiting for nodes",
        Bytes,
        &[
            q("tsdb_cluster_write_queue_bytes", "{{instance}} to {{node}}"),
            q(
                "tsdb_cluster_write_queue_limit_bytes",
                "{{instance}} to {{node}} at most",
            ),
        ],
    ),
    lines(
        "Writes waiting for nodes",
        Count,
        &[q(
            "tsdb_cluster_write_queue_requests",
            "{{instance}} to {{node}}",
        )],
    ),
    stack(
        "Calls between servers",
        PerSecond,
        &[q(
            "sum by (side, call, outcome) (rate(tsdb_rpc_calls_total[$__rate_interval]))",
            "{{side}} {{call}} {{outcome}}",
        )],
    ),
    lines(
        "Bytes between servers",
        BytesPerSecond,
        &[
            q(
                "rate(tsdb_rpc_sent_bytes_total[$__rate_interval])",
                "{{instance}} {{side}} sent",
            ),
            q(
                "rate(tsdb_rpc_received_bytes_total[$__rate_interval])",
                "{{instance}} {{side}} received",
            ),
        ],
    ),
    lines(
        "Shards of each node",
        Count,
        &[q("tsdb_cluster_shards", "{{instance}} {{state}}")],
    ),
    lines(
        "Version of the placement",
        Count,
        &[q("tsdb_cluster_placement_version", "{{instance}}")],
    ),
];
