//! Messages in bodies: each with its length, 4 bytes little-endian, before it.

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;

use bytes::{Buf as _, Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Body, Frame};
use prost::Message as _;
use tsdb_cluster::wire::messages::NodeMessage;

use super::RpcFigures;
use crate::told::told;

/// Bytes of a length.
const LENGTH_BYTES: usize = 4;

/// A body that is sent.
pub(super) type Outgoing = UnsyncBoxBody<Bytes, Infallible>;

/// Why no message could be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum FrameError {
    #[error("a message of {bytes} bytes is longer than the limit of {limit}")]
    TooLong { bytes: usize, limit: usize },
    #[error("the body ended in the middle of a message")]
    Cut,
    #[error("{0}")]
    Broken(String),
}

/// A message with its length before it.
pub(super) fn framed<M: NodeMessage>(message: M) -> Bytes {
    let proto = message.into_proto();
    let len = proto.encoded_len();
    let mut bytes = Vec::with_capacity(LENGTH_BYTES + len);
    bytes.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes());
    bytes.append(&mut proto.encode_to_vec());
    bytes.into()
}

/// A body of one message.
pub(super) fn whole(message: Bytes) -> Outgoing {
    Full::new(message).boxed_unsync()
}

/// A body of messages that come by and by.
pub(super) fn streamed(messages: impl Stream<Item = Bytes> + Send + 'static) -> Outgoing {
    StreamBody::new(messages.map(|message| Ok(Frame::data(message)))).boxed_unsync()
}

/// Takes messages out of a body.
#[derive(Debug)]
pub(super) struct MessageReader<B> {
    body: B,
    buffer: BytesMut,
    limit: usize,
    figures: Arc<RpcFigures>,
}

impl<B> MessageReader<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Error + 'static,
{
    /// Takes messages of at most `limit` bytes.
    pub(super) fn new(body: B, limit: usize, figures: &Arc<RpcFigures>) -> Self {
        Self {
            body,
            buffer: BytesMut::new(),
            limit,
            figures: Arc::clone(figures),
        }
    }

    /// The next message; `None` where the body ends behind one. Nothing is lost when it is dropped.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, FrameError> {
        loop {
            if let Some(message) = self.take()? {
                return Ok(Some(message));
            }
            let frame = match self.body.frame().await {
                None if self.buffer.is_empty() => return Ok(None),
                None => return Err(FrameError::Cut),
                Some(frame) => frame.map_err(|error| FrameError::Broken(told(&error)))?,
            };
            if let Ok(data) = frame.into_data() {
                self.figures.received(data.len());
                self.buffer.extend_from_slice(&data);
            }
        }
    }

    fn take(&mut self) -> Result<Option<Bytes>, FrameError> {
        let Some(length) = self.buffer.first_chunk::<LENGTH_BYTES>() else {
            return Ok(None);
        };
        let bytes = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let limit = self.limit;
        if bytes > limit {
            return Err(FrameError::TooLong { bytes, limit });
        }
        if self.buffer.len() < LENGTH_BYTES + bytes {
            return Ok(None);
        }
        self.buffer.advance(LENGTH_BYTES);
        Ok(Some(self.buffer.split_to(bytes).freeze()))
    }
}
