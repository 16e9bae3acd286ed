//! All calls for data, through the coordinators of a cluster as to a single server.

mod calls;
mod degraded;
mod equality;
mod senders;

use std::path::Path;

use bytes::Bytes;
use http::Method;

use crate::cluster::{Member, joined};
use crate::support::{Answer, Etcd, Server, lasting_port, request};

/// The time that the data of these tests is about, in milliseconds.
const TIME: i64 = 1_700_000_000_000;

/// Which of a server's addresses is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Address {
    Api,
    /// That of M3's nodes.
    Node,
}

/// A request.
#[derive(Clone, Debug)]
struct Call {
    method: Method,
    address: Address,
    path: String,
    headers: Vec<(&'static str, &'static str)>,
    body: Bytes,
}

impl Call {
    fn new(method: Method, path: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self {
            method,
            address: Address::Api,
            path: path.into(),
            headers: Vec::new(),
            body: body.into(),
        }
    }

    fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path, Bytes::new())
    }

    fn post(path: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self::new(Method::POST, path, body)
    }

    fn of_node(path: &str, body: &serde_json::Value) -> Self {
        Self {
            address: Address::Node,
            ..Self::post(path, body.to_string())
        }
    }

    fn with(mut self, headers: &[(&'static str, &'static str)]) -> Self {
        self.headers.extend(headers);
        self
    }

    /// The path without its query.
    fn route(&self) -> &str {
        self.path.split('?').next().unwrap_or_default()
    }
}

/// A server that is called.
#[derive(Clone, Debug)]
struct Target {
    api: String,
    node: String,
}

impl Target {
    async fn answer(&self, call: &Call) -> Answer {
        let base = match call.address {
            Address::Api => &self.api,
            Address::Node => &self.node,
        };
        let url = format!("{base}{}", call.path);
        let answer = request(call.method.clone(), &url, &call.headers, call.body.clone()).await;
        answer.unwrap_or_else(|error| panic!("{call:?}: {error}"))
    }
}

/// Arguments of a server that serves the address of M3's nodes as well, and that address.
fn with_node() -> (Vec<String>, String) {
    let address = format!("127.0.0.1:{}", lasting_port());
    let arguments = ["--node-listen", &address].map(str::to_owned);
    (arguments.into(), format!("http://{address}"))
}

/// A server of no cluster.
fn alone(folder: &Path) -> (Server, Target) {
    let (mut arguments, node) = with_node();
    arguments.push("--enable-admin-api".to_owned());
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let server = Server::start(&folder.join("alone"), &arguments);
    let api = server.api.clone();
    (server, Target { api, node })
}

/// Three servers of a cluster that read at a level, with further arguments.
async fn cluster(
    folder: &Path,
    etcd: &Etcd,
    read_level: &'static str,
    more: &[&str],
) -> (Vec<Member>, Vec<Target>) {
    let (mut members, mut nodes) = (Vec::new(), Vec::new());
    for id in ["n1", "n2", "n3"] {
        let (mut arguments, node) = with_node();
        arguments.extend(more.iter().map(|one| (*one).to_owned()));
        let mut member = Member::new(id, etcd);
        (member.more, member.read_level) = (arguments, read_level);
        members.push(member);
        nodes.push(node);
    }
    let members = joined(members, folder, 16).await;
    let targets = members.iter().zip(nodes).map(|(member, node)| Target {
        api: member.api().to_owned(),
        node,
    });
    let targets = targets.collect();
    (members, targets)
}
