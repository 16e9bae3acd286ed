//! How etcd is reached.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::access::Secret;

/// How etcd is reached, and what is followed there.
#[derive(Clone, Debug)]
pub struct EtcdOptions {
    /// Its members: `http://HOST:PORT`, `https://HOST:PORT`, or `HOST:PORT`, which is `https` where
    /// there is `tls`. Those given are tried in turn; no others are looked for.
    pub endpoints: Vec<String>,
    /// For endpoints that are `https`; `None` trusts the CAs of this machine.
    pub tls: Option<EtcdTls>,
    /// Who asks; `None` of an etcd that lets anyone in.
    pub credentials: Option<EtcdCredentials>,
    /// How long a call takes at most, connecting and trying other endpoints included.
    pub call_timeout: Duration,
    /// So long may etcd tell nothing before it is asked for a sign of life, which it then has
    /// `call_timeout` to give.
    pub keep_alive: Duration,
    /// What keys begin with whose changes are told.
    pub watched: Vec<String>,
}

/// Files in PEM. They are read anew for every connection.
#[derive(Clone, Debug, Default)]
pub struct EtcdTls {
    /// The CAs that members' certificates may be of; `None` for those of this machine.
    pub ca_file: Option<PathBuf>,
    /// What is shown to etcd: a certificate, with those between it and its CA.
    pub certificate_file: Option<PathBuf>,
    /// The key of that certificate.
    pub key_file: Option<PathBuf>,
}

/// A user of etcd.
#[derive(Clone)]
pub struct EtcdCredentials {
    user: String,
    password: Secret,
}

impl EtcdOptions {
    /// An etcd without TLS or users, calls of 5 s, a sign of life every 10 s, and all that M3 keeps.
    pub fn new(endpoints: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            endpoints: endpoints.into_iter().map(Into::into).collect(),
            tls: None,
            credentials: None,
            call_timeout: Duration::from_secs(5),
            keep_alive: Duration::from_secs(10),
            watched: ["_kv/", "_sd.placement/", "/placement/", "_tsdb/"]
                .map(str::to_owned)
                .to_vec(),
        }
    }
}

impl EtcdCredentials {
    /// A user and its password.
    pub fn new(user: impl Into<String>, password: &str) -> Self {
        Self {
            user: user.into(),
            password: Secret::new(password.as_bytes()),
        }
    }

    /// A user and its password, which was read somewhere.
    pub(crate) fn of_secret(user: impl Into<String>, password: Secret) -> Self {
        let user = user.into();
        Self { user, password }
    }

    pub(super) fn user(&self) -> &str {
        &self.user
    }

    /// Not for anything that is shown.
    pub(super) fn reveal_password(&self) -> String {
        String::from_utf8_lossy(self.password.reveal()).into_owned()
    }
}

impl fmt::Debug for EtcdCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdCredentials")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}
