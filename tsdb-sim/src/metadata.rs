//! The metadata as one process reaches it: over the network, which delays, loses, and divides.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::select;
use tsdb_cluster::metadata::{
    Announcement, Answer, Changes, MemoryMetadata, MetadataError, MetadataStore, Revision,
    Versioned,
};
use tsdb_cluster::runtime::Runtime as _;

use crate::executor::Process;
use crate::network::Network;

/// What the place of the metadata is called in the network.
pub const METADATA: &str = "metadata";

/// The way from one process to the metadata.
#[derive(Clone, Debug)]
pub struct SimulatedMetadata {
    kept: MemoryMetadata,
    network: Network,
    name: Arc<str>,
    revision: Revision,
}

impl SimulatedMetadata {
    /// The way from a process of this name, which hears of changes as long as it lives.
    #[must_use]
    pub fn new(kept: MemoryMetadata, network: Network, process: &Process, name: &str) -> Self {
        let own = Self {
            kept,
            network,
            name: name.into(),
            revision: Revision::default(),
        };
        process.spawn(own.clone().listen().boxed());
        own
    }

    /// Tells of changes, and of a network that was mended.
    async fn listen(self) {
        let (mut changes, mut mends) = (self.kept.changes(), self.network.mends());
        loop {
            let (change, mend) = (changes.changed(), mends.changed());
            select(std::pin::pin!(change), std::pin::pin!(mend)).await;
            if self.network.pass(METADATA, &self.name).await {
                self.revision.raise();
            }
        }
    }

    /// Asks, and is answered: either way may be closed.
    async fn ask<T>(
        &self,
        answer: impl Future<Output = Result<T, MetadataError>>,
    ) -> Result<T, MetadataError> {
        let lost = || MetadataError::store("the metadata does not answer");
        if !self.network.pass(&self.name, METADATA).await {
            return Err(lost());
        }
        let answer = answer.await;
        match self.network.pass(METADATA, &self.name).await {
            true => answer,
            false => Err(lost()),
        }
    }
}

impl MetadataStore for SimulatedMetadata {
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Versioned>> {
        self.ask(self.kept.get(key)).boxed()
    }

    fn list<'a>(&'a self, prefix: &'a str) -> Answer<'a, Vec<(String, Versioned)>> {
        self.ask(self.kept.list(prefix)).boxed()
    }

    fn set<'a>(&'a self, key: &'a str, expected: Option<u64>, bytes: Vec<u8>) -> Answer<'a, u64> {
        self.ask(self.kept.set(key, expected, bytes)).boxed()
    }

    fn remove<'a>(&'a self, key: &'a str, expected: u64) -> Answer<'a, ()> {
        self.ask(self.kept.remove(key, expected)).boxed()
    }

    fn changes(&self) -> Changes {
        self.revision.changes()
    }

    fn announce(&self, key: &str, bytes: Vec<u8>, ttl: Duration) -> Announcement {
        self.kept.announce(key, bytes, ttl)
    }
}
