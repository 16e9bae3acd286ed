//! The JSON of M3's nodes and of its coordinator's first writes.

use tsdb_core::model::{Labels, Matcher};
use tsdb_server::node_json::{
    Query, TimeUnit, UnknownFields, parse_aggregate, parse_fetch, parse_point, parse_query,
    parse_search, parse_truncate, parse_write, parse_write_tagged,
};

/// Series that a query is held against.
const SERIES: &[&[(&str, &str)]] = &[
    &[],
    &[("city", "new_york"), ("role", "db")],
    &[("city", "oslo")],
    &[("role", "web"), ("__name__", "up")],
];

/// What a body is taken for, it is taken for as well when unknown fields are ignored; and the
/// sets of matchers of a query mean what the query means.
pub(crate) fn request(input: &[u8]) {
    let (strict, lax) = (UnknownFields::Refused, UnknownFields::Ignored);
    if let Ok(request) = parse_write(input, strict) {
        assert_eq!(
            bits(&parse_write(input, lax).expect("as strictly")),
            bits(&request)
        );
        assert!(request.tags.is_none() && !request.id.is_empty());
    }
    if let Ok(request) = parse_write_tagged(input, strict) {
        let tags = request.tags.expect("tags");
        assert!(tags.iter().all(|(_, value)| !value.is_empty()));
    }
    if let Ok(request) = parse_fetch(input, strict) {
        assert_eq!(parse_fetch(input, lax), Ok(request));
    }
    if let Ok(request) = parse_aggregate(input, lax) {
        check(&request.query);
    }
    if let Ok(request) = parse_query(input, lax) {
        if let Some(range) = request.range {
            assert!(range.min() <= range.max());
            let unit = request.result_unit;
            let back = unit.to_ms(unit.of_ms(range.min()));
            let exact = unit == TimeUnit::Milliseconds;
            assert!(
                back == range.min() || !exact,
                "{back} is not {}",
                range.min()
            );
        }
        check(&request.query);
    }
    if let Err(error) = parse_truncate(input, strict) {
        assert!(error.to_string().starts_with("invalid request body: "));
    }
}

fn bits(request: &tsdb_server::node_json::WriteRequest) -> (&str, i64, u64) {
    (&request.id, request.timestamp, request.value.to_bits())
}

fn check(query: &Query) {
    let Ok(sets) = query.matcher_sets() else {
        return;
    };
    for pairs in SERIES {
        let labels = Labels::from_pairs(pairs.iter().copied()).expect("labels");
        let meets = |matcher: &Matcher| matcher.matches(labels.get(matcher.name()).unwrap_or(""));
        let met = sets.iter().any(|set| set.iter().all(meets));
        assert_eq!(query.matches(&labels), met, "{query:?} {labels}");
    }
}

/// A point that is taken has few labels and a number; so has a search.
pub(crate) fn point(input: &[u8]) {
    match parse_point(input) {
        Ok(point) => assert!(point.tags.len() <= 1024 && point.value.is_finite()),
        Err(error) => assert!(error.to_string().starts_with("invalid request body: ")),
    }
    if let Ok(request) = parse_search(input) {
        assert!(request.matchers.len() <= 1000);
    }
}
