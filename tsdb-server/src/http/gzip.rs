//! Answers that are packed for who takes them so.

use std::io::Write;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::HeaderMap;
use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, VARY,
};
use http_body::Body as _;
use http_body_util::BodyExt;

/// Shorter answers are sent as they are: they fit into one packet anyway.
const BYTES_MIN: u64 = 1400;
/// Longer ones are not packed on a thread of the network.
const BYTES_AT_ONCE: usize = 64 << 10;

/// Packs answers in JSON or text that are made as a whole; what is streamed packs itself.
pub(super) async fn pack(request: Request, next: Next) -> Response {
    let accepted = accepts_gzip(request.headers());
    let response = next.run(request).await;
    if !accepted || !is_packable(&response) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(plain) = body.collect().await else {
        // A body of known length is in memory.
        return Response::from_parts(parts, Body::empty());
    };
    let plain = plain.to_bytes();
    parts.headers.remove(CONTENT_LENGTH);
    let vary = HeaderValue::from_static("Accept-Encoding");
    parts.headers.append(VARY, vary);
    match packed(plain.clone()).await {
        Some(packed) => {
            let gzip = HeaderValue::from_static("gzip");
            parts.headers.insert(CONTENT_ENCODING, gzip);
            Response::from_parts(parts, packed.into())
        }
        None => Response::from_parts(parts, plain.into()),
    }
}

fn is_packable(response: &Response) -> bool {
    let headers = response.headers();
    let kind = headers.get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_text = ["application/json", "text/", "application/openmetrics-text"];
    let is_text = is_text.iter().any(|begin| kind.starts_with(begin));
    let length = response.body().size_hint().exact();
    is_text && !headers.contains_key(CONTENT_ENCODING) && length >= Some(BYTES_MIN)
}

async fn packed(plain: Bytes) -> Option<Bytes> {
    if plain.len() <= BYTES_AT_ONCE {
        return gzip(&plain);
    }
    let work = tokio::task::spawn_blocking(move || gzip(&plain));
    work.await.ok().flatten()
}

fn gzip(plain: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).ok()?;
    Some(encoder.finish().ok()?.into())
}

/// Whether a client takes gzip.
pub(super) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    let mut codings = texts.flat_map(|text| text.split(','));
    codings.any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|name| {
            name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip")
        });
        let refused = |weight: &str| {
            let weight = weight.strip_prefix("q=").map(str::parse::<f32>);
            matches!(weight, Some(Ok(0.0)))
        };
        is_gzip && !parts.any(refused)
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn gzip_is_taken_by_its_name_and_not_with_weight_zero() {
        let cases = [
            ("gzip", true),
            ("deflate, GZIP;q=0.5", true),
            ("br;q=1.0, x-gzip", true),
            ("gzip;q=0", false),
            ("gzip; q=0.0", false),
            ("identity", false),
            ("*", false),
            ("", false),
        ];
        for (text, expected) in cases {
            let value = HeaderValue::from_static(text);
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, value)]);
            assert_eq!(accepts_gzip(&headers), expected, "{text}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
