//! The coordinator, and what all it does has in common.

use std::sync::Arc;
use std::time::Duration;

use super::delete_log::DeleteLog;
use super::error::CoordinatorError;
use super::figures::CoordinatorFigures;
use super::topology_view::TopologyView;
use super::untold::Untold;
use crate::Incarnation;
use crate::identity::NodeId;
use crate::message::{DeleteRequest, NodeError};
use crate::metadata::{MetadataStore, placement_key};
use crate::node::DeleteRecord;
use crate::rules::Rules;
use crate::runtime::{SharedRuntime, within};
use crate::topology::{ReadLevel, WriteLevel};
use crate::transport::{NodeAnswer, SharedTransport, ask_behind_deletes};

/// How a coordinator works.
#[derive(Clone, Copy, Debug)]
pub struct CoordinatorOptions {
    /// How many replicas must have a write.
    pub write_level: WriteLevel,
    /// How many replicas a read must ask.
    pub read_level: ReadLevel,
    /// How long a request may take.
    pub timeout: Duration,
    /// After which time a further replica is asked beside one that has not answered.
    pub hedge_after: Duration,
    /// The rules it keeps to.
    pub rules: Rules,
}

impl Default for CoordinatorOptions {
    fn default() -> Self {
        Self {
            write_level: WriteLevel::Majority,
            read_level: ReadLevel::UnstrictMajority,
            timeout: Duration::from_secs(10),
            hedge_after: Duration::from_millis(500),
            rules: Rules::default(),
        }
    }
}

/// Makes of many nodes one store. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Coordinator {
    pub(super) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) runtime: SharedRuntime,
    pub(super) transport: SharedTransport,
    pub(super) topology: TopologyView,
    pub(super) deletes: DeleteLog,
    pub(super) untold: Untold,
    pub(super) options: CoordinatorOptions,
    pub(super) figures: CoordinatorFigures,
}

impl Coordinator {
    /// A coordinator of the cluster of an environment.
    #[must_use]
    pub fn new(
        runtime: SharedRuntime,
        transport: SharedTransport,
        metadata: Arc<dyn MetadataStore>,
        environment: &str,
        options: CoordinatorOptions,
    ) -> Self {
        let key = placement_key(environment, "m3db");
        Self {
            shared: Arc::new(Shared {
                runtime,
                transport,
                topology: TopologyView::new(Arc::clone(&metadata), &key),
                deletes: DeleteLog::new(metadata, environment),
                untold: Untold::default(),
                options,
                figures: CoordinatorFigures::default(),
            }),
        }
    }

    /// The deletes of a namespace behind `sequence` that it has heard of, in order.
    #[must_use]
    pub fn deletes_behind(&self, namespace: &str, sequence: u64) -> Vec<DeleteRecord> {
        self.shared.deletes.behind(namespace, sequence)
    }

    /// How many replicas of shards miss something that those who have it were not told yet.
    #[must_use]
    pub fn untold(&self) -> usize {
        self.shared.untold.len()
    }

    /// The way to the nodes.
    pub(crate) fn transport(&self) -> &SharedTransport {
        &self.shared.transport
    }

    /// What it counts.
    #[must_use]
    pub fn figures(&self) -> &CoordinatorFigures {
        &self.shared.figures
    }

    /// The placement as it is known.
    #[must_use]
    pub fn topology(&self) -> &TopologyView {
        &self.shared.topology
    }
}

impl Shared {
    /// Waits for what a request asks for, as long as a request may take; `what` names it.
    pub(super) async fn in_time<T>(
        &self,
        what: impl FnOnce() -> String,
        work: impl Future<Output = Result<T, CoordinatorError>>,
    ) -> Result<T, CoordinatorError> {
        let timeout = self.options.timeout;
        let done = within(&*self.runtime, timeout, work).await;
        done.unwrap_or_else(|_| {
            Err(CoordinatorError::TimedOut {
                millis: timeout.as_millis(),
                what: what(),
            })
        })
    }

    /// Does something at a node, which is told the deletes that it misses before.
    pub(super) async fn with_deletes<T>(
        &self,
        node: &NodeId,
        incarnation: Incarnation,
        namespace: &Arc<str>,
        ask: impl Fn() -> NodeAnswer<T>,
    ) -> Result<T, NodeError> {
        let tell = |applied| {
            let request = DeleteRequest {
                namespace: Arc::clone(namespace),
                incarnation,
                records: self.deletes.behind(namespace, applied),
            };
            self.transport.delete(node, request)
        };
        ask_behind_deletes(ask, tell).await
    }

    /// Learns the deletes that a node has applied and this coordinator has not heard of; of the
    /// metadata, where the node cannot tell them.
    pub(super) async fn learn_deletes(
        &self,
        node: &NodeId,
        namespace: &Arc<str>,
    ) -> Result<(), CoordinatorError> {
        let newest = self.deletes.newest(namespace);
        let asked = self
            .transport
            .deletes_behind(node, Arc::clone(namespace), newest);
        match asked.await {
            Ok(records) => self.deletes.learn(namespace, records),
            Err(_) => self.deletes.refresh(namespace).await?,
        }
        Ok(())
    }
}
