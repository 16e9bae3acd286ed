//! A node as it is named on the command line.

use std::str::FromStr;

use crate::placements::Instance;

/// How a node is written.
pub(super) const FORM: &str = "id=NAME,endpoint=HOST:PORT,group=GROUP[,weight=100][,zone=embedded]";

/// A node that is to come: `id=n4,endpoint=10.0.0.4:9001,group=c`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NodeSpec {
    id: String,
    endpoint: String,
    hostname: String,
    port: u32,
    group: Option<String>,
    weight: Option<u32>,
    zone: Option<String>,
}

impl NodeSpec {
    /// Its name.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The node as the placement has it.
    ///
    /// # Errors
    /// When its group is not said.
    pub(super) fn instance(&self) -> Result<Instance, String> {
        let group = self.group.clone();
        let group = group.ok_or("group= is missing: what fails together with the node")?;
        Ok(Instance {
            id: self.id.clone(),
            endpoint: self.endpoint.clone(),
            hostname: self.hostname.clone(),
            port: self.port,
            isolation_group: group,
            weight: self.weight.unwrap_or(100),
            zone: self.zone.clone().unwrap_or_else(|| "embedded".to_owned()),
            ..Instance::default()
        })
    }

    /// The same; what is not said is as it is of `other`.
    pub(super) fn like(mut self, other: &Instance) -> Self {
        self.group
            .get_or_insert_with(|| other.isolation_group.clone());
        self.weight.get_or_insert(other.weight);
        self.zone.get_or_insert_with(|| other.zone.clone());
        self
    }
}

impl FromStr for NodeSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (mut id, mut endpoint, mut group) = (None, None, None);
        let (mut weight, mut zone) = (None, None);
        for part in text.split(',') {
            let pair = part.split_once('=').filter(|(_, value)| !value.is_empty());
            let (key, value) = pair.ok_or_else(|| format!("{part:?} is not KEY=VALUE: {FORM}"))?;
            let field = match key.trim() {
                "id" => &mut id,
                "endpoint" => &mut endpoint,
                "group" | "isolation_group" => &mut group,
                "weight" => &mut weight,
                "zone" => &mut zone,
                other => return Err(format!("{other:?} is none of a node's keys: {FORM}")),
            };
            if field.replace(value.trim().to_owned()).is_some() {
                return Err(format!("{key} is there twice"));
            }
        }
        let missing = |key: &str| format!("{key}= is missing: {FORM}");
        let endpoint = endpoint.ok_or_else(|| missing("endpoint"))?;
        let wrong = || format!("endpoint {endpoint:?} is not HOST:PORT");
        let (host, port) = endpoint.rsplit_once(':').ok_or_else(wrong)?;
        let port: u16 = port.parse().map_err(|_| wrong())?;
        if host.is_empty() || port == 0 {
            return Err(wrong());
        }
        let weight = weight.map(|text| {
            let weight = text.parse().ok().filter(|weight| *weight > 0);
            weight.ok_or_else(|| format!("weight {text:?} is no number above 0"))
        });
        Ok(Self {
            id: id.ok_or_else(|| missing("id"))?,
            hostname: host.trim_matches(['[', ']']).to_owned(),
            port: port.into(),
            endpoint,
            group,
            weight: weight.transpose()?,
            zone,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_read_and_what_is_missing_is_taken_from_the_one_that_it_replaces() {
        let spec: NodeSpec = "id=n4,endpoint=[::1]:9004".parse().expect("a node");
        let error = spec.instance().expect_err("no group");
        assert!(error.contains("group="), "{error}");
        let old = Instance {
            isolation_group: "c".to_owned(),
            weight: 30,
            zone: "z".to_owned(),
            ..Instance::default()
        };
        let instance = spec.like(&old).instance().expect("an instance");
        assert_eq!((instance.id.as_str(), instance.port), ("n4", 9004));
        assert_eq!((instance.hostname.as_str(), instance.weight), ("::1", 30));
        assert_eq!(
            (instance.isolation_group.as_str(), instance.zone.as_str()),
            ("c", "z")
        );
        let whole = "id=n1,endpoint=h:1,group=a,weight=5,zone=e";
        let instance = whole
            .parse::<NodeSpec>()
            .expect("a node")
            .instance()
            .expect("whole");
        assert_eq!((instance.endpoint.as_str(), instance.weight), ("h:1", 5));
    }

    #[test]
    fn what_is_no_node_is_told_apart() {
        for (text, reason) in [
            ("", "is not KEY=VALUE"),
            ("id=", "is not KEY=VALUE"),
            ("endpoint=h:1", "id= is missing"),
            ("id=a", "endpoint= is missing"),
            ("id=a,endpoint=h", "is not HOST:PORT"),
            ("id=a,endpoint=:1", "is not HOST:PORT"),
            ("id=a,endpoint=h:0", "is not HOST:PORT"),
            ("id=a,endpoint=h:70000", "is not HOST:PORT"),
            ("id=a,endpoint=h:1,weight=0", "is no number above 0"),
            ("id=a,endpoint=h:1,wieght=1", "none of a node's keys"),
            ("id=a,id=b,endpoint=h:1", "twice"),
        ] {
            let error = text.parse::<NodeSpec>().expect_err(text);
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
