//! PromQL over series that a program holds itself: any source of series is a [`Queryable`].

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use tsdb_core::{Labels, Matcher};
use tsdb_promql::{
    Cancel, Engine, PointValue, Queryable, Selection, SeriesSamples, SeriesStream, SourceError,
    Value,
};

/// Series, each with the temperature of every minute.
#[derive(Debug)]
struct Thermometers(Vec<(Labels, Vec<f64>)>);

/// Those that match, on their way to the engine.
struct Matching<'t> {
    rest: std::slice::Iter<'t, (Labels, Vec<f64>)>,
    matchers: Vec<Matcher>,
}

impl Queryable for Thermometers {
    fn select<'q>(
        &'q self,
        selection: &Selection<'_>,
    ) -> Result<Box<dyn SeriesStream + 'q>, SourceError> {
        // Samples outside of selection.start..=selection.end may be given as well.
        Ok(Box::new(Matching {
            rest: self.0.iter(),
            matchers: selection.matchers.to_vec(),
        }))
    }
}

impl SeriesStream for Matching<'_> {
    fn next_series(&mut self) -> Result<Option<SeriesSamples>, SourceError> {
        let matchers = &self.matchers;
        let next = self.rest.find(|one| Matcher::all_match(matchers, &one.0));
        Ok(next.map(|(labels, values)| SeriesSamples {
            labels: labels.clone(),
            timestamps: (0..).step_by(60_000).take(values.len()).collect(),
            values: values.clone(),
            ..SeriesSamples::default()
        }))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut table = Thermometers(Vec::new());
    for (room, values) in [
        ("kitchen", [20.0, 21.5, 23.0]),
        ("cellar", [12.0, 12.0, 11.5]),
    ] {
        let labels = Labels::from_pairs([("__name__", "celsius"), ("room", room)])?;
        table.0.push((labels, values.to_vec()));
    }
    let query = "max_over_time(celsius[5m]) > 15";
    let answer = Engine::default().instant(&table, query, 120_000, &Cancel::default())?;
    let Value::Vector(samples) = answer.value else {
        return Err("a comparison gives a vector".into());
    };
    for sample in &samples {
        println!("{} {:?}", sample.labels, sample.value);
    }
    assert_eq!(samples.len(), 1);
    assert!(matches!(
        samples.first().map(|one| &one.value),
        Some(PointValue::Float(23.0))
    ));

    // What is wrong with a query says where.
    let wrong = Engine::default().instant(&table, "max(celsius", 0, &Cancel::default());
    let error = wrong
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default();
    println!("{error}");
    assert!(error.contains("parse error"));
    Ok(())
}
