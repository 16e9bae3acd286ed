//! What is exported and imported again is the same, bit for bit.

use crate::support::{Server, exported, get, post, series, stored, write_body, write_request};

fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z ^ (z >> 27)
}

async fn export(server: &Server, query: &str) -> String {
    let answer = get(&format!("{}/api/v1/export?{query}", server.api)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text()
}

async fn import(server: &Server, lines: impl Into<bytes::Bytes>) -> (u16, serde_json::Value) {
    let answer = post(&format!("{}/api/v1/import", server.api), &[], lines).await;
    (
        answer.status,
        serde_json::from_slice(&answer.body).expect("JSON"),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_bits_survive_the_way_out_and_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = Server::start(&folder.path().join("first"), &["--max-future", "off"]);
    let mut body = Vec::new();
    for index in 0..200_u64 {
        let name = format!("metric_{}", index % 7);
        let index_text = index.to_string();
        let labels = [
            ("__name__", name.as_str()),
            ("index", &index_text),
            ("text", "\"quoted\"\n\\ \u{e9} \u{1}"),
            ("a.b", "c"),
        ];
        // Every kind of bits: a few small numbers, and anything at all, NaN payloads forced every fourth time.
        let samples = (0..50).map(|step| {
            let random = mix(index << 32 | step);
            let bits = match step % 4 {
                0 => ((random % 1000) as f64 / 8.0).to_bits(),
                1 => random | 0x7ff0_0000_0000_0000,
                _ => random,
            };
            (
                1_700_000_000_000 + i64::try_from(step * 15_000 + index).expect("small"),
                bits,
            )
        });
        let mut samples: Vec<_> = samples.collect();
        samples.extend([
            (-5, 0x7ff0_0000_0000_0002),
            (i64::from(i32::MIN), (-0.0_f64).to_bits()),
        ]);
        body.push(series(&labels, &samples));
    }
    assert_eq!(
        write_request(&first.api, write_body(body))
            .await
            .expect("an answer")
            .status,
        204
    );

    let all = export(&first, "match[]={__name__!=%22%22}").await;
    assert_eq!(all.lines().count(), 200);
    let second = Server::start(&folder.path().join("second"), &["--max-future", "off"]);
    let (status, report) = import(&second, all.clone()).await;
    assert_eq!(status, 200, "{report}");
    let expected = serde_json::json!({"lines": 200, "rejectedLines": 0, "stored": 200 * 52, "rejected": 0, "errors": []});
    assert_eq!(report["data"], expected);
    assert_eq!(export(&second, "match[]={__name__!=%22%22}").await, all);
    assert_eq!(
        exported(&second, "{index=\"7\"}").await,
        exported(&first, "{index=\"7\"}").await
    );

    // Once more into the same server: duplicates are success.
    assert_eq!(import(&second, all.clone()).await.0, 200);
    assert_eq!(export(&second, "match[]={__name__!=%22%22}").await, all);
}

#[tokio::test]
async fn a_selection_in_parts() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let lines = concat!(
        "{\"metric\":{\"__name__\":\"a\"},\"values\":[1,2,3],\"timestamps\":[1000,2000,3000]}\n",
        "{\"metric\":{\"__name__\":\"b\"},\"values\":[null],\"timestamps\":[2000]}\n",
    );
    assert_eq!(import(&server, lines).await.0, 200);
    let stale = "{\"metric\":{\"__name__\":\"b\"},\"values\":[\"stale\"],\"timestamps\":[2000]}\n";
    assert_eq!(export(&server, "match[]=b").await, stale);
    let middle = "{\"metric\":{\"__name__\":\"a\"},\"values\":[2],\"timestamps\":[2000]}\n";
    assert_eq!(
        export(
            &server,
            "match[]=b&match[]=a&match[]={__name__=%22a%22}&start=1.5&end=2"
        )
        .await,
        format!("{middle}{stale}")
    );
    assert_eq!(export(&server, "match[]=a&start=9").await, "");
    assert_eq!(export(&server, "match[]=a&start=9&end=8").await, "");
}

#[tokio::test]
async fn every_bad_line_is_named_and_costs_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let lines = [
        r#"{"metric":{"__name__":"a"},"values":[1],"timestamps":[1]}"#,
        "",
        r#"{"metric":{"__name__":"a"},"values":[1,x],"timestamps":[1]}"#,
        r#"{"metric":{"job":"a"},"values":[1,2],"timestamps":[1,2]}"#,
        r#"{"metric":{"__name__":"a"},"values":[1,2],"timestamps":[1]}"#,
        r#"{"metric":{"__name__":"b"},"values":[1,2],"timestamps":[1,9000000000000000]}"#,
        r#"{"metric":{"__name__":"c"},"values":[7],"timestamps":[7]}"#,
    ];
    let (status, report) = import(&server, lines.join("\r\n")).await;
    assert_eq!(status, 400);
    assert_eq!(
        (&report["status"], &report["errorType"]),
        (&"error".into(), &"bad_data".into())
    );
    assert_eq!(report["error"], "line 3, column 40: expected value");
    let data = &report["data"];
    assert_eq!(
        (
            &data["lines"],
            &data["rejectedLines"],
            &data["stored"],
            &data["rejected"]
        ),
        (&6.into(), &2.into(), &3.into(), &3.into())
    );
    let places: Vec<_> = data["errors"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|problem| problem["line"].as_u64())
        .collect();
    assert_eq!(places, [Some(3), Some(4), Some(5), Some(6)], "{data}");
    assert_eq!(stored(&server).await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_bodies_and_long_lines() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let count = 300_000_i64;
    let timestamps: Vec<String> = (0..count)
        .map(|index| (index * 15_000).to_string())
        .collect();
    let values: Vec<String> = (0..count)
        .map(|index| format!("{}", f64::from_bits(mix(index as u64) >> 2)))
        .collect();
    let mut lines = format!(
        "{{\"metric\":{{\"__name__\":\"long\"}},\"values\":[{}],\"timestamps\":[{}]}}\n",
        values.join(","),
        timestamps.join(",")
    );
    for index in 0..20_000 {
        lines.push_str(&format!("{{\"metric\":{{\"__name__\":\"m\",\"i\":\"{index}\"}},\"values\":[1],\"timestamps\":[{index}]}}\n"));
    }
    let (status, report) = import(&server, lines).await;
    assert_eq!(status, 200, "{report}");
    assert_eq!(report["data"]["stored"], 320_000);
    let long = exported(&server, "long").await;
    assert_eq!(long[0].1.len(), 300_000);
    let same = long[0]
        .1
        .iter()
        .enumerate()
        .all(|(index, sample)| sample.1 == mix(index as u64) >> 2);
    assert!(same, "some value came back otherwise");
    assert_eq!(exported(&server, "m").await.len(), 20_000);
}

#[tokio::test]
async fn compressed_lines_are_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let answer = post(
        &format!("{}/api/v1/import", server.api),
        &[("content-encoding", "snappy")],
        "x",
    )
    .await;
    assert_eq!(answer.status, 415);
    assert!(answer.text().contains("snappy"));
}
