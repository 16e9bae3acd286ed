//! HTTP over TLS, on connections that stay.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use bytes::Bytes;
use http::{Method, Request, Version};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::{Answer, Signed};

/// Who a client trusts, and what it shows.
#[derive(Clone, Debug)]
pub(crate) struct TlsClient {
    config: ClientConfig,
}

/// A connection that goes on after a request.
pub(crate) enum SecureConnection {
    One(http1::SendRequest<Full<Bytes>>),
    Two(http2::SendRequest<Full<Bytes>>),
}

/// Shakes hands with one connection and ends it without a word; the next is asked for a certificate.
pub(crate) async fn refuse_silently_then_aloud(listener: TcpListener, ca: &Path, own: &Signed) {
    let provider = Arc::new(ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots(ca)), Arc::clone(&provider));
    let asking = verifier.build().expect("a verifier");
    for verifier in [WebPkiClientVerifier::no_client_auth(), asking] {
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_client_cert_verifier(verifier)
            .with_single_cert(certificates(&own.certificate), key(own))
            .expect("a pair");
        let (stream, _) = listener.accept().await.expect("a connection");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        // The second ends here, by what the client does not show.
        if let Ok(mut stream) = acceptor.accept(stream).await {
            let read = stream.read_u8().await;
            assert!(read.is_ok(), "the client begins to send: {read:?}");
        }
    }
}

fn roots(ca: &Path) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca) {
        roots.add(certificate).expect("a CA");
    }
    roots
}

fn key(own: &Signed) -> PrivateKeyDer<'static> {
    PrivateKeyDer::from_pem_file(&own.key).expect("a key")
}

impl TlsClient {
    pub(crate) fn new(ca: &Path, own: Option<&Signed>) -> Self {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots(ca));
        let config = match own {
            None => builder.with_no_client_auth(),
            Some(own) => {
                let chain = certificates(&own.certificate);
                let built = builder.with_client_auth_cert(chain, key(own));
                built.expect("a pair")
            }
        };
        Self { config }
    }

    /// Speaks HTTP/2 where the server does.
    pub(crate) fn http2(mut self) -> Self {
        self.config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        self
    }

    pub(crate) async fn stream(&self, url: &str) -> Result<TlsStream<TcpStream>, String> {
        let address = url.trim_start_matches("https://");
        let stream = TcpStream::connect(address)
            .await
            .map_err(|error| error.to_string())?;
        let name = ServerName::try_from("127.0.0.1").expect("a name");
        let connector = TlsConnector::from(Arc::new(self.config.clone()));
        let connected = connector.connect(name, stream).await;
        connected.map_err(|error| error.to_string())
    }

    pub(crate) async fn connect(&self, url: &str) -> Result<SecureConnection, String> {
        let stream = self.stream(url).await?;
        let is_two = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let stream = TokioIo::new(stream);
        let told = |error: hyper::Error| format!("{error:?}");
        if is_two {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), stream)
                .await
                .map_err(told)?;
            tokio::spawn(connection);
            return Ok(SecureConnection::Two(sender));
        }
        let (sender, connection) = http1::handshake(stream).await.map_err(told)?;
        tokio::spawn(connection);
        Ok(SecureConnection::One(sender))
    }

    /// One request on a connection of its own.
    pub(crate) async fn get(
        &self,
        url: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Answer, String> {
        self.connect(url).await?.get(url, path, headers).await
    }
}

impl SecureConnection {
    pub(crate) async fn get(
        &mut self,
        url: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Answer, String> {
        let is_two = matches!(self, Self::Two(_));
        let host = url.trim_start_matches("https://");
        let mut request = Request::builder().method(Method::GET);
        request = match is_two {
            true => request.uri(format!("{url}{path}")).version(Version::HTTP_2),
            false => request.uri(path).header("host", host),
        };
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::default()).expect("a request");
        let response = match self {
            Self::One(sender) => {
                sender.ready().await.map_err(|error| format!("{error:?}"))?;
                sender.send_request(request).await
            }
            Self::Two(sender) => sender.send_request(request).await,
        };
        let response = response.map_err(|error| format!("{error:?}"))?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| error.to_string())?;
        Ok(Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.to_bytes(),
        })
    }
}

fn certificates(file: &Path) -> Vec<CertificateDer<'static>> {
    let all = CertificateDer::pem_file_iter(file).expect("a file");
    all.collect::<Result<_, _>>().expect("PEM")
}

/// The value of an `Authorization` header.
pub(crate) fn basic(user: &str, password: &str) -> String {
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    format!("Basic {pair}")
}
