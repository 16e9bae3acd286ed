//! What the headers of a call say, and who makes it.

use axum::extract::FromRequestParts;
use http::header::USER_AGENT;
use http::request::Parts;

use super::reply::M3Error;
use crate::access::{Identity, Peer};
use crate::http::App;
use crate::placements::{Context, Service};

/// What a call says beside its body.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// Environment of the cluster it is about: that of the server, where it says none.
    pub(super) environment: String,
    /// Zone of that.
    pub(super) zone: String,
    /// Whether to answer what would be, and change nothing.
    pub(super) dry_run: bool,
    /// Whether to do also what is not safe.
    pub(super) force: bool,
    /// Who calls, for the log.
    pub(super) by: String,
}

impl Call {
    /// Refuses to change namespaces of an environment that is not the server's.
    pub(super) fn check_namespaces(&self, app: &App) -> Result<(), M3Error> {
        match app.placements.environment() {
            Some(own) if own != self.environment => Err(M3Error::bad_request(format!(
                "this server is of the environment {own:?}, not of {:?}: the header Cluster-Environment-Name names it",
                self.environment
            ))),
            _ => Ok(()),
        }
    }

    /// For the placement of a service.
    pub(super) fn context(&self, service: Service) -> Context {
        Context {
            service,
            zone: self.zone.clone(),
            force: self.force,
        }
    }
}

impl FromRequestParts<App> for Call {
    type Rejection = M3Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, M3Error> {
        let own = app.placements.environment().unwrap_or("default_env");
        Ok(Self {
            environment: text(parts, "Cluster-Environment-Name", own)?,
            zone: text(parts, "Cluster-Zone-Name", "embedded")?,
            dry_run: switch(parts, "Dry-Run")?,
            force: switch(parts, "Force")?,
            by: caller(parts),
        })
    }
}

fn text(parts: &Parts, name: &str, otherwise: &str) -> Result<String, M3Error> {
    let value = match parts.headers.get(name).map(|value| value.to_str()) {
        None => otherwise,
        Some(Ok(value)) => value.trim(),
        Some(Err(_)) => return Err(M3Error::bad_request(format!("header {name} is not ASCII"))),
    };
    Ok(if value.is_empty() { otherwise } else { value }.to_owned())
}

fn switch(parts: &Parts, name: &str) -> Result<bool, M3Error> {
    match text(parts, name, "false")?.to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        other => Err(M3Error::bad_request(format!(
            "header {name} is {other:?}, neither true nor false"
        ))),
    }
}

/// Who calls: its name where it has one, its address, its program.
fn caller(parts: &Parts) -> String {
    let name = parts.extensions.get::<Identity>();
    let name = name.map_or(String::new(), |identity| format!("{} at ", identity.name));
    let address = parts.extensions.get::<Peer>();
    let address = address.map_or("an unknown address".to_owned(), |peer| {
        peer.address.to_string()
    });
    let agent = parts.headers.get(USER_AGENT);
    let agent = agent.map(|agent| String::from_utf8_lossy(agent.as_bytes()));
    let agent: String = agent.unwrap_or_default().chars().take(100).collect();
    format!("{name}{address}, {agent:?}")
}
