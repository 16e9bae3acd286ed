//! Enumerations: printed by name, read by name or number.

/// Gives an enumeration its names, by number from zero.
macro_rules! enumeration {
    ($name:ident { $($variant:ident = $text:literal),+ $(,)? }) => {
        impl $name {
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.name())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let value = serde_json::Value::deserialize(from)?;
                let found = match &value {
                    serde_json::Value::String(text) => {
                        Self::ALL.iter().find(|one| one.name() == text)
                    }
                    serde_json::Value::Number(number) => number
                        .as_u64()
                        .and_then(|number| Self::ALL.get(usize::try_from(number).ok()?)),
                    _ => None,
                };
                found.copied().ok_or_else(|| {
                    let names: Vec<_> = Self::ALL.iter().map(|one| one.name()).collect();
                    let names = names.join(", ");
                    serde::de::Error::custom(format!("{value} is none of {names}"))
                })
            }
        }
    };
}

pub(crate) use enumeration;
