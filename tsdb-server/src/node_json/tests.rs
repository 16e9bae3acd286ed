//! Bodies that are taken, bodies that are not, and queries against a model.

use proptest::prelude::*;
use tsdb_core::model::{Labels, Matcher, TimeRange};

use super::{
    Point, Query, TimeUnit, UnknownFields, parse_aggregate, parse_fetch, parse_point, parse_query,
    parse_search, parse_truncate, parse_write, parse_write_tagged,
};

const REFUSED: UnknownFields = UnknownFields::Refused;

fn query(json: &str) -> Result<Query, String> {
    let body = format!("{{\"namespace\":\"n\",\"query\":{json}}}");
    let parsed = parse_query(body.as_bytes(), REFUSED);
    parsed
        .map(|request| request.query)
        .map_err(|error| error.to_string())
}

#[test]
fn keys_match_whatever_their_case_and_the_last_of_two_counts() {
    let body = br#"{"NAMESPACE":"a","namespace":"default","Id":"foo","dataPoint":{"TIMESTAMP":1527039389,"value":42.123456789,"TimestampTimeType":"UNIX_SECONDS","annotation":null},"tags":[{"NAME":"city","Value":"new_york"}]}"#;
    let request = parse_write_tagged(body, REFUSED).expect("a body");
    assert_eq!(request.namespace, "default");
    assert_eq!(request.id, "foo");
    assert_eq!(
        request.tags,
        Some(vec![("city".to_owned(), "new_york".to_owned())])
    );
    assert_eq!(
        (request.timestamp, request.value.to_bits()),
        (1_527_039_389_000, 42.123456789_f64.to_bits())
    );
}

#[test]
fn unknown_fields_are_refused_at_every_depth_or_ignored() {
    let cases = [
        (
            r#"{"nameSpace":"n","id":"a","datapoint":{"timestamp":1,"value":1},"more":1}"#,
            "invalid request body: unknown field \"more\": known are nameSpace, id, datapoint",
        ),
        (
            r#"{"nameSpace":"n","id":"a","datapoint":{"timestamp":1,"value":1,"x":{}}}"#,
            "invalid request body: datapoint: unknown field \"x\": known are timestamp, value, annotation, timestampTimeType",
        ),
    ];
    for (body, message) in cases {
        let error = parse_write(body.as_bytes(), REFUSED).expect_err(body);
        assert_eq!(error.to_string(), message);
        let taken = parse_write(body.as_bytes(), UnknownFields::Ignored).expect(body);
        assert_eq!((taken.timestamp, taken.value), (1000, 1.0));
    }
}

#[test]
fn wrong_bodies_are_told_with_their_place() {
    let cases = [
        ("", "EOF while parsing a value at line 1 column 0"),
        ("[]", "[] is not an object"),
        ("{\"id\":1}", "id: 1 is not a string"),
        (
            "{\"id\":\"a\"",
            "EOF while parsing an object at line 1 column 9",
        ),
        ("{\"id\":\"a\"}x", "trailing characters at line 1 column 11"),
        ("{\"id\":\"\"}", "id: it is missing"),
        ("{\"id\":\"a\"}", "datapoint: it is missing"),
        (
            "{\"id\":\"a\",\"datapoint\":[1]}",
            "datapoint: [1] is not an object",
        ),
        (
            "{\"id\":\"a\",\"datapoint\":{}}",
            "datapoint.timestamp: it is missing",
        ),
        (
            "{\"id\":\"a\",\"datapoint\":{\"timestamp\":1.5,\"value\":1}}",
            "datapoint.timestamp: 1.5 is not a whole number of 64 bits",
        ),
        (
            "{\"id\":\"a\",\"datapoint\":{\"timestamp\":9223372036854775808,\"value\":1}}",
            "datapoint.timestamp: 9223372036854775808 is not a whole number of 64 bits",
        ),
        (
            "{\"id\":\"a\",\"datapoint\":{\"timestamp\":1}}",
            "datapoint.value: it is missing",
        ),
        (
            "{\"id\":\"a\",\"datapoint\":{\"timestamp\":1,\"value\":\"1\"}}",
            "datapoint.value: \"1\" is not a number that fits 64 bits",
        ),
        (
            "{\"id\":\"a\",\"datapoint\":{\"timestamp\":1,\"value\":1e999}}",
            "datapoint.value: 1e999 is not a number that fits 64 bits",
        ),
        (
            "{\"id\":\"a\",\"datapoint\":{\"timestamp\":1,\"value\":1,\"annotation\":\"AA==\"}}",
            "datapoint.annotation: annotations of samples are not kept: leave it out",
        ),
        (
            "{\"id\":\"a\",\"datapoint\":{\"timestamp\":1,\"value\":1,\"timestampTimeType\":\"DAYS\"}}",
            "datapoint.timestampTimeType: \"DAYS\" is none of UNIX_SECONDS, UNIX_MILLISECONDS, UNIX_MICROSECONDS, UNIX_NANOSECONDS",
        ),
    ];
    for (body, message) in cases {
        let error = parse_write(body.as_bytes(), REFUSED).expect_err(body);
        assert_eq!(
            error.to_string(),
            format!("invalid request body: {message}")
        );
    }
    let long = format!("{{\"id\":[\"{}\"]}}", "x".repeat(1000));
    let error = parse_write(long.as_bytes(), REFUSED).expect_err("a list");
    assert!(error.to_string().len() < 100, "{error}");
    let empty = br#"{"tags":[{"name":"a","value":"1"},{"name":"b"}],"datapoint":{"timestamp":1,"value":1}}"#;
    let error = parse_write_tagged(empty, REFUSED).expect_err("a tag without a value");
    assert!(error.to_string().contains("tags[1].value: "), "{error}");
}

#[test]
fn ranges_end_before_their_end_and_keep_to_milliseconds() {
    let range = |unit: TimeUnit, start, end| unit.range(start, end);
    let ms = |start, end| TimeRange::new(start, end).ok();
    assert_eq!(range(TimeUnit::Seconds, 0, 2), ms(0, 2000));
    assert_eq!(range(TimeUnit::Milliseconds, 5, 7), ms(5, 7));
    assert_eq!(range(TimeUnit::Microseconds, 1, 2_001), ms(1, 3));
    assert_eq!(range(TimeUnit::Nanoseconds, -1, 1), ms(0, 1));
    assert_eq!(range(TimeUnit::Nanoseconds, 1, 2), None);
    assert_eq!(range(TimeUnit::Seconds, 3, 3), None);
    assert_eq!(
        range(TimeUnit::Seconds, i64::MIN, i64::MAX),
        ms(i64::MIN, i64::MAX)
    );
    assert_eq!(TimeUnit::Nanoseconds.to_ms(-1), -1);
    assert_eq!(TimeUnit::Seconds.of_ms(-1), -1);
    assert_eq!(TimeUnit::Nanoseconds.of_ms(i64::MAX), i64::MAX);

    let body = br#"{"namespace":"n","id":"a","rangeStart":2,"rangeEnd":1}"#;
    let error = parse_fetch(body, REFUSED).expect_err("an end before its start");
    assert_eq!(
        error.to_string(),
        "invalid request body: rangeEnd: 1 is before rangeStart, which is 2"
    );
    let body = br#"{"namespace":"n","id":"a","rangeStart":1000,"rangeEnd":2000,"rangeType":"UNIX_MILLISECONDS","resultTimeType":"UNIX_NANOSECONDS","source":"AA=="}"#;
    let request = parse_fetch(body, REFUSED).expect("a body");
    assert_eq!(request.range, ms(1000, 2000));
    assert_eq!(request.result_unit, TimeUnit::Nanoseconds);
}

#[test]
fn a_query_is_of_one_kind_and_bounded() {
    let cases = [
        ("{}", "query: no query types specified"),
        (
            r#"{"all":{},"field":{"field":"a"}}"#,
            "query: multiple query types specified",
        ),
        (
            r#"{"regexp":{"field":"a","regexp":"("}}"#,
            "query.regexp.regexp: error parsing regexp: missing closing ): `(`",
        ),
        (
            r#"{"term":{"term":"a"}}"#,
            "query.term.field: it is missing",
        ),
        (
            r#"{"conjunction":{"queries":[]}}"#,
            "query.conjunction.queries: the list is empty",
        ),
        (
            r#"{"conjunction":{"queries":[{"all":{}},{"all":{"x":1}}]}}"#,
            "query.conjunction.queries[1].all: unknown field \"x\": known are ",
        ),
        (r#"{"negation":{}}"#, "query.negation.query: it is missing"),
    ];
    for (json, message) in cases {
        let error = query(json).expect_err(json);
        assert_eq!(error, format!("invalid request body: {message}"));
    }
    let nested = |depth| {
        let (open, close) = ("{\"negation\":{\"query\":", "}}");
        format!(
            "{}{{\"all\":{{}}}}{}",
            open.repeat(depth),
            close.repeat(depth)
        )
    };
    assert!(query(&nested(31)).is_ok());
    let error = query(&nested(32)).expect_err("too deep");
    assert!(error.contains("more than 32 deep"), "{error}");
    // Depth that no query has costs nothing either.
    assert!(query(&"[".repeat(500_000)).is_err());
    let wide = |parts| {
        let parts = vec!["{\"term\":{\"field\":\"a\",\"term\":\"b\"}}"; parts].join(",");
        format!("{{\"disjunction\":{{\"queries\":[{parts}]}}}}")
    };
    let most = query(&wide(999)).expect("as many as may be");
    assert_eq!(most.matcher_sets().map(|sets| sets.len()), Ok(999));
    assert!(query(&wide(1000)).is_err_and(|error| error.contains("more than 1000 parts")));
    let squared = format!(
        "{{\"conjunction\":{{\"queries\":[{},{}]}}}}",
        wide(40),
        wide(40)
    );
    let error = query(&squared).expect("a query").matcher_sets();
    assert!(error.is_err_and(|error| error.to_string().contains("1000")));
}

#[test]
fn an_aggregation_may_leave_its_query_out() {
    let request = parse_aggregate(br#"{"namespace":"n","rangeEnd":1}"#, REFUSED).expect("a body");
    assert!(matches!(request.query, Query::All));
    assert!(request.values && request.names.is_empty() && request.limit.is_none());
    let body = br#"{"namespace":"n","rangeEnd":1,"aggregateQueryType":"AGGREGATE_BY_TAG_NAME","tagNameFilter":["a"],"seriesLimit":2,"limit":3,"docsLimit":9,"requireExhaustive":true}"#;
    let request = parse_aggregate(body, REFUSED).expect("a body");
    assert!(!request.values && request.require_exhaustive);
    assert_eq!(
        (request.names, request.limit),
        (vec!["a".to_owned()], Some(2))
    );
    let wrong = br#"{"aggregateQueryType":"X"}"#;
    assert!(parse_aggregate(wrong, REFUSED).is_err());
    let negative = br#"{"seriesLimit":-1}"#;
    assert!(parse_aggregate(negative, REFUSED).is_err());
    assert_eq!(
        parse_truncate(br#"{"Namespace":"ZGVmYXVsdA=="}"#, REFUSED),
        Ok("ZGVmYXVsdA==".to_owned())
    );
}

#[test]
fn points_have_times_of_three_kinds() {
    let point = |time: &str| {
        let body =
            format!("{{\"tags\":{{\"__name__\":\"a\"}},\"timestamp\":{time},\"value\":1.5}}");
        parse_point(body.as_bytes()).map(|point| point.timestamp)
    };
    assert_eq!(point("\"1534952005\""), Ok(1_534_952_005_000));
    assert_eq!(point("\"1534952005.25\""), Ok(1_534_952_005_250));
    assert_eq!(point("1534952005"), Ok(1_534_952_005_000));
    assert_eq!(point("\"2018-08-22T15:33:25Z\""), Ok(1_534_952_005_000));
    for wrong in ["\"now\"", "true", "null", "\"\"", "{}"] {
        assert!(point(wrong).is_err(), "{wrong}");
    }
    let body = br#"{"TAGS":{"a":"1","b":"2"},"Timestamp":"1","value":-0.0,"unknown":[1]}"#;
    let Point { tags, value, .. } = parse_point(body).expect("a point");
    assert_eq!((tags.len(), value.to_bits()), (2, (-0.0_f64).to_bits()));
    let many: Vec<String> = (0..1025).map(|at| format!("\"l{at}\":\"\"")).collect();
    let body = format!(
        "{{\"tags\":{{{}}},\"timestamp\":\"1\",\"value\":1}}",
        many.join(",")
    );
    let error = parse_point(body.as_bytes()).expect_err("too many");
    assert!(
        error.to_string().contains("more than 1024 pairs"),
        "{error}"
    );
    assert!(parse_point(br#"{"tags":{"a":1},"timestamp":"1","value":1}"#).is_err());
}

#[test]
fn a_search_has_matchers_of_seven_types() {
    // The names are "city", the values "ne.*".
    let search = |kind: u8| {
        let body = format!(
            "{{\"matchers\":[{{\"type\":{kind},\"name\":\"Y2l0eQ==\",\"value\":\"bmUuKg==\"}}]}}"
        );
        parse_search(body.as_bytes()).map(|request| request.matchers)
    };
    let regex = |made: Result<Matcher, _>| Ok(vec![made.expect("a pattern")]);
    assert_eq!(search(0), Ok(vec![Matcher::equal("city", "ne.*")]));
    assert_eq!(search(1), Ok(vec![Matcher::not_equal("city", "ne.*")]));
    assert_eq!(search(2), regex(Matcher::regex("city", "ne.*")));
    assert_eq!(search(3), regex(Matcher::not_regex("city", "ne.*")));
    assert_eq!(search(4), Ok(vec![Matcher::not_equal("city", "")]));
    assert_eq!(search(5), Ok(vec![Matcher::equal("city", "")]));
    assert_eq!(search(6), Ok(vec![]));
    assert!(search(7).is_err());
    let plain = br#"{"matchers":[{"type":0,"name":"a.b"}]}"#;
    assert!(parse_search(plain).is_err_and(|error| error.to_string().contains("base64")));
    let range = br#"{"start":"1970-01-01T00:00:01Z","end":"1970-01-01T00:00:02Z"}"#;
    let range = parse_search(range).map(|request| request.range);
    assert_eq!(range, Ok(TimeRange::inclusive(1000, 2000).ok()));
}

/// Queries as JSON over three tags of three values, one of which meets the empty text.
fn queries() -> impl Strategy<Value = String> {
    let field = prop_oneof![Just("a"), Just("b"), Just("c")];
    let leaf = prop_oneof![
        (field.clone(), "[xyz]?").prop_map(|(field, term)| format!(
            "{{\"term\":{{\"field\":\"{field}\",\"term\":\"{term}\"}}}}"
        )),
        (
            field.clone(),
            prop_oneof![Just("x|y"), Just(".*"), Just("z?"), Just("x+")]
        )
            .prop_map(|(field, regexp)| format!(
                "{{\"regexp\":{{\"field\":\"{field}\",\"regexp\":\"{regexp}\"}}}}"
            )),
        field.prop_map(|field| format!("{{\"field\":{{\"field\":\"{field}\"}}}}")),
        Just("{\"all\":{}}".to_owned()),
    ];
    leaf.prop_recursive(4, 12, 3, |inner| {
        let list = proptest::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            inner.prop_map(|query| format!("{{\"negation\":{{\"query\":{query}}}}}")),
            list.clone().prop_map(|queries| format!(
                "{{\"conjunction\":{{\"queries\":[{}]}}}}",
                queries.join(",")
            )),
            list.prop_map(|queries| format!(
                "{{\"disjunction\":{{\"queries\":[{}]}}}}",
                queries.join(",")
            )),
        ]
    })
}

proptest! {
    /// The sets of matchers mean what the query means, for every series there can be.
    #[test]
    fn matcher_sets_mean_what_the_query_means(json in queries()) {
        let query = query(&json).expect("a query");
        let sets = query.matcher_sets().expect("few sets");
        let values = ["", "x", "y", "z", "xx"];
        for index in 0..values.len().pow(3) {
            let value = |power: u32| values[index / values.len().pow(power) % values.len()];
            let pairs = [("a", value(0)), ("b", value(1)), ("c", value(2))];
            let labels = Labels::from_pairs(pairs).expect("labels");
            let met = |set: &Vec<Matcher>| {
                set.iter().all(|one| one.matches(labels.get(one.name()).unwrap_or("")))
            };
            prop_assert_eq!(query.matches(&labels), sets.iter().any(met), "{} {}", json, labels);
        }
    }

    /// Whatever the bytes: no panic, and no error without a text.
    #[test]
    fn any_body_is_taken_or_told(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Err(error) = parse_write_tagged(&body, REFUSED) {
            prop_assert!(error.to_string().len() > "invalid request body: ".len());
        }
    }
}
