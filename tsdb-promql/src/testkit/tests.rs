//! The runner against subjects that answer wrongly.

use tsdb_core::Labels;

use super::{
    Command, EngineSubject, Load, LoadedPoint, Reply, ReplyHistogram, ReplySeries, ReplyValue,
    Script, SeriesOrder, Subject, engine_options, run,
};
use crate::answer::PointValue;
use crate::engine::Features;

type Answers = Box<dyn Fn(&str, i64) -> Result<Reply, String>>;

/// Answers instant queries as it is told, and ranges with the same series at all their times.
struct Told {
    answers: Answers,
    range: Answers,
    again: bool,
}

impl Subject for Told {
    fn clear(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn load(&mut self, load: &Load) -> Result<(), String> {
        match load.series.is_empty() {
            true => Err("nothing to load".to_owned()),
            false => Ok(()),
        }
    }

    fn instant(&self, expression: &str, time: i64) -> Result<Reply, String> {
        (self.answers)(expression, time)
    }

    fn range(&self, expression: &str, (start, ..): (i64, i64, i64)) -> Result<Reply, String> {
        (self.range)(expression, start)
    }

    fn asks_again(&self) -> bool {
        self.again
    }
}

fn series(name: &str, floats: &[(i64, f64)]) -> ReplySeries {
    ReplySeries {
        labels: Labels::from_pairs([("__name__", name)]).unwrap(),
        floats: floats.to_vec(),
        histograms: Vec::new(),
    }
}

fn reply(value: ReplyValue) -> Result<Reply, String> {
    Ok(Reply {
        value,
        warnings: vec!["PromQL warning: w".to_owned()],
        infos: Vec::new(),
    })
}

fn vector(all: &[(&str, f64)]) -> Result<Reply, String> {
    let all = all.iter().map(|(name, value)| series(name, &[(0, *value)]));
    reply(ReplyValue::Vector(all.collect()))
}

/// Why the only case of a script fails when its query is answered so.
fn verdict(script: &str, answers: impl Fn(&str, i64) -> Result<Reply, String> + 'static) -> String {
    let mut told = Told {
        answers: Box::new(answers),
        range: Box::new(|_, _| Err("no range is asked for".to_owned())),
        again: false,
    };
    let script = Script::parse("s/a.test", script).unwrap();
    let cases = run(&script, &mut told);
    assert_eq!(cases.len(), 1);
    cases[0].failure.clone().unwrap_or_default()
}

const TWO: &str = "eval instant at 0 q\n a 1\n b 2";
const ORDERED: &str = "eval instant at 0 q\n expect ordered\n a 1\n b 2";

#[test]
fn what_is_not_expected_fails_its_case() {
    let both = || vector(&[("b", 2.0), ("a", 1.0)]);
    assert_eq!(verdict(TWO, move |_, _| both()), "");
    for (script, answer, why) in [
        (TWO, vector(&[("a", 1.0)]), "b is expected, not found"),
        (
            TWO,
            vector(&[("a", 1.1), ("b", 2.0)]),
            "is expected, found a [(0, 1.1)]",
        ),
        (
            TWO,
            vector(&[("a", 1.0), ("b", 2.0), ("c", 3.0)]),
            "c [(0, 3.0)] is not expected",
        ),
        (
            TWO,
            vector(&[("a", 1.0), ("a", 1.0), ("b", 2.0)]),
            "a is found twice",
        ),
        (
            TWO,
            reply(ReplyValue::Scalar(1.0)),
            "series are expected, found the scalar 1",
        ),
        (TWO, Err("broken".to_owned()), "failed: broken"),
        (ORDERED, both(), "b is expected at place 1, found at 0"),
        (
            "eval instant at 0 q\n 5",
            reply(ReplyValue::Scalar(6.0)),
            "scalar 5 is expected, found 6",
        ),
        ("eval instant at 0 q\n 5", both(), "a scalar is expected"),
        (
            "eval instant at 0 q\n expect string \"x\"",
            reply(ReplyValue::String("y".to_owned())),
            "text \"x\" is expected, found \"y\"",
        ),
        (
            "eval instant at 0 q\n expect no_warn\n a 1",
            vector(&[("a", 1.0)]),
            "no warning is expected",
        ),
        (
            "eval instant at 0 q\n expect info\n a 1",
            vector(&[("a", 1.0)]),
            "info Any is expected",
        ),
        (
            "eval instant at 0 q\n expect warn msg: PromQL warning: v\n a 1",
            vector(&[("a", 1.0)]),
            "warning Exact(\"PromQL warning: v\") is expected",
        ),
        (
            "eval_fail instant at 0 q",
            both(),
            "failure Any is expected, found",
        ),
        (
            "eval instant at 0 q\n expect fail msg: this",
            Err("that".to_owned()),
            "failure Exact(\"this\") is expected, got \"that\"",
        ),
    ] {
        let answer = std::sync::Mutex::new(Some(answer));
        let found = verdict(script, move |_, _| answer.lock().unwrap().take().unwrap());
        assert!(found.contains(why) && !why.is_empty(), "{script}: {found}");
    }
}

#[test]
fn panics_and_broken_loads_fail_their_cases_alone() {
    let script =
        "load 1m\n\neval instant at 0 a\n\nclear\neval instant at 0 b\n\neval instant at 0 c";
    let mut told = Told {
        answers: Box::new(|expression, _| match expression {
            "b" => panic!("over {expression}"),
            _ => vector(&[]),
        }),
        range: Box::new(|_, _| reply(ReplyValue::Matrix(Vec::new()))),
        again: true,
    };
    let script = Script::parse("s/a.test", script).unwrap();
    let cases = run(&script, &mut told);
    let found: Vec<_> = cases.iter().map(|case| case.failure.as_deref()).collect();
    let expected = [
        Some("load in 1: nothing to load"),
        Some("panicked: over b"),
        None,
    ];
    assert_eq!(found, expected);
    let lines: Vec<_> = cases.iter().map(|case| case.line).collect();
    assert_eq!(lines, [3, 6, 8]);
}

#[test]
fn instant_queries_are_asked_again_as_ranges_and_pinned() {
    let script = Script::parse("s/a.test", "eval instant at 5m q\n a 1").unwrap();
    let failure = |pinned: f64, middle: f64| {
        let mut told = Told {
            answers: Box::new(move |expression, _| match expression {
                "q" => vector(&[("a", 1.0)]),
                _ => vector(&[("a", pinned)]),
            }),
            range: Box::new(move |_, start| {
                let floats = [
                    (start, 7.0),
                    (start + 60_000, middle),
                    (start + 120_000, 7.0),
                ];
                reply(ReplyValue::Matrix(vec![series("a", &floats)]))
            }),
            again: true,
        };
        run(&script, &mut told)[0]
            .failure
            .clone()
            .unwrap_or_default()
    };
    assert_eq!(failure(1.0, 1.0), "");
    assert!(failure(1.0, 2.0).starts_with("as a range: "));
    assert!(failure(2.0, 1.0).starts_with("q @ 300.000 at -3000000: "));
}

#[test]
fn ranges_have_their_points_at_their_times() {
    const SCRIPT: &str = "eval range from 0 to 2m step 1m q\n a 1 _ 3";
    let failure = |floats: &'static [(i64, f64)]| {
        let mut told = Told {
            answers: Box::new(|_, _| vector(&[])),
            range: Box::new(move |_, _| reply(ReplyValue::Matrix(vec![series("a", floats)]))),
            again: true,
        };
        let script = Script::parse("s/a.test", SCRIPT).unwrap();
        run(&script, &mut told)[0]
            .failure
            .clone()
            .unwrap_or_default()
    };
    assert_eq!(failure(&[(0, 1.0), (120_000, 3.0)]), "");
    assert!(failure(&[(0, 1.0), (60_000, 3.0)]).starts_with("3 is expected at 120000"));
    assert!(failure(&[(0, 1.0)]).starts_with("2 floats and 0 histograms are expected"));
}

#[test]
fn histograms_are_compared_in_all_that_is_told_of_them() {
    let loaded = |line: &str| {
        let script = Script::parse("s/a.test", &format!("load 1m\n h {line}")).unwrap();
        let Some(Command::Load(load)) = script.commands.into_iter().next() else {
            panic!("no load");
        };
        match load.series[0].points[0].value.clone() {
            PointValue::Histogram(histogram) => histogram,
            PointValue::Float(_) => panic!("no histogram"),
        }
    };
    let failure = |expected: &str, found: &str, whole: bool| {
        let found = loaded(found);
        let script = format!("eval instant at 0 q\n h {expected}");
        let answered = verdict(&script, move |_, _| {
            let histogram = match whole {
                true => ReplyHistogram::Whole(found.clone()),
                false => ReplyHistogram::Buckets {
                    count: found.count,
                    sum: found.sum,
                    buckets: super::buckets(&found),
                },
            };
            let mut series = series("h", &[]);
            series.histograms.push((0, histogram));
            reply(ReplyValue::Vector(vec![series]))
        });
        !answered.is_empty()
    };
    const ONE: &str = "{{sum:1 count:3 buckets:[1 0 2]}}";
    for whole in [true, false] {
        assert!(!failure(
            ONE,
            "{{sum:1 count:3 buckets:[0 1 0 2 0] offset:-1}}",
            whole
        ));
        for other in [
            "{{sum:2 count:3 buckets:[1 0 2]}}",
            "{{sum:1 count:4 buckets:[1 0 2]}}",
            "{{sum:1 count:3 buckets:[1 2]}}",
            "{{sum:1 count:3 n_buckets:[1 0 2]}}",
            "{{schema:1 sum:1 count:3 buckets:[1 0 2]}}",
            "{{sum:1 count:3 buckets:[1 0 2] z_bucket:1}}",
            "{{schema:-53 sum:1 count:3 buckets:[1 0 2] custom_values:[1 2]}}",
        ] {
            assert!(failure(ONE, other, whole), "{other} {whole}");
        }
    }
    let hinted = "{{sum:1 count:3 buckets:[1 0 2] counter_reset_hint:gauge}}";
    assert!(
        !failure(ONE, hinted, true),
        "a hint that is not written does not count"
    );
    assert!(failure(hinted, ONE, true) && !failure(hinted, ONE, false));
}

#[test]
fn errors_name_file_and_line() {
    for (text, error) in [
        (
            "load 1m\n a 1\n\nwhat",
            "s/a.test:4: there is no command \"what\"",
        ),
        (
            "load\n a 1",
            "s/a.test:1: a load has one step, as in \"load 5m\"",
        ),
        ("load 1m\n a 1\n b", "s/a.test:3: no points follow b"),
        (
            "load 1m\n a@st -1m\n a 1 2",
            "s/a.test:3: 1 start timestamps for 2 points",
        ),
        (
            "load 1m\n a@st -1m",
            "s/a.test:2: no points follow start timestamps",
        ),
        (
            "load 1m\n a@st -1m\n b 1",
            "s/a.test:3: start timestamps of a stand before b",
        ),
        (
            "eval instant q",
            "s/a.test:1: \"q\" stands where \"at\" has to",
        ),
        ("eval instant at 1m", "s/a.test:1: there is no query"),
        (
            "eval range from 1m to 0 step 1m q",
            "s/a.test:1: a range needs an end behind",
        ),
        (
            "eval instant at 0 q\n a 1 2",
            "s/a.test:2: an instant query has one point a series",
        ),
        (
            "eval instant at 0 q\n expect no_warn\n expect warn",
            "s/a.test:3: both some and none",
        ),
        (
            "eval instant at 0 q\n expect fail regex: (",
            "s/a.test:2: regex parse error",
        ),
        (
            "load_with_nhcb 1m\n a_bucket{le=\"1\"} 2\n a_count 1",
            "s/a.test:1: a: buckets of a",
        ),
    ] {
        let found = Script::parse("s/a.test", text).unwrap_err().to_string();
        assert!(found.starts_with(error), "{found}");
    }
}

#[test]
fn classic_histograms_become_native_ones() {
    let script = "load_with_nhcb 1m\n a_bucket{le=\"1\",x=\"y\"} 1 2\n a_bucket{le=\"+Inf\",x=\"y\"} 1 5\n \
                  a_count{x=\"y\"} 1 5\n a_sum{x=\"y\"} 2 20\n b 1";
    let script = Script::parse("s/a.test", script).unwrap();
    let Some(Command::Load(load)) = script.commands.first() else {
        panic!("no load");
    };
    assert_eq!(load.series.len(), 6);
    let native = &load.series[5];
    assert_eq!(native.labels.to_string(), "a{x=\"y\"}");
    let LoadedPoint {
        timestamp,
        value: PointValue::Histogram(histogram),
        ..
    } = &native.points[1]
    else {
        panic!("no histogram");
    };
    assert_eq!((*timestamp, histogram.schema), (60_000, -53));
    assert_eq!((histogram.count, histogram.sum), (5.0, 20.0));
    assert_eq!(histogram.custom_values, [1.0]);
    assert_eq!(histogram.positive_buckets, [2.0, 3.0]);
}

#[test]
fn an_engine_is_asked_over_a_table() {
    let script = "load 1m\n a 1 2\n h {{count:1}} {{count:2}} {{count:1}} {{count:2}} {{count:3}}\n\n\
                  eval range from 0 to 4m step 1m h\n  h {{count:1 counter_reset_hint:unknown}} \
                  {{count:2 counter_reset_hint:not_reset}} {{count:1 counter_reset_hint:unknown}} \
                  {{count:2 counter_reset_hint:not_reset}} {{count:3 counter_reset_hint:not_reset}}\n\n\
                  eval instant at 1m a\n  a 2\n\nclear\n\neval instant at 1m a";
    let script = Script::parse("s/a.test", script).unwrap();
    let options = engine_options(Features::default());
    for order in [SeriesOrder::Sorted, SeriesOrder::Reversed] {
        for case in run(&script, &mut EngineSubject::new(options, order)) {
            assert_eq!(case.failure, None, "{}", case.line);
        }
    }
}
