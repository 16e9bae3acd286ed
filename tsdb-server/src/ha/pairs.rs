//! The clusters of replicas that are known, and what becomes of a request of one of them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tsdb_core::clock::{Clock, SystemClock};
use tsdb_core::{LabelsBuilder, LabelsError, WriteBatch};

use super::election::{Election, Judgement};

/// Most clusters that are remembered.
const CLUSTERS_MAX: usize = 10_000;

/// How pairs are told and treated.
#[derive(Clone, Debug)]
pub(crate) struct HaOptions {
    /// The label that tells replicas apart; it is not stored.
    pub(crate) replica_label: Arc<str>,
    /// The label that the replicas of a cluster have in common.
    pub(crate) cluster_label: Arc<str>,
    /// After how long without the elected replica another takes over.
    pub(crate) failover: Duration,
    /// Bytes that requests may hold while they wait.
    pub(crate) waiting_max_bytes: u64,
}

/// All clusters. Cloning shares them.
#[derive(Clone, Debug)]
pub(crate) struct HaPairs {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    options: HaOptions,
    clusters: Mutex<BTreeMap<(String, String), Arc<Cluster>>>,
    waiting_bytes: AtomicU64,
    waiting: AtomicU64,
    takeovers: AtomicU64,
    duplicate_samples: AtomicU64,
}

#[derive(Debug)]
struct Cluster {
    namespace: String,
    name: String,
    election: Mutex<Election>,
    /// Told each time the elected replica has delivered, or another was elected.
    moved: watch::Sender<()>,
}

/// What a batch says of where it comes from.
#[derive(Debug)]
pub(crate) enum Claimed {
    /// It is of no pair.
    Nothing,
    /// It is of this replica.
    Claim(Claim),
    /// The batch was guessed, wrongly.
    Misread,
    /// There are as many clusters as are remembered.
    TooMany {
        /// How many.
        limit: usize,
    },
}

/// A request of a replica.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pairs: HaPairs,
    cluster: Arc<Cluster>,
    replica: String,
    newest_ms: i64,
}

/// What is to become of a request of a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is stored, but for what lies at this time and before.
    Store {
        /// The time in milliseconds; `None` when all of it counts.
        newer_than_ms: Option<i64>,
    },
    /// It is answered as if it was stored: another replica brought the same.
    Duplicate,
    /// Another replica may bring the same: [`Claim::wait`].
    Wait,
}

/// Figures for the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HaFigures {
    /// Clusters that are known.
    pub(crate) clusters: u64,
    /// Requests that wait at this moment.
    pub(crate) waiting: u64,
    /// Times another replica took over.
    pub(crate) takeovers: u64,
    /// Samples not stored, as another replica brought them.
    pub(crate) duplicate_samples: u64,
}

impl HaPairs {
    /// No clusters yet.
    pub(crate) fn new(options: HaOptions) -> Self {
        Self {
            shared: Arc::new(Shared {
                options,
                clusters: Mutex::default(),
                waiting_bytes: AtomicU64::new(0),
                waiting: AtomicU64::new(0),
                takeovers: AtomicU64::new(0),
                duplicate_samples: AtomicU64::new(0),
            }),
        }
    }

    /// Reads of the first series of a batch which replica it is of. All series of a request have
    /// the same external labels, so the others need not be asked.
    pub(crate) fn claim(&self, namespace: &str, batch: &WriteBatch<'_>) -> Claimed {
        let options = &self.shared.options;
        let (Some((key, ..)), Some((_, newest_ms))) = (batch.series().next(), batch.times()) else {
            return Claimed::Nothing;
        };
        let mut builder = LabelsBuilder::new();
        let labels = key.parse(&mut builder).and_then(|()| builder.finish());
        let labels = match labels {
            Ok(labels) => labels,
            Err(LabelsError::Malformed { .. }) if batch.is_guessed() => return Claimed::Misread,
            // Storing it tells what is wrong.
            Err(_) => return Claimed::Nothing,
        };
        let Some(replica) = labels.get(&options.replica_label) else {
            return Claimed::Nothing;
        };
        let name = labels.get(&options.cluster_label).unwrap_or_default();
        match self.cluster(namespace, name, replica) {
            Some(cluster) => Claimed::Claim(Claim {
                pairs: self.clone(),
                cluster,
                replica: replica.to_owned(),
                newest_ms,
            }),
            None => Claimed::TooMany {
                limit: CLUSTERS_MAX,
            },
        }
    }

    /// A cluster; when it is new, `replica` is elected.
    fn cluster(&self, namespace: &str, name: &str, replica: &str) -> Option<Arc<Cluster>> {
        let mut clusters = lock(&self.shared.clusters);
        let key = (namespace.to_owned(), name.to_owned());
        if let Some(cluster) = clusters.get(&key) {
            return Some(Arc::clone(cluster));
        }
        if clusters.len() >= CLUSTERS_MAX {
            return None;
        }
        tracing::info!(namespace, cluster = name, replica, "a replica was elected");
        let cluster = Arc::new(Cluster {
            namespace: key.0.clone(),
            name: key.1.clone(),
            election: Mutex::new(Election::of(replica, Instant::now())),
            moved: watch::Sender::new(()),
        });
        clusters.insert(key, Arc::clone(&cluster));
        Some(cluster)
    }

    /// The label that is not stored.
    pub(crate) fn replica_label(&self) -> &Arc<str> {
        &self.shared.options.replica_label
    }

    /// Figures at this moment.
    pub(crate) fn figures(&self) -> HaFigures {
        let Shared {
            clusters,
            waiting,
            takeovers,
            duplicate_samples,
            ..
        } = &*self.shared;
        HaFigures {
            clusters: lock(clusters).len() as u64,
            waiting: waiting.load(Ordering::Relaxed),
            takeovers: takeovers.load(Ordering::Relaxed),
            duplicate_samples: duplicate_samples.load(Ordering::Relaxed),
        }
    }
}

impl Claim {
    /// What is to become of the request. `samples` are how many it has.
    pub(crate) fn judge(&self, samples: u64) -> Verdict {
        match self.look() {
            Judgement::Store { newer_than_ms } => Verdict::Store { newer_than_ms },
            Judgement::Duplicate => {
                let counter = &self.pairs.shared.duplicate_samples;
                counter.fetch_add(samples, Ordering::Relaxed);
                Verdict::Duplicate
            }
            Judgement::Wait { .. } => Verdict::Wait,
        }
    }

    fn look(&self) -> Judgement {
        let Cluster {
            namespace,
            name,
            election,
            moved,
        } = &*self.cluster;
        let shared = &self.pairs.shared;
        let mut election = lock(election);
        let before = election.elected().to_owned();
        let failover = shared.options.failover;
        let judged = election.judge(&self.replica, self.newest_ms, failover, Instant::now());
        let took_over = before != election.elected();
        drop(election);
        if took_over {
            shared.takeovers.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(
                namespace,
                cluster = name,
                replica = self.replica,
                before,
                "nothing came from the elected replica any more: another took over"
            );
            moved.send_replace(());
        }
        judged
    }

    /// Waits until it is known what is to become of the request, which holds `bytes` meanwhile.
    /// False when requests that wait hold as much as they may.
    pub(crate) async fn wait(&self, bytes: u64) -> bool {
        let Some(_seat) = Seat::take(&self.pairs, bytes) else {
            return false;
        };
        let mut moved = self.cluster.moved.subscribe();
        loop {
            moved.mark_unchanged();
            let Judgement::Wait { until } = self.peek() else {
                return true;
            };
            // Whether it moved or the time is over: look again. The sender lives in the cluster.
            let _moved_or_late = timeout_at(until, moved.changed()).await;
        }
    }

    /// What would be judged now, without electing anybody.
    fn peek(&self) -> Judgement {
        let mut election = lock(&self.cluster.election).clone();
        let failover = self.pairs.shared.options.failover;
        election.judge(&self.replica, self.newest_ms, failover, Instant::now())
    }

    /// Notes that the request is durable.
    pub(crate) fn delivered(&self) {
        let now_ms = SystemClock::new().now_ms();
        let mut election = lock(&self.cluster.election);
        election.delivered(&self.replica, self.newest_ms, now_ms, Instant::now());
        drop(election);
        self.cluster.moved.send_replace(());
    }
}

/// The room of a request that waits.
struct Seat<'a> {
    shared: &'a Shared,
    bytes: u64,
}

impl<'a> Seat<'a> {
    fn take(pairs: &'a HaPairs, bytes: u64) -> Option<Self> {
        let shared = &*pairs.shared;
        let held = shared.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        shared.waiting.fetch_add(1, Ordering::Relaxed);
        let seat = Self { shared, bytes };
        (held.saturating_add(bytes) <= shared.options.waiting_max_bytes).then_some(seat)
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.shared
            .waiting_bytes
            .fetch_sub(self.bytes, Ordering::Relaxed);
        self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Nothing is left half changed under these locks, so a panic elsewhere does not matter here.
fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}
