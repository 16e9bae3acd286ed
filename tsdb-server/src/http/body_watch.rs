//! Bodies that stall, and bodies that a handler does not read to their end.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::time::{Sleep, sleep};

/// Most bytes read and thrown away.
const MAX_BYTES: usize = 256 << 20;
/// How long a client may send nothing before its request is given up: what it holds of the
/// budget of bytes in flight is not its own.
const STALL: Duration = Duration::from_secs(60);
/// Longest time for throwing a body away.
const WITHIN: Duration = Duration::from_secs(5);

/// Gives a stalled body up, and makes the rest of the request's body be read when the handler drops it. A connection closed
/// on unread bytes is reset, and the client may lose the answer that tells it what is wrong.
pub(crate) fn watch_body(request: Request) -> Request {
    request.map(|body| {
        Body::new(Watched {
            body: Some(body),
            stalled: None,
        })
    })
}

struct Watched {
    body: Option<Body>,
    /// Runs while the client is waited for.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        if let Poll::Ready(frame) = Pin::new(body).poll_frame(context) {
            self.stalled = None;
            return Poll::Ready(frame);
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(STALL)));
        ready!(stalled.as_mut().poll(context));
        self.body = None;
        let text = format!("the client sent nothing for {} s", STALL.as_secs());
        Poll::Ready(Some(Err(axum::Error::new(io::Error::new(
            io::ErrorKind::TimedOut,
            text,
        )))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(SizeHint::default, HttpBody::size_hint)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) else {
            return;
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(tokio::time::timeout(WITHIN, drain(body)));
        }
    }
}

async fn drain(mut body: Body) {
    let mut left = MAX_BYTES;
    while let Some(Ok(frame)) = body.frame().await {
        match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream::{StreamExt, once, pending};
    use http_body_util::BodyExt;
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_that_stalls_is_given_up() {
        let first = once(std::future::ready(Ok::<_, io::Error>(Bytes::from_static(
            b"first",
        ))));
        let request = Request::new(Body::from_stream(first.chain(pending())));
        let mut body = watch_body(request).into_body();
        let started = Instant::now();
        let frame = body.frame().await.expect("a frame").expect("no error");
        assert_eq!(frame.into_data().ok().as_deref(), Some(&b"first"[..]));
        assert_eq!(started.elapsed(), Duration::ZERO);
        let error = body.frame().await.expect("an end").expect_err("an error");
        assert!(
            error.to_string().contains("sent nothing for 60 s"),
            "{error}"
        );
        assert!(started.elapsed() >= STALL);
        assert!(body.frame().await.is_none());
    }

    #[tokio::test]
    async fn what_is_not_read_is_drained() {
        let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
        let stream = futures_util::stream::unfold(receiver, async |mut receiver| {
            let piece = receiver.recv().await?;
            Some((Ok::<_, io::Error>(piece), receiver))
        });
        drop(watch_body(Request::new(Body::from_stream(stream))));
        for _ in 0..10 {
            sender
                .send(Bytes::from_static(b"unread"))
                .await
                .expect("somebody still reads");
        }
    }
}
