//! Reading a file's tree key by key, and gathering what is wrong with it.

use std::fmt::Write as _;

use crate::config::{Finding, Node, Place, Placed, nearest};

/// A text and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) place: Place,
}

/// A map of the file.
#[derive(Debug)]
pub(super) struct Section<'a> {
    path: String,
    /// Where it stands.
    pub(super) place: Place,
    entries: &'a [(String, Placed, Place)],
}

impl<'a> Section<'a> {
    /// Its keys with what stands behind them.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, &'a Placed, Place)> + use<'a> {
        let entries = self.entries.iter();
        entries.map(|(name, value, place)| (name.as_str(), value, *place))
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a Placed> {
        let mut entries = self.entries();
        entries.find_map(|(key, value, _)| (key == name).then_some(value))
    }

    /// Where a key stands, or the section where it does not.
    pub(super) fn place_of(&self, name: &str) -> Place {
        let mut entries = self.entries();
        let found = entries.find_map(|(key, _, place)| (key == name).then_some(place));
        found.unwrap_or(self.place)
    }

    /// The path of a key.
    pub(super) fn path_of(&self, name: &str) -> String {
        match self.path.as_str() {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        }
    }
}

/// Reads parts of a tree.
#[derive(Debug)]
pub(super) struct Reader<'t> {
    /// The file.
    text: &'t str,
    pub(super) wrong: Vec<Finding>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            text,
            wrong: Vec::new(),
        }
    }

    pub(super) fn wrong(&mut self, place: Place, what: String) {
        self.wrong.push(Finding { place, what });
    }

    /// A map whose keys are names of the user's own.
    pub(super) fn map<'a>(&mut self, path: String, value: &'a Placed) -> Section<'a> {
        let entries: &[_] = match &value.node {
            Node::Map(entries) => entries,
            Node::Null => &[],
            node => {
                let name = if path.is_empty() { "the file" } else { &path };
                let what = format!("{name} is a map, not {}", node.kind());
                self.wrong(value.place, what);
                &[]
            }
        };
        Section {
            path,
            place: value.place,
            entries,
        }
    }

    /// A map of these keys and no others.
    pub(super) fn section<'a>(
        &mut self,
        path: String,
        value: &'a Placed,
        known: &[&str],
    ) -> Section<'a> {
        let section = self.map(path, value);
        for (name, _, place) in section.entries() {
            if !known.contains(&name) {
                let what = format!("unknown key {}", section.path_of(name));
                self.wrong(place, with_nearest(what, name, known));
            }
        }
        section
    }

    /// The section of a key, which may be left out.
    pub(super) fn section_of<'a>(
        &mut self,
        above: &Section<'a>,
        name: &str,
        known: &[&str],
    ) -> Option<Section<'a>> {
        let value = above.get(name)?;
        Some(self.section(above.path_of(name), value, known))
    }

    /// The text of a key; `None` when nothing is there.
    pub(super) fn text(&mut self, section: &Section<'_>, name: &str) -> Option<Said> {
        self.single(section.path_of(name), section.get(name)?)
    }

    fn single(&mut self, path: String, value: &Placed) -> Option<Said> {
        match &value.node {
            Node::Null => None,
            Node::Scalar(text) => Some(Said {
                text: text.clone(),
                place: value.place,
            }),
            node => {
                let what = format!("{path} is a single value, not {}", node.kind());
                self.wrong(value.place, what);
                None
            }
        }
    }

    /// The text of a key where an empty one is as good as none.
    pub(super) fn filled(&mut self, section: &Section<'_>, name: &str) -> Option<Said> {
        self.text(section, name)
            .filter(|said| !said.text.is_empty())
    }

    /// The boolean of a key, in YAML's old words, too.
    pub(super) fn boolean(&mut self, section: &Section<'_>, name: &str, default: bool) -> bool {
        let Some(said) = self.text(section, name) else {
            return default;
        };
        let meant = match said.text.as_str() {
            "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => {
                Some(true)
            }
            "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n"
            | "N" => Some(false),
            _ => None,
        };
        match meant.filter(|_| !self.is_quoted(said.place)) {
            Some(meant) => meant,
            None => {
                let what = format!("{} is neither true nor false", section.path_of(name));
                self.wrong(said.place, what);
                default
            }
        }
    }

    /// Whether a value stands in quotes, which make a text of it.
    fn is_quoted(&self, place: Place) -> bool {
        let line = usize::try_from(place.line).unwrap_or(usize::MAX);
        let column = usize::try_from(place.column).unwrap_or(usize::MAX);
        let line = self.text.lines().nth(line.wrapping_sub(1));
        let first = line.and_then(|line| line.chars().nth(column.wrapping_sub(1)));
        matches!(first, Some('"' | '\''))
    }

    /// The texts of a list; `None` when there is no list.
    pub(super) fn list(&mut self, section: &Section<'_>, name: &str) -> Option<Vec<Said>> {
        let path = section.path_of(name);
        let items = self.items(section, name)?.iter().enumerate();
        let items: Vec<_> = items
            .filter_map(|(number, item)| self.single(format!("{path}[{number}]"), item))
            .collect();
        Some(items)
    }

    /// The parts of a list; `None` when there is no list.
    pub(super) fn items<'a>(&mut self, section: &Section<'a>, name: &str) -> Option<&'a [Placed]> {
        let value = section.get(name)?;
        match &value.node {
            Node::Null => None,
            Node::List(items) => Some(items),
            node => {
                let what = format!("{} is a list, not {}", section.path_of(name), node.kind());
                self.wrong(value.place, what);
                None
            }
        }
    }
}

/// What is wrong with a name, with the one that was probably meant.
pub(super) fn with_nearest(mut what: String, name: &str, known: &[&str]) -> String {
    let names: Vec<String> = known.iter().map(|&name| name.to_owned()).collect();
    // Writing to a text cannot fail.
    match nearest(name, &names) {
        Some(nearest) => _ = write!(what, ": did you mean {nearest}?"),
        None => _ = write!(what, ": known here are {}", known.join(", ")),
    }
    what
}
