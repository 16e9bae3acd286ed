//! The headers by which requests to M3 say more than their route does: which namespace, which
//! series, within which bounds. Each is obeyed, or refused by its name.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use serde::Deserialize;
use tsdb_cluster::topology::{ReadLevel, UnknownLevel};
use tsdb_core::model::Matcher;

use super::reads::Reads;
use crate::units::duration_of;

/// Longest text of a header that is read as JSON.
const JSON_BYTES_MAX: usize = 64 << 10;
/// Most matchers and labels that it names.
const RESTRICTIONS_MAX: usize = 100;

/// What the headers of a request say.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct M3Headers {
    /// Which kind of namespace is meant; `None` for the one of plain requests.
    pub(super) namespace: Option<NamespaceKind>,
    /// What may be read.
    pub(super) reads: Reads,
}

/// Which kind of namespace a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NamespaceKind {
    Unaggregated,
    /// The aggregated one with this resolution and retention.
    Aggregated {
        resolution: Duration,
        retention: Duration,
    },
}

/// A header that is not obeyed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("header {header}: {what}")]
pub(super) struct HeaderError {
    pub(super) header: &'static str,
    pub(super) what: String,
}

fn refuse<T>(header: &'static str, what: impl Into<String>) -> Result<T, HeaderError> {
    let what = what.into();
    Err(HeaderError { header, what })
}

/// Headers of M3 that would change an answer in ways that are not to be had here.
const REFUSED: &[(&str, &str)] = &[
    (
        "M3-Restrict-By-Storage-Policies",
        "reading several namespaces as one is not supported: name one by M3-Metrics-Type and M3-Storage-Policy",
    ),
    (
        "M3-Map-Tags-JSON",
        "labels are stored as they are sent: add them where they are sent, as external_labels or by relabelling",
    ),
    (
        "M3-Limit-Require-No-Wait",
        "a request waits for its turn, at most 10 s",
    ),
    (
        "M3-Limit-Instance-Multiple",
        "there is one instance: set M3-Limit-Max-Series",
    ),
];

impl M3Headers {
    /// Reads the headers of a request.
    ///
    /// # Errors
    /// When one is malformed, or says what cannot be obeyed.
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, HeaderError> {
        // Nearly no request has any.
        if !headers.keys().any(|name| name.as_str().starts_with("m3-")) {
            return Ok(Self::default());
        }
        for (header, why) in REFUSED {
            match text(headers, header)? {
                // M3 takes these for not set.
                None | Some("" | "0" | "false") => {}
                Some(_) => return refuse(header, *why),
            }
        }
        let (matchers, strip) = restrictions(headers)?;
        let mut reads = bounds(headers)?;
        (reads.matchers, reads.strip) = (matchers, strip);
        reads.level = level(headers)?;
        Ok(Self {
            namespace: namespace(headers)?,
            reads,
        })
    }
}

/// The one value of a header.
fn text<'h>(headers: &'h HeaderMap, header: &'static str) -> Result<Option<&'h str>, HeaderError> {
    let mut values = headers.get_all(header).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return refuse(header, "it occurs more than once");
    }
    match HeaderValue::to_str(value) {
        Ok(text) => Ok(Some(text.trim())),
        Err(_) => refuse(header, "it is no plain text"),
    }
}

fn namespace(headers: &HeaderMap) -> Result<Option<NamespaceKind>, HeaderError> {
    const TYPE: &str = "M3-Metrics-Type";
    const POLICY: &str = "M3-Storage-Policy";
    let policy = text(headers, POLICY)?.filter(|text| !text.is_empty());
    match (text(headers, TYPE)?, policy) {
        (None | Some(""), None) => Ok(None),
        (Some("unaggregated"), None) => Ok(Some(NamespaceKind::Unaggregated)),
        (Some("aggregated"), Some(policy)) => match storage_policy(policy) {
            Ok((resolution, retention)) => Ok(Some(NamespaceKind::Aggregated {
                resolution,
                retention,
            })),
            Err(what) => refuse(POLICY, what),
        },
        (Some("aggregated"), None) => refuse(
            POLICY,
            "it is missing: aggregated metrics are told apart by it, as in 1m:40d",
        ),
        (None | Some("" | "unaggregated"), Some(_)) => refuse(
            POLICY,
            "only aggregated metrics have one: set M3-Metrics-Type to aggregated",
        ),
        (Some(other), _) => refuse(
            TYPE,
            format!("{other:?} is neither unaggregated nor aggregated"),
        ),
    }
}

/// Resolution and retention of `1m:40d`. M3 may write a unit behind the resolution, as `1m@1s:40d`.
fn storage_policy(text: &str) -> Result<(Duration, Duration), String> {
    let Some((resolution, retention)) = text.split_once(':') else {
        return Err(format!("{text:?} is not RESOLUTION:RETENTION, as 1m:40d"));
    };
    let resolution = resolution.split('@').next().unwrap_or_default();
    Ok((duration_of(resolution)?, duration_of(retention)?))
}

/// What `M3-Restrict-By-Tags-JSON` holds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Restrictions {
    #[serde(default, alias = "Restrict", rename = "match")]
    matchers: Vec<Restriction>,
    #[serde(default)]
    strip: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Restriction {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    value: String,
}

fn restrictions(headers: &HeaderMap) -> Result<(Vec<Matcher>, Vec<String>), HeaderError> {
    const HEADER: &str = "M3-Restrict-By-Tags-JSON";
    let Some(text) = text(headers, HEADER)?.filter(|text| !text.is_empty()) else {
        return Ok(Default::default());
    };
    if text.len() > JSON_BYTES_MAX {
        return refuse(HEADER, format!("it is longer than {JSON_BYTES_MAX} bytes"));
    }
    let restrictions: Restrictions = match serde_json::from_str(text) {
        Ok(restrictions) => restrictions,
        Err(error) => return refuse(HEADER, error.to_string()),
    };
    let Restrictions { matchers, strip } = restrictions;
    if matchers.len() + strip.len() > RESTRICTIONS_MAX {
        let what = format!("it names more than {RESTRICTIONS_MAX} labels");
        return refuse(HEADER, what);
    }
    let matchers = matchers.iter().map(|one| match matcher(one) {
        Ok(matcher) => Ok(matcher),
        Err(what) => refuse(HEADER, format!("match of {:?}: {what}", one.name)),
    });
    let matchers = matchers.collect::<Result<Vec<Option<Matcher>>, _>>()?;
    Ok((matchers.into_iter().flatten().collect(), strip))
}

/// One condition; none when everything meets it.
fn matcher(restriction: &Restriction) -> Result<Option<Matcher>, String> {
    let Restriction { name, kind, value } = restriction;
    let regex = |matcher: Result<Matcher, tsdb_core::model::MatcherError>| {
        matcher.map(Some).map_err(|error| error.to_string())
    };
    match kind.to_ascii_uppercase().as_str() {
        "EQUAL" => Ok(Some(Matcher::equal(name, value))),
        "NOTEQUAL" => Ok(Some(Matcher::not_equal(name, value))),
        "REGEXP" => regex(Matcher::regex(name, value)),
        "NOTREGEXP" => regex(Matcher::not_regex(name, value)),
        "EXISTS" => Ok(Some(Matcher::not_equal(name, ""))),
        "NOTEXISTS" => Ok(Some(Matcher::equal(name, ""))),
        "ALL" => Ok(None),
        _ => Err(format!(
            "type {kind:?} is none of EQUAL, NOTEQUAL, REGEXP, NOTREGEXP, EXISTS, NOTEXISTS, ALL"
        )),
    }
}

fn bounds(headers: &HeaderMap) -> Result<Reads, HeaderError> {
    let smaller = |a: Option<u64>, b: Option<u64>| match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    let series = smaller(
        count(headers, "M3-Limit-Max-Series")?,
        count(headers, "M3-Limit-Max-Returned-Series")?,
    );
    // A series counts once for each block of M3's index in the range, here for the one there is.
    let series = smaller(series, count(headers, "M3-Limit-Max-Docs")?);
    let series = smaller(
        series,
        count(headers, "M3-Limit-Max-Returned-SeriesMetadata")?,
    );
    const RANGE: &str = "M3-Limit-Max-Range";
    let range = match text(headers, RANGE)? {
        None | Some("" | "0") => None,
        Some(text) => match duration_of(text) {
            Ok(Duration::ZERO) => None,
            Ok(range) => Some(range),
            Err(error) => return refuse(RANGE, error),
        },
    };
    const EXHAUSTIVE: &str = "M3-Limit-Require-Exhaustive";
    let exhaustive = match text(headers, EXHAUSTIVE)? {
        None | Some("") => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(other) => return refuse(EXHAUSTIVE, format!("{other:?} is neither true nor false")),
    };
    Ok(Reads {
        series: series.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)),
        samples: count(headers, "M3-Limit-Max-Returned-Datapoints")?,
        range,
        exhaustive,
        ..Reads::default()
    })
}

/// How many replicas are asked.
fn level(headers: &HeaderMap) -> Result<Option<ReadLevel>, HeaderError> {
    const LEVEL: &str = "M3-Read-Consistency-Level";
    match text(headers, LEVEL)? {
        None | Some("") => Ok(None),
        Some(text) => match text.parse() {
            Ok(level) => Ok(Some(level)),
            Err(error) => {
                let error: UnknownLevel = error;
                refuse(LEVEL, error.to_string())
            }
        },
    }
}

/// A count; none when it is 0, which means no limit.
fn count(headers: &HeaderMap, header: &'static str) -> Result<Option<u64>, HeaderError> {
    match text(headers, header)? {
        None | Some("") => Ok(None),
        Some(text) => match text.parse() {
            Ok(0) => Ok(None),
            Ok(limit) => Ok(Some(limit)),
            Err(_) => refuse(header, format!("{text:?} is not a whole number")),
        },
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<M3Headers, String> {
        let pairs = pairs.iter().map(|(name, value)| {
            let name: HeaderName = name.parse().expect("a name");
            (
                name,
                HeaderValue::from_bytes(value.as_bytes()).expect("a value"),
            )
        });
        let headers: HeaderMap = pairs.fold(HeaderMap::new(), |mut headers, (name, value)| {
            headers.append(name, value);
            headers
        });
        M3Headers::read(&headers).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_said_holds_nothing() {
        let unset = [
            ("M3-Limit-Instance-Multiple", "0"),
            ("M3-Limit-Max-Series", "0"),
            ("M3-Limit-Max-Range", "0"),
            ("M3-Limit-Require-No-Wait", "false"),
            ("M3-Metrics-Type", ""),
            ("M3-Map-Tags-JSON", ""),
            ("M3-Restrict-By-Tags-JSON", ""),
            ("M3-Source", "grafana"),
            ("Accept", "x"),
        ];
        assert_eq!(read(&unset), Ok(M3Headers::default()));
    }

    #[test]
    fn each_header_says_its_own() {
        let read = |pairs: &[(&str, &str)]| read(pairs).expect("headers");
        let kind = |pairs: &[(&str, &str)]| read(pairs).namespace;
        assert_eq!(
            kind(&[("M3-Metrics-Type", "unaggregated")]),
            Some(NamespaceKind::Unaggregated)
        );
        for policy in ["1m:40d", "1m:960h", "60s:40d", "1m@1s:40d"] {
            let pairs = [
                ("m3-metrics-type", "aggregated"),
                ("m3-storage-policy", policy),
            ];
            let expected = NamespaceKind::Aggregated {
                resolution: Duration::from_secs(60),
                retention: Duration::from_secs(40 * 86_400),
            };
            assert_eq!(kind(&pairs), Some(expected), "{policy}");
        }
        let json = r#"{"match":[{"name":"team","type":"EQUAL","value":"a"},{"name":"b","type":"notregexp","value":"x.*"},{"name":"c","type":"EXISTS"},{"name":"d","type":"ALL"}],"strip":["team"]}"#;
        let said = read(&[("M3-Restrict-By-Tags-JSON", json)]);
        let shown: Vec<String> = said
            .reads
            .matchers
            .iter()
            .map(|one| format!("{one}"))
            .collect();
        assert_eq!(shown, ["team=\"a\"", "b!~\"x.*\"", "c!=\"\""]);
        assert_eq!(said.reads.strip, ["team"]);
        let said = read(&[
            ("M3-Limit-Max-Series", "10"),
            ("M3-Limit-Max-Docs", "7"),
            ("M3-Limit-Max-Returned-Datapoints", "1000"),
            ("M3-Limit-Max-Range", "24h"),
            ("M3-Limit-Require-Exhaustive", "false"),
            ("M3-Read-Consistency-Level", "one"),
        ]);
        let reads = Reads {
            level: Some(ReadLevel::One),
            series: Some(7),
            samples: Some(1000),
            range: Some(Duration::from_secs(86_400)),
            exhaustive: Some(false),
            ..Reads::default()
        };
        assert_eq!(said.reads, reads);
    }

    #[test]
    fn a_level_of_reads_that_is_none_is_refused_with_those_that_are() {
        let error = read(&[("M3-Read-Consistency-Level", "some")]).expect_err("no level");
        let expected = "M3-Read-Consistency-Level: \"some\" is no consistency level of reads: use one of one, unstrict_majority, majority, all";
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn what_is_not_obeyed_is_refused_by_name() {
        let many: String = (0..101).map(|_| "\"a\",").collect();
        let many = format!("{{\"strip\":[{}]}}", many.trim_end_matches(','));
        let cases: &[(&[(&str, &str)], &str)] = &[
            (
                &[("M3-Metrics-Type", "other")],
                "M3-Metrics-Type: \"other\" is neither",
            ),
            (
                &[("M3-Metrics-Type", "aggregated")],
                "M3-Storage-Policy: it is missing",
            ),
            (
                &[("M3-Storage-Policy", "1m:40d")],
                "M3-Storage-Policy: only aggregated metrics",
            ),
            (
                &[
                    ("M3-Metrics-Type", "aggregated"),
                    ("M3-Storage-Policy", "1m"),
                ],
                "\"1m\" is not RESOLUTION:RETENTION",
            ),
            (
                &[
                    ("M3-Metrics-Type", "aggregated"),
                    ("M3-Storage-Policy", "1m:x"),
                ],
                "M3-Storage-Policy: unit",
            ),
            (
                &[
                    ("M3-Metrics-Type", "unaggregated"),
                    ("M3-Metrics-Type", "aggregated"),
                ],
                "more than once",
            ),
            (
                &[("M3-Metrics-Type", "\u{e9}")],
                "M3-Metrics-Type: it is no plain text",
            ),
            (
                &[("M3-Restrict-By-Storage-Policies", "1m:14d;5m:30d")],
                "several namespaces as one",
            ),
            (
                &[("M3-Map-Tags-JSON", "{}")],
                "M3-Map-Tags-JSON: labels are stored as they are sent",
            ),
            (
                &[("M3-Limit-Require-No-Wait", "true")],
                "M3-Limit-Require-No-Wait: a request waits",
            ),
            (
                &[("M3-Limit-Instance-Multiple", "2")],
                "M3-Limit-Instance-Multiple: there is one",
            ),
            (
                &[("M3-Limit-Max-Series", "-1")],
                "M3-Limit-Max-Series: \"-1\" is not a whole number",
            ),
            (
                &[("M3-Limit-Max-Range", "soon")],
                "M3-Limit-Max-Range: unit",
            ),
            (
                &[("M3-Limit-Require-Exhaustive", "yes")],
                "neither true nor false",
            ),
            (
                &[("M3-Restrict-By-Tags-JSON", "{")],
                "M3-Restrict-By-Tags-JSON: EOF",
            ),
            (
                &[("M3-Restrict-By-Tags-JSON", "{\"matches\":[]}")],
                "unknown field",
            ),
            (
                &[(
                    "M3-Restrict-By-Tags-JSON",
                    "{\"match\":[{\"name\":\"a\",\"type\":\"IS\"}]}",
                )],
                "match of \"a\": type \"IS\" is none of EQUAL",
            ),
            (
                &[(
                    "M3-Restrict-By-Tags-JSON",
                    "{\"match\":[{\"name\":\"a\",\"type\":\"REGEXP\",\"value\":\"(\"}]}",
                )],
                "match of \"a\": error parsing regexp",
            ),
            (
                &[("M3-Restrict-By-Tags-JSON", &many)],
                "more than 100 labels",
            ),
        ];
        for (pairs, reason) in cases {
            let error = read(pairs).expect_err(reason);
            assert!(error.contains(reason), "{error}\nis not\n{reason}");
        }
    }
}
