//! Nodes, clients and coordinators over real sockets.

mod bits;
mod cluster;
mod failures;
mod garbage;
mod measured;
mod reads;
mod secured;
mod support;
