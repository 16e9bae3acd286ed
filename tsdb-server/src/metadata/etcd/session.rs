//! A member that is connected to, and that knows who asks.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;
use http::uri::PathAndQuery;
use prost::Message;
use tokio::time::timeout;
use tonic::client::Grpc;
use tonic::metadata::{AsciiMetadataValue, MetadataValue};
use tonic::{Code, Request, Status, Streaming};
use tonic_prost::ProstCodec;
use tsdb_proto::etcdserverpb::{AuthenticateRequest, StatusRequest, WatchRequest, WatchResponse};

use super::connection::{Connection, SendError};
use super::endpoint::Endpoint;
use super::options::{EtcdCredentials, EtcdTls};
use super::rpc::{AUTHENTICATE, Rpc, STATUS, WATCH_PATH};
use crate::told::told;

/// Largest message that is read, in bytes. Etcd takes none above 1.5 MiB from its clients.
const MESSAGE_BYTES_MAX: usize = 4 << 20;

/// So long a member has to say what it has against a certificate.
const REFUSAL_WAIT: Duration = Duration::from_millis(500);

/// A member that is connected to, and that knows who asks.
pub(super) struct Session {
    endpoint: Arc<Endpoint>,
    connection: Connection,
    token: Option<AsciiMetadataValue>,
}

/// Why there is no session.
#[derive(Debug)]
pub(super) enum Unopened {
    /// This member does not do; another may.
    Member(String),
    /// This member answers, and knows of no leader: one may be elected soon.
    Leaderless,
    /// The user may not come in, at any member.
    Credentials(String),
}

/// Why a call has no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nothing was sent.
    NotSent(String),
    /// The connection broke.
    Lost(String),
    /// The answer is too large to be read.
    TooLarge(String),
    /// The token is not, or no longer, what etcd knows; nothing was done.
    Token(Status),
    /// Etcd says no.
    Refused(Status),
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Connects to a member that leads or follows one that does, and shows it the user.
    pub(super) async fn open(
        endpoint: Arc<Endpoint>,
        tls: &EtcdTls,
        credentials: Option<&EtcdCredentials>,
        within: Duration,
    ) -> Result<Self, Unopened> {
        let connection = Connection::open(&endpoint, tls);
        let connection = connection.await.map_err(Unopened::Member)?;
        let mut session = Self {
            endpoint,
            connection,
            token: None,
        };
        match session.check(within).await {
            Ok(true) => {}
            Ok(false) => return Err(Unopened::Leaderless),
            Err(why) => {
                let why = session.refusal(tls).await.unwrap_or(why);
                return Err(Unopened::Member(why));
            }
        }
        if let Some(credentials) = credentials {
            session.token = session.token_of(credentials, within).await?;
        }
        Ok(session)
    }

    /// Whether the member knows a leader: that it is cut off from the others, or stopped, is better
    /// found out now than by a change whose outcome is not known then.
    async fn check(&self, within: Duration) -> Result<bool, String> {
        match self.unary(&STATUS, StatusRequest {}, within).await {
            Ok(status) if status.is_learner => Err("it only learns, and answers nobody".to_owned()),
            Ok(status) => Ok(status.leader != 0),
            Err(Failure::Token(_)) => Ok(true),
            Err(Failure::Refused(status)) if status.code() == Code::PermissionDenied => Ok(true),
            Err(failure) => Err(failure.to_string()),
        }
    }

    /// What the member says against our certificate, which explains why a connection broke.
    async fn refusal(&self, tls: &EtcdTls) -> Option<String> {
        if !self.endpoint.is_tls() || !self.is_closed() {
            return None;
        }
        let refusal = Connection::refusal(&self.endpoint, tls);
        timeout(REFUSAL_WAIT, refusal).await.ok().flatten()
    }

    async fn token_of(
        &self,
        credentials: &EtcdCredentials,
        within: Duration,
    ) -> Result<Option<AsciiMetadataValue>, Unopened> {
        let request = AuthenticateRequest {
            name: credentials.user().to_owned(),
            password: credentials.reveal_password(),
        };
        match self.unary(&AUTHENTICATE, request, within).await {
            Ok(answer) => {
                let token = MetadataValue::try_from(answer.token);
                let mut token = token.map_err(|_| {
                    Unopened::Credentials("its token is no text in ASCII".to_owned())
                })?;
                token.set_sensitive(true);
                Ok(Some(token))
            }
            // Users are not asked for: anyone may come in.
            Err(Failure::Refused(status)) if status.code() == Code::FailedPrecondition => Ok(None),
            Err(Failure::Refused(status)) if status.code() == Code::InvalidArgument => {
                Err(Unopened::Credentials(status.message().to_owned()))
            }
            Err(failure) => Err(Unopened::Member(failure.to_string())),
        }
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(super) fn is_closed(&self) -> bool {
        self.connection.is_closed()
    }

    fn grpc(&self) -> Grpc<Connection> {
        Grpc::with_origin(self.connection.clone(), self.endpoint.origin())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(token) = &self.token {
            request.metadata_mut().insert("token", token.clone());
        }
        request
    }

    /// Asks, and waits for the answer; etcd is told that nobody waits for longer than `within`.
    pub(super) async fn unary<Q, A>(
        &self,
        rpc: &Rpc<Q, A>,
        message: Q,
        within: Duration,
    ) -> Result<A, Failure>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        let mut request = self.request(message);
        // We give up first, so that it is not etcd which says that the time is over.
        request.set_timeout(within + Duration::from_secs(1));
        let path = PathAndQuery::from_static(rpc.path);
        let codec = ProstCodec::<Q, A>::default();
        let answer = self.grpc().unary(request, path, codec).await;
        Ok(answer.map_err(Failure::from)?.into_inner())
    }

    /// Begins a stream of watches.
    pub(super) async fn watch(
        &self,
        requests: impl Stream<Item = WatchRequest> + Send + 'static,
    ) -> Result<Streaming<WatchResponse>, Failure> {
        let mut request = self.request(requests);
        let leader = AsciiMetadataValue::from_static("true");
        // Has a member that is cut off from its leader end the stream, rather than tell nothing.
        request.metadata_mut().insert("hasleader", leader);
        let path = PathAndQuery::from_static(WATCH_PATH);
        let codec = ProstCodec::<WatchRequest, WatchResponse>::default();
        let answer = self.grpc().streaming(request, path, codec).await;
        Ok(answer.map_err(Failure::from)?.into_inner())
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        if let Some(source) = status.source() {
            return match sent_in(source) {
                Some(SendError::NotSent(_)) => Self::NotSent(told(source)),
                _ => Self::Lost(told(source)),
            };
        }
        let (code, message) = (status.code(), status.message());
        match code {
            // The one error that is made here of what was read.
            Code::OutOfRange if message.contains("message length too large") => {
                Self::TooLarge(message.to_owned())
            }
            Code::Unauthenticated => Self::Token(status),
            // Users were changed since the token was given, or are asked for since.
            Code::InvalidArgument
                if message.contains("revision of auth store is old")
                    || message.contains("user name is empty") =>
            {
                Self::Token(status)
            }
            _ => Self::Refused(status),
        }
    }
}

fn sent_in<'a>(mut error: &'a (dyn Error + 'static)) -> Option<&'a SendError> {
    loop {
        match error.downcast_ref::<SendError>() {
            Some(found) => return Some(found),
            None => error = error.source()?,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent(why) | Self::Lost(why) | Self::TooLarge(why) => f.write_str(why),
            Self::Token(status) | Self::Refused(status) => f.write_str(status.message()),
        }
    }
}
