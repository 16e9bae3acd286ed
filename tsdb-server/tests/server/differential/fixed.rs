//! Answers of a fixed list, byte for byte.

use std::fmt::Write as _;

use serde_json::value::RawValue;

use super::answer::Kind;
use super::known;
use super::pair::Pair;

/// Paths below `/api/v1/` with parameters that are not yet encoded; `END` and `START` are the
/// seconds of the last samples and of 20 minutes before.
const REQUESTS: [&str; 107] = [
    "query?query=1&time=END",
    "query?query=1e21&time=END",
    "query?query=1e20&time=END",
    "query?query=123456789012345678&time=END",
    "query?query=1e-7&time=END",
    "query?query=1e-6&time=END",
    "query?query=-1e-7&time=END",
    "query?query=0.1 + 0.2&time=END",
    "query?query=NaN&time=END",
    "query?query=Inf&time=END",
    "query?query=-Inf&time=END",
    "query?query=-0&time=END",
    "query?query=0 * -1&time=END",
    "query?query=5e-324&time=END",
    "query?query=1.7976931348623157e308&time=END",
    "query?query=time()&time=END.5",
    "query?query=time()&time=END.001",
    "query?query=1&time=1.7",
    "query?query=1&time=-1.5",
    "query?query=1&time=2023-01-01T00:00:00.25Z",
    "query?query=1&time=2023-01-01T02:00:00%2B02:00",
    "query?query=\"a<b>%26\\\"\\u00e9\\u2028\"&time=END",
    "query?query='tab\\t, back\\\\, bell\\a'&time=END",
    "query?query=requests_total&time=END",
    "query?query=requests_total&time=END.123",
    "query?query=odd&time=END",
    "query?query=odd[2m]&time=END",
    "query?query=odd{kind=\"all\"}[3m]&time=END.5",
    "query?query=nothing_has_this_name&time=END",
    "query?query=nothing_has_this_name[5m]&time=END",
    "query?query=sort(requests_total)&time=END",
    "query?query=sort_desc(requests_total)&time=END",
    "query?query=topk(3, requests_total)&time=END",
    "query?query=count_values(\"v\", build_info)&time=END",
    "query?query=sum(rate(requests_total[5m]))&time=END",
    "query?query=vector(1.5)&time=END",
    "query?query=scalar(nothing_has_this_name)&time=END",
    "query?query=temperature @ START.000&time=END",
    "query?query=avg by (room) (temperature)&time=END",
    "query_range?query=1&start=START&end=END&step=600",
    "query_range?query=requests_total&start=START&end=END&step=300",
    "query_range?query=requests_total&start=START.5&end=END&step=7m0s",
    "query_range?query=odd&start=START&end=END&step=61.5",
    "query_range?query=sum(requests_total) by (code)&start=START&end=END&step=5m",
    "query_range?query=nothing_has_this_name&start=START&end=END&step=60",
    "query_range?query=time() / 7&start=START&end=START&step=1",
    "query?query=sum(&time=END",
    "query?query=&time=END",
    "query?query=rate(up)&time=END",
    "query?query=up[5m] + 1&time=END",
    "query?query=a b&time=END",
    "query?query={}&time=END",
    "query?query={a=~\"(\"}&time=END",
    "query?query=sum by (1) (a)&time=END",
    "query?query=\"open&time=END",
    "query?query=no_such(a)&time=END",
    "query?query=1 == 2&time=END",
    "query?query=a and 1&time=END",
    "query?query=clamp(a, 1)&time=END",
    "query?query=a[5x]&time=END",
    "query?query=a offset 5&time=END",
    "query?query=1&time=yesterday",
    "query?query=1&time=END&timeout=soon",
    "query?query=requests_total + on (job) requests_total&time=END",
    "query?query=build_info * on () group_left () build_info&time=END",
    "query?query=label_replace(build_info, \"a b\", \"\", \"\", \"\")&time=END",
    "query?query=label_replace(build_info, \"a\", \"\", \"b\", \"(\")&time=END",
    "query?query=label_join(build_info, \"a b\", \"-\", \"b\")&time=END",
    "query?query=count_values(\"a b\", build_info)&time=END",
    "query?query=label_replace(build_info, \"instance\", \"\", \"\", \"\") + 0&time=END",
    "query?query=holt_winters(odd[5m], 2, 0.5)&time=END",
    "query_range?query=1&start=END&end=START&step=60",
    "query_range?query=1&start=START&end=END&step=0",
    "query_range?query=1&start=START&end=END&step=-1",
    "query_range?query=1&start=START&end=END&step=soon",
    "query_range?query=1&start=START&end=END&step=0.01",
    "query_range?query=1&end=END&step=60",
    "query_range?query=odd[5m]&start=START&end=END&step=60",
    "query_range?query=\"a\"&start=START&end=END&step=60",
    "series?match[]=temperature&start=START&end=END",
    "series?match[]=build_info&match[]={kind=\"all\"}&start=START&end=END",
    "series?match[]=nothing_has_this_name&start=START&end=END",
    "series?match[]=sum(a)&start=START&end=END",
    "series?start=START&end=END",
    "labels?match[]=temperature&start=START&end=END",
    "label/room/values?start=START&end=END",
    "label/no-name/values?start=START&end=END",
    "format_query?query=sum  by(job)( rate(a[5m]) )>bool 2",
    "format_query?query=sum(",
    "format_query?query=a offset 5m @ 1.5",
    "format_query?query=foo{a!~\"b\",c=\"<d>\"} unless on(x) bar[5m:1m]",
    "query_exemplars?query=requests_total&start=START&end=END",
    "query_exemplars?query=sum(&start=START&end=END",
    "query_exemplars?query=a&start=END&end=START",
    "metadata?metric=none",
    "metadata?limit=no",
    "series?match[]={}&start=START&end=END",
    "series?match[]=a&start=never&end=END",
    "labels?match[]=sum(a)&start=START&end=END",
    "labels?start=START&end=END&match[]=odd&match[]=build_info",
    "label/__name__/values?match[]={instance=\"a:1\"}&start=START&end=END",
    "label/none/values?start=START&end=END",
    "label/room/values?match[]=b{&start=START&end=END",
    "targets?state=none",
    "rules?type=none",
    "alerts?a=b",
    "query?time=END",
];

/// Encodes the values of the parameters.
fn encoded(request: &str, end: i64) -> String {
    let (path, parameters) = request.split_once('?').expect("parameters");
    let mut form = form_urlencoded::Serializer::new(String::new());
    for parameter in parameters.split_inclusive('&') {
        let parameter = parameter.strip_suffix('&').unwrap_or(parameter);
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = value.replace("%2B", "+").replace("%26", "&");
        let value = value.replace("START", &(end - 1200).to_string());
        form.append_pair(name, &value.replace("END", &end.to_string()));
    }
    format!("/api/v1/{path}?{}", form.finish())
}

#[derive(serde::Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    result: &'a RawValue,
}

#[derive(serde::Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    data: Data<'a>,
}

/// An answer with the series of a vector in the order of their text, where theirs says nothing.
fn in_order(request: &str, body: &str) -> String {
    if request.contains("=sort") || !body.contains("\"resultType\":\"vector\"") {
        return body.to_owned();
    }
    let result = serde_json::from_str::<Body<'_>>(body)
        .expect("JSON")
        .data
        .result
        .get();
    let mut series: Vec<&RawValue> = serde_json::from_str(result).expect("a list");
    series.sort_by_key(|one| one.get());
    let series = Vec::from_iter(series.iter().map(|one| one.get()));
    body.replace(result, &format!("[{}]", series.join(",")))
}

#[tokio::test]
async fn answers_are_those_of_prometheus_2_42_to_the_byte() {
    let folder = tempfile::tempdir().expect("a folder");
    let flags = ["--promql-features", "prometheus-2"];
    let Some(pair) = Pair::filled(folder.path(), 0, &flags).await else {
        return;
    };
    let known = known::list("bytes_2.42.txt");
    let mut unknown = String::new();
    for request in REQUESTS {
        let path = encoded(request, pair.end / 1000);
        let [theirs, ours] = pair.get(&path).await;
        let kind = |answer: &crate::support::Answer| answer.headers["content-type"].clone();
        let whole = |answer: &crate::support::Answer| {
            (
                answer.status,
                kind(answer),
                in_order(request, &answer.text()),
            )
        };
        let (theirs, ours) = (whole(&theirs), whole(&ours));
        if theirs != ours && known::reason(&known, request, Kind::Value).is_none() {
            writeln!(
                unknown,
                "{request}\n  theirs: {theirs:?}\n  ours:   {ours:?}"
            )
            .expect("a text");
        }
    }
    assert!(unknown.is_empty(), "differ:\n{unknown}");
}
