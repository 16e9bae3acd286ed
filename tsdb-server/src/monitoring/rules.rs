//! The alerts as a file of Prometheus' rules.

use super::alerts::alerts;

/// First lines of the file.
const HEADER: &str = "\
# Alerts for tsdb-server, made by `tsdb-server generate alerts`: edit a copy, or the source.
groups:
  - name: tsdb-server
    rules:
";

/// The rules, as Prometheus reads them below `rule_files`. `runbook` is the address of the runbook,
/// to which the name of a section is added.
#[must_use]
pub fn rules(runbook: &str) -> String {
    let mut text = HEADER.to_owned();
    for alert in alerts() {
        let runbook = format!("{runbook}#{}", alert.name.to_ascii_lowercase());
        let expression = format!("{} {}", alert.measure, alert.comparison);
        let lines = [
            format!("      - alert: {}", alert.name),
            format!("        expr: {}", quoted(&expression)),
            format!("        for: {}", alert.lasting),
            "        labels:".to_owned(),
            format!("          severity: {}", alert.severity.name()),
            "        annotations:".to_owned(),
            format!("          summary: {}", quoted(alert.summary)),
            format!("          description: {}", quoted(alert.description)),
            format!("          runbook_url: {}", quoted(&runbook)),
        ];
        for line in lines {
            text.push_str(&line);
            text.push('\n');
        }
    }
    text
}

/// A text of one line as YAML has it between single quotes.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
