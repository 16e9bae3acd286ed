//! `ctl namespace`.

use std::time::Duration;

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::common::{Asking, examples};
use super::table::{Align, Table};
use crate::commands::CommandError;
use crate::config::Config;
use crate::units::{duration_of, duration_text};

const EXAMPLES: &str = examples!(
    "  tsdb-server ctl namespace list --url http://10.0.0.1:7201
  tsdb-server ctl namespace create year --retention 365d
  tsdb-server ctl namespace delete year"
);

const LIST_EXAMPLES: &str = examples!(
    "  tsdb-server ctl namespace list --url http://10.0.0.1:7201
  tsdb-server ctl namespace list --output json"
);

const CREATE_EXAMPLES: &str = examples!(
    "  tsdb-server ctl namespace create year --retention 365d
      All servers of the cluster have it within a moment; none is restarted.
  tsdb-server ctl namespace create year --retention 365d --dry-run"
);

const DELETE_EXAMPLES: &str = examples!(
    "  tsdb-server ctl namespace delete year --dry-run
  tsdb-server ctl namespace delete year
      Its samples go with it, at every node."
);

const NAMESPACES: &str = "/api/v1/services/m3db/namespace";

/// Shows, makes and deletes namespaces.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct NamespaceCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Debug, Subcommand)]
enum Action {
    /// Show the namespaces
    List(List),
    /// Make a namespace
    Create(Create),
    /// Delete a namespace and its samples
    Delete(Delete),
}

#[derive(Clone, Debug, Args)]
#[command(after_help = LIST_EXAMPLES)]
struct List {
    #[command(flatten)]
    asking: Asking,
}

#[derive(Clone, Debug, Args)]
#[command(after_help = CREATE_EXAMPLES)]
struct Create {
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,

    /// How long samples are kept
    #[arg(long, value_name = "DURATION", value_parser = duration_of)]
    retention: Duration,

    /// Change nothing, show what would be
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    asking: Asking,
}

#[derive(Clone, Debug, Args)]
#[command(after_help = DELETE_EXAMPLES)]
struct Delete {
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,

    /// Change nothing, say whether it could be deleted
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    asking: Asking,
}

impl NamespaceCommand {
    pub(super) fn run(&self, config: &Config) -> Result<(), CommandError> {
        match &self.action {
            Action::List(list) => {
                let all: Value = list.asking.api(config)?.get(NAMESPACES)?;
                list.asking.write(&all, text)
            }
            Action::Create(create) => create.run(config),
            Action::Delete(delete) => delete.run(config),
        }
    }
}

impl Create {
    fn run(&self, config: &Config) -> Result<(), CommandError> {
        let nanos = self.retention.as_nanos().to_string();
        let options = json!({"retentionOptions": {"retentionPeriodNanos": nanos}});
        let body = json!({"name": self.name, "options": options});
        let api = self.asking.api(config)?;
        let all: Value = api.send(Method::POST, NAMESPACES, Some(&body), self.dry_run)?;
        self.asking.write(&all, text)
    }
}

impl Delete {
    fn run(&self, config: &Config) -> Result<(), CommandError> {
        // A name is a part of the path, whatever is in it.
        let name: String = form_urlencoded::byte_serialize(self.name.as_bytes()).collect();
        let route = format!("{NAMESPACES}/{}", name.replace('+', "%20"));
        let api = self.asking.api(config)?;
        let answer: Value = api.send(Method::DELETE, &route, None::<&()>, self.dry_run)?;
        self.asking.write(&answer, |_| match self.dry_run {
            true => format!("nothing is changed; {} would be deleted\n", self.name),
            false => format!("{} is deleted\n", self.name),
        })
    }
}

/// Namespaces, line by line.
fn text(answer: &Value) -> String {
    let mut table = Table::new([("NAMESPACE", Align::Left), ("RETENTION", Align::Right)]);
    let all = answer.pointer("/registry/namespaces");
    for (name, options) in all.and_then(Value::as_object).into_iter().flatten() {
        let nanos = options.pointer("/retentionOptions/retentionPeriodNanos");
        let nanos: Option<u64> = nanos
            .and_then(Value::as_str)
            .and_then(|text| text.parse().ok());
        let retention = nanos.map(shown);
        table.row([name.clone(), retention.unwrap_or_else(|| "?".to_owned())]);
    }
    table.text()
}

/// A retention; the longest that M3's API has words for stands for no end.
fn shown(nanos: u64) -> String {
    match nanos >= i64::MAX.unsigned_abs() {
        true => "forever".to_owned(),
        false => duration_text(Duration::from_nanos(nanos)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_are_shown_with_their_retention() {
        let options = |nanos: &str| json!({"retentionOptions": {"retentionPeriodNanos": nanos}});
        let all = json!({"registry": {"namespaces": {
            "default": options("9223372036854775807"),
            "odd": {}, "short": options("172800000000000")}}});
        let expected = "NAMESPACE  RETENTION\ndefault      forever\nodd                ?\nshort             2d\n";
        assert_eq!(text(&all), expected);
    }
}
