//! HTTP, as plain as it gets.

use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// One request on a connection of its own; `Err` when there is no whole answer.
pub(crate) async fn request(
    method: Method,
    url: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Result<Answer, String> {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request
        .body(Full::new(body.into()))
        .map_err(|error| error.to_string())?;
    let response = client
        .request(request)
        .await
        .map_err(|error| error.to_string())?;
    let (parts, body) = response.into_parts();
    let body = body
        .collect()
        .await
        .map_err(|error| error.to_string())?
        .to_bytes();
    Ok(Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body,
    })
}

pub(crate) async fn get(url: &str) -> Answer {
    request(Method::GET, url, &[], Bytes::new())
        .await
        .unwrap_or_else(|error| panic!("GET {url}: {error}"))
}

pub(crate) async fn post(url: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
    request(Method::POST, url, headers, body)
        .await
        .unwrap_or_else(|error| panic!("POST {url}: {error}"))
}

pub(crate) async fn post_form(url: &str, form: &str) -> Answer {
    post(
        url,
        &[("content-type", "application/x-www-form-urlencoded")],
        form.to_owned(),
    )
    .await
}

/// The JSON at `url`, whatever its status.
pub(crate) async fn json(url: &str) -> serde_json::Value {
    let answer = get(url).await;
    serde_json::from_slice(&answer.body)
        .unwrap_or_else(|error| panic!("{url}: {error}: {}", answer.text()))
}
