//! Prometheus' query API, as its clients call it.

mod answers;
mod bounds;
mod clients;
mod errors;
mod running;
mod transport;

use std::path::Path;

use crate::support::{Server, series, write_body, write_request};

/// The last time of the data of these tests, in seconds.
const TIME: i64 = 1_700_000_000;

/// A text as a parameter of a URL or a form.
fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// A server with two counters, a sample every ten seconds for ten minutes until [`TIME`], and one
/// series whose name and label are none of Prometheus' old ones.
async fn filled(folder: &Path, more: &[&str]) -> Server {
    let server = Server::start(folder, more);
    let counter = |job: &str, per_second: i64| {
        let times = (0..=60).map(|at| TIME - 600 + at * 10);
        let samples: Vec<_> = times
            .map(|at| {
                (
                    at * 1000,
                    (((at - TIME + 600) * per_second) as f64).to_bits(),
                )
            })
            .collect();
        let labels = [
            ("__name__", "requests_total"),
            ("instance", "a:1"),
            ("job", job),
        ];
        series(&labels, &samples)
    };
    let odd = series(
        &[("__name__", "temp.celsius"), ("room.name", "\u{e9}t\u{e9}")],
        &[(TIME * 1000, 21.5_f64.to_bits())],
    );
    let body = write_body(vec![counter("api", 2), counter("db", 5), odd]);
    let answer = write_request(&server.api, body).await.expect("an answer");
    assert_eq!(answer.status, 204, "{}", answer.text());
    server
}
