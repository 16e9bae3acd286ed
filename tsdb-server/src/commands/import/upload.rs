//! A text on its way to a running server, in one request that is sent as the text is read.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream::unfold;
use http::Method;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http_body::Frame;
use http_body_util::{BodyExt, Limited, StreamBody};
use serde_json::Value;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::text::TextSource;
use super::text_outcome::TextOutcome;
use crate::commands::CommandError;
use crate::commands::remote::Server;
use crate::import::Encoding;

/// So much of an answer is read at most.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// Pieces that are read and not sent yet.
const PIECES_AHEAD: usize = 2;

/// Sends a text to a route of a server; what it says became of the lines.
pub(super) fn upload(
    server: &Server,
    route: &str,
    (content_type, encoding): (&str, Encoding),
    source: TextSource,
) -> Result<TextOutcome, CommandError> {
    let route = server.route(route);
    let mut request = route
        .request(Method::POST)?
        .header(CONTENT_TYPE, content_type);
    if encoding == Encoding::Gzip {
        request = request.header(CONTENT_ENCODING, "gzip");
    }
    let runtime = route.runtime()?;
    let (sender, receiver) = channel(PIECES_AHEAD);
    let pieces = unfold(receiver, async |mut receiver: Receiver<Bytes>| {
        let piece = receiver.recv().await?;
        Some((Ok::<_, Infallible>(Frame::data(piece)), receiver))
    });
    let request = request.body(StreamBody::new(Box::pin(pieces)));
    let request = request.map_err(|error| route.unreachable(error.to_string()))?;
    let exchange = async {
        let reading = tokio::task::spawn_blocking(move || read(source, &sender));
        let answer = async {
            let response = server.send(request).await?;
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
            let body = body.collect().await.map_err(|error| error.to_string())?;
            Ok::<_, String>((status, body.to_bytes()))
        };
        let answer = answer.await;
        // The body is gone by now, so that a reader that waits to hand on a piece ends, too.
        let read = reading.await.map_err(|error| error.to_string());
        (answer, read)
    };
    let (answer, read) = runtime.block_on(exchange);
    read.map_err(|why| route.unreachable(why))??;
    let (status, body) = answer.map_err(|why| route.unreachable(why))?;
    let json: Value = serde_json::from_slice(&body).unwrap_or_default();
    let error = json.get("error").and_then(Value::as_str);
    match TextOutcome::of_answer(&json) {
        Some(outcome) if status == 200 || outcome.explains(error) => Ok(outcome),
        said => {
            let text = match error {
                Some(error) => error.to_owned(),
                None => String::from_utf8_lossy(&body).trim().to_owned(),
            };
            let stored = said.map_or(0, |said| said.stored);
            let text = match stored {
                0 => text,
                stored => format!("{text}; {stored} samples are stored: send the text again"),
            };
            Err(route.refused(status, text))
        }
    }
}

/// Reads to the end, or until nobody wants more.
fn read(mut source: TextSource, sender: &Sender<Bytes>) -> Result<(), CommandError> {
    let outcome = loop {
        match source.next() {
            Err(error) => break Err(source.failed(&error)),
            Ok(piece) if piece.is_empty() => break Ok(()),
            Ok(piece) => {
                if sender.blocking_send(piece.into()).is_err() {
                    break Ok(());
                }
            }
        }
    };
    source.clear();
    outcome
}
