//! Writes the first inputs of each target into `corpus/`: what our own encoders make of a real
//! capture, cut small. Run it in this folder after a format changed.
#![forbid(unsafe_code)]

use std::fs;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use prost::Message as _;
use tsdb_bench::{Capture, CapturedSeries, Fleet};
use tsdb_cluster::message::{Absent, Origin, ReadReply, ReadRequest, Want};
use tsdb_cluster::wire::messages::{NodeMessage as _, Refusal, SelectReply, Verdict, WriteRequest};
use tsdb_cluster::wire::{
    PROTOCOL_VERSION, Packing, SampleEncoder, SampleLimits, SeriesFrameWriter, SeriesHandle,
};
use tsdb_cluster::{Incarnation, node};
use tsdb_core::chunk::{encode, encode_exact, encode_histograms};
use tsdb_core::model::{
    BucketSpan, Histogram, HistogramCounts, MetricKind, MetricMetadata, Sample,
};
use tsdb_core::{ChunkPart, Encoding, Matcher, TimeRange, WriteBatch};
use tsdb_proto::prometheus as proto;
use tsdb_proto::write_v2 as proto_v2;
use tsdb_remote::client::write_v2::WriteEncoder;

#[expect(clippy::disallowed_methods, reason = "the corpus is a real folder")]
fn write(target: &str, name: &str, bytes: &[u8]) {
    let folder = Path::new("corpus").join(target);
    fs::create_dir_all(&folder).expect("a folder for the corpus");
    fs::write(folder.join(name), bytes).expect("a corpus file");
}

fn main() {
    let capture = Capture::load().expect("the committed capture");
    chunks(&capture);
    pages(&capture);
    let fleet = Fleet::new(capture, 2_000, 1).expect("a fleet");
    for (number, labels) in fleet.labels().iter().step_by(400).enumerate() {
        write("labels", &format!("series-{number}"), labels.as_bytes());
    }
    histograms();
    prometheus_blocks();
    write_requests(&fleet);
    write_v2_requests(&fleet);
    read_requests();
    for (number, (target, payload)) in tsdb_fuzz::payloads().into_iter().enumerate() {
        write(target, &format!("payload-{number}"), &payload);
    }
    texts();
    formats();
    answers();
    for (number, pattern) in ["foo|bar", "a.*b", "(?i)x[^a]+", "\\d{2}"]
        .iter()
        .enumerate()
    {
        write(
            "matcher_regex",
            &format!("pattern-{number}"),
            &[b"\0\x10", pattern.as_bytes()].concat(),
        );
    }
    for (number, text) in ["0-3,17 of 64", "none of 8", "0-65535 of 65536"]
        .iter()
        .enumerate()
    {
        write("shard_set", &format!("set-{number}"), text.as_bytes());
    }
    let numbers = (0..300u32).map(|number| (number * 73 % 199) as u8);
    let sound: Vec<u8> = std::iter::once(1).chain(numbers).collect();
    write("series_chunks", "sound", &sound);
    let files = [
        "log_replay",
        "series_file",
        "run_open",
        "block_open",
        "index_open",
        "index_snapshot",
        "series_snapshot",
        "manifest",
        "backup_manifest",
        "catalog",
        "open_folder",
        "prometheus_index",
        "prometheus_tombstones",
    ];
    for target in files.into_iter().chain([
        "labels_builder",
        "chunk_round_trip",
        "matcher_regex",
        "series_chunks",
    ]) {
        let bytes: Vec<u8> = (0..400u32)
            .map(|number| (number * 37 % 251) as u8)
            .collect();
        write(target, "mixed", &bytes);
    }
    m3_bodies();
    wire(&fleet);
}

fn chunks(capture: &Capture) {
    let target = &capture.targets[0];
    let changes = |series: &CapturedSeries| {
        series
            .values
            .windows(2)
            .filter(|pair| pair[0] != pair[1])
            .count()
    };
    for (name, least) in [("constant", 0), ("some", 20), ("lively", 200)] {
        let series = target
            .series
            .iter()
            .filter(|series| series.values.iter().all(Option::is_some));
        let found = series
            .into_iter()
            .find(|series| changes(series) >= least)
            .expect("a series");
        let samples = target.times.iter().zip(&found.values).take(60);
        let chunk = encode(samples.map(|(time, value)| Sample::new(*time, value.unwrap())));
        write("chunk_decode", name, &chunk);
    }
}

fn histograms() {
    let span = |offset, length| BucketSpan { offset, length };
    let integer = |number: u64| Histogram {
        schema: 3,
        zero_threshold: 0.001,
        sum: number as f64,
        positive_spans: vec![span(-1, 2), span(3, 1)],
        negative_spans: vec![span(0, 1)],
        counts: HistogramCounts::Integer {
            count: 10 * number,
            zero_count: number,
            positive: vec![1, 2, 300],
            negative: vec![number as i64],
        },
        ..Histogram::default()
    };
    let float = |number: u64| Histogram {
        schema: -53,
        sum: f64::NAN,
        start_timestamp: 1_700_000_000_000,
        positive_spans: vec![span(0, 2)],
        custom_values: vec![0.5, 1e9],
        counts: HistogramCounts::Float {
            count: number as f64,
            zero_count: 0.0,
            positive: vec![0.5, number as f64],
            negative: Vec::new(),
        },
        ..Histogram::default()
    };
    let rows = |make: &dyn Fn(u64) -> Histogram| (0..8).map(make).collect::<Vec<_>>();
    for (name, rows) in [("integer", rows(&integer)), ("float", rows(&float))] {
        let mut bytes = Vec::new();
        rows[3].put_bytes(&mut bytes);
        write("histogram", name, &bytes);
        let timed = rows
            .iter()
            .zip(0..)
            .map(|(histogram, at)| (at * 15_000, histogram));
        let mut exact = Vec::new();
        encode_exact(timed.clone(), &mut exact);
        write("histograms_exact", name, &exact);
        let chunk = encode_histograms(timed, 480).swap_remove(0);
        let kind = [u8::from(chunk.is_float)];
        write("histogram_chunk", name, &[&kind[..], &chunk.bytes].concat());
    }
}

/// A few columns that differ in how they are coded.
fn pages(capture: &Capture) {
    let mut columns: Vec<Vec<f64>> = Vec::new();
    for series in capture.targets.iter().flat_map(|target| &target.series) {
        let values: Vec<f64> = series.values.iter().flatten().copied().collect();
        if values.windows(2).filter(|pair| pair[0] != pair[1]).count() > 40 {
            columns.push(values);
        }
    }
    let step = (columns.len() / 8).max(1);
    let few: Vec<Vec<f64>> = columns.into_iter().step_by(step).collect();
    for (number, (target, bytes)) in tsdb_fuzz::page_seeds(&few).into_iter().enumerate() {
        write(target, &format!("capture-{number}"), &bytes);
    }
}

/// Blocks that promtool and Prometheus made.
#[expect(clippy::disallowed_methods, reason = "the blocks are real folders")]
fn prometheus_blocks() {
    for name in ["floats", "histograms"] {
        let folder = Path::new("../tsdb-formats/tests/blocks").join(name);
        let read = |file: &str| fs::read(folder.join(file)).expect("a kept block");
        write("prometheus_meta", name, &read("meta.json"));
        let segment = read("chunks/000001");
        // The first chunk: encoding and data, behind a length of one or two bytes.
        let start = 8 + if segment[8] < 0x80 { 1 } else { 2 };
        write("prometheus_chunks", name, &segment[start..start + 60]);
    }
}

fn write_requests(fleet: &Fleet) {
    for (name, step) in [("few", 700), ("more", 300)] {
        let timeseries = fleet.round(3).step_by(step).map(|found| proto::TimeSeries {
            labels: fleet.labels()[found.series]
                .iter()
                .map(|label| proto::Label {
                    name: label.name.into(),
                    value: label.value.into(),
                })
                .collect(),
            samples: vec![proto::Sample {
                timestamp: found.sample.timestamp,
                value: found.sample.value,
            }],
            ..Default::default()
        });
        let mut request = proto::WriteRequest {
            timeseries: timeseries.collect(),
            metadata: Vec::new(),
        };
        request.metadata.push(proto::MetricMetadata {
            r#type: 1,
            metric_family_name: "up".into(),
            help: "whether a scrape worked".into(),
            unit: "1".into(),
        });
        request.timeseries[0]
            .exemplars
            .push(proto::Exemplar::default());
        request.timeseries[0]
            .histograms
            .push(proto::Histogram::default());
        let message = request.encode_to_vec();
        let body = snap::raw::Encoder::new()
            .compress_vec(&message)
            .expect("a small message");
        write("write_v1_vs_prost", name, &message);
        write("write_body", name, &body);
    }
}

fn write_v2_requests(fleet: &Fleet) {
    for (name, step) in [("few", 700), ("more", 300)] {
        let mut encoder = WriteEncoder::new();
        for (number, found) in fleet.round(3).step_by(step).enumerate() {
            let (labels, samples) = (&fleet.labels()[found.series], [found.sample]);
            let metadata = MetricMetadata {
                metric: String::new(),
                kind: MetricKind::ALL[number % 8],
                help: format!("help {}", number / 2),
                unit: "s".into(),
            };
            match number % 2 {
                0 => encoder.series(labels, &samples),
                _ => encoder.series_with_metadata(labels, &samples, &metadata),
            }
        }
        let body = encoder.finish().expect("a small message");
        let message = snap::raw::Decoder::new().decompress_vec(&body);
        write("write_v2_vs_prost", name, &message.expect("our own block"));
        write("write_body", &format!("v2-{name}"), &body);
    }
    let now = 1_700_000_000_000;
    let series = proto_v2::TimeSeries {
        labels_refs: vec![1, 2],
        samples: vec![proto_v2::Sample {
            value: -0.0,
            timestamp: now,
            start_timestamp: 1,
        }],
        histograms: vec![proto_v2::Histogram {
            positive_spans: vec![proto_v2::BucketSpan {
                offset: -1,
                length: 2,
            }],
            positive_deltas: vec![1, -1],
            custom_values: vec![0.5],
            timestamp: now,
            ..Default::default()
        }],
        exemplars: vec![proto_v2::Exemplar {
            labels_refs: vec![1, 2],
            value: 1.0,
            timestamp: now,
        }],
        metadata: None,
    };
    let request = proto_v2::Request {
        symbols: ["", "__name__", "up"].map(String::from).to_vec(),
        timeseries: vec![series],
    };
    write("write_v2_vs_prost", "all-fields", &request.encode_to_vec());
}

fn read_requests() {
    let matcher = |r#type, name: &str, value: &str| proto::LabelMatcher {
        r#type,
        name: name.into(),
        value: value.into(),
    };
    let query = proto::Query {
        start_timestamp_ms: 1_700_000_000_000,
        end_timestamp_ms: 1_700_000_060_000,
        matchers: vec![
            matcher(0, "__name__", "up"),
            matcher(1, "job", ""),
            matcher(2, "instance", "a|b.*"),
            matcher(3, "instance", "c+"),
        ],
        hints: Some(proto::ReadHints {
            func: "rate".into(),
            ..Default::default()
        }),
    };
    let request = proto::ReadRequest {
        queries: vec![query.clone(), query],
        accepted_response_types: vec![1, 0],
    };
    write("read_request", "two-queries", &request.encode_to_vec());
}

fn texts() {
    let lines = [
        r#"{"metric":{"__name__":"up","job":"node"},"values":[1,-0,"NaN","+Inf",1.5e-7],"timestamps":[0,15,30,45,60]}"#,
        r#"{"metric":{"__name__":"\u00e9\ud83d\ude00\n"},"values":["stale",null],"timestamps":[-1,9223372036854775807]}"#,
        r#"{"metric":{},"values":["NaN:0x7ff8000000000123"],"timestamps":[1700000000000]}"#,
    ];
    for (number, line) in lines.iter().enumerate() {
        write("import_line", &format!("line-{number}"), line.as_bytes());
    }
    let times = [
        "1435781430.781",
        "2015-07-01T20:10:51.7815Z",
        "2016-02-29T00:00:59+02:00",
        "-292273086-05-16T16:47:06Z",
    ];
    for (number, time) in times.iter().enumerate() {
        write("timestamp", &format!("time-{number}"), time.as_bytes());
    }
    let selectors = [
        r#"up{job="node",instance=~"a|b.*",zone!="",host!~"x+"}"#,
        r#"{"a.b"="c", __name__=~'up|down',}"#,
        r#"{"metric.name",le=`0.5`}"#,
    ];
    for (number, selector) in selectors.iter().enumerate() {
        write(
            "selector",
            &format!("selector-{number}"),
            selector.as_bytes(),
        );
    }
    let queries = [
        r#"sum by (job, "a b") (rate(up{a=~"b.*", "c d"!='e'}[5m])) / on() group_left(x) c @ end()"#,
        "max_over_time((a - -2 ^ 0x1f > bool b)[1h:step()*2] offset -(5m/2)) or sum_over_time(c[1d])",
        "topk(5, {\"my.metric\"} atan2 d[300] smoothed) + ignoring(e) fill_left(-1) f # Inf\n",
        "label_replace(info(g, {h=`i`}), 'j', \"$1\\t\\xc3\\xa9\", 'k', '(.*)') </ 1_000.5e-3 unless NaN",
    ];
    for (number, query) in queries.iter().enumerate() {
        write("promql_parse", &format!("query-{number}"), query.as_bytes());
    }
    let evaluated = [
        "sum by (job) (rate(c[5m])) / on (job) group_left () count by (job) (g)",
        "histogram_quantile(0.9, sum by (le, job) (rate(b_bucket[5m])))",
        "histogram_fraction(0, 2, rate(h[5m])) or histogram_avg(n) unless m",
        "max_over_time((c - c offset 1m)[5m:30s]) > bool 0",
        "quantile by (job) (0.5, {__name__=~\"[cg]\"} @ end())",
        "label_replace(info(c, {version=~\".+\"}), \"new\", \"$1\", \"job\", \"(.*)\")",
        "increase(c[90s] smoothed) + fill(0) delta(g[5m] anchored)",
        "h + n - h or m",
    ];
    for (number, query) in evaluated.iter().enumerate() {
        let bytes = [b"\0", query.as_bytes()].concat();
        write("promql_eval", &format!("query-{number}"), &bytes);
    }
    let files = [
        include_str!("../../../tsdb-server/tests/data/m3_classic.yml"),
        "coordinator: {}\ndb: {}\ntsdb: {memoryBudget: 4GiB, enableAdminApi: true}\n",
        "db: {hostID: &id {resolver: ${HOST:config}, value: ${HOST}}, client: *id}\n",
        "coordinator: {local: {namespaces: [{namespace: a, type: aggregated, retention: 2d}]}}\n",
    ];
    for (number, file) in files.iter().enumerate() {
        write("config_file", &format!("file-{number}"), file.as_bytes());
    }
}

/// Bodies of M3's calls, as its documentation and its operator have them.
fn m3_bodies() {
    let bodies = [
        r#"{"retentionOptions":{"retentionPeriodDuration":"2d","block_size_nanos":"7200000000000","bufferPastNanos":600000000000},"indexOptions":{"enabled":true},"aggregationOptions":{"aggregations":[{"aggregated":true,"attributes":{"resolutionDuration":"5m"}}]},"stagingState":{"status":"READY"},"runtimeOptions":null}"#,
        r#"{"name":"n","options":{"retentionOptions":{"retentionPeriodDuration":"96h"},"runtimeOptions":{"writeIndexingPerCPUConcurrency":1.5},"extendedOptions":{"type":"t","options":{"a":[1]}}}}"#,
        r#"{"namespaceName":"default","type":"cluster","retention_time":"12h","numShards":"4","blockSize":{"expectedSeriesDatapointsPerHour":"180"},"hosts":[{"id":"a","port":9000}],"aggregatedNamespace":{"name":"b","resolution":"1m","retentionTime":"40d"}}"#,
        r#"{"instances":[{"id":"a","isolation_group":"g","zone":"embedded","weight":100,"endpoint":"a:9000","metadata":{"debugPort":1}}],"num_shards":64,"replicationFactor":1,"option_override":{"is_sharded":true}}"#,
        r#"{"instances":{"a":{"id":"a","shards":[{"id":0,"state":"AVAILABLE","cutoverNanos":"1"},{"id":1,"state":1}]}},"replicaFactor":1,"num_shards":2,"isSharded":true,"cutoverTime":"0"}"#,
        r#"{"leavingInstanceIDs":["a"],"candidates":[{"id":"b"}],"force":true}"#,
        r#"{"placement":{"instances":{}},"version":"3","confirm":true}"#,
    ];
    for (number, body) in bodies.iter().enumerate() {
        write("m3_body", &format!("body-{number}"), body.as_bytes());
    }
    for (number, text) in ["48h0m0s", "-1.5h", "2d", "10us", "0"].iter().enumerate() {
        write("go_duration", &format!("text-{number}"), text.as_bytes());
    }
}

fn answers() {
    let series = proto::TimeSeries {
        labels: vec![proto::Label {
            name: "__name__".into(),
            value: "up".into(),
        }],
        samples: vec![proto::Sample {
            timestamp: 1,
            value: f64::NAN,
        }],
        ..Default::default()
    };
    let response = proto::ReadResponse {
        results: vec![proto::QueryResult {
            timeseries: vec![series.clone(), series],
        }],
    };
    let body = snap::raw::Encoder::new().compress_vec(&response.encode_to_vec());
    write(
        "read_response",
        "two-results",
        &body.expect("a small message"),
    );

    let data = encode([Sample::new(1, 2.0), Sample::new(3, -0.0)]);
    let chunk = proto::Chunk {
        r#type: 1,
        min_time_ms: 1,
        max_time_ms: 3,
        data: data.into(),
    };
    let frame = proto::ChunkedReadResponse {
        chunked_series: vec![proto::ChunkedSeries {
            labels: vec![proto::Label {
                name: "__name__".into(),
                value: "up".into(),
            }],
            chunks: vec![chunk],
        }],
        query_index: 0,
    };
    let message = frame.encode_to_vec();
    let mut stream = vec![u8::try_from(message.len()).expect("a short frame")];
    // The frame's checksum is the only big-endian number of the protocol.
    stream.extend(tsdb_core::bits::crc32c(&message).swap_bytes().to_le_bytes());
    stream.extend(&message);
    write("read_response", "two-frames", &stream.repeat(2));
}

/// A text of another format: its target, its name, the byte that chooses what it is read as.
type Text = (&'static str, &'static str, u8, &'static str);

const EXPOSITIONS: &[Text] = &[
    (
        "openmetrics",
        "exposition",
        0,
        "# HELP foo A \\\\ text\\nof \\\"it\\\".\n# TYPE foo counter\n# UNIT foo_seconds seconds\nfoo_total{a=\"b\\\"c\",d=\"e\"} 17.5 1520879607.789 # {id=\"counter\"} 5 1.5\nfoo_total{a=\"b\\\"c\",d=\"e\"} -Inf 1520879608\n# EOF\n",
    ),
    (
        "openmetrics",
        "quoted",
        2,
        "{\"my.metric\",\"x y\"=\"z\"} NaN\n# TYPE \"my.metric\" gauge\n{q=\"0.9\",\"http.status\"} 4 -0.001\n# EOF\n",
    ),
    (
        "openmetrics",
        "older",
        1,
        "# A comment\n\n# HELP  http_requests_total The number.\\n\n# TYPE http_requests_total\tcounter\r\nhttp_requests_total { method = \"post\" , code = \"400\" , }\t3   -1395066363000  \nx 1.458255915e9\nx 2 7\n",
    ),
    (
        "openmetrics",
        "wrong",
        0,
        "a  1\nb{c=\"d} 1\n# TYPE a b\n9 1\n# EOF\na 1\n",
    ),
];

const TABLES_AND_POINTS: &[Text] = &[
    (
        "csv",
        "weather",
        0,
        "2026-01-01T00:00:00Z,a,1.5\r\n2026-01-01T00:00:00.25+01:00,\"b, \"\"c\"\"\", -2e3 \n2026-01-01T00:00:03Z,\"two\nlines\",3",
    ),
    (
        "csv",
        "heading",
        5,
        "a,time,b\n1,1700000000.5,2\n,5,NaN\n\"x",
    ),
    (
        "csv",
        "labels",
        2,
        "a,\"b\n\n\",1,1700000000000000000\nc,d,2,x\n\"e\"f,g,3,4\n",
    ),
    (
        "line_protocol",
        "points",
        0,
        "cpu,host=a usage=0.5,idle=7i,up=true,note=\"a text\" 1700000000000000000\n# a comment\nm\\ n,o=p q=2u\n",
    ),
    (
        "line_protocol",
        "escapes",
        3,
        "a\\ b\\,c,t\\=\\ k=v\\,\\=\\ \\x f\\ g=1,h=-2.5e3 17\nm s=\"two\nlines, a=1\",x=2 5\n9a,9b=c 9d=1 0\n",
    ),
    (
        "line_protocol",
        "wrong",
        1,
        "m\nm a=\nm,a= b=1\nm a=\"b\nm a=1 1 1\nm,l!=2,l?=3 k=2i\n",
    ),
];

/// Texts of other formats.
fn formats() {
    for &(target, name, first, text) in EXPOSITIONS.iter().chain(TABLES_AND_POINTS) {
        write(target, name, &[&[first], text.as_bytes()].concat());
    }
    let formats = [
        "1:time:rfc3339,2:label:host,3:metric:temperature",
        "4:metric:b,2:metric:a,1:label:x,9:time:unix_us",
    ];
    for (number, format) in formats.iter().enumerate() {
        write("csv_format", &format!("format-{number}"), format.as_bytes());
    }
}

/// Two payloads of a connection, a frame of series, and some messages.
fn wire(fleet: &Fleet) {
    const CRC_BYTES: usize = 4;
    for (name, packing) in [("plain", Packing::Plain), ("snappy", Packing::Snappy)] {
        let mut encoder = SampleEncoder::new(SampleLimits::default(), packing);
        let mut seed = Vec::new();
        for round in 0..2 {
            let mut batch = WriteBatch::new();
            let mut handles = Vec::new();
            for found in fleet.round(round).take(12) {
                batch.push(&fleet.labels()[found.series], found.sample);
                handles.push(SeriesHandle {
                    key: found.series as u64,
                    shard: found.series as u32 % 64,
                });
            }
            batch.histogram(1_700_000_000_000, Histogram::default());
            batch.exemplar(1_700_000_000_000, 0.5, Ok(fleet.labels()[0].clone()));
            let selection: Vec<u32> = (0..handles.len() as u32).collect();
            let mut payload = Vec::new();
            encoder
                .encode(&batch, &handles, &selection, &mut payload)
                .expect("a payload");
            payload.truncate(payload.len() - CRC_BYTES);
            seed.extend_from_slice(&(payload.len() as u16).to_le_bytes());
            seed.extend_from_slice(&payload);
        }
        write("wire_samples", name, &seed);
    }
    let mixed: Vec<u8> = (0..400u32)
        .map(|number| (number * 37 % 251) as u8)
        .collect();
    write("wire_samples_round_trip", "mixed", &mixed);
    let mut writer = SeriesFrameWriter::new();
    for (number, labels) in fleet.labels().iter().take(6).enumerate() {
        let samples = (0..4).map(|at| Sample::new(at, number as f64));
        let chunk = ChunkPart {
            min: 0,
            max: 3,
            count: 4,
            encoding: Encoding::Xor,
            bytes: encode(samples).into(),
        };
        let chunks = vec![chunk; number % 3];
        let mut none = |_| unreachable!("six series fill no frame");
        writer.push(labels, &chunks, &mut none).expect("a series");
    }
    let mut frame = writer.finish().expect("a frame");
    frame.truncate(frame.len() - CRC_BYTES);
    write("wire_series", "frame", &frame);
    wire_messages();
}

fn wire_messages() {
    let epochs = vec![(3, 9)];
    let request = WriteRequest {
        version: PROTOCOL_VERSION,
        request_id: 1,
        namespace: "default".to_owned(),
        deletes_seen: 2,
        deadline: Duration::from_secs(10),
        epochs: epochs.clone(),
        origin: Origin::Replica,
        incarnation: Incarnation(7),
        payload: b"payload".to_vec().into(),
        absent: vec![Absent {
            node: "n7".into(),
            incarnation: Incarnation(9),
            shards: vec![3],
        }],
        metadata: vec![(
            3,
            MetricMetadata {
                metric: "up".to_owned(),
                help: "help".to_owned(),
                ..MetricMetadata::default()
            },
        )],
    };
    let read = ReadRequest {
        incarnation: Incarnation(7),
        namespace: "default".into(),
        matchers: vec![
            Matcher::equal("__name__", "up"),
            Matcher::regex("zone", "a|b.*").expect("a pattern"),
        ],
        range: TimeRange::ALL,
        epochs,
        shards: NonZeroU32::new(64).expect("not 0"),
        deletes_seen: 2,
        want: Want::Values("zone".to_owned()),
        after: None,
        limit: 1,
        max_samples: 2,
    };
    let first = SelectReply::First(ReadReply {
        refusals: vec![(3, node::Refusal::Sealed { epoch: 4 })],
        deletes_applied: 2,
        is_truncated: true,
    });
    let verdict = Verdict::Sealed { epoch: 4 };
    // The first byte is the place of the message in the target's table.
    for (name, kind, bytes) in [
        ("write", 2, request.encode()),
        ("select", 4, read.encode()),
        ("first", 5, first.encode()),
        ("refusal", 17, Refusal { verdict }.encode()),
    ] {
        write("wire_message", name, &[&[kind][..], &bytes].concat());
    }
}
