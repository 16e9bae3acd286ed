//! The steps of a command, each on a thread of its own, while Ctrl-C and the time are watched.

use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot::{self, Receiver, error::RecvError};
use tokio::time::sleep;
use tsdb_promql::Cancel;

use crate::commands::CommandError;
use crate::runtime::spawn;

/// What a shell says of a program that Ctrl-C ended.
pub(super) const INTERRUPTED: u8 = 130;

/// Why a step has no outcome.
#[derive(Debug)]
pub(super) enum Stopped {
    /// By Ctrl-C.
    Interrupted,
    /// By an error.
    Failed(CommandError),
}

impl From<CommandError> for Stopped {
    fn from(error: CommandError) -> Self {
        Self::Failed(error)
    }
}

impl Stopped {
    /// How the command ends.
    pub(super) fn outcome(self) -> Result<ExitCode, CommandError> {
        match self {
            Self::Interrupted => Ok(ExitCode::from(INTERRUPTED)),
            Self::Failed(error) => Err(error),
        }
    }
}

/// Does steps one after the other.
#[derive(Debug)]
pub(super) struct Steps {
    runtime: Runtime,
    interrupt: Signal,
}

impl Steps {
    pub(super) fn new() -> Result<Self, CommandError> {
        let failed =
            |error: std::io::Error| CommandError::Unevaluated(format!("watch Ctrl-C: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let interrupt = {
            let _inside = runtime.enter();
            signal(SignalKind::interrupt()).map_err(failed)?
        };
        Ok(Self { runtime, interrupt })
    }

    /// Does what changes nothing and may end anywhere: by Ctrl-C it is left where it is.
    pub(super) fn left<T: Send + 'static>(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> Result<T, CommandError> + Send + 'static,
    ) -> Result<T, Stopped> {
        let interrupt = &mut self.interrupt;
        self.runtime.block_on(async {
            let mut outcome = begun(name, work)?;
            tokio::select! {
                done = &mut outcome => ended(done),
                _ = interrupt.recv() => Err(Stopped::Interrupted),
            }
        })
    }

    /// Does what `cancel` ends, at its time or by Ctrl-C, and waits until it did end. A second
    /// Ctrl-C waits no longer.
    pub(super) fn cancelled<T: Send + 'static>(
        &mut self,
        cancel: &Cancel,
        within: Duration,
        work: impl FnOnce() -> Result<T, CommandError> + Send + 'static,
    ) -> Result<T, Stopped> {
        let interrupt = &mut self.interrupt;
        self.runtime.block_on(async {
            let mut outcome = begun("evaluate", work)?;
            let mut over = pin!(sleep(within));
            let (mut is_over, mut is_interrupted) = (false, false);
            loop {
                tokio::select! {
                    done = &mut outcome => return match is_interrupted {
                        true => Err(Stopped::Interrupted),
                        false => ended(done),
                    },
                    () = &mut over, if !is_over => {
                        is_over = true;
                        cancel.time_out();
                    }
                    _ = interrupt.recv() => match is_interrupted {
                        true => return Err(Stopped::Interrupted),
                        false => {
                            is_interrupted = true;
                            cancel.cancel();
                        }
                    },
                }
            }
        })
    }
}

/// Begins a step.
fn begun<T: Send + 'static>(
    name: &'static str,
    work: impl FnOnce() -> Result<T, CommandError> + Send + 'static,
) -> Result<Receiver<Result<T, CommandError>>, CommandError> {
    let (done, outcome) = oneshot::channel();
    let run = move || {
        // Nobody waits any longer once the command was interrupted.
        let _unheard = done.send(work());
    };
    match spawn(name, run) {
        Ok(_) => Ok(outcome),
        Err(error) => Err(CommandError::Unevaluated(format!(
            "start a thread: {error}"
        ))),
    }
}

/// How a step ended.
fn ended<T>(done: Result<Result<T, CommandError>, RecvError>) -> Result<T, Stopped> {
    let lost = "the thread of the query panicked".to_owned();
    Ok(done.unwrap_or_else(|_| Err(CommandError::Unevaluated(lost)))?)
}
