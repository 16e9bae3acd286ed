//! TLS to a running server.

use std::path::Path;
use std::sync::Arc;

use http::Uri;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::CommandError;
use crate::access::{certificates_of, key_of, provider, read_file, roots_of, roots_of_machine};

/// What a client trusts, and what it shows.
#[derive(Clone, Debug)]
pub(super) struct ClientTls {
    config: Arc<ClientConfig>,
}

impl ClientTls {
    /// Trusts the CAs of a file, or those of the machine; shows a certificate where there is one.
    pub(super) fn new(
        ca_file: Option<&Path>,
        own: Option<(&Path, &Path)>,
    ) -> Result<Self, CommandError> {
        let roots = match ca_file {
            Some(file) => read_file(file)
                .and_then(|pem| roots_of(certificates_of(&pem)?))
                .map_err(|why| CommandError::Argument {
                    argument: "--ca-file",
                    value: file.display().to_string(),
                    why,
                })?,
            None => roots_of_machine().ok_or(CommandError::Missing {
                argument: "--ca-file",
                why: "this machine has no list of CAs that it trusts",
            })?,
        };
        let builder = builder()?.with_root_certificates(roots);
        let config = match own {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let wrong = |argument, file: &Path| {
                    let value = file.display().to_string();
                    move |why| CommandError::Argument {
                        argument,
                        value,
                        why,
                    }
                };
                let chain = read_file(certificate).and_then(|pem| certificates_of(&pem));
                let chain = chain.map_err(wrong("--client-cert", certificate))?;
                let pem = read_file(key).and_then(|pem| key_of(&pem));
                let pem = pem.map_err(wrong("--client-key", key))?;
                let built = builder.with_client_auth_cert(chain, pem);
                built.map_err(|error| wrong("--client-key", key)(error.to_string()))?
            }
        };
        Ok(Self {
            config: Arc::new(config),
        })
    }

    /// For connections that have none.
    pub(super) fn trusting_nobody() -> Result<Self, CommandError> {
        let builder = builder()?.with_root_certificates(RootCertStore::empty());
        Ok(Self {
            config: Arc::new(builder.with_no_client_auth()),
        })
    }

    /// What a server says against our certificate, if it does.
    pub(super) async fn refusal(&self, uri: &Uri) -> Option<String> {
        let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((host, uri.port_u16().unwrap_or(443)));
        let name = ServerName::try_from(host.to_owned()).ok()?;
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let refused = match connector.connect(name, stream.await.ok()?).await {
            Err(error) => error,
            // It has nothing to say before it is asked, but that.
            Ok(mut stream) => stream.read_u8().await.err()?,
        };
        Some(explained(refused.to_string()))
    }

    /// For connections.
    pub(super) fn config(&self) -> ClientConfig {
        ClientConfig::clone(&self.config)
    }
}

fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, CommandError> {
    ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| CommandError::Argument {
            argument: "--url",
            value: "https".to_owned(),
            why: error.to_string(),
        })
}

/// What to do about the errors of TLS that a user meets.
pub(super) fn explained(text: String) -> String {
    let advice = [
        (
            "UnknownIssuer",
            "the server's certificate is of a CA that is not trusted here: name its file with --ca-file",
        ),
        (
            "CertificateRequired",
            "the server asks for a certificate: give --client-cert and --client-key",
        ),
        (
            "InvalidContentType",
            "the server does not speak TLS at this address: write http://",
        ),
        (
            "certificate expired",
            "the server's certificate has expired: renew it there",
        ),
        (
            "CertificateExpired",
            "the certificate of --client-cert has expired",
        ),
        (
            "DecryptError",
            "the certificate of --client-cert is not signed by the CA that it names",
        ),
        (
            "UnknownCA",
            "the certificate of --client-cert is of a CA that the server does not trust",
        ),
    ];
    let found = advice.iter().find(|(sign, _)| text.contains(sign));
    match found {
        Some((_, advice)) => format!("{advice} ({text})"),
        None => text,
    }
}
