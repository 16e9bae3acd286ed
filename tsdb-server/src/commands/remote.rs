//! Asking a running server.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;

use super::CommandError;

/// So much of an answer is read at most.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// So long a server may take to say whether it is ready.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(5);

/// Sends a form to a route of the server at `url`; its answer, if it was done.
pub(super) fn post(url: &str, route: &str, form: &str) -> Result<String, CommandError> {
    let form = Bytes::copy_from_slice(form.as_bytes());
    ask(None, url, route, move |uri| {
        Request::post(uri)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Full::new(form))
    })
}

/// Asks a route of the server at `url`, which is to answer soon; its answer, if it is a good one.
pub(super) fn get(url: &str, route: &str) -> Result<String, CommandError> {
    let request = |uri| Request::get(uri).body(Full::default());
    ask(Some(HEALTH_TIMEOUT), url, route, request)
}

fn ask(
    within: Option<Duration>,
    url: &str,
    route: &str,
    request: impl FnOnce(Uri) -> http::Result<Request<Full<Bytes>>>,
) -> Result<String, CommandError> {
    let (url, uri) = address(url, route)?;
    let unreachable = |why: String| CommandError::Unreachable {
        url: url.clone(),
        why,
    };
    let request = request(uri).map_err(|error| unreachable(error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| unreachable(error.to_string()))?;
    let answered = runtime.block_on(async {
        match within {
            None => send(request).await,
            Some(limit) => timeout(limit, send(request))
                .await
                .unwrap_or_else(|_| Err(format!("no answer within {} s", limit.as_secs()))),
        }
    });
    let (status, text) = answered.map_err(unreachable)?;
    if (200..300).contains(&status) {
        Ok(text)
    } else {
        Err(CommandError::Refused { url, status, text })
    }
}

/// A route of the server at `url`, as text and as what is asked.
pub(super) fn address(url: &str, route: &str) -> Result<(String, Uri), CommandError> {
    let url = format!("{}{route}", url.trim_end_matches('/'));
    let wrong = |why: String| CommandError::Unreachable {
        url: url.clone(),
        why,
    };
    let uri: Uri = url
        .parse()
        .map_err(|error: http::uri::InvalidUri| wrong(error.to_string()))?;
    if uri.scheme_str() != Some("http") {
        return Err(wrong("write it as http://HOST:PORT".to_owned()));
    }
    Ok((url, uri))
}

async fn send(request: Request<Full<Bytes>>) -> Result<(u16, String), String> {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let response = client
        .request(request)
        .await
        .map_err(|error| with_causes(&error))?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX)
        .collect()
        .await;
    let body = body.map_err(|error| error.to_string())?.to_bytes();
    Ok((status, String::from_utf8_lossy(&body).trim().to_owned()))
}

/// An error, and what caused it.
pub(super) fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
