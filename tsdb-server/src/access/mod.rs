//! Who may come in: TLS, authentication and scopes, from a web-config file.

mod access_section;
mod certificate;
mod credentials;
mod door;
mod exposure;
mod guard;
mod handshakes;
mod identity;
mod load;
mod password;
mod peer;
mod policy;
mod routes;
mod secret;
mod section;
mod stamp;
mod tls;
mod tls_names;
mod verifier;
mod web_config;

pub use certificate::CertificateFacts;
pub use credentials::{Credentials, Malformed};
pub(crate) use door::{Access, WatchedFile, asks_for_tls, check};
pub(crate) use exposure::{Listener, client_settings, warning};
pub(crate) use guard::guarded;
pub(crate) use handshakes::Connection;
pub(crate) use identity::Identity;
pub(crate) use load::{read_file, secret_in};
pub(crate) use peer::Peer;
pub(crate) use policy::CertificateEnd;
pub(crate) use secret::Secret;
pub(crate) use stamp::Stamps;
pub(crate) use tls::{certificates_of, key_of, provider, roots_of, roots_of_machine};
pub use web_config::WebConfig;
