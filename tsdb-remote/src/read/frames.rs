//! The bounded way of an answer from the thread that reads to the connection that sends.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;

use super::ResponseType;
use super::gate::Turn;
use crate::error::ReadError;
use crate::inflight::BytePermit;

/// A channel that holds about `capacity` bytes; a sender that finds it full for longer than
/// `stall` gives up.
pub(crate) fn channel(capacity: usize, stall: Duration) -> (FrameSender, FrameReceiver) {
    let shared = Arc::new(Shared {
        state: Mutex::default(),
        room: Condvar::new(),
    });
    (
        FrameSender {
            shared: Arc::clone(&shared),
            capacity,
            stall,
        },
        FrameReceiver { shared },
    )
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Signalled when the receiver took a frame or went away.
    room: Condvar,
}

/// What is told of an answer before its first frame.
#[derive(Debug)]
pub(crate) struct Head {
    /// Its form.
    pub(crate) form: ResponseType,
    /// What the store says of it.
    pub(crate) headers: HeaderMap,
}

#[derive(Debug, Default)]
struct State {
    head: Option<Head>,
    frames: VecDeque<Bytes>,
    queued_bytes: usize,
    /// Whether the sender reached the end of the answer.
    finished: bool,
    sender_gone: bool,
    receiver_gone: bool,
    waker: Option<Waker>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, then wakes the receiver.
    fn update(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// The end at which the thread that reads puts frames in.
#[derive(Debug)]
pub(crate) struct FrameSender {
    shared: Arc<Shared>,
    capacity: usize,
    stall: Duration,
}

impl FrameSender {
    /// Says which form the answer has and what headers, before its first frame.
    pub(crate) fn begin(&self, form: ResponseType, headers: HeaderMap) {
        let head = Some(Head { form, headers });
        self.shared.update(|state| state.head = head);
    }

    /// Puts a frame in, waiting for room.
    pub(crate) fn send(&self, frame: Bytes) -> Result<(), ReadError> {
        let full = |state: &mut State| {
            let room = self.capacity.saturating_sub(state.queued_bytes);
            !state.receiver_gone && !state.frames.is_empty() && frame.len() > room
        };
        let state = self.shared.lock();
        let (state, waited) = self
            .shared
            .room
            .wait_timeout_while(state, self.stall, full)
            .unwrap_or_else(PoisonError::into_inner);
        if state.receiver_gone {
            return Err(ReadError::Disconnected);
        }
        if waited.timed_out() {
            return Err(ReadError::Stalled(self.stall));
        }
        drop(state);
        self.shared.update(|state| {
            state.queued_bytes += frame.len();
            state.frames.push_back(frame);
        });
        Ok(())
    }

    /// Says that the answer is complete.
    pub(crate) fn finish(&self) {
        self.shared.update(|state| state.finished = true);
    }
}

impl Drop for FrameSender {
    fn drop(&mut self) {
        self.shared.update(|state| state.sender_gone = true);
    }
}

/// The end at which the connection takes frames out.
#[derive(Debug)]
pub(crate) struct FrameReceiver {
    shared: Arc<Shared>,
}

/// What the receiver found.
enum Received {
    Frame(Bytes),
    Pending,
    Finished,
    /// The sender went away before the end.
    Cut,
}

impl FrameReceiver {
    fn poll(&self, context: &Context<'_>) -> Received {
        let mut state = self.shared.lock();
        if let Some(frame) = state.frames.pop_front() {
            state.queued_bytes -= frame.len();
            drop(state);
            self.shared.room.notify_all();
            return Received::Frame(frame);
        }
        if state.sender_gone {
            return if state.finished {
                Received::Finished
            } else {
                Received::Cut
            };
        }
        state.waker = Some(context.waker().clone());
        Received::Pending
    }

    /// The head of the answer, once there is something to send or the answer is complete; `None`
    /// when the sender went away before that.
    fn poll_head(&self, context: &Context<'_>) -> Poll<Option<Head>> {
        let mut state = self.shared.lock();
        if !state.frames.is_empty() || state.finished {
            return Poll::Ready(state.head.take());
        }
        if state.sender_gone {
            return Poll::Ready(None);
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for FrameReceiver {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.receiver_gone = true;
        state.frames.clear();
        drop(state);
        self.shared.room.notify_all();
    }
}

/// What a read holds until its thread is done and its answer sent.
#[derive(Debug)]
pub(crate) struct Held {
    /// Memory of an answer that is made as a whole.
    pub(crate) answer: BytePermit,
    pub(crate) _turn: Turn,
}

/// The inner service at work.
type Work = Pin<Box<dyn Future<Output = Result<(), ReadError>> + Send>>;

/// The body of an answer to a remote read, made while it is sent. It drives the inner service's
/// future, whose failure becomes the body's.
pub struct ReadBody {
    receiver: FrameReceiver,
    work: Option<Work>,
    failure: Option<ReadError>,
    ended: bool,
    _held: Arc<Held>,
}

impl fmt::Debug for ReadBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadBody")
            .field("receiver", &self.receiver)
            .finish_non_exhaustive()
    }
}

impl ReadBody {
    pub(crate) fn new(
        receiver: FrameReceiver,
        work: impl Future<Output = Result<(), ReadError>> + Send + 'static,
        held: Arc<Held>,
    ) -> Self {
        let work = Some(Box::pin(work) as Work);
        Self {
            receiver,
            work,
            failure: None,
            ended: false,
            _held: held,
        }
    }

    fn poll_work(&mut self, context: &mut Context<'_>) {
        if let Some(work) = &mut self.work
            && let Poll::Ready(outcome) = work.as_mut().poll(context)
        {
            self.work = None;
            self.failure = outcome.err();
        }
    }

    /// The head of the answer, or why there is none.
    pub(crate) fn poll_head(&mut self, context: &mut Context<'_>) -> Poll<Result<Head, ReadError>> {
        self.poll_work(context);
        match self.receiver.poll_head(context) {
            Poll::Ready(Some(head)) if self.failure.is_none() => Poll::Ready(Ok(head)),
            Poll::Ready(None) if self.failure.is_none() && self.work.is_none() => {
                Poll::Ready(Err(unanswered()))
            }
            Poll::Ready(_) | Poll::Pending => match self.failure.take() {
                Some(failure) => Poll::Ready(Err(failure)),
                None => Poll::Pending,
            },
        }
    }

    /// The next bytes to send.
    pub(crate) fn poll_bytes(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, ReadError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        self.poll_work(context);
        let next = match self.receiver.poll(context) {
            Received::Frame(frame) => return Poll::Ready(Some(Ok(frame))),
            Received::Pending => self.failure.take(),
            Received::Finished | Received::Cut if self.work.is_some() => None,
            Received::Finished => {
                self.ended = true;
                return Poll::Ready(self.failure.take().map(Err));
            }
            Received::Cut => Some(self.failure.take().unwrap_or_else(unanswered)),
        };
        match next {
            Some(failure) => {
                self.ended = true;
                Poll::Ready(Some(Err(failure)))
            }
            None => Poll::Pending,
        }
    }
}

fn unanswered() -> ReadError {
    ReadError::Internal("the store dropped the read before its end".into())
}
