//! A read: what comes first, then a stream of what was found.

use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use hyper::body::Incoming;
use tokio::time::timeout;
use tsdb_cluster::message::{Found, FoundStream, NodeError, ReadReply, ReadRequest};
use tsdb_cluster::wire::messages::{NodeMessage as _, SelectLast, SelectOrder, SelectReply};
use tsdb_cluster::wire::{SeriesFrameReader, SeriesPart, WireError};
use tsdb_core::{ChunkPart, Labels};

use super::calls::{Calls, broken};
use super::rpc_client::Context;
use crate::rpc::Call;
use crate::rpc::frames::{MessageReader, framed};

/// An answer under way. Dropping it cancels the call, and what the node reads for it.
struct Reading {
    context: Arc<Context>,
    messages: MessageReader<Incoming>,
    order: SelectOrder,
    /// A series that goes on in the next frame.
    begun: Option<(Labels, Vec<ChunkPart>)>,
    /// What came, to be compared with what the node says that it sent.
    came: SelectLast,
}

/// Asks, and waits for what comes first.
pub(super) async fn begin(
    calls: &Calls,
    request: ReadRequest,
) -> Result<(ReadReply, FoundStream), NodeError> {
    let messages = calls.begin(Call::Read, framed(request)).await?;
    let mut reading = Reading {
        context: Arc::clone(&calls.context),
        messages,
        order: SelectOrder::new(),
        begun: None,
        came: SelectLast {
            series: 0,
            samples: 0,
            truncated: false,
        },
    };
    let first = match reading.message().await? {
        SelectReply::First(first) => first,
        SelectReply::Failed(verdict) => return Err(verdict.into_error()),
        // The order lets nothing else come first.
        _ => return Err(NodeError::Failed("the answer has no beginning".to_owned())),
    };
    let pieces = stream::try_unfold(Some(reading), |reading| async move {
        let Some(mut reading) = reading else {
            return Ok(None);
        };
        let piece = reading.piece().await?;
        Ok(piece.map(|piece| (piece, Some(reading))))
    });
    Ok((first, pieces.boxed()))
}

impl Reading {
    /// The next message.
    async fn message(&mut self) -> Result<SelectReply, NodeError> {
        let next = timeout(self.context.options.deadline, self.messages.next()).await;
        let next = next.map_err(|_| self.context.no_answer(Call::Read))?;
        let next = next.map_err(|error| broken(&error))?;
        let cut = || NodeError::Unreachable(WireError::Incomplete.to_string());
        let reply = SelectReply::decode(next.ok_or_else(cut)?).map_err(|error| wrong(&error))?;
        self.order.check(&reply).map_err(|error| wrong(&error))?;
        Ok(reply)
    }

    /// The next piece; `None` behind the last.
    async fn piece(&mut self) -> Result<Option<Vec<Found>>, NodeError> {
        loop {
            let piece = match self.message().await? {
                SelectReply::Series(frame) => self.series(&frame)?,
                SelectReply::Texts(texts) => {
                    self.came.series += texts.len() as u64;
                    let text = |text: String| Found::Text(text.into());
                    texts.into_iter().map(text).collect()
                }
                SelectReply::Exemplars(series) => {
                    self.came.series += series.len() as u64;
                    series.into_iter().map(Found::Exemplars).collect()
                }
                SelectReply::Metadata(families) => {
                    self.came.series += families.len() as u64;
                    families.into_iter().map(Found::Metadata).collect()
                }
                SelectReply::Last(last) => return self.end(last).map(|()| None),
                SelectReply::Failed(verdict) => return Err(verdict.into_error()),
                SelectReply::First(_) => Vec::new(),
            };
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
    }

    /// The series of a frame, but for one that goes on.
    fn series(&mut self, frame: &[u8]) -> Result<Vec<Found>, NodeError> {
        let mut reader = SeriesFrameReader::new(frame).map_err(|error| wrong(&error))?;
        let mut piece = Vec::new();
        while let Some(part) = reader.next_series().map_err(|error| wrong(&error))? {
            let SeriesPart {
                labels,
                mut chunks,
                continues,
            } = part;
            let samples = chunks.iter().map(|chunk| u64::from(chunk.count));
            self.came.samples += samples.sum::<u64>();
            let all = match self.begun.take() {
                None => chunks,
                Some((begun, mut before)) if begun == labels => {
                    before.append(&mut chunks);
                    before
                }
                Some((begun, _)) => {
                    let why = format!("{begun} was to go on, and {labels} came");
                    return Err(NodeError::Failed(why));
                }
            };
            match continues {
                true => self.begun = Some((labels, all)),
                false => {
                    self.came.series += 1;
                    piece.push(Found::Series(labels, all));
                }
            }
        }
        Ok(piece)
    }

    /// Whether all came that was sent.
    fn end(&self, last: SelectLast) -> Result<(), NodeError> {
        let (came, sent) = (self.came, last);
        if self.begun.is_some() || (came.series, came.samples) != (sent.series, sent.samples) {
            return Err(NodeError::Failed(format!(
                "{} series and {} samples came of {} and {} that were sent",
                came.series, came.samples, sent.series, sent.samples
            )));
        }
        Ok(())
    }
}

fn wrong(error: &WireError) -> NodeError {
    NodeError::Failed(error.to_string())
}
