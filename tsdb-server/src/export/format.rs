//! Which formats go out.

use std::str::FromStr;

/// The format of an export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ExportFormat {
    /// Lines of samples, with all their bits.
    #[default]
    JsonLines,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

/// A format that there is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("format {0:?} is none of json and openmetrics")]
pub(crate) struct UnknownFormat(String);

impl FromStr for ExportFormat {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        match text {
            "json" => Ok(Self::JsonLines),
            "openmetrics" => Ok(Self::OpenMetrics),
            other => Err(UnknownFormat(other.to_owned())),
        }
    }
}

impl ExportFormat {
    /// Its name as an argument.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::JsonLines => "json",
            Self::OpenMetrics => "openmetrics",
        }
    }

    /// What an `Accept` asks for first of what there is.
    pub(crate) fn of_accept(accept: &str) -> Self {
        let media_types = accept.split(',').filter_map(|part| part.split(';').next());
        for media_type in media_types {
            match media_type.trim().to_ascii_lowercase().as_str() {
                "application/openmetrics-text" => return Self::OpenMetrics,
                "application/stream+json" | "application/json" => return Self::JsonLines,
                _ => {}
            }
        }
        Self::default()
    }

    /// Its `Content-Type`.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::JsonLines => "application/stream+json",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_known_by_name_and_by_media_type() {
        for format in [ExportFormat::JsonLines, ExportFormat::OpenMetrics] {
            assert_eq!(format.name().parse(), Ok(format));
            assert_eq!(ExportFormat::of_accept(format.content_type()), format);
        }
        assert_eq!(ExportFormat::of_accept("*/*"), ExportFormat::JsonLines);
        let prometheus =
            "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";
        assert_eq!(
            ExportFormat::of_accept(prometheus),
            ExportFormat::OpenMetrics
        );
        let error = "csv".parse::<ExportFormat>().expect_err("no format");
        assert_eq!(
            error.to_string(),
            "format \"csv\" is none of json and openmetrics"
        );
    }
}
