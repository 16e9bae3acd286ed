//! Calls to whichever member answers.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prost::Message;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tsdb_cluster::metadata::Revision;

use super::endpoint::Endpoint;
use super::error::EtcdError;
use super::options::{EtcdCredentials, EtcdOptions, EtcdTls};
use super::reachability::Reachability;
use super::rpc::Rpc;
use super::session::{Failure, Session, Unopened};
use super::tls;
use crate::pause::Pause;

/// Longest pause before members are asked anew whether they have elected a leader.
const ELECTION_PAUSE_MAX: Duration = Duration::from_millis(400);

/// Calls whichever member answers, and stays with it.
#[derive(Debug)]
pub(super) struct Client {
    endpoints: Vec<Arc<Endpoint>>,
    tls: EtcdTls,
    credentials: Option<EtcdCredentials>,
    call_timeout: Duration,
    member: Mutex<Member>,
    /// Held by the one who connects.
    connecting: tokio::sync::Mutex<()>,
    pub(super) reachability: Reachability,
}

/// The member that is called.
#[derive(Debug, Default)]
struct Member {
    session: Option<Arc<Session>>,
    /// Index of the endpoint that is tried first.
    first: usize,
}

/// Why no member is connected to.
#[derive(Debug)]
enum Unconnected {
    /// It would be no other at once.
    ForGood(EtcdError),
    /// A member answers, and waits for a leader itself.
    Leaderless(EtcdError),
}

impl Client {
    /// Reads the options, and the files that they name; connects to nothing.
    pub(super) fn new(options: &EtcdOptions, revision: Revision) -> Result<Self, EtcdError> {
        let wrong = |what: String| EtcdError::Options { what };
        let read = |text: &String| Endpoint::read(text, options.tls.is_some()).map(Arc::new);
        let endpoints: Vec<_> = options
            .endpoints
            .iter()
            .map(read)
            .collect::<Result<_, _>>()?;
        if endpoints.is_empty() {
            return Err(wrong("no endpoints are given".to_owned()));
        }
        if options.watched.is_empty() {
            return Err(wrong("nothing is to be followed".to_owned()));
        }
        let tls = options.tls.clone().unwrap_or_default();
        if options.tls.is_some() {
            tls::connector(&tls).map_err(wrong)?;
        }
        Ok(Self {
            endpoints,
            tls,
            credentials: options.credentials.clone(),
            call_timeout: options.call_timeout,
            member: Mutex::default(),
            connecting: tokio::sync::Mutex::default(),
            reachability: Reachability::new(revision),
        })
    }

    pub(super) fn call_timeout(&self) -> Duration {
        self.call_timeout
    }

    /// Calls a member, and other ones where that can do no harm, until the call's time is over.
    pub(super) async fn call<Q, A>(&self, rpc: &Rpc<Q, A>, request: Q) -> Result<A, EtcdError>
    where
        Q: Message + Clone + 'static,
        A: Message + Default + 'static,
    {
        let answer = self.attempts(rpc, request).await;
        if let Err(error) = &answer {
            self.reachability.failed(error);
        }
        answer
    }

    async fn attempts<Q, A>(&self, rpc: &Rpc<Q, A>, request: Q) -> Result<A, EtcdError>
    where
        Q: Message + Clone + 'static,
        A: Message + Default + 'static,
    {
        let deadline = Instant::now() + self.call_timeout;
        let mut attempts = match rpc.is_repeatable {
            true => self.endpoints.len() as u32 + 1,
            false => 1,
        };
        let mut has_new_token = false;
        loop {
            let session = self.session_by(deadline).await?;
            let left = deadline.saturating_duration_since(Instant::now());
            // A member that is silent leaves time for the others.
            let asked = session.unary(rpc, request.clone(), left);
            let answer = timeout(left / attempts, asked).await;
            let failure = match answer {
                Ok(Ok(answer)) => {
                    self.reachability.answered(session.endpoint());
                    return Ok(answer);
                }
                Ok(Err(failure)) => Some(failure),
                Err(_) => None,
            };
            let error = self.error(&session, rpc.name, failure.as_ref());
            let is_worth_another = match failure {
                Some(Failure::NotSent(_)) => true,
                Some(Failure::Token(_)) => {
                    self.credentials.is_some() && !std::mem::replace(&mut has_new_token, true)
                }
                _ if !error.is_away() => false,
                _ => {
                    attempts -= 1;
                    attempts > 0
                }
            };
            if error.is_away() || is_worth_another {
                let is_same_member = matches!(failure, Some(Failure::Token(_)));
                self.leave(&session, is_same_member);
            }
            if !is_worth_another {
                return Err(error);
            }
        }
    }

    /// What a failure is to those who called; `None` is that of the time that is over.
    pub(super) fn error(
        &self,
        session: &Session,
        call: &'static str,
        failure: Option<&Failure>,
    ) -> EtcdError {
        let endpoint = session.endpoint().to_string();
        match failure {
            None => EtcdError::Deadline {
                endpoint,
                call,
                within: self.call_timeout,
            },
            Some(failure @ (Failure::NotSent(_) | Failure::Lost(_))) => EtcdError::Lost {
                endpoint,
                why: failure.to_string(),
            },
            Some(Failure::TooLarge(why)) => EtcdError::TooLarge {
                endpoint,
                call,
                why: why.clone(),
            },
            Some(Failure::Token(status) | Failure::Refused(status)) => EtcdError::Refused {
                endpoint,
                call,
                code: status.code(),
                why: status.message().to_owned(),
            },
        }
    }

    /// The member that is called, connected to within the time of a call.
    pub(super) async fn session(&self) -> Result<Arc<Session>, EtcdError> {
        let session = self.session_by(Instant::now() + self.call_timeout).await;
        if let Err(error) = &session {
            self.reachability.failed(error);
        }
        session
    }

    /// Waits for an election, where members answer and know of no leader.
    async fn session_by(&self, deadline: Instant) -> Result<Arc<Session>, EtcdError> {
        let mut pause = Pause::up_to(ELECTION_PAUSE_MAX);
        let mut leaderless = None;
        loop {
            match timeout_at(deadline, self.connect()).await {
                Ok(Ok(session)) => return Ok(session),
                Ok(Err(Unconnected::ForGood(error))) => return Err(error),
                Ok(Err(Unconnected::Leaderless(error))) => leaderless = Some(error),
                Err(_) => break,
            }
            if timeout_at(deadline, sleep(pause.next())).await.is_err() {
                break;
            }
        }
        Err(leaderless.unwrap_or_else(|| {
            let tried: Vec<_> = self.endpoints.iter().map(ToString::to_string).collect();
            let tried = tried.join(", ");
            let within = self.call_timeout;
            let why = format!("{tried}: no connection within {within:?}");
            EtcdError::Unreachable { why }
        }))
    }

    fn member(&self) -> MutexGuard<'_, Member> {
        self.member.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The member that is called, if it still can be.
    fn current(&self) -> Option<Arc<Session>> {
        let mut member = self.member();
        if let Some(session) = member.session.take_if(|session| session.is_closed()) {
            tracing::debug!(endpoint = %session.endpoint(), "etcd closed the connection");
        }
        member.session.clone()
    }

    async fn connect(&self) -> Result<Arc<Session>, Unconnected> {
        if let Some(session) = self.current() {
            return Ok(session);
        }
        let _turn = self.connecting.lock().await;
        if let Some(session) = self.current() {
            return Ok(session);
        }
        let count = self.endpoints.len();
        let within = self.call_timeout / count.min(3) as u32;
        let first = self.member().first;
        let mut refusals = Vec::new();
        let mut is_leaderless = false;
        for index in (first..first + count).map(|index| index % count) {
            let Some(endpoint) = self.endpoints.get(index) else {
                continue;
            };
            // Whoever comes after one that gave up waiting begins with the next.
            self.member().first = index + 1;
            let open = Session::open(
                Arc::clone(endpoint),
                &self.tls,
                self.credentials.as_ref(),
                within,
            );
            match timeout(within, open).await {
                Ok(Ok(session)) => {
                    let session = Arc::new(session);
                    *self.member() = Member {
                        session: Some(Arc::clone(&session)),
                        first: index,
                    };
                    self.reachability.connected(endpoint);
                    return Ok(session);
                }
                Ok(Err(Unopened::Credentials(why))) => {
                    let user = self.credentials.as_ref().map(EtcdCredentials::user);
                    return Err(Unconnected::ForGood(EtcdError::Authentication {
                        endpoint: endpoint.to_string(),
                        user: user.unwrap_or_default().to_owned(),
                        why,
                    }));
                }
                Ok(Err(Unopened::Leaderless)) => {
                    is_leaderless = true;
                    refusals.push(format!("{endpoint}: it knows of no leader"));
                }
                Ok(Err(Unopened::Member(why))) => refusals.push(format!("{endpoint}: {why}")),
                Err(_) => refusals.push(format!("{endpoint}: no answer within {within:?}")),
            }
        }
        let why = refusals.join("; ");
        let error = EtcdError::Unreachable { why };
        Err(match is_leaderless {
            true => Unconnected::Leaderless(error),
            false => Unconnected::ForGood(error),
        })
    }

    /// Leaves a member for the next, or for the same anew.
    pub(super) fn leave(&self, session: &Arc<Session>, is_same_member: bool) {
        let mut member = self.member();
        // Somebody else may have left it already.
        let is_current = |current: &mut Arc<Session>| Arc::ptr_eq(current, session);
        if member.session.take_if(is_current).is_some() && !is_same_member {
            member.first += 1;
        }
    }

    /// Waits for etcd for the time of a call.
    pub(super) async fn within_a_call<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        timeout(self.call_timeout, work).await.ok()
    }
}
