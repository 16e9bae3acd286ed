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
mod import_report;
mod import_text;
mod json_write;
mod labels;
mod listener;
mod m3_headers;
mod matching;
mod metadata;
mod metrics_page;
mod node;
mod openapi;
mod pprof;
mod remote_read;
mod remote_write;
mod router;
mod routes;
mod scope;
mod search;
mod series;
mod streamed;
mod tag_values;

pub(crate) use app::App;
pub(crate) use body_watch::watch_body;
pub(crate) use listener::{Connections, serve};
pub(crate) use router::{api, debug, metrics, of_cluster, of_node};
