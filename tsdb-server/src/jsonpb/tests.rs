use serde::{Deserialize, Serialize};

use super::{enumeration, int64, nanos, number, optional_double, parse};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Begun,
    Done,
}
enumeration!(State { Begun = "BEGUN", Done = "DONE" });

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Message {
    name: String,
    #[serde(with = "int64", alias = "long_number")]
    long_number: i64,
    #[serde(with = "nanos", alias = "pauseDuration")]
    pause_nanos: i64,
    #[serde(deserialize_with = "number")]
    port: u32,
    #[serde(with = "optional_double")]
    share: Option<f64>,
    state: State,
    inner: Option<Box<Message>>,
}

fn read(text: &str) -> Result<Message, String> {
    parse(text.as_bytes()).map_err(|error| error.to_string())
}

#[test]
fn every_field_is_printed_and_read_back() {
    let message = Message {
        long_number: -5,
        share: Some(16.0),
        inner: Some(Box::new(Message {
            share: Some(0.5),
            state: State::Done,
            ..Message::default()
        })),
        ..Message::default()
    };
    let text = serde_json::to_string(&message).expect("JSON");
    let inner = r#"{"name":"","longNumber":"0","pauseNanos":"0","port":0,"share":0.5,"state":"DONE","inner":null}"#;
    let expected = r#"{"name":"","longNumber":"-5","pauseNanos":"0","port":0,"share":16,"state":"BEGUN","inner":INNER}"#;
    assert_eq!(text, expected.replace("INNER", inner));
    assert_eq!(read(&text), Ok(message));
}

#[test]
fn numbers_texts_and_nulls_are_read_as_jsonpb_reads_them() {
    let expected = Message {
        long_number: 7,
        pause_nanos: 172_800_000_000_000,
        port: 9000,
        state: State::Done,
        ..Message::default()
    };
    for text in [
        r#"{"longNumber":7,"pauseNanos":172800000000000,"port":9000,"state":"DONE"}"#,
        r#"{"longNumber":"7","pauseNanos":"172800000000000","port":"9000","state":1}"#,
        r#"{"long_number":7,"pauseDuration":"48h","port":9000,"state":"DONE","inner":null}"#,
        r#"{"long_number":7,"pauseDuration":"2d","port":9000,"state":"DONE","name":null}"#,
    ] {
        assert_eq!(read(text).as_ref(), Ok(&expected), "{text}");
    }
}

#[test]
fn what_is_wrong_is_named_with_its_field() {
    let deep = format!("{}1{}", "{\"inner\":".repeat(4000), "}".repeat(4000));
    for (text, parts) in [
        ("", &["no JSON"][..]),
        ("{", &["no JSON"]),
        ("[]", &["a list"]),
        (r#"{"nme":"a"}"#, &["unknown field `nme`"]),
        (r#"{"inner":{"x":1}}"#, &["inner", "unknown field `x`"]),
        (r#"{"longNumber":1,"long_number":2}"#, &["duplicate field"]),
        (r#"{"port":-1}"#, &["port: -1 is out of range"]),
        (
            r#"{"port":4294967296}"#,
            &["port: 4294967296 is out of range"],
        ),
        (r#"{"longNumber":18446744073709551615}"#, &["out of range"]),
        (r#"{"longNumber":1e3}"#, &["longNumber", "whole number"]),
        (r#"{"longNumber":1e999}"#, &["no JSON"]),
        (
            r#"{"longNumber":"x"}"#,
            &["longNumber", "\"x\" is no whole number"],
        ),
        (
            r#"{"pauseNanos":"2 days"}"#,
            &["pauseNanos", "duration \"2 days\""],
        ),
        (r#"{"name":5}"#, &["name", "expected a string"]),
        (
            r#"{"state":"GONE"}"#,
            &["state", "\"GONE\" is none of BEGUN, DONE"],
        ),
        (r#"{"state":2}"#, &["state: 2 is none of"]),
        (r#"{"inner":{"share":"a"}}"#, &["inner.share"]),
        (&deep, &["recursion limit"]),
    ] {
        let error = read(text).expect_err(text);
        for part in parts {
            assert!(error.contains(part), "{error} has no {part}");
        }
    }
}
