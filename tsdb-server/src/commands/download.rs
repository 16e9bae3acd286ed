//! An export of a running server on its way here.

use bytes::Bytes;
use http::Request;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use super::CommandError;
use super::export_output::ExportOutput;
use super::remote::{address, with_causes};

/// So much of a refusal is read at most.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Writes what the server at `url` exports for a form, as it comes.
pub(super) fn download(
    url: &str,
    form: String,
    output: &mut ExportOutput,
) -> Result<(), CommandError> {
    let (url, uri) = address(url, "/api/v1/export")?;
    let unreachable = |why: String| CommandError::Unreachable {
        url: url.clone(),
        why,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| unreachable(error.to_string()))?;
    let request = Request::post(uri)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Full::new(Bytes::from(form)))
        .map_err(|error| unreachable(error.to_string()))?;
    runtime.block_on(async {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let response = client.request(request).await;
        let response = response.map_err(|error| unreachable(with_causes(&error)))?;
        let status = response.status();
        let mut body = response.into_body();
        if !status.is_success() {
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|error| unreachable(error.to_string()))?;
            let text = String::from_utf8_lossy(&body.to_bytes()).trim().to_owned();
            let (url, status) = (url.clone(), status.as_u16());
            return Err(CommandError::Refused { url, status, text });
        }
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                let why = with_causes(&error);
                unreachable(format!("the export was cut off: {why}"))
            })?;
            if let Ok(piece) = frame.into_data() {
                output.write(&piece)?;
            }
        }
        Ok(())
    })
}
