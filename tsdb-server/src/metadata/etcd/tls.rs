//! TLS to etcd.

use std::path::Path;
use std::sync::Arc;

use rustls::ClientConfig;
use tokio_rustls::TlsConnector;

use super::options::EtcdTls;
use crate::access::{certificates_of, key_of, provider, read_file, roots_of, roots_of_machine};

/// Reads the files and makes of them what connections need; an error says which file does not do.
pub(super) fn connector(options: &EtcdTls) -> Result<TlsConnector, String> {
    let roots = match &options.ca_file {
        Some(file) => in_file(file, |pem| roots_of(certificates_of(pem)?))?,
        None => roots_of_machine()
            .ok_or("this machine has no list of CAs that it trusts: name a file of them")?,
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    let mut config = match (&options.certificate_file, &options.key_file) {
        (None, None) => builder.with_no_client_auth(),
        (Some(certificate), Some(key)) => {
            let chain = in_file(certificate, certificates_of)?;
            let own = builder.with_client_auth_cert(chain, in_file(key, key_of)?);
            own.map_err(|error| format!("{}: {error}", key.display()))?
        }
        (Some(_), None) => return Err("there is a certificate, but no key".to_owned()),
        (None, Some(_)) => return Err("there is a key, but no certificate".to_owned()),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

fn in_file<T>(file: &Path, read: impl Fn(&[u8]) -> Result<T, String>) -> Result<T, String> {
    let found = read_file(file).and_then(|pem| read(&pem));
    found.map_err(|why| format!("{}: {why}", file.display()))
}
