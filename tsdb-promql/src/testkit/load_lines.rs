//! `load` and its series.

use tsdb_core::Labels;

use super::script::{LineError, Lines, Load, LoadedPoint, LoadedSeries};
use super::series_line::SequencePoint;
use super::start_line::StartOffsets;
use super::{classic_histogram, duration, series_line, start_line};
use crate::answer::PointValue;

pub(super) fn parse(number: usize, line: &str, lines: &mut Lines<'_>) -> Result<Load, LineError> {
    let at = |message: String| (number, message);
    let mut words = line.split_ascii_whitespace();
    let converts = match words.next() {
        Some("load") => false,
        Some("load_with_nhcb") => true,
        other => return Err(at(format!("there is no command {other:?}"))),
    };
    let (Some(step), None) = (words.next(), words.next()) else {
        return Err(at("a load has one step, as in \"load 5m\"".to_owned()));
    };
    let step = duration::parse(step).map_err(at)?;
    let mut reader = Reader {
        step,
        default_starts: StartOffsets::new(),
        pending: None,
        series: Vec::new(),
    };
    while let Some((number, line)) = lines.next_of_block() {
        reader
            .line(number, line)
            .map_err(|message| (number, message))?;
    }
    if let Some((number, ..)) = reader.pending {
        return Err((number, "no points follow start timestamps".to_owned()));
    }
    let mut series = reader.series;
    if converts {
        series.extend(classic_histogram::convert(&series).map_err(at)?);
    }
    Ok(Load {
        line: number,
        series,
    })
}

struct Reader {
    step: i64,
    /// Start timestamps of series that have none of their own, over and over.
    default_starts: StartOffsets,
    /// Start timestamps of the series that has to follow.
    pending: Option<(usize, Labels, StartOffsets)>,
    series: Vec<LoadedSeries>,
}

impl Reader {
    fn line(&mut self, number: usize, line: &str) -> Result<(), String> {
        match start_line::parse(line) {
            Some(_) if self.pending.is_some() => {
                Err("start timestamps follow start timestamps".to_owned())
            }
            Some(starts) => {
                let (labels, offsets) = starts?;
                match labels.is_empty() {
                    true => self.default_starts = offsets,
                    false => self.pending = Some((number, labels, offsets)),
                }
                Ok(())
            }
            None => self.points(line),
        }
    }

    fn points(&mut self, line: &str) -> Result<(), String> {
        let (labels, points) = series_line::parse(line)?;
        let mut own_starts = None;
        if let Some((_, of, starts)) = self.pending.take() {
            if of != labels {
                return Err(format!("start timestamps of {of} stand before {labels}"));
            }
            if starts.len() != points.len() {
                let (starts, points) = (starts.len(), points.len());
                return Err(format!("{starts} start timestamps for {points} points"));
            }
            own_starts = Some(starts);
        }
        let starts = own_starts.as_ref().unwrap_or(&self.default_starts);
        let mut starts = starts.iter().copied().cycle();
        let mut timestamp = 0_i64;
        let mut loaded = Vec::new();
        for point in points {
            let start = starts
                .next()
                .flatten()
                .map_or(0, |offset| timestamp + offset);
            let value = match point {
                SequencePoint::Omitted => None,
                SequencePoint::Float(value) => Some(PointValue::Float(value)),
                SequencePoint::Histogram(written) => {
                    Some(PointValue::Histogram(Box::new(written.histogram)))
                }
            };
            loaded.extend(value.map(|value| LoadedPoint {
                timestamp,
                start_timestamp: start,
                value,
            }));
            timestamp = timestamp.saturating_add(self.step);
        }
        self.series.push(LoadedSeries {
            labels,
            points: loaded,
        });
        Ok(())
    }
}
