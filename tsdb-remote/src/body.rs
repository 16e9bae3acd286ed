//! Bodies: reading one under a limit, and the one type of body that all answers have.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};

use crate::error::{BoxError, ReadError, RequestFault};
use crate::inflight::BytePermit;
use crate::read::ReadBody;

/// Reads a whole body of at most `limit` bytes. What the permit does not hold yet is taken as it
/// arrives.
pub(crate) async fn read_body<B>(
    body: B,
    limit: usize,
    permit: &BytePermit,
) -> Result<Bytes, RequestFault>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let mut body = pin!(body);
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    let mut len = 0;
    while let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
        let frame = frame.map_err(|error| RequestFault::Body(error.into()))?;
        let Ok(mut data) = frame.into_data() else {
            continue;
        };
        let chunk = bytes::Buf::remaining(&data);
        len += chunk;
        if len > limit {
            return Err(RequestFault::TooLarge { limit });
        }
        permit.grow((len as u64).saturating_sub(permit.held()))?;
        let bytes = bytes::Buf::copy_to_bytes(&mut data, chunk);
        if first.is_empty() {
            first = bytes;
        } else {
            if all.is_empty() {
                all.extend_from_slice(&first);
            }
            all.extend_from_slice(&bytes);
        }
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

/// The body of an answer: nothing, a text, a message, or the frames of a streamed read.
#[derive(Debug)]
pub struct ResponseBody {
    content: Content,
}

#[derive(Debug)]
enum Content {
    Whole(Option<Bytes>),
    Stream(ReadBody),
}

impl ResponseBody {
    /// A body known as a whole.
    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        Self {
            content: Content::Whole(Some(bytes.into()).filter(|bytes| !bytes.is_empty())),
        }
    }

    /// A body that is still being made.
    pub(crate) fn stream(frames: ReadBody) -> Self {
        Self {
            content: Content::Stream(frames),
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    /// A read that fails after its first frame; the connection must then be aborted, because the
    /// client would otherwise take what it got for everything.
    type Error = ReadError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ReadError>>> {
        match &mut self.content {
            Content::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Content::Stream(frames) => frames
                .poll_bytes(context)
                .map(|next| next.map(|bytes| bytes.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.content, Content::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Content::Stream(_) => SizeHint::default(),
        }
    }
}
