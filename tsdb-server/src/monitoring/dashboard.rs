//! The dashboard as Grafana reads it: its classic JSON model.

use serde_json::{Value, json};

use super::expression::{names, with_matchers};
use super::panels::{Kind, Panel, ROWS, Unit};
use crate::telemetry::family;

/// Columns of Grafana's grid.
const COLUMNS: u64 = 24;
/// Height of a panel over time, of one of a value, and of a row's title.
const TALL: u64 = 8;
const LOW: u64 = 4;
const TITLE: u64 = 1;
/// Version of the classic model that this is; Grafana moves older ones up by itself.
const SCHEMA_VERSION: u64 = 39;
/// What each expression asks of its families.
const MATCHERS: &str = "job=~\"$job\",instance=~\"$instance\"";

/// The dashboard, to be imported into Grafana or provisioned as a file.
#[must_use]
pub fn dashboard() -> String {
    let dashboard = json!({
        "uid": "tsdb-server",
        "title": "tsdb-server",
        "description": "Made by `tsdb-server generate dashboard`.",
        "tags": ["prometheus", "tsdb"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": true,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "annotations": {"list": []},
        "links": [],
        "templating": {"list": variables()},
        "panels": panels(),
    });
    format!("{dashboard:#}\n")
}

fn datasource() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

/// What the viewer chooses: where the metrics are, and whose.
fn variables() -> Value {
    let of_label = |name: &str, query: &str| {
        json!({
            "name": name,
            "type": "query",
            "datasource": datasource(),
            "query": {"query": query, "refId": name},
            "definition": query,
            "refresh": 2,
            "sort": 1,
            "multi": true,
            "includeAll": true,
            "allValue": ".+",
            "current": {"selected": true, "text": ["All"], "value": ["$__all"]},
        })
    };
    json!([
        {
            "name": "datasource",
            "type": "datasource",
            "query": "prometheus",
            "refresh": 1,
            "current": {},
        },
        of_label("job", "label_values(tsdb_build_info, job)"),
        of_label("instance", "label_values(tsdb_build_info{job=~\"$job\"}, instance)"),
    ])
}

/// All panels with their titles of rows, laid out from left to right and from top to bottom.
fn panels() -> Vec<Value> {
    let mut all = Vec::new();
    let mut top = 0;
    for row in ROWS {
        let id = all.len() + 1;
        all.push(json!({
            "id": id,
            "type": "row",
            "title": row.title,
            "collapsed": false,
            "panels": [],
            "gridPos": {"x": 0, "y": top, "w": COLUMNS, "h": TITLE},
        }));
        top += TITLE;
        let mut line = Line { left: 0, height: 0 };
        for panel in row.panels {
            let (width, height) = match panel.kind {
                Kind::Value => (COLUMNS / 6, LOW),
                Kind::Lines | Kind::Stack => (COLUMNS / 3, TALL),
            };
            if line.left + width > COLUMNS || line.height != 0 && line.height != height {
                top += line.height;
                line.left = 0;
            }
            let place = json!({"x": line.left, "y": top, "w": width, "h": height});
            line.left += width;
            line.height = height;
            all.push(show(panel, all.len() + 1, &place));
        }
        top += line.height;
    }
    all
}

/// The line of panels that is being filled.
struct Line {
    left: u64,
    height: u64,
}

fn show(panel: &Panel, id: usize, place: &Value) -> Value {
    let (kind, options, style) = match panel.kind {
        Kind::Value => ("stat", value_options(), json!({})),
        Kind::Lines => ("timeseries", line_options(), line_style(0, "none")),
        Kind::Stack => ("timeseries", line_options(), line_style(30, "normal")),
    };
    let letters = 'A'..='Z';
    let targets = panel.queries.iter().zip(letters).map(|(query, letter)| {
        json!({
            "refId": letter.to_string(),
            "datasource": datasource(),
            "editorMode": "code",
            "expr": with_matchers(query.expression, MATCHERS),
            "legendFormat": query.legend,
            "range": panel.kind != Kind::Value,
            "instant": panel.kind == Kind::Value,
        })
    });
    json!({
        "id": id,
        "type": kind,
        "title": panel.title,
        "description": describe(panel),
        "datasource": datasource(),
        "gridPos": place,
        "targets": targets.collect::<Vec<_>>(),
        "options": options,
        "fieldConfig": {
            "defaults": {"unit": grafana_unit(panel.unit), "custom": style},
            "overrides": [],
        },
    })
}

fn value_options() -> Value {
    json!({
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "value_and_name",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": false},
    })
}

fn line_options() -> Value {
    json!({
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    })
}

fn line_style(fill: u64, stacking: &str) -> Value {
    json!({
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": fill,
        "showPoints": "never",
        "stacking": {"mode": stacking, "group": "A"},
    })
}

fn grafana_unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Count => "short",
        Unit::PerSecond => "cps",
        Unit::Bytes => "bytes",
        Unit::BytesPerSecond => "binBps",
        Unit::Seconds => "s",
        Unit::Ratio => "percentunit",
    }
}

/// What the families of a panel mean, as the registry has it.
fn describe(panel: &Panel) -> String {
    let mut lines: Vec<String> = Vec::new();
    for query in panel.queries {
        for family in names(query.expression).into_iter().filter_map(family) {
            let line = format!("{}: {}", family.name, family.help);
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    lines.join("\n\n")
}
