//! Parameters of a request, of its body and of its URL, as Go's `ParseForm` merges them.

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::Method;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, Limited};
use tsdb_core::model::TimeRange;

use super::envelope::ApiError;
use crate::timestamp::{EARLIEST_MS, LATEST_MS, parse_time};

/// Longest form in a body, as in Go.
const MAX_FORM_BYTES: usize = 10 << 20;

/// Parameters in order; those of the body come before those of the URL.
#[derive(Clone, Debug, Default)]
pub(super) struct Form {
    pairs: Vec<(String, String)>,
}

impl Form {
    /// The parameters of the URL alone.
    pub(super) fn of_query(query: Option<&str>) -> Self {
        let mut form = Self::default();
        form.add(query.unwrap_or("").as_bytes());
        form
    }

    fn add(&mut self, encoded: &[u8]) {
        self.pairs
            .extend(form_urlencoded::parse(encoded).into_owned());
    }

    /// All values of a parameter.
    pub(super) fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.pairs
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The value of a parameter; an empty one counts as none.
    pub(super) fn one<'f>(&'f self, name: &'f str) -> Option<&'f str> {
        self.all(name).next().filter(|value| !value.is_empty())
    }

    /// Whether a parameter says so.
    pub(super) fn flag(&self, name: &str) -> Result<bool, ApiError> {
        match self.one(name) {
            None | Some("0" | "false") => Ok(false),
            Some("1" | "true") => Ok(true),
            Some(_) => Err(ApiError::invalid_parameter(
                name,
                "it must be true or false",
            )),
        }
    }

    /// A time in milliseconds.
    pub(super) fn time(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.one(name) else {
            return Ok(None);
        };
        match parse_time(text) {
            Some(ms) => Ok(Some(ms)),
            None => {
                let reason = format!(
                    "Invalid time value for '{name}': cannot parse {text:?} to a valid timestamp"
                );
                Err(ApiError::invalid_parameter(name, reason))
            }
        }
    }

    /// `start` to `end`, both included, each without bound when left out. `None` when it holds no time.
    pub(super) fn range(&self) -> Result<Option<TimeRange>, ApiError> {
        let (start, end) = (self.time("start")?, self.time("end")?);
        Ok(TimeRange::inclusive(start.unwrap_or(EARLIEST_MS), end.unwrap_or(LATEST_MS)).ok())
    }

    /// How many results are wanted; `None` for all.
    pub(super) fn limit(&self) -> Result<Option<usize>, ApiError> {
        self.limit_named("limit")
    }

    /// How many are wanted by the parameter `name`; `None` for all.
    pub(super) fn limit_named(&self, name: &str) -> Result<Option<usize>, ApiError> {
        match self.integer(name) {
            None => Ok(None),
            Some(Err(reason)) => Err(ApiError::invalid_parameter(name, reason)),
            Some(Ok(limit)) if limit < 0 => Err(ApiError::invalid_parameter(
                name,
                format!("{name} must be non-negative"),
            )),
            Some(Ok(0)) => Ok(None),
            Some(Ok(limit)) => Ok(usize::try_from(limit).ok()),
        }
    }

    /// A whole number, or why it is none, in Go's words.
    pub(super) fn integer(&self, name: &str) -> Option<Result<i64, String>> {
        let text = self.one(name)?;
        Some(text.parse().map_err(|error: std::num::ParseIntError| {
            let reason = match error.kind() {
                std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow => {
                    "value out of range"
                }
                _ => "invalid syntax",
            };
            format!("strconv.Atoi: parsing {text:?}: {reason}")
        }))
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let mut form = Self::default();
        let content_type = parts
            .headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("");
        let media_type = content_type.split(';').next().unwrap_or("").trim();
        if parts.method == Method::POST
            && media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded")
        {
            let body: Bytes = match Limited::new(body, MAX_FORM_BYTES).collect().await {
                Ok(body) => body.to_bytes(),
                Err(error) => {
                    return Err(ApiError::bad_data(format!(
                        "error parsing form values: {error}"
                    )));
                }
            };
            form.add(&body);
        }
        form.add(parts.uri.query().unwrap_or("").as_bytes());
        Ok(form)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(error: ApiError) -> String {
        error.message
    }

    #[test]
    fn many_values_and_escapes() {
        let form = Form::of_query(Some(
            "match[]=up&match%5B%5D=%7Ba%3D%22b+c%22%7D&start=&x=%ff",
        ));
        assert_eq!(
            form.all("match[]").collect::<Vec<_>>(),
            ["up", "{a=\"b c\"}"]
        );
        assert_eq!(form.one("start"), None);
        assert_eq!(form.one("x"), Some("\u{fffd}"));
    }

    #[test]
    fn times() {
        let range = |query| Form::of_query(Some(query)).range();
        assert_eq!(range(""), Ok(Some(TimeRange::ALL)));
        assert_eq!(
            range("start=1&end=2.5"),
            Ok(Some(TimeRange::inclusive(1000, 2500).expect("a range")))
        );
        assert_eq!(range("start=3&end=2"), Ok(None));
        assert_eq!(
            range("end=x").map_err(message),
            Err("invalid parameter \"end\": Invalid time value for 'end': cannot parse \"x\" to a valid timestamp".to_owned())
        );
    }

    #[test]
    fn limits() {
        let limit = |query| Form::of_query(Some(query)).limit().map_err(message);
        assert_eq!(limit(""), Ok(None));
        assert_eq!(limit("limit=0"), Ok(None));
        assert_eq!(limit("limit=7"), Ok(Some(7)));
        assert_eq!(
            limit("limit=-1"),
            Err("invalid parameter \"limit\": limit must be non-negative".to_owned())
        );
        assert_eq!(
            limit("limit=x"),
            Err(
                "invalid parameter \"limit\": strconv.Atoi: parsing \"x\": invalid syntax"
                    .to_owned()
            )
        );
    }
}
