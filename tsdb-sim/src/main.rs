//! `tsdb-sim [--seeds N] [--from SEED]`: plays clusters, and names the seeds that break a promise.
#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::process::ExitCode;

use tsdb_sim::{Outcome, ScenarioOptions, play};

/// Seeds of a run unless told otherwise.
const SEEDS: u64 = 200;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let played = parse(&arguments).and_then(|(from, seeds)| {
        let mut out = io::stdout().lock();
        run(&mut out, from, seeds).map_err(|error| error.to_string())
    });
    match played {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            // Where it cannot be written, the exit code says it.
            drop(writeln!(io::stderr().lock(), "{error}"));
            ExitCode::from(2)
        }
    }
}

/// The first seed, and how many there are.
fn parse(arguments: &[String]) -> Result<(u64, u64), String> {
    let (mut from, mut seeds) = (1, SEEDS);
    let mut rest = arguments.iter();
    while let Some(option) = rest.next() {
        let value = rest.next().and_then(|value| value.parse().ok());
        let value = value.ok_or_else(|| format!("{option} takes a number"))?;
        match option.as_str() {
            "--seeds" => seeds = value,
            "--from" => from = value,
            _ => {
                return Err(format!(
                    "tsdb-sim takes --seeds N and --from SEED, not {option}"
                ));
            }
        }
    }
    Ok((from, seeds))
}

/// Plays, and says what came of it; how many seeds failed.
fn run(out: &mut impl Write, from: u64, seeds: u64) -> io::Result<u64> {
    let (mut failed, mut acked, mut checked, mut inspected) = (0, 0, 0, 0);
    let mut requests = (0, 0);
    for seed in from..from.saturating_add(seeds) {
        let outcome = play(seed, ScenarioOptions::default());
        acked += outcome.acked;
        checked += outcome.checked;
        inspected += outcome.inspected;
        requests.0 += outcome.requests.0;
        requests.1 += outcome.requests.1;
        failed += u64::from(report(out, seed, seeds == 1, &outcome)?);
    }
    let (answered, refused) = requests;
    writeln!(
        out,
        "{acked} samples acknowledged, {checked} read and checked"
    )?;
    writeln!(out, "{inspected} writes looked for on the disks")?;
    writeln!(out, "{answered} requests answered, {refused} refused")?;
    writeln!(out, "{} passed, {failed} failed", seeds - failed)?;
    Ok(failed)
}

/// Says what a seed broke, and all that was done where it is the only one; whether it broke any.
fn report(out: &mut impl Write, seed: u64, is_alone: bool, outcome: &Outcome) -> io::Result<bool> {
    let Some(violation) = &outcome.violation else {
        return Ok(false);
    };
    writeln!(out, "seed {seed}: {}", violation.what)?;
    match is_alone {
        true => {
            for event in &outcome.events {
                writeln!(out, "  {event}")?;
            }
        }
        false => writeln!(out, "  replay: cargo xtask sim --seeds 1 --from {seed}")?,
    }
    Ok(true)
}
