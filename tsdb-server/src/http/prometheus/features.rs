//! `/api/v1/features`: what can be asked for, by category.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use tsdb_promql::Features;
use tsdb_promql::syntax::{AggregateOp, BinaryOp, FUNCTIONS};

use super::super::app::App;
use super::super::envelope::success;

type Category = BTreeMap<&'static str, bool>;

const AGGREGATIONS: [AggregateOp; 14] = [
    AggregateOp::Sum,
    AggregateOp::Avg,
    AggregateOp::Min,
    AggregateOp::Max,
    AggregateOp::Count,
    AggregateOp::Group,
    AggregateOp::Stddev,
    AggregateOp::Stdvar,
    AggregateOp::Topk,
    AggregateOp::Bottomk,
    AggregateOp::CountValues,
    AggregateOp::Quantile,
    AggregateOp::Limitk,
    AggregateOp::LimitRatio,
];

const OPERATORS: [BinaryOp; 16] = [
    BinaryOp::Add,
    BinaryOp::Sub,
    BinaryOp::Mul,
    BinaryOp::Div,
    BinaryOp::Mod,
    BinaryOp::Pow,
    BinaryOp::Atan2,
    BinaryOp::Equal,
    BinaryOp::NotEqual,
    BinaryOp::Greater,
    BinaryOp::Less,
    BinaryOp::GreaterEqual,
    BinaryOp::LessEqual,
    BinaryOp::And,
    BinaryOp::Or,
    BinaryOp::Unless,
];

pub(in crate::http) async fn features(State(app): State<App>) -> Response {
    let features = app.queries.engine.features;
    let categories = BTreeMap::from([
        ("api", api(app.admin)),
        ("promql", promql(features)),
        ("promql_functions", functions(features)),
        ("promql_operators", operators(features)),
        ("tsdb", tsdb()),
    ]);
    success(&categories, &[])
}

fn api(admin: bool) -> Category {
    Category::from([
        ("admin", admin),
        ("exclude_alerts", true),
        ("label_values_match", true),
        ("lifecycle", false),
        ("otlp_write_receiver", false),
        ("query_stats", true),
        ("query_warnings", true),
        ("remote_write_receiver", true),
        ("time_range_labels", true),
        ("time_range_series", true),
    ])
}

fn promql(features: Features) -> Category {
    let always = [
        "at_modifier",
        "bool",
        "by",
        "group_left",
        "group_right",
        "ignoring",
        "negative_offset",
        "offset",
        "on",
        "per_query_lookback_delta",
        "subqueries",
        "without",
    ];
    let always = always.into_iter().map(|name| (name, true));
    let switched = [
        ("anchored", features.extended_selectors),
        ("smoothed", features.extended_selectors),
        ("delayed_name_removal", features.delayed_name_removal),
        ("duration_expr", features.duration_expressions),
        ("fill", features.fill),
        ("fill_left", features.fill),
        ("fill_right", features.fill),
        ("per_step_stats", false),
        ("type_and_unit_labels", features.type_and_unit_labels),
    ];
    always.chain(switched).collect()
}

fn functions(features: Features) -> Category {
    let all = FUNCTIONS.iter();
    let all = all.map(|one| {
        let is_on = !one.experimental || features.experimental_functions;
        (one.name, is_on)
    });
    all.collect()
}

fn operators(features: Features) -> Category {
    let matching = ["=~", "!~", "@"].map(|name| (name, true));
    let binary = OPERATORS.map(|op| (op.text(), true));
    let aggregations = AGGREGATIONS.map(|op| {
        let is_on = !op.is_experimental() || features.experimental_functions;
        (op.text(), is_on)
    });
    let all = matching.into_iter().chain(binary).chain(aggregations);
    all.collect()
}

fn tsdb() -> Category {
    Category::from([
        ("exemplar_storage", true),
        ("isolation", true),
        ("native_histograms", true),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_experimental_is_off_until_it_is_switched_on() {
        let off = Features::default();
        assert!(functions(off)["rate"] && !functions(off)["mad_over_time"]);
        assert!(operators(off)["sum"] && !operators(off)["limitk"]);
        assert!(operators(off)["=="] && operators(off)["=~"]);
        assert!(promql(off)["offset"] && !promql(off)["fill"]);
        let all = Features::ALL;
        assert!(functions(all).values().all(|is_on| *is_on));
        assert!(operators(all).values().all(|is_on| *is_on));
        assert!(promql(all)["anchored"]);
    }
}
