//! Certificates for tests: CAs, and what they sign.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    SanType,
};

const DAY: Duration = Duration::from_secs(86_400);

/// A CA whose certificate lies in a folder.
pub(crate) struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate.
    pub(crate) file: PathBuf,
}

/// A certificate and its key, as files.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Authority {
    /// Makes one called `name`.
    pub(crate) fn new(folder: &Path, name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let file = folder.join(format!("{name}.pem"));
        std::fs::write(&file, certificate.pem()).expect("writing");
        Self {
            folder: folder.to_owned(),
            issuer: Issuer::new(params, key),
            file,
        }
    }

    /// A certificate for these names, of which the first is the common name and that of its files.
    pub(crate) fn sign(&self, names: &[&str]) -> Signed {
        self.sign_for(names, false)
    }

    /// One that ended yesterday.
    pub(crate) fn sign_expired(&self, names: &[&str]) -> Signed {
        self.sign_for(names, true)
    }

    fn sign_for(&self, names: &[&str], expired: bool) -> Signed {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        for name in names {
            let san = match name.parse() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) if name.contains("://") => SanType::URI((*name).try_into().expect("ASCII")),
                Err(_) if name.contains('@') => {
                    SanType::Rfc822Name((*name).try_into().expect("ASCII"))
                }
                Err(_) => SanType::DnsName((*name).try_into().expect("ASCII")),
            };
            params.subject_alt_names.push(san);
        }
        params.distinguished_name.push(DnType::CommonName, names[0]);
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let now = std::time::SystemTime::now();
        params.not_before = (now - 10 * DAY).into();
        params.not_after = match expired {
            true => (now - DAY).into(),
            false => (now + 90 * DAY).into(),
        };
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let signed = Signed {
            certificate: self.folder.join(format!("{}.pem", names[0])),
            key: self.folder.join(format!("{}.key", names[0])),
        };
        std::fs::write(&signed.certificate, certificate.pem()).expect("writing");
        std::fs::write(&signed.key, key.serialize_pem()).expect("writing");
        signed
    }
}

impl Signed {
    /// Puts this certificate and key in the place of another, one after the other.
    pub(crate) fn replace(&self, other: &Self) {
        for (from, to) in [
            (&self.certificate, &other.certificate),
            (&self.key, &other.key),
        ] {
            std::fs::copy(from, to).expect("copying");
        }
    }
}
