//! M3's calls for namespaces and placements, as its coordinator answers them.

mod absent;
mod body;
mod call;
mod database;
mod namespace;
mod placement;
mod reply;
mod routes;

pub(super) use routes::routes;
