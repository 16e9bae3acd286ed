//! Why an expression has no result, as Prometheus' API says it.

use tsdb_promql::{QueryError, SourceError};

use super::super::envelope::{ApiError, ErrorType};
use crate::store::StoreError;

/// Of a query that waited for its turn until its time was over.
pub(super) const TIMED_OUT_IN_QUEUE: &str = "query timed out in query queue";

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        let kind = match error {
            QueryError::Parse(_) | QueryError::BadData(_) => {
                return Self::invalid_parameter("query", error);
            }
            QueryError::Source(source) => return of_source(source),
            QueryError::TimedOut => ErrorType::Timeout,
            QueryError::Cancelled => ErrorType::Canceled,
            _ => ErrorType::Execution,
        };
        Self::new(kind, error.to_string())
    }
}

/// What series cannot be read for; what passes by itself, or is refused, is told as everywhere.
fn of_source(source: SourceError) -> ApiError {
    let text = format!("expanding series: {source}");
    let Ok(error) = source.downcast::<StoreError>() else {
        return ApiError::new(ErrorType::Internal, text);
    };
    let mut told = ApiError::from(*error);
    if told.kind == ErrorType::Internal {
        told.message = text;
    }
    told
}

#[cfg(test)]
mod tests {
    use tsdb_promql::syntax::{ParseError, Span};

    use super::*;

    #[test]
    fn each_kind_of_error_has_its_type_and_status() {
        let parse = ParseError {
            span: Span::new(4, 4),
            line_and_column: (1, 5),
            message: "unexpected end of input".to_owned(),
        };
        let stored = |error: StoreError| QueryError::Source(Box::new(error));
        let cases = [
            (
                QueryError::Parse(parse),
                "bad_data",
                "invalid parameter \"query\": 1:5: parse error: unexpected end of input",
            ),
            (QueryError::Execution("why".to_owned()), "execution", "why"),
            (
                QueryError::TimedOut,
                "timeout",
                "query timed out in expression evaluation",
            ),
            (
                QueryError::Cancelled,
                "canceled",
                "query was canceled in expression evaluation",
            ),
            (
                QueryError::Source("disk".into()),
                "internal",
                "expanding series: disk",
            ),
            (
                stored(StoreError::Lost),
                "internal",
                "expanding series: the work on this request was lost: see the server's log",
            ),
            (
                stored(StoreError::Refused("no".to_owned())),
                "bad_data",
                "no",
            ),
            (
                stored(StoreError::Unavailable("closed".to_owned())),
                "unavailable",
                "the database is not open: closed",
            ),
        ];
        for (error, kind, message) in cases {
            let told = ApiError::from(error);
            assert_eq!((told.kind.name(), told.message.as_str()), (kind, message));
        }
    }
}
