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

#[cfg(test)]
mod tests {
    use std::io;

    use tsdb_cluster::wire::messages::{DeleteReply, NodeMessage as _};

    use super::*;

    type Body =
        StreamBody<futures_util::stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, io::Error>>>>;

    /// A reader of a body that comes in pieces of so many bytes.
    fn reader(bytes: &[u8], piece: usize, limit: usize) -> MessageReader<Body> {
        let pieces = bytes.chunks(piece).map(Bytes::copy_from_slice);
        let frames: Vec<_> = pieces.map(|piece| Ok(Frame::data(piece))).collect();
        let body = StreamBody::new(futures_util::stream::iter(frames));
        MessageReader::new(body, limit, &Arc::default())
    }

    async fn all(mut reader: MessageReader<Body>) -> Result<Vec<Bytes>, FrameError> {
        let mut messages = Vec::new();
        while let Some(message) = reader.next().await? {
            messages.push(message);
        }
        Ok(messages)
    }

    fn three() -> Vec<u8> {
        let one = |applied| framed(DeleteReply { applied });
        [one(1), one(0), one(u64::MAX)].concat()
    }

    #[tokio::test]
    async fn messages_come_whole_however_their_bytes_come() {
        let bytes = three();
        for piece in 1..=bytes.len() {
            let messages = all(reader(&bytes, piece, 64)).await.expect("messages");
            let read = |message: Bytes| DeleteReply::decode(message).expect("ours").applied;
            let read: Vec<_> = messages.into_iter().map(read).collect();
            assert_eq!(read, [1, 0, u64::MAX]);
        }
    }

    #[tokio::test]
    async fn what_is_cut_or_damaged_or_too_long_is_an_error_or_other_messages() {
        let bytes = three();
        let ends = [0, 6, 10, bytes.len()];
        for len in 0..bytes.len() {
            let cut = all(reader(&bytes[..len], 3, 64)).await;
            assert_eq!(cut.is_ok(), ends.contains(&len), "{len}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            if let Ok(messages) = all(reader(&damaged, 7, 64)).await {
                let len: usize = messages.iter().map(|one| LENGTH_BYTES + one.len()).sum();
                assert_eq!(len, bytes.len(), "each byte is of one message");
            }
        }
        let long = [u32::MAX.to_le_bytes().as_slice(), &bytes].concat();
        let error = all(reader(&long, 100, 64)).await.expect_err("too long");
        let text = "a message of 4294967295 bytes is longer than the limit of 64";
        assert_eq!(error.to_string(), text);
    }

    #[tokio::test]
    async fn a_body_that_breaks_is_no_end() {
        let pieces = vec![
            Ok(Frame::data(framed(DeleteReply { applied: 1 }))),
            Err(io::Error::other("the connection broke")),
        ];
        let body = StreamBody::new(futures_util::stream::iter(pieces));
        let error = all(MessageReader::new(body, 64, &Arc::default())).await;
        assert!(matches!(error, Err(FrameError::Broken(why)) if why.contains("broke")));
    }
}
