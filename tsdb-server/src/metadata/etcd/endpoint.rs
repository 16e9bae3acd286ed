//! Where a member of etcd listens.

use std::fmt;

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};

use super::error::EtcdError;

/// The port that clients of etcd come to.
const DEFAULT_PORT: u16 = 2379;

/// Where a member of etcd listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    authority: Authority,
    port: u16,
    is_tls: bool,
}

impl Endpoint {
    /// Reads `http://HOST:PORT`, `https://HOST:PORT`, or `HOST:PORT` of the scheme `plain_is_tls` says.
    pub(super) fn read(text: &str, plain_is_tls: bool) -> Result<Self, EtcdError> {
        let wrong = |why: &str| EtcdError::Options {
            // What stands before an @ may be a password.
            what: match text.rsplit_once('@') {
                None => format!("the endpoint {text:?} {why}"),
                Some((_, host)) => format!("the endpoint \"...@{host}\" {why}"),
            },
        };
        let (is_tls, address) = match text.split_once("://") {
            None => (plain_is_tls, text),
            Some(("http", address)) => (false, address),
            Some(("https", address)) => (true, address),
            Some(_) => return Err(wrong("is neither http:// nor https://")),
        };
        if address.contains('@') {
            return Err(wrong("names a user: give it beside the endpoints"));
        }
        let address = address.trim_end_matches('/');
        let authority: Authority = address
            .parse()
            .map_err(|_| wrong("is not HOST:PORT with http:// or https:// before it"))?;
        let has_port = authority.as_str().len() > authority.host().len();
        if authority.host().is_empty() || (has_port && authority.port_u16().is_none()) {
            return Err(wrong("is not HOST:PORT with http:// or https:// before it"));
        }
        let port = authority.port_u16().unwrap_or(DEFAULT_PORT);
        Ok(Self {
            authority,
            port,
            is_tls,
        })
    }

    /// Its name or address, without the brackets of IPv6.
    pub(super) fn host(&self) -> &str {
        let host = self.authority.host();
        host.trim_start_matches('[').trim_end_matches(']')
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// What requests to it begin with.
    pub(super) fn origin(&self) -> Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(match self.is_tls {
            true => Scheme::HTTPS,
            false => Scheme::HTTP,
        });
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(PathAndQuery::from_static("/"));
        // All three parts of a URI are there.
        Uri::from_parts(parts).unwrap_or_default()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.is_tls {
            true => "https",
            false => "http",
        };
        write!(f, "{scheme}://{}", self.authority)
    }
}
