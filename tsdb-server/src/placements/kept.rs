//! Placements as they are kept.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::change::{Change, Context};
use super::cluster::ClusterPlacement;
use super::placement::Placement;
use super::service::Service;
use crate::jsonpb::{JsonError, number, parse};
use tsdb_cluster::metadata::{MetadataError, MetadataStore, placement_key};

/// How often a change is tried that others come before.
pub(super) const ATTEMPTS: usize = 8;

/// Why a placement is not as a request wants it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlacementError {
    /// One is to be made, and there is one.
    #[error("placement already exists: change it, or DELETE it before")]
    Exists,
    /// There is none.
    #[error("placement does not exist: make it with POST placement/init or database/create")]
    NotFound,
    /// An instance is named that is not there.
    #[error("instance {0} not found in placement")]
    NoInstance(String),
    /// A version is asked for that is not there.
    #[error("version {asked} of the placement is not kept, it is at version {present}")]
    NoVersion {
        /// Which one.
        asked: i64,
        /// The one that is there.
        present: u32,
    },
    /// The placement is at another version than the request expects.
    #[error("the placement is at version {present}, not at {expected}: read it again")]
    Stale {
        /// What the request expects.
        expected: i32,
        /// The one that is there, 0 for none.
        present: u32,
    },
    /// A request that makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// A request for several nodes.
    #[error("{0}")]
    OneNode(String),
    /// What is kept cannot be read.
    #[error("the placement cannot be read: {0}")]
    Unreadable(JsonError),
    /// What is to be kept cannot be written, which is a bug.
    #[error("the placement cannot be written: {0}")]
    Unwritable(#[from] serde_json::Error),
    /// The metadata could not be read or changed.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
}

/// A placement and how often it was changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Versioned {
    pub(crate) placement: Placement,
    #[serde(deserialize_with = "number")]
    pub(crate) version: u32,
}

impl Versioned {
    /// What is kept: fields of no value are left out, as shards are many.
    fn bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut value = serde_json::to_value(self)?;
        drop_defaults(&mut value);
        serde_json::to_vec(&value)
    }
}

fn drop_defaults(value: &mut Value) {
    match value {
        Value::Object(entries) => {
            entries.values_mut().for_each(drop_defaults);
            entries.retain(|_, value| !is_default(value));
        }
        Value::Array(items) => items.iter_mut().for_each(drop_defaults),
        _ => {}
    }
}

fn is_default(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(value) => value.as_u64() == Some(0),
        Value::String(value) => value.is_empty() || value == "0",
        Value::Array(items) => items.is_empty(),
        Value::Object(_) => false,
    }
}

/// The placements of all services and environments.
#[derive(Clone, Debug)]
pub(crate) struct Placements {
    metadata: Arc<dyn MetadataStore>,
    /// The cluster that this server is of, and its environment.
    cluster: Option<(String, ClusterPlacement)>,
}

impl Placements {
    pub(crate) fn new(metadata: Arc<dyn MetadataStore>) -> Self {
        Self {
            metadata,
            cluster: None,
        }
    }

    /// The same, of a cluster's storage nodes too.
    pub(crate) fn of_cluster(
        metadata: Arc<dyn MetadataStore>,
        environment: &str,
        placement: ClusterPlacement,
    ) -> Self {
        Self {
            metadata,
            cluster: Some((environment.to_owned(), placement)),
        }
    }

    /// The environment of the cluster that the server is of.
    pub(crate) fn environment(&self) -> Option<&str> {
        let (environment, _) = self.cluster.as_ref()?;
        Some(environment)
    }

    /// The cluster's, if that is meant; one of another environment is not this server's to change.
    fn of(
        &self,
        service: Service,
        environment: &str,
    ) -> Result<Option<&ClusterPlacement>, PlacementError> {
        match &self.cluster {
            Some((own, placement)) if service == Service::Database => match own == environment {
                true => Ok(Some(placement)),
                false => Err(PlacementError::Invalid(format!(
                    "this server is of the environment {own:?}, not of {environment:?}: the header Cluster-Environment-Name names it"
                ))),
            },
            _ => Ok(None),
        }
    }

    async fn read(&self, key: &str) -> Result<Option<(u64, Versioned)>, PlacementError> {
        let Some(kept) = self.metadata.get(key).await? else {
            return Ok(None);
        };
        let placement = parse(&kept.bytes).map_err(PlacementError::Unreadable)?;
        Ok(Some((kept.version, placement)))
    }

    /// The placement of a service; `None` where there is none.
    pub(crate) async fn get(
        &self,
        context: &Context,
        environment: &str,
    ) -> Result<Option<Versioned>, PlacementError> {
        if let Some(cluster) = self.of(context.service, environment)? {
            return cluster.get().await;
        }
        let key = placement_key(environment, context.service.name());
        Ok(self.read(&key).await?.map(|(_, placement)| placement))
    }

    /// Changes the placement of a service; with `dry_run` only says what would be there.
    pub(crate) async fn change(
        &self,
        context: &Context,
        environment: &str,
        change: Change,
        dry_run: bool,
    ) -> Result<Versioned, PlacementError> {
        if let Some(cluster) = self.of(context.service, environment)? {
            return cluster.change(context, change, dry_run).await;
        }
        let key = placement_key(environment, context.service.name());
        let mut attempts = 0;
        loop {
            let kept = self.read(&key).await?;
            let (at, present) = kept.unzip();
            let version = present.as_ref().map_or(0, |present| present.version);
            if let Change::Set(request) = &change
                && request.version != 0
                && i64::from(request.version) != i64::from(version)
            {
                return Err(PlacementError::Stale {
                    expected: request.version,
                    present: version,
                });
            }
            let placement = present.map(|present| present.placement);
            let placement = context.apply(change.clone(), placement)?;
            let new = Versioned {
                placement,
                version: version.saturating_add(1),
            };
            if dry_run {
                return Ok(new);
            }
            match self.metadata.set(&key, at, new.bytes()?).await {
                Ok(_) => return Ok(new),
                Err(MetadataError::Conflict { .. }) if attempts < ATTEMPTS => attempts += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Removes the placement of a service, whatever it says.
    pub(crate) async fn remove(
        &self,
        context: &Context,
        environment: &str,
        dry_run: bool,
    ) -> Result<(), PlacementError> {
        if let Some(cluster) = self.of(context.service, environment)? {
            return cluster.remove(dry_run).await;
        }
        let key = placement_key(environment, context.service.name());
        let mut attempts = 0;
        loop {
            // Not looked into: what cannot be read can be removed.
            let Some(kept) = self.metadata.get(&key).await? else {
                return Err(PlacementError::NotFound);
            };
            if dry_run {
                return Ok(());
            }
            match self.metadata.remove(&key, kept.version).await {
                Ok(()) => return Ok(()),
                Err(MetadataError::Conflict { .. }) if attempts < ATTEMPTS => attempts += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }
}
