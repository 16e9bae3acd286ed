//! What every route has at hand.

use std::sync::Arc;

use regex::Regex;
use tokio::time::Instant;
use tsdb_remote::{InflightBytes, Limits};

use crate::cluster::Overview;
use crate::config::{Role, Setting};
use crate::data::{ClusterData, NamespaceData};
use crate::ha::HaPairs;
use crate::namespaces::Registry;
use crate::placements::Placements;
use crate::query::{QueryOptions, Register};
use crate::store::{Opened, Store, StoreError};
use crate::telemetry::Telemetry;
use crate::tenancy::Tenants;

/// What every route has at hand. Cloning shares it.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) store: Store,
    pub(crate) telemetry: Arc<Telemetry>,
    /// Bounds of remote write and read.
    pub(crate) limits: Limits,
    /// Bytes that their requests hold at this moment.
    pub(crate) inflight: InflightBytes,
    /// Bytes of writes that wait for the nodes of a cluster.
    pub(crate) forwarded: InflightBytes,
    pub(crate) started: Instant,
    /// All namespaces, and which of them plain requests use.
    pub(crate) registry: Registry,
    pub(crate) placements: Placements,
    /// The cluster that the server is of.
    pub(crate) cluster: Option<ClusterData>,
    /// How that cluster is.
    pub(crate) overview: Option<Overview>,
    /// What the server is in that.
    pub(crate) role: Option<Role>,
    /// Who shares the server.
    pub(crate) tenants: Arc<Tenants>,
    /// Pairs of senders, if they are told apart.
    pub(crate) pairs: Option<HaPairs>,
    /// How expressions are evaluated.
    pub(crate) queries: QueryOptions,
    /// Those that are.
    pub(crate) register: Register,
    /// Origins of web pages that may ask from browsers.
    pub(crate) origins: Regex,
    /// The settings that hold.
    pub(crate) settings: Arc<[Setting]>,
    /// Whether the routes below `/api/v1/admin` do anything.
    pub(crate) admin: bool,
}

impl App {
    /// The namespace of a name, wherever its series are.
    ///
    /// # Errors
    /// When there is none of that name.
    pub(crate) fn data(&self, opened: &Opened, name: &str) -> Result<NamespaceData, StoreError> {
        let own = opened.find(name)?;
        Ok(NamespaceData::of(self.cluster.as_ref(), own, None))
    }

    /// What a flag is, as it was said; `None` where it is left to the server.
    pub(crate) fn setting(&self, flag: &str) -> Option<&str> {
        let found = self.settings.iter().find(|setting| setting.flag == flag);
        found.and_then(|setting| setting.text.as_deref())
    }
}
