//! The header `Authorization`.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::secret::Secret;

/// Longest header that is read.
const HEADER_BYTES_MAX: usize = 8 << 10;
/// Clients leave the padding out at times.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a client says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// A user and a password.
    Basic {
        /// The user.
        user: String,
        /// Their password. It is shown nowhere.
        #[expect(private_interfaces, reason = "nobody outside looks at a secret")]
        password: Secret,
    },
    /// A bearer token. It is shown nowhere.
    Bearer(#[expect(private_interfaces, reason = "nobody outside looks at a secret")] Secret),
}

/// Why a header is none that could be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// More than one header.
    #[error("there are several Authorization headers: send one")]
    Several,
    /// A header that is too long.
    #[error("the Authorization header has more than {HEADER_BYTES_MAX} bytes")]
    TooLong,
    /// Bytes that are not for this header.
    #[error(
        "the Authorization header has bytes that are no printable ASCII: base64 of user:password, or a token, has none"
    )]
    NoText,
    /// Neither of the known schemes.
    #[error(
        "the Authorization header is neither \"Basic\" nor \"Bearer\" with something behind it"
    )]
    Scheme,
    /// What follows `Basic` says nothing.
    #[error("the Authorization header holds no base64 of user:password in UTF-8")]
    NoPair,
    /// A user or a password with control characters.
    #[error("the user or the password in the Authorization header has control characters")]
    Control,
}

impl Credentials {
    /// Reads the headers of a request; `None` when it says nothing of its sender.
    ///
    /// # Errors
    /// When what it says is nothing that could be right.
    pub fn read(headers: &HeaderMap) -> Result<Option<Self>, Malformed> {
        let mut all = headers.get_all(AUTHORIZATION).iter();
        let Some(header) = all.next() else {
            return Ok(None);
        };
        if all.next().is_some() {
            return Err(Malformed::Several);
        }
        if header.len() > HEADER_BYTES_MAX {
            return Err(Malformed::TooLong);
        }
        let is_printable = |byte: &u8| matches!(byte, b' '..=b'~');
        if !header.as_bytes().iter().all(is_printable) {
            return Err(Malformed::NoText);
        }
        let text = header.to_str().map_err(|_| Malformed::NoText)?;
        let (scheme, rest) = text.split_once(' ').ok_or(Malformed::Scheme)?;
        let rest = rest.trim_matches(' ');
        if scheme.eq_ignore_ascii_case("basic") {
            return basic(rest).map(Some);
        }
        let is_token = !rest.is_empty() && !rest.contains(' ');
        if scheme.eq_ignore_ascii_case("bearer") && is_token {
            return Ok(Some(Self::Bearer(Secret::new(rest.as_bytes()))));
        }
        Err(Malformed::Scheme)
    }
}

fn basic(text: &str) -> Result<Credentials, Malformed> {
    let pair = BASE64.decode(text).map_err(|_| Malformed::NoPair)?;
    let colon = pair.iter().position(|byte| *byte == b':');
    let (user, password) = pair.split_at(colon.ok_or(Malformed::NoPair)?);
    let password = password.get(1..).unwrap_or_default();
    if pair.iter().any(u8::is_ascii_control) {
        return Err(Malformed::Control);
    }
    let user = std::str::from_utf8(user).map_err(|_| Malformed::NoPair)?;
    Ok(Credentials::Basic {
        user: user.to_owned(),
        password: Secret::new(password),
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(values: &[&[u8]]) -> Result<Option<Credentials>, Malformed> {
        let mut headers = HeaderMap::new();
        for value in values {
            let value = HeaderValue::from_bytes(value).expect("a header");
            headers.append(AUTHORIZATION, value);
        }
        Credentials::read(&headers)
    }

    fn of_pair(pair: &[u8]) -> Result<Option<Credentials>, Malformed> {
        read(&[format!("Basic {}", BASE64.encode(pair)).as_bytes()])
    }

    #[test]
    fn users_and_tokens_are_read() {
        let basic = |user: &str, password: &[u8]| {
            Ok(Some(Credentials::Basic {
                user: user.to_owned(),
                password: Secret::new(password),
            }))
        };
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(of_pair(b"alice:a:b"), basic("alice", b"a:b"));
        assert_eq!(of_pair(b":"), basic("", b""));
        assert_eq!(
            of_pair("\u{e4}:\u{f6}".as_bytes()),
            basic("\u{e4}", "\u{f6}".as_bytes())
        );
        assert_eq!(read(&[b"bAsIc  YTpi"]), basic("a", b"b"));
        assert_eq!(read(&[b"Basic YTpiYw"]), basic("a", b"bc"));
        let token = Credentials::Bearer(Secret::new(*b"abc"));
        assert_eq!(read(&[b"bearer abc "]), Ok(Some(token)));
    }

    #[test]
    fn what_cannot_be_right_is_refused_by_name() {
        let long = [b"Bearer ".as_slice(), &[b'a'; HEADER_BYTES_MAX]].concat();
        let cases: [(&[&[u8]], Malformed); 9] = [
            (&[b"Basic YTpi", b"Basic YTpi"], Malformed::Several),
            (&[&long], Malformed::TooLong),
            (&[b"Bearer \xc3\xa4"], Malformed::NoText),
            (&[b"Bearer a\tb"], Malformed::NoText),
            (&[b""], Malformed::Scheme),
            (&[b"Bearer a b"], Malformed::Scheme),
            (&[b"Digest username=a"], Malformed::Scheme),
            (&[b"Basic !"], Malformed::NoPair),
            (&[b"Basic YWI="], Malformed::NoPair),
        ];
        for (values, expected) in cases {
            assert_eq!(read(values), Err(expected));
        }
        assert_eq!(of_pair(b"a\r\n:b"), Err(Malformed::Control));
        assert_eq!(of_pair(b"a:b\0"), Err(Malformed::Control));
        assert_eq!(of_pair(b"\xff:b"), Err(Malformed::NoPair));
    }
}
