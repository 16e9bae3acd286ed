//! How a text is packed.

/// How a text is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Not at all.
    Identity,
    /// By gzip, in one member or several.
    Gzip,
}

/// A packing that is not unpacked here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} encoding (compression) is not accepted here: send the text as it is, or with gzip")]
pub(crate) struct UnknownEncoding(String);

impl Encoding {
    /// What a `Content-Encoding` names.
    pub(crate) fn of_header(value: &str) -> Result<Self, UnknownEncoding> {
        match value.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(Self::Identity),
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            _ => Err(UnknownEncoding(value.trim().to_owned())),
        }
    }

    /// What the first bytes of a file show.
    pub(crate) fn of_bytes(begin: &[u8]) -> Self {
        match begin.starts_with(&[0x1f, 0x8b]) {
            true => Self::Gzip,
            false => Self::Identity,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packings_are_known_by_name_and_by_their_bytes() {
        assert_eq!(Encoding::of_header(""), Ok(Encoding::Identity));
        assert_eq!(Encoding::of_header("GZIP"), Ok(Encoding::Gzip));
        for name in ["snappy", "zstd", "gzip, gzip"] {
            let error = Encoding::of_header(name).expect_err(name).to_string();
            assert!(error.starts_with(&format!("{name} encoding")), "{error}");
        }
        assert_eq!(Encoding::of_bytes(b"\x1f\x8b\x08"), Encoding::Gzip);
        assert_eq!(Encoding::of_bytes(b"\x1f"), Encoding::Identity);
    }
}
