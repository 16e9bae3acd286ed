//! A server as the subject of scripts: every section asks a tenant of its own.

use tokio::runtime::Handle;
use tsdb_promql::testkit::{Load, Reply, Subject};

use super::{reply, writes};
use crate::support::{post, post_form};

/// A server, and which tenant is asked.
pub(super) struct Sections {
    handle: Handle,
    api: String,
    tenant: Option<usize>,
}

impl Sections {
    pub(super) fn new(handle: Handle, api: &str) -> Self {
        Self {
            handle,
            api: api.to_owned(),
            tenant: None,
        }
    }

    fn url(&self, path: &str) -> String {
        let tenant = self.tenant.unwrap_or(0);
        format!("{}/tenant/s{tenant}/api/v1/{path}", self.api)
    }

    fn ask(&self, path: &str, query: &str, times: &[(&str, i64)]) -> Result<Reply, String> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("query", query);
        for (name, time) in times {
            form.append_pair(name, &seconds(*time));
        }
        let (url, form) = (self.url(path), form.finish());
        let answer = self.handle.block_on(post_form(&url, &form));
        reply::read(&answer.body)
    }
}

/// Milliseconds as a number of seconds.
fn seconds(milliseconds: i64) -> String {
    let sign = if milliseconds < 0 { "-" } else { "" };
    let milliseconds = milliseconds.unsigned_abs();
    format!("{sign}{}.{:03}", milliseconds / 1000, milliseconds % 1000)
}

impl Subject for Sections {
    fn clear(&mut self) -> Result<(), String> {
        self.tenant = Some(self.tenant.map_or(0, |tenant| tenant + 1));
        Ok(())
    }

    fn load(&mut self, load: &Load) -> Result<(), String> {
        let headers = [
            (
                "content-type",
                "application/x-protobuf;proto=io.prometheus.write.v2.Request",
            ),
            ("content-encoding", "snappy"),
            ("x-prometheus-remote-write-version", "2.0.0"),
        ];
        let url = self.url("write");
        let answer = self
            .handle
            .block_on(post(&url, &headers, writes::body(load)));
        match answer.status {
            204 => Ok(()),
            status => Err(format!("written with {status}: {}", answer.text())),
        }
    }

    fn instant(&self, expression: &str, time: i64) -> Result<Reply, String> {
        self.ask("query", expression, &[("time", time)])
    }

    fn range(
        &self,
        expression: &str,
        (start, end, step): (i64, i64, i64),
    ) -> Result<Reply, String> {
        let times = [("start", start), ("end", end), ("step", step)];
        self.ask("query_range", expression, &times)
    }

    /// The engine is asked in all ways by tests of its own.
    fn asks_again(&self) -> bool {
        false
    }
}
