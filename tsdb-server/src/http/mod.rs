//! What the server answers, route by route.

mod admin;
mod app;
mod body_watch;
mod envelope;
mod exemplars;
mod export;
mod form;
mod health;
mod home;
mod import;
mod labels;
mod line_batches;
mod listener;
mod m3;
mod m3_headers;
mod matching;
mod metadata;
mod node;
mod remote_read;
mod remote_write;
mod router;
mod scope;
mod series;
mod streamed;

pub(crate) use app::App;
pub(crate) use listener::{Connections, serve};
pub(crate) use router::{api, metrics, of_cluster, of_node};
