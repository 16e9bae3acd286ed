//! An object of which the fields are known.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::BodyError;

/// Most pairs of an object whose keys are free.
const MAX_PAIRS: usize = 1024;
/// Characters of a value that an error shows.
const SHOWN: usize = 40;

/// What becomes of fields that are not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownFields {
    /// They are errors.
    Refused,
    /// They are skipped.
    Ignored,
}

/// A value that is looked into when it is wanted, and where it is.
#[derive(Clone, Debug)]
pub(super) struct Value<'a> {
    pub(super) at: String,
    raw: &'a RawValue,
    unknown: UnknownFields,
}

/// The known fields of an object; one that is null counts as left out, of doubles the last counts.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    pub(super) at: String,
    found: Vec<(&'static str, &'a RawValue)>,
    unknown: UnknownFields,
}

impl<'a> Value<'a> {
    /// A whole body.
    pub(super) fn of_body(body: &'a [u8], unknown: UnknownFields) -> Result<Self, BodyError> {
        let raw = serde_json::from_slice(body);
        let raw = raw.map_err(|error| BodyError::new("", error.to_string()))?;
        Ok(Self {
            at: String::new(),
            raw,
            unknown,
        })
    }

    fn read<T: Deserialize<'a>>(&self, wanted: &str) -> Result<T, BodyError> {
        serde_json::from_str(self.raw.get()).map_err(|_| {
            let text = self.raw.get();
            let shown: String = text.chars().take(SHOWN).collect();
            let more = if shown.len() < text.len() { ".." } else { "" };
            BodyError::new(&self.at, format!("{shown}{more} is not {wanted}"))
        })
    }

    pub(super) fn text(&self) -> Result<String, BodyError> {
        self.read("a string")
    }

    /// A string, or the text of a number.
    pub(super) fn text_or_number(&self) -> Result<String, BodyError> {
        match self.read::<f64>("") {
            Ok(_) => Ok(self.raw.get().to_owned()),
            Err(_) => self.read("a string or a number"),
        }
    }

    pub(super) fn integer(&self) -> Result<i64, BodyError> {
        self.read("a whole number of 64 bits")
    }

    pub(super) fn float(&self) -> Result<f64, BodyError> {
        self.read("a number that fits 64 bits")
    }

    pub(super) fn boolean(&self) -> Result<bool, BodyError> {
        self.read("true or false")
    }

    /// The values of a list.
    pub(super) fn list(&self) -> Result<Vec<Self>, BodyError> {
        let List(items) = self.read("a list")?;
        let item = |(index, raw)| Self {
            at: format!("{}[{index}]", self.at),
            raw,
            unknown: self.unknown,
        };
        Ok(items.into_iter().enumerate().map(item).collect())
    }

    /// The pairs of an object whose keys are free, in order.
    pub(super) fn pairs(&self) -> Result<Vec<(String, String)>, BodyError> {
        let Pairs(pairs) = self.read("an object of strings")?;
        if pairs.len() > MAX_PAIRS {
            let reason = format!("more than {MAX_PAIRS} pairs: a series has fewer labels");
            return Err(BodyError::new(&self.at, reason));
        }
        Ok(pairs)
    }

    /// The fields of an object, of which `known` may be there.
    pub(super) fn fields(&self, known: &'static [&'static str]) -> Result<Fields<'a>, BodyError> {
        if !self.raw.get().starts_with('{') {
            self.read::<Pairs>("an object")?;
        }
        let mut deserializer = serde_json::Deserializer::from_str(self.raw.get());
        let wanted = Known {
            known,
            unknown: self.unknown,
        };
        let read = wanted.deserialize(&mut deserializer);
        let (found, stranger) = read.map_err(|error| BodyError::new(&self.at, plain(&error)))?;
        if let Some(name) = stranger {
            let reason = format!("unknown field {name:?}: known are {}", known.join(", "));
            return Err(BodyError::new(&self.at, reason));
        }
        Ok(Fields {
            at: self.at.clone(),
            found,
            unknown: self.unknown,
        })
    }
}

/// The text of an error without its place, which is one in a part of the body.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((text, _)) => text.to_owned(),
        None => text,
    }
}

impl<'a> Fields<'a> {
    /// The name of a field with its place.
    pub(super) fn at(&self, name: &str) -> String {
        match self.at.as_str() {
            "" => name.to_owned(),
            at => format!("{at}.{name}"),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<Value<'a>> {
        let (_, raw) = self.found.iter().find(|(known, _)| *known == name)?;
        Some(Value {
            at: self.at(name),
            raw,
            unknown: self.unknown,
        })
    }

    pub(super) fn required(&self, name: &str) -> Result<Value<'a>, BodyError> {
        self.get(name)
            .ok_or_else(|| BodyError::missing(self.at(name)))
    }

    /// A string; an empty one when it is left out.
    pub(super) fn text(&self, name: &str) -> Result<String, BodyError> {
        self.get(name)
            .map_or(Ok(String::new()), |value| value.text())
    }

    /// A whole number; zero when it is left out.
    pub(super) fn integer(&self, name: &str) -> Result<i64, BodyError> {
        self.get(name).map_or(Ok(0), |value| value.integer())
    }

    /// False when it is left out.
    pub(super) fn boolean(&self, name: &str) -> Result<bool, BodyError> {
        self.get(name).map_or(Ok(false), |value| value.boolean())
    }

    /// A number that bounds something; `None` when it is left out or zero.
    pub(super) fn limit(&self, name: &str) -> Result<Option<usize>, BodyError> {
        let limit = self.integer(name)?;
        match usize::try_from(limit) {
            Ok(0) => Ok(None),
            Ok(limit) => Ok(Some(limit)),
            Err(_) => Err(BodyError::new(
                self.at(name),
                format!("{limit} is negative: leave it out for no limit"),
            )),
        }
    }
}

/// Finds the known fields of an object, and the first that is not known.
struct Known {
    known: &'static [&'static str],
    unknown: UnknownFields,
}

type Found<'a> = (Vec<(&'static str, &'a RawValue)>, Option<String>);

impl<'de> DeserializeSeed<'de> for Known {
    type Value = Found<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Known {
    type Value = Found<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut found, mut stranger) = (Vec::with_capacity(self.known.len()), None);
        while let Some(key) = map.next_key::<String>()? {
            let value: &RawValue = map.next_value()?;
            let mut known = self.known.iter();
            let Some(name) = known.find(|name| name.eq_ignore_ascii_case(&key)) else {
                if self.unknown == UnknownFields::Refused {
                    stranger.get_or_insert(key);
                }
                continue;
            };
            if value.get() != "null" {
                found.retain(|(earlier, _)| earlier != name);
                found.push((*name, value));
            }
        }
        Ok((found, stranger))
    }
}

struct List<'a>(Vec<&'a RawValue>);

impl<'de> Deserialize<'de> for List<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ListVisitor)
    }
}

struct ListVisitor;

impl<'de> Visitor<'de> for ListVisitor {
    type Value = List<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(List(items))
    }
}

/// Pairs of an object; reading stops behind the first that is one too many.
struct Pairs(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor)
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Option<String>>()? {
            if pairs.len() <= MAX_PAIRS {
                pairs.push((name, value.unwrap_or_default()));
            }
        }
        Ok(Pairs(pairs))
    }
}
