//! TLS between servers of a cluster: each shows a certificate, as node and as client.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{ClientConfig, ServerConfig};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tsdb_core::clock::{Clock as _, SystemClock};

use crate::access::{
    CertificateFacts, Stamps, certificates_of, key_of, provider, read_file, roots_of,
};

/// How often files are looked at. What changed is read once it stayed the same for so long, so
/// that a certificate and its key that are replaced one after the other are read together.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A certificate that ends so soon is warned of.
const ENDS_SOON_SECONDS: u64 = 14 * 86_400;

/// Files in PEM.
#[derive(Clone, Debug)]
pub struct PeerTlsFiles {
    /// What this server shows: a certificate, with those between it and its CA.
    pub certificate: PathBuf,
    /// The key of that certificate.
    pub key: PathBuf,
    /// The CAs that the certificates of other servers have to be of.
    pub ca: PathBuf,
}

impl PeerTlsFiles {
    fn all(&self) -> [&Path; 3] {
        [&self.certificate, &self.key, &self.ca]
    }

    /// Reads them; an error says which file does not do.
    fn read(&self) -> Result<(ServerConfig, ClientConfig), String> {
        let chain = in_file(&self.certificate, certificates_of)?;
        self.tell_end(&chain);
        let key = in_file(&self.key, key_of)?;
        let roots = in_file(&self.ca, |pem| roots_of(certificates_of(pem)?))?;
        let provider = Arc::new(provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(
            Arc::new(roots.clone()),
            Arc::clone(&provider),
        );
        let verifier = verifier
            .build()
            .map_err(|error| format!("{}: {error}", self.ca.display()))?;
        let unfit = |error: rustls::Error| {
            let (certificate, key) = (self.certificate.display(), self.key.display());
            format!("{certificate} with {key}: {error}")
        };
        let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13])
            .map_err(unfit)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain.clone(), key.clone_key())
            .map_err(unfit)?;
        server.alpn_protocols = vec![b"h2".to_vec()];
        // A session that goes on would not have its certificate verified again.
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        let mut client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .map_err(unfit)?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .map_err(unfit)?;
        client.alpn_protocols = vec![b"h2".to_vec()];
        client.resumption = Resumption::disabled();
        Ok((server, client))
    }

    /// Warns of a certificate that others refuse, or will soon.
    fn tell_end(&self, chain: &[CertificateDer<'static>]) {
        let own = chain.first().and_then(|own| CertificateFacts::read(own));
        let now = u64::try_from(SystemClock::new().now_ms() / 1000).unwrap_or(0);
        let told = own.and_then(|own| told_end(own.not_after_seconds, now));
        if let Some(what) = told {
            let certificate = self.certificate.display();
            tracing::warn!(%certificate, "the certificate for other servers {what}");
        }
    }
}

/// What is to be said of the end of a certificate, in seconds since the epoch as `now` is.
fn told_end(not_after: u64, now: u64) -> Option<String> {
    match not_after.saturating_sub(now) {
        0 => Some("has expired: they refuse this one".to_owned()),
        left if left < ENDS_SOON_SECONDS => Some(format!("expires in {} days", left / 86_400)),
        _ => None,
    }
}

fn in_file<T>(file: &Path, read: impl Fn(&[u8]) -> Result<T, String>) -> Result<T, String> {
    let found = read_file(file).and_then(|pem| read(&pem));
    found.map_err(|why| format!("{}: {why}", file.display()))
}

/// TLS between servers, as its files say it at this moment. Cloning shares it.
#[derive(Clone, Debug)]
pub struct PeerTls {
    files: PeerTlsFiles,
    server: Arc<watch::Sender<Arc<ServerConfig>>>,
    client: Arc<watch::Sender<Arc<ClientConfig>>>,
}

impl PeerTls {
    /// Reads the files.
    ///
    /// # Errors
    /// Text that names the file that does not do.
    pub fn open(files: PeerTlsFiles) -> Result<Self, String> {
        let (server, client) = files.read()?;
        Ok(Self {
            files,
            server: Arc::new(watch::Sender::new(Arc::new(server))),
            client: Arc::new(watch::Sender::new(Arc::new(client))),
        })
    }

    /// For connections that come.
    #[must_use]
    pub fn server(&self) -> watch::Receiver<Arc<ServerConfig>> {
        self.server.subscribe()
    }

    /// For connections that go.
    #[must_use]
    pub fn client(&self) -> watch::Receiver<Arc<ClientConfig>> {
        self.client.subscribe()
    }

    /// Reads the files anew whenever one changes, for connections from then on; files that do not do
    /// change nothing. Never ends.
    pub async fn follow(self) {
        let mut stamps = Stamps::of(self.files.all());
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let files = self.files.clone();
            let looked = tokio::task::spawn_blocking(move || {
                let read = stamps.look().then(|| files.read());
                (stamps, read)
            });
            let Ok((seen, read)) = looked.await else {
                return;
            };
            stamps = seen;
            match read {
                None => {}
                Some(Ok((server, client))) => {
                    self.server.send_replace(Arc::new(server));
                    self.client.send_replace(Arc::new(client));
                    let certificate = self.files.certificate.display();
                    tracing::info!(%certificate, "the certificate for other servers was read anew");
                }
                Some(Err(error)) => tracing::error!(
                    "the certificate for other servers cannot be used, the one before still is: {error}"
                ),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_ends_is_told_of_two_weeks_before() {
        let (day, now) = (86_400, 1_700_000_000);
        assert_eq!(told_end(now + 15 * day, now), None);
        let soon = told_end(now + 3 * day, now).expect("soon");
        assert!(soon.contains("expires in 3 days"), "{soon}");
        for end in [now, now - day] {
            let over = told_end(end, now).expect("over");
            assert!(over.contains("has expired"), "{over}");
        }
    }
}
