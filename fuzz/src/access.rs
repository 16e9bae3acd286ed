//! What strangers send before they are known, and the file that says who is.

use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use tsdb_server::access::{CertificateFacts, Credentials, WebConfig};
use tsdb_server::config::ConfigError;

/// What is said of a file names a place in it.
pub(crate) fn web_config(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let lines = text.lines().count().max(1) as u64;
    match WebConfig::read(text) {
        Ok(config) => {
            let again = WebConfig::read(text).map(|again| format!("{again:?}"));
            assert_eq!(again, Ok(format!("{config:?}")));
        }
        Err(ConfigError::Syntax(what)) => panic!("a syntax error shows the file: {what}"),
        Err(ConfigError::Wrong(findings)) => {
            assert!(!findings.is_empty());
            for finding in &findings {
                assert!(finding.place.line <= lines + 1, "{finding:?} of {lines}");
                assert!(!finding.what.is_empty());
            }
        }
    }
}

/// Headers are parted by lines. What is taken of one shows no password.
pub(crate) fn authorization(input: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in input.split(|byte| *byte == b'\n').take(3) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(AUTHORIZATION, value);
        }
    }
    if let Ok(Some(credentials)) = Credentials::read(&headers) {
        assert_eq!(headers.len(), 1);
        let shown = format!("{credentials:?}");
        assert!(shown.contains("<secret>"), "{shown}");
        assert_eq!(Credentials::read(&headers), Ok(Some(credentials)));
    }
}

/// Names and end of a certificate.
pub(crate) fn certificate(input: &[u8]) {
    if let Some(facts) = CertificateFacts::read(input) {
        assert_eq!(CertificateFacts::read(input), Some(facts));
    }
}
