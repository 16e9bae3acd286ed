//! The project's rules and chores as code: `cargo xtask COMMAND`.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool speaks on its standard streams"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "a tool of the repository works on its real files"
)]

mod capture;
mod crash;
mod dist;
mod flood;
mod fuzz;
mod golden;
mod licences;
mod monitoring;
mod protos;
mod repository;
mod sim;
mod simulate;
mod tidy;
mod ui;

use std::process::ExitCode;

use anyhow::bail;

/// One command: its name, what it does in a line, and the function that takes its arguments.
struct Command {
    name: &'static str,
    summary: &'static str,
    run: fn(&[String]) -> anyhow::Result<()>,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "tidy",
        summary: "check the rules that the compiler does not",
        run: tidy::run,
    },
    Command {
        name: "golden",
        summary: "record new golden files (old ones never change)",
        run: golden::run,
    },
    Command {
        name: "licences",
        summary: "check licences, bans and sources of all dependencies",
        run: licences::run,
    },
    Command {
        name: "fuzz",
        summary: "search with libFuzzer: TARGET or all [--seconds N] (needs cargo-fuzz)",
        run: fuzz::run,
    },
    Command {
        name: "crash",
        summary: "crash the store at every sync of its crash suite, not at a sample of them",
        run: crash::run,
    },
    Command {
        name: "simulate",
        summary: "play random histories with crashes: [--operations N --seed S]",
        run: simulate::run,
    },
    Command {
        name: "sim",
        summary: "play whole clusters while things break: [--seeds N --from SEED]",
        run: sim::run,
    },
    Command {
        name: "flood",
        summary: "new series without end against a memory budget: [--series N --budget-mib N]",
        run: flood::run,
    },
    Command {
        name: "protos",
        summary: "generate the protobuf types anew, or compare them: --check",
        run: run_protos,
    },
    Command {
        name: "monitoring",
        summary: "generate the dashboard and the alerts anew, or compare them: --check",
        run: monitoring::run,
    },
    Command {
        name: "ui",
        summary: "build the server's page anew (needs Node.js), or see that it is fresh: --check",
        run: ui::run,
    },
    Command {
        name: "dist",
        summary: "pack archive and Debian package: [--profile P --target-dir DIR --out DIR --binary FILE]",
        run: dist::run,
    },
    Command {
        name: "capture",
        summary: "scrape real exporters into a capture: --out DIR --scrapes N --interval-ms M",
        run: capture::run,
    },
];

/// `cargo xtask protos [--check]`.
fn run_protos(arguments: &[String]) -> anyhow::Result<()> {
    match arguments {
        [] => protos::run(false),
        [only] if only == "--check" => protos::run(true),
        _ => bail!("protos takes nothing or --check"),
    }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    match run(&name, &rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(name: &str, arguments: &[String]) -> anyhow::Result<()> {
    if let Some(command) = COMMANDS.iter().find(|command| command.name == name) {
        return (command.run)(arguments);
    }
    println!("usage: cargo xtask COMMAND\n");
    for command in COMMANDS {
        println!("  {:<10} {}", command.name, command.summary);
    }
    if matches!(name, "" | "help" | "--help") {
        return Ok(());
    }
    bail!("no command named `{name}`: the ones above exist")
}
