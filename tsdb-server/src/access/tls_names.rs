//! Go's names of versions, suites and curves, and which of them are spoken here.

use rustls::crypto::SupportedKxGroup;
use rustls::crypto::ring::{cipher_suite, kx_group};
use rustls::{SupportedCipherSuite, SupportedProtocolVersion};

use super::section::with_nearest;

/// A name that Go knows; `None` behind it when it is not spoken here.
type Named<T> = (&'static str, Option<T>);

const VERSIONS: [Named<&SupportedProtocolVersion>; 4] = [
    ("TLS10", None),
    ("TLS11", None),
    ("TLS12", Some(&rustls::version::TLS12)),
    ("TLS13", Some(&rustls::version::TLS13)),
];

/// Suites of TLS 1.2. Those of 1.3 are not for choice: there, as in Go, all are offered.
const SUITES: [Named<SupportedCipherSuite>; 17] = [
    (
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        Some(cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        Some(cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        Some(cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
    ),
    (
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        Some(cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    ),
    (
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        Some(cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    ),
    (
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        Some(cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
    ),
    (
        "TLS_AES_128_GCM_SHA256",
        Some(cipher_suite::TLS13_AES_128_GCM_SHA256),
    ),
    (
        "TLS_AES_256_GCM_SHA384",
        Some(cipher_suite::TLS13_AES_256_GCM_SHA384),
    ),
    (
        "TLS_CHACHA20_POLY1305_SHA256",
        Some(cipher_suite::TLS13_CHACHA20_POLY1305_SHA256),
    ),
    ("TLS_RSA_WITH_AES_128_CBC_SHA", None),
    ("TLS_RSA_WITH_AES_256_CBC_SHA", None),
    ("TLS_RSA_WITH_AES_128_GCM_SHA256", None),
    ("TLS_RSA_WITH_AES_256_GCM_SHA384", None),
    ("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", None),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", None),
    ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", None),
    ("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", None),
];

const CURVES: [Named<&dyn SupportedKxGroup>; 4] = [
    ("X25519", Some(kx_group::X25519)),
    ("CurveP256", Some(kx_group::SECP256R1)),
    ("CurveP384", Some(kx_group::SECP384R1)),
    ("CurveP521", None),
];

/// The version of a name.
pub(super) fn version(name: &str) -> Result<&'static SupportedProtocolVersion, String> {
    find(&VERSIONS, "version of TLS", name)
}

/// The suite of a name.
pub(super) fn suite(name: &str) -> Result<SupportedCipherSuite, String> {
    find(&SUITES, "cipher suite", name)
}

/// The key exchange of a name.
pub(super) fn curve(name: &str) -> Result<&'static dyn SupportedKxGroup, String> {
    find(&CURVES, "curve", name)
}

fn find<T: Copy>(table: &[Named<T>], kind: &str, name: &str) -> Result<T, String> {
    let spoken = || {
        let names = table.iter().filter(|(_, value)| value.is_some());
        names.map(|(name, _)| *name).collect::<Vec<_>>()
    };
    match table.iter().find(|(known, _)| *known == name) {
        Some((_, Some(value))) => Ok(*value),
        Some((_, None)) => Err(format!(
            "the {kind} {name} is not spoken here: choose of {}",
            spoken().join(", ")
        )),
        None => Err(with_nearest(
            format!("unknown {kind} {name:?}"),
            name,
            &spoken(),
        )),
    }
}
