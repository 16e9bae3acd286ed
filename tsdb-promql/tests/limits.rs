//! What a query may take, and what it meets when it takes more.

use tsdb_core::{Labels, MatchOp};
use tsdb_promql::{
    Answer, Cancel, Engine, EngineOptions, QueryError, Queryable, Selection, SeriesSamples,
    SeriesStream, SourceError, Value,
};

/// As many series as asked for, each with the same samples.
#[derive(Clone, Copy, Debug)]
struct Many {
    series: usize,
    samples: i64,
}

struct ManyStream {
    left: usize,
    samples: i64,
}

impl SeriesStream for ManyStream {
    fn next_series(&mut self) -> Result<Option<SeriesSamples>, SourceError> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        self.left = left;
        Ok(Some(SeriesSamples {
            labels: Labels::from_pairs([("__name__", "m"), ("n", &left.to_string())])?,
            timestamps: (0..self.samples).map(|n| n * 1000).collect(),
            values: (0..self.samples).map(|n| n as f64).collect(),
            ..SeriesSamples::default()
        }))
    }
}

impl Queryable for Many {
    fn select<'q>(
        &'q self,
        selection: &Selection<'_>,
    ) -> Result<Box<dyn SeriesStream + 'q>, SourceError> {
        assert!(
            selection
                .matchers
                .iter()
                .all(|matcher| matcher.op() == MatchOp::Equal)
        );
        Ok(Box::new(ManyStream {
            left: self.series,
            samples: self.samples,
        }))
    }
}

fn range(options: EngineOptions, source: &Many, query: &str) -> Result<Answer, QueryError> {
    let end = (source.samples - 1) * 1000;
    Engine::new(options).range(source, query, (0, end, 1000), &Cancel::default())
}

#[test]
fn samples_that_are_held_are_bounded_and_those_that_stream_by_are_not() {
    let options = EngineOptions {
        max_samples: 5000,
        ..EngineOptions::default()
    };
    let source = Many {
        series: 100,
        samples: 100,
    };
    let error = range(options, &source, "m").expect_err("10,000 samples");
    assert_eq!(
        error.to_string(),
        "query processing would load too many samples into memory in query execution (the limit query.max_samples is 5000)"
    );
    // The sum holds its own samples alone.
    let answer = range(options, &source, "sum(rate(m[10s]))").expect("a sum");
    assert!(answer.stats.peak_samples < 1000, "{:?}", answer.stats);
    assert_eq!((answer.stats.series, answer.stats.samples), (100, 10_000));
}

#[test]
fn memory_is_bounded_and_the_error_names_the_limit() {
    let options = EngineOptions {
        max_memory: 100_000,
        ..EngineOptions::default()
    };
    let source = Many {
        series: 100,
        samples: 1000,
    };
    let error = range(options, &source, "m + m").expect_err("too much");
    assert!(
        error
            .to_string()
            .contains("query.max_memory is 100000 bytes"),
        "{error}"
    );
    let streamed = range(options, &source, "max(m)").expect("little");
    assert!(streamed.stats.peak_bytes <= 100_000, "{:?}", streamed.stats);
    // What one series takes while it passes by is accounted for as well.
    let long = Many {
        series: 1,
        samples: 10_000,
    };
    let error = range(options, &long, "max(m)").expect_err("too long");
    assert!(error.to_string().contains("query.max_memory"), "{error}");
}

#[test]
fn series_of_a_selector_are_bounded() {
    let options = EngineOptions {
        max_series: 10,
        ..EngineOptions::default()
    };
    let many = |series| Many { series, samples: 3 };
    assert!(range(options, &many(10), "count(m)").is_ok());
    let error = range(options, &many(11), "count(m)").expect_err("one too many");
    assert!(
        matches!(error, QueryError::TooManySeries { limit: 10 }),
        "{error}"
    );
}

#[test]
fn a_query_ends_when_it_is_cancelled_or_out_of_time() {
    let source = Many {
        series: 1000,
        samples: 10,
    };
    let engine = Engine::default();
    let cancel = Cancel::default();
    cancel.cancel();
    let error = engine
        .instant(&source, "sum(m)", 0, &cancel)
        .expect_err("cancelled");
    assert_eq!(
        error.to_string(),
        "query was canceled in expression evaluation"
    );
    let cancel = Cancel::default();
    cancel.time_out();
    let error = engine
        .instant(&source, "sum(m)", 0, &cancel)
        .expect_err("timed out");
    assert_eq!(
        error.to_string(),
        "query timed out in expression evaluation"
    );
}

#[test]
fn deep_queries_are_evaluated_or_refused_and_never_overflow() {
    let source = Many {
        series: 2,
        samples: 3,
    };
    let nested = |function: &str, depth: usize| {
        let (open, close) = (format!("{function}(").repeat(depth), ")".repeat(depth));
        format!("{open}m{close}")
    };
    let engine = Engine::default();
    let ask = |query: &str| engine.instant(&source, query, 2000, &Cancel::default());
    for query in [
        nested("abs", 60),
        nested("", 60),
        nested("sum", 60),
        nested("-", 30),
        ["m"; 200].join(" + "),
        ["m"; 200].join(" or "),
        ["m"; 50].join(" ^ "),
    ] {
        let answer = ask(&query).unwrap_or_else(|error| panic!("{query}: {error}"));
        assert!(
            matches!(answer.value, Value::Vector(all) if !all.is_empty()),
            "{query}"
        );
    }
    for query in [
        nested("abs", 100_000),
        nested("", 100_000),
        ["m"; 100_000].join(" + "),
    ] {
        let error = ask(&query).expect_err("too deep").to_string();
        assert!(error.contains("nest") || error.contains("deep"), "{error}");
    }
}

#[test]
fn what_is_written_twice_is_read_once() {
    let source = Many {
        series: 10,
        samples: 10,
    };
    let once = range(EngineOptions::default(), &source, "sum(m)").expect("an answer");
    let twice = range(EngineOptions::default(), &source, "sum(m) / (sum(m) + 1)").expect("another");
    assert_eq!(once.stats.series, 10);
    assert_eq!(twice.stats.series, 10);
    // Of what has to be told at two places, both are told.
    let told = range(
        EngineOptions::default(),
        &source,
        "sum(rate(m[5s])) / sum(rate(m[5s]))",
    );
    assert_eq!(told.expect("an answer").infos.len(), 2);
}
