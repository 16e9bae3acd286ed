//! The web-config file: what promtool takes and refuses, and how a slip is told.

use std::path::Path;
use std::process::{Command, Output};

use crate::support::{Authority, Server, get, program};

/// Of "pw", made by htpasswd.
const HASH: &str = "$2y$05$8iZbkErG2.VCYbuaL1EtfOJAZpYU85B5qnZiLaVOfykoyD0AfOyAi";

/// A file and what promtool and we make of it. `TLS` stands for both files of a certificate,
/// `HASH` for a hash.
const BOTH_TAKE: &[&str] = &[
    "",
    "---\n",
    "{}",
    "tls_server_config:",
    "tls_server_config: {}",
    "tls_server_config: {min_version: TLS12}",
    "TLS",
    "TLS  client_auth_type: NoClientCert",
    "TLS  client_auth_type: \"\"",
    "TLS  client_auth_type: RequestClientCert",
    "TLS  client_auth_type: RequireAnyClientCert",
    "TLS  client_auth_type: RequireClientCert",
    "TLS  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: ca.pem",
    "TLS  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem",
    "TLS  min_version: TLS12\n  max_version: \"TLS13\"",
    "TLS  min_version:\n  max_version:",
    "TLS  max_version: TLS12",
    "TLS  min_version: TLS13",
    "TLS  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256]",
    "TLS  cipher_suites: [TLS_AES_128_GCM_SHA256]",
    "TLS  cipher_suites: []",
    "TLS  cipher_suites:",
    "TLS  curve_preferences: [CurveP256, CurveP384, X25519]",
    "TLS  prefer_server_cipher_suites: false",
    "TLS  prefer_server_cipher_suites: yes",
    "TLS  prefer_server_cipher_suites: Off",
    "TLS  prefer_server_cipher_suites: y",
    "TLS  prefer_server_cipher_suites:",
    "TLShttp_server_config: {http2: false}",
    "http_server_config: {headers: {X-Frame-Options: deny, X-Content-Type-Options: nosniff}}",
    "http_server_config: {headers: {Strict-Transport-Security: ''}}",
    "http_server_config: {headers: {Strict-Transport-Security: 5}}",
    "http_server_config: {headers: {Content-Security-Policy: \"a\\nb\", X-XSS-Protection: 1}}",
    "http_server_config: {headers: }",
    "basic_auth_users:",
    "basic_auth_users: {}",
    "basic_auth_users: {alice: 'HASH', \"b:c\": 'HASH', 1: 'HASH', '': 'HASH'}",
    "basic_auth_users: {alice: 'HASHx'}",
    "basic_auth_users: {alice: '$2y$10$!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!'}",
];

/// What both refuse, and what we say of it.
const BOTH_REFUSE: &[(&str, &str)] = &[
    ("a: 1", "web.yml:1:1: unknown key a: known here are"),
    (
        "basic_auth_user: {}",
        "web.yml:1:1: unknown key basic_auth_user: did you mean basic_auth_users?",
    ),
    (
        "hello",
        "web.yml:1:1: the file is a map, not a single value",
    ),
    (
        "tls_server_config: [a]",
        "web.yml:1:20: tls_server_config is a map, not a list",
    ),
    ("tls_server_config: {", "web.yml:"),
    (
        "TLS  cert_files: a",
        "web.yml:4:3: unknown key tls_server_config.cert_files: did you mean cert_file?",
    ),
    ("TLS  cert_file: a", "web.yml:4:3: "),
    (
        "tls_server_config: {cert_file: server.pem}",
        "web.yml:1:1: tls_server_config has no key_file",
    ),
    (
        "tls_server_config: {key_file: server.key}",
        "web.yml:1:1: tls_server_config has no cert_file",
    ),
    (
        "tls_server_config: {client_auth_type: NoClientCert}",
        "tls_server_config has no cert_file",
    ),
    (
        "tls_server_config: {cert_file: none.pem, key_file: server.key}",
        "web.yml:1:32: tls_server_config.cert_file: cannot read ",
    ),
    (
        "tls_server_config: {cert_file: server.key, key_file: server.key}",
        "server.key: it holds no certificate in PEM",
    ),
    (
        "tls_server_config: {cert_file: server.pem, key_file: server.pem}",
        "server.pem: it holds no private key in PEM",
    ),
    (
        "tls_server_config: {cert_file: server.pem, key_file: other.key}",
        "web.yml:1:54: tls_server_config.key_file: it is not the key of the certificate in cert_file",
    ),
    (
        "TLS  client_auth_type: RequireAndVerifyClientCerts",
        "web.yml:4:21: unknown client_auth_type \"RequireAndVerifyClientCerts\": did you mean RequireAndVerifyClientCert?",
    ),
    (
        "TLS  client_ca_file: ca.pem",
        "web.yml:4:3: tls_server_config.client_ca_file has no effect without client_auth_type",
    ),
    (
        "TLS  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: none.pem",
        "web.yml:5:19: tls_server_config.client_ca_file: cannot read ",
    ),
    (
        "TLS  min_version: TLS14",
        "web.yml:4:16: tls_server_config.min_version: unknown version of TLS \"TLS14\": did you mean TLS12?",
    ),
    ("TLS  max_version: 771", "unknown version of TLS \"771\""),
    ("TLS  max_version: ''", "unknown version of TLS \"\""),
    (
        "TLS  cipher_suites: [TLS_RSA_WITH_RC4]",
        "web.yml:4:19: tls_server_config.cipher_suites: unknown cipher suite",
    ),
    (
        "TLS  cipher_suites: TLS_AES_128_GCM_SHA256",
        "tls_server_config.cipher_suites is a list, not a single value",
    ),
    ("TLS  curve_preferences: [P256]", "unknown curve \"P256\""),
    (
        "TLS  prefer_server_cipher_suites: \"true\"",
        "web.yml:4:32: tls_server_config.prefer_server_cipher_suites is neither true nor false",
    ),
    (
        "http_server_config: {http2: maybe}",
        "neither true nor false",
    ),
    (
        "http_server_config: {headers: {x-frame-options: deny}}",
        "unknown key http_server_config.headers.x-frame-options: did you mean X-Frame-Options?",
    ),
    (
        "http_server_config: {headers: {X-Frame-Options: DENY}}",
        "X-Frame-Options is deny or sameorigin, not \"DENY\"",
    ),
    (
        "http_server_config: {headers: {X-Content-Type-Options: ''}}",
        "X-Content-Type-Options is nosniff, not \"\"",
    ),
    (
        "basic_auth_users: {alice: hunter2}",
        "web.yml:1:27: basic_auth_users.alice is too short for a bcrypt hash",
    ),
    (
        "basic_auth_users: {alice: }",
        "basic_auth_users.alice is too short",
    ),
    (
        "basic_auth_users: [alice]",
        "basic_auth_users is a map, not a list",
    ),
    (
        "basic_auth_users: {alice: 'HASH', alice: 'HASH'}",
        "web.yml:1:91: duplicate mapping key: alice\n",
    ),
];

/// What promtool takes and is refused here by name.
const ONLY_PROMTOOL_TAKES: &[(&str, &str)] = &[
    (
        "TLS  min_version: TLS10",
        "web.yml:4:16: tls_server_config.min_version: the version of TLS TLS10 is not spoken here: choose of TLS12, TLS13",
    ),
    ("TLS  max_version: TLS11", "TLS11 is not spoken here"),
    (
        "TLS  min_version: TLS13\n  max_version: TLS12",
        "min_version lies after max_version",
    ),
    (
        "TLS  cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]",
        "the cipher suite TLS_RSA_WITH_AES_128_CBC_SHA is not spoken here: choose of TLS_ECDHE",
    ),
    (
        "TLS  curve_preferences: [CurveP521]",
        "the curve CurveP521 is not spoken here: choose of X25519, CurveP256, CurveP384",
    ),
    (
        "TLS  client_auth_type: RequireAndVerifyClientCert",
        "tls_server_config.client_ca_file: it is left out",
    ),
    (
        "TLS  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: server.key",
        "server.key: it holds no certificate in PEM",
    ),
];

/// What is ours alone, or newer than the promtool that is asked.
const ONLY_WE_TAKE: &[&str] = &[
    "TLS  client_auth_type: RequireAnyClientCert\n  client_allowed_sans: [a, b]",
    "access: {}",
    "access: {protect_probes: true}",
    "basic_auth_users: {alice: 'HASH'}\naccess: {users: {alice: {scopes: [read], tenants: [a]}}}",
    "access: {bearer_tokens: [{name: a, token_file: token, scopes: [read, write, admin]}]}",
    "access: {bearer_tokens: [{name: a, scopes: [read], sha256: a0b1c2d3e4f5a0b1c2d3e4f5a0b1c2d3e4f5a0b1c2d3e4f5a0b1c2d3e4f5a0b1}]}",
    "TLS  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\naccess: {certificates: {prometheus: {scopes: [write]}, admin: }}",
];

/// Slips in what is ours.
const BOTH_REFUSE_OURS: &[(&str, &str)] = &[
    (
        "TLS  client_allowed_sans: [a]",
        "web.yml:4:3: tls_server_config.client_allowed_sans needs certificates",
    ),
    (
        "access: {bearer_token: []}",
        "unknown key access.bearer_token: did you mean bearer_tokens?",
    ),
    (
        "access: {bearer_tokens: [{name: a, token: hunter2hunter2hunter2, scopes: [read]}]}",
        "web.yml:1:36: access.bearer_tokens[0].token: a token does not stand in this file",
    ),
    (
        "access: {bearer_tokens: [{name: a, token_file: token}]}",
        "access.bearer_tokens[0].scopes is missing: a list of read, write, admin",
    ),
    (
        "access: {bearer_tokens: [{name: a, token_file: token, scopes: [reed]}]}",
        "web.yml:1:64: unknown scope \"reed\": did you mean read?",
    ),
    (
        "access: {bearer_tokens: [{token_file: token, scopes: [read]}]}",
        "access.bearer_tokens[0] has no name",
    ),
    (
        "access: {bearer_tokens: [{name: a, scopes: [read]}]}",
        "has neither token_file nor sha256",
    ),
    (
        "access: {bearer_tokens: [{name: a, sha256: abc, scopes: [read]}]}",
        "sha256 is no 64 hexadecimal digits",
    ),
    (
        "access: {bearer_tokens: [{name: a, token_file: short, scopes: [read]}]}",
        "the token of a: short holds 5 characters, not 16 to 4096",
    ),
    (
        "access: {bearer_tokens: [{name: a, token_file: server.pem, scopes: [read]}]}",
        "server.pem holds more than one word of ASCII",
    ),
    (
        "access: {bearer_tokens: [{name: a, token_file: token, scopes: [read]}, {name: a, token_file: token, scopes: [read]}]}",
        "there is a user or token a already",
    ),
    (
        "access: {bearer_tokens: [{name: a, token_file: token, scopes: [read]}, {name: b, token_file: token, scopes: [read]}]}",
        "the tokens a and b are the same",
    ),
    (
        "basic_auth_users: {alice: 'HASH'}\naccess: {users: {alise: {scopes: [read]}}}",
        "web.yml:2:18: access.users.alise is not in basic_auth_users: did you mean alice?",
    ),
    (
        "basic_auth_users: {alice: 'HASH'}\naccess: {users: {alice: {scopes: }}}",
        "access.users.alice.scopes is missing",
    ),
    (
        "basic_auth_users: {alice: 'HASH'}\naccess: {users: {alice: {tenants: }}}",
        "access.users.alice.tenants is empty",
    ),
    (
        "access: {certificates: {a: }}",
        "access.certificates needs verified ones",
    ),
];

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let ca = Authority::new(folder.path(), "ca");
    ca.sign(&["server"]);
    ca.sign(&["other"]);
    std::fs::write(folder.path().join("token"), "0123456789abcdef\n").expect("writing");
    std::fs::write(folder.path().join("short"), "12345").expect("writing");
    folder
}

fn write(folder: &Path, text: &str) {
    let tls = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n";
    let text = text.replace("TLShttp", &format!("{tls}http"));
    let text = match text.strip_prefix("TLS") {
        Some(rest) if !rest.starts_with('_') => format!("{tls}{rest}"),
        _ => text,
    };
    let text = text.replace("HASH", HASH);
    std::fs::write(folder.join("web.yml"), text).expect("writing");
}

/// What our own check says: its exit code and what it wrote.
fn checked(folder: &Path) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tsdb-server"))
        .args(["config", "check", "--web-config-file"])
        .arg(folder.join("web.yml"))
        .output()
        .expect("it starts");
    (output.status.code(), said(&output))
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr]
        .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        .concat()
}

#[test]
fn what_promtool_takes_is_taken_and_what_it_refuses_is_refused() {
    let folder = folder();
    let folder = folder.path();
    let promtool = program("promtool", "prometheus");
    let by_promtool = |text: &str, expected: bool| {
        let Some(promtool) = &promtool else {
            return;
        };
        let mut check = Command::new(promtool);
        check.args(["check", "web-config", "web.yml"]);
        let output = check.current_dir(folder).output().expect("it starts");
        assert_eq!(
            output.status.success(),
            expected,
            "promtool: {text}: {}",
            said(&output)
        );
    };
    let by_us = |text: &str, expected: Option<&str>| {
        let (code, said) = checked(folder);
        match expected {
            None => assert_eq!(code, Some(0), "{text}: {said}"),
            Some(expected) => {
                assert_eq!(code, Some(2), "{text}: {said}");
                assert!(said.contains(expected), "{text}: {said}\nhas no {expected}");
                assert!(
                    !said.contains("hunter2") && !said.contains(HASH),
                    "it shows a secret: {said}"
                );
            }
        }
    };
    for text in BOTH_TAKE {
        write(folder, text);
        by_promtool(text, true);
        by_us(text, None);
    }
    for (text, expected) in BOTH_REFUSE.iter().chain(BOTH_REFUSE_OURS) {
        write(folder, text);
        by_promtool(text, false);
        by_us(text, Some(expected));
    }
    for (text, expected) in ONLY_PROMTOOL_TAKES {
        write(folder, text);
        by_promtool(text, true);
        by_us(text, Some(expected));
    }
    for text in ONLY_WE_TAKE {
        write(folder, text);
        by_promtool(text, false);
        by_us(text, None);
    }
}

#[test]
fn what_is_probably_not_meant_is_warned_of() {
    let folder = folder();
    let folder = folder.path();
    let ca = Authority::new(folder, "ca");
    ca.sign_expired(&["server"]);
    write(
        folder,
        "TLSbasic_auth_users: {\"b:c\": 'HASH', none: '$2y$16$!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!'}",
    );
    let (code, said) = checked(folder);
    assert_eq!(code, Some(0), "{said}");
    for expected in [
        "a certificate of use server has expired",
        "nobody can be the user \"b:c\"",
        "no password can have the hash of the user \"none\"",
        "has the cost 16",
    ] {
        assert!(said.contains(expected), "{said}\nhas no {expected}");
    }
}

#[tokio::test]
async fn a_start_with_a_broken_file_ends_with_its_place() {
    let folder = folder();
    let file = folder.path().join("web.yml");
    let arguments = ["--web-config-file", file.to_str().expect("a path")];
    let data = folder.path().join("data");
    let error = Server::try_start(&data, &arguments).expect_err("there is no file");
    assert!(error.contains("cannot read the web-config file"), "{error}");
    write(folder.path(), "basic_auth_users:\n  alice: hunter2\n");
    let ended = Command::new(env!("CARGO_BIN_EXE_tsdb-server"))
        .args(arguments)
        .args(["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"])
        .arg("--data-dir")
        .arg(&data)
        .output()
        .expect("it starts");
    assert_eq!(ended.status.code(), Some(2));
    let said = said(&ended);
    let place = format!(
        "{}:2:10: basic_auth_users.alice is too short",
        file.display()
    );
    assert!(said.contains(&place) && !said.contains("hunter2"), "{said}");
}

#[tokio::test]
async fn headers_of_the_file_are_in_every_answer() {
    let folder = folder();
    write(
        folder.path(),
        "http_server_config: {headers: {X-Frame-Options: deny, Content-Security-Policy: \"default-src 'none'\", Strict-Transport-Security: ''}}",
    );
    let file = folder.path().join("web.yml");
    let arguments = ["--web-config-file", file.to_str().expect("a path")];
    let server = Server::start(&folder.path().join("data"), &arguments);
    for url in [
        format!("{}/ready", server.api),
        format!("{}/nothing", server.api),
        server.metrics.clone(),
    ] {
        let headers = get(&url).await.headers;
        assert_eq!(headers["x-frame-options"], "deny", "{url}");
        assert_eq!(headers["content-security-policy"], "default-src 'none'");
        assert!(!headers.contains_key("strict-transport-security"));
    }
}
