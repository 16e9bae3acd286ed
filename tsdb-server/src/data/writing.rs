//! Samples on their way to be durable.

use tsdb_cluster::Batch;
use tsdb_core::{AppendReport, CommitTicket};
use tsdb_remote::{BytePermit, InflightBytes, Sender};

use super::cluster_namespace::ClusterNamespace;
use crate::rpc::bytes_in_queue;
use crate::store::StoreError;

/// Samples, and metadata, on their way to be durable.
#[derive(Debug)]
pub(crate) struct Writing {
    /// What is known of refusals, all of them where the samples go to the own database.
    report: AppendReport,
    way: Way,
}

#[derive(Debug)]
enum Way {
    /// They are when the tickets are done.
    Own(Vec<CommitTicket>),
    /// The nodes of a cluster have to store them.
    Cluster(ClusterNamespace, Batch),
}

impl Writing {
    pub(super) fn of_database(report: AppendReport, tickets: Vec<CommitTicket>) -> Self {
        let way = Way::Own(tickets);
        Self { report, way }
    }

    pub(super) fn of_cluster(
        namespace: ClusterNamespace,
        batch: Batch,
        report: AppendReport,
    ) -> Self {
        let way = Way::Cluster(namespace, batch);
        Self { report, way }
    }

    /// An error for what is refused already.
    ///
    /// # Errors
    /// With the first refusal.
    pub(crate) fn whole(self) -> Result<Self, StoreError> {
        whole(&self.report).map(|()| self)
    }

    /// Has something else be durable with it.
    pub(crate) fn with(mut self, ticket: Option<CommitTicket>) -> Self {
        if let Way::Own(tickets) = &mut self.way {
            tickets.extend(ticket);
        }
        self
    }

    /// A place among the writes that wait for nodes, within the share of its sender; what goes to the
    /// own database waits for none.
    ///
    /// # Errors
    /// When the sender has its share already.
    pub(crate) fn place(
        &self,
        forwarded: &InflightBytes,
        sender: Option<&Sender>,
    ) -> Result<Option<BytePermit>, StoreError> {
        let Way::Cluster(_, batch) = &self.way else {
            return Ok(None);
        };
        let bytes = bytes_in_queue(batch) as u64;
        // One that is larger than all there may be goes alone.
        let place = forwarded.try_acquire_for(sender, bytes.min(forwarded.limit()));
        place.map(Some).map_err(|refused| {
            StoreError::Unavailable(format!(
                "the nodes have not taken what was sent before: {refused}"
            ))
        })
    }

    /// Calls `done` once all is durable that was not refused, or cannot be.
    pub(crate) fn then(self, done: impl FnOnce(Result<AppendReport, StoreError>) + Send + 'static) {
        let Self { report, way } = self;
        match way {
            Way::Own(tickets) => CommitTicket::on_all(tickets, move |durable| {
                done(durable.map(|()| report).map_err(StoreError::database));
            }),
            Way::Cluster(namespace, batch) => {
                let cluster = namespace.cluster().clone();
                let write = {
                    let cluster = cluster.clone();
                    async move { done(cluster.write(namespace.name(), batch, report).await) }
                };
                cluster.spawn(write);
            }
        }
    }
}

/// An error for what a report says was refused.
///
/// # Errors
/// With the first refusal.
pub(crate) fn whole(report: &AppendReport) -> Result<(), StoreError> {
    match report.rejected.first() {
        Some(rejected) => Err(StoreError::Refused(rejected.to_string())),
        None => Ok(()),
    }
}
