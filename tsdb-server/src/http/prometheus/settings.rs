//! `/api/v1/status/flags` and `/api/v1/status/config`: the settings that hold. None is a secret:
//! passwords are in files, or in variables that are no flags.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use axum::extract::State;
use axum::response::Response;
use clap::CommandFactory as _;
use serde::Serialize;

use super::super::app::App;
use super::super::envelope::success;
use crate::config::{Config, Setting, camel_case};

#[derive(Serialize)]
struct Yaml {
    yaml: String,
}

/// Every flag and what it is, under the name that Prometheus has for it as well.
pub(in crate::http) async fn flags(State(app): State<App>) -> Response {
    success(&named(&app.settings), &[])
}

fn named(settings: &[Setting]) -> BTreeMap<String, String> {
    let command = Config::command();
    let mut flags = BTreeMap::new();
    for setting in settings {
        let text = setting.text.clone().unwrap_or_default();
        let mut arguments = command.get_arguments();
        let argument = arguments.find(|one| one.get_long() == Some(&setting.flag));
        let aliases = argument.and_then(clap::Arg::get_all_aliases);
        for alias in aliases.unwrap_or_default() {
            flags.insert(alias.to_owned(), text.clone());
        }
        flags.insert(setting.flag.clone(), text);
    }
    flags
}

/// The settings as a file would say them.
pub(in crate::http) async fn config(State(app): State<App>) -> Response {
    let yaml = yaml(&app.settings);
    success(&Yaml { yaml }, &[])
}

fn yaml(settings: &[Setting]) -> String {
    let mut yaml = String::from("tsdb:\n");
    for setting in settings {
        let Some(text) = setting.text.as_deref().filter(|text| !text.is_empty()) else {
            continue;
        };
        let key = camel_case(&setting.flag);
        // Writing to a text cannot fail; a JSON string is one of YAML.
        let _written = writeln!(yaml, "  {key}: {}", serde_json::json!(text));
    }
    yaml
}

#[cfg(test)]
mod tests {
    use crate::config::Decided;

    use super::*;

    #[test]
    fn flags_have_their_names_of_prometheus_as_well() {
        let setting = |flag: &str, text: Option<&str>| Setting {
            flag: flag.to_owned(),
            text: text.map(str::to_owned),
            decided: Decided::Default,
        };
        let settings = [
            setting("query-timeout", Some("2m")),
            setting("retention", None),
            setting("web-cors-origin", Some("a\"b")),
        ];
        let flags = named(&settings);
        assert_eq!(flags["query-timeout"], "2m");
        assert_eq!(flags["query.timeout"], "2m");
        assert_eq!(flags["retention"], "");
        assert_eq!(
            yaml(&settings),
            "tsdb:\n  queryTimeout: \"2m\"\n  webCorsOrigin: \"a\\\"b\"\n"
        );
    }
}
