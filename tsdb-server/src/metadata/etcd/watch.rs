//! Follows what changes in etcd.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tonic::{Code, Streaming};
use tsdb_cluster::metadata::Revision;
use tsdb_proto::etcdserverpb::watch_request::RequestUnion;
use tsdb_proto::etcdserverpb::{
    WatchCreateRequest, WatchProgressRequest, WatchRequest, WatchResponse,
};

use super::client::Client;
use super::error::EtcdError;
use super::keys::{end_of_prefix, first_key};
use super::session::{Failure, Session};
use crate::pause::Pause;

/// So often all is told to have changed, should something have been missed in spite of all.
const RAISED_EVERY: Duration = Duration::from_secs(30);
/// Longest pause before etcd is tried anew.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// What errors call it.
const CALL: &str = "a watch";

/// Follows what changes in etcd, and raises a revision.
#[derive(Debug)]
pub(super) struct Watch {
    client: Arc<Client>,
    revision: Revision,
    prefixes: Vec<String>,
    keep_alive: Duration,
    /// First revision of the store whose changes were not told; `None` when that is not known.
    ///
    /// One number does for all prefixes: whoever is told of one change and then reads, reads what is
    /// at least as new, so that the changes before it need not be told.
    next: Option<i64>,
    /// Whether it was said that changes are not followed.
    is_warned: bool,
}

/// A stream of watches.
struct Stream {
    session: Arc<Session>,
    requests: mpsc::Sender<WatchRequest>,
    responses: Streaming<WatchResponse>,
    /// Watches that have not begun yet.
    missing: usize,
}

/// The end of a stream.
struct Ended {
    error: EtcdError,
    /// Whether all watches had begun.
    had_begun: bool,
}

impl Watch {
    pub(super) fn new(
        client: Arc<Client>,
        revision: Revision,
        prefixes: Vec<String>,
        keep_alive: Duration,
    ) -> Self {
        Self {
            client,
            revision,
            prefixes,
            keep_alive,
            next: None,
            is_warned: false,
        }
    }

    /// Follows until it is dropped.
    pub(super) async fn follow(mut self) {
        let revision = self.revision.clone();
        let raise = async {
            let mut ticks = interval(RAISED_EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            // The first comes at once.
            ticks.tick().await;
            loop {
                ticks.tick().await;
                revision.raise();
            }
        };
        let follow = async {
            let mut pause = Pause::up_to(PAUSE_MAX);
            loop {
                // That none can be called was told by the client.
                if let Ok(session) = self.client.session().await {
                    let Err(ended) = self.follow_at(&session, &mut pause).await;
                    self.ended(&session, &ended);
                }
                sleep(pause.next()).await;
            }
        };
        let _: (Infallible, Infallible) = tokio::join!(raise, follow);
    }

    /// Has the next stream begin where this one's end does not matter.
    fn ended(&mut self, session: &Arc<Session>, ended: &Ended) {
        let Ended { error, had_begun } = ended;
        tracing::debug!(%error, "a watch of etcd ended");
        self.client.reachability.noted(error);
        // One that had begun is begun anew; whether etcd is away is seen by that.
        if !had_begun && !std::mem::replace(&mut self.is_warned, true) {
            tracing::warn!(%error, "changes in etcd are not followed");
        }
        match error {
            error if error.is_away() => self.client.leave(session, false),
            // It may be for the token.
            EtcdError::Refused { code, .. } if *code == Code::Aborted => {
                self.client.leave(session, true);
            }
            _ => {}
        }
    }

    /// Follows until something goes wrong.
    async fn follow_at(
        &mut self,
        session: &Arc<Session>,
        pause: &mut Pause,
    ) -> Result<Infallible, Ended> {
        let opened = self.open(session).await;
        let mut stream = opened.map_err(|error| Ended {
            error,
            had_begun: false,
        })?;
        let Err(error) = self.read(&mut stream, pause).await;
        Err(Ended {
            error,
            had_begun: stream.missing == 0,
        })
    }

    async fn read(
        &mut self,
        stream: &mut Stream,
        pause: &mut Pause,
    ) -> Result<Infallible, EtcdError> {
        let session = Arc::clone(&stream.session);
        let mut is_asked = false;
        loop {
            let is_due = is_asked || stream.missing > 0;
            let wait = match is_due {
                true => self.client.call_timeout(),
                false => self.keep_alive,
            };
            match timeout(wait, stream.responses.message()).await {
                Ok(Ok(Some(response))) => {
                    is_asked = false;
                    self.client.reachability.answered(session.endpoint());
                    self.take(&response, stream, pause)?;
                }
                Ok(Ok(None)) => return Err(self.lost(&session, "the stream ended")),
                Ok(Err(status)) => {
                    let failure = Failure::from(status);
                    return Err(self.client.error(&session, CALL, Some(&failure)));
                }
                Err(_) if is_due => return Err(self.client.error(&session, CALL, None)),
                Err(_) => {
                    let progress = RequestUnion::ProgressRequest(WatchProgressRequest {});
                    let sent = stream.requests.try_send(request(progress));
                    sent.map_err(|_| self.lost(&session, "nothing can be sent"))?;
                    is_asked = true;
                }
            }
        }
    }

    fn lost(&self, session: &Session, why: &str) -> EtcdError {
        EtcdError::Lost {
            endpoint: session.endpoint().to_string(),
            why: why.to_owned(),
        }
    }

    /// Begins to watch all prefixes, from where it was left.
    async fn open(&self, session: &Arc<Session>) -> Result<Stream, EtcdError> {
        let (requests, mut asked) = mpsc::channel(self.prefixes.len() + 1);
        for (prefix, watch_id) in self.prefixes.iter().zip(1..) {
            let create = RequestUnion::CreateRequest(WatchCreateRequest {
                key: first_key(prefix),
                range_end: end_of_prefix(prefix),
                start_revision: self.next.unwrap_or_default(),
                progress_notify: false,
                watch_id,
                fragment: true,
            });
            // There is room for all of them.
            let sent = requests.try_send(request(create));
            sent.map_err(|_| self.lost(session, "nothing can be sent"))?;
        }
        let asked = futures_util::stream::poll_fn(move |context| asked.poll_recv(context));
        let opened = self.client.within_a_call(session.watch(asked)).await;
        let responses = match opened {
            None => return Err(self.client.error(session, CALL, None)),
            Some(Err(failure)) => return Err(self.client.error(session, CALL, Some(&failure))),
            Some(Ok(responses)) => responses,
        };
        Ok(Stream {
            session: Arc::clone(session),
            requests,
            responses,
            missing: self.prefixes.len(),
        })
    }

    fn take(
        &mut self,
        response: &WatchResponse,
        stream: &mut Stream,
        pause: &mut Pause,
    ) -> Result<(), EtcdError> {
        let header = response.header.as_ref();
        let told = header.map_or(0, |header| header.revision);
        if response.canceled {
            if response.compact_revision > 0 {
                // What was not told is gone: once it follows again, all is told to have changed.
                self.next = None;
                self.client.reachability.watched(None);
            }
            return Err(canceled(response, &stream.session));
        }
        if response.created {
            stream.missing = stream.missing.saturating_sub(1);
            if stream.missing == 0 {
                pause.reset();
                self.is_warned = false;
                return self.begun(told);
            }
        } else if !response.events.is_empty() {
            self.revision.raise();
            // Before all have begun from now on, some changes are nobody's yet.
            if stream.missing == 0 || self.next.is_some() {
                self.told(told);
            }
        }
        // All else is a sign of life, with a revision that may be ahead of changes on their way.
        Ok(())
    }

    /// All watches have begun, the last of them at a revision of the store.
    fn begun(&mut self, revision: i64) -> Result<(), EtcdError> {
        match self.next {
            // They go on where they were left.
            Some(next) if next <= revision + 1 => Ok(()),
            // The store has another past, or this member lags behind: they are begun anew.
            Some(_) => {
                self.next = None;
                self.client.reachability.watched(None);
                Err(EtcdError::Nonsense {
                    call: CALL,
                    what: "its revision is behind what was told before",
                })
            }
            // What changed before is not known.
            None => {
                self.revision.raise();
                self.told(revision);
                Ok(())
            }
        }
    }

    fn told(&mut self, revision: i64) {
        self.next = self.next.max(Some(revision + 1));
        self.client.reachability.watched(Some(revision));
    }
}

fn canceled(response: &WatchResponse, session: &Session) -> EtcdError {
    let (code, why) = match response.compact_revision {
        0 => (Code::Aborted, response.cancel_reason.clone()),
        first => (
            Code::OutOfRange,
            format!("changes before revision {first} are compacted"),
        ),
    };
    EtcdError::Refused {
        endpoint: session.endpoint().to_string(),
        call: CALL,
        code,
        why,
    }
}

fn request(union: RequestUnion) -> WatchRequest {
    WatchRequest {
        request_union: Some(union),
    }
}
