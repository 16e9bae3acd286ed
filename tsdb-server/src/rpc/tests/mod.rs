//! Nodes, clients and coordinators over real sockets.
#![expect(
    clippy::disallowed_methods,
    reason = "tests measure how long they wait"
)]

mod bits;
mod cluster;
mod failures;
mod garbage;
mod measured;
mod reads;
mod secured;
mod support;
