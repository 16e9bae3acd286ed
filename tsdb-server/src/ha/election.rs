//! Which replica of a cluster counts, as times of samples and of their arrival decide it.

use std::time::Duration;

use tokio::time::Instant;

/// What is to become of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It is stored, but for what lies at this time and before.
    Store { newer_than_ms: Option<i64> },
    /// The elected replica has delivered as much.
    Duplicate,
    /// It is not known yet: by then it will be, unless more is heard of the elected replica.
    Wait { until: Instant },
}

/// The elected replica of a cluster and how far it is.
#[derive(Clone, Debug)]
pub(super) struct Election {
    elected: String,
    /// What it delivers up to here its predecessor has delivered, in milliseconds.
    floor_ms: Option<i64>,
    /// Up to here it has delivered, in milliseconds; nothing since the start yet.
    delivered_ms: Option<i64>,
    /// When something came from it.
    heard: Instant,
}

impl Election {
    pub(super) fn of(replica: &str, now: Instant) -> Self {
        Self {
            elected: replica.to_owned(),
            floor_ms: None,
            delivered_ms: None,
            heard: now,
        }
    }

    pub(super) fn elected(&self) -> &str {
        &self.elected
    }

    /// Judges a request with samples up to `newest_ms`, and elects its replica when it is time to.
    pub(super) fn judge(
        &mut self,
        replica: &str,
        newest_ms: i64,
        failover: Duration,
        now: Instant,
    ) -> Judgement {
        let until = self.heard + failover;
        if replica != self.elected {
            if self.delivered_ms.is_some_and(|at| newest_ms <= at) {
                return Judgement::Duplicate;
            }
            if now < until {
                return Judgement::Wait { until };
            }
            self.elected = replica.to_owned();
            self.floor_ms = self.delivered_ms;
        }
        self.heard = now;
        Judgement::Store {
            newer_than_ms: self.floor_ms,
        }
    }

    /// Notes that what a request brought is durable. A sample from the future says nothing of how
    /// far its replica is.
    pub(super) fn delivered(&mut self, replica: &str, newest_ms: i64, now_ms: i64, now: Instant) {
        if replica == self.elected {
            let newest_ms = newest_ms.min(now_ms);
            self.delivered_ms = self.delivered_ms.max(Some(newest_ms));
            self.heard = now;
        }
    }
}
