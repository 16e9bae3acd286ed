//! Bodies of calls, bounded.

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http_body::Body as _;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::reply::M3Error;
use crate::jsonpb::parse;

/// Longest body: a placement of thousands of instances is shorter.
const BODY_BYTES_MAX: usize = 1 << 20;

/// The body of a call.
pub(super) struct Body(pub(super) Bytes);

impl Body {
    /// The message that it is.
    pub(super) fn message<T: DeserializeOwned>(&self) -> Result<T, M3Error> {
        parse(&self.0).map_err(M3Error::bad_request)
    }
}

impl<S: Sync> FromRequest<S> for Body {
    type Rejection = M3Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, M3Error> {
        let body = request.into_body();
        // One that says its length is not even begun.
        if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
            return Err(too_long());
        }
        match Limited::new(body, BODY_BYTES_MAX).collect().await {
            Ok(body) => Ok(Self(body.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => Err(too_long()),
            Err(error) => Err(M3Error::bad_request(format!(
                "the body cannot be read: {error}"
            ))),
        }
    }
}

fn too_long() -> M3Error {
    M3Error::bad_request(format!(
        "the body is longer than {BODY_BYTES_MAX} bytes, which no call needs"
    ))
}
