//! Protobuf messages of the Prometheus protocols, remote write 1.0 and 2.0 and remote read, of
//! etcd, and of our own between nodes.
//!
//! The code is generated from the `.proto` files of this crate by `cargo xtask protos` and
//! committed, so that building needs no protobuf compiler.
#![forbid(unsafe_code)]

mod secrets;

/// Package `prometheus`: remote write 1.0, remote read, and the types they share.
#[expect(
    missing_docs,
    reason = "generated: the variants of enums say themselves what they are"
)]
pub mod prometheus {
    include!("generated/prometheus.rs");
}

/// Package `io.prometheus.write.v2`: remote write 2.0, release candidate 4.
#[expect(
    missing_docs,
    reason = "generated: the variants of enums say themselves what they are"
)]
pub mod write_v2 {
    include!("generated/io.prometheus.write.v2.rs");
}

/// Package `io.prometheus.client`: families of metrics as they are scraped.
#[expect(
    missing_docs,
    reason = "generated: the variants of enums say themselves what they are"
)]
pub mod client {
    include!("generated/io.prometheus.client.rs");
}

/// Package `mvccpb`: values and events of etcd.
#[expect(
    missing_docs,
    reason = "generated: the variants of enums say themselves what they are"
)]
pub mod mvccpb {
    include!("generated/mvccpb.rs");
}

/// Package `etcdserverpb`: the calls of etcd's version 3 API that are used here.
#[expect(
    missing_docs,
    reason = "generated: the variants of enums say themselves what they are"
)]
pub mod etcdserverpb {
    include!("generated/etcdserverpb.rs");
}

/// Package `tsdb.node.v1`: what coordinators and storage nodes say to each other.
#[expect(
    missing_docs,
    reason = "generated: the variants of enums say themselves what they are"
)]
pub mod node_v1 {
    include!("generated/tsdb.node.v1.rs");
}
