//! Hashes of passwords, as `htpasswd -B` writes and Prometheus reads them.

use base64::Engine as _;
use base64::alphabet::BCRYPT;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use subtle::ConstantTimeEq as _;

use super::secret::Secret;

/// bcrypt reads no more of a password.
const PASSWORD_BYTES_MAX: usize = 72;
/// Characters of a salt, and of a salt with the hash behind it.
const SALT_CHARS: usize = 22;
const BODY_CHARS: usize = 53;
/// bcrypt's own form of base64, whose last characters may have bits too many.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &BCRYPT,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// The bcrypt hash of a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PasswordHash {
    cost: u32,
    /// As it was written.
    text: Secret,
    /// Salt and hash; `None` when no password can have this hash.
    parts: Option<([u8; 16], Secret)>,
}

impl PasswordHash {
    /// Takes what Prometheus takes. The error does not show the text.
    pub(super) fn read(text: &str) -> Result<Self, &'static str> {
        let bytes = text.as_bytes();
        if bytes.len() < 59 {
            return Err("is too short for a bcrypt hash: make one with htpasswd -nB NAME");
        }
        let [b'$', version, mark, ..] = *bytes else {
            return Err("is no bcrypt hash, which begins with $2: make one with htpasswd -nB NAME");
        };
        if version > b'2' {
            return Err("is of a version of bcrypt after 2: make one with htpasswd -nB NAME");
        }
        let rest = bytes.get(if mark == b'$' { 3 } else { 4 }..);
        let rest = rest.unwrap_or_default();
        let cost = rest
            .get(..2)
            .and_then(|cost| std::str::from_utf8(cost).ok());
        let cost = cost.and_then(|cost| cost.parse().ok());
        let Some(cost) = cost.filter(|cost| (4..=31).contains(cost)) else {
            return Err("is a bcrypt hash whose cost is not 04 to 31");
        };
        let body = rest.get(3..).unwrap_or_default();
        Ok(Self {
            cost,
            text: Secret::new(bytes),
            parts: parts(body),
        })
    }

    /// A hash that no password has and that costs as much to find that out.
    pub(super) fn decoy(cost: u32) -> Self {
        Self {
            cost,
            text: Secret::new(*b"decoy"),
            parts: Some(([0; 16], Secret::new([]))),
        }
    }

    pub(super) fn cost(&self) -> u32 {
        self.cost
    }

    pub(super) fn text(&self) -> &Secret {
        &self.text
    }

    /// Whether any password can have this hash.
    pub(super) fn is_usable(&self) -> bool {
        self.parts.is_some()
    }

    /// Whether it is the hash of a password. Takes time by design: not for the network's threads.
    pub(super) fn is_of(&self, password: &[u8]) -> bool {
        let (salt, expected) = match &self.parts {
            Some((salt, hash)) => (*salt, Some(hash)),
            None => ([0; 16], None),
        };
        let mut key: Vec<u8> = password.iter().copied().chain([0]).collect();
        key.truncate(PASSWORD_BYTES_MAX);
        let hash = bcrypt::bcrypt(self.cost, salt, &key);
        let hash = hash.get(..23).unwrap_or_default();
        expected.is_some_and(|expected| expected.reveal().ct_eq(hash).into())
    }
}

fn parts(body: &[u8]) -> Option<([u8; 16], Secret)> {
    let salt = BASE64.decode(body.get(..SALT_CHARS)?).ok()?;
    let hash = BASE64.decode(body.get(SALT_CHARS..BODY_CHARS)?).ok()?;
    Some((salt.try_into().ok()?, Secret::new(hash)))
}

#[cfg(test)]
mod tests {
    use super::PasswordHash;

    /// Of "pw", made by htpasswd.
    const HASH: &str = "$2y$05$8iZbkErG2.VCYbuaL1EtfOJAZpYU85B5qnZiLaVOfykoyD0AfOyAi";

    #[test]
    fn what_prometheus_takes_is_taken_and_what_it_refuses_is_refused() {
        let taken = [
            (HASH.to_owned(), true),
            (HASH.replace("2y", "2b"), true),
            (HASH.replace("2y", "2"), true),
            (HASH.replace("2y", "2z"), true),
            (HASH.replace("2y", "1y"), true),
            (format!("{HASH}x"), true),
            (HASH.get(..59).expect("a part").to_owned(), false),
            (format!("$2y$10${}", "!".repeat(53)), false),
        ];
        for (text, usable) in taken {
            let hash = PasswordHash::read(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(hash.is_usable(), usable, "{text}");
            if usable {
                assert!(hash.is_of(b"pw"), "{text}");
                assert!(!hash.is_of(b"pw "), "{text}");
            }
        }
        let refused = [
            "plain".to_owned(),
            String::new(),
            "x".repeat(60),
            HASH.replace("2y", "3y"),
            HASH.replace("$05", "$03"),
            HASH.replace("$05", "$32"),
            HASH.replace("$05", "$-5"),
            HASH.get(..58).expect("a part").to_owned(),
        ];
        for text in refused {
            let error = PasswordHash::read(&text).expect_err(&text);
            assert!(text.is_empty() || !error.contains(&text), "{error}");
        }
    }

    #[test]
    fn a_decoy_has_no_password_and_its_cost() {
        let decoy = PasswordHash::decoy(4);
        assert!(!decoy.is_of(b"") && !decoy.is_of(b"decoy"));
        assert_eq!(decoy.cost(), 4);
    }

    #[test]
    fn long_and_binary_passwords_are_those_of_other_implementations() {
        // bcrypt reads 72 bytes; what follows does not count.
        let long = [b'a'; 80];
        let made = bcrypt::hash(long, 4).expect("a hash");
        let hash = PasswordHash::read(&made).expect("a hash");
        assert!(hash.is_of(&long) && hash.is_of(&long[..72]) && !hash.is_of(&long[..71]));
        let binary = [0xff, 0xc3, 1];
        let made = bcrypt::hash(binary, 4).expect("a hash");
        assert!(PasswordHash::read(&made).expect("a hash").is_of(&binary));
    }
}
