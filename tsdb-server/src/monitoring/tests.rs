//! The dashboard and the alerts against the registry, the runbook and the committed copies.

use std::collections::BTreeSet;

use serde_json::Value;

use super::expression::names;
use super::panels::{Panel, ROWS, Unit};
use super::{alerts, dashboard, rules};
use crate::telemetry::{self, Family, FamilyKind, families, family};

/// Families that no panel shows, each with why.
const LEFT_OUT: &[(&str, &str)] = &[];

fn panels() -> impl Iterator<Item = &'static Panel> {
    ROWS.iter().flat_map(|row| row.panels)
}

/// Every expression there is, with what names it.
fn expressions() -> Vec<(&'static str, &'static str)> {
    let of_panel = |panel: &'static Panel| {
        let queries = panel.queries.iter();
        queries.map(|query| (panel.title, query.expression))
    };
    let shown = panels().flat_map(of_panel);
    let alerted = alerts().iter().map(|alert| (alert.name, alert.measure));
    shown.chain(alerted).collect()
}

fn registered(expression: &str) -> Vec<&'static Family> {
    let named = names(expression).into_iter();
    named
        .map(|name| {
            family(name).unwrap_or_else(|| panic!("{name} is not registered: {expression}"))
        })
        .collect()
}

#[test]
fn every_expression_names_registered_families_as_what_they_are() {
    for (title, expression) in expressions() {
        let families = registered(expression);
        assert!(!families.is_empty(), "{title} shows nothing of ours");
        for family in families {
            let ranged = expression.contains("rate(") || expression.contains("increase(");
            let grows = family.kind != FamilyKind::Gauge;
            assert_eq!(ranged, grows, "{title}: {} in {expression}", family.name);
        }
    }
}

#[test]
fn every_family_is_on_the_dashboard_or_left_out_for_a_reason() {
    let queries = panels().flat_map(|panel| panel.queries);
    let shown: BTreeSet<&str> = queries
        .flat_map(|query| registered(query.expression))
        .map(|family| family.name)
        .collect();
    let left_out: BTreeSet<&str> = LEFT_OUT.iter().map(|(name, _)| *name).collect();
    assert!(shown.is_disjoint(&left_out), "left out and shown");
    let all: BTreeSet<&str> = families().iter().map(|family| family.name).collect();
    let seen: BTreeSet<&str> = shown.union(&left_out).copied().collect();
    assert_eq!(seen, all);
}

/// Labels in the brackets behind `by`, and those that a legend names.
fn labels_of<'a>(text: &'a str, opening: &str, closing: char) -> Vec<&'a str> {
    let lists = text.split(opening).skip(1);
    let lists = lists.filter_map(|rest| rest.split(closing).next());
    lists.flat_map(|list| list.split(", ")).collect()
}

#[test]
fn labels_that_are_named_are_labels_of_the_families() {
    for query in panels().flat_map(|panel| panel.queries) {
        let registered = registered(query.expression);
        let own = registered.iter().flat_map(|family| family.labels);
        let known: BTreeSet<&str> = own.copied().chain(["job", "instance", "le"]).collect();
        let by = labels_of(query.expression, "by (", ')');
        let legend = labels_of(query.legend, "{{", '}');
        for label in by.iter().chain(&legend) {
            assert!(known.contains(label), "{label} in {query:?}");
        }
        let is_summed = query.expression.contains("sum");
        for label in legend.iter().filter(|_| is_summed) {
            assert!(by.contains(label), "{label} is summed away in {query:?}");
        }
    }
}

#[test]
fn panels_count_in_the_unit_of_their_families() {
    for panel in panels() {
        for query in panel.queries {
            let units = registered(query.expression).into_iter().map(Family::unit);
            let rate = query.expression.contains("rate(");
            for unit in units {
                let fits: &[Unit] = match (unit, rate) {
                    (telemetry::Unit::Bytes, true) => &[Unit::BytesPerSecond],
                    (telemetry::Unit::Bytes, false) => &[Unit::Bytes, Unit::Ratio],
                    // Seconds of CPU a second, or a quantile of a histogram of seconds.
                    (telemetry::Unit::Seconds, true) => &[Unit::Count, Unit::Seconds],
                    (telemetry::Unit::Seconds, false) => &[Unit::Seconds],
                    (telemetry::Unit::Ratio, _) => &[Unit::Ratio],
                    (telemetry::Unit::Count, true) => &[Unit::PerSecond],
                    (telemetry::Unit::Count, false) => &[Unit::Count],
                };
                assert!(fits.contains(&panel.unit), "{}: {query:?}", panel.title);
            }
        }
    }
}

/// `x`, `y`, width and height.
fn place(panel: &Value) -> [u64; 4] {
    ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().expect("a number"))
}

#[test]
fn the_dashboard_is_laid_out_without_gaps_or_overlaps() {
    let dashboard: Value = serde_json::from_str(&dashboard()).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut ids = BTreeSet::new();
    let mut taken = BTreeSet::new();
    let mut bottom = 0;
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64()), "{panel}");
        let [x, y, width, height] = place(panel);
        assert!(width > 0 && height > 0 && x + width <= 24, "{panel}");
        assert!(y <= bottom, "a gap above {panel}");
        bottom = bottom.max(y + height);
        for column in x..x + width {
            for line in y..y + height {
                assert!(taken.insert((column, line)), "{panel} covers another");
            }
        }
    }
    let shown = panels.iter().filter(|panel| panel["type"] != "row");
    assert_eq!(shown.count(), self::panels().count());
}

#[test]
fn every_panel_asks_the_chosen_source_for_the_chosen_instances() {
    let dashboard: Value = serde_json::from_str(&dashboard()).expect("JSON");
    let variables = dashboard["templating"]["list"].as_array().expect("a list");
    let names: Vec<_> = variables.iter().map(|variable| &variable["name"]).collect();
    assert_eq!(names, ["datasource", "job", "instance"]);
    assert_eq!(variables[0]["type"], "datasource");
    for panel in dashboard["panels"].as_array().expect("panels") {
        let Some(targets) = panel["targets"].as_array() else {
            assert_eq!(panel["type"], "row");
            continue;
        };
        assert_eq!(panel["datasource"]["uid"], "${datasource}");
        assert!(
            panel["description"]
                .as_str()
                .is_some_and(|text| text.contains(": "))
        );
        let mut letters = BTreeSet::new();
        for target in targets {
            assert!(letters.insert(target["refId"].as_str()), "{panel}");
            assert_eq!(target["datasource"]["uid"], "${datasource}");
            let expression = target["expr"].as_str().expect("an expression");
            assert!(
                expression.contains("instance=~\"$instance\""),
                "{expression}"
            );
        }
    }
}

#[test]
fn the_committed_copies_are_fresh() {
    let copies = [
        (
            include_str!("../../../deploy/grafana/dashboard.json"),
            dashboard(),
        ),
        (
            include_str!("../../../deploy/prometheus/alerts.yml"),
            rules("docs/runbook.md"),
        ),
    ];
    for (committed, fresh) in copies {
        assert!(
            committed == fresh,
            "run `cargo xtask monitoring`: stale\n{fresh}"
        );
    }
}

#[test]
fn every_alert_has_a_section_in_the_runbook_and_every_section_an_alert() {
    let runbook = include_str!("../../../docs/runbook.md");
    let mut sections = runbook.split("\n## ").skip(1);
    for alert in alerts() {
        let section = sections.next().unwrap_or_default();
        let (title, text) = section.split_once('\n').unwrap_or_default();
        assert_eq!(title, alert.name, "sections are in the order of the alerts");
        for part in ["**What it means.**", "**How to look.**", "**What to do.**"] {
            assert!(text.contains(part), "{title} does not say {part}");
        }
        for name in names(alert.measure) {
            let family = family(name).expect("a registered family");
            assert!(text.contains(family.name), "{title} does not name {name}");
        }
    }
    assert_eq!(sections.next(), None);
}

#[test]
fn alerts_name_their_instance_and_have_names_of_their_own() {
    let mut seen = BTreeSet::new();
    for alert in alerts() {
        assert!(seen.insert(alert.name), "{} is there twice", alert.name);
        for text in [alert.summary, alert.description] {
            assert!(text.contains("{{ $labels.instance }}"), "{}", alert.name);
        }
        let summed = labels_of(alert.measure, "by (", ')');
        let told = alert.description.split("$labels.").skip(1);
        for label in told.filter_map(|rest| rest.split(' ').next()) {
            let kept = summed.is_empty() || summed.contains(&label);
            assert!(kept, "{}: {label} is summed away", alert.name);
        }
    }
}
