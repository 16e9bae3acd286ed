//! Which cluster a server is of, where several keys have their say.

use std::collections::BTreeSet;

use super::host_id::node_id;
use super::said::{Beside, Said, Sections};
use super::service::Service;
use crate::config::load::{Origin, Value};

/// What values say of the cluster: `all` are those of all keys, `values` those about it.
pub(in crate::config) fn settle(
    all: &[&Value],
    values: &[&Value],
    sections: Sections,
    beside: Beside<'_>,
) -> Said {
    let mut said = Said::default();
    let is_named = |path: &str| all.iter().any(|value| value.path == path);
    let beside = Beside {
        etcd: beside.etcd || is_named("tsdb.etcd"),
        node_id: beside.node_id || is_named("tsdb.nodeId"),
        ..beside
    };
    let services = Service::all(values);
    let (of_node, why_alone) = of_node(&services, values, beside, &mut said);
    let (of_coordinator, others) = of_coordinator(&services, all, of_node.as_ref());
    if let (Some(why), false) = (why_alone, beside.etcd) {
        let what = format!(
            "the server is on its own, as {why}: it keeps its metadata itself, and asks no etcd"
        );
        unused(values, &what, &mut said);
        return said;
    }
    let candidates: Vec<Service<'_>> = of_node.into_iter().chain(of_coordinator).collect();
    for service in &candidates {
        take(service, &mut said);
    }
    said.is_in_cluster = beside.etcd || said.flag("etcd").is_some();
    if said.is_in_cluster {
        roles(values, sections, beside, &mut said);
        other_clusters(all, others, &mut said);
    } else if let Some((service, first)) = candidates
        .iter()
        .find_map(|service| Some((service, service.first()?)))
        .filter(|_| said.wrong.is_empty())
    {
        let path = &service.path;
        let what = format!("{path} names no etcd: write its endpoints, or leave {path} out");
        said.refuse(first, what);
    } else {
        let what = "the server is on its own: no etcd of a cluster is named";
        unused(values, what, &mut said);
    }
    said
}

/// The service that a node is of, and what says that it is on its own, if something does.
fn of_node<'a>(
    services: &[Service<'a>],
    values: &[&'a Value],
    beside: Beside<'_>,
    said: &mut Said,
) -> (Option<Service<'a>>, Option<String>) {
    let described = |service: &&Service<'a>| {
        let path = &service.path;
        path.starts_with("db.discovery.") || path.starts_with("db.config.")
    };
    let described: Vec<_> = services.iter().filter(described).cloned().collect();
    let cluster = Service::of_cluster(values);
    let kind = values
        .iter()
        .find(|value| value.path == "db.discovery.type");
    let (taken, left): (Option<Service<'a>>, Vec<Service<'a>>) = match kind
        .map(|kind| (kind, kind.text.as_str()))
    {
        Some((_, "m3db_single_node")) => {
            let why = "db.discovery.type is m3db_single_node".to_owned();
            return (None, Some(why));
        }
        Some((kind, "m3db_cluster")) => {
            if cluster.is_none() {
                let what =
                    "db.discovery.type is m3db_cluster, and db.discovery.m3dbCluster is not there";
                said.refuse(kind, what.to_owned());
            }
            (cluster, described)
        }
        Some((kind, "config")) if described.is_empty() && !beside.etcd => {
            let what = "db.discovery.type is config, and db.discovery.config.service is not there";
            said.refuse(kind, what.to_owned());
            (None, Vec::new())
        }
        None if described.is_empty() => (cluster, Vec::new()),
        Some((_, "config")) | None => {
            let mut described = described.into_iter();
            (described.next(), described.chain(cluster).collect())
        }
        Some((kind, other)) => {
            let what = format!(
                "db.discovery.type: {other:?} is none of m3db_single_node, m3db_cluster and config, and there is no aggregator"
            );
            said.refuse(kind, what);
            return (None, None);
        }
    };
    if let Some(taken) = &taken {
        for (other, first) in left
            .iter()
            .filter_map(|other| Some((other, other.first()?)))
        {
            let (path, taken) = (&other.path, &taken.path);
            let what = format!("{path} has no effect: {taken} says which cluster the server is of");
            said.warn(first, what);
        }
    }
    let why = seeds(values, beside, said);
    (taken, why)
}

/// What says that M3 would run etcd within this node, and nowhere else. Among several servers that
/// is refused: none runs here.
fn seeds(values: &[&Value], beside: Beside<'_>, said: &mut Said) -> Option<String> {
    let is_seed = |value: &&&Value| {
        value.path.ends_with(".hostID") && value.path.contains(".seedNodes.initialCluster[")
    };
    let seeds: Vec<_> = values.iter().filter(is_seed).collect();
    let path = |value: &Value| {
        let end = value.path.find(".initialCluster").unwrap_or(0);
        value.path.get(..end).unwrap_or_default().to_owned()
    };
    match seeds.as_slice() {
        [] => None,
        [only] => {
            let own = values.iter().find(|value| value.path == "db.hostID.value");
            let is_own = own.is_none_or(|own| own.text == only.text);
            is_own.then(|| format!("{} has this node alone", path(only)))
        }
        [first, ..] => {
            if !beside.etcd {
                let (path, count) = (path(first), seeds.len());
                let what = format!(
                    "{path} has an etcd within each of {count} nodes, and none runs within a node here: start etcd beside them, name it with --etcd, and leave {path} out"
                );
                said.refuse(first, what);
            }
            None
        }
    }
}

/// The services that a coordinator is said to use, of one cluster; and what the paths of other
/// clusters begin with.
fn of_coordinator<'a>(
    services: &[Service<'a>],
    all: &[&Value],
    of_node: Option<&Service<'a>>,
) -> (Vec<Service<'a>>, Vec<String>) {
    let number = |path: &str| -> Option<u32> {
        let (number, rest) = path
            .strip_prefix("coordinator.clusters[")?
            .split_once(']')?;
        rest.starts_with(".client.").then_some(number)?.parse().ok()
    };
    let clusters = all.iter().filter_map(|value| number(&value.path));
    let mut clusters: BTreeSet<u32> = clusters.collect();
    let management = "coordinator.clusterManagement.etcd";
    let said_of = |path: &str| services.iter().find(|service| service.path == path);
    let zone = of_node.or_else(|| said_of(management)).map(Service::zone);
    let is_near = |at: &&u32| {
        let mut of_it = services.iter();
        let of_it = of_it.find(|service| number(&service.path) == Some(**at));
        of_it.is_some_and(|service| zone.is_none_or(|zone| service.zone() == zone))
    };
    let own = clusters
        .iter()
        .find(is_near)
        .or_else(|| clusters.first())
        .copied();
    if let Some(own) = own {
        clusters.remove(&own);
    }
    let is_used = |service: &&Service<'a>| {
        let path = &service.path;
        match number(path) {
            Some(at) => Some(at) == own,
            None => path == management || path.starts_with("db.client."),
        }
    };
    let used = services.iter().filter(is_used).cloned().collect();
    let others = clusters.into_iter();
    let others = others.map(|at| format!("coordinator.clusters[{at}].client"));
    (used, others.collect())
}

/// Takes what a service says, beside what those before it said: a server is of one cluster.
fn take(service: &Service<'_>, said: &mut Said) {
    service.check(said);
    let etcd = service.etcd(said);
    let mut endpoints: Option<Value> = None;
    for endpoint in etcd.iter().flat_map(|etcd| &etcd.endpoints) {
        match &mut endpoints {
            Some(all) => {
                all.text.push(',');
                all.text.push_str(&endpoint.text);
            }
            None => {
                let mut first = Value::clone(endpoint);
                let end = first.path.rfind('[').unwrap_or(first.path.len());
                first.path.truncate(end);
                endpoints = Some(first);
            }
        }
    }
    if let Some(endpoints) = endpoints {
        agree("etcd", endpoints, have_one_in_common, said);
    }
    if let Some(environment) = service.environment() {
        let same = |one: &str, other: &str| one == other;
        agree("cluster_environment", environment.clone(), same, said);
    }
    let Some(etcd) = etcd else {
        return;
    };
    for (id, value) in etcd.settings() {
        match said.flag(id).cloned() {
            None => said.flags.push((id, value.clone())),
            Some(other) if other.text != value.text => {
                let what = format!(
                    "{} has no effect: {} says the same setting, with {}",
                    value.path, other.path, other.text
                );
                said.warn(value, what);
            }
            Some(_) => {}
        }
    }
    if said.password.is_none() {
        said.password = etcd.password();
    }
}

/// Refuses two places that say different clusters.
fn agree(id: &'static str, value: Value, is_same: impl Fn(&str, &str) -> bool, said: &mut Said) {
    let Some(other) = said.flag(id).cloned() else {
        return said.flags.push((id, value));
    };
    if !is_same(&other.text, &value.text) {
        let what = format!(
            "{} says {:?}, and {} says {:?}: a server is of one cluster, so let both say the same, or leave one out",
            value.path, value.text, other.path, other.text
        );
        said.refuse(&value, what);
    }
}

/// Members of one etcd may be named in part.
fn have_one_in_common(one: &str, other: &str) -> bool {
    let member = |text: &str| -> String {
        let host = text.trim_start_matches("http://");
        host.trim_start_matches("https://").to_owned()
    };
    let others: BTreeSet<String> = other.split(',').map(member).collect();
    one.split(',').any(|text| others.contains(&member(text)))
}

/// What the server is in the cluster, and what it is called there.
fn roles(values: &[&Value], sections: Sections, beside: Beside<'_>, said: &mut Said) {
    let name = match sections.node {
        Some(_) if !beside.node_id => node_id(values, beside, said),
        _ => None,
    };
    let role = |text: &str, path: &str, place| Value {
        path: path.to_owned(),
        text: text.to_owned(),
        origin: Origin::File(place),
    };
    match (sections.node, sections.coordinator) {
        (Some(place), coordinator) => {
            let db = role("node", "db", place);
            if name.is_none() && !beside.node_id && said.wrong.is_empty() {
                let what = "db is a storage node of a cluster, and nothing names it: write db.hostID, or give --node-id";
                said.refuse(&db, what.to_owned());
            }
            if coordinator.is_none() {
                said.flags.push(("role", db));
            }
        }
        (None, Some(place)) if !beside.node_id => {
            let coordinator = role("coordinator", "coordinator", place);
            said.flags.push(("role", coordinator));
        }
        (None, _) => {}
    }
    said.flags.extend(name.map(|name| ("node_id", name)));
}

/// Says of clients of other clusters that they are not used.
fn other_clusters(all: &[&Value], others: Vec<String>, said: &mut Said) {
    for other in &others {
        let first = all.iter().find(|value| value.path.starts_with(other));
        if let Some(first) = first {
            let what = format!(
                "{other} has no effect: a server writes to and reads from one cluster, and another is named before"
            );
            said.warn(first, what);
        }
    }
    said.others = others;
}

/// Says, once for each part, that what is said of a cluster has no effect.
fn unused(values: &[&Value], why: &str, said: &mut Said) {
    let mut told: BTreeSet<String> = BTreeSet::new();
    for value in values
        .iter()
        .filter(|value| value.path != "db.discovery.type")
    {
        let ends = [".etcdClusters", ".initialCluster"];
        let end = ends.iter().find_map(|end| value.path.find(end));
        let end = end.or_else(|| value.path.rfind('.'));
        let part = value.path.get(..end.unwrap_or(value.path.len()));
        let part = part
            .unwrap_or_default()
            .trim_end_matches(".file")
            .to_owned();
        if told.insert(part.clone()) {
            said.warn(value, format!("{part} has no effect: {why}"));
        }
    }
}
