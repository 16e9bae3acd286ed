//! The service that turns HTTP requests into reads of a store.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::frames::{Held, ReadBody, channel};
use super::gate::Gate;
use super::{ReadRequest, ResponseType};
use crate::body::{ResponseBody, read_body};
use crate::error::{BoxError, ReadError};
use crate::inflight::InflightBytes;
use crate::limits::Limits;
use crate::negotiate::{
    PROTOBUF, STREAMED, check_encoding, check_length, check_method, check_read_type,
};
use crate::status::read_fault;

/// Answers remote read. The inner service is given a [`ReadRequest`], calls
/// [`ReadRequest::answer`] on a thread that may block, and gives back what that returns; it
/// should do so only when the thread is done with it.
///
/// The answer starts with its first frame. An error after that fails the body, so that the
/// connection is aborted and the client does not take a part for the whole.
#[derive(Clone, Debug)]
pub struct RemoteRead<S> {
    inner: S,
    limits: Limits,
    inflight: InflightBytes,
    answers: InflightBytes,
    gate: Gate,
}

impl<S> RemoteRead<S> {
    pub(crate) fn new(
        inner: S,
        limits: Limits,
        inflight: InflightBytes,
        answers: InflightBytes,
        gate: Gate,
    ) -> Self {
        Self {
            inner,
            limits,
            inflight,
            answers,
            gate,
        }
    }
}

impl<S, B> Service<Request<B>> for RemoteRead<S>
where
    S: Service<ReadRequest, Response = ()> + Clone + Send + 'static,
    S::Error: Into<ReadError>,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = ReadFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ReadFuture {
        let service = self.clone();
        let limits = self.limits.clone();
        ReadFuture {
            answer: Box::pin(async move {
                serve(service, request)
                    .await
                    .unwrap_or_else(|error| read_fault(&error, &limits))
            }),
        }
    }
}

async fn serve<S, B>(
    service: RemoteRead<S>,
    request: Request<B>,
) -> Result<Response<ResponseBody>, ReadError>
where
    S: Service<ReadRequest, Response = ()>,
    S::Error: Into<ReadError>,
    S::Future: Send + 'static,
    B: Body,
    B::Error: Into<BoxError>,
{
    let RemoteRead {
        mut inner,
        limits,
        inflight,
        answers,
        gate,
    } = service;
    let (parts, body) = request.into_parts();
    check_method(&parts.method)?;
    check_encoding(&parts.headers)?;
    check_read_type(&parts.headers)?;
    let announced = check_length(&parts.headers, limits.max_compressed_bytes)?;
    let held = Arc::new(Held {
        _turn: gate.turn().await?,
        answer: answers.try_acquire(0)?,
    });
    let permit = inflight.try_acquire(announced as u64)?;
    let body = read_body(body, limits.max_compressed_bytes, &permit).await?;
    poll_fn(|context| inner.poll_ready(context))
        .await
        .map_err(Into::into)?;
    let (frames, receiver) = channel(limits.read_buffer_bytes, limits.read_stall);
    let work = inner.call(ReadRequest {
        parts,
        body,
        limits,
        permit,
        frames,
        held: Arc::clone(&held),
    });
    let work = async move { work.await.map_err(Into::into) };
    let mut body = ReadBody::new(receiver, work, held);
    let head = poll_fn(|context| body.poll_head(context)).await?;
    let mut response = Response::new(ResponseBody::stream(body));
    let headers = response.headers_mut();
    headers.extend(head.headers);
    match head.form {
        ResponseType::Samples => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROTOBUF));
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("snappy"));
        }
        ResponseType::StreamedXorChunks => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(STREAMED));
        }
    }
    Ok(response)
}

/// The answer of a [`RemoteRead`].
pub struct ReadFuture {
    answer: Pin<Box<dyn Future<Output = Response<ResponseBody>> + Send>>,
}

impl fmt::Debug for ReadFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadFuture").finish_non_exhaustive()
    }
}

impl Future for ReadFuture {
    type Output = Result<Response<ResponseBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.answer.as_mut().poll(context).map(Ok)
    }
}
