//! `tsdb-server generate`: what goes with the binary, made by the binary.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, Subcommand};
use clap_complete::Shell;

use super::manual::write_pages;
use super::{CommandError, CommandLine};
use crate::monitoring::{dashboard, rules};

const EXAMPLES: &str = "\
Examples:
  tsdb-server generate completions bash > /etc/bash_completion.d/tsdb-server
  tsdb-server generate man --to /usr/local/share/man/man1
  tsdb-server generate dashboard > /etc/grafana/dashboards/tsdb-server.json
  tsdb-server generate alerts > /etc/prometheus/rules/tsdb-server.yml

Exit codes: 0 done, 1 it cannot be written, 2 wrong arguments.";

const MAN_EXAMPLES: &str = "\
Examples:
  tsdb-server generate man --to /usr/local/share/man/man1
      Then `man tsdb-server`, and for a command `man tsdb-server-backup`.

Exit codes: 0 done, 1 a page cannot be written, 2 wrong arguments.";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  tsdb-server generate completions bash > /etc/bash_completion.d/tsdb-server
  tsdb-server generate completions zsh > /usr/local/share/zsh/site-functions/_tsdb-server
  tsdb-server generate completions fish > ~/.config/fish/completions/tsdb-server.fish

Exit codes: 0 done, 1 nobody reads the output, 2 wrong arguments.";

const DASHBOARD_EXAMPLES: &str = "\
Examples:
  tsdb-server generate dashboard > tsdb-server.json
      In Grafana: Dashboards, New, Import. It asks which Prometheus scrapes the server's /metrics.

Exit codes: 0 done, 1 nobody reads the output, 2 wrong arguments.";

const ALERTS_EXAMPLES: &str = "\
Examples:
  tsdb-server generate alerts > /etc/prometheus/rules/tsdb-server.yml
      And in prometheus.yml: rule_files: [rules/tsdb-server.yml]
  tsdb-server generate alerts --runbook https://wiki.example.com/tsdb-runbook
      Every alert then points to a copy of docs/runbook.md there.

Exit codes: 0 done, 1 nobody reads the output, 2 wrong arguments.";

/// Makes what goes with the binary.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Generate {
    #[command(subcommand)]
    what: What,
}

#[derive(Clone, Debug, Subcommand)]
enum What {
    /// Write a page of the manual for each command
    #[command(after_help = MAN_EXAMPLES)]
    Man {
        /// The folder of the pages, made if it is not there
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
    },
    /// Print what makes a shell complete commands and flags
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell
        shell: KnownShell,
    },
    /// Print a dashboard for Grafana over the metrics of the server
    #[command(after_help = DASHBOARD_EXAMPLES)]
    Dashboard,
    /// Print alert rules for Prometheus over the metrics of the server
    #[command(after_help = ALERTS_EXAMPLES)]
    Alerts {
        /// Address of the runbook that the alerts point into
        #[arg(long, value_name = "URL", default_value = "docs/runbook.md")]
        runbook: String,
    },
}

/// Shells that completions are kept for.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum KnownShell {
    Bash,
    Zsh,
    Fish,
}

impl Generate {
    pub(super) fn run(&self) -> Result<ExitCode, CommandError> {
        let mut out = std::io::stdout();
        match &self.what {
            What::Man { to } => write_pages(to)?,
            What::Completions { shell } => out.write_all(completions(*shell)?.as_bytes())?,
            What::Dashboard => out.write_all(dashboard().as_bytes())?,
            What::Alerts { runbook } => out.write_all(rules(runbook).as_bytes())?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn completions(shell: KnownShell) -> std::io::Result<String> {
    let shell = match shell {
        KnownShell::Bash => Shell::Bash,
        KnownShell::Zsh => Shell::Zsh,
        KnownShell::Fish => Shell::Fish,
    };
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut CommandLine::command(), "tsdb-server", &mut text);
    let text = String::from_utf8(text).map_err(std::io::Error::other)?;
    // clap_complete 4.6 goes to labels of the first form and defines those of the second, as the
    // name of the program has a hyphen (clap-rs/clap#6421).
    Ok(text.replace("tsdb__subcmd__server", "tsdb__server"))
}
