//! Nodes, clients and coordinators over real sockets.

mod cluster;
mod support;
