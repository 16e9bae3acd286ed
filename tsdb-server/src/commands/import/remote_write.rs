//! A running server as the destination: remote write 2.0, some requests at a time.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tsdb_remote::client::write::{Outcome, outcome};
use tsdb_remote::client::write_v2::{WriteEncoder, request, written};

use super::destination::{Destination, Load, Settled};
use super::tally::Tally;
use crate::commands::CommandError;
use crate::commands::remote::{HttpClient, Server};

/// Where remote writes go.
const ROUTE: &str = "/api/v1/write";
/// Requests at a time: the server makes the samples of several durable at once.
const IN_FLIGHT_MAX: usize = 4;
/// Bytes of samples in one request.
const GROUP_BYTES: usize = 512 << 10;
/// First pause before a request is sent again; doubled up to the longest.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// Longest pause, whatever the server asks for.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// So much of an answer is read at most.
const ANSWER_BYTES_MAX: usize = 64 << 10;
const USER_AGENT: &str = concat!("tsdb-server-import/", env!("CARGO_PKG_VERSION"));

/// A running server.
#[derive(Debug)]
pub(super) struct RemoteWrite {
    runtime: Runtime,
    sender: Sender,
    encoder: WriteEncoder,
    in_flight: VecDeque<(Load, JoinHandle<Result<Answer, CommandError>>)>,
}

#[derive(Clone, Debug)]
struct Sender {
    client: HttpClient<Full<Bytes>>,
    server: Server,
    uri: Uri,
    retry_for: Duration,
}

/// The last answer to a request.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl RemoteWrite {
    /// What a server turns away is sent again for `retry_for`.
    pub(super) fn new(server: Server, retry_for: Duration) -> Result<Self, CommandError> {
        let route = server.route(ROUTE);
        let (runtime, uri) = (route.runtime()?, route.uri()?);
        Ok(Self {
            runtime,
            sender: Sender {
                client: server.client(),
                server,
                uri,
                retry_for,
            },
            encoder: WriteEncoder::new(),
            in_flight: VecDeque::new(),
        })
    }

    /// Waits for the oldest request.
    fn settle_one(&mut self, settled: &mut Settled<'_>) -> Result<(), CommandError> {
        let Some((mut load, task)) = self.in_flight.pop_front() else {
            return Ok(());
        };
        let answer = self.runtime.block_on(task);
        let answer = answer.map_err(|error| self.sender.unreachable(error.to_string()))??;
        self.sender
            .judge(&answer, load.group.len(), &mut load.tally)?;
        settled(load)
    }
}

impl Destination for RemoteWrite {
    fn group_bytes(&self) -> usize {
        GROUP_BYTES
    }

    fn send(&mut self, load: Load, settled: &mut Settled<'_>) -> Result<(), CommandError> {
        for (labels, samples, histograms) in load.group.series() {
            if !samples.is_empty() {
                self.encoder.series(labels, samples);
            }
            if !histograms.is_empty() {
                self.encoder.histograms(labels, histograms);
            }
        }
        let body = self.encoder.finish();
        let body = body.map_err(|error| self.sender.unreachable(error.to_string()))?;
        let sender = self.sender.clone();
        let task = self
            .runtime
            .spawn(async move { sender.deliver(body).await });
        self.in_flight.push_back((load, task));
        while self.in_flight.len() >= IN_FLIGHT_MAX {
            self.settle_one(settled)?;
        }
        Ok(())
    }

    fn flush(&mut self, settled: &mut Settled<'_>) -> Result<(), CommandError> {
        while !self.in_flight.is_empty() {
            self.settle_one(settled)?;
        }
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<(), CommandError> {
        Ok(())
    }
}

impl Sender {
    fn unreachable(&self, why: String) -> CommandError {
        self.server.route(ROUTE).unreachable(why)
    }

    /// Sends a body until the server has judged it.
    async fn deliver(&self, body: Bytes) -> Result<Answer, CommandError> {
        let deadline = Instant::now() + self.retry_for;
        let mut pause = PAUSE_MIN;
        loop {
            let answer = self.attempt(body.clone()).await;
            let (asked, why) = match answer {
                Ok(answer) => match outcome(answer.status, &answer.headers) {
                    Outcome::Stored | Outcome::Refused => return Ok(answer),
                    Outcome::Retry(asked) => (asked, format!("{}: {}", answer.status, answer.text)),
                },
                Err(why) => (None, why),
            };
            let wait = asked.unwrap_or(pause).max(pause).min(PAUSE_MAX);
            if Instant::now() + wait > deadline {
                return Err(self.unreachable(format!(
                    "given up after trying for {} s (--retry-for); the last answer: {why}",
                    self.retry_for.as_secs()
                )));
            }
            tokio::time::sleep(wait).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Sends it once; why there is no answer.
    async fn attempt(&self, body: Bytes) -> Result<Answer, String> {
        let request = request(self.uri.clone(), USER_AGENT, body);
        let mut request = request.map_err(|error| error.to_string())?;
        self.server.route(ROUTE).authorize(&mut request);
        let exchange = async {
            let response = match self.client.request(request).await {
                Ok(response) => response,
                Err(error) => return Err(self.server.why(&self.uri, &error).await),
            };
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|error| error.to_string())?.to_bytes();
            Ok(Answer {
                status: parts.status,
                headers: parts.headers,
                text: String::from_utf8_lossy(&body).trim().to_owned(),
            })
        };
        match tokio::time::timeout(ANSWER_WITHIN, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {} s", ANSWER_WITHIN.as_secs())),
        }
    }

    /// What an answer says of `sent` samples. Only a refusal of some samples is no reason to stop.
    fn judge(&self, answer: &Answer, sent: u64, tally: &mut Tally) -> Result<(), CommandError> {
        let written = written(&answer.headers);
        let stored = written.map(|written| written.samples + written.histograms);
        let some_refused = answer.status == StatusCode::BAD_REQUEST;
        let Some(stored) = stored.filter(|_| answer.status.is_success() || some_refused) else {
            let status = answer.status.as_u16();
            let text = match answer.status.is_success() {
                true => "it does not say what it stored: it does not know remote write 2.0",
                false => answer.text.as_str(),
            };
            return Err(self.server.route(ROUTE).refused(status, text));
        };
        tally.stored += stored.min(sent);
        let refused = sent.saturating_sub(stored);
        tally.refused += refused;
        if refused == 0 {
            return Ok(());
        }
        let mut told = 0;
        for line in answer
            .text
            .lines()
            .filter(|line| line.starts_with("series "))
        {
            if let Some(reason) = reason_of(line) {
                tally.refusal(reason, 1, line.to_owned());
                told += 1;
            }
        }
        if told == 0 {
            tally.refusal(&answer.text, refused, answer.text.clone());
        }
        Ok(())
    }
}

/// What stands behind the series and the time of a refusal.
fn reason_of(line: &str) -> Option<&str> {
    let behind = match line.rfind('}') {
        Some(end) => line.get(end + 1..)?,
        None => line,
    };
    behind.split_once(": ").map(|(_, reason)| reason)
}

#[cfg(test)]
mod tests {
    use super::reason_of;

    #[test]
    fn reasons_stand_behind_the_series() {
        let lines = [
            ("series up{a=\"b: c\"} at 5: too old: go", "too old: go"),
            ("series up: no metric name", "no metric name"),
        ];
        for (line, reason) in lines {
            assert_eq!(reason_of(line), Some(reason));
        }
    }
}
