//! What is scraped: nothing, told as a Prometheus tells it that has nothing to scrape.

use std::collections::BTreeMap;

use axum::response::Response;
use serde_json::json;
use tsdb_promql::syntax::parse_metric_selector;

use super::super::envelope::{ApiError, success};
use super::super::form::Form;

pub(in crate::http) async fn targets() -> Response {
    let none = json!({"activeTargets": [], "droppedTargets": [], "droppedTargetCounts": {}});
    success(&none, &[])
}

pub(in crate::http) async fn target_metadata(form: Form) -> Result<Response, ApiError> {
    if let Some(Err(_)) = form.integer("limit") {
        return Err(ApiError::bad_data("limit must be a number"));
    }
    if let Some(target) = form.one("match_target") {
        parse_metric_selector(target)
            .map_err(|error| ApiError::invalid_parameter("match_target", error))?;
    }
    Ok(success(&json!([]), &[]))
}

/// How the labels of a target come about: there is no pool that it could be of.
pub(in crate::http) async fn relabel_steps(form: Form) -> Result<Response, ApiError> {
    let pool = pool(&form)?;
    let labels = form.one("labels");
    let labels = labels.ok_or_else(|| ApiError::bad_data("no labels parameter provided"))?;
    serde_json::from_str::<BTreeMap<String, String>>(labels)
        .map_err(|error| ApiError::bad_data(format!("error parsing labels: {error}")))?;
    Err(no_pool(pool))
}

pub(in crate::http) async fn scrape_pools() -> Response {
    success(&json!({"scrapePools": []}), &[])
}

pub(in crate::http) async fn scrape_pool_config(form: Form) -> Result<Response, ApiError> {
    Err(no_pool(pool(&form)?))
}

fn pool(form: &Form) -> Result<&str, ApiError> {
    let pool = form.one("scrapePool");
    pool.ok_or_else(|| ApiError::bad_data("no scrapePool parameter provided"))
}

fn no_pool(name: &str) -> ApiError {
    ApiError::bad_data(format!(
        "error retrieving scrape config: scrape pool {name:?} not found"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn text(response: Response) -> String {
        let body = axum::body::to_bytes(response.into_body(), 1 << 16).await;
        String::from_utf8(body.expect("a body").to_vec()).expect("text")
    }

    #[tokio::test]
    async fn there_are_no_targets() {
        let lists = r#"{"status":"success","data":{"activeTargets":[],"droppedTargetCounts":{},"droppedTargets":[]}}"#;
        assert_eq!(text(targets().await).await, lists);
        let pools = r#"{"status":"success","data":{"scrapePools":[]}}"#;
        assert_eq!(text(scrape_pools().await).await, pools);
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_request_is_told_before_that_nothing_is_found() {
        let metadata = async |query| target_metadata(Form::of_query(Some(query))).await;
        for query in ["", "limit=3&metric=up", "match_target={job=\"a\"}"] {
            let none = metadata(query).await.expect("an answer");
            assert_eq!(text(none).await, r#"{"status":"success","data":[]}"#);
        }
        let error = async |query| metadata(query).await.expect_err("wrong").message;
        assert_eq!(error("limit=x").await, "limit must be a number");
        let wrong = error("match_target={").await;
        assert!(
            wrong.starts_with("invalid parameter \"match_target\": 1:2: parse error: "),
            "{wrong}"
        );
        let steps = async |query| {
            let answer = relabel_steps(Form::of_query(Some(query))).await;
            answer.expect_err("no pool").message
        };
        assert_eq!(steps("").await, "no scrapePool parameter provided");
        assert_eq!(steps("scrapePool=a").await, "no labels parameter provided");
        let wrong = steps("scrapePool=a&labels=[]").await;
        assert!(wrong.starts_with("error parsing labels: "), "{wrong}");
        let missing = "error retrieving scrape config: scrape pool \"a\" not found";
        assert_eq!(steps("scrapePool=a&labels={\"b\":\"c\"}").await, missing);
        let config = async |query| {
            let answer = scrape_pool_config(Form::of_query(Some(query))).await;
            answer.expect_err("no pool").message
        };
        assert_eq!(config("").await, "no scrapePool parameter provided");
        assert_eq!(config("scrapePool=a").await, missing);
    }
}
