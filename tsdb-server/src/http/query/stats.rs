//! What a result says of its cost.

use std::time::Duration;

use serde::ser::{Serialize, SerializeStruct, Serializer};
use tsdb_promql::{QueryStats, Trace};

/// As Prometheus has it; times are seconds.
#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stats {
    timings: Timings,
    samples: Samples,
}

#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Timings {
    eval_total_time: f64,
    result_sort_time: f64,
    query_preparation_time: f64,
    inner_eval_time: f64,
    exec_queue_time: f64,
    exec_total_time: f64,
}

#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Samples {
    total_queryable_samples: u64,
    samples_read: u64,
    peak_samples: u64,
}

impl Stats {
    /// Of a query that waited and was then evaluated. Reading is part of evaluating here.
    pub(super) fn new(stats: QueryStats, waited: Duration, evaluated: Duration) -> Self {
        let evaluated = evaluated.as_secs_f64();
        Self {
            timings: Timings {
                eval_total_time: evaluated,
                result_sort_time: 0.0,
                query_preparation_time: 0.0,
                inner_eval_time: evaluated,
                exec_queue_time: waited.as_secs_f64(),
                exec_total_time: waited.as_secs_f64() + evaluated,
            },
            samples: Samples {
                total_queryable_samples: stats.samples,
                samples_read: stats.samples,
                peak_samples: stats.peak_samples,
            },
        }
    }
}

/// A step of a trace. They nest no deeper than expressions do.
pub(super) struct Step<'t>(pub(super) &'t Trace);

impl Serialize for Step<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(trace) = self;
        let duration = Duration::from_nanos(trace.nanoseconds);
        let children: Vec<Step<'_>> = trace.children.iter().map(Step).collect();
        let mut step = serializer.serialize_struct("Step", 6)?;
        step.serialize_field("name", &trace.name)?;
        step.serialize_field("detail", &trace.detail)?;
        step.serialize_field("duration_ms", &(duration.as_secs_f64() * 1000.0))?;
        step.serialize_field("series", &trace.series)?;
        step.serialize_field("samples", &trace.samples)?;
        step.serialize_field("children", &children)?;
        step.end()
    }
}
