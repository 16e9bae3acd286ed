//! What holds when flags, variables, a file and defaults each have their say, in this order.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _, Parser};

use super::cluster::Beside;
use super::findings::ConfigError;
use super::flags::{Config, Decided, Setting};
use super::hosts::{Hosted, hosted};
use super::load::{Loaded, load_beside};

/// The command line with what a file adds to it.
#[derive(Clone, Debug)]
pub struct Settled<L> {
    /// The command line, as if the file's settings had been flags.
    pub line: L,
    /// All settings and who decided them.
    pub settings: Vec<Setting>,
    /// What the file says beside.
    pub loaded: Loaded,
    /// Its warnings, each as it is to be shown.
    pub warnings: Vec<String>,
}

/// Why there is no command line.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// Flags or their variables are wrong, or help was asked for.
    #[error(transparent)]
    Arguments(#[from] clap::Error),
    /// The file cannot be read.
    #[error("cannot read the file of settings {file}: {source}", file = file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file says what cannot be; the text names and shows each place.
    #[error("{0}")]
    Wrong(String),
}

/// Reads the command line, and the file that it or `TSDB_CONFIG` names.
///
/// # Errors
/// When any of them is wrong.
pub fn settle<L: Parser>(
    arguments: Vec<OsString>,
    environment: &[(String, String)],
) -> Result<Settled<L>, SettleError> {
    let matches = L::command().try_get_matches_from(&arguments)?;
    let file: Option<&PathBuf> = matches.get_one("config");
    let is_given = |id: &str| {
        let by = matches.value_source(id);
        by.is_some_and(|by| by != ValueSource::DefaultValue)
    };
    let beside = Beside {
        etcd: is_given("etcd"),
        node_id: is_given("node_id"),
        environment,
    };
    let (loaded, warnings) = match file {
        Some(file) => {
            let text = std::fs::read_to_string(file).map_err(|source| SettleError::Unreadable {
                file: file.clone(),
                source,
            })?;
            let name = file.display().to_string();
            let wrong = |error: ConfigError| SettleError::Wrong(error.render(&name, &text));
            let loaded = load_beside(&text, beside).map_err(wrong)?;
            let warnings = loaded.warnings.iter();
            let warnings = warnings.map(|warning| warning.render(&name, &text));
            let warnings = warnings.collect();
            (loaded, warnings)
        }
        None => {
            let loaded = load_beside("", beside);
            let loaded = loaded.map_err(|error| SettleError::Wrong(error.to_string()))?;
            (loaded, Vec::new())
        }
    };
    let is_open = |id: &str| !is_given(id);
    let flags = loaded.flags.iter().filter(|(id, _)| is_open(id));
    let added = flags.filter_map(|(id, value)| argument(id, &value.text));
    let hosted = hosted(&matches, &loaded, |id| !is_open(id));
    let follow = hosted.iter().filter_map(|(id, text, _)| argument(id, text));
    let added = added.chain(follow);
    let mut all = arguments.into_iter();
    let mut with_file: Vec<OsString> = all.next().into_iter().collect();
    with_file.extend(added.map(OsString::from));
    with_file.extend(all);
    let line = L::try_parse_from(with_file)?;
    let settings = settings(&matches, &loaded, &hosted);
    Ok(Settled {
        line,
        settings,
        loaded,
        warnings,
    })
}

/// The argument that sets a flag; none when it says that a switch is off.
fn argument(id: &str, text: &str) -> Option<String> {
    let command = Config::command();
    let argument = command
        .get_arguments()
        .find(|argument| argument.get_id() == id)?;
    let long = argument.get_long()?;
    match (argument.get_action().takes_values(), text) {
        (true, text) => Some(format!("--{long}={text}")),
        (false, "true") => Some(format!("--{long}")),
        (false, _) => None,
    }
}

fn settings(matches: &ArgMatches, loaded: &Loaded, hosted: &[Hosted]) -> Vec<Setting> {
    let command = Config::command();
    let shown = command
        .get_arguments()
        .filter(|argument| argument.get_long().is_some());
    let setting = |argument: &clap::Arg| {
        let id = argument.get_id().as_str();
        let raw = || {
            let values = matches.get_raw(id)?;
            let texts = values.map(|value| value.to_string_lossy().into_owned());
            Some(texts.collect::<Vec<_>>().join(","))
        };
        let by_key = loaded.flags.iter().find(|(flag, _)| flag == id);
        let (text, decided) = match (matches.value_source(id), by_key) {
            (Some(ValueSource::CommandLine), _) => (raw(), Decided::Flag),
            (Some(ValueSource::EnvVariable), _) => {
                let name = argument.get_env().unwrap_or_default();
                (
                    raw(),
                    Decided::Variable(name.to_string_lossy().into_owned()),
                )
            }
            (_, Some((_, value))) => (
                Some(value.text.clone()),
                Decided::Key(value.path.clone(), value.origin.clone()),
            ),
            (default, None) => match hosted.iter().find(|(flag, ..)| *flag == id) {
                Some((_, text, decided)) => (Some(text.clone()), decided.clone()),
                None => (default.and_then(|_| raw()), Decided::Default),
            },
        };
        Setting {
            flag: argument.get_long().unwrap_or_default().to_owned(),
            text,
            decided,
        }
    };
    let mut settings: Vec<Setting> = shown.map(setting).collect();
    settings.sort_by(|a, b| a.flag.cmp(&b.flag));
    settings
}
