//! Texts that nothing may show.

use std::fmt;

/// A password, token or hash. It shows itself nowhere: neither in errors nor in the log.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(Box<[u8]>);

impl Secret {
    pub(crate) fn new(secret: impl Into<Box<[u8]>>) -> Self {
        Self(secret.into())
    }

    /// The secret itself: not for anything that is shown.
    pub(crate) fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_secret_shows_nothing_of_itself() {
        let secret = Secret::new(*b"hunter2");
        assert_eq!(format!("{secret:?} {secret:#?}"), "<secret> <secret>");
        assert_eq!(secret.reveal(), b"hunter2");
    }
}
