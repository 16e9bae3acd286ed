//! The answer with a result, made piece by piece.

use std::io::Write;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, VARY};
use tsdb_promql::Answer;

use super::super::app::App;
use super::super::envelope::TRUNCATED;
use super::super::html_safe::html_safe;
use super::super::reads::Limited;
use super::super::streamed::streamed;
use super::result_writer::{ResultWriter, truncate};
use super::stats::{Stats, Step};
use crate::store::{Admission, StoreError};

/// Bytes of an answer made at a time. Between two pieces no thread waits for the client.
const PIECE_BYTES: usize = 256 << 10;
/// Most warnings of an answer, and most infos; of further ones their number is told.
const TOLD_MAX: usize = 10;

/// What an answer says beside its result.
#[derive(Debug)]
pub(super) struct Said {
    /// What has to be said of what was read.
    pub(super) told: Vec<String>,
    /// Whether series were left out where it was read.
    pub(super) limited: Limited,
    /// Most series.
    pub(super) limit: Option<usize>,
    /// For how long the query waited and was evaluated, where its cost is told.
    pub(super) times: Option<(Duration, Duration)>,
}

/// The whole answer, as the API has it.
pub(crate) fn write_answer(answer: Answer) -> Vec<u8> {
    let said = Said {
        told: Vec::new(),
        limited: Limited::NOT,
        limit: None,
        times: None,
    };
    let tail = tail(&answer, &said, false);
    let mut out = Vec::new();
    let mut writer = ResultWriter::begin(answer.value, tail, &mut out);
    while !writer.fill(&mut out, usize::MAX) {}
    out
}

/// An answer whose first piece is made.
#[derive(Debug)]
pub(super) struct Reply {
    first: Bytes,
    /// What makes the pieces behind it.
    rest: Option<Rest>,
    told: Vec<String>,
    limited: Limited,
    gzip: bool,
}

#[derive(Debug)]
struct Rest {
    pieces: Pieces,
    /// A result that is on its way counts as a query that runs: it holds memory.
    _admission: Admission,
}

impl Reply {
    /// Makes the first piece.
    pub(super) fn begin(
        mut answer: Answer,
        said: Said,
        admission: Admission,
        gzip: bool,
    ) -> Result<Self, StoreError> {
        let is_cut = truncate(&mut answer.value, said.limit);
        let tail = tail(&answer, &said, is_cut);
        let mut pieces = Pieces::begin(answer, tail, gzip);
        let first = pieces.next_piece()?.unwrap_or_default();
        let rest = (!pieces.is_done).then_some(Rest {
            pieces,
            _admission: admission,
        });
        Ok(Self {
            first,
            rest,
            told: said.told,
            limited: said.limited,
            gzip,
        })
    }

    /// The response.
    pub(super) fn response(self, app: App) -> Response {
        let json = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        let mut response = match self.rest {
            None => (json, self.first).into_response(),
            Some(rest) => (json, body(self.first, app, rest)).into_response(),
        };
        let headers = response.headers_mut();
        headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
        if self.gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        self.limited.tell(response, &self.told)
    }
}

fn body(first: Bytes, app: App, rest: Rest) -> Body {
    streamed(first, (app, rest), |(app, mut rest)| async move {
        let queries = app.store.queries();
        let next = move || {
            let piece = rest.pieces.next_piece();
            piece.map(|piece| piece.map(|piece| (piece, rest)))
        };
        let next = queries.run_admitted(next).await??;
        Ok(next.map(|(piece, rest)| (piece, (app, rest))))
    })
}

/// Makes the pieces of an answer.
#[derive(Debug)]
struct Pieces {
    writer: ResultWriter,
    /// What is written and not given out.
    plain: Vec<u8>,
    gzip: Option<GzEncoder<Vec<u8>>>,
    is_done: bool,
}

impl Pieces {
    fn begin(answer: Answer, tail: Vec<u8>, gzip: bool) -> Self {
        let mut plain = Vec::new();
        let writer = ResultWriter::begin(answer.value, tail, &mut plain);
        Self {
            writer,
            plain,
            gzip: gzip.then(|| GzEncoder::new(Vec::new(), Compression::fast())),
            is_done: false,
        }
    }

    /// The next piece; `None` at the end.
    fn next_piece(&mut self) -> Result<Option<Bytes>, StoreError> {
        while !self.is_done {
            self.is_done = self.writer.fill(&mut self.plain, PIECE_BYTES);
            let plain = std::mem::take(&mut self.plain);
            let Some(gzip) = &mut self.gzip else {
                return Ok(Some(plain.into()));
            };
            // A vector takes whatever is written.
            let lost = |_| StoreError::Lost;
            gzip.write_all(&plain).map_err(lost)?;
            if self.is_done {
                gzip.try_finish().map_err(lost)?;
            }
            let packed = std::mem::take(gzip.get_mut());
            if !packed.is_empty() {
                return Ok(Some(packed.into()));
            }
        }
        Ok(None)
    }
}

/// What stands behind a result: its cost, warnings and infos.
fn tail(answer: &Answer, said: &Said, is_cut: bool) -> Vec<u8> {
    let mut tail = Vec::new();
    if let Some((waited, evaluated)) = said.times {
        let stats = Stats::new(answer.stats, waited, evaluated);
        field(&mut tail, "stats", &stats);
    }
    if let Some(trace) = &answer.trace {
        field(&mut tail, "trace", &Step(trace));
    }
    tail.push(b'}');
    let mut warnings = answer.warnings.clone();
    let told = said
        .told
        .iter()
        .filter(|one| !answer.warnings.contains(one));
    warnings.extend(told.cloned());
    let mut warnings = shortened(&warnings, "warning");
    warnings.extend(is_cut.then(|| TRUNCATED.to_owned()));
    let infos = shortened(&answer.infos, "info");
    for (name, list) in [("warnings", warnings), ("infos", infos)] {
        if !list.is_empty() {
            field(&mut tail, name, &list);
        }
    }
    tail.push(b'}');
    tail
}

fn field(out: &mut Vec<u8>, name: &str, value: &impl serde::Serialize) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    let start = out.len();
    let written = serde_json::to_writer(&mut *out, value);
    debug_assert!(written.is_ok(), "writing to a vector failed");
    html_safe(out, start);
}

/// The first of a list, and how many more there are.
fn shortened(list: &[String], what: &str) -> Vec<String> {
    let more = list.len().saturating_sub(TOLD_MAX);
    let first = list.iter().take(TOLD_MAX).cloned();
    let more = (more > 0).then(|| format!("{more} more {what} annotations omitted"));
    first.chain(more).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use tsdb_core::Labels;
    use tsdb_promql::{MatrixSeries, QueryStats, Trace, Value};

    use super::*;

    fn answer(points: i64, warnings: usize) -> Answer {
        let series = MatrixSeries {
            labels: Labels::from_pairs([("a", "b")]).expect("labels"),
            floats: (0..points).map(|at| (at * 1000, at as f64)).collect(),
            histograms: Vec::new(),
        };
        Answer {
            value: Value::Matrix(vec![series.clone(), series]),
            warnings: (0..warnings).map(|number| format!("w{number}")).collect(),
            infos: vec!["i".to_owned()],
            stats: QueryStats {
                series: 2,
                samples: 7,
                peak_samples: 3,
                ..QueryStats::default()
            },
            trace: None,
        }
    }

    fn said() -> Said {
        Said {
            told: vec!["w0".to_owned(), "below".to_owned()],
            limited: Limited::NOT,
            limit: Some(1),
            times: Some((Duration::from_millis(250), Duration::from_millis(500))),
        }
    }

    #[test]
    fn cost_warnings_and_infos_stand_behind_the_result() {
        let tail = String::from_utf8(tail(&answer(1, 1), &said(), true)).expect("UTF-8");
        let expected = concat!(
            r#","stats":{"timings":{"evalTotalTime":0.5,"resultSortTime":0.0,"queryPreparationTime":0.0,"#,
            r#""innerEvalTime":0.5,"execQueueTime":0.25,"execTotalTime":0.75},"#,
            r#""samples":{"totalQueryableSamples":7,"samplesRead":7,"peakSamples":3}}}"#,
            r#","warnings":["w0","below","results truncated due to limit"],"infos":["i"]}"#
        );
        assert_eq!(tail, expected);
    }

    #[test]
    fn a_trace_is_a_tree() {
        let child = Trace {
            name: "selector".to_owned(),
            nanoseconds: 1_500_000,
            ..Trace::default()
        };
        let traced = Answer {
            trace: Some(Trace {
                name: "query".to_owned(),
                detail: "up".to_owned(),
                children: vec![child],
                ..Trace::default()
            }),
            infos: Vec::new(),
            ..answer(1, 0)
        };
        let said = Said {
            told: Vec::new(),
            times: None,
            ..said()
        };
        let tail = String::from_utf8(tail(&traced, &said, false)).expect("UTF-8");
        let expected = concat!(
            r#","trace":{"name":"query","detail":"up","duration_ms":0.0,"series":0,"samples":0,"#,
            r#""children":[{"name":"selector","detail":"","duration_ms":1.5,"series":0,"samples":0,"children":[]}]}}}"#
        );
        assert_eq!(tail, expected);
    }

    #[test]
    fn of_many_warnings_the_number_is_told() {
        let list: Vec<String> = (0..12).map(|number| number.to_string()).collect();
        let short = shortened(&list, "warning");
        assert_eq!(
            (short.len(), short[10].as_str()),
            (11, "2 more warning annotations omitted")
        );
        assert_eq!(shortened(&list[..10], "info"), list[..10]);
    }

    #[test]
    fn packed_pieces_are_the_plain_ones() {
        let all = |gzip: bool| {
            let mut pieces = Pieces::begin(answer(100_000, 0), b"}}".to_vec(), gzip);
            let (mut all, mut count) = (Vec::new(), 0);
            while let Some(piece) = pieces.next_piece().expect("a piece") {
                all.extend_from_slice(&piece);
                count += 1;
            }
            (all, count)
        };
        let (plain, count) = all(false);
        assert!(count > 5, "{count} pieces");
        assert!(serde_json::from_slice::<serde_json::Value>(&plain).is_ok());
        let (packed, _) = all(true);
        assert!(packed.len() < plain.len() / 2);
        let mut unpacked = Vec::new();
        let mut decoder = flate2::read::GzDecoder::new(packed.as_slice());
        decoder.read_to_end(&mut unpacked).expect("gzip");
        assert!(unpacked == plain);
    }
}
