//! A web-config file and the files that it names, read together.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use tsdb_core::model::HashMap;

use super::access_section::TokenSource;
use super::certificate::CertificateFacts;
use super::identity::Identity;
use super::policy::{CertificateEnd, Policy, Token, User};
use super::secret::Secret;
use super::stamp::Stamp;
use super::tls::{OwnCertificate, Unfit, certificates_of, key_of, server_config};
use super::web_config::{ClientAuth, Rights, TlsSettings, WebConfig};
use crate::config::{ConfigError, Finding, Place};

/// Most bytes of any of the files.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// Characters of a token.
const TOKEN_CHARS: std::ops::RangeInclusive<usize> = 16..=4096;
/// A certificate that ends so soon is warned of.
const ENDS_SOON_SECONDS: u64 = 14 * 86_400;
/// A check of a password takes seconds from this cost on.
const COST_MAX: u32 = 14;

/// The file, and what it names, as they were read.
#[derive(Debug)]
pub(super) struct Reading {
    /// What they say, or a text that names the file and each place in it.
    pub(super) outcome: Result<Policy, String>,
    /// The state of all the files just before they were read.
    pub(super) stamps: Vec<Stamp>,
}

/// Reads a web-config file at a moment in seconds since the epoch.
pub(super) fn read(file: &Path, now_seconds: u64) -> Reading {
    let mut loading = Loading {
        folder: file.parent().unwrap_or(Path::new("")).to_owned(),
        stamps: Vec::new(),
        wrong: Vec::new(),
    };
    loading.stamps.push(Stamp::of(file));
    let name = file.display().to_string();
    let outcome = read_file(file)
        .and_then(|bytes| String::from_utf8(bytes).map_err(|_| "it is no text in UTF-8".to_owned()))
        .map_err(|why| format!("cannot read the web-config file {name}: {why}"))
        .and_then(|text| {
            let policy =
                WebConfig::read(&text).and_then(|config| loading.policy(config, now_seconds));
            policy.map_err(|error| told(&error, &name))
        });
    Reading {
        outcome,
        stamps: loading.stamps,
    }
}

/// Each finding with its place. Lines of the file are not shown, as they may hold secrets.
fn told(error: &ConfigError, name: &str) -> String {
    match error {
        ConfigError::Syntax(what) => format!("{name}: {what}"),
        ConfigError::Wrong(findings) => {
            let lines = findings.iter().map(|finding| {
                let Finding { place, what } = finding;
                format!("{name}:{place}: {what}")
            });
            lines.collect::<Vec<_>>().join("\n")
        }
    }
}

/// The bytes of a file of settings.
#[expect(clippy::disallowed_methods, reason = "files of settings are no data")]
pub(crate) fn read_file(file: &Path) -> Result<Vec<u8>, String> {
    let told = |error: std::io::Error| error.to_string();
    let opened = std::fs::File::open(file).map_err(told)?;
    let mut bytes = Vec::new();
    let mut bounded = opened.take(FILE_BYTES_MAX + 1);
    bounded.read_to_end(&mut bytes).map_err(told)?;
    match bytes.len() as u64 > FILE_BYTES_MAX {
        true => Err(format!("it has more than {FILE_BYTES_MAX} bytes")),
        false => Ok(bytes),
    }
}

/// The secret that a file holds: its text without the space around it.
pub(crate) fn secret_in(file: &Path) -> Result<Secret, String> {
    let bytes = read_file(file)?;
    Ok(Secret::new(bytes.trim_ascii()))
}

struct Loading {
    folder: PathBuf,
    stamps: Vec<Stamp>,
    wrong: Vec<Finding>,
}

impl Loading {
    fn policy(&mut self, config: WebConfig, now_seconds: u64) -> Result<Policy, ConfigError> {
        let mut policy = Policy {
            http1_only: !config.http2,
            protect_probes: config.access.protect_probes,
            ..Policy::default()
        };
        if let Some(tls) = &config.tls {
            policy.requires_certificate = tls.client_auth == ClientAuth::RequireAndVerify;
            self.tls(tls, config.http2, &mut policy, now_seconds);
        }
        policy.headers = config.headers;
        for user in config.users {
            policy.costs.push(user.hash.cost());
            warn_of_user(&user.name, &user.hash, &mut policy.warnings);
            let identity = identity(&user.name, user.rights);
            let hash = user.hash;
            policy.users.insert(user.name, User { hash, identity });
        }
        policy.costs.sort_unstable();
        for setting in config.access.tokens {
            let digest = match setting.source {
                TokenSource::Sha256(digest) => Secret::new(digest),
                TokenSource::File(file) => match self.token(&file.text) {
                    Ok(digest) => digest,
                    Err(why) => {
                        self.wrong(file.place, format!("the token of {}: {why}", setting.name));
                        continue;
                    }
                },
            };
            if let Some(other) = policy.tokens.iter().find(|token| token.digest == digest) {
                let what = format!(
                    "the tokens {} and {} are the same",
                    other.identity.name, setting.name
                );
                self.wrong(setting.place, what);
            }
            let identity = identity(&setting.name, setting.rights);
            policy.tokens.push(Token { digest, identity });
        }
        policy.certificates = config.access.certificates.map(|all| {
            let all = all.into_iter();
            all.map(|(name, rights)| (name.clone(), identity(&name, rights)))
                .collect::<HashMap<_, _>>()
        });
        match self.wrong.is_empty() {
            true => Ok(policy),
            false => Err(ConfigError::Wrong(std::mem::take(&mut self.wrong))),
        }
    }

    fn wrong(&mut self, place: Place, what: String) {
        self.wrong.push(Finding { place, what });
    }

    /// The bytes of a file that is named relative to ours.
    fn named(&mut self, name: &str) -> Result<Vec<u8>, String> {
        let file = self.folder.join(name);
        self.stamps.push(Stamp::of(&file));
        read_file(&file).map_err(|why| format!("cannot read {}: {why}", file.display()))
    }

    fn token(&mut self, name: &str) -> Result<Secret, String> {
        let bytes = self.named(name)?;
        let token = bytes.trim_ascii();
        if !token.iter().all(u8::is_ascii_graphic) {
            return Err(format!(
                "{name} holds more than one word of ASCII: openssl rand -hex 32 makes one"
            ));
        }
        if !TOKEN_CHARS.contains(&token.len()) {
            let (least, most) = (TOKEN_CHARS.start(), TOKEN_CHARS.end());
            return Err(format!(
                "{name} holds {} characters, not {least} to {most}: openssl rand -hex 32 makes them",
                token.len()
            ));
        }
        Ok(digest_of(token))
    }

    fn tls(&mut self, tls: &TlsSettings, http2: bool, policy: &mut Policy, now_seconds: u64) {
        let chain = self.named(&tls.cert_file.text);
        let chain =
            chain.and_then(|pem| certificates_of(&pem).map_err(in_file(&tls.cert_file.text)));
        let key = self.named(&tls.key_file.text);
        let key = key.and_then(|pem| key_of(&pem).map_err(in_file(&tls.key_file.text)));
        let client_ca = tls.client_ca_file.as_ref().map(|said| {
            let pem = self.named(&said.text);
            pem.and_then(|pem| certificates_of(&pem).map_err(in_file(&said.text)))
        });
        let client_ca = client_ca.transpose();
        let (chain, key, client_ca) = match (chain, key, client_ca) {
            (Ok(chain), Ok(key), Ok(client_ca)) => (chain, key, client_ca),
            (chain, key, client_ca) => {
                let failures = [
                    ("cert_file", chain.err()),
                    ("key_file", key.err()),
                    ("client_ca_file", client_ca.err()),
                ];
                for (key, why) in failures {
                    if let Some(why) = why {
                        self.unfit(tls, Unfit { key, why });
                    }
                }
                return;
            }
        };
        let own = chain.iter().take(1);
        end(policy, "server", own, now_seconds);
        if let Some(client_ca) = &client_ca {
            end(policy, "client_ca", client_ca.iter(), now_seconds);
        }
        match server_config(tls, OwnCertificate { chain, key }, client_ca, http2) {
            Ok(config) => policy.tls = Some(Arc::new(config)),
            Err(unfit) => self.unfit(tls, unfit),
        }
    }

    fn unfit(&mut self, tls: &TlsSettings, unfit: Unfit) {
        let place = match unfit.key {
            "cert_file" => tls.cert_file.place,
            "key_file" => tls.key_file.place,
            _ => {
                let said = tls.client_ca_file.as_ref();
                said.map_or(tls.cert_file.place, |said| said.place)
            }
        };
        self.wrong(
            place,
            format!("tls_server_config.{}: {}", unfit.key, unfit.why),
        );
    }
}

fn in_file(name: &str) -> impl Fn(String) -> String + use<> {
    let name = name.to_owned();
    move |why| format!("{name}: {why}")
}

/// The digest that tokens are compared by.
pub(super) fn digest_of(token: &[u8]) -> Secret {
    Secret::new(ring::digest::digest(&ring::digest::SHA256, token).as_ref())
}

fn identity(name: &str, rights: Rights) -> Identity {
    let tenants = rights.tenants.map(|names| names.into_iter().map(Arc::from));
    Identity {
        name: Arc::from(name),
        scopes: rights.scopes,
        tenants: tenants.map(Iterator::collect),
    }
}

fn warn_of_user(name: &str, hash: &super::password::PasswordHash, warnings: &mut Vec<String>) {
    if !hash.is_usable() {
        warnings.push(format!(
            "no password can have the hash of the user {name:?}"
        ));
    }
    if name.contains(':') {
        warnings.push(format!(
            "nobody can be the user {name:?}: a name ends before the first colon"
        ));
    }
    if hash.cost() > COST_MAX {
        let cost = hash.cost();
        warnings.push(format!("the hash of the user {name:?} has the cost {cost}: each first check of a password takes seconds; 10 is usual"));
    }
}

/// Notes the earliest end of certificates.
fn end<'a>(
    policy: &mut Policy,
    use_name: &'static str,
    certificates: impl Iterator<Item = &'a CertificateDer<'static>>,
    now_seconds: u64,
) {
    let ends = certificates.filter_map(|der| CertificateFacts::read(der));
    let Some(not_after_seconds) = ends.map(|facts| facts.not_after_seconds).min() else {
        return;
    };
    policy.ends.push(CertificateEnd {
        use_name,
        not_after_seconds,
    });
    let left = not_after_seconds.saturating_sub(now_seconds);
    if left == 0 {
        policy.warnings.push(format!(
            "a certificate of use {use_name} has expired: connections that need it are refused"
        ));
    } else if left < ENDS_SOON_SECONDS {
        let days = left / 86_400;
        policy.warnings.push(format!(
            "a certificate of use {use_name} expires in {days} days"
        ));
    }
}
