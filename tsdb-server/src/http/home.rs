//! A page that names the routes.

use http::{StatusCode, Uri};

const ROUTES: &str = "\
tsdb-server: long-term storage of Prometheus metrics

POST     /api/v1/write                  remote write (also /api/v1/prom/remote/write)
POST     /api/v1/read                   remote read (also /api/v1/prom/remote/read)
GET POST /api/v1/series                 label sets: match[], start, end, limit
GET POST /api/v1/labels                 label names: match[], start, end, limit
GET      /api/v1/label/{name}/values    label values: match[], start, end, limit
GET      /api/v1/metadata               type, help and unit: metric, limit, limit_per_metric
GET POST /api/v1/export                 samples: match[], start, end, format=json or openmetrics
POST     /api/v1/import                 JSON lines back in (gzip or not, as all of these)
POST     /api/v1/import/prometheus      OpenMetrics or Prometheus' text, by Content-Type: timestamp
POST     /api/v1/import/csv             CSV: format=1:time:unix_s,2:label:host,3:metric:temperature, header
POST     /api/v1/influxdb/write         line protocol: precision
POST     /api/v1/admin/tsdb/delete_series, snapshot; /api/v1/admin/compact, confirm-clock (--enable-admin-api)
GET      /api/v1/status/walreplay       logs to replay at the start, and how many were
GET      /health  /-/healthy            the process answers
GET      /ready   /-/ready              200 when reads and writes are right, else 503

Times are seconds since the epoch or RFC 3339. Metrics of the server are on their own address.
";

pub(super) async fn home() -> &'static str {
    ROUTES
}

pub(super) async fn nothing(uri: Uri) -> (StatusCode, String) {
    (
        StatusCode::NOT_FOUND,
        format!("nothing is at {}: see / for the routes\n", uri.path()),
    )
}
