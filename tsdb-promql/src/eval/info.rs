//! Labels of info metrics, added to series of the same instance and job.

use tsdb_core::model::HashMap;
use tsdb_core::{Labels, Matcher};

use super::column::{Column, Point};
use super::context::{Evaluation, Sink, Union};
use super::series::{VectorSeries, only, with};
use super::steps::Steps;
use crate::error::QueryError;
use crate::plan::{InfoNode, Select};
use crate::syntax::Span;
use crate::text::go_labels;

const METRIC_NAME: &str = "__name__";
const DEFAULT_INFO: &str = "target_info";

/// Labels that tell whom an info metric is about.
const IDENTIFYING: [&str; 2] = ["instance", "job"];

/// Info series, and when each of their samples was taken.
type InfoSeries = Vec<VectorSeries>;

impl Evaluation<'_> {
    pub(super) fn info(
        &self,
        of: &InfoNode,
        steps: Steps,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let base = self.collect(&of.node, steps)?;
        let is_name = |matcher: &&Matcher| matcher.name() == METRIC_NAME;
        let names: Vec<&Matcher> = of.matchers.iter().filter(is_name).collect();
        let data: Vec<&Matcher> = of.matchers.iter().filter(|m| !is_name(m)).collect();
        // Info series themselves are left as they are.
        let is_info = |labels: &Labels| {
            let name = labels.metric_name().unwrap_or_default();
            !names.is_empty() && names.iter().all(|matcher| matcher.matches(name))
        };
        let info = self.info_series(of, &base.series, &is_info, steps)?;
        let mut places: HashMap<(&str, Labels), Vec<usize>> = HashMap::default();
        let mut metrics: Vec<&str> = Vec::new();
        for (place, series) in info.iter().enumerate() {
            let name = series.labels.metric_name().unwrap_or_default();
            if !metrics.contains(&name) {
                metrics.push(name);
            }
            places
                .entry((name, identity(&series.labels)))
                .or_default()
                .push(place);
        }
        metrics.sort_unstable();
        self.check_ambiguous(&info, &places, &base.series, steps)?;
        let mut union = Union::new(&self.budget);
        for series in &base.series {
            if is_info(&series.labels) {
                union.add(&mut series.clone())?;
                continue;
            }
            let candidates = metrics.iter().map(|name| {
                let found = places.get(&(*name, identity(&series.labels)));
                found.map(Vec::as_slice).unwrap_or_default()
            });
            let candidates: Vec<&[usize]> = candidates.collect();
            self.enrich((series, &info), &candidates, &data, &mut union)?;
        }
        drop(base);
        union.into_held().series.iter_mut().try_for_each(sink)
    }

    /// The info series of all instances and jobs that are asked about; of each the times of samples.
    fn info_series(
        &self,
        of: &InfoNode,
        base: &[VectorSeries],
        is_info: &dyn Fn(&Labels) -> bool,
        steps: Steps,
    ) -> Result<InfoSeries, QueryError> {
        let mut matchers: Vec<Matcher> = Vec::new();
        for name in IDENTIFYING {
            let of_base = base.iter().filter(|series| !is_info(&series.labels));
            let mut values: Vec<&str> = of_base.filter_map(|one| one.labels.get(name)).collect();
            values.sort_unstable();
            values.dedup();
            if values.is_empty() {
                continue;
            }
            let pattern: Vec<String> = values.iter().map(|value| regex::escape(value)).collect();
            let matcher = Matcher::regex(name, pattern.join("|"));
            matchers.push(matcher.map_err(|error| QueryError::Execution(error.to_string()))?);
        }
        if matchers.is_empty() {
            return Ok(Vec::new());
        }
        if !of
            .matchers
            .iter()
            .any(|matcher| matcher.name() == METRIC_NAME)
        {
            matchers.push(Matcher::equal(METRIC_NAME, DEFAULT_INFO));
        }
        matchers.extend(of.matchers.iter().cloned());
        let select = Select {
            matchers,
            offset: of.offset,
            at: of.at,
            anchored: false,
            smoothed: false,
            statistics_only: false,
            span: Span::default(),
        };
        let mut found = Vec::new();
        self.stream_sample_times(&select, steps, &mut |series| {
            found.push(std::mem::take(series));
            Ok(())
        })?;
        Ok(found)
    }

    /// Checks that of several info series of one metric, instance and job one is the newest.
    fn check_ambiguous(
        &self,
        info: &InfoSeries,
        places: &HashMap<(&str, Labels), Vec<usize>>,
        base: &[VectorSeries],
        steps: Steps,
    ) -> Result<(), QueryError> {
        let any_base = |step: usize| base.iter().any(|series| series.column.has(step));
        for same in places.values().filter(|same| same.len() > 1) {
            for step in steps.indices().filter(|&step| any_base(step)) {
                let mut newest: Option<(&Labels, f64)> = None;
                for series in same.iter().filter_map(|place| info.get(*place)) {
                    let Some(time) = series.column.float(step) else {
                        continue;
                    };
                    match newest {
                        Some((labels, other)) if other == time => {
                            return Err(ambiguous(labels, &series.labels, time));
                        }
                        Some((_, other)) if other > time => {}
                        _ => newest = Some((&series.labels, time)),
                    }
                }
            }
        }
        Ok(())
    }

    /// A series with the labels of the info series of each metric that are newest at each step.
    fn enrich(
        &self,
        (series, info): (&VectorSeries, &InfoSeries),
        candidates: &[&[usize]],
        data: &[&Matcher],
        union: &mut Union<'_>,
    ) -> Result<(), QueryError> {
        let mut runs: Vec<(Vec<Option<usize>>, VectorSeries)> = Vec::new();
        for (step, point) in series.column.points() {
            let newest: Vec<Option<usize>> = candidates
                .iter()
                .map(|same| newest_at(info, same, step))
                .collect();
            let known = runs.iter().position(|(chosen, _)| *chosen == newest);
            let place = match known {
                Some(place) => place,
                None => {
                    let chosen = newest.iter().flatten().filter_map(|place| info.get(*place));
                    let Some(labels) = enriched(&series.labels, chosen, data)? else {
                        continue;
                    };
                    let mut out = VectorSeries::new(labels, Column::new(series.column.steps()));
                    out.drop_name = series.drop_name;
                    runs.push((newest, out));
                    runs.len() - 1
                }
            };
            if let Some((_, out)) = runs.get_mut(place) {
                set(&mut out.column, step, point);
            }
        }
        runs.iter_mut().try_for_each(|(_, out)| union.add(out))
    }
}

fn set(column: &mut Column, step: usize, point: Point) {
    column.set(step, point);
}

fn identity(labels: &Labels) -> Labels {
    only(labels, &IDENTIFYING.map(str::to_owned))
}

fn newest_at(info: &InfoSeries, same: &[usize], step: usize) -> Option<usize> {
    let time = |place: &usize| info.get(*place)?.column.float(step);
    let present = same.iter().copied().filter(|place| time(place).is_some());
    present.max_by(|a, b| {
        time(a)
            .unwrap_or_default()
            .total_cmp(&time(b).unwrap_or_default())
    })
}

fn ambiguous(existing: &Labels, new: &Labels, time: f64) -> QueryError {
    QueryError::Execution(format!(
        "found duplicate series for info metric: existing {} @ {time}, new {} @ {time}",
        go_labels(existing),
        go_labels(new)
    ))
}

/// Labels with the data labels of info series; `None` where some are asked for that are not there.
fn enriched<'i>(
    base: &Labels,
    info: impl Iterator<Item = &'i VectorSeries>,
    data: &[&Matcher],
) -> Result<Option<Labels>, QueryError> {
    let mut added: Vec<(&str, &str)> = Vec::new();
    let mut is_found = false;
    for series in info {
        is_found = true;
        for label in &series.labels {
            let is_asked = data.is_empty() || data.iter().any(|m| m.name() == label.name);
            if label.name == METRIC_NAME || !is_asked {
                continue;
            }
            match added.iter().find(|(name, _)| *name == label.name) {
                Some((_, value)) if *value != label.value => {
                    return Err(QueryError::Execution(format!(
                        "conflicting label: {}",
                        label.name
                    )));
                }
                Some(_) => {}
                None if base.get(label.name).is_some() => {}
                None => added.push((label.name, label.value)),
            }
        }
    }
    if !is_found && !data.iter().all(|matcher| matcher.matches_empty()) {
        return Ok(None);
    }
    with(base, added).map(Some)
}
