//! Which requests are for us: method, `Content-Encoding`, `Content-Type`.

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Method};

use crate::error::RequestFault;

/// Media type of every protobuf body.
pub(crate) const PROTOBUF: &str = "application/x-protobuf";
/// Media type of a streamed remote read; clients compare it byte by byte.
pub(crate) const STREAMED: &str =
    "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";
/// Message of remote write 1.0.
const WRITE_V1: &str = "prometheus.WriteRequest";
/// Message of remote write 2.0.
const WRITE_V2: &str = "io.prometheus.write.v2.Request";

/// Which remote write protocol a request speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum WriteProtocol {
    /// Remote write 1.0, `prometheus.WriteRequest`.
    #[default]
    V1,
    /// Remote write 2.0, `io.prometheus.write.v2.Request`.
    V2,
}

impl WriteProtocol {
    /// The content type of its requests.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::V1 => PROTOBUF,
            Self::V2 => "application/x-protobuf;proto=io.prometheus.write.v2.Request",
        }
    }

    /// What its requests say in `X-Prometheus-Remote-Write-Version`.
    #[must_use]
    pub const fn version(self) -> &'static str {
        match self {
            Self::V1 => "0.1.0",
            Self::V2 => "2.0.0",
        }
    }
}

/// Accepts POST only.
pub(crate) fn check_method(method: &Method) -> Result<(), RequestFault> {
    if method == Method::POST {
        return Ok(());
    }
    Err(RequestFault::Method {
        method: method.clone(),
    })
}

/// Accepts snappy, which also is what a missing encoding means.
pub(crate) fn check_encoding(headers: &HeaderMap) -> Result<(), RequestFault> {
    let mut found = headers.get_all(CONTENT_ENCODING).into_iter();
    let Some(encoding) = found.next() else {
        return Ok(());
    };
    let known = encoding.is_empty() || encoding.as_bytes().eq_ignore_ascii_case(b"snappy");
    if known && found.next().is_none() {
        return Ok(());
    }
    let all = headers.get_all(CONTENT_ENCODING).iter();
    let names: Vec<_> = all
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    Err(RequestFault::Encoding {
        encoding: names.join(", "),
    })
}

/// The message that a write request carries. A missing content type means 1.0.
pub(crate) fn write_protocol(headers: &HeaderMap) -> Result<WriteProtocol, RequestFault> {
    match write_message(headers)?.as_deref() {
        None | Some(WRITE_V1) => Ok(WriteProtocol::V1),
        Some(WRITE_V2) => Ok(WriteProtocol::V2),
        Some(other) => Err(RequestFault::MediaType(format!(
            "got unknown proto message {other:?}; only accepts {WRITE_V1} and {WRITE_V2}"
        ))),
    }
}

/// The `proto` parameter of the content type.
fn write_message(headers: &HeaderMap) -> Result<Option<String>, RequestFault> {
    let Some(value) = headers.get(CONTENT_TYPE).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(value.as_bytes());
    let malformed = |what: &str| {
        RequestFault::MediaType(format!("{what} in content type {text:?}: send {PROTOBUF}"))
    };
    let (media, mut rest) = split_at_unquoted(&text);
    if !media.trim().eq_ignore_ascii_case(PROTOBUF) {
        return Err(RequestFault::MediaType(format!(
            "expected {PROTOBUF} as the media type, got {text:?}: send {PROTOBUF}"
        )));
    }
    let mut message = None;
    while let Some(parameters) = rest {
        let (parameter, next) = split_at_unquoted(parameters);
        rest = next;
        if parameter.trim().is_empty() {
            continue;
        }
        let Some((name, value)) = parameter.split_once('=') else {
            return Err(malformed("a parameter without value"));
        };
        let value = unquote(value.trim()).ok_or_else(|| malformed("an unfinished quotation"))?;
        if name.trim().eq_ignore_ascii_case("proto") && message.replace(value).is_some() {
            return Err(malformed("more than one proto parameter"));
        }
    }
    Ok(message)
}

/// Splits at the first `;` outside of quotes.
fn split_at_unquoted(text: &str) -> (&str, Option<&str>) {
    let (mut quoted, mut escaped) = (false, false);
    for (index, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ';' if !quoted => {
                let (head, tail) = text.split_at(index);
                return (head, tail.get(1..));
            }
            _ => {}
        }
    }
    (text, None)
}

/// The value of a parameter, whether quoted or not; `None` if a quotation does not end.
fn unquote(value: &str) -> Option<String> {
    let Some(rest) = value.strip_prefix('"') else {
        return Some(value.to_owned());
    };
    let mut plain = String::new();
    let mut characters = rest.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return characters.as_str().is_empty().then_some(plain),
            '\\' => plain.push(characters.next()?),
            other => plain.push(other),
        }
    }
    None
}

/// The announced length of the body, if it is a number; refused when above `limit`.
pub(crate) fn check_length(headers: &HeaderMap, limit: usize) -> Result<usize, RequestFault> {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    match announced.map(str::parse::<u64>) {
        Some(Ok(length)) => match usize::try_from(length) {
            Ok(length) if length <= limit => Ok(length),
            _ => Err(RequestFault::TooLarge { limit }),
        },
        Some(Err(_)) | None => Ok(0),
    }
}

/// Accepts a remote read request.
pub(crate) fn check_read_type(headers: &HeaderMap) -> Result<(), RequestFault> {
    let Some(value) = headers.get(CONTENT_TYPE).filter(|value| !value.is_empty()) else {
        return Ok(());
    };
    let text = String::from_utf8_lossy(value.as_bytes());
    let (media, _) = split_at_unquoted(&text);
    if media.trim().eq_ignore_ascii_case(PROTOBUF) {
        return Ok(());
    }
    Err(RequestFault::MediaType(format!(
        "expected {PROTOBUF} as the media type, got {text:?}: send {PROTOBUF}"
    )))
}
