//! In which format a page is wanted.

use http::HeaderMap;
use http::header::ACCEPT;

/// The formats there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Text,
    OpenMetrics,
    /// Messages with their lengths before them.
    Protobuf,
}

impl Format {
    /// What a request likes best of what there is; the first of equals, text for who says nothing.
    pub(super) fn of_accept(headers: &HeaderMap) -> Self {
        let lists = headers.get_all(ACCEPT).iter();
        let ranges = lists.filter_map(|list| list.to_str().ok());
        let mut best = (0.0, Self::Text);
        for range in ranges.flat_map(|list| list.split(',')) {
            let Some((format, quality)) = offered(range) else {
                continue;
            };
            if quality > best.0 {
                best = (quality, format);
            }
        }
        best.1
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8; escaping=allow-utf-8",
            Self::OpenMetrics => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
            }
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; escaping=allow-utf-8"
            }
        }
    }
}

/// What a media range asks for, and how much it is liked, if there is that.
fn offered(range: &str) -> Option<(Format, f64)> {
    let mut parts = range.split(';').map(str::trim);
    let kind = parts.next()?.to_ascii_lowercase();
    let parameters: Vec<(&str, &str)> = parts
        .filter_map(|part| part.split_once('='))
        .map(|(name, value)| (name.trim(), value.trim().trim_matches('"')))
        .collect();
    let parameter = |wanted: &str| {
        let found = parameters.iter();
        let mut found = found.filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.next().map(|(_, value)| *value)
    };
    let format = match kind.as_str() {
        "application/vnd.google.protobuf" => {
            let is_ours = parameter("proto") == Some("io.prometheus.client.MetricFamily")
                && parameter("encoding") == Some("delimited");
            is_ours.then_some(Format::Protobuf)?
        }
        "application/openmetrics-text" => Format::OpenMetrics,
        "text/plain" => match parameter("version") {
            None | Some("0.0.4" | "1.0.0") => Format::Text,
            Some(_) => return None,
        },
        "text/*" | "*/*" => Format::Text,
        _ => return None,
    };
    let quality = parameter("q").map_or(Ok(1.0), str::parse).unwrap_or(0.0);
    Some((format, quality))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn what_is_liked_best_is_chosen() {
        const PROTOBUF: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
        let scraper = format!(
            "{PROTOBUF};q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"
        );
        let plain = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.1";
        let cases = [
            ("", Format::Text),
            ("*/*", Format::Text),
            ("text/html, */*;q=0.8", Format::Text),
            (plain, Format::OpenMetrics),
            (&scraper, Format::Protobuf),
            (PROTOBUF, Format::Protobuf),
            ("application/vnd.google.protobuf", Format::Text),
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text",
                Format::Text,
            ),
            (
                "text/plain;q=0.9, application/openmetrics-text;q=0.2",
                Format::Text,
            ),
            (
                "application/openmetrics-text, text/plain",
                Format::OpenMetrics,
            ),
            ("application/openmetrics-text;q=0", Format::Text),
            ("application/openmetrics-text;q=x", Format::Text),
        ];
        for (accept, format) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_str(accept).expect("a header"));
            assert_eq!(Format::of_accept(&headers), format, "{accept}");
        }
        assert_eq!(Format::of_accept(&HeaderMap::new()), Format::Text);
    }
}
