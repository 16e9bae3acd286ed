//! Web pages of other origins that ask the API from browsers.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, ORIGIN, VARY,
};
use http::{HeaderMap, Method, StatusCode};
use regex::Regex;

use super::app::App;

/// The expression that every origin meets.
const ANY: &str = "^(?s:.*)$";

/// Tells browsers which pages may read an answer, and answers them when they ask before a request.
pub(super) async fn cors(State(app): State<App>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(ORIGIN).cloned();
    let mut response = match asks(request.method(), request.uri().path()) {
        true => StatusCode::NO_CONTENT.into_response(),
        false => next.run(request).await,
    };
    if let Some(origin) = origin {
        allow(&app.origins, &origin, response.headers_mut());
    }
    response
}

/// Whether a browser asks what a page may ask: it never says who it is, and is told nothing but that.
pub(crate) fn is_preflight<B>(request: &http::Request<B>) -> bool {
    let has = |header| request.headers().contains_key(header);
    asks(request.method(), request.uri().path())
        && has(ORIGIN)
        && has(ACCESS_CONTROL_REQUEST_METHOD)
}

fn asks(method: &Method, path: &str) -> bool {
    method == Method::OPTIONS && is_of_api(path)
}

fn is_of_api(path: &str) -> bool {
    let prefixes = ["/api/v1/", "/prometheus/api/v1/", "/m3query/api/v1/"];
    prefixes.iter().any(|prefix| path.starts_with(prefix))
}

fn allow(origins: &Regex, origin: &HeaderValue, headers: &mut HeaderMap) {
    let fixed = [
        (
            ACCESS_CONTROL_ALLOW_HEADERS,
            "Accept, Authorization, Content-Type, Origin",
        ),
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
        (ACCESS_CONTROL_EXPOSE_HEADERS, "Date"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if origins.as_str() == ANY {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    } else if origin.to_str().is_ok_and(|text| origins.is_match(text)) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_allowed_by_the_expression() {
        let allowed = |origins: &str, origin: &'static str| {
            let mut headers = HeaderMap::new();
            let origins = Regex::new(origins).expect("an expression");
            allow(&origins, &HeaderValue::from_static(origin), &mut headers);
            assert_eq!(headers[VARY], "Origin");
            let allowed = headers.get(ACCESS_CONTROL_ALLOW_ORIGIN);
            allowed.map(|value| value.to_str().expect("text").to_owned())
        };
        assert_eq!(allowed(ANY, "https://a"), Some("*".to_owned()));
        let one = "^(?s:https://a)$";
        assert_eq!(allowed(one, "https://a"), Some("https://a".to_owned()));
        assert_eq!(allowed(one, "https://b"), None);
        assert!(is_of_api("/api/v1/query") && !is_of_api("/health"));
    }
}
