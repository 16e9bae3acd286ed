//! A result as a table for a person.

use std::collections::{BTreeMap, BTreeSet};

use super::reply::{Found, Line, Reply};
use super::sparkline::{Span, sparkline};

/// Width of a line where no terminal says it.
const WIDTH: usize = 120;
/// Narrowest line of a series.
const SPARKLINE_MIN: usize = 8;
/// Widest one: beyond it the eye does not follow.
const SPARKLINE_MAX: usize = 80;
/// Between two columns.
const GAP: usize = 2;

/// The name of the metric among the labels.
const NAME: &str = "__name__";

/// A column of a table: its title, its cells, and whether they end below each other.
#[derive(Debug, Default)]
struct Column {
    title: String,
    cells: Vec<String>,
    is_right: bool,
}

impl Column {
    fn new(title: &str, is_right: bool) -> Self {
        Self {
            title: title.to_owned(),
            cells: Vec::new(),
            is_right,
        }
    }

    fn width(&self) -> usize {
        let cells = self.cells.iter().map(|cell| cell.chars().count());
        cells.max().unwrap_or(0).max(self.title.chars().count())
    }
}

fn width_of(columns: &[Column]) -> usize {
    columns.iter().map(|column| column.width() + GAP).sum()
}

/// A result as lines. `width` is that of the terminal, `None` where there is none; `span` is what a query
/// over a range was asked for.
pub(super) fn table(reply: &Reply, span: Option<Span>, width: Option<usize>) -> String {
    let mut out = String::new();
    match &reply.data {
        Found::Scalar(point) => out.push_str(&point.1),
        Found::String(point) => out.push_str(&plain(&point.1)),
        Found::Vector(samples) => {
            let metrics: Vec<_> = samples.iter().map(|sample| &sample.metric).collect();
            let mut value = Column::new("VALUE", true);
            value.cells = samples.iter().map(|sample| sample.text()).collect();
            let numbers = vec![value];
            let mut columns = labels(&metrics, width, width_of(&numbers));
            columns.extend(numbers);
            write(&columns, &mut out);
            return out;
        }
        Found::Matrix(lines) => {
            matrix(lines, span, width, &mut out);
            return out;
        }
    }
    out.push('\n');
    out
}

fn matrix(lines: &[Line], span: Option<Span>, width: Option<usize>, out: &mut String) {
    let span = span.unwrap_or_else(|| span_of(lines));
    let points: Vec<_> = lines.iter().map(numbers).collect();
    let mut figures = ["MIN", "MAX", "LAST"].map(|title| Column::new(title, true));
    for (line, points) in lines.iter().zip(&points) {
        let last = line.points().pop().map(|(_, text)| text);
        let texts = [extreme(points, f64::lt), extreme(points, f64::gt), last];
        for (column, text) in figures.iter_mut().zip(texts) {
            column.cells.push(text.unwrap_or_default());
        }
    }
    let beside = width_of(&figures);
    let metrics: Vec<_> = lines.iter().map(|line| &line.metric).collect();
    let mut columns = labels(&metrics, width, beside + SPARKLINE_MIN + GAP);
    let taken = beside + width_of(&columns);
    let left = width.unwrap_or(WIDTH).saturating_sub(taken);
    let mut drawn = Column::new("", false);
    for points in &points {
        let points: Vec<_> = points
            .iter()
            .map(|(time, value, _)| (*time, *value))
            .collect();
        let width = left.clamp(SPARKLINE_MIN, SPARKLINE_MAX);
        drawn.cells.push(sparkline(&points, span, width));
    }
    columns.push(drawn);
    columns.extend(figures);
    write(&columns, out);
}

/// What of a series is drawn: time, number, and its text; of histograms that is their count.
fn numbers(line: &Line) -> Vec<(f64, f64, &str)> {
    let floats = line.values.iter().map(|point| (point.0, point.1.as_str()));
    let histograms = line.histograms.iter();
    let counts = histograms.map(|point| (point.0, point.1.count.as_str()));
    let all = floats.chain(counts);
    let all = all.filter_map(|(time, text)| Some((time, text.parse().ok()?, text)));
    all.collect()
}

/// The text of the number that is furthest; that of NaN where there is no other.
fn extreme(points: &[(f64, f64, &str)], is_further: fn(&f64, &f64) -> bool) -> Option<String> {
    let mut found: Option<(f64, &str)> = None;
    for (_, value, text) in points {
        let replaces = found.is_none_or(|(best, _)| best.is_nan() || is_further(value, &best));
        if replaces {
            found = Some((*value, text));
        }
    }
    found.map(|(_, text)| text.to_owned())
}

/// From the first point to the last.
fn span_of(lines: &[Line]) -> Span {
    let times = lines.iter().flat_map(numbers).map(|(time, ..)| time);
    let (first, last) = times.fold((f64::INFINITY, f64::NEG_INFINITY), |(first, last), time| {
        (time.min(first), time.max(last))
    });
    let moments = lines.iter().map(|line| numbers(line).len()).max();
    Span {
        first,
        last,
        moments: moments.unwrap_or(0).max(1),
    }
}

/// A column a label, or, where they do not fit beside what else there is, one for all.
fn labels(
    metrics: &[&BTreeMap<String, String>],
    width: Option<usize>,
    beside: usize,
) -> Vec<Column> {
    let names: BTreeSet<&str> = metrics
        .iter()
        .flat_map(|metric| metric.keys())
        .map(String::as_str)
        .collect();
    let mut columns = Vec::new();
    let name = names.get(NAME).into_iter();
    for name in name.chain(names.iter().filter(|name| **name != NAME)) {
        let title = if *name == NAME { "METRIC" } else { name };
        let mut column = Column::new(&plain(title), false);
        let cells = metrics.iter().map(|metric| metric.get(*name));
        column.cells = cells
            .map(|cell| cell.map_or_else(String::new, |cell| plain(cell)))
            .collect();
        columns.push(column);
    }
    if width.is_some_and(|width| width_of(&columns) + beside > width) {
        let mut all = Column::new("SERIES", false);
        all.cells = metrics.iter().map(|metric| series(metric)).collect();
        return vec![all];
    }
    columns
}

/// Labels as in an expression.
fn series(metric: &BTreeMap<String, String>) -> String {
    let name = metric
        .get(NAME)
        .map_or_else(String::new, |name| plain(name));
    let others = metric.iter().filter(|(name, _)| *name != NAME);
    let others: Vec<_> = others
        .map(|(name, value)| {
            let value = plain(&value.replace('\\', "\\\\").replace('"', "\\\""));
            format!("{}=\"{value}\"", plain(name))
        })
        .collect();
    match others.is_empty() && !name.is_empty() {
        true => name,
        false => format!("{name}{{{}}}", others.join(",")),
    }
}

/// A text that moves no cursor and changes no colour.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
    }
    out
}

fn write(columns: &[Column], out: &mut String) {
    let widths: Vec<usize> = columns.iter().map(Column::width).collect();
    let rows = columns.iter().map(|column| column.cells.len()).max();
    let titles = columns.iter().map(|column| column.title.as_str());
    write_row(columns, &widths, titles, out);
    for row in 0..rows.unwrap_or(0) {
        let cells = columns.iter().map(|column| column.cells.get(row));
        let cells = cells.map(|cell| cell.map_or("", String::as_str));
        write_row(columns, &widths, cells, out);
    }
}

fn write_row<'c>(
    columns: &[Column],
    widths: &[usize],
    cells: impl Iterator<Item = &'c str>,
    out: &mut String,
) {
    let mut row = String::new();
    for ((column, width), cell) in columns.iter().zip(widths).zip(cells) {
        if !row.is_empty() {
            row.push_str("  ");
        }
        let blank = " ".repeat(width.saturating_sub(cell.chars().count()));
        match column.is_right {
            true => row = row + &blank + cell,
            false => row = row + cell + &blank,
        }
    }
    out.push_str(row.trim_end());
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(data: &str, width: Option<usize>) -> String {
        let text = format!(r#"{{"status":"success","data":{data}}}"#);
        let reply: Reply = serde_json::from_str(&text).expect("an answer");
        table(&reply, None, width)
    }

    #[test]
    fn labels_are_columns_and_numbers_end_below_each_other() {
        let vector = r#"{"resultType":"vector","result":[
            {"metric":{"__name__":"up","job":"a\u001b[31m"},"value":[1,"1"]},
            {"metric":{"__name__":"up","instance":"b:1","job":"b"},"value":[1,"-2.5"]},
            {"metric":{},"histogram":[1,{"count":"3","sum":"4","buckets":[[3,"-1","1","2"],[1,"1","2","1"]]}]}]}"#;
        let expected = concat!(
            "METRIC  instance  job                                        VALUE\n",
            "up                a\\u{1b}[31m                                    1\n",
            "up      b:1       b                                           -2.5\n",
            "                               {count:3, sum:4, [-1,1]:2, [1,2):1}\n",
        );
        assert_eq!(shown(vector, None), expected);
        let narrow = shown(vector, Some(40));
        let first: Vec<&str> = narrow.lines().take(4).collect();
        assert!(first[0].starts_with("SERIES "), "{narrow}");
        assert!(
            first[1].starts_with("up{job=\"a\\u{1b}[31m\"} "),
            "{narrow}"
        );
        assert!(
            first[2].starts_with("up{instance=\"b:1\",job=\"b\"} "),
            "{narrow}"
        );
        assert!(first[3].starts_with("{} "), "{narrow}");
    }

    #[test]
    fn a_series_over_time_is_a_line() {
        let matrix = r#"{"resultType":"matrix","result":[
            {"metric":{"a":"x"},"values":[[0,"1"],[10,"NaN"],[20,"10"],[30,"5.5"]]},
            {"metric":{"a":"y"},"values":[[0,"NaN"]],"histograms":[[30,{"count":"3","sum":"4"}]]},
            {"metric":{"a":"z"},"values":[[0,"NaN"]]}]}"#;
        let expected = concat!(
            "a        MIN  MAX              LAST\n",
            "x  \u{2581} \u{2588}\u{2585}    1   10               5.5\n",
            "y     \u{2584}    3    3  {count:3, sum:4}\n",
            "z        NaN  NaN               NaN\n",
        );
        assert_eq!(shown(matrix, None), expected);
        let span = Some(Span {
            first: 0.0,
            last: 3000.0,
            moments: 301,
        });
        let text = format!(r#"{{"status":"success","data":{matrix}}}"#);
        let reply: Reply = serde_json::from_str(&text).expect("an answer");
        let longest = table(&reply, span, Some(60));
        assert!(
            longest.lines().all(|line| line.chars().count() <= 60),
            "{longest}"
        );
    }

    #[test]
    fn a_number_or_a_text_stands_alone_and_nothing_has_titles_only() {
        let scalar = r#"{"resultType":"scalar","result":[1,"+Inf"]}"#;
        assert_eq!(shown(scalar, None), "+Inf\n");
        let text = r#"{"resultType":"string","result":[1,"a\nb"]}"#;
        assert_eq!(shown(text, None), "a\\nb\n");
        let empty = r#"{"resultType":"vector","result":[]}"#;
        assert_eq!(shown(empty, Some(80)), "VALUE\n");
        let empty = r#"{"resultType":"matrix","result":[]}"#;
        assert_eq!(shown(empty, Some(80)), "MIN  MAX  LAST\n");
    }
}
