//! The service that turns HTTP requests into write requests and reports into answers.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{WriteProtocol, WriteRequest, WriteSummary};
use crate::body::{ResponseBody, read_body};
use crate::error::{BoxError, RequestFault, WriteError};
use crate::inflight::{InflightBytes, Sender};
use crate::limits::Limits;
use crate::negotiate::{check_encoding, check_length, check_method, write_protocol};
use crate::status::{nothing_written, write_fault, write_summary};

/// Receives remote write 1.0 and 2.0. What can be told without decoding is decided here; decoding and
/// storing is up to the inner service, which should move it off the network's threads.
///
/// It is always ready: a request that is refused by its headers does not need the store, and one
/// whose body was read waits for the inner service under its byte permit.
#[derive(Clone, Debug)]
pub struct RemoteWrite<S> {
    inner: S,
    limits: Limits,
    inflight: InflightBytes,
}

impl<S> RemoteWrite<S> {
    /// Around `inner`, with a budget of bytes that may be shared.
    pub fn new(inner: S, limits: Limits, inflight: InflightBytes) -> Self {
        Self {
            inner,
            limits,
            inflight,
        }
    }
}

impl<S, B> Service<Request<B>> for RemoteWrite<S>
where
    S: Service<WriteRequest, Response = WriteSummary> + Clone + Send + 'static,
    S::Error: Into<WriteError>,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = WriteFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> WriteFuture {
        let Self {
            inner,
            limits,
            inflight,
        } = self.clone();
        WriteFuture {
            answer: Box::pin(async move {
                let protocol = match negotiate(&request) {
                    Ok(protocol) => protocol,
                    Err(fault) => return write_fault(&fault.into(), &limits),
                };
                match serve(inner, &limits, &inflight, protocol, request).await {
                    Ok(summary) => write_summary(summary),
                    Err(error) => nothing_written(write_fault(&error, &limits), protocol),
                }
            }),
        }
    }
}

/// Judges a request by its method and headers alone.
fn negotiate<B>(request: &Request<B>) -> Result<WriteProtocol, RequestFault> {
    check_method(request.method())?;
    check_encoding(request.headers())?;
    write_protocol(request.headers())
}

async fn serve<S, B>(
    mut inner: S,
    limits: &Limits,
    inflight: &InflightBytes,
    protocol: WriteProtocol,
    request: Request<B>,
) -> Result<WriteSummary, WriteError>
where
    S: Service<WriteRequest, Response = WriteSummary>,
    S::Error: Into<WriteError>,
    B: Body,
    B::Error: Into<BoxError>,
{
    let (parts, body) = request.into_parts();
    let announced = check_length(&parts.headers, limits.max_compressed_bytes)?;
    let sender = parts.extensions.get::<Sender>();
    let permit = inflight.try_acquire_for(sender, announced as u64)?;
    let body = read_body(body, limits.max_compressed_bytes, &permit).await?;
    let request = WriteRequest::new(parts, body, limits.max_decoded_bytes, permit)?;
    let request = request.speaking(protocol);
    poll_fn(|context| inner.poll_ready(context))
        .await
        .map_err(Into::into)?;
    inner.call(request).await.map_err(Into::into)
}

/// The answer of a [`RemoteWrite`].
pub struct WriteFuture {
    answer: Pin<Box<dyn Future<Output = Response<ResponseBody>> + Send>>,
}

impl fmt::Debug for WriteFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteFuture").finish_non_exhaustive()
    }
}

impl Future for WriteFuture {
    type Output = Result<Response<ResponseBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.answer.as_mut().poll(context).map(Ok)
    }
}
