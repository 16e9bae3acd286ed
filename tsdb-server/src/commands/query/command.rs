//! `tsdb-server query`.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tsdb_core::Db;
use tsdb_promql::{Answer, Cancel, Engine, QueryError};

use super::complaint::complaint;
use super::csv::csv;
use super::here::Watched;
use super::reply::{Refusal, Reply};
use super::sparkline::Span;
use super::steps::{Steps, Stopped};
use super::table::table;
use super::times::{Times, When};
use super::width::terminal_width;
use crate::commands::CommandError;
use crate::commands::named_namespace::namespace_of;
use crate::commands::progress::Progress;
use crate::commands::remote::{Remote, Server};
use crate::commands::target::Folder;
use crate::config::{Config, Feature};
use crate::http::write_answer;
use crate::units::{duration_of, duration_text, positive_duration_of};

const EXAMPLES: &str = "\
Examples:
  tsdb-server query 'sum by (job) (rate(http_requests_total[5m]))' --data-dir /var/lib/tsdb
      Now, of a folder; a server that has it open goes on meanwhile.
  tsdb-server query 'rate(http_requests_total[5m])' --range 6h --url http://127.0.0.1:7201
      A line a series, of a running server; any that speaks Prometheus' API.
  tsdb-server query up --start 2026-01-01T00:00:00Z --end 2026-01-02T00:00:00Z --step 5m --output csv
      For other programs; --output json is what the API answers.
  tsdb-server query 'up[5m]' --time 1767312000
      The samples themselves, as of a moment.
  tsdb-server query 'mad_over_time(latency[1h])' --promql-features promql-experimental-functions
      With what a server has behind switches.

What is wrong or noteworthy is told on the standard error. Of histograms the line shows the count.
Exit codes: 0 done, 1 not done, 2 wrong arguments or a wrong expression, 130 ended by Ctrl-C.";

/// Most bytes of a server's answer.
const ANSWER_BYTES_MAX: usize = 1 << 30;

/// How a result is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For a person
    Table,
    /// As Prometheus' API answers
    Json,
    /// A line a point, with a column a label
    Csv,
}

/// Evaluates an expression.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Query {
    /// The expression, in PromQL
    #[arg(value_name = "EXPR", allow_hyphen_values = true)]
    expr: String,

    #[command(flatten)]
    times: Times,

    /// How the result is written
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Output::Table)]
    output: Output,

    /// How old a sample may be to stand for a moment; left out: as the settings have it, 5m
    #[arg(long, value_name = "DURATION", value_parser = duration_of)]
    lookback: Option<Duration>,

    /// For how long it may be evaluated; left out: as the settings have it, 2m, or a server's own. A server may give it less
    #[arg(long, value_name = "DURATION", value_parser = positive_duration_of)]
    timeout: Option<Duration>,

    /// What of PromQL is switched on beside what the settings have, with commas between; prometheus-2 evaluates as Prometheus 2.42
    #[arg(
        id = "more_promql_features",
        long = "promql-features",
        alias = "enable-feature",
        value_name = "NAME",
        value_delimiter = ',',
        conflicts_with = "url"
    )]
    features: Vec<Feature>,

    #[command(flatten)]
    remote: Remote,

    /// Namespace of the data folder; left out: the one that exists from the first start
    #[arg(long, value_name = "NAME", conflicts_with = "url")]
    namespace: Option<String>,
}

/// An answer as JSON, or what is wrong with the expression.
type Answered = Result<String, String>;

impl Query {
    pub(crate) fn run(&self, config: &Config) -> Result<ExitCode, CommandError> {
        let when = match self.times.when() {
            Ok(when) => when,
            Err(why) => return wrong(&why),
        };
        let server = self.remote.server()?;
        let mut steps = Steps::new()?;
        self.done(&mut steps, server, config, when)
            .or_else(Stopped::outcome)
    }

    fn done(
        &self,
        steps: &mut Steps,
        server: Option<Server>,
        config: &Config,
        when: When,
    ) -> Result<ExitCode, Stopped> {
        let own = self.clone();
        let answered = match server {
            // Without a client the server ends the query itself.
            Some(server) => steps.left("ask", move || own.ask(&server, when))?,
            None => self.evaluate(steps, config, when)?,
        };
        let own = self.clone();
        steps.left("show", move || match answered {
            Ok(json) => own.show(json, when),
            Err(why) => wrong(&complaint(&own.expr, &why)),
        })
    }

    fn show(&self, mut json: String, when: When) -> Result<ExitCode, CommandError> {
        let reply: Reply = serde_json::from_str(&json).map_err(|error| {
            CommandError::Unevaluated(format!("the answer is none of Prometheus' API: {error}"))
        })?;
        let text = match self.output {
            Output::Json => {
                json.push('\n');
                json
            }
            Output::Csv => csv(&reply),
            Output::Table => table(&reply, span(when), terminal_width()),
        };
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()?;
        for told in reply.warnings.iter().chain(&reply.infos) {
            writeln!(std::io::stderr(), "{told}")?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn ask(&self, server: &Server, when: When) -> Result<Answered, CommandError> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("query", &self.expr);
        let route = match when {
            When::At(time) => {
                form.append_pair("time", &seconds(time));
                "/api/v1/query"
            }
            When::Range { start, end, step } => {
                for (name, ms) in [("start", start), ("end", end), ("step", step)] {
                    form.append_pair(name, &seconds(ms));
                }
                "/api/v1/query_range"
            }
        };
        if let Some(lookback) = self.lookback {
            form.append_pair("lookback_delta", &duration_text(lookback));
        }
        if let Some(timeout) = self.timeout {
            form.append_pair("timeout", &duration_text(timeout));
        }
        Progress::new().say("asking");
        match server.post_for_much(route, &form.finish(), ANSWER_BYTES_MAX) {
            Ok(json) => Ok(Ok(json)),
            Err(CommandError::Refused { url, status, text }) => {
                match serde_json::from_str::<Refusal>(&text) {
                    Ok(told) if told.kind == "bad_data" => Ok(Err(told.error)),
                    Ok(Refusal { error: text, .. }) => {
                        Err(CommandError::Refused { url, status, text })
                    }
                    Err(_) => Err(CommandError::Refused { url, status, text }),
                }
            }
            Err(error) => Err(error),
        }
    }

    fn evaluate(
        &self,
        steps: &mut Steps,
        config: &Config,
        when: When,
    ) -> Result<Answered, Stopped> {
        let options = config.queries.options();
        let within = self.timeout.unwrap_or(options.timeout);
        let mut options = options.engine;
        options.lookback = self.lookback.unwrap_or(options.lookback);
        for feature in &self.features {
            feature.switch_on(&mut options.features);
        }
        let engine = Engine::new(options);
        let (path, namespace) = (config.data_dir.clone(), self.namespace.clone());
        let (folder, db, source) = steps.left("open", move || {
            let folder = Folder::existing(&path)?;
            let db = Db::open_read_only(folder.path()).map_err(folder.failed())?;
            let source = Watched::new(namespace_of(&db, namespace.as_deref())?);
            Ok((folder, db, source))
        })?;
        let cancel = Cancel::default();
        let (expr, ends) = (self.expr.clone(), cancel.clone());
        steps.cancelled(&cancel, within, move || {
            let answer = match when {
                When::At(time) => engine.instant(&source, &expr, time, &ends),
                When::Range { start, end, step } => {
                    engine.range(&source, &expr, (start, end, step), &ends)
                }
            };
            source.clear();
            drop(db);
            answered(answer, &folder, within)
        })
    }
}

fn answered(
    answer: Result<Answer, QueryError>,
    folder: &Folder,
    within: Duration,
) -> Result<Answered, CommandError> {
    match answer {
        Ok(answer) => json_of(answer).map(Ok),
        Err(error @ (QueryError::Parse(_) | QueryError::BadData(_))) => Ok(Err(error.to_string())),
        Err(QueryError::Source(source)) => Err(match source.downcast::<tsdb_core::Error>() {
            Ok(error) => folder.failed()(*error),
            Err(other) => CommandError::Unevaluated(other.to_string()),
        }),
        Err(error @ QueryError::TimedOut) => Err(CommandError::Unevaluated(format!(
            "{error}: it had {}, --timeout gives it more",
            duration_text(within)
        ))),
        Err(error) => Err(CommandError::Unevaluated(error.to_string())),
    }
}

fn json_of(answer: Answer) -> Result<String, CommandError> {
    String::from_utf8(write_answer(answer))
        .map_err(|error| CommandError::Unevaluated(error.to_string()))
}

/// Tells what is wrong with the arguments.
fn wrong(text: &str) -> Result<ExitCode, CommandError> {
    writeln!(std::io::stderr(), "tsdb-server: {text}")?;
    Ok(ExitCode::from(2))
}

/// Milliseconds as seconds.
fn seconds(ms: i64) -> String {
    let sign = if ms < 0 { "-" } else { "" };
    let (whole, rest) = (ms.unsigned_abs() / 1000, ms.unsigned_abs() % 1000);
    format!("{sign}{whole}.{rest:03}")
}

fn span(when: When) -> Option<Span> {
    let When::Range { start, end, step } = when else {
        return None;
    };
    let steps = end.saturating_sub(start) / step;
    let last = start.saturating_add(steps.saturating_mul(step));
    Some(Span {
        first: start as f64 / 1000.0,
        last: last as f64 / 1000.0,
        moments: usize::try_from(steps).unwrap_or(usize::MAX - 1) + 1,
    })
}
