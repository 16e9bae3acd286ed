//! The policy that holds, shared by all who ask for it, and read anew when its files change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tsdb_core::clock::{Clock as _, SystemClock};

use super::handshakes::Handshakes;
use super::load::{Reading, read};
use super::policy::Policy;
use super::stamp::Stamp;
use super::verifier::Verifier;
use crate::runtime::parallelism;
use crate::telemetry::Telemetry;

/// How often files are looked at. What changed is read once it stayed the same for so long, so
/// that a certificate and its key that are replaced one after the other are read together.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Who may come in. Cloning shares it.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    policy: watch::Sender<Arc<Policy>>,
    verifier: Verifier,
    handshakes: Handshakes,
    telemetry: Arc<Telemetry>,
}

/// A file and what it was when it was read.
#[derive(Debug)]
pub(crate) struct WatchedFile {
    file: PathBuf,
    stamps: Vec<Stamp>,
}

impl Access {
    /// What a file says, or no authentication at all without one.
    ///
    /// # Errors
    /// Text that names the file and every place in it that is wrong.
    pub(crate) fn open(
        file: Option<&Path>,
        telemetry: &Arc<Telemetry>,
    ) -> Result<(Self, Option<WatchedFile>), String> {
        let now_seconds = now_seconds();
        let (policy, watched) = match file {
            None => (Policy::default(), None),
            Some(file) => {
                let Reading { outcome, stamps } = read(file, now_seconds);
                let file = file.to_owned();
                (outcome?, Some(WatchedFile { file, stamps }))
            }
        };
        warn(&policy);
        let access = Self {
            shared: Arc::new(Shared {
                policy: watch::Sender::new(Arc::default()),
                // Half of the machine is left to those who are known.
                verifier: Verifier::new(parallelism() / 2)?,
                handshakes: Handshakes::default(),
                telemetry: Arc::clone(telemetry),
            }),
        };
        access.take(policy);
        if watched.is_some() {
            telemetry.access.reloaded(now_seconds);
        }
        Ok((access, watched))
    }

    /// What a test needs.
    #[cfg(test)]
    pub(super) fn with(policy: Policy) -> Self {
        let (access, _) = Self::open(None, &Arc::default()).expect("no file");
        access.take(policy);
        access
    }

    /// What holds now.
    pub(crate) fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.shared.policy.borrow())
    }

    pub(super) fn verifier(&self) -> &Verifier {
        &self.shared.verifier
    }

    pub(super) fn handshakes(&self) -> &Handshakes {
        &self.shared.handshakes
    }

    pub(super) fn telemetry(&self) -> &Telemetry {
        &self.shared.telemetry
    }

    fn take(&self, policy: Policy) {
        self.shared.telemetry.access.certificates(&policy.ends);
        self.shared.policy.send_replace(Arc::new(policy));
    }

    /// Reads the file anew whenever it or a file that it names changes, and on SIGHUP; a file that
    /// is wrong changes nothing. Never ends.
    pub(crate) async fn follow(self, mut watched: WatchedFile, mut hangup: Signal) {
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut seen = watched.stamps.clone();
        loop {
            let is_asked = tokio::select! {
                _ = ticks.tick() => false,
                signal = hangup.recv() => signal.is_some(),
            };
            let looked = seen.clone();
            let looked = tokio::task::spawn_blocking(move || {
                looked.iter().map(Stamp::again).collect::<Vec<_>>()
            });
            let Ok(now) = looked.await else {
                continue;
            };
            let is_still = now == seen;
            let is_changed = now != watched.stamps;
            seen = now;
            if is_asked || (is_changed && is_still) {
                self.reload(&mut watched).await;
                seen.clone_from(&watched.stamps);
            }
        }
    }

    async fn reload(&self, watched: &mut WatchedFile) {
        let file = watched.file.clone();
        let now_seconds = now_seconds();
        let reading = tokio::task::spawn_blocking(move || read(&file, now_seconds)).await;
        let Ok(Reading { outcome, stamps }) = reading else {
            return;
        };
        // A file that is wrong is read again when it changes once more.
        watched.stamps = stamps;
        let outcome = outcome.and_then(|policy| self.not_weaker(policy));
        match outcome {
            Ok(policy) => {
                warn(&policy);
                self.take(policy);
                self.telemetry().access.reloaded(now_seconds);
                tracing::info!(file = %watched.file.display(), "the web-config file was read anew");
            }
            Err(error) => {
                let failures = &self.telemetry().access.reload_failures;
                failures.fetch_add(1, Ordering::Relaxed);
                tracing::error!(
                    "the web-config file is wrong; what it said before still holds:\n{error}"
                );
            }
        }
    }

    /// A file that is being written may be empty for a moment, and an empty one is right: so
    /// nothing that protects goes away without a restart.
    fn not_weaker(&self, new: Policy) -> Result<Policy, String> {
        let old = self.policy();
        let lost = if old.authenticates() && !new.authenticates() {
            "authentication"
        } else if old.has_tls() && !new.has_tls() {
            "TLS"
        } else if old.requires_certificate && !new.requires_certificate {
            "the need for client certificates"
        } else {
            return Ok(new);
        };
        Err(format!(
            "it would end {lost}: that takes a restart of the server"
        ))
    }
}

/// What a web-config file says that is probably not meant.
///
/// # Errors
/// Text that names the file and every place in it that is wrong.
pub(crate) fn check(file: &Path) -> Result<Vec<String>, String> {
    let policy = read(file, now_seconds()).outcome?;
    Ok(policy.warnings)
}

/// Whether a web-config file that can be read asks for TLS.
pub(crate) fn asks_for_tls(file: &Path) -> bool {
    let outcome = read(file, now_seconds()).outcome;
    outcome.is_ok_and(|policy| policy.has_tls())
}

fn warn(policy: &Policy) {
    for warning in &policy.warnings {
        tracing::warn!("web-config: {warning}");
    }
}

fn now_seconds() -> u64 {
    u64::try_from(SystemClock::new().now_ms() / 1000).unwrap_or(0)
}
