//! `/federate`: the latest sample of each series, as a page that a Prometheus scrapes.

mod format;
mod latest;
mod protobuf;
mod route;
mod text;

pub(super) use route::federate;
