//! An export of a running server on its way here.

use bytes::Bytes;
use http::Method;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, Full};

use super::CommandError;
use super::export_output::ExportOutput;
use super::remote::{Server, text_of, told};

/// So much of a refusal is read at most.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Writes what a server exports for a form, as it comes.
pub(super) fn download(
    server: &Server,
    form: String,
    output: &mut ExportOutput,
) -> Result<(), CommandError> {
    let route = server.route("/api/v1/export");
    let request = route
        .request(Method::POST)?
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Full::new(Bytes::from(form)))
        .map_err(|error| route.unreachable(error.to_string()))?;
    route.runtime()?.block_on(async {
        let response = server.send(request).await;
        let response = response.map_err(|why| route.unreachable(why))?;
        let status = response.status();
        if !status.is_success() {
            let text = text_of(response, ANSWER_BYTES_MAX).await;
            let text = text.map_err(|why| route.unreachable(why))?;
            return Err(route.refused(status.as_u16(), text));
        }
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                let why = told(&error);
                route.unreachable(format!("the export was cut off: {why}"))
            })?;
            if let Ok(piece) = frame.into_data() {
                output.write(&piece)?;
            }
        }
        Ok(())
    })
}
