//! The answer to a read.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use tsdb_cluster::message::{Found, FoundStream, NodeError, ReadReply};
use tsdb_cluster::wire::SeriesFrameWriter;
use tsdb_cluster::wire::messages::{SelectLast, SelectReply, Verdict};

use crate::rpc::RpcFigures;
use crate::rpc::frames::{Outgoing, framed, streamed};

/// About how many bytes of texts go into one message.
const TEXT_BYTES: usize = 256 << 10;
/// Series with exemplars, or metrics, of one message.
const BESIDE_AT_A_TIME: usize = 256;

/// What was found, on its way. Dropped with the call, and what it reads with it.
struct Answer {
    found: FoundStream,
    ready: VecDeque<SelectReply>,
    writer: SeriesFrameWriter,
    last: SelectLast,
    has_ended: bool,
    figures: Arc<RpcFigures>,
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.figures.read_ends();
    }
}

/// A body that has `reply` first and then what is found.
pub(super) fn body(reply: ReadReply, found: FoundStream, figures: &Arc<RpcFigures>) -> Outgoing {
    figures.read_begins();
    let answer = Answer {
        found,
        ready: VecDeque::from([SelectReply::First(reply)]),
        writer: SeriesFrameWriter::new(),
        last: SelectLast {
            series: 0,
            samples: 0,
            truncated: false,
        },
        has_ended: false,
        figures: Arc::clone(figures),
    };
    streamed(stream::unfold(answer, |mut answer| async move {
        let message = answer.next().await?;
        Some((message, answer))
    }))
}

impl Answer {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(reply) = self.ready.pop_front() {
                let message = framed(reply);
                self.figures.sent(message.len());
                return Some(message);
            }
            if self.has_ended {
                return None;
            }
            let put = match self.found.next().await {
                Some(Ok(piece)) => self.put(piece),
                Some(Err(error)) => Err(error),
                None => {
                    self.has_ended = true;
                    self.ready.push_back(SelectReply::Last(self.last));
                    Ok(())
                }
            };
            if let Err(error) = put {
                self.has_ended = true;
                self.ready.clear();
                self.ready
                    .push_back(SelectReply::Failed(Verdict::from(error)));
            }
        }
    }

    /// Makes messages of a piece.
    fn put(&mut self, piece: Vec<Found>) -> Result<(), NodeError> {
        let (mut texts, mut text_bytes) = (Vec::new(), 0);
        let (mut exemplars, mut metadata) = (Vec::new(), Vec::new());
        for one in piece {
            self.last.series += 1;
            match one {
                Found::Series(labels, chunks) => {
                    let samples = chunks.iter().map(|chunk| u64::from(chunk.count));
                    self.last.samples += samples.sum::<u64>();
                    let ready = &mut self.ready;
                    let mut full = |frame: Vec<u8>| {
                        ready.push_back(SelectReply::Series(frame.into()));
                    };
                    let pushed = self.writer.push(&labels, &chunks, &mut full);
                    pushed.map_err(|error| NodeError::Limit(error.to_string()))?;
                }
                Found::Text(text) => {
                    text_bytes += text.len();
                    texts.push(text.as_ref().to_owned());
                    if text_bytes >= TEXT_BYTES {
                        let full = std::mem::take(&mut texts);
                        self.ready.push_back(SelectReply::Texts(full));
                        text_bytes = 0;
                    }
                }
                Found::Exemplars(series) => {
                    exemplars.push(series);
                    if exemplars.len() == BESIDE_AT_A_TIME {
                        let full = std::mem::take(&mut exemplars);
                        self.ready.push_back(SelectReply::Exemplars(full));
                    }
                }
                Found::Metadata(one) => {
                    metadata.push(one);
                    if metadata.len() == BESIDE_AT_A_TIME {
                        let full = std::mem::take(&mut metadata);
                        self.ready.push_back(SelectReply::Metadata(full));
                    }
                }
            }
        }
        if !exemplars.is_empty() {
            self.ready.push_back(SelectReply::Exemplars(exemplars));
        }
        if !metadata.is_empty() {
            self.ready.push_back(SelectReply::Metadata(metadata));
        }
        if !texts.is_empty() {
            self.ready.push_back(SelectReply::Texts(texts));
        }
        // A piece is about as large as a frame, and may be read while the next is found.
        let rest = self.writer.finish();
        self.ready
            .extend(rest.map(|frame| SelectReply::Series(frame.into())));
        Ok(())
    }
}
