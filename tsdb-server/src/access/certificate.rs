//! What is written in a certificate: names and its end. Read in place: a hostile one takes no more
//! memory than it has bytes.

use std::net::{Ipv4Addr, Ipv6Addr};

use der::asn1::{AnyRef, GeneralizedTime, UtcTime};
use der::{Decode as _, Reader as _, SliceReader, Tag, TagNumber, Tagged as _};

/// Object identifiers as they are encoded: of a common name, and of alternative names.
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 29, 17];

/// What is read of a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateFacts {
    /// Alternative names of the subject, as Go writes them: DNS, e-mail, addresses, URIs.
    pub alternative_names: Vec<String>,
    /// The first common name of the subject.
    pub common_name: Option<String>,
    /// Last second in which it is valid, since the epoch.
    pub not_after_seconds: u64,
}

impl CertificateFacts {
    /// Reads a certificate's DER; `None` when it is none.
    #[must_use]
    pub fn read(certificate: &[u8]) -> Option<Self> {
        let signed = AnyRef::from_der(certificate).ok()?;
        let signed = parts(signed)?;
        let mut fields = parts(*signed.first()?)?.into_iter().peekable();
        // The version may be left out.
        fields.next_if(|field| is_tagged(*field, TagNumber::N0));
        // Serial number, algorithm, issuer, validity, subject.
        let validity = parts(fields.nth(3)?)?;
        let common_name = common_name(fields.next()?)?;
        let extensions = fields.find(|field| is_tagged(*field, TagNumber::N3));
        Some(Self {
            alternative_names: match extensions {
                None => Vec::new(),
                Some(extensions) => alternative_names(extensions)?,
            },
            common_name,
            not_after_seconds: seconds(*validity.get(1)?)?,
        })
    }

    /// All of its names, the alternative ones first.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let names = self.alternative_names.iter().chain(&self.common_name);
        names.map(String::as_str)
    }
}

/// The values one after the other in the body of another.
fn parts(whole: AnyRef<'_>) -> Option<Vec<AnyRef<'_>>> {
    let mut reader = SliceReader::new(whole.value()).ok()?;
    let mut parts = Vec::new();
    while !reader.is_finished() {
        parts.push(AnyRef::decode(&mut reader).ok()?);
    }
    Some(parts)
}

fn is_tagged(value: AnyRef<'_>, wanted: TagNumber) -> bool {
    matches!(value.tag(), Tag::ContextSpecific { number, .. } if number == wanted)
}

fn seconds(time: AnyRef<'_>) -> Option<u64> {
    let since = match time.tag() {
        Tag::UtcTime => time.decode_as::<UtcTime>().ok()?.to_unix_duration(),
        _ => time.decode_as::<GeneralizedTime>().ok()?.to_unix_duration(),
    };
    Some(since.as_secs())
}

fn text(value: AnyRef<'_>) -> Option<String> {
    std::str::from_utf8(value.value()).ok().map(str::to_owned)
}

/// The first common name of a subject, which may have none.
fn common_name(subject: AnyRef<'_>) -> Option<Option<String>> {
    for set in parts(subject)? {
        for attribute in parts(set)? {
            if let [key, value] = parts(attribute)?.as_slice()
                && key.value() == COMMON_NAME
            {
                return Some(text(*value));
            }
        }
    }
    Some(None)
}

/// The alternative names among all extensions, in Go's order, which groups them by kind.
fn alternative_names(extensions: AnyRef<'_>) -> Option<Vec<String>> {
    let list = *parts(extensions)?.first()?;
    for extension in parts(list)? {
        let fields = parts(extension)?;
        if fields.first()?.value() != ALTERNATIVE_NAMES {
            continue;
        }
        let names = AnyRef::from_der(fields.last()?.value()).ok()?;
        let names = parts(names)?;
        let of = |kind: TagNumber| names.iter().filter(move |name| is_tagged(**name, kind));
        let texts = |kind| of(kind).filter_map(|name| text(*name));
        let addresses = of(TagNumber::N7).filter_map(|name| address(name.value()));
        let (emails, hosts, uris) = (TagNumber::N1, TagNumber::N2, TagNumber::N6);
        let sorted = texts(hosts).chain(texts(emails)).chain(addresses);
        return Some(sorted.chain(texts(uris)).collect());
    }
    Some(Vec::new())
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(bytes).to_string());
    }
    let bytes = <[u8; 16]>::try_from(bytes).ok()?;
    Some(Ipv6Addr::from(bytes).to_string())
}

#[cfg(test)]
mod tests {
    use super::CertificateFacts;

    /// Made by openssl, with names of every kind.
    const NAMES: &[u8] = include_bytes!("../../../fuzz/corpus/certificate/names-0");

    #[test]
    fn names_of_every_kind_are_read() {
        let facts = CertificateFacts::read(NAMES).expect("a certificate");
        assert_eq!(
            facts.alternative_names,
            [
                "a.example",
                "a@b.example",
                "10.1.2.3",
                "2001:db8::1",
                "spiffe://a/b"
            ]
        );
        assert_eq!(facts.common_name.as_deref(), Some("alice"));
        assert_eq!(facts.names().last(), Some("alice"));
        assert!(facts.not_after_seconds > 1_700_000_000);
    }

    #[test]
    fn a_damaged_certificate_is_read_as_something_or_nothing() {
        let whole = CertificateFacts::read(NAMES);
        for end in 0..NAMES.len() {
            assert_eq!(CertificateFacts::read(&NAMES[..end]), None);
        }
        let mut changed = 0;
        for bit in 0..NAMES.len() * 8 {
            let mut damaged = NAMES.to_vec();
            damaged[bit / 8] ^= 1 << (bit % 8);
            changed += usize::from(CertificateFacts::read(&damaged) != whole);
        }
        assert!(changed > 300, "{changed}");
    }
}
