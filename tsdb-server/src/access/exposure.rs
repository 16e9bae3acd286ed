//! What everybody who reaches an address may do there.

use std::net::SocketAddr;

use super::policy::Policy;

/// A listener: what it is for, its flag, and where it listens.
pub(crate) type Listener<'a> = (&'a str, &'a str, SocketAddr);

/// A warning when other machines reach a listener and nothing, or nothing safe, is in between.
pub(crate) fn warning(policy: &Policy, listeners: &[Listener<'_>]) -> Option<String> {
    let open = listeners
        .iter()
        .filter(|(_, _, address)| !address.ip().is_loopback());
    let open: Vec<String> = open
        .map(|(purpose, flag, address)| format!("the {purpose} at {address} ({flag})"))
        .collect();
    if open.is_empty() {
        return None;
    }
    let open = open.join(", ");
    if !policy.authenticates() {
        return Some(format!(
            "NO AUTHENTICATION: other machines reach {open}, and whoever does may read, write and delete. Give --web-config-file a file with users or tokens, or listen on 127.0.0.1"
        ));
    }
    (!policy.has_tls()).then(|| {
        format!(
            "NO TLS: other machines reach {open}, and passwords, tokens and samples pass the network in clear. Add tls_server_config to the file of --web-config-file, or listen on 127.0.0.1 behind a proxy that has TLS"
        )
    })
}

/// What a client in prometheus.yml needs, beside the URL.
pub(crate) fn client_settings(policy: &Policy) -> Vec<&'static str> {
    let credentials = if !policy.users.is_empty() {
        Some("basic_auth: {username: NAME, password_file: FILE}")
    } else if policy.has_credentials() {
        Some("authorization: {credentials_file: FILE}")
    } else {
        None
    };
    let tls = if policy.requires_certificate {
        Some("tls_config: {ca_file: FILE, cert_file: FILE, key_file: FILE}")
    } else if policy.has_tls() {
        Some("tls_config: {ca_file: FILE}")
    } else {
        None
    };
    credentials.into_iter().chain(tls).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_open_address_without_protection_is_warned_of() {
        let at = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let inside = ("API", "--listen", at("127.0.0.1:1"));
        let outside = ("metrics", "--metrics-listen", at("0.0.0.0:2"));
        let open = Policy::default();
        assert_eq!(warning(&open, &[inside]), None);
        let said = warning(&open, &[inside, outside]).expect("a warning");
        assert!(
            said.contains("NO AUTHENTICATION")
                && said.contains("the metrics at 0.0.0.0:2 (--metrics-listen)")
                && !said.contains("127.0.0.1:1"),
            "{said}"
        );
        let known = Policy {
            requires_certificate: true,
            ..Policy::default()
        };
        let said = warning(&known, &[outside]).expect("a warning");
        assert!(said.contains("NO TLS"), "{said}");
    }
}
