//! M3's calls for namespaces and placements, as people and M3's operator make them.

mod database;
mod headers;
mod namespaces;
mod placements;
mod refusals;
mod requests;
mod walk_through;
