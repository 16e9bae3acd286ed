//! What is counted of TLS and authentication.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::exposition::{Exposition, count_as_value};
use super::families;
use crate::access::CertificateEnd;

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It says nothing of its sender.
    Missing,
    /// User, password or token are wrong.
    Wrong,
    /// Its `Authorization` header cannot be right.
    Malformed,
    /// Its sender may not do that.
    Forbidden,
    /// Too many passwords waited to be checked.
    Busy,
}

impl Refused {
    const ALL: [Self; 5] = [
        Self::Missing,
        Self::Wrong,
        Self::Malformed,
        Self::Forbidden,
        Self::Busy,
    ];

    /// Its name in metrics and the log.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Wrong => "wrong",
            Self::Malformed => "malformed",
            Self::Forbidden => "forbidden",
            Self::Busy => "busy",
        }
    }
}

/// Why a TLS handshake came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HandshakeFailure {
    /// Certificates, versions or bytes were wrong, or the client left.
    Failed,
    /// It took too long.
    Timeout,
    /// Too many others were under way.
    Overtaken,
    /// The client spoke without TLS.
    Plain,
}

impl HandshakeFailure {
    const ALL: [Self; 4] = [Self::Failed, Self::Timeout, Self::Overtaken, Self::Plain];

    fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Timeout => "timeout",
            Self::Overtaken => "overtaken",
            Self::Plain => "plain",
        }
    }
}

/// Counters of TLS and authentication.
#[derive(Debug, Default)]
pub(crate) struct AccessCounters {
    refused: [AtomicU64; Refused::ALL.len()],
    handshakes: [AtomicU64; HandshakeFailure::ALL.len()],
    pub(crate) reload_failures: AtomicU64,
    reloaded_seconds: AtomicU64,
    ends: Mutex<Vec<CertificateEnd>>,
}

impl AccessCounters {
    /// A request was refused.
    pub(crate) fn refused(&self, why: Refused) {
        if let Some(counter) = self.refused.get(why as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A handshake came to nothing.
    pub(crate) fn handshake_failed(&self, why: HandshakeFailure) {
        if let Some(counter) = self.handshakes.get(why as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The file was read at this time.
    pub(crate) fn reloaded(&self, now_seconds: u64) {
        self.reloaded_seconds.store(now_seconds, Ordering::Relaxed);
    }

    /// These certificates are used from now on.
    pub(crate) fn certificates(&self, ends: &[CertificateEnd]) {
        let mut kept = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = ends.to_vec();
    }
}

/// What TLS and authentication count.
pub(super) fn access(page: &mut Exposition, counters: &AccessCounters) {
    let read = |counter: &AtomicU64| count_as_value(counter.load(Ordering::Relaxed));
    page.family(&families::REQUESTS_REFUSED);
    for (why, counter) in Refused::ALL.iter().zip(&counters.refused) {
        page.sample(&[("reason", why.name())], read(counter));
    }
    page.family(&families::TLS_HANDSHAKE_FAILURES);
    for (why, counter) in HandshakeFailure::ALL.iter().zip(&counters.handshakes) {
        page.sample(&[("reason", why.name())], read(counter));
    }
    page.single(
        &families::WEB_CONFIG_RELOAD_FAILURES,
        read(&counters.reload_failures),
    );
    page.single(
        &families::WEB_CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP_SECONDS,
        read(&counters.reloaded_seconds),
    );
    page.family(&families::CERTIFICATE_EXPIRY_SECONDS);
    let ends = counters.ends.lock().unwrap_or_else(PoisonError::into_inner);
    for end in &*ends {
        let value = count_as_value(end.not_after_seconds);
        page.sample(&[("use", end.use_name)], value);
    }
}
