//! `tsdb-server config`: a file of settings, checked and shown.

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::CommandError;
use crate::access::check;
use crate::cluster;
use crate::config::{Config, Decided};

const EXAMPLES: &str = "\
Examples:
  tsdb-server config check --config m3dbnode.yml
      Whether the file is one, and what of it has no effect here.
  tsdb-server config check --web-config-file /etc/tsdb/web.yml
      Whether TLS, users and tokens can be used, with the certificates and tokens that it names.
  TSDB__DB__LOGGING__LEVEL=debug tsdb-server --retention 1y config show --config m3dbnode.yml
      What holds in the end, and who decided it.

Exit codes: 0 the settings can be used, 1 the file cannot be read, 2 something in it is wrong: every place is named.";

const CHECK_EXAMPLES: &str = "\
Examples:
  tsdb-server config check --config m3dbnode.yml
      Whether the file is one, and what of it has no effect here.

Exit codes: 0 it can be used, 1 it cannot be read, 2 something in it is wrong: every place is named.";

const SHOW_EXAMPLES: &str = "\
Examples:
  tsdb-server config show
      What holds without a file, and which variables say so.
  TSDB__DB__LOGGING__LEVEL=debug tsdb-server --retention 1y config show --config m3dbnode.yml

Exit codes: 0 the settings can be used, 1 the file cannot be read, 2 something in it is wrong: every place is named.";

/// Checks and shows what a file of settings, the environment and flags say together.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ConfigCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Debug, Subcommand)]
enum Action {
    /// Say what is wrong with the files of --config and --web-config-file, and what of them has no effect
    #[command(after_help = CHECK_EXAMPLES)]
    Check,
    /// Print every setting, its value, and who decided it
    #[command(after_help = SHOW_EXAMPLES)]
    Show,
}

impl ConfigCommand {
    pub(super) fn run(&self, config: &Config) -> Result<ExitCode, CommandError> {
        let mut out = std::io::stdout();
        match self.action {
            Action::Check => {
                if let Some(file) = &config.web_config_file {
                    match check(file) {
                        Ok(warnings) => {
                            for warning in &warnings {
                                writeln!(out, "{}: {warning}", file.display())?;
                            }
                            writeln!(out, "{}: can be used", file.display())?;
                        }
                        Err(error) => {
                            writeln!(std::io::stderr(), "{error}")?;
                            return Ok(ExitCode::from(2));
                        }
                    }
                }
                if let Err(error) = cluster::check(config) {
                    writeln!(std::io::stderr(), "{error}")?;
                    return Ok(ExitCode::from(2));
                }
                let Some(file) = &config.config else {
                    return match config.web_config_file {
                        Some(_) => Ok(ExitCode::SUCCESS),
                        None => Err(CommandError::Missing {
                            argument: "--config",
                            why: "it names the file to check; or --web-config-file does",
                        }),
                    };
                };
                for warning in &config.warnings {
                    writeln!(out, "{warning}")?;
                }
                let (file, count) = (file.display(), config.warnings.len());
                match count {
                    0 => writeln!(out, "{file}: every key is used")?,
                    count => writeln!(out, "{file}: can be used; {count} warnings")?,
                }
            }
            Action::Show => show(config, &mut out)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn show(config: &Config, out: &mut impl std::io::Write) -> std::io::Result<()> {
    let mut rows: Vec<[String; 3]> = Vec::new();
    for setting in &config.settings {
        let by = match &setting.decided {
            Decided::Flag => "flag".to_owned(),
            Decided::Variable(name) => format!("environment, {name}"),
            Decided::Key(path, origin) => format!("{origin}, {path}"),
            Decided::DefaultHost => "--default-host".to_owned(),
            Decided::Default => "default".to_owned(),
        };
        let follows = || match (setting.flag.as_str(), config.role_in_cluster()) {
            ("role", Some(role)) => role.name().to_owned(),
            _ => "-".to_owned(),
        };
        let text = setting.text.clone().unwrap_or_else(follows);
        rows.push([setting.flag.clone(), text, by]);
    }
    for namespace in &config.namespaces {
        let kept = match namespace.retention {
            Some(retention) => format!("kept for {}", crate::units::duration_text(retention)),
            None => "kept as long as it was".to_owned(),
        };
        let name = format!("namespace {}", namespace.name);
        rows.push([name, kept, namespace.origin.to_string()]);
    }
    for tenant in &config.tenants {
        let name = format!("tenant {}", tenant.name);
        let namespace = format!("namespace {}", tenant.namespace);
        rows.push([name, namespace, tenant.origin.to_string()]);
    }
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let (first, second) = (width(0), width(1));
    for [name, value, by] in &rows {
        writeln!(out, "{name:first$}  {value:second$}  {by}")?;
    }
    Ok(())
}
