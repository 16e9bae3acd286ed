//! A file and the environment's overrides of it, checked and turned into settings.

use std::fmt;
use std::fmt::Write as _;

use super::cluster::{Beside, Said, Sections, settle};
use super::document::{Node, Placed, parse, parse_secretive};
use super::environment::overrides;
use super::expand::expand;
use super::findings::{ConfigError, Finding, Place, tells_secrets};
use super::flags::flag_error;
use super::keys::{Key, Known, Meaning, has_keys_below, keys, look_up, names_below};
use super::namespaces::{NamespaceSetting, namespaces};
use super::rows::place_of;
use super::tenants::{TenantSetting, tenants};
use crate::access::Secret;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// This place of the file.
    File(Place),
    /// This environment variable.
    Environment(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(place) => write!(f, "file, {place}"),
            Self::Environment(name) => write!(f, "environment, {name}"),
        }
    }
}

/// A value of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Names with dots between, places in lists as `[0]`.
    pub path: String,
    /// What it says.
    pub text: String,
    /// Who says so.
    pub origin: Origin,
}

/// What a file and the environment say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// For flags, by their identifiers: each at most once.
    pub flags: Vec<(String, Value)>,
    /// Namespaces that are there from the start.
    pub namespaces: Vec<NamespaceSetting>,
    /// Tenants, whose requests name them.
    pub tenants: Vec<TenantSetting>,
    /// Where the section for a node stands; its addresses are served then, though none is named.
    pub node: Option<Place>,
    /// The password of the user of etcd.
    pub(crate) etcd_password: Option<Secret>,
    /// What has no effect, or another one than it has in M3.
    pub warnings: Vec<Finding>,
}

/// Reads the text of a file. `environment` are all variables, of which those that begin with
/// `TSDB__` override keys; `${NAME}` in the text is looked up among them as well.
///
/// # Errors
/// When the text is no YAML, has a key that does not exist, or a value that cannot be.
pub fn load(text: &str, environment: &[(String, String)]) -> Result<Loaded, ConfigError> {
    let beside = Beside {
        environment,
        ..Beside::default()
    };
    load_beside(text, beside)
}

/// As [`load`], where flags say something as well.
pub(super) fn load_beside(text: &str, beside: Beside<'_>) -> Result<Loaded, ConfigError> {
    let environment = beside.environment;
    let variable = |name: &str| {
        let found = environment.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.clone())
    };
    let text = expand(text, variable)?;
    let document = match tells_secrets(&text) {
        true => parse_secretive(&text)?,
        false => parse(&text)?,
    };
    let document = of_a_coordinator(document);
    let keys = keys();
    let mut walk = Walk {
        keys: &keys,
        values: Vec::new(),
        wrong: Vec::new(),
        warnings: Vec::new(),
    };
    walk.section("", &document);
    for value in overrides(&keys, environment, &mut walk.wrong) {
        walk.values.retain(|(other, _)| other.path != value.path);
        if let Known::Key(key) = look_up(&keys, &value.path) {
            walk.values.push((value, key));
        }
    }
    let sections = Sections {
        node: section(&document, "db"),
        coordinator: section(&document, "coordinator"),
    };
    let said = of_cluster(&walk.values, sections, beside);
    walk.values.retain(|(value, _)| {
        let mut others = said.others.iter();
        !others.any(|other| value.path.starts_with(other))
    });
    let mut loaded = Loaded {
        node: sections.node,
        etcd_password: said.password,
        warnings: walk.warnings,
        ..Loaded::default()
    };
    loaded.warnings.extend(said.warnings);
    let mut wrong = walk.wrong;
    wrong.extend(said.wrong);
    flags(
        &keys,
        &walk.values,
        said.is_in_cluster,
        &mut loaded,
        &mut wrong,
    );
    for (id, value) in said.flags {
        say(id.to_owned(), value, &mut loaded, &mut wrong);
    }
    let of = |meaning: Meaning| {
        let values = walk.values.iter();
        let values = values.filter(move |(_, key)| key.meaning == meaning);
        values.map(|(value, _)| value)
    };
    loaded.namespaces = namespaces(of(Meaning::Namespace), &mut loaded.warnings, &mut wrong);
    loaded.tenants = tenants(of(Meaning::Tenant), &mut wrong);
    wrong.sort();
    loaded.warnings.sort();
    match wrong.is_empty() {
        true => Ok(loaded),
        false => Err(ConfigError::Wrong(wrong)),
    }
}

/// What values say of the cluster.
fn of_cluster(values: &[(Value, &Key)], sections: Sections, beside: Beside<'_>) -> Said {
    let all: Vec<&Value> = values.iter().map(|(value, _)| value).collect();
    let of_cluster = values.iter();
    let of_cluster = of_cluster.filter(|(_, key)| key.meaning == Meaning::Cluster);
    let of_cluster: Vec<&Value> = of_cluster.map(|(value, _)| value).collect();
    settle(&all, &of_cluster, sections, beside)
}

/// Where a section of the file stands.
fn section(document: &Placed, name: &str) -> Option<Place> {
    let Node::Map(entries) = &document.node else {
        return None;
    };
    let found = entries.iter().find(|(other, ..)| other == name);
    found.map(|(.., place)| *place)
}

/// M3's coordinators that run alone have their keys at the top of the file; ours may stand beside.
fn of_a_coordinator(document: Placed) -> Placed {
    let has = |entries: &[(String, Placed, Place)], names: &[&str]| {
        let mut entries = entries.iter();
        entries.any(|(name, ..)| names.contains(&name.as_str()))
    };
    let place = document.place;
    match document.node {
        Node::Map(entries)
            if has(
                &entries,
                &["clusters", "listenAddress", "clusterManagement"],
            ) && !has(&entries, &["coordinator", "db"]) =>
        {
            let is_ours = |(name, ..): &(String, Placed, Place)| name == "tsdb";
            let (mut top, of_m3): (Vec<_>, Vec<_>) = entries.into_iter().partition(is_ours);
            let node = Node::Map(of_m3);
            top.push(("coordinator".to_owned(), Placed { node, place }, place));
            Placed {
                node: Node::Map(top),
                place,
            }
        }
        node => Placed { node, place },
    }
}

struct Walk<'a> {
    keys: &'a [Key],
    values: Vec<(Value, &'a Key)>,
    wrong: Vec<Finding>,
    warnings: Vec<Finding>,
}

impl Walk<'_> {
    /// Goes through what stands below a path that is no key itself.
    fn section(&mut self, path: &str, value: &Placed) {
        match &value.node {
            Node::Null => {}
            Node::Map(entries) => {
                for (name, value, place) in entries {
                    self.entry(path, name, value, *place);
                }
            }
            Node::List(items) => {
                for (number, item) in items.iter().enumerate() {
                    self.value(&format!("{path}[{number}]"), item, item.place);
                }
            }
            Node::Scalar(text) => {
                let names = names_below(self.keys, path).join(", ");
                let what = match path {
                    "" => format!("the file is a map of {names}, not {text:?}"),
                    path => format!("{path} has keys of its own ({names}), not {text:?}"),
                };
                self.wrong(value.place, what);
            }
        }
    }

    fn entry(&mut self, above: &str, name: &str, value: &Placed, place: Place) {
        let path = match above {
            "" => name.to_owned(),
            above => format!("{above}.{name}"),
        };
        self.value(&path, value, place);
    }

    fn value(&mut self, path: &str, value: &Placed, place: Place) {
        match look_up(self.keys, path) {
            Known::Nothing => self.unknown(path, place),
            Known::Section => self.section(path, value),
            Known::Key(key) => match (&key.meaning, &value.node) {
                (Meaning::Repeats, _) => {}
                (Meaning::Without(why), _) => {
                    // Once for a key, however often a list has it.
                    let above = key.path.trim_end_matches(".**");
                    let what = match has_keys_below(self.keys, above) {
                        true => format!("the rest of {above} has no effect: {why}"),
                        false => format!("{above} has no effect: {why}"),
                    };
                    if self.warnings.iter().all(|other| other.what != what) {
                        self.warnings.push(Finding { place, what });
                    }
                }
                (_, Node::Null) => {}
                (_, Node::Scalar(text)) => {
                    let value = Value {
                        path: path.to_owned(),
                        text: text.clone(),
                        origin: Origin::File(value.place),
                    };
                    self.values.push((value, key));
                }
                // An older form of the key has keys of its own.
                (_, Node::Map(_)) if !names_below(self.keys, path).is_empty() => {
                    self.section(path, value);
                }
                (_, node) => {
                    let what = format!("{path} is a single value, not {}", node.kind());
                    self.wrong(value.place, what);
                }
            },
        }
    }

    fn unknown(&mut self, path: &str, place: Place) {
        let (above, name) = path.rsplit_once('.').unwrap_or(("", path));
        let mut what = format!("unknown key {path}");
        let names = names_below(self.keys, above);
        match nearest(name, &names) {
            // Writing to a text cannot fail.
            Some(nearest) => _ = write!(what, ": did you mean {nearest}?"),
            None => _ = write!(what, ": known here are {}", names.join(", ")),
        }
        self.wrong(place, what);
    }

    fn wrong(&mut self, place: Place, what: String) {
        self.wrong.push(Finding { place, what });
    }
}

/// The name that one is most likely a slip of.
pub(crate) fn nearest<'a>(name: &str, names: &'a [String]) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    let distance = |other: &str| strsim::damerau_levenshtein(&wanted, &other.to_lowercase());
    let nearest = names.iter().min_by_key(|other| distance(other))?;
    (distance(nearest) <= (nearest.len() / 3).clamp(1, 3)).then_some(nearest)
}

/// The values that say what flags say: the first key of those that say the same holds.
fn flags(
    keys: &[Key],
    values: &[(Value, &Key)],
    is_in_cluster: bool,
    loaded: &mut Loaded,
    wrong: &mut Vec<Finding>,
) {
    for key in keys {
        let Some((value, _)) = values.iter().find(|(_, of)| of.path == key.path) else {
            continue;
        };
        if matches!(key.meaning, Meaning::InCluster(_)) && !is_in_cluster {
            loaded.warnings.push(Finding {
                place: place_of(value),
                what: format!("{} has no effect: the server is on its own", value.path),
            });
            continue;
        }
        if let Some((id, text)) = meant(&key.meaning, &value.text) {
            let said = Value {
                text,
                ..value.clone()
            };
            say(id, said, loaded, wrong);
        }
    }
}

/// Takes what a value says of a flag, unless another did before.
fn say(id: String, said: Value, loaded: &mut Loaded, wrong: &mut Vec<Finding>) {
    let place = place_of(&said);
    match loaded.flags.iter().find(|(other, _)| *other == id) {
        Some((_, other)) if other.text != said.text => {
            let what = format!(
                "{} has no effect: {} says the same setting, with {}",
                said.path, other.path, other.text
            );
            loaded.warnings.push(Finding { place, what });
        }
        Some(_) => {}
        None => match flag_error(&id, &said.text) {
            Some(error) => {
                let what = match &said.origin {
                    Origin::File(_) => format!("{}: {error}", said.path),
                    Origin::Environment(name) => format!("{name}: {error}"),
                };
                wrong.push(Finding { place, what });
            }
            None => loaded.flags.push((id, said)),
        },
    }
}

/// The flag and the text for it.
fn meant(meaning: &Meaning, text: &str) -> Option<(String, String)> {
    match meaning {
        Meaning::DataAbove => {
            let folder = format!("{}/tsdb", text.trim_end_matches('/'));
            Some(("data_dir".to_owned(), folder))
        }
        Meaning::Flag(id) | Meaning::InCluster(id) => {
            let text = match (id.as_str(), text) {
                // Levels of M3's logger that end the program.
                ("log", "panic" | "dpanic" | "fatal") => "error".to_owned(),
                (id, text) if id.ends_with("listen") => address(text),
                (_, text) => text.to_owned(),
            };
            Some((id.clone(), text))
        }
        _ => None,
    }
}

/// An address as Go takes it: without a host it means all of the machine's.
fn address(text: &str) -> String {
    match text.rsplit_once(':') {
        Some(("", port)) => format!("0.0.0.0:{port}"),
        Some(("localhost", port)) => format!("127.0.0.1:{port}"),
        _ => text.to_owned(),
    }
}
