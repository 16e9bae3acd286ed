//! `access`: our own part of the file. Prometheus refuses a file that has it.

use std::collections::BTreeSet;

use super::identity::AccessScope;
use super::section::{Reader, Said, Section, with_nearest};
use super::web_config::{ClientAuth, Rights, UserSetting};
use crate::config::{Node, Place, Placed};

/// The key.
pub(super) const ACCESS: &str = "access";
const KEYS: [&str; 4] = ["protect_probes", "bearer_tokens", "users", "certificates"];
const TOKEN_KEYS: [&str; 5] = ["name", "token_file", "sha256", "scopes", "tenants"];
const RIGHTS_KEYS: [&str; 2] = ["scopes", "tenants"];

/// Where a token is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TokenSource {
    /// It stands in this file.
    File(Said),
    /// Only this digest of it is known.
    Sha256([u8; 32]),
}

/// A bearer token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TokenSetting {
    pub(super) name: String,
    pub(super) source: TokenSource,
    pub(super) rights: Rights,
    pub(super) place: Place,
}

/// What `access` says beside the rights of users.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AccessSettings {
    pub(super) protect_probes: bool,
    pub(super) tokens: Vec<TokenSetting>,
    /// Names of certificates that may anything at all; `None` for each that is verified.
    pub(super) certificates: Option<Vec<(String, Rights)>>,
}

impl AccessSettings {
    /// Reads the section, and gives users their rights.
    pub(super) fn read(
        reader: &mut Reader<'_>,
        top: &Section<'_>,
        users: &mut [UserSetting],
        client_auth: ClientAuth,
    ) -> Self {
        let Some(section) = reader.section_of(top, ACCESS, &KEYS) else {
            return Self::default();
        };
        rights_of_users(reader, &section, users);
        let tokens = tokens(reader, &section, users);
        let certificates = section
            .get("certificates")
            .map(|value| certificates(reader, &section, value));
        let is_without = client_auth != ClientAuth::RequireAndVerify;
        if certificates.is_some() && is_without {
            let what = "access.certificates needs verified ones: write client_auth_type: RequireAndVerifyClientCert below tls_server_config";
            reader.wrong(section.place_of("certificates"), what.to_owned());
        }
        if certificates.is_some() && !(users.is_empty() && tokens.is_empty()) {
            let what =
                "access.certificates has no effect beside users and tokens: these say who it is";
            reader.wrong(section.place_of("certificates"), what.to_owned());
        }
        Self {
            protect_probes: reader.boolean(&section, "protect_probes", false),
            tokens,
            certificates,
        }
    }
}

fn rights_of_users(reader: &mut Reader<'_>, section: &Section<'_>, users: &mut [UserSetting]) {
    let Some(value) = section.get("users") else {
        return;
    };
    let of_users = reader.map(section.path_of("users"), value);
    for (name, value, place) in of_users.entries() {
        let rights = rights(
            reader,
            of_users.path_of(name),
            value,
            Some(Rights::default()),
        );
        match users.iter_mut().find(|user| user.name == name) {
            Some(user) => user.rights = rights,
            None => {
                let known: Vec<&str> = users.iter().map(|user| user.name.as_str()).collect();
                let what = format!("{} is not in basic_auth_users", of_users.path_of(name));
                reader.wrong(place, with_nearest(what, name, &known));
            }
        }
    }
}

fn certificates(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    value: &Placed,
) -> Vec<(String, Rights)> {
    let named = reader.map(section.path_of("certificates"), value);
    let entries = named.entries().map(|(name, value, _)| {
        let path = named.path_of(name);
        let rights = rights(reader, path, value, Some(Rights::default()));
        (name.to_owned(), rights)
    });
    entries.collect()
}

fn tokens(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    users: &[UserSetting],
) -> Vec<TokenSetting> {
    let mut tokens: Vec<TokenSetting> = Vec::new();
    let items = reader.items(section, "bearer_tokens").unwrap_or_default();
    for (number, item) in items.iter().enumerate() {
        let path = section.path_of(&format!("bearer_tokens[{number}]"));
        let Some(token) = token(reader, path.clone(), item) else {
            continue;
        };
        let mut names = users.iter().map(|user| user.name.as_str());
        let is_taken = tokens.iter().any(|other| other.name == token.name)
            || names.any(|name| name == token.name);
        if is_taken {
            let what = format!("{path}: there is a user or token {} already", token.name);
            reader.wrong(token.place, what);
        } else {
            tokens.push(token);
        }
    }
    tokens
}

fn token(reader: &mut Reader<'_>, path: String, item: &Placed) -> Option<TokenSetting> {
    let section = reader.map(path.clone(), item);
    for (key, _, place) in section.entries() {
        if matches!(key, "token" | "credentials") {
            let what = format!(
                "{path}.{key}: a token does not stand in this file: name a file that holds it with token_file, or give its sha256"
            );
            reader.wrong(place, what);
        } else if !TOKEN_KEYS.contains(&key) {
            let what = format!("unknown key {}", section.path_of(key));
            reader.wrong(place, with_nearest(what, key, &TOKEN_KEYS));
        }
    }
    let rights = rights_in(reader, &section, None);
    let name = reader.filled(&section, "name");
    if name.is_none() {
        reader.wrong(section.place, format!("{path} has no name"));
    }
    let file = reader.filled(&section, "token_file");
    let digest = reader.filled(&section, "sha256");
    let source = match (file, digest) {
        (Some(file), None) => Some(TokenSource::File(file)),
        (None, Some(digest)) => sha256(reader, &path, &digest).map(TokenSource::Sha256),
        (None, None) => {
            let what = format!("{path} has neither token_file nor sha256");
            reader.wrong(section.place, what);
            None
        }
        (Some(_), Some(_)) => {
            let what = format!("{path} has token_file and sha256: one of them says it");
            reader.wrong(section.place, what);
            None
        }
    };
    Some(TokenSetting {
        name: name?.text,
        source: source?,
        rights,
        place: section.place,
    })
}

fn sha256(reader: &mut Reader<'_>, path: &str, said: &Said) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    let is_hex = said.text.len() == 64 && said.text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex {
        for (number, byte) in digest.iter_mut().enumerate() {
            let digits = said.text.get(number * 2..number * 2 + 2)?;
            *byte = u8::from_str_radix(digits, 16).ok()?;
        }
        return Some(digest);
    }
    let what = format!(
        "{path}.sha256 is no 64 hexadecimal digits: printf %s \"$TOKEN\" | sha256sum makes them"
    );
    reader.wrong(said.place, what);
    None
}

/// Scopes and tenants of a map that has nothing else.
fn rights(
    reader: &mut Reader<'_>,
    path: String,
    value: &Placed,
    default: Option<Rights>,
) -> Rights {
    let section = reader.section(path, value, &RIGHTS_KEYS);
    rights_in(reader, &section, default)
}

/// Scopes and tenants of a map; without a default the scopes have to be said.
fn rights_in(reader: &mut Reader<'_>, section: &Section<'_>, default: Option<Rights>) -> Rights {
    let mut rights = default.clone().unwrap_or_default();
    let names = AccessScope::ALL.map(AccessScope::name);
    match reader.list(section, "scopes") {
        None if section.get("scopes").is_some_and(is_no_list) => {}
        None if default.is_some() && section.get("scopes").is_none() => {}
        None => {
            let what = format!(
                "{} is missing: a list of {}",
                section.path_of("scopes"),
                names.join(", ")
            );
            reader.wrong(section.place, what);
        }
        Some(list) => {
            let mut scopes = Vec::new();
            for said in &list {
                let found = AccessScope::ALL.into_iter();
                match found.into_iter().find(|scope| scope.name() == said.text) {
                    Some(scope) => scopes.push(scope),
                    None => {
                        let what = format!("unknown scope {:?}", said.text);
                        reader.wrong(said.place, with_nearest(what, &said.text, &names));
                    }
                }
            }
            if list.is_empty() {
                let what = format!("{} is empty", section.path_of("scopes"));
                reader.wrong(section.place_of("scopes"), what);
            }
            rights.scopes = scopes.into_iter().collect();
        }
    }
    let tenants = reader.list(section, "tenants");
    // Nothing behind the key is more likely a slip than a wish for every tenant.
    let tenants = match section.get("tenants").map(|value| &value.node) {
        Some(Node::Null) => Some(Vec::new()),
        _ => tenants,
    };
    if let Some(list) = tenants {
        let names: BTreeSet<String> = list.into_iter().map(|said| said.text).collect();
        if names.is_empty() || names.contains("") {
            let what = format!(
                "{} is empty or has an empty name: leave it out for every tenant",
                section.path_of("tenants")
            );
            reader.wrong(section.place_of("tenants"), what);
        }
        rights.tenants = Some(names.into_iter().collect());
    }
    rights
}

/// Something that was complained about already.
fn is_no_list(value: &Placed) -> bool {
    !matches!(
        value.node,
        crate::config::Node::Null | crate::config::Node::List(_)
    )
}
