//! What rustls is told, from settings and the files that they name.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, ServerConfig,
    SignatureScheme,
};

use super::certificate::CertificateFacts;
use super::web_config::{ClientAuth, TlsSettings};

/// A file that does not do, by the key that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unfit {
    pub(super) key: &'static str,
    pub(super) why: String,
}

/// Certificates and key of the server.
#[derive(Debug)]
pub(super) struct OwnCertificate {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

/// The certificates of a PEM file, of which there is one at least.
pub(crate) fn certificates_of(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match all {
        Ok(all) if all.is_empty() => Err("it holds no certificate in PEM".to_owned()),
        Ok(all) => Ok(all),
        Err(error) => Err(format!("it is no PEM: {error}")),
    }
}

/// The private key of a PEM file. The error shows nothing of it.
pub(crate) fn key_of(pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(pem)
        .map_err(|_| "it holds no private key in PEM that is not encrypted".to_owned())
}

/// What is trusted where nothing but these is.
pub(crate) fn roots_of(
    certificates: Vec<CertificateDer<'static>>,
) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        let added = roots.add(certificate);
        added.map_err(|error| format!("it holds no CA: {error}"))?;
    }
    Ok(roots)
}

/// What this machine trusts, if it has a list.
pub(crate) fn roots_of_machine() -> Option<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs().certs;
    let (trusted, _) = roots.add_parsable_certificates(found);
    (trusted > 0).then_some(roots)
}

/// All that rustls does, with the parts that a file asks for.
pub(crate) fn provider() -> CryptoProvider {
    ring::default_provider()
}

/// The configuration of a server.
pub(super) fn server_config(
    settings: &TlsSettings,
    own: OwnCertificate,
    client_ca: Option<Vec<CertificateDer<'static>>>,
    http2: bool,
) -> Result<ServerConfig, Unfit> {
    let mut provider = provider();
    if !settings.suites.is_empty() {
        // Suites of TLS 1.3 are not for choice.
        let kept = |suite: &rustls::SupportedCipherSuite| {
            suite.tls13().is_some() || settings.suites.contains(suite)
        };
        provider.cipher_suites.retain(kept);
        let wanted = |suite: &rustls::SupportedCipherSuite| {
            settings.suites.iter().position(|other| other == suite)
        };
        provider
            .cipher_suites
            .sort_by_key(|suite| (suite.tls13().is_none(), wanted(suite)));
    }
    if !settings.curves.is_empty() {
        provider.kx_groups.clone_from(&settings.curves);
    }
    let provider = Arc::new(provider);
    let verifier = verifier(settings, client_ca, &provider)?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&settings.versions)
        .map_err(|error| Unfit {
            key: "cipher_suites",
            why: format!("no connection could be made: {error}"),
        })?;
    let asks = settings.client_auth != ClientAuth::None;
    let builder = match verifier {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder
        .with_single_cert(own.chain, own.key)
        .map_err(unfit_key)?;
    config.ignore_client_order = settings.prefer_server_cipher_suites;
    config.alpn_protocols = match http2 {
        true => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        false => vec![b"http/1.1".to_vec()],
    };
    if asks {
        // A session that goes on would not have its certificate verified again.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(config)
}

fn unfit_key(error: Error) -> Unfit {
    match error {
        Error::InconsistentKeys(_) => Unfit {
            key: "key_file",
            why: "it is not the key of the certificate in cert_file".to_owned(),
        },
        Error::InvalidCertificate(_) => Unfit {
            key: "cert_file",
            why: format!("it holds no certificate that can be used: {error}"),
        },
        error => Unfit {
            key: "key_file",
            why: format!("its key cannot be used: {error}"),
        },
    }
}

fn verifier(
    settings: &TlsSettings,
    client_ca: Option<Vec<CertificateDer<'static>>>,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, Unfit> {
    let unfit = |why: String| Unfit {
        key: "client_ca_file",
        why,
    };
    let verifies = settings.client_auth.verifies();
    let inner = match (settings.client_auth, client_ca) {
        (ClientAuth::None, _) => return Ok(None),
        (_, Some(trusted)) if verifies => {
            let roots = roots_of(trusted).map_err(unfit)?;
            let builder =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
            let builder = match settings.client_auth {
                ClientAuth::VerifyIfGiven => builder.allow_unauthenticated(),
                _ => builder,
            };
            let built = builder.build();
            Some(built.map_err(|error| unfit(error.to_string()))?)
        }
        (_, None) if verifies => {
            let why = "it is left out: name the CA that clients' certificates are verified with; those of the machine are not taken for it";
            return Err(unfit(why.to_owned()));
        }
        _ => None,
    };
    Ok(Some(Arc::new(AskingVerifier {
        inner,
        is_required: settings.client_auth.is_required(),
        allowed_names: settings.client_allowed_sans.clone(),
        provider: Arc::clone(provider),
    })))
}

/// Go's policies over those of webpki: certificates that are asked for and not verified, and names
/// of which a certificate must have one.
#[derive(Debug)]
struct AskingVerifier {
    /// `None` when certificates are not verified.
    inner: Option<Arc<dyn ClientCertVerifier>>,
    is_required: bool,
    allowed_names: Option<Vec<String>>,
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for AskingVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.is_required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner
            .as_ref()
            .map_or(&[], |inner| inner.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if let Some(inner) = &self.inner {
            inner.verify_client_cert(end_entity, intermediates, now)?;
        }
        if let Some(allowed) = &self.allowed_names {
            let facts = CertificateFacts::read(end_entity);
            let facts = facts.ok_or(CertificateError::BadEncoding)?;
            let mut names = facts.alternative_names.iter();
            if !names.any(|name| allowed.contains(name)) {
                return Err(CertificateError::ApplicationVerificationFailure.into());
            }
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
