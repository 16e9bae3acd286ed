//! The HTTP API of a server of the cluster.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use crate::cluster::{ClusterReport, RepairReport};
use crate::commands::CommandError;
use crate::commands::remote::Server;
use crate::placements::Placement;

/// So long a change may take: it waits for etcd.
const DEADLINE: Duration = Duration::from_secs(30);
const PLACEMENT: &str = "/api/v1/services/m3db/placement";

/// A server of the cluster that is asked for things.
#[derive(Debug)]
pub(super) struct Api {
    server: Server,
    environment: String,
    runtime: Runtime,
}

/// A placement with its version.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct PlacementAnswer {
    pub(super) placement: Placement,
    pub(super) version: u64,
}

/// What stands around an answer about the cluster.
#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
}

impl Api {
    /// Of a server of the cluster of an environment.
    ///
    /// # Errors
    /// When the system gives no way to wait for it.
    pub(super) fn new(server: Server, environment: &str) -> Result<Self, CommandError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()?;
        Ok(Self {
            server,
            environment: environment.to_owned(),
            runtime,
        })
    }

    /// How the cluster is.
    pub(super) fn report(&self) -> Result<ClusterReport, CommandError> {
        let Envelope { data } = self.get("/api/v1/cluster")?;
        Ok(data)
    }

    /// Has a node compare all its shards now, or all nodes.
    pub(super) fn repair(&self, node: Option<&str>) -> Result<RepairReport, CommandError> {
        let query = node.map(|node| {
            let node: String = form_urlencoded::byte_serialize(node.as_bytes()).collect();
            format!("?node={node}")
        });
        let route = format!("/api/v1/cluster/repair{}", query.unwrap_or_default());
        let Envelope { data } = self.send(Method::POST, &route, None::<&()>, false)?;
        Ok(data)
    }

    /// The placement.
    pub(super) fn placement(&self) -> Result<PlacementAnswer, CommandError> {
        self.get(PLACEMENT)
    }

    /// Changes the placement by one of its calls, or shows what would be; `what` is empty for one
    /// that adds.
    pub(super) fn change(
        &self,
        what: &str,
        body: &impl Serialize,
        dry_run: bool,
    ) -> Result<PlacementAnswer, CommandError> {
        self.send(
            Method::POST,
            &format!("{PLACEMENT}{what}"),
            Some(body),
            dry_run,
        )
    }

    /// What a route answers.
    pub(super) fn get<T: DeserializeOwned>(&self, route: &str) -> Result<T, CommandError> {
        self.send(Method::GET, route, None::<&()>, false)
    }

    /// Sends JSON, or nothing, to a route.
    pub(super) fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        route: &str,
        body: Option<&impl Serialize>,
        dry_run: bool,
    ) -> Result<T, CommandError> {
        let body = body.map(|body| serde_json::to_vec(body).map(Bytes::from));
        let body = body.transpose().map_err(std::io::Error::other)?;
        let headers = [
            ("Cluster-Environment-Name", self.environment.as_str()),
            ("Dry-Run", if dry_run { "true" } else { "false" }),
        ];
        let answer = self
            .server
            .exchange((method, route), &headers, body, DEADLINE);
        let text = answer.map_err(plainly)?;
        serde_json::from_str(&text).map_err(|error| {
            let why = format!("it answered what is no answer of this version: {error}");
            self.server.route(route).unreachable(why)
        })
    }

    /// Waits before something is asked again.
    pub(super) fn pause(&self, pause: Duration) {
        // A timer belongs to the runtime that it is made on.
        self.runtime
            .block_on(async { tokio::time::sleep(pause).await });
    }
}

/// A refusal in its own words alone, without the JSON around them.
fn plainly(error: CommandError) -> CommandError {
    #[derive(Deserialize)]
    struct Failure {
        error: String,
    }
    match error {
        CommandError::Refused { url, status, text } => {
            let failure = serde_json::from_str(&text);
            let text = failure.map_or(text, |Failure { error }| error);
            CommandError::Refused { url, status, text }
        }
        other => other,
    }
}
