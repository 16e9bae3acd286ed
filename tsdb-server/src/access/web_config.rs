//! What a web-config file says: Prometheus' format, and our own key `access` beside it.

use http::{HeaderName, HeaderValue};
use rustls::crypto::SupportedKxGroup;
use rustls::{SupportedCipherSuite, SupportedProtocolVersion};

use super::access_section::{ACCESS, AccessSettings};
use super::identity::Scopes;
use super::password::PasswordHash;
use super::section::{Reader, Said, Section, with_nearest};
use super::tls_names;
use crate::config::{ConfigError, parse_secretive};

const TLS_KEYS: [&str; 10] = [
    "cert_file",
    "key_file",
    "client_auth_type",
    "client_ca_file",
    "client_allowed_sans",
    "min_version",
    "max_version",
    "cipher_suites",
    "prefer_server_cipher_suites",
    "curve_preferences",
];
const TOP_KEYS: [&str; 4] = [
    "tls_server_config",
    "http_server_config",
    "basic_auth_users",
    ACCESS,
];

/// Headers that a file may add to answers, and the values of those that have a choice of them.
const HEADERS: [(&str, &[&str]); 5] = [
    ("Content-Security-Policy", &[]),
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
];

/// What is asked of a client's certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ClientAuth {
    /// It is not asked for.
    #[default]
    None,
    /// It is asked for, and neither needed nor verified.
    Request,
    /// It is needed, and not verified.
    RequireAny,
    /// It is verified where there is one.
    VerifyIfGiven,
    /// It is needed and verified.
    RequireAndVerify,
}

const CLIENT_AUTH: [(&str, ClientAuth); 7] = [
    ("NoClientCert", ClientAuth::None),
    ("RequestClientCert", ClientAuth::Request),
    ("RequireAnyClientCert", ClientAuth::RequireAny),
    ("VerifyClientCertIfGiven", ClientAuth::VerifyIfGiven),
    ("RequireAndVerifyClientCert", ClientAuth::RequireAndVerify),
    ("", ClientAuth::None),
    // What the format called it first.
    ("RequireClientCert", ClientAuth::RequireAny),
];

impl ClientAuth {
    /// Whether no connection is made without a certificate.
    pub(super) fn is_required(self) -> bool {
        matches!(self, Self::RequireAny | Self::RequireAndVerify)
    }

    /// Whether a certificate is verified.
    pub(super) fn verifies(self) -> bool {
        matches!(self, Self::VerifyIfGiven | Self::RequireAndVerify)
    }
}

/// `tls_server_config`, where it asks for TLS.
#[derive(Clone, Debug)]
pub(super) struct TlsSettings {
    pub(super) cert_file: Said,
    pub(super) key_file: Said,
    pub(super) client_auth: ClientAuth,
    pub(super) client_ca_file: Option<Said>,
    pub(super) client_allowed_sans: Option<Vec<String>>,
    pub(super) versions: Vec<&'static SupportedProtocolVersion>,
    /// Empty for all of them.
    pub(super) suites: Vec<SupportedCipherSuite>,
    /// Empty for all of them.
    pub(super) curves: Vec<&'static dyn SupportedKxGroup>,
    pub(super) prefer_server_cipher_suites: bool,
}

/// What an identity may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rights {
    pub(super) scopes: Scopes,
    pub(super) tenants: Option<Vec<String>>,
}

impl Default for Rights {
    fn default() -> Self {
        Self {
            scopes: Scopes::all(),
            tenants: None,
        }
    }
}

/// A user of `basic_auth_users`.
#[derive(Clone, Debug)]
pub(super) struct UserSetting {
    pub(super) name: String,
    pub(super) hash: PasswordHash,
    pub(super) rights: Rights,
}

/// What a web-config file says, before the files are read that it names.
#[derive(Clone, Debug)]
pub struct WebConfig {
    pub(super) tls: Option<TlsSettings>,
    pub(super) http2: bool,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) users: Vec<UserSetting>,
    pub(super) access: AccessSettings,
}

impl WebConfig {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// When it is no YAML, has a key that does not exist, or a value that cannot be. No error shows a
    /// hash.
    pub fn read(text: &str) -> Result<Self, ConfigError> {
        let document = parse_secretive(text)?;
        let mut reader = Reader::new(text);
        let top = reader.section(String::new(), &document, &TOP_KEYS);
        let tls = tls(&mut reader, &top);
        let http = ["http2", "headers"];
        let http = reader.section_of(&top, "http_server_config", &http);
        let (http2, headers) = match &http {
            None => (true, Vec::new()),
            Some(http) => (
                reader.boolean(http, "http2", true),
                headers(&mut reader, http),
            ),
        };
        let mut users = users(&mut reader, &top);
        let client_auth = tls.as_ref().map(|tls| tls.client_auth).unwrap_or_default();
        let access = AccessSettings::read(&mut reader, &top, &mut users, client_auth);
        let mut wrong = reader.wrong;
        wrong.sort();
        match wrong.is_empty() {
            true => Ok(Self {
                tls: tls.filter(|tls| !tls.cert_file.text.is_empty()),
                http2,
                headers,
                users,
                access,
            }),
            false => Err(ConfigError::Wrong(wrong)),
        }
    }
}

fn tls(reader: &mut Reader<'_>, top: &Section<'_>) -> Option<TlsSettings> {
    let section = reader.section_of(top, "tls_server_config", &TLS_KEYS)?;
    let cert_file = reader.filled(&section, "cert_file");
    let key_file = reader.filled(&section, "key_file");
    let client_ca_file = reader.filled(&section, "client_ca_file");
    let asked = reader.filled(&section, "client_auth_type");
    let is_on = [&cert_file, &key_file, &client_ca_file, &asked]
        .iter()
        .any(|said| said.is_some());
    let client_auth = client_auth(reader, asked.as_ref());
    if client_ca_file.is_some() && client_auth == ClientAuth::None && is_known(asked.as_ref()) {
        let what = "tls_server_config.client_ca_file has no effect without client_auth_type: write client_auth_type: RequireAndVerifyClientCert";
        reader.wrong(section.place_of("client_ca_file"), what.to_owned());
    }
    let sans = reader.list(&section, "client_allowed_sans");
    if sans.is_some() && !client_auth.is_required() {
        let what = "tls_server_config.client_allowed_sans needs certificates: write client_auth_type: RequireAndVerifyClientCert";
        reader.wrong(section.place_of("client_allowed_sans"), what.to_owned());
    }
    let versions = versions(reader, &section);
    let suites = named(reader, &section, "cipher_suites", tls_names::suite);
    let curves = named(reader, &section, "curve_preferences", tls_names::curve);
    let prefer = reader.boolean(&section, "prefer_server_cipher_suites", true);
    if !is_on {
        return None;
    }
    let mut needed = |said: Option<Said>, name: &str| {
        said.unwrap_or_else(|| {
            let what = format!("tls_server_config has no {name}");
            reader.wrong(top.place_of("tls_server_config"), what);
            let place = section.place;
            Said {
                text: String::new(),
                place,
            }
        })
    };
    Some(TlsSettings {
        cert_file: needed(cert_file, "cert_file"),
        key_file: needed(key_file, "key_file"),
        client_auth,
        client_ca_file,
        client_allowed_sans: sans.map(|sans| sans.into_iter().map(|san| san.text).collect()),
        versions,
        suites,
        curves,
        prefer_server_cipher_suites: prefer,
    })
}

fn is_known(asked: Option<&Said>) -> bool {
    asked.is_none_or(|asked| CLIENT_AUTH.iter().any(|(name, _)| *name == asked.text))
}

fn client_auth(reader: &mut Reader<'_>, asked: Option<&Said>) -> ClientAuth {
    let Some(asked) = asked else {
        return ClientAuth::None;
    };
    let found = CLIENT_AUTH.iter().find(|(name, _)| *name == asked.text);
    if let Some((_, client_auth)) = found {
        return *client_auth;
    }
    let names = CLIENT_AUTH.iter().take(5).map(|(name, _)| *name);
    let what = format!("unknown client_auth_type {:?}", asked.text);
    let what = with_nearest(what, &asked.text, &names.collect::<Vec<_>>());
    reader.wrong(asked.place, what);
    ClientAuth::None
}

fn versions(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
) -> Vec<&'static SupportedProtocolVersion> {
    let before = reader.wrong.len();
    let mut bound = |name, default| match reader.text(section, name) {
        None => default,
        Some(said) => tls_names::version(&said.text).unwrap_or_else(|what| {
            reader.wrong(said.place, format!("{}: {what}", section.path_of(name)));
            default
        }),
    };
    let least = bound("min_version", &rustls::version::TLS12);
    let most = bound("max_version", &rustls::version::TLS13);
    let number = |version: &SupportedProtocolVersion| u16::from(version.version);
    let all = [&rustls::version::TLS12, &rustls::version::TLS13];
    let between =
        |version: &&_| number(version) >= number(least) && number(version) <= number(most);
    let versions: Vec<_> = all.into_iter().filter(between).collect();
    if versions.is_empty() && reader.wrong.len() == before {
        let what = "tls_server_config.min_version lies after max_version: nobody could connect";
        reader.wrong(section.place_of("min_version"), what.to_owned());
    }
    versions
}

/// What the names of a list stand for.
fn named<T>(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    name: &str,
    find: fn(&str) -> Result<T, String>,
) -> Vec<T> {
    let mut found = Vec::new();
    for said in reader.list(section, name).unwrap_or_default() {
        match find(&said.text) {
            Ok(value) => found.push(value),
            Err(what) => reader.wrong(said.place, format!("{}: {what}", section.path_of(name))),
        }
    }
    found
}

fn headers(reader: &mut Reader<'_>, http: &Section<'_>) -> Vec<(HeaderName, HeaderValue)> {
    let Some(value) = http.get("headers") else {
        return Vec::new();
    };
    let known = HEADERS.map(|(name, _)| name);
    let section = reader.section(http.path_of("headers"), value, &known);
    let mut headers = Vec::new();
    for (name, values) in HEADERS {
        if section.get(name).is_none() {
            continue;
        }
        let said = reader.text(&section, name);
        let text = said.map(|said| said.text).unwrap_or_default();
        let place = section.place_of(name);
        if !values.is_empty() && !values.contains(&text.as_str()) {
            let what = format!("{name} is {}, not {text:?}", values.join(" or "));
            reader.wrong(place, what);
            continue;
        }
        // As Go writes a value of several lines.
        let text = text.replace(['\r', '\n'], " ");
        match (
            HeaderName::try_from(name),
            HeaderValue::try_from(text.trim()),
        ) {
            (Ok(_), Ok(value)) if value.is_empty() => {}
            (Ok(name), Ok(value)) => headers.push((name, value)),
            _ => {
                let what = format!("{name} has characters that no header may have");
                reader.wrong(place, what);
            }
        }
    }
    headers
}

fn users(reader: &mut Reader<'_>, top: &Section<'_>) -> Vec<UserSetting> {
    let Some(value) = top.get("basic_auth_users") else {
        return Vec::new();
    };
    let section = reader.map("basic_auth_users".to_owned(), value);
    let mut users = Vec::new();
    for (name, _, place) in section.entries() {
        let said = reader.text(&section, name);
        let place = said.as_ref().map_or(place, |said| said.place);
        let text = said.map(|said| said.text).unwrap_or_default();
        match PasswordHash::read(&text) {
            Ok(hash) => users.push(UserSetting {
                name: name.to_owned(),
                hash,
                rights: Rights::default(),
            }),
            Err(why) => reader.wrong(place, format!("{} {why}", section.path_of(name))),
        }
    }
    users
}
