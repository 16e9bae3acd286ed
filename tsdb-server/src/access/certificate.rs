//! What is written in a certificate: names and its end.

use std::net::{Ipv4Addr, Ipv6Addr};

use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::der::asn1::{Ia5StringRef, PrintableStringRef, TeletexStringRef, Utf8StringRef};
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// Of a common name.
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

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
    pub fn read(der: &[u8]) -> Option<Self> {
        let certificate = Certificate::from_der(der).ok()?.tbs_certificate;
        let names = match certificate.get::<SubjectAltName>() {
            Ok(names) => names.map(|(_, names)| names.0).unwrap_or_default(),
            // Names that cannot be read are no names.
            Err(_) => Vec::new(),
        };
        let subject = certificate.subject.0.iter();
        let mut attributes = subject.flat_map(|part| part.0.iter());
        let common_name = attributes.find(|attribute| attribute.oid == COMMON_NAME);
        Some(Self {
            alternative_names: sorted(&names),
            common_name: common_name.and_then(|attribute| text(&attribute.value)),
            not_after_seconds: certificate.validity.not_after.to_unix_duration().as_secs(),
        })
    }

    /// All of its names, the alternative ones first.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let names = self.alternative_names.iter().chain(&self.common_name);
        names.map(String::as_str)
    }
}

/// In Go's order, which groups them by kind.
fn sorted(names: &[GeneralName]) -> Vec<String> {
    let of = |kind: fn(&GeneralName) -> Option<String>| names.iter().filter_map(kind);
    let dns = of(|name| match name {
        GeneralName::DnsName(name) => Some(name.to_string()),
        _ => None,
    });
    let emails = of(|name| match name {
        GeneralName::Rfc822Name(name) => Some(name.to_string()),
        _ => None,
    });
    let addresses = of(|name| match name {
        GeneralName::IpAddress(bytes) => address(bytes.as_bytes()),
        _ => None,
    });
    let uris = of(|name| match name {
        GeneralName::UniformResourceIdentifier(name) => Some(name.to_string()),
        _ => None,
    });
    dns.chain(emails).chain(addresses).chain(uris).collect()
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(bytes).to_string());
    }
    let bytes = <[u8; 16]>::try_from(bytes).ok()?;
    Some(Ipv6Addr::from(bytes).to_string())
}

fn text(value: &x509_cert::attr::AttributeValue) -> Option<String> {
    if let Ok(text) = value.decode_as::<Utf8StringRef<'_>>() {
        return Some(text.to_string());
    }
    if let Ok(text) = value.decode_as::<PrintableStringRef<'_>>() {
        return Some(text.to_string());
    }
    if let Ok(text) = value.decode_as::<Ia5StringRef<'_>>() {
        return Some(text.to_string());
    }
    let text = value.decode_as::<TeletexStringRef<'_>>().ok()?;
    Some(text.to_string())
}
