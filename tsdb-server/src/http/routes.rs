//! Every route of every address: what it is called, what it does, who may call it. Routers, the
//! page that names the routes and the description of the API are all made of these tables.

use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::{MethodFilter, MethodRouter, any_service, on};
use http::Method;
use tower::Layer;
use tsdb_remote::{RemoteReadLayer, RemoteWriteLayer};

use super::app::App;
use super::remote_read::StoreReader;
use super::remote_write::StoreWriter;
use super::{
    admin, cluster, exemplars, export, federate, health, home, import, json_write, labels, m3,
    metadata, metrics_page, node, openapi, page, pprof, prometheus, query, scope, search, series,
};

/// What a caller must be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nothing: who looks whether the process lives has no password.
    Probe,
    /// Read samples, labels, and what the server measures.
    Read,
    /// Store samples.
    Write,
    /// Read how the server is set up: who is bound to a tenant has no part in it.
    Inspect,
    /// Delete, compact, profile, change namespaces.
    Admin,
}

/// Makes the handler of a route for its methods.
pub(crate) type Handler = fn(&App, MethodFilter) -> MethodRouter<App>;

/// A path and what is there.
#[derive(Debug)]
pub(crate) struct Route {
    /// What it answers to.
    pub(crate) methods: &'static [Method],
    /// The path; `{name}` stands for a part of it.
    pub(crate) path: &'static str,
    /// What a caller must be allowed to do.
    pub(crate) access: Access,
    /// What it does, in a few words.
    pub(crate) purpose: &'static str,
    /// Names of its parameters, of the URL or a form.
    pub(crate) parameters: &'static [&'static str],
    /// Whether it is about the whole server, whatever tenant a request names.
    pub(crate) of_server: bool,
    handler: Handler,
}

impl Route {
    /// The handler, for the methods of the route alone.
    pub(crate) fn handler(&self, app: &App) -> MethodRouter<App> {
        let filters = self.methods.iter().cloned();
        let filters = filters.filter_map(|method| MethodFilter::try_from(method).ok());
        let filter = filters.reduce(MethodFilter::or);
        (self.handler)(app, filter.unwrap_or(MethodFilter::GET))
    }
}

const fn route(
    methods: &'static [Method],
    path: &'static str,
    access: Access,
    (purpose, parameters): (&'static str, &'static [&'static str]),
    handler: Handler,
) -> Route {
    Route {
        methods,
        path,
        access,
        purpose,
        parameters,
        of_server: false,
        handler,
    }
}

/// A route that is about the whole server.
pub(crate) const fn server_route(
    methods: &'static [Method],
    path: &'static str,
    access: Access,
    said: (&'static str, &'static [&'static str]),
    handler: Handler,
) -> Route {
    let route = route(methods, path, access, said, handler);
    Route {
        of_server: true,
        ..route
    }
}

const GET: &[Method] = &[Method::GET];
const POST: &[Method] = &[Method::POST];
const GET_POST: &[Method] = &[Method::GET, Method::POST];
const POST_PUT: &[Method] = &[Method::POST, Method::PUT];

use Access::{Admin, Inspect, Probe, Read, Write};

const QUERY: &[&str] = &[
    "query",
    "time",
    "timeout",
    "limit",
    "lookback_delta",
    "lookback",
    "stats",
    "trace",
];
const QUERY_RANGE: &[&str] = &[
    "query",
    "start",
    "end",
    "step",
    "timeout",
    "limit",
    "lookback_delta",
    "lookback",
    "stats",
    "trace",
];

const INSTANT: Handler = |_, methods| on(methods, query::instant);
const RANGE: Handler = |_, methods| on(methods, query::range);

const MATCH: &[&str] = &["match[]", "start", "end"];
const MATCH_LIMIT: &[&str] = &["match[]", "start", "end", "limit"];

/// The routes of the API's address.
#[rustfmt::skip]
static API: &[Route] = &[
    route(POST, "/api/v1/write", Write, ("remote write", &[]), remote_write),
    route(POST, "/api/v1/prom/remote/write", Write, ("remote write, as M3 calls it", &[]), remote_write),
    route(POST, "/api/v1/json/write", Write, ("one sample in JSON", &[]), |_, methods| on(methods, json_write::json_write)),
    route(POST, "/api/v1/influxdb/write", Write, ("samples as lines of InfluxDB", &["precision"]), |_, methods| on(methods, import::influx)),
    route(POST, "/api/v1/import", Write, ("samples as JSON lines", &[]), |_, methods| on(methods, import::json_lines)),
    route(POST, "/api/v1/import/prometheus", Write, ("samples as OpenMetrics, or Prometheus' older text", &["timestamp", "strict"]), |_, methods| on(methods, import::prometheus)),
    route(POST, "/api/v1/import/csv", Write, ("samples as comma-separated values", &["format", "timestamp", "strict"]), |_, methods| on(methods, import::csv)),
    route(POST, "/api/v1/read", Read, ("remote read", &[]), remote_read),
    route(POST, "/api/v1/prom/remote/read", Read, ("remote read, as M3 calls it", &[]), remote_read),
    route(GET_POST, "/api/v1/export", Read, ("samples as JSON lines or OpenMetrics", &["match[]", "start", "end", "format"]), |_, methods| on(methods, export::export)),
    route(GET_POST, "/api/v1/series", Read, ("label sets", MATCH_LIMIT), |_, methods| on(methods, series::series)),
    route(GET_POST, "/api/v1/labels", Read, ("label names", MATCH_LIMIT), |_, methods| on(methods, labels::names)),
    route(GET, "/api/v1/label/{name}/values", Read, ("label values", MATCH_LIMIT), |_, methods| on(methods, labels::values)),
    route(GET, "/api/v1/search", Read, ("completion of tags, as M3 has it", &["query", "result", "tag", "start", "end"]), |_, methods| on(methods, search::complete_tags)),
    route(POST, "/search", Read, ("series by matchers, as M3 has it", &["limit", "seriesLimit"]), |_, methods| on(methods, search::search)),
    route(GET, "/api/v1/metadata", Read, ("type, help and unit", &["metric", "limit", "limit_per_metric"]), |_, methods| on(methods, metadata::metadata)),
    route(GET_POST, "/api/v1/query", Read, ("an expression at one time", QUERY), INSTANT),
    route(GET_POST, "/prometheus/api/v1/query", Read, ("an expression at one time, as M3 calls it", QUERY), INSTANT),
    route(GET_POST, "/m3query/api/v1/query", Read, ("an expression at one time, as M3 calls it", QUERY), INSTANT),
    route(GET_POST, "/api/v1/query_range", Read, ("an expression over a range of time", QUERY_RANGE), RANGE),
    route(GET_POST, "/prometheus/api/v1/query_range", Read, ("an expression over a range of time, as M3 calls it", QUERY_RANGE), RANGE),
    route(GET_POST, "/m3query/api/v1/query_range", Read, ("an expression over a range of time, as M3 calls it", QUERY_RANGE), RANGE),
    route(GET_POST, "/api/v1/format_query", Read, ("an expression, laid out", &["query"]), |_, methods| on(methods, query::format)),
    route(GET_POST, "/api/v1/parse_query", Read, ("the tree of an expression", &["query"]), |_, methods| on(methods, query::tree)),
    server_route(GET, "/api/v1/status/queries", Inspect, ("queries that run, were slow, or cost most", &[]), |_, methods| on(methods, query::queries)),
    server_route(POST, "/api/v1/status/queries/{id}/cancel", Admin, ("ends a query", &[]), |_, methods| on(methods, query::cancel)),
    route(GET_POST, "/api/v1/query_exemplars", Read, ("exemplars", &["query", "start", "end"]), |_, methods| on(methods, exemplars::query_exemplars)),
    route(POST_PUT, "/api/v1/admin/tsdb/delete_series", Admin, ("deletes samples", MATCH), |_, methods| on(methods, admin::delete_series)),
    server_route(POST_PUT, "/api/v1/admin/tsdb/snapshot", Admin, ("makes a data folder in snapshots/", &["skip_head"]), |_, methods| on(methods, admin::snapshot)),
    server_route(POST_PUT, "/api/v1/admin/tsdb/clean_tombstones", Admin, ("compacts, as Prometheus calls it", &[]), |_, methods| on(methods, admin::compact)),
    server_route(POST_PUT, "/api/v1/admin/compact", Admin, ("compacts all there is", &[]), |_, methods| on(methods, admin::compact)),
    server_route(POST_PUT, "/api/v1/admin/confirm-clock", Admin, ("the clock is right: expiry goes on", &[]), |_, methods| on(methods, admin::confirm_clock)),
    server_route(GET, "/api/v1/cluster", Inspect, ("nodes, shards and what is still to be done in a cluster", &[]), |_, methods| on(methods, cluster::cluster)),
    server_route(POST, "/api/v1/cluster/repair", Admin, ("has nodes compare all their shards with the other replicas now", &["node"]), |_, methods| on(methods, cluster::repair)),
    route(GET, "/federate", Read, ("the latest samples, as a page to be scraped", &["match[]"]), |_, methods| on(methods, federate::federate)),
    route(GET, "/api/v1/rules", Read, ("no rules", &[]), |_, methods| on(methods, prometheus::rules)),
    route(GET, "/api/v1/alerts", Read, ("no alerts", &[]), |_, methods| on(methods, prometheus::alerts)),
    route(GET, "/api/v1/alertmanagers", Read, ("no Alertmanagers", &[]), |_, methods| on(methods, prometheus::alertmanagers)),
    route(GET, "/api/v1/targets", Read, ("no targets", &["state", "scrapePool"]), |_, methods| on(methods, prometheus::targets)),
    route(GET, "/api/v1/targets/metadata", Read, ("no targets", &["match_target", "metric", "limit"]), |_, methods| on(methods, prometheus::target_metadata)),
    route(GET, "/api/v1/targets/relabel_steps", Read, ("no targets", &["scrapePool", "labels"]), |_, methods| on(methods, prometheus::relabel_steps)),
    route(GET, "/api/v1/scrape_pools", Read, ("no targets", &[]), |_, methods| on(methods, prometheus::scrape_pools)),
    route(GET, "/api/v1/scrape_pools/config", Read, ("no targets", &["scrapePool"]), |_, methods| on(methods, prometheus::scrape_pool_config)),
    route(GET, "/api/v1/notifications", Read, ("no notifications", &[]), |_, methods| on(methods, prometheus::notifications)),
    route(GET, "/api/v1/features", Read, ("what can be asked for", &[]), |_, methods| on(methods, prometheus::features)),
    route(GET, "/api/v1/status/buildinfo", Read, ("which Prometheus the API is of", &[]), |_, methods| on(methods, prometheus::build_info)),
    route(GET, "/version", Read, ("which Prometheus the API is of", &[]), |_, methods| on(methods, prometheus::version)),
    server_route(GET, "/api/v1/status/runtimeinfo", Inspect, ("since when and where the server runs", &[]), |_, methods| on(methods, prometheus::runtime_info)),
    server_route(GET, "/api/v1/status/flags", Inspect, ("the settings that hold, by flag", &[]), |_, methods| on(methods, prometheus::flags)),
    server_route(GET, "/api/v1/status/config", Inspect, ("the settings that hold, as a file", &[]), |_, methods| on(methods, prometheus::config)),
    route(GET, "/api/v1/status/tsdb", Read, ("names, labels and pairs with most series", &["limit"]), |_, methods| on(methods, prometheus::cardinality)),
    route(GET, "/api/v1/status/tsdb/blocks", Read, ("blocks on the disk of this server", &[]), |_, methods| on(methods, prometheus::blocks)),
    route(GET, "/api/v1/status/walreplay", Read, ("logs to replay at the start, and how many were", &[]), |_, methods| on(methods, health::wal_replay)),
    route(GET, "/health", Probe, ("the process answers", &[]), |_, methods| on(methods, health::health)),
    route(GET, "/-/healthy", Probe, ("the process answers", &[]), |_, methods| on(methods, health::healthy)),
    route(GET, "/ready", Probe, ("200 when reads and writes are right, else 503", &[]), |_, methods| on(methods, health::ready)),
    route(GET, "/-/ready", Probe, ("200 when reads and writes are right, else 503", &[]), |_, methods| on(methods, health::plain_ready)),
    route(GET, "/routes", Read, ("the paths of all routes", &[]), |_, methods| on(methods, home::routes)),
    route(GET, "/api/v1/openapi", Read, ("this API as OpenAPI, for browsers as a page", &[]), |_, methods| on(methods, openapi::openapi)),
    route(GET, "/assets/{name}", Read, ("what the page at / is made of", &[]), |_, methods| on(methods, page::asset)),
    route(GET, "/", Read, ("the page for browsers, this list for others", &[]), |_, methods| on(methods, page::page)),
];

/// The routes of the API's address, those of M3 for namespaces and placements among them.
pub(crate) fn api_routes() -> impl Iterator<Item = &'static Route> {
    API.iter().chain(m3::routes())
}

/// The route that answers a method at a path, as the tables write it.
pub(crate) fn find(method: &Method, path: &str) -> Option<&'static Route> {
    let method = match *method {
        Method::HEAD => &Method::GET,
        _ => method,
    };
    let more = [METRICS, NODE, CLUSTER, DEBUG];
    api_routes()
        .chain(more.into_iter().flatten())
        .find(|route| route.path == path && route.methods.contains(method))
}

/// The routes of the metrics' address.
#[rustfmt::skip]
pub(crate) static METRICS: &[Route] = &[
    server_route(GET, "/metrics", Inspect, ("what the server measures of itself", &[]), |_, methods| on(methods, metrics_page::page)),
    server_route(GET, "/-/healthy", Probe, ("the process answers", &[]), |_, methods| on(methods, health::healthy)),
    server_route(GET, "/", Inspect, ("says where the metrics are", &[]), |_, methods| on(methods, metrics_page::home)),
];

/// The routes of a storage node's address that are not at that of its cluster as well.
#[rustfmt::skip]
pub(crate) static NODE: &[Route] = &[
    server_route(GET, "/bootstrapped", Probe, ("200 once the database is open", &[]), |_, methods| on_node(methods, node::bootstrapped)),
    server_route(GET, "/bootstrappedinplacementornoplacement", Probe, ("200 once the database is open", &[]), |_, methods| on_node(methods, node::bootstrapped)),
];

/// The routes of the address at which M3's nodes answer for their cluster.
#[rustfmt::skip]
pub(crate) static CLUSTER: &[Route] = &[
    server_route(GET, "/health", Probe, ("whether the node lives and is bootstrapped", &[]), |_, methods| on_node(methods, node::health)),
    server_route(POST, "/write", Write, ("a sample of a series with an id", &[]), |_, methods| on_node(methods, node::write)),
    server_route(POST, "/writetagged", Write, ("a sample of a series with tags", &[]), |_, methods| on_node(methods, node::write_tagged)),
    server_route(POST, "/fetch", Read, ("samples of the series with an id", &[]), |_, methods| on_node(methods, node::fetch)),
    server_route(POST, "/query", Read, ("series that meet a query over tags", &[]), |_, methods| on_node(methods, node::query)),
    server_route(POST, "/aggregate", Read, ("names and values of tags", &[]), |_, methods| on_node(methods, node::aggregate)),
    server_route(POST, "/truncate", Admin, ("deletes every sample of a namespace", &[]), |_, methods| on_node(methods, node::truncate)),
];

/// The routes of the address for looking into the server.
#[rustfmt::skip]
pub(crate) static DEBUG: &[Route] = &[
    server_route(GET, "/metrics", Inspect, ("what the server measures of itself", &[]), |_, methods| on(methods, metrics_page::page)),
    server_route(GET, "/debug/pprof/", Inspect, ("the profiles there are", &[]), |_, methods| on(methods, pprof::index)),
    server_route(GET, "/debug/pprof/profile", Admin, ("where CPU time goes, for go tool pprof", &["seconds"]), |_, methods| on(methods, pprof::profile)),
    server_route(GET, "/debug/pprof/heap", Admin, ("where memory is held, for go tool pprof", &[]), |_, methods| on(methods, pprof::heap)),
    server_route(GET, "/debug/pprof/cmdline", Inspect, ("the command line", &[]), |_, methods| on(methods, pprof::command_line)),
    server_route(GET_POST, "/debug/pprof/symbol", Inspect, ("says that profiles name their functions", &[]), |_, methods| on(methods, pprof::symbol)),
    server_route(GET, "/-/healthy", Probe, ("the process answers", &[]), |_, methods| on(methods, health::healthy)),
    server_route(GET, "/", Inspect, ("says where the metrics are", &[]), |_, methods| on(methods, metrics_page::home)),
];

/// A route of M3's nodes, which word their errors themselves.
fn on_node<H, T>(methods: MethodFilter, handler: H) -> MethodRouter<App>
where
    H: axum::handler::Handler<T, App>,
    T: 'static,
{
    on(methods, handler).fallback(async |method| node::wrong_method(method).await.into_response())
}

fn remote_write(app: &App, _: MethodFilter) -> MethodRouter<App> {
    let writer = StoreWriter {
        store: app.store.clone(),
        telemetry: std::sync::Arc::clone(&app.telemetry),
        pairs: app.pairs.clone(),
        forwarded: app.forwarded.clone(),
    };
    let layer = RemoteWriteLayer::new(app.limits.clone()).share(app.inflight.clone());
    // It answers other methods itself.
    any_service(layer.layer(writer)).layer(from_fn_with_state(app.clone(), scope::settle))
}

fn remote_read(app: &App, _: MethodFilter) -> MethodRouter<App> {
    let reader = StoreReader {
        store: app.store.clone(),
    };
    let layer = RemoteReadLayer::new(app.limits.clone()).share(app.inflight.clone());
    any_service(layer.layer(reader)).layer(from_fn_with_state(app.clone(), scope::settle))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_route_is_there_twice_and_every_one_says_what_it_does() {
        let api: Vec<&Route> = api_routes().collect();
        let more = [METRICS, NODE, CLUSTER, DEBUG].map(|table| table.iter().collect());
        for table in [api].into_iter().chain(more) {
            let mut seen = BTreeSet::new();
            for route in table {
                assert!(!route.methods.is_empty() && !route.purpose.is_empty());
                for method in route.methods {
                    assert!(seen.insert((route.path, method.as_str())), "{route:?}");
                }
            }
        }
    }

    /// So that the tables are all there is: routers are made of nothing else.
    #[test]
    fn routers_have_no_route_that_is_in_no_table() {
        let router = include_str!("router.rs");
        let made = router.matches(".route(").count() + router.matches(".route_service(").count();
        assert_eq!((made, router.matches(".merge(").count()), (1, 0));
        assert_eq!(router.matches(".nest").count(), 0);
    }

    #[test]
    fn the_documentation_names_every_route() {
        let documentation = include_str!("../../../docs/server.md");
        let (_, routes) = documentation
            .split_once("\n## Routes\n")
            .expect("a chapter");
        let rows: Vec<&str> = routes
            .lines()
            .filter(|line| line.starts_with('|'))
            .collect();
        let table = |route: &Route, of: &str| {
            let path = format!("`{}`", route.path);
            let methods = route.methods.iter().map(Method::as_str).collect::<Vec<_>>();
            let methods = format!("| {} |", methods.join(", "));
            let told = |row: &&&str| row.contains(&path) && row.contains(of);
            assert!(rows.iter().any(|row| told(&row)), "{path} {of}");
            // The table of the API has a column of methods.
            let right =
                !of.is_empty() || rows.iter().any(|row| told(&row) && row.contains(&methods));
            assert!(right, "{path} {methods}");
        };
        API.iter()
            .filter(|route| route.path != "/")
            .for_each(|route| table(route, ""));
        NODE.iter()
            .chain(CLUSTER)
            .for_each(|route| table(route, "`--node-listen`"));
        CLUSTER
            .iter()
            .for_each(|route| table(route, "`--cluster-listen`"));
        let debug = DEBUG
            .iter()
            .filter(|route| route.path.starts_with("/debug"));
        debug.for_each(|route| table(route, "`--debug-listen`"));
    }
}
