//! Prometheus and our server, filled with the same samples.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::answer::{Kind, difference};
use super::data::{self, SCRAPES, STEP};
use super::grammar::Expression;
use crate::support::{
    Answer, Prometheus, Server, get, post_form, program, write_body, write_request,
};

/// Both of them.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) theirs: Prometheus,
    pub(super) ours: Server,
    /// The time of the last samples, in milliseconds, but for `phase` a multiple of a minute.
    pub(super) end: i64,
}

/// What is asked, with its times in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Times {
    At(i64),
    /// First, last, step.
    Range(i64, i64, i64),
}

fn seconds(milliseconds: i64) -> String {
    format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000)
}

impl Times {
    /// The path and form of a request.
    fn request(self, query: &str) -> (&'static str, String) {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("query", query);
        match self {
            Self::At(time) => {
                form.append_pair("time", &seconds(time));
                ("query", form.finish())
            }
            Self::Range(start, end, step) => {
                for (name, time) in [("start", start), ("end", end), ("step", step)] {
                    form.append_pair(name, &seconds(time));
                }
                ("query_range", form.finish())
            }
        }
    }
}

impl Pair {
    /// Starts both and writes the samples, `phase` milliseconds behind multiples of their step;
    /// nothing where there is no Prometheus.
    pub(super) async fn filled(folder: &Path, phase: i64, flags: &[&str]) -> Option<Self> {
        let program = program("prometheus", "prometheus")?;
        let theirs = folder.join("theirs");
        let more = [
            "--web.enable-remote-write-receiver",
            "--enable-feature=native-histograms",
        ];
        let theirs = Prometheus::start_with(&program, &theirs, "global: {}\n", &more).await;
        let ours = Server::start(&folder.join("ours"), flags);
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("a time");
        let now = i64::try_from(now.as_millis()).expect("a time");
        let end = now - now % 60_000 - 60_000 + phase;
        let lines = data::lines(end - STEP * (SCRAPES as i64 - 1));
        let body = write_body(Vec::from_iter(lines.iter().map(data::Line::sent)));
        for url in [&theirs.url, &ours.api] {
            let answer = write_request(url, body.clone()).await.expect("an answer");
            assert_eq!(answer.status, 204, "{url}: {}", answer.text());
        }
        Some(Self { theirs, ours, end })
    }

    /// What both answer to a query.
    pub(super) async fn ask(&self, query: &str, times: Times) -> [(u16, Value); 2] {
        let (path, form) = times.request(query);
        let ask = async |url: &str| {
            let answer = post_form(&format!("{url}/api/v1/{path}"), &form).await;
            let body = serde_json::from_slice(&answer.body);
            let body = body.unwrap_or_else(|error| panic!("{query}: {error}: {}", answer.text()));
            (answer.status, body)
        };
        let (theirs, ours) = tokio::join!(ask(&self.theirs.url), ask(&self.ours.api));
        [theirs, ours]
    }

    /// What both answer to a path with its parameters.
    pub(super) async fn get(&self, path: &str) -> [Answer; 2] {
        let [theirs, ours] = [&self.theirs.url, &self.ours.api].map(|url| format!("{url}{path}"));
        let (theirs, ours) = tokio::join!(get(&theirs), get(&ours));
        [theirs, ours]
    }

    /// The smallest part of an expression whose answers differ in themselves.
    pub(super) async fn smallest(
        &self,
        expression: Expression,
        kind: Kind,
        times: Times,
    ) -> (Expression, Kind) {
        let (mut smallest, mut kind) = (expression, kind);
        'smaller: loop {
            for part in smallest.parts.clone() {
                let [theirs, ours] = self.ask(&part.text, times).await;
                if let Some(found) = difference(&theirs, &ours) {
                    (smallest, kind) = (part, found);
                    continue 'smaller;
                }
            }
            return (smallest, kind);
        }
    }
}
