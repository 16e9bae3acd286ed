//! Answers made piece by piece, for clients that take them in time.

use std::future::ready;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream::{StreamExt, once, unfold};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;

use crate::store::StoreError;

/// How long a client may take nothing before its answer is given up: others wait for its turn.
const STALL: Duration = Duration::from_secs(60);

/// A piece of an answer and what makes those behind it; `None` at the end.
pub(super) type Piece<S> = Option<(Bytes, S)>;

/// What goes from the task that makes pieces to the connection.
enum Message {
    Piece(Bytes),
    /// The answer is complete. A channel closed without it is an answer cut off.
    End,
}

/// An answer that begins with `first`. `next` makes a piece when there is room for it; when it
/// fails, or the client stalls, the connection is aborted, so that a part is not taken for the whole.
pub(super) fn streamed<S, F>(first: Bytes, state: S, next: impl Fn(S) -> F + Send + 'static) -> Body
where
    S: Send + 'static,
    F: Future<Output = Result<Piece<S>, StoreError>> + Send,
{
    let (sender, receiver) = channel(1);
    tokio::spawn(async move {
        if let Err(reason) = make(&sender, state, next).await {
            tracing::warn!(reason, "an answer was cut off");
        }
    });
    let rest = unfold(Some(receiver), receive);
    Body::from_stream(once(ready(Ok(first))).chain(rest))
}

async fn make<S, F>(
    sender: &Sender<Message>,
    mut state: S,
    next: impl Fn(S) -> F,
) -> Result<(), String>
where
    F: Future<Output = Result<Piece<S>, StoreError>>,
{
    loop {
        // Room comes first, so that nothing is made for a client that takes nothing.
        let room = match timeout(STALL, sender.reserve()).await {
            Ok(Ok(room)) => room,
            Ok(Err(_)) => return Ok(()),
            Err(_) => return Err(format!("the client took nothing for {} s", STALL.as_secs())),
        };
        match next(state).await.map_err(|error| error.to_string())? {
            Some((piece, behind)) => {
                state = behind;
                room.send(Message::Piece(piece));
            }
            None => {
                room.send(Message::End);
                return Ok(());
            }
        }
    }
}

type Received = Option<(Result<Bytes, CutOff>, Option<Receiver<Message>>)>;

async fn receive(receiver: Option<Receiver<Message>>) -> Received {
    let mut receiver = receiver?;
    match receiver.recv().await {
        Some(Message::Piece(piece)) => Some((Ok(piece), Some(receiver))),
        Some(Message::End) => None,
        None => Some((Err(CutOff), None)),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the answer was cut off: see the server's log")]
struct CutOff;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http_body_util::BodyExt;

    use super::*;

    /// Counts down; fails at zero if told to.
    async fn count_down(
        (left, fails, kept): (u32, bool, Arc<()>),
    ) -> Result<Piece<(u32, bool, Arc<()>)>, StoreError> {
        match (left, fails) {
            (0, true) => Err(StoreError::Lost),
            (0, false) => Ok(None),
            _ => Ok(Some((
                Bytes::from(format!("{left} ")),
                (left - 1, fails, kept),
            ))),
        }
    }

    #[tokio::test]
    async fn pieces_come_in_order_to_the_end() {
        let body = streamed(
            Bytes::from_static(b"4 "),
            (3, false, Arc::new(())),
            count_down,
        );
        let whole = body.collect().await.expect("no error").to_bytes();
        assert_eq!(whole, "4 3 2 1 ");
    }

    #[tokio::test]
    async fn a_failure_is_no_end() {
        let mut body = streamed(
            Bytes::from_static(b"3 "),
            (2, true, Arc::new(())),
            count_down,
        );
        for piece in ["3 ", "2 ", "1 "] {
            let frame = body.frame().await.expect("a frame").expect("no error");
            assert_eq!(frame.into_data().ok().as_deref(), Some(piece.as_bytes()));
        }
        assert!(body.frame().await.expect("an error").is_err());
        assert!(body.frame().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_given_up() {
        let held = Arc::new(());
        let mut body = streamed(Bytes::new(), (1000, false, Arc::clone(&held)), count_down);
        // Time passes only while every task waits.
        tokio::time::sleep(STALL * 2).await;
        assert_eq!(Arc::strong_count(&held), 1, "what it held is free again");
        let mut last = None;
        while let Some(frame) = body.frame().await {
            last = Some(frame);
        }
        assert!(
            last.expect("frames").is_err(),
            "an answer cut off must not end as if complete"
        );
    }
}
