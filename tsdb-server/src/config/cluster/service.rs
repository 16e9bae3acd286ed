//! A service that etcd knows, as M3's files describe it.

use super::said::Said;
use crate::access::Secret;
use crate::config::keys::{SERVICES, pattern_of};
use crate::config::load::Value;

/// The service whose placement is that of storage nodes, and the zone that M3 takes where none is named.
const SERVICE: &str = "m3db";
const ZONE: &str = "embedded";

/// What one place of a file says of a service: values by what follows its path.
#[derive(Clone, Debug)]
pub(super) struct Service<'a> {
    pub(super) path: String,
    keys: Vec<(String, &'a Value)>,
}

impl<'a> Service<'a> {
    /// All that are described, those of a node first.
    pub(super) fn all(values: &[&'a Value]) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for pattern in SERVICES {
            for value in values {
                let Some((path, rest)) = split(&value.path, pattern) else {
                    continue;
                };
                let key = (rest.to_owned(), *value);
                match all.iter_mut().find(|service| service.path == path) {
                    Some(service) => service.keys.push(key),
                    None => all.push(Self {
                        path: path.to_owned(),
                        keys: vec![key],
                    }),
                }
            }
        }
        all
    }

    /// The one of `db.discovery.m3dbCluster`, which says less.
    pub(super) fn of_cluster(values: &[&'a Value]) -> Option<Self> {
        let path = "db.discovery.m3dbCluster".to_owned();
        let of = |value: &&'a Value| {
            let rest = value.path.strip_prefix(&path)?.strip_prefix('.')?;
            let rest = match rest.starts_with("endpoints") {
                true => format!("etcdClusters[0].{rest}"),
                false => rest.to_owned(),
            };
            Some((rest, *value))
        };
        let keys: Vec<_> = values.iter().filter_map(of).collect();
        (!keys.is_empty()).then_some(Self { path, keys })
    }

    /// A value that stands for all of it.
    pub(super) fn first(&self) -> Option<&'a Value> {
        self.keys.first().map(|(_, value)| *value)
    }

    fn get(&self, key: &str) -> Option<&'a Value> {
        let found = self.keys.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| *value)
    }

    /// The zone it is in.
    pub(super) fn zone(&self) -> &str {
        self.get("zone").map_or(ZONE, |zone| zone.text.as_str())
    }

    /// The environment it is of, if it says so.
    pub(super) fn environment(&self) -> Option<&'a Value> {
        self.get("env")
    }

    /// Refuses services that are not those of storage nodes.
    pub(super) fn check(&self, said: &mut Said) {
        if let Some(name) = self.get("service").filter(|name| name.text != SERVICE) {
            let what = format!(
                "{}: the service of storage nodes is {SERVICE} here, not {:?}",
                name.path, name.text
            );
            said.refuse(name, what);
        }
    }

    /// The etcd of its zone; the others are named in a warning.
    pub(super) fn etcd(&self, said: &mut Said) -> Option<Etcd<'a>> {
        let mut all: Vec<Etcd<'a>> = Vec::new();
        for (name, value) in &self.keys {
            let Some((place, key)) = name.split_once('.') else {
                continue;
            };
            match all.iter_mut().find(|etcd| etcd.place == place) {
                Some(etcd) => etcd.take(key, value),
                None => {
                    let mut etcd = Etcd::new(place, value);
                    etcd.take(key, value);
                    all.push(etcd);
                }
            }
        }
        let zone = self.get("zone");
        let is_ours = |etcd: &Etcd<'a>| match (zone, etcd.zone) {
            (Some(own), Some(of)) => own.text == of.text,
            // M3's files name both or none.
            _ => true,
        };
        let Some(at) = all.iter().position(is_ours) else {
            if let (Some(zone), false) = (zone, all.is_empty()) {
                let zones = all.iter().filter_map(|etcd| etcd.zone);
                let zones: Vec<&str> = zones.map(|zone| zone.text.as_str()).collect();
                let what = format!(
                    "{}: no etcd is in the zone {:?}: {}.etcdClusters has {}",
                    zone.path,
                    zone.text,
                    self.path,
                    zones.join(", ")
                );
                said.refuse(zone, what);
            }
            return None;
        };
        let ours = all.remove(at);
        for other in all {
            let what = format!(
                "{path}.{} has no effect: the server is of one cluster, whose etcd is that of {path}.{}",
                other.place,
                ours.place,
                path = self.path
            );
            said.warn(other.first, what);
        }
        Some(ours)
    }
}

/// The path of a service, and what follows it.
fn split<'p>(path: &'p str, pattern: &str) -> Option<(&'p str, &'p str)> {
    let dots = path.match_indices('.').map(|(at, _)| at);
    let end = dots.into_iter().nth(pattern.matches('.').count())?;
    let (service, rest) = path.split_at_checked(end)?;
    (pattern_of(service) == pattern).then(|| (service, rest.trim_start_matches('.')))
}

/// How etcd is reached.
#[derive(Clone, Debug)]
pub(super) struct Etcd<'a> {
    /// `etcdClusters[0]`.
    place: String,
    first: &'a Value,
    zone: Option<&'a Value>,
    pub(super) endpoints: Vec<&'a Value>,
    /// Files and the user, by their flags.
    pub(super) more: Vec<(&'static str, &'a Value)>,
    is_open: bool,
    password: Option<&'a Value>,
}

impl<'a> Etcd<'a> {
    fn new(place: &str, first: &'a Value) -> Self {
        Self {
            place: place.to_owned(),
            first,
            zone: None,
            endpoints: Vec::new(),
            more: Vec::new(),
            is_open: false,
            password: None,
        }
    }

    fn take(&mut self, key: &str, value: &'a Value) {
        match key {
            "zone" => self.zone = Some(value),
            "tls.caCrtPath" => self.more.push(("etcd_ca_file", value)),
            "tls.crtPath" => self.more.push(("etcd_cert_file", value)),
            "tls.keyPath" => self.more.push(("etcd_key_file", value)),
            "auth.enabled" => self.is_open = value.text == "false",
            "auth.userName" => self.more.push(("etcd_user", value)),
            "auth.password" => self.password = Some(value),
            _ => self.endpoints.push(value),
        }
    }

    /// Files and the user, by their flags; nothing that is switched off or empty.
    pub(super) fn settings(&self) -> impl Iterator<Item = (&'static str, &'a Value)> {
        let is_used = |id: &str| !(self.is_open && id == "etcd_user");
        let more = self.more.iter().copied();
        more.filter(move |(id, value)| is_used(id) && !value.text.is_empty())
    }

    /// The password of the user.
    pub(super) fn password(&self) -> Option<Secret> {
        let password = self.password.filter(|_| !self.is_open)?;
        Some(Secret::new(password.text.as_bytes()))
    }
}
