//! TLS, with certificates on both sides.
#![expect(clippy::disallowed_methods, reason = "files of settings are no data")]

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::sync::watch;
use tsdb_cluster::message::NodeError;
use tsdb_cluster::transport::Transport as _;
use tsdb_core::vfs::FaultVfs;

use super::support::*;
use crate::access::provider;
use crate::rpc::{PeerTls, PeerTlsFiles, RpcClient, RpcClientOptions, RpcServerOptions};

struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        Self {
            certificate: certificate.der().clone(),
            issuer: Issuer::new(params, key),
        }
    }

    fn sign(&self, address: &str) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        let address = address.parse().expect("an address");
        params.subject_alt_names.push(SanType::IpAddress(address));
        let key = KeyPair::generate().expect("a key");
        let signed = params.signed_by(&key, &self.issuer).expect("a certificate");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        (vec![signed.der().clone()], key)
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).expect("a CA");
        roots
    }

    fn server(&self, address: &str) -> RpcServerOptions {
        let provider = Arc::new(provider());
        let roots = Arc::new(self.roots());
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider));
        let (chain, key) = self.sign(address);
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_client_cert_verifier(verifier.build().expect("a verifier"))
            .with_single_cert(chain, key)
            .expect("a certificate");
        RpcServerOptions {
            tls: Some(watch::channel(Arc::new(config)).1),
            ..RpcServerOptions::default()
        }
    }

    fn client(&self, own: bool) -> RpcClientOptions {
        let builder = ClientConfig::builder_with_provider(Arc::new(provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(self.roots());
        let config = match own {
            true => {
                let (chain, key) = self.sign("127.0.0.1");
                builder
                    .with_client_auth_cert(chain, key)
                    .expect("a certificate")
            }
            false => builder.with_no_client_auth(),
        };
        RpcClientOptions {
            tls: Some(watch::channel(Arc::new(config)).1),
            ..RpcClientOptions::default()
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sides_show_certificates_and_nobody_else_comes_in() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let options = ours.server("127.0.0.1");
    let machine = Machine::start_on("a", FaultVfs::new(1), "127.0.0.1:0", options).await;
    let options = ours.server("127.0.0.2");
    let other = Machine::start_on("b", FaultVfs::new(1), "127.0.0.1:0", options).await;
    let endpoints = endpoints(&[&machine, &other]);

    let client = RpcClient::new(endpoints.clone(), ours.client(true));
    let request = write(&machine, &batch(&[entry(0)], BEGIN_MS));
    client
        .write(&machine.id, request.clone())
        .await
        .expect("a reply");
    assert_eq!(
        everything(&client, &machine).await.expect("a read").len(),
        1
    );
    // Its certificate is of another address.
    let wrong = client.status(&other.id).await;
    assert!(matches!(&wrong, Err(NodeError::Unreachable(why)) if why.contains("certificate")));

    for options in [
        ours.client(false),
        theirs.client(true),
        RpcClientOptions::default(),
    ] {
        let client = RpcClient::new(endpoints.clone(), options);
        let written = client.write(&machine.id, request.clone()).await;
        assert!(
            matches!(written, Err(NodeError::Unreachable(_))),
            "{written:?}"
        );
        let status = client.status(&machine.id).await;
        assert!(
            matches!(status, Err(NodeError::Unreachable(_))),
            "{status:?}"
        );
    }
}

#[test]
fn a_file_that_does_not_do_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).expect("writing");
        file
    };
    let pair = || {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec!["node".to_owned()]).expect("a name");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    };
    let ((certificate, key), (_, other)) = (pair(), pair());
    let files = PeerTlsFiles {
        certificate: file("node.pem", &certificate),
        key: file("node.key", &key),
        ca: file("ca.pem", &certificate),
    };
    PeerTls::open(files.clone()).expect("all of them do");
    let without = |change: fn(&mut PeerTlsFiles, std::path::PathBuf), path: std::path::PathBuf| {
        let mut files = files.clone();
        change(&mut files, path.clone());
        let error = PeerTls::open(files).expect_err("it does not do");
        let name = path.display().to_string();
        assert!(error.contains(&name), "{error}");
    };
    without(|files, path| files.ca = path, folder.path().join("none"));
    without(|files, path| files.ca = path, file("empty.pem", ""));
    without(
        |files, path| files.certificate = path,
        file("key.pem", &key),
    );
    without(|files, path| files.key = path, file("other.key", &other));
}
