//! Which cluster a data folder is of: it remembers, so that no other gets its data.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tsdb_cluster::metadata::{MetadataError, MetadataStore};

use super::ClusterError;
use super::cluster::random;
use crate::store::{Store, StoreError};
use crate::told::told;

/// Where the data folder remembers it.
const DOCUMENT: &str = "_node/cluster";
/// How often a name is given anew that another gave first.
const ATTEMPTS: usize = 4;

/// The cluster that a data folder is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Home {
    environment: String,
    /// Drawn at random when the first node joined; etcd keeps it.
    cluster: String,
}

/// Why a data folder and a cluster do not go together.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HomeError {
    /// The settings name another environment.
    #[error(
        "the data folder is that of a node of the environment {kept:?}, and this server is to be of {asked:?}: start it with --cluster-environment={kept}, or with a --data-dir of its own"
    )]
    Environment {
        /// That of the folder.
        kept: String,
        /// That of the settings.
        asked: String,
    },
    /// etcd keeps another cluster of this environment.
    #[error(
        "the data folder is that of a node of the cluster {kept}, and etcd keeps the cluster {found} in the environment {environment:?}: name the etcd of its own cluster, or start with a --data-dir of its own"
    )]
    Cluster {
        /// That of the folder.
        kept: String,
        /// That of etcd.
        found: String,
        /// The environment of both.
        environment: String,
    },
    /// etcd keeps no cluster of this environment.
    #[error(
        "the data folder is that of a node of the cluster {kept}, and etcd keeps none in the environment {environment:?}: name the etcd of its own cluster, or restore what etcd has lost from a backup; if etcd was made anew on purpose, tell it with: etcdctl put {key} {kept}"
    )]
    Unknown {
        /// That of the folder.
        kept: String,
        /// The environment.
        environment: String,
        /// Where etcd has to keep it.
        key: String,
    },
}

/// Where etcd keeps which cluster it is.
fn key(environment: &str) -> String {
    format!("_tsdb/{environment}/cluster")
}

/// Whether it is known that a data folder is of the cluster that etcd keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It is.
    Yes,
    /// Not yet, as etcd does not say, for this reason.
    NotYet(String),
}

/// Sees that the open data folder is of the cluster that etcd keeps; a folder of none is from now
/// on.
///
/// # Errors
/// When it is of another cluster, or cannot be read.
pub(super) async fn settle(
    store: &Store,
    metadata: &Arc<dyn MetadataStore>,
    environment: &str,
) -> Result<Known, ClusterError> {
    let kept = read(store).await?;
    let environment = environment.to_owned();
    if let Some(home) = &kept
        && home.environment != environment
    {
        let kept = home.environment.clone();
        let asked = environment;
        return Err(HomeError::Environment { kept, asked }.into());
    }
    let found = match cluster(&**metadata, &environment, kept.is_none()).await {
        Ok(found) => found,
        Err(Unsaid::Metadata(error)) => return Ok(Known::NotYet(told(&error))),
        Err(Unsaid::Cluster(error)) => return Err(error),
    };
    let key = key(&environment);
    match (kept.map(|home| home.cluster), found) {
        (None, Some(cluster)) => {
            let home = Home {
                environment,
                cluster,
            };
            write(store, home).await?;
            Ok(Known::Yes)
        }
        (Some(kept), Some(found)) if kept == found => Ok(Known::Yes),
        (Some(kept), Some(found)) => Err(HomeError::Cluster {
            kept,
            found,
            environment,
        }
        .into()),
        (Some(kept), None) => Err(HomeError::Unknown {
            kept,
            environment,
            key,
        }
        .into()),
        (None, None) => {
            let what = format!("others give {key} a name, and take it away again");
            Ok(Known::NotYet(what))
        }
    }
}

/// Why it is not known which cluster etcd keeps.
enum Unsaid {
    Metadata(MetadataError),
    Cluster(ClusterError),
}

/// The cluster that etcd keeps; where it has none yet and may have one, it gets a name.
async fn cluster(
    metadata: &dyn MetadataStore,
    environment: &str,
    may_begin: bool,
) -> Result<Option<String>, Unsaid> {
    let key = key(environment);
    for _ in 0..ATTEMPTS {
        let found = metadata.get(&key).await.map_err(Unsaid::Metadata)?;
        if let Some(found) = found {
            let name = String::from_utf8_lossy(&found.bytes).trim().to_owned();
            return Ok(Some(name));
        }
        if !may_begin {
            return Ok(None);
        }
        let drawn = random().map_err(Unsaid::Cluster)?;
        let name = format!("{:016x}", u64::from_le_bytes(drawn));
        match metadata.set(&key, None, name.clone().into_bytes()).await {
            Ok(_) => return Ok(Some(name)),
            Err(MetadataError::Conflict { .. }) => {}
            Err(error) => return Err(Unsaid::Metadata(error)),
        }
    }
    Ok(None)
}

async fn read(store: &Store) -> Result<Option<Home>, ClusterError> {
    on_disk(store, |store| {
        let document = store.own()?.db.document(DOCUMENT);
        let read = |bytes: &[u8]| {
            serde_json::from_slice(bytes).map_err(|error| ClusterError::Home {
                document: DOCUMENT,
                error,
            })
        };
        document.map(|document| read(&document.bytes)).transpose()
    })
    .await
}

async fn write(store: &Store, home: Home) -> Result<(), ClusterError> {
    on_disk(store, move |store| {
        let bytes = serde_json::to_vec(&home).map_err(|error| ClusterError::Home {
            document: DOCUMENT,
            error,
        })?;
        let db = store.own()?.db;
        let version = db.document(DOCUMENT).map(|document| document.version);
        let put = db.put_document(DOCUMENT, version, &bytes);
        put.map(drop).map_err(StoreError::from)?;
        Ok(())
    })
    .await
}

/// Runs `work` on a thread that may wait for the disk.
async fn on_disk<T: Send + 'static>(
    store: &Store,
    work: impl FnOnce(&Store) -> Result<T, ClusterError> + Send + 'static,
) -> Result<T, ClusterError> {
    let store = store.clone();
    let done = tokio::task::spawn_blocking(move || work(&store)).await;
    done.unwrap_or(Err(ClusterError::Store(StoreError::Lost)))
}
