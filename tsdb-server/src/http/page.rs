//! `/`: the page of the server for browsers, and the files it is made of. They are within the binary,
//! and ask nobody but this server for anything.

use std::io::Read;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::read::GzDecoder;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, StatusCode};

use super::home;
use super::page_files::FILES;

/// The page loads what is of this server, and nobody shows it within a page of theirs.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
);
/// The page itself is asked for anew each time; answered without a body while it is the same.
const ASK: HeaderValue = HeaderValue::from_static("no-cache");
/// Names of assets have a hash of their content, so what has the name never changes.
const KEEP: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");

/// A file of the page.
#[derive(Debug)]
pub(super) struct PageFile {
    /// Its path below `/`.
    pub(super) path: &'static str,
    pub(super) content_type: &'static str,
    /// Names its content.
    pub(super) etag: &'static str,
    /// Its content, compressed.
    pub(super) gzip: &'static [u8],
}

/// `/`: the page for who accepts HTML, the list of routes for others.
pub(super) async fn page(headers: HeaderMap) -> Response {
    let mut answer = match accepts(&headers, &ACCEPT, "text/html") {
        true => served("index.html", &headers),
        false => home::home().await.into_response(),
    };
    let vary = HeaderValue::from_static("accept, accept-encoding");
    answer.headers_mut().insert(VARY, vary);
    answer
}

/// `/assets/{name}`: what the page is made of.
pub(super) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    served(&format!("assets/{name}"), &headers)
}

fn served(path: &str, headers: &HeaderMap) -> Response {
    let Some(file) = FILES.iter().find(|file| file.path == path) else {
        let text = format!("the page has no file {path}\n");
        return (StatusCode::NOT_FOUND, text).into_response();
    };
    let caching = match path.starts_with("assets/") && path != LICENCES {
        true => KEEP,
        false => ASK,
    };
    let answer = if accepts(headers, &IF_NONE_MATCH, file.etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else if accepts(headers, &ACCEPT_ENCODING, "gzip") {
        let encoding = (CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        ([encoding], Bytes::from_static(file.gzip)).into_response()
    } else {
        let mut plain = Vec::new();
        match GzDecoder::new(file.gzip).read_to_end(&mut plain) {
            Ok(_) => plain.into_response(),
            Err(error) => {
                let text = format!("{path} cannot be unpacked: {error}\n");
                (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
            }
        }
    };
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(file.content_type)),
        (ETAG, HeaderValue::from_static(file.etag)),
        (CACHE_CONTROL, caching),
        (VARY, HeaderValue::from_static("accept-encoding")),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        // Queries are in the address of the page.
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (headers, answer).into_response()
}

/// The one asset whose name says nothing of its content.
const LICENCES: &str = "assets/licences.md";

/// Whether a list in a header has an item, and not with a weight of nothing.
fn accepts(headers: &HeaderMap, name: &HeaderName, item: &str) -> bool {
    let values = headers.get_all(name).into_iter();
    let mut items = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    items.any(|one| {
        let mut parts = one.split(';').map(str::trim);
        let named = parts.next().map(|part| part.trim_start_matches("W/"));
        let mut weights = parts.filter_map(|part| part.strip_prefix("q="));
        named == Some(item)
            && weights.all(|weight| weight.parse::<f32>().is_ok_and(|weight| weight > 0.0))
    })
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    fn headers(of: &[(HeaderName, &'static str)]) -> HeaderMap {
        let one = |(name, value): &(HeaderName, &'static str)| {
            (name.clone(), HeaderValue::from_static(value))
        };
        of.iter().map(one).collect()
    }

    async fn body(answer: Response) -> Vec<u8> {
        let body = answer.into_body().collect().await.expect("a body");
        body.to_bytes().to_vec()
    }

    #[tokio::test]
    async fn a_browser_gets_the_page_and_others_the_list_of_routes() {
        let browser = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8";
        let answer = page(headers(&[(ACCEPT, browser)])).await;
        assert_eq!(answer.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
        assert_eq!(answer.headers()[VARY], "accept, accept-encoding");
        assert!(!answer.headers().contains_key(CONTENT_ENCODING));
        let html = String::from_utf8(body(answer).await).expect("text");
        assert!(html.starts_with("<!doctype html>"), "{html}");
        for accept in ["*/*", "text/html;q=0", "application/json"] {
            let answer = page(headers(&[(ACCEPT, accept)])).await;
            assert_eq!(answer.headers()[CONTENT_TYPE], "text/plain; charset=utf-8");
            let list = String::from_utf8(body(answer).await).expect("text");
            assert!(list.contains("/api/v1/read"), "{list}");
        }
    }

    #[tokio::test]
    async fn every_file_is_served_packed_and_unpacked_and_not_twice() {
        for file in FILES {
            let packed = served(file.path, &headers(&[(ACCEPT_ENCODING, "br, gzip;q=0.5")]));
            assert_eq!(packed.status(), 200);
            assert_eq!(packed.headers()[CONTENT_ENCODING], "gzip");
            assert_eq!(packed.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff");
            let packed = body(packed).await;
            let plain = body(served(file.path, &HeaderMap::new())).await;
            let mut unpacked = Vec::new();
            let read = GzDecoder::new(packed.as_slice()).read_to_end(&mut unpacked);
            assert_eq!(read.ok(), Some(plain.len()));
            assert_eq!(unpacked, plain);
            let again = served(file.path, &headers(&[(IF_NONE_MATCH, file.etag)]));
            assert_eq!(again.status(), 304);
            assert_eq!(again.headers()[ETAG], file.etag);
            assert!(body(again).await.is_empty());
        }
    }

    #[tokio::test]
    async fn all_that_the_page_names_is_its_own_and_there() {
        let html = body(served("index.html", &HeaderMap::new())).await;
        let html = String::from_utf8(html).expect("text");
        let named = html.split("=\"./").skip(1);
        let named: Vec<&str> = named.filter_map(|rest| rest.split('"').next()).collect();
        assert!(named.len() >= 3, "{html}");
        for path in named {
            let answer = served(path, &HeaderMap::new());
            assert_eq!(answer.status(), 200, "{path}");
            let caching = answer.headers()[CACHE_CONTROL].to_str().expect("text");
            assert!(caching.contains("immutable"), "{path}");
        }
        assert!(!html.contains("://") && !html.contains("<style"), "{html}");
        // No script is within: each has its address.
        assert_eq!(
            html.matches("<script").count(),
            html.matches(" src=").count()
        );
        let nothing = served("assets/../index.html", &HeaderMap::new());
        assert_eq!(nothing.status(), 404);
    }
}
